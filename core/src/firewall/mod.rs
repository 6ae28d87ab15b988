//! The vendor-independent model of what a firewall does, and its evaluation: symbolic over sets
//! of packets (piece by piece: [`Program::walk`]; as a whole, where the pieces become too many:
//! [`Program::decide`]), concrete for one packet ([`trace`]).
//!
//! A dialect lowers one or more exports of one system into a [`Firewall`]. Every analysis sees
//! only this model.

mod circular;
mod decide;
mod effect;
mod list;
mod model;
mod program;
mod routing;
mod trace;
mod walk;

#[cfg(test)]
mod decide_tests;
#[cfg(test)]
pub(crate) mod tests;

pub use circular::circular_jumps;
pub use decide::{Ask, Decided, Decision, MOST_NODES};
pub use list::{Asked, List, Listed, Matched};
pub use model::{
    Action, Base, Chain, ChainId, Course, Effect, Firewall, Hook, Object, Policy, RejectWith,
    Remark, Rule, RuleId, Rules, Translation, Unknown,
};
pub use program::Program;
pub use routing::{Route, Routing, Way};
pub use trace::{Dependency, Step, Traced, Verdict, World, trace};
pub use walk::{Decider, End, Outcome};
