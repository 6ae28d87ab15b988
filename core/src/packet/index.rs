//! Which cubes of a list overlap a given one: a bounding-volume tree over the cubes' hulls.

use super::cube::Cube;
use super::ranges::Ranges;
use super::value::Packet;
use smallvec::SmallVec;
use std::ops::ControlFlow;

/// Cubes in a leaf.
const LEAF: usize = 8;

/// Fields that hulls are split along.
const DIMENSIONS: usize = 6;

/// Hulls of the whole list that are asked as questions, to tell how good a cut is.
const QUESTIONS: usize = 256;

/// Hulls of a part that are looked at to find its cut.
const SAMPLE: usize = 32;

/// Below this depth parts are cut in halves, so that the tree ends whatever the hulls are.
const DEEPEST: usize = 64;

/// An index over a list of cubes. Building takes about n log n, a query about log n plus the
/// number of cubes that it finds; it may report a cube that does not overlap, never miss one.
#[derive(Debug, Clone)]
pub struct Index(Tree);

/// Addresses of IPv4 fit into 32 bits: then a hull is one cache line, which queries live from.
#[derive(Debug, Clone)]
enum Tree {
    Short(Hulls<u32>),
    Long(Hulls<u128>),
}

/// A tree over hulls with addresses of this width.
#[derive(Debug, Clone)]
struct Hulls<A> {
    /// Hulls of the cubes and their positions in the list, grouped by leaf.
    leaves: Vec<(Hull<A>, u32)>,
    nodes: Vec<Node<A>>,
}

#[derive(Debug, Clone)]
struct Node<A> {
    hull: Hull<A>,
    /// Range in `leaves` for a leaf; indices of both children for an inner node.
    children: (u32, u32),
    leaf: bool,
}

/// Interval hulls of the fields that tell rules apart.
#[derive(Debug, Clone, Copy)]
struct Hull<A> {
    /// Source and destination.
    addresses: [(A, A); 2],
    /// In and out: the first eight characters.
    interfaces: [(u64, u64); 2],
    /// Source and destination.
    ports: [(u16, u16); 2],
    /// Protocols, modulo 64.
    protocols: u64,
}

/// Numbers that addresses fit into.
trait Address: Copy + Ord + Into<u128> {
    /// The number, or the largest one for what does not fit.
    fn narrow(value: u128) -> Self;
}

impl Address for u32 {
    fn narrow(value: u128) -> Self {
        Self::try_from(value).unwrap_or(Self::MAX)
    }
}

impl Address for u128 {
    fn narrow(value: u128) -> Self {
        value
    }
}

impl<A: Address> Hull<A> {
    fn of(cube: &Cube) -> Self {
        // An empty set: nothing is found by it, as far as a hull can tell.
        let wide = |r: &Ranges<u128>| r.hull().unwrap_or((u128::MAX, 0));
        let address = |r| {
            let (lo, hi) = wide(r);
            (A::narrow(lo), A::narrow(hi))
        };
        let interface = |r| {
            let (lo, hi) = wide(r);
            ((lo >> 64) as u64, (hi >> 64) as u64)
        };
        let ports = |r: &Ranges<u16>| r.hull().unwrap_or((u16::MAX, 0));
        Self {
            addresses: [address(&cube.source), address(&cube.destination)],
            interfaces: [
                interface(&cube.in_interface),
                interface(&cube.out_interface),
            ],
            ports: [ports(&cube.source_port), ports(&cube.destination_port)],
            protocols: cube.protocol.folded(),
        }
    }

