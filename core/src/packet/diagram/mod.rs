//! Sets of packets as hash-consed, reduced, ordered binary decision diagrams.
//!
//! Cubes answer almost every question: real lists overlap little, and the pieces that a walk
//! makes name the rules that matter. But a list of wildcards and negations cuts one cube into
//! exponentially many. There a diagram takes over: its size follows the structure of the *set*,
//! not the number of pieces, equal sets are the same node, and emptiness is a comparison. It is
//! slower on sparse lists and says nothing about rules by itself, so it is the second choice,
//! made when the first has used up its budget; the answer of either is exact.
//!
//! One [`Diagrams`] holds the nodes of one family. Variables are the bits of the header fields,
//! most significant first, in the order of [`Field::ALL`]; unknown predicates come last. Sets
//! hold no impossible ICMP packet (type or code beyond 255), so that equality is exact.

mod build;
mod field;
mod read;
mod table;

#[cfg(test)]
mod tests;

pub use field::Field;
pub use read::Readout;

use super::budget::OverBudget;
use crate::net::Family;
use crate::packet::MarkBits;
use field::Layout;
use rustc_hash::FxHashMap;
use table::{Inner, Nodes};

/// Apply steps that may be taken for each node of the limit.
const STEPS_PER_NODE: u64 = 16;

/// A set of packets in one [`Diagrams`]. Within it, equal sets are equal nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(u32);

impl Node {
    /// No packet.
    pub const EMPTY: Self = Self(0);
    /// The constant true. Not a set of packets: that is [`Diagrams::any`].
    const TRUE: Self = Self(1);

    /// Whether there is no packet in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    fn is_constant(self) -> bool {
        self.0 <= 1
    }
}

/// The diagrams of one family: nodes, the table that makes them unique, and the operations.
#[derive(Debug)]
pub struct Diagrams {
    family: Family,
    layout: Layout,
    nodes: Nodes,
    steps: u64,
    any: Node,
    kept: Vec<Node>,
    /// Unknown predicates in the order in which they came; their variables are consecutive.
    predicates: Vec<u32>,
    variables: FxHashMap<u32, u32>,
}

/// What is combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    And = 0,
    Or = 1,
    Minus = 2,
}

impl Diagrams {
    /// An empty manager that may hold this many nodes at a time (about 30 bytes each).
    ///
    /// # Errors
    ///
    /// When the limit does not even suffice for the set of all packets.
    pub fn new(family: Family, most_nodes: u32) -> Result<Self, OverBudget> {
        let mut diagrams = Self {
            family,
            layout: Layout::new(family),
            nodes: Nodes::new(most_nodes),
            steps: u64::from(most_nodes).saturating_mul(STEPS_PER_NODE),
            any: Node::TRUE,
            kept: Vec::new(),
            predicates: Vec::new(),
            variables: FxHashMap::default(),
        };
        diagrams.any = diagrams.possible()?;
        Ok(diagrams)
    }

    /// Every packet of the family.
    #[must_use]
    pub fn any(&self) -> Node {
        self.any
    }

    /// The family whose packets it holds.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// Packets in both.
    ///
    /// # Errors
    ///
    /// When it takes more nodes or steps than the limit.
    pub fn and(&mut self, a: Node, b: Node) -> Result<Node, OverBudget> {
        self.apply(Op::And, a, b)
    }

    /// Packets in either.
    ///
    /// # Errors
    ///
    /// When it takes more nodes or steps than the limit.
    pub fn or(&mut self, a: Node, b: Node) -> Result<Node, OverBudget> {
        self.apply(Op::Or, a, b)
    }

    /// Packets in the first and not in the second.
    ///
    /// # Errors
    ///
    /// When it takes more nodes or steps than the limit.
    pub fn minus(&mut self, a: Node, b: Node) -> Result<Node, OverBudget> {
        self.apply(Op::Minus, a, b)
    }

