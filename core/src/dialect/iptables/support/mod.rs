//! What is understood of every match and target: one table each.

mod generated;
mod matches;
mod options;
mod targets;

pub use matches::MATCHES;
pub use targets::TARGETS;

pub(super) use generated::{is_generated, is_generated_comment, is_generated_rule};
pub(super) use options::{
    is_base_option, is_port_option, long_name, match_of_protocol, takes_any_word,
};

use std::fmt;

/// How well a match or target is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Exactly.
    Full,
    /// Exactly under the conditions that the note names, else *unknown*.
    Conditional,
    /// Recognised: packets may match or not, so answers that depend on it are *unknown*.
    NotModelled,
    /// Recognised: has no effect on a verdict.
    NoEffect,
}

/// A match and how well it is understood. One that is not in the table is the fifth state:
/// unrecognised, *unknown* with a diagnostic.
#[derive(Debug, Clone, Copy)]
pub struct MatchSupport {
    /// Name behind `-m`.
    pub name: &'static str,
    /// How well.
    pub state: Support,
    /// Conditions and reasons.
    pub note: &'static str,
    /// Options by which an option is known to belong to this match; empty: not listed.
    pub(super) options: &'static [&'static str],
    /// Whether the same packet gets the same answer every time: then two rules with the same
    /// text share one predicate.
    pub stable: bool,
}

/// A target and how well it is understood.
#[derive(Debug, Clone, Copy)]
pub struct TargetSupport {
    /// Name behind `-j`.
    pub name: &'static str,
    /// How well.
    pub state: Support,
    /// Conditions and reasons.
    pub note: &'static str,
}

/// The table's row of a match.
pub(super) fn of_match(name: &str) -> Option<&'static MatchSupport> {
    MATCHES
        .binary_search_by(|row| row.name.cmp(name))
        .ok()
        .and_then(|at| MATCHES.get(at))
}

/// The table's row of a target.
pub(super) fn of_target(name: &str) -> Option<&'static TargetSupport> {
    TARGETS
        .binary_search_by(|row| row.name.cmp(name))
        .ok()
        .and_then(|at| TARGETS.get(at))
}

/// Whether a match has an option; none where its options are not listed.
pub(super) fn has_option(name: &str, option: &str) -> Option<bool> {
    let row = of_match(name)?;
    (!row.options.is_empty()).then(|| row.options.contains(&option))
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Conditional => "under conditions",
            Self::NotModelled => "recognised, not modelled",
            Self::NoEffect => "known to have no effect",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_for_binary_search() {
        assert!(MATCHES.is_sorted_by(|a, b| a.name < b.name));
        assert!(TARGETS.is_sorted_by(|a, b| a.name < b.name));
    }
}