    fn point(packet: &Packet) -> Self {
        let address = |value| (A::narrow(value), A::narrow(value));
        let interface = |value: u128| ((value >> 64) as u64, (value >> 64) as u64);
        let port = |value| (value, value);
        Self {
            addresses: [address(packet.source), address(packet.destination)],
            interfaces: [
                interface(packet.in_interface.0),
                interface(packet.out_interface.0),
            ],
            ports: [port(packet.source_port), port(packet.destination_port)],
            protocols: 1 << (packet.protocol.0 & 63),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        // Without branches: which field parts two hulls is not to be foreseen.
        #[inline(always)]
        fn meet<T: Ord + Copy>([a, b]: [(T, T); 2], [c, d]: [(T, T); 2]) -> bool {
            (a.0 <= c.1) & (c.0 <= a.1) & (b.0 <= d.1) & (d.0 <= b.1)
        }
        (self.protocols & other.protocols != 0)
            & meet(self.addresses, other.addresses)
            & meet(self.ports, other.ports)
            & meet(self.interfaces, other.interfaces)
    }

    fn join(&mut self, other: &Self) {
        fn both<T: Ord + Copy>(a: &mut [(T, T); 2], b: &[(T, T); 2]) {
            for (a, b) in a.iter_mut().zip(b) {
                *a = (a.0.min(b.0), a.1.max(b.1));
            }
        }
        both(&mut self.addresses, &other.addresses);
        both(&mut self.interfaces, &other.interfaces);
        both(&mut self.ports, &other.ports);
        self.protocols |= other.protocols;
    }

    /// First and last value of a dimension: addresses, interfaces, ports.
    fn side(&self, dimension: usize) -> (u128, u128) {
        fn pick<T: Copy + Into<u128>>(pairs: [(T, T); 2], second: bool) -> (u128, u128) {
            let [a, b] = pairs;
            let (lo, hi) = if second { b } else { a };
            (lo.into(), hi.into())
        }
        let second = dimension & 1 == 1;
        match dimension / 2 {
            0 => pick(self.addresses, second),
            1 => pick(self.interfaces, second),
            _ => pick(self.ports, second),
        }
    }

    /// Width of a dimension in bits (0: one value), and its middle.
    fn extent(&self, dimension: usize) -> (u32, u128) {
        let (lo, hi) = self.side(dimension);
        let width = hi.saturating_sub(lo);
        (u128::BITS - width.leading_zeros(), lo / 2 + hi / 2)
    }
}

impl Index {
    /// An index over these cubes.
    #[must_use]
    pub fn new<'a>(cubes: impl IntoIterator<Item = &'a Cube>) -> Self {
        let cubes: Vec<&Cube> = cubes.into_iter().collect();
        let short = |r: &Ranges<u128>| r.hull().is_none_or(|(_, hi)| hi <= u32::MAX.into());
        let mut all = cubes.iter();
        Self(
            if all.all(|cube| short(&cube.source) && short(&cube.destination)) {
                Tree::Short(Hulls::new(&cubes))
            } else {
                Tree::Long(Hulls::new(&cubes))
            },
        )
    }

    /// Adds the positions of all cubes that may overlap this one to `out`, in ascending order.
    pub fn overlapping(&self, cube: &Cube, out: &mut Vec<u32>) {
        match &self.0 {
            Tree::Short(hulls) => hulls.search(&Hull::of(cube), out),
            Tree::Long(hulls) => hulls.search(&Hull::of(cube), out),
        }
    }

    /// Calls `visit` with the positions of all cubes that may overlap this one, in no order, until
    /// it breaks.
    pub fn visit(&self, cube: &Cube, visit: impl FnMut(u32) -> ControlFlow<()>) {
        // Whether it broke is the caller's to know.
        let _ = match &self.0 {
            Tree::Short(hulls) => hulls.visit(&Hull::of(cube), visit),
            Tree::Long(hulls) => hulls.visit(&Hull::of(cube), visit),
        };
    }

    /// Adds the positions of all cubes that may contain this packet to `out`, in ascending order.
    pub fn containing(&self, packet: &Packet, out: &mut Vec<u32>) {
        match &self.0 {
            Tree::Short(hulls) => hulls.search(&Hull::point(packet), out),
            Tree::Long(hulls) => hulls.search(&Hull::point(packet), out),
        }
    }
}

impl<A: Address> Hulls<A> {
    fn new(cubes: &[&Cube]) -> Self {
        let mut leaves: Vec<(Hull<A>, u32)> = (0..)
            .zip(cubes)
            .map(|(at, cube)| (Hull::of(cube), at))
            .collect();
        let step = (leaves.len() / QUESTIONS).max(1);
        let asked = leaves.iter().step_by(step).map(|&(hull, _)| hull);
        let questions = Questions {
            asked: asked.collect(),
            each: step,
        };
        let mut hulls = Self {
            leaves: Vec::new(),
            nodes: Vec::new(),
        };
        hulls.build(&mut leaves, 0, 0, &questions);
        hulls.leaves = leaves;
        hulls
    }