    /// Recursion follows the variables: at most about 1,200 bits and [`build::MOST_PREDICATES`].
    fn apply(&mut self, op: Op, a: Node, b: Node) -> Result<Node, OverBudget> {
        let (a, b) = match (op, a, b) {
            (Op::And, Node::EMPTY, _) | (Op::And | Op::Minus, _, Node::EMPTY) => {
                return Ok(if op == Op::Minus { a } else { Node::EMPTY });
            }
            (Op::And, Node::TRUE, other) | (Op::And, other, Node::TRUE) => return Ok(other),
            (Op::Or, Node::EMPTY, other) | (Op::Or, other, Node::EMPTY) => return Ok(other),
            (Op::Or, Node::TRUE, _) | (Op::Or, _, Node::TRUE) => return Ok(Node::TRUE),
            (Op::Minus, Node::EMPTY, _) | (Op::Minus, _, Node::TRUE) => return Ok(Node::EMPTY),
            (Op::Minus, _, _) if a == b => return Ok(Node::EMPTY),
            (Op::And | Op::Or, _, _) if a == b => return Ok(a),
            (Op::And | Op::Or, _, _) => (a.min(b), a.max(b)),
            (Op::Minus, _, _) => (a, b),
        };
        if let Some(known) = self.nodes.recall(op as u32, a, b) {
            return Ok(known);
        }
        self.step()?;
        let (x, y) = (self.inner(a), self.inner(b));
        let variable = x.variable.min(y.variable);
        let (a0, a1) = x.below(a, variable);
        let (b0, b1) = y.below(b, variable);
        let low = self.apply(op, a0, b0)?;
        let high = self.apply(op, a1, b1)?;
        let result = self.node(variable, low, high)?;
        self.nodes.remember(op as u32, a, b, result);
        Ok(result)
    }

    /// The packets for which some value of these fields (and some truth of the unknown
    /// predicates, when asked for) puts them in. Neither protocol nor ports, whose values ICMP
    /// ties to each other.
    ///
    /// # Errors
    ///
    /// When it takes more nodes or steps than the limit.
    pub fn forget(
        &mut self,
        set: Node,
        fields: &[Field],
        unknowns: bool,
    ) -> Result<Node, OverBudget> {
        let layout = self.layout;
        let gone = |variable: u32| match layout.field(variable) {
            Some((field, _)) => fields.contains(&field),
            None => unknowns,
        };
        let change = |variable| {
            if gone(variable) {
                Change::Forget
            } else {
                Change::Keep
            }
        };
        self.rewrite(set, &change, &mut FxHashMap::default())
    }

    /// The packets of a set after `mark := (mark & !clear) ^ flip`; `field` is the packet's or the
    /// connection's mark.
    ///
    /// # Errors
    ///
    /// When it takes more nodes or steps than the limit.
    pub fn set_mark(
        &mut self,
        set: Node,
        field: Field,
        clear: u32,
        flip: u32,
    ) -> Result<Node, OverBudget> {
        let layout = self.layout;
        let change = |variable| match layout.field(variable) {
            Some((tested, bit)) if tested == field && clear >> bit & 1 == 1 => Change::Forget,
            Some((tested, bit)) if tested == field && flip >> bit & 1 == 1 => Change::Flip,
            _ => Change::Keep,
        };
        let moved = self.rewrite(set, &change, &mut FxHashMap::default())?;
        let fixed = MarkBits {
            care: clear,
            value: flip & clear,
        };
        let fixed = self.mark_node(field, fixed, Node::TRUE)?;
        self.and(moved, fixed)
    }

    /// The packets of a set after `to := (to & !clear) ^ (from & care)`, where `from` and `to` are
    /// the packet's and the connection's mark in either order.
    ///
    /// # Errors
    ///
    /// When it takes more nodes or steps than the limit.
    pub fn copy_mark(
        &mut self,
        set: Node,
        (from, to): (Field, Field),
        clear: u32,
        care: u32,
    ) -> Result<Node, OverBudget> {
        let mut set = self.set_mark(set, to, clear, 0)?;
        for bit in (0..u32::BITS).filter(|bit| care >> bit & 1 == 1) {
            let one = MarkBits {
                care: 1 << bit,
                value: 1 << bit,
            };
            let one = self.mark_node(from, one, Node::TRUE)?;
            let ones = self.and(set, one)?;
            let zeros = self.minus(set, one)?;
            let flipped = self.set_mark(ones, to, 0, 1 << bit)?;
            set = self.or(flipped, zeros)?;
        }
        Ok(set)
    }

    /// The packets of a set with the value of one field moved into another of the same width,
    /// which no packet of the set depends on; then any value of the first will do.
    ///
    /// # Errors
    ///
    /// When it takes more nodes or steps than the limit.
    pub fn rename(&mut self, set: Node, from: Field, to: Field) -> Result<Node, OverBudget> {
        self.renamed(set, from, to, &mut FxHashMap::default())
    }

