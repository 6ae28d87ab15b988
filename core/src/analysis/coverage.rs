//! Missing and unknown: required packets that a firewall denies, or may deny.

mod whole;

use super::STEPS;
use super::finding::Finding;
use super::point::{Direction, Point};
use super::region::{Phase, Required};
use super::subject::Subject;
use crate::catalog::Need;
use crate::diagnostic::{Severity, coverage as codes};
use crate::firewall::{Action, Decider, Dependency, End, Outcome, Rules};
use crate::graph::{Flow, RequirementGraph};
use crate::net::Protocol;
use crate::packet::{Cube, OverBudget, Packet, PacketSet};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Said of a finding whose packets are too many to be listed.
const NOT_ALL: &str = " (not all of these packets are listed)";

/// What becomes of one flow at one point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// All of its packets pass.
    Permitted,
    /// It depends.
    Unknown,
    /// Some of its packets are denied.
    Denied,
}

/// The answer for one flow at one point.
#[derive(Debug)]
pub struct Coverage {
    /// Its fate.
    pub fate: Fate,
    /// Why, unless permitted.
    pub findings: Vec<Finding>,
}

/// The answer for one phase of a flow.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) denied: PacketSet,
    pub(super) undecided: PacketSet,
    pub(super) outcomes: Vec<Outcome>,
    /// Whether every packet of the phase is denied.
    wholly: bool,
    /// Whether the sets are too complex to be listed: they hold more packets than these.
    pub(super) more: bool,
}

/// Asks a firewall for all packets of one flow in one direction: `required` are its phases.
#[must_use]
pub fn coverage(
    graph: &RequirementGraph<'_>,
    point: &Point<'_>,
    required: &[Required],
) -> Coverage {
    let mut fate = Fate::Permitted;
    let mut findings: Vec<Finding> = Vec::new();
    for one in required {
        let Some(flow) = graph.flows.get(one.flow) else {
            continue;
        };
        let rules = point.firewall.rules(one.family);
        let answer = match fates(&point.subject, one) {
            Ok(answer) => answer,
            Err(OverBudget) => {
                fate = fate.max(Fate::Unknown);
                findings.push(too_complex(graph, flow, one));
                continue;
            }
        };
        if !answer.denied.is_empty() {
            fate = Fate::Denied;
            findings.push(missing(graph, rules, flow, one, &answer));
        } else if !answer.undecided.is_empty() {
            fate = fate.max(Fate::Unknown);
            findings.push(unknown(graph, point, flow, one, &answer));
        }
    }
    // The first packet decides whether a flow starts: what is wrong with it comes first, and
    // the same rule denying later packets too is not a second finding.
    let mut seen = BTreeSet::new();
    findings.retain(|f| seen.insert((f.code.id, f.hook, f.rule, f.policy)));
    if findings.iter().any(|f| f.code == &codes::MISSING) {
        findings.retain(|f| f.code == &codes::MISSING);
    }
    Coverage { fate, findings }
}

/// Asks piece by piece; by diagram where the pieces become too many.
pub(super) fn fates(subject: &Subject<'_>, one: &Required) -> Result<Answer, OverBudget> {
    ask(subject, one).or_else(|OverBudget| {
        subject.hand_over()?;
        whole::ask(subject, one)
    })
}

fn ask(subject: &Subject<'_>, one: &Required) -> Result<Answer, OverBudget> {
    let mut budget = subject.budget(STEPS);
    let mut outcomes = Vec::new();
    let mut clean = true;
    let program = subject.program(one.family);
    program.walk(one.hook, one.cube.clone(), &mut budget, |outcome| {
        clean &= outcome.end == End::Accept;
        outcomes.push(outcome);
        ControlFlow::Continue(())
    })?;
    if clean {
        return Ok(Answer {
            denied: PacketSet::empty(),
            undecided: PacketSet::empty(),
            outcomes,
            wholly: false,
            more: false,
        });
    }
    let pick = |wanted: &dyn Fn(End) -> bool| -> PacketSet {
        let cubes = outcomes.iter().filter(|o| wanted(o.end));
        let cubes = cubes.map(|o| regardless(&o.cube, one));
        PacketSet::from(cubes.collect::<Vec<_>>())
    };
    let passes = pick(&|end| end == End::Accept || end == End::Depends);
    let stops = pick(&|end| end != End::Accept);
    let certain = pick(&|end| matches!(end, End::Drop | End::Reject));
    let denied = certain.subtract(&passes, &mut budget)?;
    let undecided = stops.intersect(&passes, &mut budget)?;
    let whole = PacketSet::from(vec![regardless(&one.cube, one)]);
    let wholly = whole.is_subset(&denied, &mut budget)?;
    Ok(Answer {
        denied: denied.cover(),
        undecided: undecided.cover(),
        outcomes,
        wholly,
        more: false,
    })
}

