//! Rules made ready for evaluation: every chain's matches behind an index.

use super::circular::circular_jumps;
use super::model::{Action, ChainId, Hook, RuleId, Rules};
use crate::net::Family;
use crate::packet::{Cube, Index, Packet};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rules of one family, indexed. Build it once, ask it often.
#[derive(Debug, Clone)]
pub struct Program<'a> {
    /// The rules that it is made from.
    pub rules: &'a Rules,
    /// Their family.
    pub family: Family,
    chains: Arc<[Prepared<'a>]>,
    circular: Arc<FxHashSet<RuleId>>,
    /// For each hook, the base chains that a packet passes.
    bases: Arc<BTreeMap<Hook, Vec<ChainId>>>,
    /// Rules that are left out, in ascending order.
    without: Arc<[RuleId]>,
}

/// All of them.
const HOOKS: [Hook; 5] = [
    Hook::Prerouting,
    Hook::Input,
    Hook::Forward,
    Hook::Output,
    Hook::Postrouting,
];

/// What a rule that is left out does.
static NOTHING: Action = Action::Continue;

/// One chain: its matches in the order of its rules, and the index over them.
#[derive(Debug)]
struct Prepared<'a> {
    entries: Vec<Entry<'a>>,
    index: Index,
}

/// One cube of one rule's match.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) rule: u32,
    pub(super) cube: &'a Cube,
}

impl<'a> Program<'a> {
    /// Prepares the rules of a family.
    #[must_use]
    pub fn new(rules: &'a Rules, family: Family) -> Self {
        let chains = rules.chains.iter().map(|chain| {
            let entries: Vec<Entry<'a>> = (0..)
                .zip(&chain.rules)
                .flat_map(|(rule, r)| r.matches.iter().map(move |cube| Entry { rule, cube }))
                .collect();
            let index = Index::new(entries.iter().map(|entry| entry.cube));
            Prepared { entries, index }
        });
        Self {
            rules,
            family,
            chains: chains.collect(),
            circular: Arc::new(circular_jumps(rules).into_iter().collect()),
            bases: Arc::new(HOOKS.map(|hook| (hook, rules.bases(hook.way()))).into()),
            without: Arc::from([]),
        }
    }

    /// The same rules without these, as if they had been deleted. Costs nothing.
    #[must_use]
    pub fn without(&self, mut left_out: Vec<RuleId>) -> Self {
        left_out.sort_unstable();
        Self {
            without: left_out.into(),
            ..self.clone()
        }
    }

    /// Whether a rule is left out.
    pub(super) fn leaves_out(&self, id: RuleId) -> bool {
        !self.without.is_empty() && self.without.binary_search(&id).is_ok()
    }

    /// The base chains that a packet passes when the host is asked about this hook.
    #[must_use]
    pub fn bases(&self, hook: Hook) -> &[ChainId] {
        self.bases.get(&hook).map_or(&[], Vec::as_slice)
    }

    /// What a rule does; jumps on a circle have an unknown effect.
    pub(super) fn action(&self, id: RuleId) -> Option<&'a Action> {
        let rule = self.rules.rule(id)?;
        if self.leaves_out(id) {
            return Some(&NOTHING);
        }
        if !self.circular.is_empty() && self.circular.contains(&id) {
            return None;
        }
        Some(&rule.action)
    }

    /// Positions of the entries of a chain that may overlap a cube, in the order of the rules.
    pub(super) fn candidates(&self, chain: ChainId, cube: &Cube) -> Vec<u32> {
        let mut found = Vec::new();
        if let Some(prepared) = self.chains.get(chain.0 as usize) {
            prepared.index.overlapping(cube, &mut found);
        }
        found
    }

    /// Positions of the rules of a chain that may match a packet, in their order.
    pub(super) fn near(&self, chain: ChainId, packet: &Packet) -> Vec<u32> {
        let Some(prepared) = self.chains.get(chain.0 as usize) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        prepared.index.containing(packet, &mut found);
        let rule = |at: &u32| prepared.entries.get(*at as usize).map(|entry| entry.rule);
        let mut rules: Vec<u32> = found.iter().filter_map(rule).collect();
        rules.dedup();
        rules
    }

    /// An entry of a chain.
    pub(super) fn entry(&self, chain: ChainId, at: u32) -> Option<Entry<'a>> {
        let prepared = self.chains.get(chain.0 as usize)?;
        prepared.entries.get(at as usize).copied()
    }
}
