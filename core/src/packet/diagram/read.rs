//! Cubes out of diagrams: what a set looks like to a person.

use super::field::largest;
use super::{Diagrams, Field, Node};
use crate::packet::budget::OverBudget;
use crate::packet::{Cube, Literals, Packet};
use rustc_hash::FxHashMap;
use std::ops::ControlFlow;

/// More intervals than this are not read out for one field of one cube.
const MOST_INTERVALS: usize = 4096;

/// Disjoint cubes of a set.
#[derive(Debug, Clone)]
pub struct Readout {
    /// The cubes; empty only when the set is.
    pub cubes: Vec<Cube>,
    /// Whether they are all of the set.
    pub complete: bool,
}

/// Values of one field that lead to the same rest.
struct Way {
    values: Vec<(u128, u128)>,
    rest: Node,
}

struct Reader<'d> {
    diagrams: &'d Diagrams,
    most: usize,
    /// Cubes that were come upon, impossible ones included.
    looked: usize,
    out: Readout,
}

impl Diagrams {
    /// At most this many cubes of a set (at least one, if it is not empty). They are disjoint:
    /// field by field, all values that lead to the same rest are in one cube.
    #[must_use]
    pub fn cubes(&mut self, set: Node, most: usize) -> Readout {
        let plain = self.plain(set).unwrap_or(set);
        let read = self.read(plain, most);
        if read.cubes.is_empty() && plain != set {
            // All that was looked at was impossible ICMP, which the set itself does not hold.
            return self.read(set, most);
        }
        read
    }

    fn read(&self, set: Node, most: usize) -> Readout {
        let mut reader = Reader {
            diagrams: self,
            most: most.max(1),
            looked: 0,
            out: Readout {
                cubes: Vec::new(),
                complete: true,
            },
        };
        // A break says that there are enough.
        let _ = reader.field(set, &Field::ALL, &Cube::any(self.family));
        reader.out
    }

    /// A cube out of a set; none when it is empty.
    #[must_use]
    pub fn pick(&mut self, set: Node) -> Option<Cube> {
        self.cubes(set, 1).cubes.pop()
    }

    fn plain(&mut self, set: Node) -> Result<Node, OverBudget> {
        self.simplify(set, self.any, &mut FxHashMap::default())
    }

