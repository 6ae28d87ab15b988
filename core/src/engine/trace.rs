//! Packets through exports, as data.

use super::packet::{PacketInput, parse_packet};
use super::session::Session;
use super::{DependsOn, StepData, TraceRequest, TraceResult, TracedPacket};
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::{self, HostFacts};
use crate::firewall::{
    Decider, Dependency, Firewall, Hook, Program, Rules, Step, Traced, Unknown, Verdict,
};
use crate::net::Family;
use crate::packet::{Packet, Rare, packet_type};
use crate::source::{Sources, Span};

/// More packets than this are refused.
const MOST_PACKETS: usize = 5_000_000;

pub(super) fn trace(session: &mut Session, request: &TraceRequest) -> Option<TraceResult> {
    let exports = session.add_quotable(&request.documents);
    let facts = facts(session, request.addresses.as_ref(), request.routes.as_ref())?;
    let loaded = dialect::load(
        &session.sources,
        &exports,
        request.dialect.as_deref(),
        &facts,
    );
    let known = loaded.dialects.iter().any(|(_, dialect)| dialect.is_some());
    session.report(loaded.diagnostics);
    if !known {
        return None;
    }
    let programs = Programs::new(&loaded.firewall, &facts);
    let several = exports.len() > 1;
    let mut packets = Vec::new();
    if let Some(text) = &request.packet {
        let packet = parse_packet(text).and_then(|input| programs.packet(&input));
        match packet {
            Ok((hook, packet)) => {
                packets.push(answer(session, &programs, hook, &packet, several, true));
            }
            Err(problem) => {
                session.report([Diagnostic::new(&input::SYNTAX, problem)]);
                return None;
            }
        }
    }
    if let Some(document) = &request.packets {
        let lines = document.text.lines().filter(|line| !line.trim().is_empty());
        for (number, line) in lines.enumerate() {
            if number >= MOST_PACKETS {
                let message = format!("more than {MOST_PACKETS} packets");
                session.report([Diagnostic::new(&input::LIMIT, message).help("split the file")]);
                return None;
            }
            packets.push(one_line(session, &programs, line, several));
        }
    }
    if request.packet.is_none() && request.packets.is_none() {
        let problem = Diagnostic::new(&input::SYNTAX, "there is no packet to trace");
        session.report([
            problem.help("give a packet, for example `tcp 10.0.0.5:40000 > 10.0.0.9:6443`")
        ]);
        return None;
    }
    Some(TraceResult { packets })
}

/// Both families' rules, ready for many packets.
struct Programs<'a> {
    v4: Program<'a>,
    v6: Program<'a>,
    unknowns: &'a [Unknown],
    facts: &'a HostFacts,
}

impl<'a> Programs<'a> {
    fn new(firewall: &'a Firewall, facts: &'a HostFacts) -> Self {
        Self {
            v4: Program::new(&firewall.v4, Family::V4),
            v6: Program::new(&firewall.v6, Family::V6),
            unknowns: &firewall.unknowns,
            facts,
        }
    }

    /// The packet that is meant; frames to a broadcast address of the host are broadcast.
    fn packet(&self, input: &PacketInput) -> Result<(Hook, Packet), String> {
        let (hook, mut packet) = input.packet()?;
        let destination = packet.family.address(packet.destination);
        if input.pkt_type.is_none() && self.facts.broadcasts.contains(&destination) {
            let kind = packet_type::BROADCAST.into();
            packet.rare.set(Rare::PacketType, kind);
        }
        Ok((hook, packet))
    }

