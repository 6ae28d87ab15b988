//! Rules made ready for evaluation: every chain's matches behind an index.

use super::circular::circular_jumps;
use super::model::{Base, ChainId, Course, Effect, Hook, Rule, RuleId, Rules, Translation};
use crate::net::Family;
use crate::packet::{Bits, CtState, Cube, FieldSet, Index, MarkBits, Packet, Ranges, Rare};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
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
    courses: Arc<BTreeMap<Hook, Course>>,
    /// Rules that are left out, in ascending order.
    without: Arc<[RuleId]>,
    /// Whether any rule translates packets, untracks them, or asks whether one did.
    pub(super) changes_packets: bool,
    untracks: bool,
    translations: Arc<[&'a Translation]>,
    /// Whether any base chain runs behind the translation of sources.
    sees_new_sources: bool,
    /// Whether any rule asks what a packet was before it was translated.
    pub(super) asks_original: bool,
}

/// All of them.
const HOOKS: [Hook; 7] = [
    Hook::Ingress,
    Hook::Prerouting,
    Hook::Input,
    Hook::Forward,
    Hook::Output,
    Hook::Postrouting,
    Hook::Egress,
];

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
        let all = || rules.chains.iter().flat_map(|chain| &chain.rules);
        Self {
            rules,
            family,
            chains: chains.collect(),
            circular: Arc::new(circular_jumps(rules).into_iter().collect()),
            courses: Arc::new(HOOKS.map(|hook| (hook, rules.course(hook))).into()),
            without: Arc::from([]),
            changes_packets: all().any(changes_packets),
            untracks: all().any(|rule| rule.effects.contains(&Effect::Untrack)),
            translations: all().filter_map(Rule::translation).collect(),
            sees_new_sources: rules.iter().any(|(_, chain)| {
                let base = chain.base.as_ref();
                base.is_some_and(Base::runs_behind_source_translation)
            }),
            asks_original: all()
                .flat_map(|rule| &rule.matches)
                .flat_map(|cube| cube.extra.iter())
                .any(|(field, _)| field.is_history() && field != Rare::Changes),
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
    #[must_use]
    pub fn leaves_out(&self, id: RuleId) -> bool {
        !self.without.is_empty() && self.without.binary_search(&id).is_ok()
    }

    /// The base chains that a packet passes when the host is asked about this hook.
    #[must_use]
    pub fn course(&self, hook: Hook) -> &Course {
        static NOWHERE: Course = Course {
            chains: Vec::new(),
            routing: 0,
        };
        self.courses.get(&hook).unwrap_or(&NOWHERE)
    }

    /// Whether any rule gives packets other addresses or ports.
    #[must_use]
    pub fn translates(&self) -> bool {
        !self.translations.is_empty()
    }

    /// Whether a jump of this rule lies on a circle, so that its effect is unknown.
    pub(super) fn is_circular(&self, id: RuleId) -> bool {
        !self.circular.is_empty() && self.circular.contains(&id)
    }

    /// Every packet, as it enters, that may be in a cube later on its way, whatever rules do to it:
    /// marks are open, and where rules translate into the cube, so is what they translate.
    #[must_use]
    pub fn origins(&self, cube: &Cube) -> Vec<Cube> {
        let mut own = Cube {
            mark: MarkBits::ANY,
            conn_mark: MarkBits::ANY,
            ..cube.clone()
        };
        own.extra = own.extra.without(Rare::is_history);
        let untracked = Bits(1 << CtState::Untracked as u8);
        if self.untracks && own.state.meets(&untracked) {
            own.state = Cube::any(self.family).state;
        }
        let mut translated = own.clone();
        for to in self.translations.iter() {
            let mut origin = own.clone();
            if !to.frees(&mut origin, self.family, self.sees_new_sources) {
                continue;
            }
            translated.source = translated.source.union(&origin.source);
            translated.source_port = translated.source_port.union(&origin.source_port);
            translated.destination = translated.destination.union(&origin.destination);
            let port = &origin.destination_port;
            translated.destination_port = translated.destination_port.union(port);
            translated.out_interface = translated.out_interface.union(&origin.out_interface);
        }
        if translated == own {
            return vec![own];
        }
        vec![translated]
    }

    /// A cube of packets as they enter: no rule has done anything to them yet.
    pub(super) fn entering(&self, cube: Cube) -> Cube {
        if self.changes_packets {
            return cube.with_rare(Rare::Changes, &Ranges::single(0));
        }
        cube
    }

    /// Positions of the entries of a chain that may overlap a cube, in the order of the rules.
    pub(super) fn candidates(&self, chain: ChainId, cube: &Cube) -> Vec<u32> {
        let mut found = Vec::new();
        if let Some(prepared) = self.chains.get(chain.0 as usize) {
            prepared.index.overlapping(cube, &mut found);
            if !self.without.is_empty() {
                let rule = |at: &u32| prepared.entries.get(*at as usize).map(|entry| entry.rule);
                found.retain(|at| {
                    let id = rule(at).map(|index| RuleId { chain, index });
                    !id.is_some_and(|id| self.leaves_out(id))
                });
            }
        }
        found
    }

    /// Calls `visit` with cubes that rules of a chain match and that may overlap this one, in no
    /// order, until it breaks.
    pub fn visit(
        &self,
        chain: ChainId,
        cube: &Cube,
        mut visit: impl FnMut(RuleId, &'a Cube) -> ControlFlow<()>,
    ) {
        let Some(prepared) = self.chains.get(chain.0 as usize) else {
            return;
        };
        prepared.index.visit(cube, |at| {
            let entry = prepared.entries.get(at as usize);
            entry.map_or(ControlFlow::Continue(()), |entry| {
                let index = entry.rule;
                visit(RuleId { chain, index }, entry.cube)
            })
        });
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

fn changes_packets(rule: &Rule) -> bool {
    let effects = rule.effects.iter();
    let mut asks = rule.matches.iter().flat_map(|cube| cube.extra.iter());
    effects
        .into_iter()
        .any(|effect| matches!(effect, Effect::Untrack | Effect::Translate(_)))
        || asks.any(|(field, _)| field.is_history())
}

impl Translation {
    /// Makes a cube of what it may have been before; false when nothing in it is the outcome.
    fn frees(&self, cube: &mut Cube, family: Family, sources: bool) -> bool {
        let any = Cube::any(family);
        let meets = |to: &Option<Ranges<u128>>, own: &Ranges<u128>| {
            to.as_ref().is_none_or(|to| to.overlaps(own))
        };
        let meets_port = |to: &Option<Ranges<u16>>, own: &Ranges<u16>| {
            to.as_ref().is_none_or(|to| to.overlaps(own))
        };
        let possible = meets(&self.source, &cube.source)
            && meets_port(&self.source_port, &cube.source_port)
            && meets(&self.destination, &cube.destination)
            && meets_port(&self.destination_port, &cube.destination_port);
        let moves = self.destination.is_some() || self.destination_port.is_some();
        if !possible || !(moves || sources) {
            return false;
        }
        if self.source.is_some() {
            cube.source = any.source;
        }
        if self.source_port.is_some() {
            cube.source_port = any.source_port;
        }
        if self.destination.is_some() {
            cube.destination = any.destination;
            cube.out_interface = any.out_interface;
        }
        if self.destination_port.is_some() {
            cube.destination_port = any.destination_port;
        }
        true
    }
}
