//! Storage of nodes: the unique table, the cache of results, and the collector.

use super::Node;
use crate::packet::budget::OverBudget;

/// Variable of the two constants: behind all others.
const CONSTANT: u32 = u32::MAX;

/// Variable of a slot that is free.
const FREE: u32 = u32::MAX - 1;

/// Slots to begin with; a power of two.
const FEWEST_SLOTS: usize = 1 << 12;

/// Entries of the cache at most; a power of two.
const MOST_CACHED: usize = 1 << 20;

/// Fewer new nodes than this are not worth a collection.
const WORTH_COLLECTING: usize = 1 << 18;

/// A node that tests a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inner {
    pub(super) variable: u32,
    pub(super) low: Node,
    pub(super) high: Node,
}

impl Inner {
    /// Where this node (whose handle is `own`) leads when this variable, not behind its own, is
    /// 0 and when it is 1.
    pub(super) fn below(self, own: Node, variable: u32) -> (Node, Node) {
        if self.variable == variable {
            (self.low, self.high)
        } else {
            (own, own)
        }
    }

    fn hash(self) -> usize {
        mix(self.variable, self.low.0, self.high.0)
    }
}

/// A remembered result: operation and operands, and what came out. All zero: none.
#[derive(Debug, Clone, Copy, Default)]
struct Cached {
    op: u32,
    a: u32,
    b: u32,
    result: u32,
}

/// All nodes of a manager.
#[derive(Debug)]
pub(super) struct Nodes {
    all: Vec<Inner>,
    free: Vec<u32>,
    /// Open addressing with linear probing; 0 is an empty slot (constants are not in it).
    slots: Vec<u32>,
    used: usize,
    /// Direct mapped: a newer result takes an older one's place.
    cache: Vec<Cached>,
    most: usize,
    /// How many were alive after the last collection.
    survivors: usize,
}

impl Nodes {
    pub(super) fn new(most: u32) -> Self {
        let constant = |own| Inner {
            variable: CONSTANT,
            low: Node(own),
            high: Node(own),
        };
        Self {
            all: vec![constant(0), constant(1)],
            free: Vec::new(),
            slots: vec![0; FEWEST_SLOTS],
            used: 0,
            cache: vec![Cached::default(); FEWEST_SLOTS],
            most: most as usize,
            survivors: 0,
        }
    }

    pub(super) fn get(&self, node: Node) -> Inner {
        // Handles come from this table only; a stranger reads as the empty set.
        self.all.get(node.0 as usize).copied().unwrap_or(Inner {
            variable: CONSTANT,
            low: Node::EMPTY,
            high: Node::EMPTY,
        })
    }

    /// The node with these contents: the one that is there, or a new one.
    pub(super) fn unique(&mut self, inner: Inner) -> Result<Node, OverBudget> {
        if inner.low == inner.high {
            return Ok(inner.low);
        }
        let slot = match self.find(inner) {
            Ok(known) => return Ok(known),
            Err(slot) => slot,
        };
        if self.used >= self.most {
            return Err(OverBudget);
        }
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.all.push(inner);
                u32::try_from(self.all.len() - 1).map_err(|_| OverBudget)?
            }
        };
        if let Some(place) = self.all.get_mut(at as usize) {
            *place = inner;
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = at;
        }
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            let slots = self.slots.len() * 2;
            self.rebuild(slots);
        }
        Ok(Node(at))
    }

    /// The node with these contents, or the slot where it belongs.
    fn find(&self, inner: Inner) -> Result<Node, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = inner.hash() & mask;
        // Half of the slots are empty: the probe ends.
        while let Some(&at) = self.slots.get(slot) {
            if at == 0 {
                break;
            }
            if self.get(Node(at)) == inner {
                return Ok(Node(at));
            }
            slot = (slot + 1) & mask;
        }
        Err(slot)
    }

    /// Enters all nodes into a table of this many slots, and forgets the cache.
    fn rebuild(&mut self, slots: usize) {
        self.slots = vec![0; slots];
        self.cache = vec![Cached::default(); slots.min(MOST_CACHED)];
        for at in 2..self.all.len() {
            let inner = self.all.get(at).copied();
            let Some(inner) = inner.filter(|inner| inner.variable != FREE) else {
                continue;
            };
            if let (Err(slot), Ok(at)) = (self.find(inner), u32::try_from(at))
                && let Some(place) = self.slots.get_mut(slot)
            {
                *place = at;
            }
        }
    }

    /// What an operation gave before, if that is still known.
    pub(super) fn recall(&self, op: u32, a: Node, b: Node) -> Option<Node> {
        let cached = self.cache.get(mix(op, a.0, b.0) & (self.cache.len() - 1))?;
        // No operation on the empty set is remembered, so zeros match none.
        (cached.op == op && cached.a == a.0 && cached.b == b.0 && a.0 != 0)
            .then_some(Node(cached.result))
    }

    pub(super) fn remember(&mut self, op: u32, a: Node, b: Node, result: Node) {
        let at = mix(op, a.0, b.0) & (self.cache.len() - 1);
        if let Some(place) = self.cache.get_mut(at) {
            *place = Cached {
                op,
                a: a.0,
                b: b.0,
                result: result.0,
            };
        }
    }

    /// Whether about half of the nodes, or of the room, came since the last collection.
    pub(super) fn pays_to_collect(&self) -> bool {
        let new = self.used.saturating_sub(self.survivors);
        let room = self.most.saturating_sub(self.survivors) / 2;
        new >= room.min(self.survivors.max(WORTH_COLLECTING))
    }

    /// Frees what cannot be reached from these.
    pub(super) fn collect(&mut self, roots: impl Iterator<Item = Node>) {
        let mut alive = vec![false; self.all.len()];
        let mut open: Vec<Node> = roots.collect();
        while let Some(node) = open.pop() {
            if let Some(mark) = alive.get_mut(node.0 as usize)
                && !*mark
            {
                *mark = true;
                let inner = self.get(node);
                open.extend([inner.low, inner.high]);
            }
        }
        self.free.clear();
        self.used = 0;
        for (at, (inner, alive)) in (0u32..).zip(self.all.iter_mut().zip(alive)).skip(2) {
            if alive {
                self.used += 1;
            } else {
                inner.variable = FREE;
                self.free.push(at);
            }
        }
        self.survivors = self.used;
        self.rebuild(self.slots.len());
    }
}

/// Spreads three numbers over all bits (multipliers as in FxHash and its relatives).
fn mix(a: u32, b: u32, c: u32) -> usize {
    let mut hash = u64::from(b) << 32 | u64::from(c);
    hash = (hash ^ u64::from(a).rotate_left(20)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash ^= hash >> 29;
    hash = hash.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (hash ^ hash >> 32) as usize
}
