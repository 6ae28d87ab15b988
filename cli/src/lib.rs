//! What the command line is made of and tests use too.
//!
//! [`kernel`] asks the live Linux kernel what becomes of a packet: `portwright prove` does, and so
//! do the tests that judge the engine.
#![expect(
    clippy::disallowed_methods,
    reason = "a namespace is made with files, threads and programs"
)]

#[cfg(target_os = "linux")]
pub mod ansible;
pub mod kernel;
pub mod probe;
