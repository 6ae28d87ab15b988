//! The semantic difference of two firewalls: which packets one permits and the other denies, and
//! which two lines decide about them.
//!
//! Exact: equality is claimed only when it is proved, and what could not be compared within
//! bounded work is named. What rules do that are not modelled makes differences *possible*
//! instead of certain: certain is what differs whatever they do.
//!
//! Two lists that differ in a few rules are not worth walking in full. They are aligned first
//! ([`align`]); only packets that meet a rule which the other list does not have can differ
//! ([`region`]); these are walked through both ([`pieces`]), and where they fall into too many
//! pieces, diagrams answer instead ([`whole`]).

mod align;
mod entrance;
mod gather;
mod pieces;
mod readable;
mod region;
mod settled;
mod stations;
#[cfg(test)]
mod tests;
mod tokens;
mod whole;

pub use pieces::Kind;

use super::STEPS;
use crate::firewall::{
    ChainId, Decider, Dependency, End, Firewall, Hook, MOST_NODES, Program, RuleId, Rules, Traced,
    Unknown,
};
use crate::net::Family;
use crate::packet::{Budget, Cube, OverBudget, Packet, PacketSet};
use crate::source::Sources;
use align::Alignment;
use entrance::{Entrance, stops};
use gather::{Gathered, Key, Packets, gather};
use pieces::Ways;
use readable::readable;
use settled::Settled;
use stations::Stations;
use std::collections::BTreeMap;
use tokens::{Tokens, tokens};

/// Something of the old and of the new firewall.
pub type Sides<T> = [T; 2];

/// Hooks at which firewalls are compared: where packets to, through and from the host are
/// decided. What comes before and after on a packet's way is part of each.
pub const HOOKS: [Hook; 3] = [Hook::Input, Hook::Forward, Hook::Output];

/// Work that may be done.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Cubes handled for one cube of packets that may differ.
    steps: u64,
    /// Cubes handled for all of them at one hook.
    steps_per_hook: u64,
    /// Nodes of the diagrams of one hook.
    nodes: u32,
    /// Cubes read out of the packets of one pair of lines, where diagrams answer.
    read: usize,
}

const EFFORT: Effort = Effort {
    steps: STEPS,
    steps_per_hook: 10 * STEPS,
    nodes: MOST_NODES,
    read: 16,
};

/// The answer.
#[derive(Debug, Default)]
pub struct Comparison {
    /// One for each family that both firewalls filter, and each hook.
    pub hooks: Vec<HookComparison>,
    /// Families that only one of the exports speaks of.
    pub one_sided: Vec<(Family, usize)>,
    /// All differences, by family, hook and kind.
    pub differences: Vec<Difference>,
    /// What is not modelled and stands alike in both: it was taken to do the same in both.
    pub alike: Vec<Sides<Dependency>>,
}

/// What was found at one hook.
#[derive(Debug)]
pub struct HookComparison {
    /// IPv4 or IPv6.
    pub family: Family,
    /// Where packets are decided.
    pub hook: Hook,
    /// Packets about which nothing is claimed: comparing them would cost too much.
    pub not_compared: Vec<Cube>,
    /// Whether there are differences between more pairs of lines than are listed.
    pub more: bool,
}

/// Packets that the two treat differently, all by the same two lines.
#[derive(Debug)]
pub struct Difference {
    /// IPv4 or IPv6.
    pub family: Family,
    /// Where they are decided.
    pub hook: Hook,
    /// In which way.
    pub kind: Kind,
    /// Whether it depends on something that is not modelled.
    pub possible: bool,
    /// What each side does to them.
    pub side: Sides<Decided>,
    /// The packets. None is left out unless `more`; for possible differences, those for which
    /// it is possible.
    pub packets: Vec<Cube>,
    /// Whether these are only some of the packets.
    pub more: bool,
    /// One of them.
    pub witness: Packet,
}

/// What one side does to packets.
#[derive(Debug)]
pub struct Decided {
    /// Their fate.
    pub end: End,
    /// What the sender is told, where the packets are rejected.
    pub answer: String,
    /// How the packets are translated, where they pass; empty where they are not.
    pub translation: String,
    /// The line that decides; none where no chain is.
    pub by: Option<Decider>,
    /// What the interpreter says of the witness.
    pub witness: Traced,
    /// What it depends on.
    pub depends_on: Vec<Dependency>,
}

