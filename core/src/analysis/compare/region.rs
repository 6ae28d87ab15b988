//! Where the fate of a packet can differ at all.
//!
//! Let both firewalls run on one packet, side by side, over the rules that they have in common
//! and over the others in their places. As long as the packet matches none of the others, both
//! do the same to it: a rule that does not match does nothing, and a common one has the same
//! match, acts alike, and leads to chains that are aligned in the same way. So by induction over
//! the steps a packet whose fate differs has, on one side or the other, arrived at a changed rule
//! (or at the end of a base chain whose policy changed) and matched it *in the state that it had
//! there*, and up to then both sides had it in the same state.
//!
//! The packets that can do that are among those that match the rule as they entered, but for
//! what rules on the way change:
//!
//! - marks: the match is taken without them;
//! - everything else (translated addresses, packets that tracking is told to leave alone, and
//!   whatever a rule does that is not modelled): then the packet matched the rule that changed it
//!   while it was as it entered. The matches of all such rules are added.
//!
//! A rule in a called chain is met only by packets that match the rules which call it.

use super::Sides;
use super::align::Alignment;
use crate::firewall::{Action, ChainId, Hook, Rule, RuleId, Rules, circular_jumps};
use crate::net::Family;
use crate::packet::{Budget, Cube, IfName, Index, MarkBits, Ranges};
use std::collections::{BTreeMap, BTreeSet};

/// Calls of a chain are told apart up to this many cubes; beyond, any packet may come.
const MOST_CALLS: usize = 64;

/// Callers are followed this far up.
const DEEPEST: usize = 16;

/// Every packet that can come to a hook, unmarked: there is no outgoing interface at INPUT, no
/// incoming one at OUTPUT.
pub(super) fn entering(hook: Hook, family: Family) -> Cube {
    let none = Ranges::single(IfName::NONE.0);
    let real = Ranges::full().subtract(&none);
    let (in_interface, out_interface) = match hook {
        Hook::Prerouting | Hook::Input => (real, none),
        Hook::Forward => (real.clone(), real),
        Hook::Output | Hook::Postrouting => (none, real),
    };
    Cube {
        in_interface,
        out_interface,
        mark: MarkBits {
            care: u32::MAX,
            value: 0,
        },
        ..Cube::any(family)
    }
}

/// Cubes that together hold every packet whose fate may differ: none of them in another.
pub(super) fn differing(
    rules: Sides<&Rules>,
    bases: &Sides<Vec<ChainId>>,
    alignment: &Alignment,
    entering: &Cube,
) -> Vec<Cube> {
    if alignment.is_same() {
        return Vec::new();
    }
    let mut cubes = Vec::new();
    for side in [0, 1] {
        let mut callers = Callers::new(rules[side], &bases[side], entering);
        if !alignment.policies[side].is_empty() {
            return vec![entering.clone()];
        }
        let changed = alignment.changed[side].iter().copied();
        let circular: BTreeSet<RuleId> = circular_jumps(rules[side]).into_iter().collect();
        let common = alignment.common.iter().map(|common| common.rule[side]);
        let transforming = common.filter(|id| {
            let rule = rules[side].rule(*id);
            circular.contains(id) || rule.is_some_and(transforms)
        });
        for id in changed.chain(transforming) {
            let Some(rule) = rules[side].rule(id) else {
                continue;
            };
            let come = callers.to(id.chain, 0);
            for cube in rule.matches.iter().map(as_entered) {
                cubes.extend(come.iter().filter_map(|call| cube.intersect(call)));
            }
        }
    }
    outermost(cubes)
}

/// Whether a rule does more to packets than deciding about them and setting marks.
fn transforms(rule: &Rule) -> bool {
    matches!(rule.action, Action::Opaque { .. })
}

/// The packets that may match a cube later, as they may be when they enter.
fn as_entered(cube: &Cube) -> Cube {
    Cube {
        mark: MarkBits::ANY,
        ..cube.clone().without_assumptions()
    }
}

/// Which packets come to a chain.
struct Callers<'a> {
    rules: &'a Rules,
    bases: BTreeSet<ChainId>,
    entering: &'a Cube,
    calls: BTreeMap<ChainId, Vec<RuleId>>,
    known: BTreeMap<ChainId, Vec<Cube>>,
}

impl<'a> Callers<'a> {
    fn new(rules: &'a Rules, bases: &[ChainId], entering: &'a Cube) -> Self {
        let mut calls: BTreeMap<ChainId, Vec<RuleId>> = BTreeMap::new();
        for (chain, all) in rules.iter() {
            for (index, rule) in (0..).zip(&all.rules) {
                if let Action::Jump(to) | Action::Goto(to) = rule.action {
                    calls.entry(to).or_default().push(RuleId { chain, index });
                }
            }
        }
        Self {
            rules,
            bases: bases.iter().copied().collect(),
            entering,
            calls,
            known: BTreeMap::new(),
        }
    }

    fn to(&mut self, chain: ChainId, depth: usize) -> Vec<Cube> {
        if let Some(known) = self.known.get(&chain) {
            return known.clone();
        }
        let any = vec![self.entering.clone()];
        if self.bases.contains(&chain) || depth >= DEEPEST {
            return any;
        }
        let calls = self.calls.get(&chain).cloned().unwrap_or_default();
        let mut all = Vec::new();
        for call in calls {
            let Some(rule) = self.rules.rule(call) else {
                continue;
            };
            let come = self.to(call.chain, depth + 1);
            for cube in rule.matches.iter().map(as_entered) {
                all.extend(come.iter().filter_map(|way| cube.intersect(way)));
            }
            if all.len() > MOST_CALLS {
                all = any.clone();
                break;
            }
        }
        self.known.insert(chain, all.clone());
        all
    }
}

/// The cubes that are in no other.
fn outermost(mut cubes: Vec<Cube>) -> Vec<Cube> {
    cubes.sort();
    cubes.dedup();
    let index = Index::new(&cubes);
    let mut near = Vec::new();
    // Looking for a wider one is to save work, not to make it.
    let mut budget = Budget::new(100 * cubes.len() as u64);
    let inside = |at: usize, cube: &Cube, near: &mut Vec<u32>, budget: &mut Budget| {
        near.clear();
        index.overlapping(cube, near);
        near.iter().any(|&other| {
            let wider = cubes.get(other as usize);
            other as usize != at
                && budget.step().is_ok()
                && wider.is_some_and(|wider| cube.is_subset(wider))
        })
    };
    let kept = cubes.iter().enumerate();
    let kept = kept.filter(|(at, cube)| !inside(*at, cube, &mut near, &mut budget));
    kept.map(|(_, cube)| cube.clone()).collect()
}