    /// The unknown predicates that a set depends on, in ascending order.
    #[must_use]
    pub fn unknowns(&self, set: Node) -> Vec<u32> {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut found = Vec::new();
        let mut open = vec![set];
        while let Some(node) = open.pop() {
            if node.is_constant() || !seen.insert(node) {
                continue;
            }
            let inner = self.inner(node);
            let number = inner.variable.checked_sub(self.layout.unknowns);
            found.extend(number.and_then(|number| self.predicates.get(number as usize)));
            open.extend([inner.low, inner.high]);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a packet is in a set, given which unknown predicates hold.
    #[must_use]
    pub fn contains(&self, set: Node, packet: &Packet, holds: impl Fn(u32) -> bool) -> bool {
        // Bits of a value that is not known read as zero.
        let value = |field: Field| field.value(packet).unwrap_or(0);
        let mut node = set;
        while !node.is_constant() {
            let inner = self.inner(node);
            let one = match self.layout.field(inner.variable) {
                Some((field, bit)) => value(field) >> bit & 1 == 1,
                None => {
                    let number = (inner.variable - self.layout.unknowns) as usize;
                    self.predicates.get(number).is_some_and(|&p| holds(p))
                }
            };
            node = if one { inner.high } else { inner.low };
        }
        node == Node::TRUE
    }
}

impl Reader<'_> {
    /// Reads the first of these fields, then the rest; breaks when there are enough.
    fn field(&mut self, node: Node, fields: &[Field], cube: &Cube) -> ControlFlow<()> {
        if node.is_empty() {
            return ControlFlow::Continue(());
        }
        let Some((&field, later)) = fields.split_first() else {
            return self.unknown(node, cube);
        };
        let (first, bits) = self.diagrams.layout.span(field);
        if self.diagrams.inner(node).variable >= first + bits {
            return self.field(node, later, cube);
        }
        if matches!(field, Field::Mark | Field::ConnMark) {
            return self.mark(field, node, later, cube);
        }
        for way in self.ways(node, first, bits) {
            let mut narrowed = cube.clone();
            field.narrow(&mut narrowed, &way.values);
            self.field(way.rest, later, &narrowed)?;
        }
        ControlFlow::Continue(())
    }

    /// The values of a field by where they lead, in the order of their first value.
    fn ways(&mut self, node: Node, first: u32, bits: u32) -> Vec<Way> {
        let mut ways: Vec<Way> = Vec::new();
        let mut known: FxHashMap<Node, usize> = FxHashMap::default();
        let mut intervals = 0;
        // Zeros before ones, so that values ascend.
        let mut open = vec![(node, first, 0u128)];
        while let Some((node, variable, base)) = open.pop() {
            if node.is_empty() {
                continue;
            }
            let left = (first + bits).saturating_sub(variable);
            let inner = self.diagrams.inner(node);
            if inner.variable < first + bits {
                // Bits that are skipped are free: both halves.
                let (low, high) = inner.below(node, variable);
                let upper = base | 1 << left.saturating_sub(1);
                open.push((high, variable + 1, upper));
                open.push((low, variable + 1, base));
                continue;
            }
            let at = *known.entry(node).or_insert(ways.len());
            if at == ways.len() {
                ways.push(Way {
                    values: Vec::new(),
                    rest: node,
                });
            }
            let last = base | largest(left);
            let Some(way) = ways.get_mut(at) else {
                continue;
            };
            match way.values.last_mut() {
                Some(before) if before.1.checked_add(1) == Some(base) => before.1 = last,
                _ => {
                    intervals += 1;
                    way.values.push((base, last));
                }
            }
            if intervals >= MOST_INTERVALS {
                self.out.complete &= open.iter().all(|(node, ..)| node.is_empty());
                break;
            }
        }
        ways
    }

    /// Marks are bit patterns, not intervals: one cube for each path.
    fn mark(&mut self, field: Field, node: Node, later: &[Field], cube: &Cube) -> ControlFlow<()> {
        let inner = self.diagrams.inner(node);
        let bit = match self.diagrams.layout.field(inner.variable) {
            Some((tested, bit)) if tested == field => bit,
            _ => return self.field(node, later, cube),
        };
        for (next, one) in [(inner.low, 0u32), (inner.high, 1)] {
            if next.is_empty() {
                continue;
            }
            let mut narrowed = cube.clone();
            if let Some(mark) = field.mark(&mut narrowed) {
                mark.care |= 1 << bit;
                mark.value |= one << bit;
            }
            self.mark(field, next, later, &narrowed)?;
        }
        ControlFlow::Continue(())
    }

    fn unknown(&mut self, node: Node, cube: &Cube) -> ControlFlow<()> {
        if node.is_empty() {
            return ControlFlow::Continue(());
        }
        if node == Node::TRUE {
            return self.found(cube);
        }
        let inner = self.diagrams.inner(node);
        let number = inner.variable.saturating_sub(self.diagrams.layout.unknowns);
        let Some(&predicate) = self.diagrams.predicates.get(number as usize) else {
            return ControlFlow::Continue(());
        };
        for (next, holds) in [(inner.low, false), (inner.high, true)] {
            let literal = Literals::single(predicate, holds);
            if let Some(unknown) = cube.unknown.and(&literal) {
                let narrowed = Cube {
                    unknown,
                    ..cube.clone()
                };
                self.unknown(next, &narrowed)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn found(&mut self, cube: &Cube) -> ControlFlow<()> {
        let impossible = cube.is_empty();
        let enough = self.out.cubes.len() >= self.most;
        if enough && !impossible || self.looked >= self.most.saturating_mul(4) {
            self.out.complete = false;
            return ControlFlow::Break(());
        }
        self.looked += 1;
        if !impossible {
            self.out.cubes.push(cube.clone());
        }
        ControlFlow::Continue(())
    }
}