/// Compares two firewalls whose spans lie in these sources.
#[must_use]
pub fn compare(sources: &Sources, old: &Firewall, new: &Firewall) -> Comparison {
    compare_within(EFFORT, sources, old, new)
}

fn compare_within(effort: Effort, sources: &Sources, old: &Firewall, new: &Firewall) -> Comparison {
    let mut comparison = Comparison::default();
    let mut plans = Vec::new();
    for family in Family::ALL {
        let exported = [old, new].map(|firewall| firewall.rules(family).exported);
        match exported {
            [true, true] => plans.push(Plan::new(sources, [old, new], family)),
            [true, false] => comparison.one_sided.push((family, 0)),
            [false, true] => comparison.one_sided.push((family, 1)),
            [false, false] => {}
        }
    }
    let predicates = Predicates::new([old, new], &plans);
    comparison.alike = predicates.alike([old, new], &plans);
    let renumbered = predicates.renumber(new);
    let new = renumbered.as_ref().unwrap_or(new);
    for mut plan in plans {
        for (_, _, alignment) in &mut plan.hooks {
            predicates.check(alignment);
        }
        plan.run(effort, [old, new], &predicates, &mut comparison);
    }
    comparison
}

/// What is compared in one family.
struct Plan {
    family: Family,
    hooks: Vec<(Hook, Sides<Vec<ChainId>>, Alignment)>,
}

impl Plan {
    fn new(sources: &Sources, firewalls: Sides<&Firewall>, family: Family) -> Self {
        let rules = firewalls.map(|firewall| firewall.rules(family));
        let tokens: Tokens = tokens(sources, firewalls, rules);
        let each = HOOKS.into_iter().map(|hook| {
            let bases = rules.map(|rules| stops(rules, hook));
            let alignment = align::align(rules, &tokens, &bases);
            (hook, bases, alignment)
        });
        Self {
            family,
            hooks: each.collect(),
        }
    }

    fn run(
        self,
        effort: Effort,
        firewalls: Sides<&Firewall>,
        predicates: &Predicates,
        out: &mut Comparison,
    ) {
        let family = self.family;
        let rules = firewalls.map(|firewall| firewall.rules(family));
        // Two of the same rules need no index.
        let mut programs: Option<Sides<Program<'_>>> = None;
        for (hook, bases, alignment) in &self.hooks {
            let mut found = HookComparison {
                family,
                hook: *hook,
                not_compared: Vec::new(),
                more: false,
            };
            let entrance = Entrance::new(rules, *hook, family);
            let differing = |entering| region::differing(rules, *hook, alignment, entering);
            let cubes: Vec<Vec<Cube>> = entrance.cubes.iter().map(differing).collect();
            if !alignment.is_same() {
                found.not_compared.extend(entrance.left_out.clone());
            }
            if cubes.iter().any(|cubes| !cubes.is_empty()) {
                let programs =
                    programs.get_or_insert_with(|| rules.map(|rules| Program::new(rules, family)));
                let one = One {
                    effort,
                    rules,
                    programs: [&programs[0], &programs[1]],
                    hook: *hook,
                    entrance: &entrance,
                    stations: Stations::new(rules, bases, alignment),
                    settled: Settled::new(rules, alignment),
                    predicates,
                    ways: Ways::default(),
                };
                let differences = one.differences(cubes, &mut found);
                out.differences.extend(differences);
            }
            out.hooks.push(found);
        }
    }
}

/// One hook of one family.
struct One<'o> {
    effort: Effort,
    rules: Sides<&'o Rules>,
    programs: Sides<&'o Program<'o>>,
    hook: Hook,
    entrance: &'o Entrance,
    stations: Stations<'o>,
    settled: Option<Settled>,
    predicates: &'o Predicates,
    /// Translations on packets' ways, numbered.
    ways: Ways,
}

