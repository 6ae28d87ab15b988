//! Both firewalls' answers by decision diagrams, where the pieces are too many.

use super::gather::{Gathered, Key};
use super::pieces::{Fate, Kind, Way};
use super::stations::Stations;
use super::{One, Sides};
use crate::firewall::{Ask, Decider};
use crate::packet::diagram::{Diagrams, Node};
use crate::packet::{Cube, OverBudget};
use std::collections::BTreeMap;

/// Pairs of lines that are told apart.
const MOST_PAIRS: usize = 256;

/// Packets of one side with one fate and one decider.
type Parts = Vec<(Fate, Option<Decider>, Node)>;

/// Adds the differences among the packets of these cubes, exactly. True when only some pairs of
/// lines are told apart.
pub(super) fn whole(
    one: &One<'_>,
    (entering, cubes): (&Cube, &[Cube]),
    out: &mut Gathered,
) -> Result<bool, OverBudget> {
    let mut diagrams = Diagrams::new(one.programs[0].family, one.effort.nodes)?;
    let d = &mut diagrams;
    let region = d.from_cubes(cubes)?;
    d.keep(region);
    let mut parts: Sides<Parts> = Default::default();
    for side in [0, 1] {
        let program = one.programs[side];
        let asked = (entering, region);
        let next = |way: Way, by: Decider| one.ways.next(program, way, by);
        let decision = program.decide(d, one.hook, asked, Ask::Fates, next)?;
        for part in decision.parts {
            d.keep(part.packets);
            let fate = Fate::new(program, part.end, part.by, part.class);
            parts[side].push((fate, part.by, part.packets));
        }
    }
    let mut fates: Sides<BTreeMap<&Fate, Node>> = Default::default();
    for side in [0, 1] {
        for (fate, _, packets) in &parts[side] {
            let known = fates[side].entry(fate).or_insert(Node::EMPTY);
            *known = d.or(*known, *packets)?;
        }
    }
    let mut differing: Vec<(Kind, Sides<&Fate>, Node)> = Vec::new();
    for (old, before) in &fates[0] {
        for (new, after) in &fates[1] {
            if let Some(kind) = old.against(new) {
                let both = d.and(*before, *after)?;
                if !both.is_empty() {
                    differing.push((kind, [*old, *new], both));
                }
            }
        }
    }
    let certain = certain(d, region, &differing)?;
    let mut all = Listing {
        parts: &parts,
        stations: &one.stations,
        out,
        pairs: 0,
        read: one.effort.read,
    };
    for (kind, fate, packets) in differing {
        let sure = match certain.get(&kind) {
            Some(sure) if !fate.iter().any(|fate| fate.is_open()) => d.and(packets, *sure)?,
            _ => Node::EMPTY,
        };
        let unsure = d.minus(packets, sure)?;
        for (possible, packets) in [(false, sure), (true, unsure)] {
            all.pairs(d, kind, possible, fate, packets)?;
        }
    }
    Ok(all.pairs > MOST_PAIRS)
}

/// For each kind the packets that differ in this way whatever is not known.
fn certain(
    d: &mut Diagrams,
    region: Node,
    differing: &[(Kind, Sides<&Fate>, Node)],
) -> Result<BTreeMap<Kind, Node>, OverBudget> {
    let mut sure: BTreeMap<Kind, Node> = BTreeMap::new();
    for (kind, fate, packets) in differing {
        if !fate.iter().any(|fate| fate.is_open()) {
            let known = sure.entry(*kind).or_insert(Node::EMPTY);
            *known = d.or(*known, *packets)?;
        }
    }
    for packets in sure.values_mut() {
        let others = d.minus(region, *packets)?;
        let others = d.forget(others, &[], true)?;
        *packets = d.minus(*packets, others)?;
    }
    Ok(sure)
}

/// Reads out who decides.
struct Listing<'l> {
    parts: &'l Sides<Parts>,
    stations: &'l Stations<'l>,
    out: &'l mut Gathered,
    pairs: usize,
    read: usize,
}

impl Listing<'_> {
    /// Adds these packets by the pairs of lines that decide them.
    fn pairs(
        &mut self,
        d: &mut Diagrams,
        kind: Kind,
        possible: bool,
        fate: Sides<&Fate>,
        packets: Node,
    ) -> Result<(), OverBudget> {
        let mut rest = packets;
        for (old, before, set) in self.parts[0].iter().filter(|part| part.0 == *fate[0]) {
            let mut first = d.and(rest, *set)?;
            rest = d.minus(rest, first)?;
            for (new, after, set) in self.parts[1].iter().filter(|part| part.0 == *fate[1]) {
                if first.is_empty() {
                    break;
                }
                let both = d.and(first, *set)?;
                first = d.minus(first, both)?;
                if both.is_empty() {
                    continue;
                }
                self.pairs += 1;
                if self.pairs > MOST_PAIRS {
                    return Ok(());
                }
                let fate = [old.clone(), new.clone()];
                let via = [before.as_slice(), after.as_slice()];
                let key = Key {
                    kind,
                    possible,
                    by: self.stations.deciding(&fate, via),
                    fate,
                };
                let read = d.cubes(both, self.read);
                let known = self.out.0.entry(key).or_default();
                known.more |= !read.complete;
                known.cubes.extend(read.cubes);
            }
        }
        Ok(())
    }
}
