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
    /// What is left for questions that lists of rules answer.
    listing: Cell<Budget>,
}

/// This many questions about one firewall may be hard. Then their budgets shrink, so that hostile
/// rules cost bounded time however many they are.
const MOST_HARD: u32 = 16;

/// What looking at lists of rules may cost in all, for each rule of the firewall: some questions
/// are about all rules, most about a few.
const LISTING: u64 = 10_000;

/// Rules that even a small firewall counts as.
const FEWEST: usize = 1_000;

impl<'a> Subject<'a> {
    /// Prepares the rules of both families.
    #[must_use]
    pub fn new(firewall: &'a Firewall) -> Self {
        let chains = firewall.v4.chains.iter().chain(&firewall.v6.chains);
        let rules = chains.map(|chain| chain.rules.len()).sum::<usize>();
        let rules = u64::try_from(rules.max(FEWEST)).unwrap_or(u64::MAX);
        Self {
            firewall,
            v4: Program::new(&firewall.v4, Family::V4),
            v6: Program::new(&firewall.v6, Family::V6),
            hard: Cell::new(0),
            listing: Cell::new(Budget::new(rules.saturating_mul(LISTING))),
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

    /// Asks lists of rules, for at most this much work.
    pub(super) fn listing<T>(&self, most: u64, ask: impl FnOnce(&mut Budget) -> T) -> T {
        let mut left = self.listing.get();
        let mut budget = left.share(most);
        let answer = ask(&mut budget);
        left.give_back(budget);
        self.listing.set(left);
        answer
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
