//! The vendor-independent model of what a firewall does, and its evaluation: symbolic over sets
//! of packets ([`Program::walk`]), concrete for one packet ([`trace`]).
//!
//! A dialect lowers one or more exports of one system into a [`Firewall`]. Every analysis sees
//! only this model.

mod circular;
mod model;
mod program;
mod trace;
mod walk;

#[cfg(test)]
mod tests;

pub use circular::circular_jumps;
pub use model::{
    Action, Base, Chain, ChainId, Firewall, Hook, Policy, RejectWith, Rule, RuleId, Rules, Unknown,
};
pub use program::Program;
pub use trace::{Dependency, Step, Traced, Verdict, trace};
pub use walk::{Decider, End, Outcome};
