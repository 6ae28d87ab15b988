//! The vendor-independent model of what a firewall does, and its symbolic evaluation.
//!
//! A dialect lowers one or more exports of one system into a [`Firewall`]. Every analysis sees
//! only this model.

mod check;
mod model;
mod program;
mod trace;
mod walk;

pub use check::dangling_jumps;
pub use model::{
    Action, Base, Chain, ChainId, Firewall, Hook, Policy, RejectWith, Rule, RuleId, Rules, Unknown,
};
pub use program::Program;
pub use trace::{Passage, Step, Traced, Verdict};
pub use walk::{End, Outcome, Probe};
