//! A set of packets as a union of cubes.

use super::budget::{Budget, OverBudget};
use super::cube::Cube;
use super::value::Packet;
use crate::net::Family;

/// A set of packets of one family: a union of cubes, which may overlap.
#[derive(Debug, Clone, Default)]
pub struct PacketSet {
    cubes: Vec<Cube>,
}

impl PacketSet {
    /// No packet.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every packet of a family.
    #[must_use]
    pub fn any(family: Family) -> Self {
        Self::from(vec![Cube::any(family)])
    }

    /// The cubes it is made of; none of them is empty.
    #[must_use]
    pub fn cubes(&self) -> &[Cube] {
        &self.cubes
    }

    /// Whether there is no packet in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cubes.is_empty()
    }

    /// Adds all packets of a cube.
    pub fn insert(&mut self, cube: Cube) {
        if !cube.is_empty() {
            self.cubes.push(cube);
        }
    }

    /// Packets in either.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.cubes.extend(other.cubes);
        self
    }

    /// Packets in both.
    ///
    /// # Errors
    ///
    /// When it costs more than the budget.
    pub fn intersect(&self, other: &Self, budget: &mut Budget) -> Result<Self, OverBudget> {
        let mut cubes = Vec::new();
        for a in &self.cubes {
            for b in &other.cubes {
                budget.step()?;
                cubes.extend(a.intersect(b));
            }
        }
        Ok(Self { cubes })
    }

    /// Packets in this one and not in the other.
    ///
    /// # Errors
    ///
    /// When it costs more than the budget.
    pub fn subtract(&self, other: &Self, budget: &mut Budget) -> Result<Self, OverBudget> {
        let mut cubes = self.cubes.clone();
        for cut in &other.cubes {
            let mut rest = Vec::with_capacity(cubes.len());
            for cube in &cubes {
                budget.step()?;
                cube.subtract(cut, &mut rest);
            }
            cubes = rest;
        }
        Ok(Self { cubes })
    }

    /// Whether all packets of this one are in the other. Looks depth first for a packet that is
    /// not, so that "no" is found without computing the whole difference.
    ///
    /// # Errors
    ///
    /// When it costs more than the budget.
    pub fn is_subset(&self, other: &Self, budget: &mut Budget) -> Result<bool, OverBudget> {
        let mut stack: Vec<(Cube, usize)> = self.cubes.iter().cloned().map(|c| (c, 0)).collect();
        let mut parts = Vec::new();
        while let Some((cube, from)) = stack.pop() {
            budget.step()?;
            let cutter = other
                .cubes
                .iter()
                .enumerate()
                .skip(from)
                .find(|(_, cut)| cube.overlaps(cut));
            let Some((at, cut)) = cutter else {
                return Ok(false);
            };
            cube.subtract(cut, &mut parts);
            stack.extend(parts.drain(..).map(|part| (part, at + 1)));
        }
        Ok(true)
    }

    /// Whether both hold the same packets.
    ///
    /// # Errors
    ///
    /// When it costs more than the budget.
    pub fn equals(&self, other: &Self, budget: &mut Budget) -> Result<bool, OverBudget> {
        Ok(self.is_subset(other, budget)? && other.is_subset(self, budget)?)
    }

    /// Whether a packet is in it, given which unknown predicates hold.
    #[must_use]
    pub fn contains(&self, packet: &Packet, holds: impl Fn(u32) -> bool) -> bool {
        self.cubes.iter().any(|cube| cube.contains(packet, &holds))
    }

    /// The packets for which some truth of the unknown predicates puts them in.
    #[must_use]
    pub fn without_assumptions(&self) -> Self {
        let cubes = self.cubes.iter().cloned();
        Self::from(cubes.map(Cube::without_assumptions).collect::<Vec<_>>())
    }

    /// A packet out of it; none when it is empty.
    #[must_use]
    pub fn witness(&self, family: Family) -> Option<Packet> {
        self.cubes.iter().find_map(|cube| cube.witness(family))
    }
}

/// Leaves empty cubes out.
impl From<Vec<Cube>> for PacketSet {
    fn from(mut cubes: Vec<Cube>) -> Self {
        cubes.retain(|cube| !cube.is_empty());
        Self { cubes }
    }
}
