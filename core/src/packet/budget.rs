//! Bounded work: an exact answer, or word that it would cost too much. Never an approximation.

/// How many more steps an operation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    left: u64,
}

/// The operation would have cost more than its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the packet set is too complex for the work budget")]
pub struct OverBudget;

impl Budget {
    /// A budget of this many steps; a step handles one cube.
    #[must_use]
    pub fn new(steps: u64) -> Self {
        Self { left: steps }
    }

    /// Sets at most this many steps aside, for an operation of many.
    #[must_use]
    pub fn share(&mut self, most: u64) -> Self {
        let left = self.left.min(most);
        self.left -= left;
        Self { left }
    }

    /// Takes back what an operation did not need.
    pub fn give_back(&mut self, rest: Self) {
        self.left = self.left.saturating_add(rest.left);
    }

    /// Takes one step.
    ///
    /// # Errors
    ///
    /// When nothing is left.
    pub fn step(&mut self) -> Result<(), OverBudget> {
        self.left = self.left.checked_sub(1).ok_or(OverBudget)?;
        Ok(())
    }
}
