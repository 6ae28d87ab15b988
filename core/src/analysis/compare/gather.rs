//! Pieces with differing fates, gathered by the two lines that decide them.

use super::pieces::{Fate, Kind, Piece};
use super::stations::Stations;
use super::{Difference, Sides};
use crate::firewall::Decider;
use crate::packet::{Budget, Cube, Index, OverBudget};
use std::collections::BTreeMap;

/// What differences are gathered by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) possible: bool,
    pub(super) fate: Sides<Fate>,
    pub(super) by: Sides<Option<Decider>>,
}

/// Packets of one key.
#[derive(Debug, Default)]
pub(super) struct Packets {
    /// With the assumptions under which they differ.
    pub(super) cubes: Vec<Cube>,
    /// Whether these are only some of them.
    pub(super) more: bool,
}

/// Differences on their way.
#[derive(Debug, Default)]
pub(super) struct Gathered(pub(super) BTreeMap<Key, Packets>);

impl Gathered {
    pub(super) fn add(&mut self, key: Key, cube: Cube) {
        self.0.entry(key).or_default().cubes.push(cube);
    }

    pub(super) fn join(&mut self, other: Self) {
        for (key, packets) in other.0 {
            let known = self.0.entry(key).or_default();
            known.cubes.extend(packets.cubes);
            known.more |= packets.more;
        }
    }

    /// Differences with readable packets, in order. `finish` completes each.
    pub(super) fn finish(
        self,
        mut finish: impl FnMut(Key, &Packets) -> Option<Difference>,
    ) -> Vec<Difference> {
        let each = self.0.into_iter();
        each.filter_map(|(key, packets)| finish(key, &packets))
            .collect()
    }
}

/// Sorts pieces into certain and possible differences.
///
/// A packet's pieces tell what becomes of it under all assumptions together. It differs for
/// certain in a way when it does under every one of them.
pub(super) fn gather(
    pieces: Vec<Piece>,
    stations: &Stations<'_>,
    budget: &mut Budget,
    out: &mut Gathered,
) -> Result<(), OverBudget> {
    let mut assuming: Vec<(Option<Kind>, Piece)> = Vec::new();
    for piece in pieces {
        let [old, new] = &piece.fate;
        let kind = old.against(new);
        if !piece.cube.unknown.is_empty() {
            assuming.push((kind, piece));
        } else if let Some(kind) = kind {
            let possible = old.is_open() || new.is_open();
            let key = key(kind, possible, &piece, stations);
            out.add(key, piece.cube);
        }
    }
    let index = Index::new(assuming.iter().map(|(_, piece)| &piece.cube));
    let mut near = Vec::new();
    for (kind, piece) in &assuming {
        let Some(kind) = *kind else { continue };
        let open = piece.fate.iter().any(Fate::is_open);
        let bare = piece.cube.clone().without_assumptions();
        near.clear();
        index.overlapping(&bare, &mut near);
        let mut certain = if open { Vec::new() } else { vec![bare.clone()] };
        let mut rest = Vec::new();
        for &other in &near {
            let Some((other_kind, other)) = assuming.get(other as usize) else {
                continue;
            };
            let other_open = other.fate.iter().any(Fate::is_open);
            if *other_kind == Some(kind) && !other_open {
                continue;
            }
            let cut = other.cube.clone().without_assumptions();
            for cube in certain.drain(..) {
                budget.step()?;
                cube.subtract(&cut, &mut rest);
            }
            std::mem::swap(&mut certain, &mut rest);
        }
        let mut possible = vec![piece.cube.clone()];
        for cube in &certain {
            for part in possible.drain(..) {
                budget.step()?;
                part.subtract(cube, &mut rest);
            }
            std::mem::swap(&mut possible, &mut rest);
        }
        for cube in certain {
            out.add(key(kind, false, piece, stations), cube);
        }
        for cube in possible {
            out.add(key(kind, true, piece, stations), cube);
        }
    }
    Ok(())
}

fn key(kind: Kind, possible: bool, piece: &Piece, stations: &Stations<'_>) -> Key {
    Key {
        kind,
        possible,
        fate: piece.fate.clone(),
        by: stations.deciding(&piece.fate, [&piece.via[0], &piece.via[1]]),
    }
}
