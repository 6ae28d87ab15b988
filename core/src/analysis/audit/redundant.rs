//! Redundant: a rule whose removal changes no verdict.
//!
//! An example that has another fate without the rule settles most rules at once: any, or one that
//! a later rule with another verdict matches too. Else, where rules only decide, the list of them
//! tells ([`super::listed`]). Where they do more, every piece that the rule matches is evaluated
//! without it, and compared with what becomes of it now; where that is much work, more examples
//! are tried before, and where it is too much, both evaluations are done with decision diagrams,
//! whose sets are equal when they are the same node.

use super::Audit;
use super::life::{Examiner, Example, NODES, STEPS, starts};
use super::line::{Line, Part, about, name};
use super::listed::{LIST_STEPS, by_list};
use super::reach::askers;
use super::shadowed::decides;
use crate::diagnostic::hygiene as codes;
use crate::firewall::{Action, Ask, Decider, End, Hook, Outcome, Program, Rule, RuleId};
use crate::net::Family;
use crate::packet::diagram::{Diagrams, Node};
use crate::packet::{Budget, Cube, OverBudget};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Work that a question may cost before examples are looked for that answer it.
const FEW_STEPS: u64 = 64;

/// Pieces of a rule's packets that are evaluated without it.
const MOST_PIECES: usize = 1_000;

/// Rules named in a finding.
const MOST_NAMED: usize = 8;

/// Whether an action gives a verdict, so that it makes sense to ask who would give it else.
pub(super) fn is_verdict(action: &Action) -> bool {
    matches!(action, Action::Accept | Action::Drop | Action::Reject(_))
}

/// Whether an example has another fate without these rules.
pub(super) fn matters(without: &Program<'_>, example: &Example) -> bool {
    let mut world = example.world.clone();
    let traced = without.trace_in_world(example.hook, &example.packet, &mut world);
    traced.is_some_and(|(verdict, _)| verdict != example.verdict)
}

/// Who decides a rule's packets when it is removed; none when that changes any verdict.
type Successors = Option<BTreeSet<Decider>>;

impl Examiner<'_, '_> {
    /// Who decides a rule's packets when it and the other parts of its line are removed.
    fn deciders_without(
        &self,
        at: RuleId,
        cubes: &[Cube],
        without: &Program<'_>,
    ) -> Result<Successors, OverBudget> {
        let both = (self.program, without);
        let listed = self.successors(at, cubes, |hook, starts, found| {
            let ask = |budget: &mut Budget| by_list(both, hook, at, starts, budget, found);
            self.subject.listing(LIST_STEPS, ask)
        });
        if listed.is_ok() {
            return listed;
        }
        // Where there is little to compare, that is quicker than looking for examples.
        let mut few = Budget::new(FEW_STEPS);
        let quick = self.successors(at, cubes, |hook, starts, found| {
            by_pieces(both, hook, at, starts, &mut few, found)
        });
        if quick.is_ok() {
            return quick;
        }
        let mut spread = self.spread(at, cubes);
        if spread.any(|example| matters(without, &example)) {
            return Ok(None);
        }
        self.successors(at, cubes, |hook, starts, found| {
            let mut budget = self.subject.budget(STEPS);
            by_pieces(both, hook, at, starts, &mut budget, found).or_else(|OverBudget| {
                self.subject.hand_over()?;
                found.clear();
                by_diagrams(both, hook, starts, found)
            })
        })
    }

    /// Asks at every hook at which packets may come to the rule: whether all stays the same there,
    /// and who decides then.
    fn successors(
        &self,
        at: RuleId,
        cubes: &[Cube],
        mut same: impl FnMut(Hook, &[Cube], &mut BTreeSet<Decider>) -> Result<bool, OverBudget>,
    ) -> Result<Successors, OverBudget> {
        let mut deciders = BTreeSet::new();
        for (hook, entry) in self.reach.of(at.chain).into_iter().flatten() {
            for asked in askers(self.program, *hook) {
                let starts = starts((self.program, &self.reach), (*hook, asked), cubes, entry);
                let mut found = BTreeSet::new();
                if !same(asked, &starts, &mut found)? {
                    return Ok(None);
                }
                deciders.extend(found);
            }
        }
        Ok(Some(deciders))
    }
}