impl One<'_> {
    /// `cubes`: for each part of the entrance, where fates may differ.
    fn differences(&self, cubes: Vec<Vec<Cube>>, found: &mut HookComparison) -> Vec<Difference> {
        let mut gathered = Gathered::default();
        let mut left = Budget::new(self.effort.steps_per_hook);
        for (entering, cubes) in self.entrance.cubes.iter().zip(cubes) {
            let mut hard = self.by_pieces(cubes, &mut left, &mut gathered);
            if hard.is_empty() {
                continue;
            }
            let asked = (entering, hard.as_slice());
            match whole::whole(self, asked, &mut gathered) {
                Ok(more) => found.more |= more,
                Err(OverBudget) => found.not_compared.append(&mut hard),
            }
        }
        found.not_compared = self.shown(&found.not_compared);
        gathered.finish(|key, packets| self.difference(key, packets))
    }

    /// Compares piece by piece; gives back the cubes for which that is too much.
    fn by_pieces(&self, cubes: Vec<Cube>, left: &mut Budget, out: &mut Gathered) -> Vec<Cube> {
        let mut hard = Vec::new();
        let mut done = Vec::new();
        let mut all = Vec::new();
        for cube in cubes {
            let mut some = Vec::new();
            let mut budget = left.share(self.effort.steps);
            let walked = self.pieces(&cube, &mut budget, &mut some);
            left.give_back(budget);
            match walked {
                Ok(()) if all.len() + some.len() <= pieces::MOST_PIECES => {
                    all.extend(some);
                    done.push(cube);
                }
                _ => hard.push(cube),
            }
        }
        let mut budget = Budget::new(self.effort.steps_per_hook);
        let mut some = Gathered::default();
        match gather(all, &self.stations, &mut budget, &mut some) {
            Ok(()) => out.join(some),
            Err(OverBudget) => hard.extend(done),
        }
        hard
    }

    /// What cubes look like to people, whatever is not known about them.
    fn shown(&self, cubes: &[Cube]) -> Vec<Cube> {
        let bare = cubes.iter().cloned().map(Cube::without_assumptions);
        let bare = bare.map(|cube| self.entrance.shown(cube));
        readable(&PacketSet::from(bare.collect::<Vec<_>>()))
    }

    fn difference(&self, key: Key, packets: &Packets) -> Option<Difference> {
        let readable = self.shown(&packets.cubes);
        let family = self.programs[0].family;
        let witness = readable.iter().find_map(|cube| cube.witness(family))?;
        let Key {
            kind,
            possible,
            fate,
            by,
        } = key;
        let side = [0, 1].map(|side: usize| {
            let unknowns = &self.predicates.unknowns[side];
            let mut depends_on = Vec::new();
            if possible {
                depends_on = self.depends(side, &packets.cubes, by[side]);
            }
            Decided {
                end: fate[side].end,
                answer: fate[side].answer.clone().unwrap_or_default(),
                translation: self.ways.text(fate[side].way),
                by: by[side],
                witness: self.programs[side].trace(unknowns, self.hook, &witness),
                depends_on,
            }
        });
        Some(Difference {
            family,
            hook: self.hook,
            kind,
            possible,
            side,
            packets: readable,
            more: packets.more,
            witness,
        })
    }

    /// What is not modelled on this side and matters.
    fn depends(&self, side: usize, cubes: &[Cube], by: Option<Decider>) -> Vec<Dependency> {
        let unknowns = &self.predicates.unknowns[side];
        let all = cubes.iter().flat_map(|cube| cube.unknown.iter());
        let own = all.filter(|(p, _)| self.predicates.is_of(side, *p));
        let mut found: Vec<Dependency> = own
            .filter_map(|(p, _)| unknowns.get(p as usize))
            .map(Dependency::from)
            .collect();
        if let Some(Decider::Rule(id)) = by
            && let Some(rule) = self.rules[side].rule(id)
            && let crate::firewall::Action::Opaque { why } = &rule.action
        {
            found.push(Dependency {
                span: rule.span,
                why: why.clone(),
            });
        }
        found.sort();
        found.dedup();
        found
    }
}

impl From<&Unknown> for Dependency {
    fn from(unknown: &Unknown) -> Self {
        Self {
            span: unknown.span,
            why: unknown.why.clone(),
        }
    }
}

/// One numbering of the predicates of both firewalls.
struct Predicates {
    /// The number of each predicate of the new firewall.
    number: Vec<u32>,
    /// Every predicate as each side knows it.
    unknowns: Sides<Vec<Unknown>>,
    /// Which predicates each side has.
    of: Sides<Vec<bool>>,
}

