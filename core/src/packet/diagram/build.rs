//! Diagrams out of cubes.

use super::field::largest;
use super::{Diagrams, Field, Node};
use crate::net::Protocol;
use crate::packet::budget::OverBudget;
use crate::packet::{ByteSet, Cube, FieldSet, MarkBits, Ranges};

/// More unknown predicates than this are not followed in one manager: depth is stack.
pub(super) const MOST_PREDICATES: usize = 256;

impl Diagrams {
    /// The packets of a cube.
    ///
    /// # Errors
    ///
    /// When it takes more nodes than the limit, or there are too many unknown predicates.
    pub fn from_cube(&mut self, cube: &Cube) -> Result<Node, OverBudget> {
        if cube.is_empty() {
            return Ok(Node::EMPTY);
        }
        let set = self.product(cube)?;
        // Only what speaks of ICMP and of high ports at once can hold impossible packets.
        let icmp = ByteSet::of(|number| Protocol(number).is_icmp());
        let high = |ports: &Ranges<u16>| ports.hull().is_none_or(|(_, hi)| hi > 255);
        let ports = high(&cube.source_port) || high(&cube.destination_port);
        if ports && cube.protocol.meets(&icmp) {
            return self.and(set, self.any());
        }
        Ok(set)
    }

    /// The packets of any of these cubes. Merged in pairs: a fold would rewrite the growing
    /// diagram once for each cube.
    ///
    /// # Errors
    ///
    /// When it takes more nodes or steps than the limit.
    pub fn from_cubes<'c>(
        &mut self,
        cubes: impl IntoIterator<Item = &'c Cube>,
    ) -> Result<Node, OverBudget> {
        let mut sets = Vec::new();
        for cube in cubes {
            sets.push(self.from_cube(cube)?);
        }
        while sets.len() > 1 {
            let mut merged = Vec::with_capacity(sets.len().div_ceil(2));
            for pair in sets.chunks(2) {
                merged.push(match *pair {
                    [a, b] => self.or(a, b)?,
                    _ => pair.first().copied().unwrap_or(Node::EMPTY),
                });
            }
            sets = merged;
        }
        Ok(sets.first().copied().unwrap_or(Node::EMPTY))
    }

    /// Every packet that there can be: ICMP types and codes end at 255.
    pub(super) fn possible(&mut self) -> Result<Node, OverBudget> {
        let mut icmp = Cube::any(self.family());
        icmp.protocol = ByteSet::of(|number| Protocol(number).is_icmp());
        let all = self.product(&icmp)?;
        icmp.source_port = Ranges::span(0, 255);
        icmp.destination_port = Ranges::span(0, 255);
        let possible = self.product(&icmp)?;
        let impossible = self.minus(all, possible)?;
        self.minus(Node::TRUE, impossible)
    }

    /// A product of field sets, from the last variable to the first.
    fn product(&mut self, cube: &Cube) -> Result<Node, OverBudget> {
        let mut literals = Vec::new();
        for (predicate, holds) in cube.unknown.iter() {
            literals.push((self.variable(predicate)?, holds));
        }
        literals.sort_unstable();
        let mut set = Node::TRUE;
        for &(variable, holds) in literals.iter().rev() {
            set = self.literal(variable, holds, set)?;
        }
        for field in Field::ALL.into_iter().rev() {
            set = match field {
                Field::Mark => self.mark_node(field, cube.mark, set)?,
                Field::ConnMark => self.mark_node(field, cube.conn_mark, set)?,
                Field::Rare(rare) if cube.extra.get(rare).is_none() => set,
                _ => {
                    let (first, bits) = self.layout.span(field);
                    self.values(first, bits, 0, &field.values(cube), set)?
                }
            };
        }
        Ok(set)
    }

    /// The variable of an unknown predicate.
    pub(super) fn variable(&mut self, predicate: u32) -> Result<u32, OverBudget> {
        if let Some(&known) = self.variables.get(&predicate) {
            return Ok(known);
        }
        if self.predicates.len() >= MOST_PREDICATES {
            return Err(OverBudget);
        }
        let number = u32::try_from(self.predicates.len()).map_err(|_| OverBudget)?;
        let variable = self.layout.unknowns + number;
        self.predicates.push(predicate);
        self.variables.insert(predicate, variable);
        Ok(variable)
    }

    /// This variable's truth, then what follows.
    fn literal(&mut self, variable: u32, holds: bool, then: Node) -> Result<Node, OverBudget> {
        if holds {
            self.node(variable, Node::EMPTY, then)
        } else {
            self.node(variable, then, Node::EMPTY)
        }
    }

    /// Marks with these bits, then what follows.
    pub(super) fn mark_node(
        &mut self,
        field: Field,
        mark: MarkBits,
        then: Node,
    ) -> Result<Node, OverBudget> {
        let (first, bits) = self.layout.span(field);
        let mut set = then;
        for bit in (0..bits).filter(|bit| mark.care >> bit & 1 == 1) {
            set = self.literal(first + bits - 1 - bit, mark.value >> bit & 1 == 1, set)?;
        }
        Ok(set)
    }

    /// Values of `bits` bits from `base` on that lie in one of these sorted intervals, then what
    /// follows. Two blocks on each level are cut by the ends of one interval: linear in both.
    fn values(
        &mut self,
        variable: u32,
        bits: u32,
        base: u128,
        intervals: &[(u128, u128)],
        then: Node,
    ) -> Result<Node, OverBudget> {
        let last = base | largest(bits);
        let from = intervals.partition_point(|&(_, hi)| hi < base);
        let to = intervals.partition_point(|&(lo, _)| lo <= last);
        let Some(inside) = intervals.get(from..to) else {
            return Ok(Node::EMPTY);
        };
        match inside {
            [] => return Ok(Node::EMPTY),
            [(lo, hi)] if *lo <= base && *hi >= last => return Ok(then),
            _ => {}
        }
        let Some(fewer) = bits.checked_sub(1) else {
            return Ok(Node::EMPTY);
        };
        let low = self.values(variable + 1, fewer, base, inside, then)?;
        let high = self.values(variable + 1, fewer, base | 1 << fewer, inside, then)?;
        self.node(variable, low, high)
    }
}
