//! What the engine proves about a firewall: which required flows it denies, what it permits that
//! nobody requires, which rules can never match, and classic mistakes.
//!
//! One file per kind of finding; each sees only the [`crate::firewall`] model and the flows.

mod accepted;
mod audit;
pub mod compare;
mod coverage;
mod excess;
mod finding;
mod point;
mod predict;
mod region;
mod subject;

pub use accepted::AcceptedList;
pub use audit::{Needs, audit};
pub use coverage::{Coverage, Fate, coverage};
pub use excess::excess;
pub use finding::{Finding, Note};
pub use point::{Direction, Point, Stands};
pub use predict::{Dialled, Foretold, Prediction, Single};
pub use region::{Phase, Required, required};
pub use subject::Subject;

/// Work that one question (one flow, one rule) may cost, in cubes handled. Enough for lists of
/// hundreds of thousands of rules that overlap as real ones do; a question that needs more is
/// answered *unknown*.
pub const STEPS: u64 = 200_000;