impl Predicates {
    fn new(firewalls: Sides<&Firewall>, plans: &[Plan]) -> Self {
        let [old, new] = firewalls;
        let mut same: BTreeMap<u32, u32> = BTreeMap::new();
        let asked = (0u32..).zip(&old.unknowns);
        let asked: BTreeMap<_, u32> = asked
            .filter(|(_, unknown)| !unknown.question.is_empty())
            .map(|(number, unknown)| ((&unknown.question, &unknown.why), number))
            .collect();
        for (number, unknown) in (0..).zip(&new.unknowns) {
            if let Some(&known) = asked.get(&(&unknown.question, &unknown.why)) {
                same.insert(number, known);
            }
        }
        let alignments = plans.iter().flat_map(|plan| &plan.hooks);
        same.extend(align::same_predicates(
            alignments.flat_map(|(_, _, alignment)| &alignment.common),
        ));
        let mut unknowns = [old.unknowns.clone(), old.unknowns.clone()];
        let mut of = [
            vec![true; old.unknowns.len()],
            vec![false; old.unknowns.len()],
        ];
        let mut number = Vec::with_capacity(new.unknowns.len());
        for (own, unknown) in (0u32..).zip(&new.unknowns) {
            if let Some(&known) = same.get(&own) {
                if let Some(place) = unknowns[1].get_mut(known as usize) {
                    *place = unknown.clone();
                }
                if let Some(place) = of[1].get_mut(known as usize) {
                    *place = true;
                }
                number.push(known);
                continue;
            }
            number.push(u32::try_from(unknowns[0].len()).unwrap_or(u32::MAX));
            for side in [0, 1] {
                unknowns[side].push(unknown.clone());
                of[side].push(side == 1);
            }
        }
        Self {
            number,
            unknowns,
            of,
        }
    }

    fn is_of(&self, side: usize, predicate: u32) -> bool {
        let known = self.of[side].get(predicate as usize);
        known.copied().unwrap_or(false)
    }

    /// The new firewall with this numbering; none when that is the one it has.
    fn renumber(&self, new: &Firewall) -> Option<Firewall> {
        let own = 0..u32::try_from(self.number.len()).unwrap_or(u32::MAX);
        if self.number.iter().copied().eq(own) {
            return None;
        }
        let mut new = new.clone();
        let number = |p: u32| self.number.get(p as usize).copied().unwrap_or(p);
        for family in Family::ALL {
            let chains = new.rules_mut(family).chains.iter_mut();
            let rules = chains.flat_map(|chain| &mut chain.rules);
            for cube in rules.flat_map(|rule| &mut rule.matches) {
                if !cube.unknown.is_empty() {
                    cube.unknown = cube.unknown.renumbered(number);
                }
            }
        }
        Some(new)
    }

    /// Takes back what was aligned although its predicates are not the same after all.
    fn check(&self, alignment: &mut Alignment) {
        alignment.take_back(|common| {
            let new = common.own[1].iter();
            let numbers = new.map(|&p| self.number.get(p as usize).copied());
            !common.own[0].iter().copied().map(Some).eq(numbers)
        });
    }

    /// What was taken to be the same on both sides although it is not modelled, in the order of
    /// the old lines: predicates, and rules that do something unknown.
    fn alike(&self, firewalls: Sides<&Firewall>, plans: &[Plan]) -> Vec<Sides<Dependency>> {
        let numbers = 0..self.unknowns[0].len();
        let both = numbers.filter(|&n| {
            let n = u32::try_from(n).unwrap_or(u32::MAX);
            self.is_of(0, n) && self.is_of(1, n)
        });
        let each = both.filter_map(|n| {
            let [old, new] = &self.unknowns;
            Some([old.get(n)?.into(), new.get(n)?.into()])
        });
        let mut all: Vec<Sides<Dependency>> = each.collect();
        for plan in plans {
            let rules = firewalls.map(|firewall| firewall.rules(plan.family));
            let opaque = |side: usize, id: RuleId| {
                let rule = rules[side].rule(id)?;
                let crate::firewall::Action::Opaque { why } = &rule.action else {
                    return None;
                };
                Some(Dependency {
                    span: rule.span,
                    why: why.clone(),
                })
            };
            let common = plan.hooks.iter().flat_map(|(_, _, a)| &a.common);
            let pairs = common.filter_map(|c| Some([opaque(0, c.rule[0])?, opaque(1, c.rule[1])?]));
            all.extend(pairs);
        }
        all.sort();
        all.dedup();
        all
    }
}
