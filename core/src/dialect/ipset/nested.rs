//! Sets of pairs of networks with exceptions: of all pairs that hold a packet's addresses, the
//! kernel takes the one whose first network is the most specific, and of these the one whose
//! second is (`mtype_test_cidrs`).

use super::elements::Value;
use super::product::Pair;
use super::specific::{Interval, networks_of};
use super::{Set, elements::Element};
use crate::net::{Family, Protocol};
use crate::packet::{Cube, Ranges};
use std::collections::BTreeMap;

/// Most comparisons of elements with exceptions.
const MOST: usize = 1_000_000;

/// One pair of networks.
struct Networks {
    /// The first as sources, the second as destinations.
    cube: Cube,
    nomatch: bool,
    expires: bool,
}

/// What a test finds among the elements of one port.
pub(super) struct Found {
    pub port: Port,
    /// Pairs that it certainly finds.
    pub certain: Vec<Pair>,
    /// Pairs that it may find.
    pub open: Vec<Pair>,
}

/// A protocol and its ports.
type Port = Option<(Protocol, u16, u16)>;

/// Pairs that a test certainly finds and those that it may find, by port; none when that is too
/// much. With `nomatch` a test finds what a `nomatch` element decides.
pub(super) fn decide(set: &Set, nomatch: bool) -> Option<Vec<Found>> {
    let mut groups: BTreeMap<Port, Vec<Networks>> = BTreeMap::new();
    for element in &set.elements {
        let (port, networks) = split(element, set.family)?;
        groups.entry(port).or_default().extend(networks);
    }
    let expires = set.elements.iter().any(|e| e.expires);
    let mut out = Vec::new();
    for (port, mut all) in groups {
        let size = |ranges: &Ranges<u128>| ranges.hull().map_or(0, |(lo, hi)| hi - lo);
        all.sort_by_cached_key(|n| (size(&n.cube.source), size(&n.cube.destination)));
        let wanted = all.iter().filter(|n| n.nomatch == nomatch).count();
        if wanted.saturating_mul(all.len() - wanted) > MOST {
            return None;
        }
        let (mut certain, mut open) = (Vec::new(), Vec::new());
        for (at, one) in all.iter().enumerate() {
            if one.nomatch != nomatch {
                continue;
            }
            let before = all.get(..at).unwrap_or(&[]);
            let others = before.iter().filter(|n| n.nomatch != nomatch);
            if !one.expires {
                certain.extend(without(&one.cube, others.clone().map(|n| &n.cube))?);
            }
            if !expires {
                continue;
            }
            let lasting = others.filter(|n| !n.expires);
            open.extend(without(&one.cube, lasting.map(|n| &n.cube))?);
        }
        out.push(Found {
            port,
            certain,
            open,
        });
    }
    Some(out)
}

/// What is left of a pair without others; none when these are too many.
fn without<'a>(cube: &Cube, others: impl Iterator<Item = &'a Cube>) -> Option<Vec<Pair>> {
    let mut parts = vec![cube.clone()];
    for other in others {
        let mut left = Vec::with_capacity(parts.len());
        for part in &parts {
            part.subtract(other, &mut left);
        }
        parts = left;
        if parts.len() > 4096 {
            return None;
        }
    }
    let pair = |cube: Cube| Pair {
        first: cube.source,
        second: cube.destination,
    };
    Some(parts.into_iter().map(pair).collect())
}

fn split(element: &Element, family: Family) -> Option<(Port, Vec<Networks>)> {
    let mut port = None;
    let mut sides: Vec<Vec<Interval>> = Vec::new();
    for value in &element.values {
        match *value {
            Value::Addresses(lo, hi) => sides.push(
                networks_of(Interval {
                    lo,
                    hi,
                    nomatch: element.nomatch,
                    expires: element.expires,
                    elsewhere: false,
                })
                .collect(),
            ),
            Value::Port(protocol, lo, hi) => port = Some((protocol, lo, hi)),
            _ => {}
        }
    }
    let [first, second] = sides.as_slice() else {
        return None;
    };
    if first.len().saturating_mul(second.len()) > MOST {
        return None;
    }
    let pair = |a: &Interval, b: &Interval| Networks {
        cube: Cube {
            source: Ranges::span(a.lo, a.hi),
            destination: Ranges::span(b.lo, b.hi),
            ..Cube::any(family)
        },
        nomatch: element.nomatch,
        expires: element.expires,
    };
    let all = first
        .iter()
        .flat_map(|a| second.iter().map(move |b| pair(a, b)));
    Some((port, all.collect()))
}
