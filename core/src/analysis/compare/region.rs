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
//! Which packets can do that, seen as they enter? Marks apart, a packet either is still as it
//! entered: then it matches the rule, and the rules that call its chain. Or a rule translated or
//! untracked it before, or did something that is not modelled: then the packet matched *that*
//! rule, to which the same argument applies. So the matches of those transforming rules are added
//! whose outcome may match a rule that was added before, until there is no more such rule.

use super::Sides;
use super::align::Alignment;
use crate::firewall::{
    Action, ChainId, Effect, Hook, Rule, RuleId, Rules, Translation, circular_jumps,
};
use crate::packet::{Bits, Budget, CtState, Cube, FieldSet, Index, MarkBits, Ranges, Rare};
use std::collections::{BTreeMap, BTreeSet};

/// Calls of a chain are told apart up to this many cubes; beyond, any packet may come.
const MOST_CALLS: usize = 64;

/// Callers are followed this far up.
const DEEPEST: usize = 16;

/// Cubes that together hold every packet of an entrance whose fate may differ: none of them in
/// another.
pub(super) fn differing(
    rules: Sides<&Rules>,
    hook: Hook,
    alignment: &Alignment,
    entering: &Cube,
) -> Vec<Cube> {
    if alignment.is_same() {
        return Vec::new();
    }
    let mut cubes = Vec::new();
    for side in [0, 1] {
        if !alignment.policies[side].is_empty() {
            return vec![entering.clone()];
        }
        let mut callers = Callers::new(rules[side], hook, entering);
        for id in reached(rules[side], side, alignment) {
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

/// The changed rules of a side, and the transforming rules whose outcome may match one of them or
/// one another.
fn reached(rules: &Rules, side: usize, alignment: &Alignment) -> Vec<RuleId> {
    let circular: BTreeSet<RuleId> = circular_jumps(rules).into_iter().collect();
    let common = alignment.common.iter().map(|common| common.rule[side]);
    let mut transforming: BTreeSet<RuleId> = common
        .filter(|id| circular.contains(id) || rules.rule(*id).is_some_and(transforms))
        .collect();
    let mut all: Vec<RuleId> = alignment.changed[side].iter().copied().collect();
    let mut from = 0;
    while from < all.len() && !transforming.is_empty() {
        let added = all.iter().skip(from).filter_map(|&id| rules.rule(id));
        let matches = added.flat_map(|rule| rule.matches.iter().map(as_entered));
        let index = Met::new(matches.collect());
        from = all.len();
        let leads = |id: &RuleId| {
            let rule = rules.rule(*id);
            circular.contains(id) || rule.is_none_or(|rule| index.meets(rule))
        };
        let next: Vec<RuleId> = transforming.iter().copied().filter(leads).collect();
        transforming.retain(|id| !next.contains(id));
        all.extend(next);
    }
    all
}

/// Whether a rule does more to packets than deciding about them and setting marks.
fn transforms(rule: &Rule) -> bool {
    matches!(rule.action, Action::Opaque { .. })
        || rule.translation().is_some()
        || rule.effects.contains(&Effect::Untrack)
}

/// The packets that may match a cube later, as they may be when no rule has changed more of them
/// than marks.
fn as_entered(cube: &Cube) -> Cube {
    Cube {
        mark: MarkBits::ANY,
        conn_mark: MarkBits::ANY,
        extra: cube.extra.without(Rare::is_history),
        ..cube.clone().without_assumptions()
    }
}

/// Cubes that packets may come to.
struct Met {
    cubes: Vec<Cube>,
    index: Index,
}

impl Met {
    fn new(cubes: Vec<Cube>) -> Self {
        let index = Index::new(&cubes);
        Self { cubes, index }
    }

    /// Whether what a rule makes of its packets may be in one of the cubes.
    fn meets(&self, rule: &Rule) -> bool {
        if matches!(rule.action, Action::Opaque { .. }) {
            return true;
        }
        let mut near = Vec::new();
        rule.matches.iter().any(|cube| {
            let made = outcome(rule, as_entered(cube));
            near.clear();
            self.index.overlapping(&made, &mut near);
            let mut cubes = near.iter().filter_map(|&at| self.cubes.get(at as usize));
            cubes.any(|cube| cube.overlaps(&made))
        })
    }
}

/// What translation and untracking make of packets; where they go then is left open.
fn outcome(rule: &Rule, mut cube: Cube) -> Cube {
    if rule.effects.contains(&Effect::Untrack) {
        cube.state = cube.state.or(&Bits(1 << CtState::Untracked as u8));
    }
    if let Some(Translation {
        source,
        source_port,
        destination,
        destination_port,
    }) = rule.translation()
    {
        cube.in_interface = Ranges::full();
        cube.out_interface = Ranges::full();
        cube.source = source.clone().unwrap_or(cube.source);
        cube.source_port = source_port.clone().unwrap_or(cube.source_port);
        cube.destination = destination.clone().unwrap_or(cube.destination);
        cube.destination_port = destination_port.clone().unwrap_or(cube.destination_port);
    }
    cube
}

/// Which packets come to a chain, as they entered but for marks.
struct Callers<'a> {
    rules: &'a Rules,
    bases: BTreeSet<ChainId>,
    entering: &'a Cube,
    calls: BTreeMap<ChainId, Vec<RuleId>>,
    known: BTreeMap<ChainId, Vec<Cube>>,
}

impl<'a> Callers<'a> {
    fn new(rules: &'a Rules, hook: Hook, entering: &'a Cube) -> Self {
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
            // What was translated may go the other way, but is no longer as it entered.
            bases: rules.course(hook).chains.into_iter().collect(),
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
