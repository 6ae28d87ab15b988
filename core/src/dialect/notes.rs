//! Collected diagnostics, bounded in number.

use crate::diagnostic::{Diagnostic, input};
use crate::source::Span;

/// Most diagnostics of one system's exports; more help nobody.
const MOST: usize = 1_000;

/// Diagnostics on their way.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Notes {
    kept: Vec<Diagnostic>,
    dropped: usize,
    /// Where the first one that is left out points at.
    first_dropped: Option<Span>,
}

impl Notes {
    /// Adds one.
    pub(in crate::dialect) fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < MOST {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
            let place = diagnostic.labels.first().map(|label| label.span);
            self.first_dropped = self.first_dropped.or(place);
        }
    }

    /// How many there are.
    pub(in crate::dialect) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Changes the places of all from a position on.
    pub(in crate::dialect) fn replace(&mut self, from: usize, place: impl Fn(Span) -> Span) {
        for diagnostic in self.kept.iter_mut().skip(from) {
            for label in &mut diagnostic.labels {
                label.span = place(label.span);
            }
        }
    }

    /// All of them, with a word about those that are left out.
    pub(in crate::dialect) fn finish(mut self) -> Vec<Diagnostic> {
        if self.dropped > 0 {
            let mut last = Diagnostic::new(
                &input::LIMIT,
                format!(
                    "{} more diagnostics of these exports are not shown",
                    self.dropped
                ),
            )
            .help("correct the first ones and run again");
            if let Some(span) = self.first_dropped {
                last = last.at(span);
            }
            self.kept.push(last);
        }
        self.kept
    }
}
