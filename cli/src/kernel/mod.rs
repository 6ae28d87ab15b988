//! The live kernel as a judge: a scratch network namespace that is a host with the given addresses
//! and routes, exports loaded into it, packets sent through it, and the kernel's own trace.
//!
//! Linux only. Elsewhere [`available`] says so, and nothing else is there.

mod host;
mod probe;

#[cfg(target_os = "linux")]
mod detect;
#[cfg(target_os = "linux")]
mod export;
#[cfg(target_os = "linux")]
mod flows;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod numbering;
#[cfg(target_os = "linux")]
mod observe;
#[cfg(target_os = "linux")]
mod replay;
#[cfg(target_os = "linux")]
mod rig;
#[cfg(target_os = "linux")]
mod topology;
#[cfg(target_os = "linux")]
mod wire;

#[cfg(target_os = "linux")]
pub use detect::detect;
#[cfg(target_os = "linux")]
pub use export::{Backend, Export, Kind, host_facts, listing_json, restore, save};
#[cfg(target_os = "linux")]
pub use flows::can_have;
pub use host::{Host, Route, RouteKind, Way};
#[cfg(target_os = "linux")]
pub use namespace::{become_root, in_namespace, run};
#[cfg(target_os = "linux")]
pub use observe::{Observer, Seen};
pub use probe::{Header, Probe};
#[cfg(target_os = "linux")]
pub use replay::replay;
#[cfg(target_os = "linux")]
pub use rig::{Rig, Watch};
#[cfg(target_os = "linux")]
pub use topology::SENDER;
#[cfg(target_os = "linux")]
pub use wire::{Answer, is_icmp_error, packet_type, wire_length};

use std::fmt;

/// Why the kernel did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It cannot be asked here, whatever the question.
    Impossible {
        /// What is missing, lower case.
        why: String,
        /// What to do about it.
        help: String,
    },
    /// It refused something, or something broke; as the program or the kernel says it.
    Failed(String),
}

impl Fault {
    /// It cannot be asked here.
    pub fn impossible(why: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Impossible {
            why: why.into(),
            help: help.into(),
        }
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible { why, help } => write!(f, "{why}: {help}"),
            Self::Failed(message) => f.write_str(message),
        }
    }
}

/// Whether this system has a kernel that can be asked.
///
/// # Errors
///
/// Why not, and what to do.
pub fn available() -> Result<(), Fault> {
    if cfg!(target_os = "linux") {
        Ok(())
    } else {
        Err(Fault::impossible(
            "only Linux has the packet filter that is to be asked",
            "run it on Linux, for example in a container",
        ))
    }
}