    /// Builds the node over `leaves`, whose first position is `offset`; gives its index. The
    /// questions are those that come to its parent.
    fn build(
        &mut self,
        leaves: &mut [(Hull<A>, u32)],
        offset: u32,
        depth: usize,
        questions: &Questions<A>,
    ) -> u32 {
        let at = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let mut all = leaves.iter();
        let Some(&(mut hull, _)) = all.next() else {
            return at;
        };
        all.for_each(|(other, _)| hull.join(other));
        let length = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node {
            hull,
            children: (offset, offset.saturating_add(length)),
            leaf: true,
        });
        if leaves.len() <= LEAF {
            return at;
        }
        let questions = questions.about(&hull);
        let cut = (depth < DEEPEST).then(|| questions.best_cut(leaves, depth));
        let middle = match cut.flatten() {
            Some(cut) => {
                leaves.sort_unstable_by_key(|(hull, _)| !cut.is_before(hull));
                leaves.partition_point(|(hull, _)| cut.is_before(hull))
            }
            None => leaves.len() / 2,
        };
        let (left, right) = leaves.split_at_mut(middle);
        let right_offset = offset.saturating_add(u32::try_from(middle).unwrap_or(u32::MAX));
        let children = (
            self.build(left, offset, depth + 1, &questions),
            self.build(right, right_offset, depth + 1, &questions),
        );
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.children = children;
            node.leaf = false;
        }
        at
    }

    fn search(&self, hull: &Hull<A>, out: &mut Vec<u32>) {
        let first = out.len();
        let _ = self.visit(hull, |position| {
            out.push(position);
            ControlFlow::Continue(())
        });
        if let Some(found) = out.get_mut(first..) {
            found.sort_unstable();
        }
    }

    fn visit(
        &self,
        hull: &Hull<A>,
        mut visit: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut stack: SmallVec<[u32; 64]> = SmallVec::new();
        stack.push(0);
        while let Some(at) = stack.pop() {
            let Some(node) = self.nodes.get(at as usize) else {
                continue;
            };
            if !node.hull.overlaps(hull) {
                continue;
            }
            let (a, b) = node.children;
            if node.leaf {
                let leaves = self.leaves.get(a as usize..b as usize).unwrap_or(&[]);
                for (leaf, position) in leaves {
                    if leaf.overlaps(hull) {
                        visit(*position)?;
                    }
                }
            } else {
                // The first child lies beside its parent.
                stack.push(b);
                stack.push(a);
            }
        }
        ControlFlow::Continue(())
    }
}

/// How a part of the list is cut in two.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// Hulls that are wider along this dimension (wildcards) go to the other side, so that they do
    /// not blow up the hulls of the narrow ones.
    Narrower(usize, u32),
    /// Those whose middle lies behind this one do.
    Before(usize, u128),
}

impl Cut {
    fn is_before<A: Address>(self, hull: &Hull<A>) -> bool {
        match self {
            Self::Narrower(dimension, wide) => hull.extent(dimension).0 < wide,
            Self::Before(dimension, middle) => hull.extent(dimension).1 < middle,
        }
    }
}

/// What the tree may be asked: the list is asked about its own cubes, most of all.
#[derive(Debug)]
struct Questions<A> {
    asked: Vec<Hull<A>>,
    /// So many questions each stands for.
    each: usize,
}

impl<A: Address> Questions<A> {
    /// Those that come to a node.
    fn about(&self, hull: &Hull<A>) -> Self {
        let come = self.asked.iter().filter(|question| question.overlaps(hull));
        Self {
            asked: come.copied().collect(),
            each: self.each,
        }
    }