/// The packets of a cube whatever is not known about them: unknown predicates, the interface
/// that they use, fields that no requirement speaks of, the address of a party known by name only.
fn regardless(cube: &Cube, one: &Required) -> Cube {
    let mut wide = cube.clone().without_assumptions();
    wide.in_interface = one.cube.in_interface.clone();
    wide.out_interface = one.cube.out_interface.clone();
    wide.conn_mark = one.cube.conn_mark;
    wide.extra = one.cube.extra.clone();
    if one.unresolved {
        wide.source = one.cube.source.clone();
        wide.destination = one.cube.destination.clone();
    }
    wide
}

fn missing(
    graph: &RequirementGraph<'_>,
    rules: &Rules,
    flow: &Flow,
    one: &Required,
    answer: &Answer,
) -> Finding {
    let part = if answer.wholly {
        "is denied"
    } else {
        "is partly denied"
    };
    let mut finding = describe(graph, flow, one, &codes::MISSING, part);
    if answer.more {
        finding.message.push_str(NOT_ALL);
    }
    finding.severity = severity(flow.need, Severity::Error);
    let denying = answer
        .outcomes
        .iter()
        .filter(|o| matches!(o.end, End::Drop | End::Reject));
    let mut witness = None;
    for part in answer.denied.cubes() {
        for outcome in denying.clone() {
            let Some(both) = outcome.cube.clone().without_assumptions().intersect(part) else {
                continue;
            };
            if witness.is_none() {
                witness = both.witness(one.family);
            }
            if let Some(&by) = outcome.via.last() {
                decider(&mut finding, rules, by, outcome.end);
            }
        }
    }
    finding.witness = witness;
    finding.packets = readable(&answer.denied, one);
    finding.help = Some(match finding.rule {
        Some(_) => "permit the flow before this rule".into(),
        None => "permit the flow in this chain".into(),
    });
    finding
}

/// Names what decided, as a place; the first one is primary.
pub(super) fn decider(finding: &mut Finding, rules: &Rules, by: Decider, end: End) {
    let does = match end {
        End::Reject => "rejects",
        End::Accept => "permits",
        _ => "drops",
    };
    match by {
        Decider::Rule(id) => {
            if let (Some(rule), Some(chain)) = (rules.rule(id), rules.chain(id.chain)) {
                if finding.places.is_empty() {
                    finding.rule = Some(id);
                }
                let number = rule.number;
                finding.place(
                    rule.span,
                    format!("rule {number} of {}/{} {does} it", chain.table, chain.name),
                );
            }
        }
        Decider::Policy(id) => {
            if let Some(chain) = rules.chain(id) {
                if finding.places.is_empty() {
                    finding.policy = Some(id);
                }
                let span = chain.base.map_or(chain.span, |base| base.span);
                finding.place(
                    span,
                    format!("the policy of {}/{} {does} it", chain.table, chain.name),
                );
            }
        }
    }
}

fn unknown(
    graph: &RequirementGraph<'_>,
    point: &Point<'_>,
    flow: &Flow,
    one: &Required,
    answer: &Answer,
) -> Finding {
    let mut finding = describe(graph, flow, one, &codes::UNKNOWN, "may be denied");
    if answer.more {
        finding.message.push_str(NOT_ALL);
    }
    finding.severity = severity(flow.need, Severity::Warning);
    finding.packets = readable(&answer.undecided, one);
    let rules = point.firewall.rules(one.family);
    let touching: Vec<&Outcome> = answer
        .outcomes
        .iter()
        .filter(|o| regardless(&o.cube, one).overlaps_any(answer.undecided.cubes()))
        .collect();
    let mut lines = predicates(point, &touching);
    for outcome in &touching {
        let rule = match outcome.via.last() {
            Some(Decider::Rule(id)) => rules.rule(*id),
            _ => None,
        };
        if let (End::Depends, Some(rule)) = (outcome.end, rule) {
            let why = match &rule.action {
                Action::Opaque { why } => why.clone(),
                _ => "chains call each other in a circle".into(),
            };
            lines.insert(Dependency {
                span: rule.span,
                why,
            });
        }
        let somewhere = outcome.cube.in_interface == one.cube.in_interface
            && outcome.cube.out_interface == one.cube.out_interface;
        if let (false, Some(rule)) = (somewhere, rule) {
            lines.insert(Dependency {
                span: rule.span,
                why: "which interface the packet uses is not known".into(),
            });
        }
    }
    let mut denying = touching.iter().filter(|o| o.end != End::Accept);
    let witness: Option<Packet> = denying.find_map(|o| o.cube.witness(one.family));
    if one.unresolved {
        finding.help =
            Some("the destination is known by name only: give its addresses in the site".into());
    }
    finding.witness = witness;
    for line in &lines {
        finding.place(line.span, line.why.clone());
    }
    finding.depends_on = lines.into_iter().collect();
    finding
}