/// Compares piece by piece: (with the rule, without it).
pub(super) fn by_pieces(
    (with, without): (&Program<'_>, &Program<'_>),
    hook: Hook,
    at: RuleId,
    starts: &[Cube],
    budget: &mut Budget,
    deciders: &mut BTreeSet<Decider>,
) -> Result<bool, OverBudget> {
    let mut pieces: Vec<Cube> = Vec::new();
    for cube in starts {
        let visit = |outcome: Outcome| {
            if outcome.end == End::Reached {
                pieces.push(outcome.cube);
            }
            if pieces.len() > MOST_PIECES {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        with.walk_to(hook, at, cube.clone(), budget, visit)?;
    }
    if pieces.len() > MOST_PIECES {
        return Err(OverBudget);
    }
    for piece in pieces {
        let mut parts = Vec::new();
        without.walk(hook, piece, budget, |outcome| {
            deciders.extend(outcome.via.last());
            parts.push((outcome.cube, outcome.end));
            ControlFlow::Continue(())
        })?;
        for (part, end) in parts {
            let mut same = true;
            with.walk(hook, part, budget, |outcome| {
                same = outcome.end == end && end != End::Depends;
                if same {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            if !same {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Compares as whole sets.
fn by_diagrams(
    (with, without): (&Program<'_>, &Program<'_>),
    hook: Hook,
    starts: &[Cube],
    deciders: &mut BTreeSet<Decider>,
) -> Result<bool, OverBudget> {
    for cube in starts {
        let mut diagrams = Diagrams::new(with.family, NODES)?;
        let region = diagrams.from_cube(cube)?;
        diagrams.keep(region);
        let now = fates(
            with,
            &mut diagrams,
            hook,
            (cube, region),
            &mut BTreeSet::new(),
        )?;
        for &fate in now.values() {
            diagrams.keep(fate);
        }
        let mut by = BTreeSet::new();
        let then = fates(without, &mut diagrams, hook, (cube, region), &mut by)?;
        let depends = now.contains_key(&End::Depends);
        if now != then || depends || !disjoint(&mut diagrams, &now)? {
            return Ok(false);
        }
        deciders.extend(by);
    }
    Ok(true)
}

fn fates(
    program: &Program<'_>,
    diagrams: &mut Diagrams,
    hook: Hook,
    region: (&Cube, Node),
    by: &mut BTreeSet<Decider>,
) -> Result<BTreeMap<End, Node>, OverBudget> {
    let decision = program.decide(diagrams, hook, region, Ask::Fates, |(), _| ())?;
    let mut fates: BTreeMap<End, Node> = BTreeMap::new();
    for part in decision.parts {
        by.extend(part.by);
        let known = fates.entry(part.end).or_insert(Node::EMPTY);
        *known = diagrams.or(*known, part.packets)?;
    }
    Ok(fates)
}

/// Whether no packet has two fates. Marks are forgotten, so packets that differ only in what rules
/// made of their marks may.
fn disjoint(diagrams: &mut Diagrams, fates: &BTreeMap<End, Node>) -> Result<bool, OverBudget> {
    let mut seen = Node::EMPTY;
    for &fate in fates.values() {
        if !diagrams.and(seen, fate)?.is_empty() {
            return Ok(false);
        }
        seen = diagrams.or(seen, fate)?;
    }
    Ok(true)
}

impl Audit<'_, '_> {
    /// Whether a line that matches packets changes no verdict; notes it then.
    pub(super) fn redundant(&mut self, line: &Line, live: &[(Part, Vec<Example>)]) -> bool {
        let rule = |part: &Part| self.part(*part);
        let mut rules = line.parts.iter().filter_map(rule);
        let only_decides = |rule: &Rule| is_verdict(&rule.action) && rule.effects.is_empty();
        if !rules.all(only_decides) || live.iter().any(|(part, _)| self.shields(*part)) {
            return false;
        }
        let left_out = |family| {
            let parts = line.parts.iter().filter(|part| part.family == family);
            let ids = parts.map(|part| part.id).collect();
            self.subject.program(family).without(ids)
        };
        let without = Family::ALL.map(|family| (family, left_out(family)));
        let of = |family: Family| without.iter().find(|(f, _)| *f == family).map(|(_, p)| p);
        for (part, examples) in live {
            let Some(without) = of(part.family) else {
                return false;
            };
            if examples.iter().any(|example| matters(without, example)) {
                return false;
            }
        }
        for (part, _) in live {
            let (Some(rule), Some(without)) = (self.part(*part), of(part.family)) else {
                return false;
            };
            let mut opposed = self.asked(part.family).opposed(part.id, &rule.matches);
            if opposed.any(|example| matters(without, &example)) {
                return false;
            }
        }
        let mut deciders = BTreeSet::new();
        for (part, _) in live {
            let (Some(rule), Some(without)) = (self.part(*part), of(part.family)) else {
                return false;
            };
            let examiner = self.asked(part.family);
            match examiner.deciders_without(part.id, &rule.matches, without) {
                Ok(Some(found)) => deciders.extend(found.into_iter().map(|by| (part.family, by))),
                Ok(None) => return false,
                Err(OverBudget) => {
                    self.unchecked.push(line.span);
                    return false;
                }
            }
        }
        // The other one is reported, and has to go first.
        let dead = |(family, by): &(Family, Decider)| match by {
            Decider::Rule(id) => {
                let rule = self.subject.firewall.rules(*family).rule(*id);
                rule.is_some_and(|rule| self.dead.contains(&rule.span))
            }
            Decider::Policy(_) => false,
        };
        if deciders.iter().any(dead) {
            return false;
        }
        self.tell_redundant(line, &deciders);
        true
    }

    /// Whether a part stands where rules change packets (translate them, mark them for routing): a
    /// verdict there keeps packets from being changed, which no later verdict may show.
    fn shields(&self, part: Part) -> bool {
        let rules = self.subject.firewall.rules(part.family);
        let hooks = self.asked(part.family).reach.of(part.id.chain);
        let filters = |hook: &Hook| matches!(hook, Hook::Input | Hook::Forward | Hook::Output);
        if !hooks.is_some_and(|hooks| hooks.keys().all(filters)) {
            return true;
        }
        let table = rules
            .chain(part.id.chain)
            .map_or("", |chain| chain.table.as_str());
        self.asked(part.family).reach.is_changing(table)
    }

    fn tell_redundant(&mut self, line: &Line, deciders: &BTreeSet<(Family, Decider)>) {
        let Some(part) = line.parts.first().copied() else {
            return;
        };
        let rules = self.subject.firewall.rules(part.family);
        let policy = |by: &(Family, Decider)| matches!(by.1, Decider::Policy(_));
        let then = match (deciders.iter().any(policy), deciders.iter().all(policy)) {
            (_, true) => "the policy gives",
            (false, _) => "later rules give",
            _ => "later rules and the policy give",
        };
        let name = name(rules, part.id);
        let message =
            format!("without {name} nothing changes: {then} its packets the same verdict");
        let mut finding = about(&codes::REDUNDANT, line.span, part, message);
        for (family, by) in deciders.iter().take(MOST_NAMED) {
            let rules = self.subject.firewall.rules(*family);
            if let Some((span, text)) = decides(rules, *by) {
                finding.place(span, text);
            }
        }
        finding.help = Some("delete it, or keep it as a reminder".into());
        self.findings.push(finding);
    }
}
