//! Which cubes of a list overlap a given one: a bounding-volume tree over the cubes' hulls.

use super::cube::Cube;
use super::fields::{ByteSet, FieldSet};
use super::ranges::Ranges;
use super::value::Packet;

/// Cubes in a leaf.
const LEAF: usize = 8;

/// Fields that hulls are split along.
const DIMENSIONS: usize = 6;

/// Hulls looked at to tell which dimension separates.
const SAMPLE: usize = 512;

/// An index over a list of cubes. Building takes about n log n, a query about log n plus the
/// number of cubes that it finds; it may report a cube that does not overlap, never miss one.
#[derive(Debug, Clone)]
pub struct Index {
    /// Positions in the list, grouped by leaf.
    order: Vec<u32>,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
struct Node {
    hull: Hull,
    /// Range in `order` for a leaf; indices of both children for an inner node.
    children: (u32, u32),
    leaf: bool,
}

/// Interval hulls of the fields that tell rules apart.
#[derive(Debug, Clone, Copy)]
struct Hull {
    /// Source, destination, in and out interface.
    wide: [(u128, u128); 4],
    ports: [(u16, u16); 2],
    protocol: ByteSet,
}

impl Hull {
    fn of(cube: &Cube) -> Self {
        // An empty set gets a hull that overlaps nothing.
        let wide = |r: &Ranges<u128>| r.hull().unwrap_or((u128::MAX, 0));
        let narrow = |r: &Ranges<u16>| r.hull().unwrap_or((u16::MAX, 0));
        Self {
            wide: [
                wide(&cube.source),
                wide(&cube.destination),
                wide(&cube.in_interface),
                wide(&cube.out_interface),
            ],
            ports: [narrow(&cube.source_port), narrow(&cube.destination_port)],
            protocol: cube.protocol,
        }
    }

    fn point(packet: &Packet) -> Self {
        let wide = |value: u128| (value, value);
        let narrow = |value: u16| (value, value);
        Self {
            wide: [
                wide(packet.source),
                wide(packet.destination),
                wide(packet.in_interface.0),
                wide(packet.out_interface.0),
            ],
            ports: [narrow(packet.source_port), narrow(packet.destination_port)],
            protocol: ByteSet::single(packet.protocol.0),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        let wide = self.wide.iter().zip(&other.wide);
        let ports = self.ports.iter().zip(&other.ports);
        wide.into_iter().all(|(a, b)| a.0 <= b.1 && b.0 <= a.1)
            && ports.into_iter().all(|(a, b)| a.0 <= b.1 && b.0 <= a.1)
            && self.protocol.meets(&other.protocol)
    }

    fn join(&mut self, other: &Self) {
        for (a, b) in self.wide.iter_mut().zip(&other.wide) {
            *a = (a.0.min(b.0), a.1.max(b.1));
        }
        for (a, b) in self.ports.iter_mut().zip(&other.ports) {
            *a = (a.0.min(b.0), a.1.max(b.1));
        }
        self.protocol = self.protocol.or(&other.protocol);
    }

    /// Width of a dimension in bits (0: one value), and its middle, both comparable between
    /// hulls of one list. Six dimensions: the four wide ones, then the two of ports.
    fn extent(&self, dimension: usize) -> (u32, u128) {
        let (lo, hi) = match dimension {
            4 | 5 => self
                .ports
                .get(dimension - 4)
                .map_or((0, 0), |&(lo, hi)| (u128::from(lo), u128::from(hi))),
            _ => self.wide.get(dimension).copied().unwrap_or((0, 0)),
        };
        let width = hi.saturating_sub(lo);
        (u128::BITS - width.leading_zeros(), lo / 2 + hi / 2)
    }
}

impl Index {
    /// An index over these cubes.
    #[must_use]
    pub fn new<'a>(cubes: impl IntoIterator<Item = &'a Cube>) -> Self {
        let hulls: Vec<Hull> = cubes.into_iter().map(Hull::of).collect();
        let mut index = Self {
            order: (0..u32::try_from(hulls.len()).unwrap_or(u32::MAX)).collect(),
            nodes: Vec::new(),
        };
        if !hulls.is_empty() {
            let mut order = std::mem::take(&mut index.order);
            index.build(&hulls, &mut order, 0, 0);
            index.order = order;
        }
        index
    }