    /// The cut that leaves least to be looked at, as a sample tells; none where all hulls of the
    /// sample are the same.
    fn best_cut(&self, leaves: &[(Hull<A>, u32)], depth: usize) -> Option<Cut> {
        let step = (leaves.len() / SAMPLE).max(1);
        let sample: Vec<Hull<A>> = leaves.iter().step_by(step).map(|&(hull, _)| hull).collect();
        let mut best: Option<(usize, Cut)> = None;
        for turn in 0..DIMENSIONS {
            // Among equals dimensions take turns.
            let dimension = (depth + turn) % DIMENSIONS;
            let extents = sample.iter().map(|hull| hull.extent(dimension));
            let (widths, mut middles): (Vec<u32>, Vec<u128>) = extents.unzip();
            let widest = widths.iter().copied().max().unwrap_or(0);
            let half = middles.len() / 2;
            let (_, middle, _) = middles.select_nth_unstable(half);
            for cut in [
                Cut::Narrower(dimension, widest),
                Cut::Before(dimension, *middle),
            ] {
                let cost = self.cost(cut, dimension, &sample, step);
                if let Some(cost) = cost
                    && best.is_none_or(|(least, _)| cost < least)
                {
                    best = Some((cost, cut));
                }
            }
        }
        best.map(|(_, cut)| cut)
    }

    /// How much is looked at on both sides of a cut: by the questions that come here, and by
    /// those about the part itself, of which each of the sample stands for `step`. None when a
    /// side is empty.
    fn cost(&self, cut: Cut, dimension: usize, sample: &[Hull<A>], step: usize) -> Option<usize> {
        let mut sides = [(u128::MAX, 0, 0), (u128::MAX, 0, 0)];
        for hull in sample {
            let (lo, hi) = hull.side(dimension);
            let [before, behind] = &mut sides;
            let side = if cut.is_before(hull) { before } else { behind };
            *side = (side.0.min(lo), side.1.max(hi), side.2 + 1);
        }
        let visits = |(first, last, count): (u128, u128, usize)| {
            let meets = |question: &&Hull<A>| {
                let (lo, hi) = question.side(dimension);
                lo <= last && first <= hi
            };
            let own = sample.iter().filter(meets).count() * step;
            let others = self.asked.iter().filter(meets).count() * self.each;
            (own + others) * count
        };
        let both = sides.iter().all(|&(.., count)| count > 0);
        both.then(|| sides.map(visits).iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Family;
    use proptest::prelude::*;

    fn cube() -> impl Strategy<Value = Cube> {
        (0u128..60, 0u128..20, 0u16..50, 0u16..9, 0u8..3).prop_map(
            |(at, width, port, ports, wild)| {
                let mut cube = Cube::any(Family::V4);
                if wild != 0 {
                    cube.source = Ranges::span(at, at + width);
                }
                if wild != 1 {
                    cube.destination_port = Ranges::span(port, port + ports);
                }
                cube
            },
        )
    }

    proptest! {
        /// The index misses nothing, and reports in order.
        #[test]
        fn nothing_is_missed(cubes in prop::collection::vec(cube(), 0..80), question in cube()) {
            let index = Index::new(&cubes);
            let mut found = Vec::new();
            index.overlapping(&question, &mut found);
            prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
            for (at, cube) in (0u32..).zip(&cubes) {
                prop_assert!(!cube.overlaps(&question) || found.contains(&at));
            }
            if let Some(packet) = question.witness(Family::V4) {
                let mut containing = Vec::new();
                index.containing(&packet, &mut containing);
                for (at, cube) in (0u32..).zip(&cubes) {
                    prop_assert!(!cube.contains(&packet, |_| true) || containing.contains(&at));
                }
            }
        }
    }

    /// The tree ends, and nothing is missed, where cuts part little or nothing.
    #[test]
    fn equal_and_nested_cubes() {
        let nested = |at: u16| Cube {
            destination_port: Ranges::span(at / 2, 1000 - at / 2),
            ..Cube::any(Family::V4)
        };
        let cubes: Vec<Cube> = (0..1000).chain([7; 500]).map(nested).collect();
        let index = Index::new(&cubes);
        for port in [0, 3, 250, 500, 1000, 1001] {
            let question = Cube {
                destination_port: Ranges::single(port),
                ..Cube::any(Family::V4)
            };
            let mut found = Vec::new();
            index.overlapping(&question, &mut found);
            let wanted = (0u32..)
                .zip(&cubes)
                .filter(|(_, cube)| cube.overlaps(&question));
            assert!(wanted.map(|(at, _)| at).eq(found), "{port}");
        }
    }
}
