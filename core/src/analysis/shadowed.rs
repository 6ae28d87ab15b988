//! Shadowed: a rule that can never match, because earlier rules decide all its packets.
//!
//! Each rule's packets are walked to it piece by piece. Where that costs too much, one sweep of
//! the hook with decision diagrams tells of all its rules which are matched; and if that costs too
//! much, a diagram of the one rule's packets. Only then nothing is claimed.

use super::finding::Finding;
use super::point::Point;
use crate::diagnostic::{Severity, coverage, hygiene};
use crate::firewall::{
    Action, Ask, ChainId, Decider, End, Hook, MOST_NODES, Program, Rule, RuleId,
};
use crate::net::Family;
use crate::packet::diagram::Diagrams;
use crate::packet::{Budget, CtState, Cube, IfName, OverBudget, Ranges};
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Who decides the packets of a rule that never matches: whether first packets (conntrack NEW)
/// are among them, and how.
type Covering = BTreeMap<Decider, (bool, End)>;

/// Which rules are matched at hooks whose rules are too complex to walk to; none when the sweep
/// was too complex, too.
type Sweeps = BTreeMap<Hook, Option<BTreeSet<RuleId>>>;

/// Covering rules named in a finding.
const MOST_NAMED: usize = 4;

/// All shadowed rules of a firewall at a point.
#[must_use]
pub fn shadowed(point: &Point<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for family in Family::ALL {
        let program = point.program(family);
        let callers = hooks_by_chain(program);
        let mut sweeps = Sweeps::new();
        let mut undecided = None;
        for (id, chain) in program.rules.iter() {
            let Some(hooks) = callers.get(&id) else {
                continue;
            };
            for (index, rule) in (0..).zip(&chain.rules) {
                let at = RuleId { chain: id, index };
                if program.rules.is_generated(at) {
                    continue;
                }
                match question(point, program, hooks, at, rule, &mut sweeps) {
                    Ok(finding) => findings.extend(finding),
                    Err(OverBudget) => undecided = undecided.or(Some(rule.span)),
                }
            }
        }
        findings.extend(undecided.map(|first| not_proved(family, first)));
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

/// Says that there are rules about which nothing is claimed.
fn not_proved(family: Family, first: Span) -> Finding {
    let message = "whether this rule, and perhaps others, can match is too complex to decide";
    let mut finding = Finding::new(&coverage::UNKNOWN, family, message);
    finding.severity = Severity::Note;
    finding.place(first, "the first of them");
    finding
}

fn question(
    point: &Point<'_>,
    program: &Program<'_>,
    hooks: &BTreeSet<Hook>,
    at: RuleId,
    rule: &Rule,
    sweeps: &mut Sweeps,
) -> Result<Option<Finding>, OverBudget> {
    // A rule whose own match is contradictory in itself has nothing above it to blame.
    if rule.matches.is_empty() {
        return Ok(None);
    }
    let mut covering = Covering::new();
    for &hook in hooks {
        let whole = possible(hook, program.family);
        let cubes = rule.matches.iter().flat_map(|cube| program.origins(cube));
        let cubes: Vec<Cube> = cubes.filter_map(|cube| cube.intersect(&whole)).collect();
        if arrives(point, program, hook, at, &cubes, &mut covering, sweeps)? {
            return Ok(None);
        }
    }
    Ok(Some(describe(program, at, rule, &covering)))
}

/// Whether any packet of these cubes arrives at the rule and matches it; else, who decided them
/// all.
fn arrives(
    point: &Point<'_>,
    program: &Program<'_>,
    hook: Hook,
    at: RuleId,
    cubes: &[Cube],
    covering: &mut Covering,
    sweeps: &mut Sweeps,
) -> Result<bool, OverBudget> {
    if !matches!(sweeps.get(&hook), Some(Some(_))) {
        let mut budget = point.budget();
        if let Ok(arrives) = walked(program, hook, at, cubes, &mut budget, covering) {
            return Ok(arrives);
        }
    }
    point.hand_over()?;
    let swept = sweeps
        .entry(hook)
        .or_insert_with(|| sweep(program, hook).ok());
    match swept {
        Some(matched) if matched.contains(&at) => Ok(true),
        _ => decided(program, hook, at, cubes, covering),
    }
}

/// Asks piece by piece.
fn walked(
    program: &Program<'_>,
    hook: Hook,
    at: RuleId,
    cubes: &[Cube],
    budget: &mut Budget,
    covering: &mut Covering,
) -> Result<bool, OverBudget> {
    let mut reached = false;
    for cube in cubes {
        program.walk_to(hook, at, cube.clone(), budget, |outcome| {
            if outcome.end == End::Reached {
                reached = true;
                return ControlFlow::Break(());
            }
            if let Some(&by) = outcome.via.last() {
                let first = outcome.cube.state.contains(CtState::New as u8);
                cover(covering, by, first, outcome.end);
            }
            ControlFlow::Continue(())
        })?;
        if reached {
            break;
        }
    }
    Ok(reached)
}

/// Asks by diagram.
fn decided(
    program: &Program<'_>,
    hook: Hook,
    at: RuleId,
    cubes: &[Cube],
    covering: &mut Covering,
) -> Result<bool, OverBudget> {
    for cube in cubes {
        let mut diagrams = Diagrams::new(program.family, MOST_NODES)?;
        let packets = diagrams.from_cube(cube)?;
        let region = (cube, packets);
        let ask = Ask::Reaching(at);
        let decision = program.decide(&mut diagrams, hook, region, ask, |(), _| ())?;
        if decision.parts.iter().any(|part| part.end == End::Reached) {
            return Ok(true);
        }
        let first = Cube::any(program.family).with_states(&[CtState::New]);
        let first = diagrams.from_cube(&first)?;
        for part in decision.parts {
            if let Some(by) = part.by {
                let first = diagrams.and(part.packets, first)?;
                cover(covering, by, !first.is_empty(), part.end);
            }
        }
    }
    Ok(false)
}

fn cover(covering: &mut Covering, by: Decider, first: bool, end: End) {
    let known = covering.entry(by).or_insert((first, end));
    known.0 |= first;
}

/// Which rules any packet at a hook matches.
fn sweep(program: &Program<'_>, hook: Hook) -> Result<BTreeSet<RuleId>, OverBudget> {
    let whole = possible(hook, program.family);
    let mut diagrams = Diagrams::new(program.family, MOST_NODES)?;
    let packets = diagrams.from_cube(&whole)?;
    let region = (&whole, packets);
    let decision = program.decide(&mut diagrams, hook, region, Ask::Matched, |(), _| ())?;
    Ok(decision.matched)
}

/// Every packet that can be at a hook: there is no outgoing interface at INPUT, no incoming one
/// at OUTPUT.
fn possible(hook: Hook, family: Family) -> Cube {
    let mut whole = Cube::any(family);
    let none = Ranges::single(IfName::NONE.0);
    let real = Ranges::full().subtract(&none);
    (whole.in_interface, whole.out_interface) = match hook {
        Hook::Ingress | Hook::Prerouting | Hook::Input => (real, none),
        Hook::Forward => (real.clone(), real),
        Hook::Output => (none, real),
        Hook::Postrouting | Hook::Egress => (Ranges::full(), real),
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
    let telling = covering
        .iter()
        .filter(|(_, (first, _))| *first || !any_first);
    let contradicted = !covering.is_empty() && telling.clone().all(|(_, (_, end))| opposite(*end));
    let name = program
        .rules
        .chain(at.chain)
        .map_or(String::new(), |c| format!("{}/{}", c.table, c.name));
    let number = rule.number;
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
    // Rules of the same chain tell most; policies only where no rule decides.
    let mut named: Vec<&Decider> = telling.map(|(by, _)| by).collect();
    named.sort_by_key(|by| match by {
        Decider::Rule(id) => (id.chain != at.chain, **by),
        Decider::Policy(_) => (true, **by),
    });
    if named.iter().any(|by| matches!(by, Decider::Rule(_))) {
        named.retain(|by| matches!(by, Decider::Rule(_)));
    }
    for by in named.into_iter().take(MOST_NAMED) {
        match by {
            Decider::Rule(id) => {
                if let (Some(rule), Some(chain)) =
                    (program.rules.rule(*id), program.rules.chain(id.chain))
                {
                    let number = rule.number;
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