    fn renamed(
        &mut self,
        set: Node,
        from: Field,
        to: Field,
        done: &mut FxHashMap<Node, Node>,
    ) -> Result<Node, OverBudget> {
        if set.is_constant() {
            return Ok(set);
        }
        if let Some(&known) = done.get(&set) {
            return Ok(known);
        }
        self.step()?;
        let inner = self.inner(set);
        let low = self.renamed(inner.low, from, to, done)?;
        let high = self.renamed(inner.high, from, to, done)?;
        let result = match self.layout.field(inner.variable) {
            Some((field, bit)) if field == from => {
                let (first, bits) = self.layout.span(to);
                let one = self.node(first + bits - 1 - bit, Node::EMPTY, Node::TRUE)?;
                let ones = self.and(one, high)?;
                let zeros = self.minus(low, one)?;
                self.or(ones, zeros)?
            }
            // What was renamed may now depend on variables above this one.
            _ => {
                let one = self.node(inner.variable, Node::EMPTY, Node::TRUE)?;
                let ones = self.and(one, high)?;
                let zeros = self.minus(low, one)?;
                self.or(ones, zeros)?
            }
        };
        done.insert(set, result);
        Ok(result)
    }

    fn rewrite(
        &mut self,
        set: Node,
        change: &dyn Fn(u32) -> Change,
        done: &mut FxHashMap<Node, Node>,
    ) -> Result<Node, OverBudget> {
        if set.is_constant() {
            return Ok(set);
        }
        if let Some(&known) = done.get(&set) {
            return Ok(known);
        }
        self.step()?;
        let inner = self.inner(set);
        let low = self.rewrite(inner.low, change, done)?;
        let high = self.rewrite(inner.high, change, done)?;
        let result = match change(inner.variable) {
            Change::Keep => self.node(inner.variable, low, high)?,
            Change::Flip => self.node(inner.variable, high, low)?,
            Change::Forget => self.or(low, high)?,
        };
        done.insert(set, result);
        Ok(result)
    }

    /// A smaller diagram that agrees with this one wherever a packet is possible: without the
    /// bounds of ICMP, which nobody wants to read.
    fn simplify(
        &mut self,
        set: Node,
        care: Node,
        done: &mut FxHashMap<(Node, Node), Node>,
    ) -> Result<Node, OverBudget> {
        if set.is_constant() || care.is_constant() {
            return Ok(set);
        }
        if let Some(&known) = done.get(&(set, care)) {
            return Ok(known);
        }
        self.step()?;
        let (x, c) = (self.inner(set), self.inner(care));
        let (c0, c1) = c.below(care, c.variable.min(x.variable));
        let result = if c.variable < x.variable {
            let either = self.or(c.low, c.high)?;
            self.simplify(set, either, done)?
        } else if c0.is_empty() {
            self.simplify(x.high, c1, done)?
        } else if c1.is_empty() {
            self.simplify(x.low, c0, done)?
        } else {
            let low = self.simplify(x.low, c0, done)?;
            let high = self.simplify(x.high, c1, done)?;
            self.node(x.variable, low, high)?
        };
        done.insert((set, care), result);
        Ok(result)
    }

    /// Protects a set from [`Diagrams::collect`] for good.
    pub fn keep(&mut self, set: Node) {
        self.kept.push(set);
    }

    /// Whether so many nodes came since the last collection that another one pays.
    #[must_use]
    pub fn pays_to_collect(&self) -> bool {
        self.nodes.pays_to_collect()
    }

    /// Gives back the nodes of every set that is neither kept nor one of these. Their [`Node`]s
    /// are meaningless afterwards.
    pub fn collect(&mut self, roots: impl IntoIterator<Item = Node>) {
        let kept = self.kept.iter().copied().chain([self.any]);
        self.nodes.collect(kept.chain(roots));
    }

    /// The unique node that tests this variable.
    fn node(&mut self, variable: u32, low: Node, high: Node) -> Result<Node, OverBudget> {
        self.nodes.unique(Inner {
            variable,
            low,
            high,
        })
    }

    fn inner(&self, node: Node) -> Inner {
        self.nodes.get(node)
    }

    /// Takes one step of work.
    ///
    /// # Errors
    ///
    /// When the limit is reached.
    pub fn step(&mut self) -> Result<(), OverBudget> {
        self.steps = self.steps.checked_sub(1).ok_or(OverBudget)?;
        Ok(())
    }
}

/// What happens to a variable.
#[derive(Clone, Copy)]
enum Change {
    Keep,
    Flip,
    Forget,
}
