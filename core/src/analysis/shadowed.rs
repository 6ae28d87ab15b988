//! Shadowed: a rule that can never match, because earlier rules decide all its packets.

use super::STEPS;
use super::finding::Finding;
use super::point::Point;
use crate::diagnostic::hygiene;
use crate::firewall::{Action, ChainId, Decider, End, Hook, Program, Rule, RuleId};
use crate::net::Family;
use crate::packet::{Budget, CtState, Cube, IfName, OverBudget, Ranges};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Who decides the packets of a rule that never matches: whether first packets (conntrack NEW)
/// are among them, and how.
type Covering = BTreeMap<Decider, (bool, End)>;

/// Covering rules named in a finding.
const MOST_NAMED: usize = 8;

/// All shadowed rules of a firewall at a point.
#[must_use]
pub fn shadowed(point: &Point<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for family in Family::ALL {
        let program = point.program(family);
        let callers = hooks_by_chain(program);
        for (id, chain) in program.rules.iter() {
            let Some(hooks) = callers.get(&id) else {
                continue;
            };
            for (index, rule) in (0..).zip(&chain.rules) {
                let at = RuleId { chain: id, index };
                if program.rules.is_generated(at) {
                    continue;
                }
                findings.extend(question(program, hooks, at, rule));
            }
        }
    }
    findings
}

/// Which hooks lead into each chain, by jumps and gotos.
fn hooks_by_chain(program: &Program<'_>) -> BTreeMap<ChainId, BTreeSet<Hook>> {
    let mut callers: BTreeMap<ChainId, BTreeSet<Hook>> = BTreeMap::new();
    let mut open: Vec<(ChainId, Hook)> = Vec::new();
    for (id, chain) in program.rules.iter() {
        open.extend(chain.base.map(|base| (id, base.hook)));
    }
    while let Some((id, hook)) = open.pop() {
        if !callers.entry(id).or_default().insert(hook) {
            continue;
        }
        let rules = program
            .rules
            .chain(id)
            .into_iter()
            .flat_map(|chain| &chain.rules);
        open.extend(rules.filter_map(|rule| match rule.action {
            Action::Jump(to) | Action::Goto(to) => Some((to, hook)),
            _ => None,
        }));
    }
    callers
}

fn question(
    program: &Program<'_>,
    hooks: &BTreeSet<Hook>,
    at: RuleId,
    rule: &Rule,
) -> Option<Finding> {
    // A rule whose own match is contradictory in itself has nothing above it to blame.
    if rule.matches.is_empty() {
        return None;
    }
    let mut covering = Covering::new();
    for &hook in hooks {
        let mut budget = Budget::new(STEPS);
        match reaches(program, hook, at, rule, &mut budget, &mut covering) {
            Ok(false) => {}
            // Too complex to prove that it never matches: then nothing is claimed.
            Ok(true) | Err(OverBudget) => return None,
        }
    }
    Some(describe(program, at, rule, &covering))
}

/// Whether any packet arrives at the rule and matches it; else, who decided them all.
fn reaches(
    program: &Program<'_>,
    hook: Hook,
    at: RuleId,
    rule: &Rule,
    budget: &mut Budget,
    covering: &mut Covering,
) -> Result<bool, OverBudget> {
    let mut reached = false;
    let whole = possible(hook, program.family);
    for cube in rule
        .matches
        .iter()
        .filter_map(|cube| cube.intersect(&whole))
    {
        program.walk_to(hook, at, cube, budget, |outcome| {
            if outcome.end == End::Reached {
                reached = true;
                return ControlFlow::Break(());
            }
            if let Some(&by) = outcome.via.last() {
                let first = outcome.cube.state.contains(CtState::New as u8);
                let known = covering.entry(by).or_insert((first, outcome.end));
                known.0 |= first;
            }
            ControlFlow::Continue(())
        })?;
        if reached {
            break;
        }
    }
    Ok(reached)
}

/// Every packet that can be at a hook: there is no outgoing interface at INPUT, no incoming one
/// at OUTPUT.
fn possible(hook: Hook, family: Family) -> Cube {
    let mut whole = Cube::any(family);
    let none = Ranges::single(IfName::NONE.0);
    let real = Ranges::full().subtract(&none);
    (whole.in_interface, whole.out_interface) = match hook {
        Hook::Prerouting | Hook::Input => (real, none),
        Hook::Forward => (real.clone(), real),
        Hook::Output => (none, real),
        Hook::Postrouting => (Ranges::full(), real),
    };
    whole
}

fn describe(program: &Program<'_>, at: RuleId, rule: &Rule, covering: &Covering) -> Finding {
    let opposite = match rule.action {
        Action::Accept => |end: End| matches!(end, End::Drop | End::Reject),
        Action::Drop | Action::Reject(_) => |end: End| end == End::Accept,
        _ => |_: End| false,
    };
    // What was established before is usually permitted by one rule on top: who decides first
    // packets tells more.
    let any_first = covering.values().any(|(first, _)| *first);
    let mut telling = covering
        .iter()
        .filter(|(_, (first, _))| *first || !any_first);
    let contradicted = !covering.is_empty() && telling.clone().all(|(_, (_, end))| opposite(*end));
    let name = program
        .rules
        .chain(at.chain)
        .map_or(String::new(), |c| format!("{}/{}", c.table, c.name));
    let number = at.index.saturating_add(1);
    let message = match (covering.is_empty(), contradicted) {
        (true, _) => format!("rule {number} of {name} can never match: no packet can arrive at it"),
        (_, true) => format!(
            "rule {number} of {name} can never match: earlier rules give all its packets the opposite verdict"
        ),
        _ => {
            format!("rule {number} of {name} can never match: earlier rules decide all its packets")
        }
    };
    let mut finding = Finding::new(&hygiene::SHADOWED, program.family, message);
    finding.rule = Some(at);
    finding.place(rule.span, "this rule");
    for (by, _) in telling.by_ref().take(MOST_NAMED) {
        match by {
            Decider::Rule(id) => {
                if let (Some(rule), Some(chain)) =
                    (program.rules.rule(*id), program.rules.chain(id.chain))
                {
                    let number = id.index.saturating_add(1);
                    finding.place(
                        rule.span,
                        format!(
                            "rule {number} of {}/{} decides them",
                            chain.table, chain.name
                        ),
                    );
                }
            }
            Decider::Policy(id) => {
                if let Some(chain) = program.rules.chain(*id) {
                    let span = chain.base.map_or(chain.span, |base| base.span);
                    finding.place(
                        span,
                        format!("the policy of {}/{} decides them", chain.table, chain.name),
                    );
                }
            }
        }
    }
    finding.help = Some("move it before the rules that cover it, or delete it".into());
    finding
}