    /// Builds the node over `order`, whose first position is `offset`; gives its index.
    fn build(&mut self, hulls: &[Hull], order: &mut [u32], offset: u32, depth: usize) -> u32 {
        let at = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let mut all = order.iter().filter_map(|&i| hulls.get(i as usize));
        let Some(&(mut hull)) = all.next() else {
            return at;
        };
        all.for_each(|other| hull.join(other));
        let length = u32::try_from(order.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node {
            hull,
            children: (offset, offset.saturating_add(length)),
            leaf: true,
        });
        if order.len() <= LEAF {
            return at;
        }
        let middle = split(hulls, order, depth);
        let (left, right) = order.split_at_mut(middle);
        let right_offset = offset.saturating_add(u32::try_from(middle).unwrap_or(u32::MAX));
        let children = (
            self.build(hulls, left, offset, depth + 1),
            self.build(hulls, right, right_offset, depth + 1),
        );
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.children = children;
            node.leaf = false;
        }
        at
    }

    /// Adds the positions of all cubes that may overlap this one to `out`, in ascending order.
    pub fn overlapping(&self, cube: &Cube, out: &mut Vec<u32>) {
        self.search(&Hull::of(cube), out);
    }

    /// Adds the positions of all cubes that may contain this packet to `out`, in ascending order.
    pub fn containing(&self, packet: &Packet, out: &mut Vec<u32>) {
        self.search(&Hull::point(packet), out);
    }

    fn search(&self, hull: &Hull, out: &mut Vec<u32>) {
        let first = out.len();
        let mut stack = vec![0u32];
        while let Some(at) = stack.pop() {
            let Some(node) = self.nodes.get(at as usize) else {
                continue;
            };
            if !node.hull.overlaps(hull) {
                continue;
            }
            let (a, b) = node.children;
            if node.leaf {
                out.extend(self.order.get(a as usize..b as usize).unwrap_or(&[]));
            } else {
                stack.extend([a, b]);
            }
        }
        if let Some(found) = out.get_mut(first..) {
            found.sort_unstable();
        }
    }
}

/// Sorts `order` along the dimension that separates best and says where to cut. Wide hulls
/// (wildcards) go to one side, so that they do not blow up the hulls of the narrow ones.
///
/// Dimensions that separate well take turns with the depth of the tree: a question that leaves
/// one of them open is then still narrowed by the others.
fn split(hulls: &[Hull], order: &mut [u32], depth: usize) -> usize {
    let hull = |i: &u32| hulls.get(*i as usize);
    let different = |dimension: usize| {
        // A sample tells as much as all of them, and keeps building at n log n.
        let step = (order.len() / SAMPLE).max(1);
        let sampled = order.iter().step_by(step).filter_map(hull);
        let mut keys: Vec<(u32, u128)> = sampled.map(|h| h.extent(dimension)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.len()
    };
    let counts: [usize; DIMENSIONS] = std::array::from_fn(different);
    let most = counts.iter().copied().max().unwrap_or(0);
    let good: Vec<usize> = (0..DIMENSIONS)
        .filter(|&d| {
            counts
                .get(d)
                .is_some_and(|&count| count > 1 && count >= most / 4)
        })
        .collect();
    let chosen = depth
        .checked_rem(good.len())
        .and_then(|turn| good.get(turn));
    let best = chosen.copied().unwrap_or(0);
    let key = |i: &u32| hull(i).map_or((0, 0), |h| h.extent(best));
    let widest = order.iter().map(|i| key(i).0).max().unwrap_or(0);
    let wide = order.iter().filter(|i| key(i).0 == widest).count();
    let narrow = order.len() - wide;
    if narrow >= LEAF && wide >= LEAF {
        order.sort_unstable_by_key(|i| (key(i).0 == widest, *i));
        return narrow;
    }
    order.sort_unstable_by_key(|i| (key(i).1, *i));
    order.len() / 2
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
}
