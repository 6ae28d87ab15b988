//! Collected diagnostics, bounded in number.

use crate::diagnostic::{Diagnostic, input};

/// Most diagnostics of one system's exports; more help nobody.
const MOST: usize = 1_000;

/// Diagnostics on their way.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Notes {
    kept: Vec<Diagnostic>,
    dropped: usize,
}

impl Notes {
    /// Adds one.
    pub(in crate::dialect) fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < MOST {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// All of them, with a word about those that are left out.
    pub(in crate::dialect) fn finish(mut self) -> Vec<Diagnostic> {
        if self.dropped > 0 {
            self.kept.push(
                Diagnostic::new(
                    &input::LIMIT,
                    format!(
                        "{} more diagnostics of these exports are not shown",
                        self.dropped
                    ),
                )
                .help("correct the first ones and run again"),
            );
        }
        self.kept
    }
}