    fn of(&self, family: Family) -> &Program<'a> {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

/// What is known of the host, from what `ip` printed.
pub(super) fn facts(
    session: &mut Session,
    addresses: Option<&super::Document>,
    routes: Option<&super::Document>,
) -> Option<HostFacts> {
    let add = |session: &mut Session, document: Option<&super::Document>| {
        document.and_then(|d| session.add_quotable(std::slice::from_ref(d)).pop())
    };
    let addresses = add(session, addresses);
    let routes = add(session, routes);
    match HostFacts::from_ip(&session.sources, addresses, routes) {
        Ok(facts) => Some(facts),
        Err(problem) => {
            session.report([problem]);
            None
        }
    }
}

/// One line of `--packets`. A line that is no packet is answered, so that answers stay in step.
fn one_line(session: &Session, programs: &Programs<'_>, line: &str, several: bool) -> TracedPacket {
    let parsed: Result<PacketInput, _> = serde_json::from_str(line);
    let id = parsed.as_ref().ok().and_then(|input| input.id.clone());
    let packet = parsed
        .map_err(|e| e.to_string())
        .and_then(|input| programs.packet(&input));
    let mut traced = match packet {
        Ok((hook, packet)) => answer(session, programs, hook, &packet, several, false),
        Err(problem) => TracedPacket {
            id: None,
            verdict: name(Verdict::Unknown).into(),
            path: Vec::new(),
            line: None,
            depends_on: Vec::new(),
            path_depends_on: Vec::new(),
            steps: Vec::new(),
            error: Some(problem),
        },
    };
    traced.id = id;
    traced
}

fn answer(
    session: &Session,
    programs: &Programs<'_>,
    hook: Hook,
    packet: &Packet,
    several: bool,
    with_steps: bool,
) -> TracedPacket {
    let program = programs.of(packet.family);
    let traced = program.trace(programs.unknowns, hook, packet);
    let rules = program.rules;
    let sources = &session.sources;
    let shown = |all: &[Dependency]| {
        let each = all.iter().map(|dependency| DependsOn {
            line: sources.position(dependency.span).line,
            why: dependency.why.clone(),
            source: several.then(|| sources.name(dependency.span.source).to_owned()),
        });
        each.collect()
    };
    TracedPacket {
        id: None,
        verdict: name(traced.verdict).into(),
        path: path(rules, &traced),
        line: deciding_line(sources, rules, &traced),
        depends_on: shown(&traced.depends_on),
        path_depends_on: shown(&traced.way_depends_on),
        steps: if with_steps {
            steps(session, rules, &traced)
        } else {
            Vec::new()
        },
        error: None,
    }
}

pub(super) fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Drop => "drop",
        Verdict::Reject => "reject",
        Verdict::Unknown => "unknown",
    }
}

/// What ended each base chain that the packet passed.
pub(super) fn path(rules: &Rules, traced: &Traced) -> Vec<String> {
    let decided = traced.steps.iter().filter_map(|step| match step {
        Step::Decided(by, verdict) => Some(format!("{}:{}", place(rules, *by), name(*verdict))),
        _ => None,
    });
    decided.collect()
}

/// `TABLE/CHAIN/INDEX` or `TABLE/CHAIN/policy`.
pub(super) fn place(rules: &Rules, by: Decider) -> String {
    let chain = |id| {
        rules.chain(id).map_or(String::new(), |chain| {
            format!("{}/{}", chain.table, chain.name)
        })
    };
    match by {
        Decider::Rule(id) => format!("{}/{}", chain(id.chain), rules.number(id)),
        Decider::Policy(id) => format!("{}/policy", chain(id)),
    }
}

pub(super) fn span(rules: &Rules, by: Decider) -> Option<Span> {
    match by {
        Decider::Rule(id) => rules.rule(id).map(|rule| rule.span),
        Decider::Policy(id) => rules
            .chain(id)
            .map(|chain| chain.base.map_or(chain.span, |b| b.span)),
    }
}

fn deciding_line(sources: &Sources, rules: &Rules, traced: &Traced) -> Option<u32> {
    let last = traced.steps.iter().rev().find_map(|step| match step {
        Step::Decided(by, _) => Some(*by),
        _ => None,
    });
    Some(sources.position(span(rules, last?)?).line)
}

fn steps(session: &Session, rules: &Rules, traced: &Traced) -> Vec<StepData> {
    let of = |kind: &str, at: String, verdict: Option<Verdict>, span: Option<Span>| StepData {
        kind: kind.into(),
        at,
        verdict: verdict.map(|verdict| name(verdict).into()),
        place: span.map(|span| session.place(span, "")),
    };
    let all = traced.steps.iter().map(|step| match step {
        Step::Enter(id) => {
            let chain = rules.chain(*id);
            let at = chain.map_or(String::new(), |chain| {
                format!("{}/{}", chain.table, chain.name)
            });
            of("enter", at, None, chain.map(|chain| chain.span))
        }
        Step::Match(id) => {
            let by = Decider::Rule(*id);
            of("match", place(rules, by), None, span(rules, by))
        }
        Step::Changed(packet) => of("change", packet.to_string(), None, None),
        Step::Decided(by, verdict) => of(
            "verdict",
            place(rules, *by),
            Some(*verdict),
            span(rules, *by),
        ),
    });
    all.collect()
}

/// Number of rules of one family.
pub(super) fn rule_count(rules: &Rules) -> usize {
    rules.chains.iter().map(|chain| chain.rules.len()).sum()
}