/// The packets with what is true of all packets of the flow left out, for reading.
fn readable(packets: &PacketSet, one: &Required) -> PacketSet {
    let any = Cube::any(one.family);
    let region = &one.cube;
    let plain = packets.cubes().iter().cloned().map(|mut cube| {
        if cube.in_interface == region.in_interface {
            cube.in_interface = any.in_interface.clone();
        }
        if cube.out_interface == region.out_interface {
            cube.out_interface = any.out_interface.clone();
        }
        if cube.flags == region.flags {
            cube.flags = any.flags;
        }
        // The client's side of the ports is every port that a client may have.
        let client = match one.phase {
            Phase::Reply => (
                &mut cube.destination_port,
                &region.destination_port,
                &any.destination_port,
            ),
            _ => (&mut cube.source_port, &region.source_port, &any.source_port),
        };
        let icmp = cube.protocol.iter().all(|p| Protocol(p).is_icmp());
        if client.0 == client.1 && !icmp {
            *client.0 = client.2.clone();
        }
        cube
    });
    PacketSet::from(plain.collect::<Vec<_>>())
}

/// The lines of unknown predicates on which the fate of these outcomes depends. A predicate that
/// occurs as true and as false among those that pass and among those that do not tells nothing.
fn predicates(point: &Point<'_>, touching: &[&Outcome]) -> BTreeSet<Dependency> {
    let mut seen: BTreeMap<u32, BTreeSet<(bool, bool)>> = BTreeMap::new();
    for outcome in touching {
        for (predicate, holds) in outcome.cube.unknown.iter() {
            let passes = outcome.end == End::Accept;
            seen.entry(predicate).or_default().insert((passes, holds));
        }
    }
    let line = |predicate: u32| {
        let unknown = point.firewall.unknowns.get(predicate as usize)?;
        Some(Dependency {
            span: unknown.span,
            why: unknown.why.clone(),
        })
    };
    let telling = seen.iter().filter(|(_, how)| how.len() < 4);
    telling
        .filter_map(|(predicate, _)| line(*predicate))
        .collect()
}

fn too_complex(graph: &RequirementGraph<'_>, flow: &Flow, one: &Required) -> Finding {
    let mut finding = describe(
        graph,
        flow,
        one,
        &codes::UNKNOWN,
        "is too complex to decide",
    );
    finding.packets = PacketSet::from(vec![one.cube.clone()]);
    finding.help = Some("please report this rule set: the work budget is meant to suffice".into());
    finding
}

fn describe(
    graph: &RequirementGraph<'_>,
    flow: &Flow,
    one: &Required,
    code: &'static crate::diagnostic::Code,
    what: &str,
) -> Finding {
    let label = |id| graph.group(id).map_or("", |group| group.label.as_str());
    let which = match (one.phase, one.direction) {
        (Phase::First, Direction::In) => "incoming ",
        (Phase::First, Direction::Out) => "outgoing ",
        (Phase::First, Direction::Through) => "",
        (Phase::Later, _) => "later packets of ",
        (Phase::Reply, _) => "replies of ",
    };
    let message = format!(
        "{which}{} from {} to {} {what}",
        flow.service,
        label(flow.from),
        label(flow.to)
    );
    let mut finding = Finding::new(code, one.family, message);
    finding.hook = Some(one.hook);
    finding.flow = Some(one.flow);
    finding
}

/// What only monitoring or debugging needs matters less.
fn severity(need: Need, required: Severity) -> Severity {
    match need {
        Need::Required => required,
        Need::Optional => required.min(Severity::Warning),
        Need::Metrics | Need::Debug => Severity::Note,
    }
}
