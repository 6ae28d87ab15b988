//! Packets of which one firewall's answer tells the other's.
//!
//! A packet that a common rule decides before any changed rule can match it has met the same on
//! both sides: the other firewall has the same rule, and nothing else before it. Of the packets
//! that match a changed rule many are of this kind, because earlier rules decide them; they need
//! not be walked through the other firewall.

use super::Sides;
use super::align::Alignment;
use crate::firewall::{Decider, End, Outcome, Rule, RuleId, Rules};
use crate::packet::{Cube, Index};
use rustc_hash::FxHashMap;

/// What is needed to tell.
pub(super) struct Settled {
    /// Each common rule of base chains in the old firewall, and its number in the new one.
    common: FxHashMap<RuleId, RuleId>,
    /// What changed rules match: side, rule, cube.
    changed: Vec<(usize, RuleId, Cube)>,
    index: Index,
}

impl Settled {
    /// None where packets may change on their way, or a policy differs: what a packet is as it
    /// enters tells then too little.
    pub(super) fn new(rules: Sides<&Rules>, alignment: &Alignment) -> Option<Self> {
        let chains = rules.iter().flat_map(|rules| &rules.chains);
        let mut all = chains.flat_map(|chain| &chain.rules);
        let changes = |rule: &Rule| !rule.effects.is_empty();
        if all.any(changes) || alignment.policies.iter().any(|changed| !changed.is_empty()) {
            return None;
        }
        let is_base = |side: usize, id: RuleId| {
            let chain = rules[side].chain(id.chain);
            chain.is_some_and(|chain| chain.base.is_some())
        };
        let common = alignment.common.iter().map(|common| common.rule);
        let common = common.filter(|&[old, new]| is_base(0, old) && is_base(1, new));
        let mut changed = Vec::new();
        for side in [0, 1] {
            for &id in &alignment.changed[side] {
                let matches = rules[side].rule(id).map(|rule| rule.matches.iter());
                changed.extend(matches.into_iter().flatten().map(|cube| {
                    // What predicates say of a packet does not matter here.
                    (side, id, cube.clone().without_assumptions())
                }));
            }
        }
        let index = Index::new(changed.iter().map(|(.., cube)| cube));
        Some(Self {
            common: common.map(|[old, new]| (old, new)).collect(),
            changed,
            index,
        })
    }

    /// Whether the new firewall does the same to the packets of an outcome of the old one.
    pub(super) fn is_settled(&self, before: &Outcome) -> bool {
        let Some(Decider::Rule(old)) = before.via.last() else {
            return false;
        };
        let decided = matches!(before.end, End::Accept | End::Drop | End::Reject);
        let Some(&new) = self.common.get(old) else {
            return false;
        };
        if !decided || !before.cube.unknown.is_empty() {
            return false;
        }
        let mut near = Vec::new();
        self.index.overlapping(&before.cube, &mut near);
        near.iter().all(|&at| {
            self.changed
                .get(at as usize)
                .is_some_and(|(side, id, cube)| {
                    let by = if *side == 0 { *old } else { new };
                    let behind = id.chain == by.chain && id.index > by.index;
                    behind || !cube.overlaps(&before.cube)
                })
        })
    }
}
