//! Live checks: sends, listens, observes. What it means is decided in [`portwright::probe`].

#[cfg(target_os = "linux")]
pub mod descriptors;
#[cfg(target_os = "linux")]
pub mod detach;
#[cfg(target_os = "linux")]
pub mod dial;
#[cfg(target_os = "linux")]
pub mod listen;
#[cfg(target_os = "linux")]
pub mod observe;
#[cfg(target_os = "linux")]
pub mod pidfile;
#[cfg(target_os = "linux")]
pub mod plan;
#[cfg(target_os = "linux")]
pub mod processes;
#[cfg(target_os = "linux")]
pub mod record;
#[cfg(target_os = "linux")]
mod reply;
#[cfg(target_os = "linux")]
mod seen;
