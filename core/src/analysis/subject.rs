//! A firewall prepared for questions, wherever it stands.

use crate::firewall::{Firewall, Program};
use crate::net::Family;
use crate::packet::{Budget, OverBudget};
use std::cell::Cell;

/// A firewall, the index over its rules, and how much work it has cost so far.
#[derive(Debug)]
pub struct Subject<'a> {
    /// What it does.
    pub firewall: &'a Firewall,
    v4: Program<'a>,
    v6: Program<'a>,
    /// Questions that cost more than their budget so far.
    hard: Cell<u32>,
}

/// This many questions about one firewall may be hard. Then their budgets shrink, so that hostile
/// rules cost bounded time however many they are.
const MOST_HARD: u32 = 32;

impl<'a> Subject<'a> {
    /// Prepares the rules of both families.
    #[must_use]
    pub fn new(firewall: &'a Firewall) -> Self {
        Self {
            firewall,
            v4: Program::new(&firewall.v4, Family::V4),
            v6: Program::new(&firewall.v6, Family::V6),
            hard: Cell::new(0),
        }
    }

    /// The prepared rules for a family.
    #[must_use]
    pub fn program(&self, family: Family) -> &Program<'a> {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// The work that one question may cost, where `steps` are allowed as long as few questions
    /// were hard.
    pub(super) fn budget(&self, steps: u64) -> Budget {
        let tired = self.hard.get() >= MOST_HARD;
        Budget::new(if tired { steps / 100 } else { steps })
    }

    /// Notes that a question was over its budget. Says whether it may still be asked of a
    /// decision diagram.
    pub(super) fn hand_over(&self) -> Result<(), OverBudget> {
        let hard = self.hard.get();
        self.hard.set(hard.saturating_add(1));
        if hard < MOST_HARD {
            Ok(())
        } else {
            Err(OverBudget)
        }
    }
}
