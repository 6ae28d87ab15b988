//! Which two lines decide about packets that both firewalls treat differently.
//!
//! What denies a packet is the last decider on its way. What permits it are all of them; the one
//! that tells something stands where the other firewall denies.

use super::Sides;
use super::align::Alignment;
use super::pieces::Fate;
use crate::firewall::{Action, ChainId, Decider, End, Rules};
use std::collections::{BTreeMap, BTreeSet};

/// The base chains of one hook on both sides.
pub(super) struct Stations<'a> {
    rules: Sides<&'a Rules>,
    bases: &'a Sides<Vec<ChainId>>,
    paired: &'a [(usize, usize)],
    /// From which base chains each chain can be reached, as positions in the list of them.
    homes: Sides<BTreeMap<ChainId, BTreeSet<usize>>>,
}

impl<'a> Stations<'a> {
    pub(super) fn new(
        rules: Sides<&'a Rules>,
        bases: &'a Sides<Vec<ChainId>>,
        alignment: &'a Alignment,
    ) -> Self {
        let homes = [0, 1].map(|side: usize| homes(rules[side], &bases[side]));
        Self {
            rules,
            bases,
            paired: &alignment.bases,
            homes,
        }
    }

    /// The line of each side that decides about packets with these fates.
    pub(super) fn deciding(
        &self,
        fate: &Sides<Fate>,
        via: Sides<&[Decider]>,
    ) -> Sides<Option<Decider>> {
        let ways = [0, 1].map(|side| self.stations(side, via[side]));
        [0, 1].map(|side| {
            let last = ways[side].last();
            if fate[side].end != End::Accept {
                return last.map(|(_, by)| *by);
            }
            let other = 1 - side;
            let there = ways[other].last().and_then(|(at, _)| *at);
            let here = there.and_then(|at| self.counterpart(other, at));
            let same = ways[side]
                .iter()
                .find(|(at, _)| here.is_some() && *at == here);
            let accepting = ways[side].iter().rev();
            let accepting = accepting.clone().find(|(_, by)| self.accepts(side, *by));
            same.or(accepting).or(last).map(|(_, by)| *by)
        })
    }

    fn accepts(&self, side: usize, by: Decider) -> bool {
        match by {
            Decider::Rule(id) => {
                let rule = self.rules[side].rule(id);
                rule.is_some_and(|rule| rule.action == Action::Accept)
            }
            Decider::Policy(_) => false,
        }
    }

    fn counterpart(&self, side: usize, at: usize) -> Option<usize> {
        let mut pairs = self.paired.iter().map(|&(a, b)| [a, b]);
        let pair = pairs.find(|pair| pair[side] == at)?;
        Some(pair[1 - side])
    }

    /// Each decider with the base chain that it ended: the first from which its chain can be
    /// reached, behind the one before.
    fn stations(&self, side: usize, via: &[Decider]) -> Vec<(Option<usize>, Decider)> {
        let mut next = 0;
        let mut all = Vec::with_capacity(via.len());
        for &by in via {
            let at = match by {
                Decider::Policy(chain) => {
                    let mut rest = self.bases[side].iter().enumerate().skip(next);
                    rest.find(|(_, base)| **base == chain).map(|(at, _)| at)
                }
                Decider::Rule(id) => {
                    let homes = self.homes[side].get(&id.chain);
                    homes.and_then(|homes| homes.range(next..).next().copied())
                }
            };
            next = at.map_or(next, |at| at + 1);
            all.push((at, by));
        }
        all
    }
}

fn homes(rules: &Rules, bases: &[ChainId]) -> BTreeMap<ChainId, BTreeSet<usize>> {
    let mut homes: BTreeMap<ChainId, BTreeSet<usize>> = BTreeMap::new();
    for (at, &base) in bases.iter().enumerate() {
        let mut open = vec![base];
        while let Some(id) = open.pop() {
            if !homes.entry(id).or_default().insert(at) {
                continue;
            }
            let chain = rules.chain(id).into_iter();
            let called = chain.flat_map(|chain| &chain.rules);
            open.extend(called.filter_map(|rule| match rule.action {
                Action::Jump(to) | Action::Goto(to) => Some(to),
                _ => None,
            }));
        }
    }
    homes
}
