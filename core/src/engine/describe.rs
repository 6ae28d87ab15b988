//! Findings as data: what every operation that has findings says of them.

use super::fingerprint::{fingerprint, lasting};
use super::session::Session;
use super::trace;
use super::{FindingData, FixData, Place, WitnessData};
use crate::analysis::{Finding, Subject};
use crate::diagnostic::{CODES, Code, Diagnostic, Severity, code_by_id, hygiene, input};
use crate::firewall::{Action, Firewall, Hook};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Lines listed as not modelled for one export.
const MOST_PLACES: usize = 1000;

/// Readable parts listed for one finding.
const MOST_PACKETS: usize = 16;

/// Findings whose fix is to delete the rule or to move it.
const TO_DELETE: &[&Code] = &[
    &hygiene::SHADOWED,
    &hygiene::CONTRADICTED,
    &hygiene::REDUNDANT,
    &hygiene::DUPLICATE,
    &hygiene::EMPTY_MATCH,
    &hygiene::EMPTY_CHAIN,
];

/// What a finding is about, beside the firewall's rules.
pub(super) struct About<'d> {
    /// What the export guards; empty where that is not known.
    pub(super) guards: &'d str,
    /// Id of the flow.
    pub(super) flow: Option<String>,
}

/// The ids of the codes to report.
pub(super) fn wanted(
    session: &mut Session,
    select: &[String],
    ignore: &[String],
) -> Option<BTreeSet<&'static str>> {
    let mut find = |name: &String| {
        let code = code_by_id(name);
        if code.is_none() {
            let problem =
                Diagnostic::new(&input::UNKNOWN_KEY, format!("there is no code `{name}`"))
                    .severity(Severity::Error)
                    .help("`portwright explain` lists the codes");
            session.report([problem]);
        }
        code.map(|code| code.id)
    };
    let all = CODES.iter().map(|code| code.id);
    let selected: Option<BTreeSet<_>> = select.iter().map(&mut find).collect();
    let ignored: Option<BTreeSet<_>> = ignore.iter().map(&mut find).collect();
    let (selected, ignored) = (selected?, ignored?);
    let selected = if selected.is_empty() {
        all.collect()
    } else {
        selected
    };
    Some(&selected - &ignored)
}

/// The findings of one export that are told, in that order.
pub(super) fn told(
    session: &Session,
    wanted: &BTreeSet<&'static str>,
    mut findings: Vec<Finding>,
) -> Vec<Finding> {
    findings.retain(|finding| wanted.contains(finding.code.id));
    findings.sort_by_cached_key(|finding| {
        let place = finding.places.first().map_or(("", 0), |place| {
            let line = session.sources.position(place.span).line;
            (session.sources.name(place.span.source), line)
        });
        (Reverse(finding.severity), finding.code.id, place)
    });
    findings
}

/// A finding as data, without the requirements behind it.
pub(super) fn describe(
    session: &Session,
    subject: &Subject<'_>,
    about: &About<'_>,
    finding: &Finding,
) -> FindingData {
    let cubes = finding.packets.cubes();
    let mut packets: Vec<String> = cubes
        .iter()
        .take(MOST_PACKETS)
        .map(|cube| cube.describe(finding.family))
        .collect();
    if cubes.len() > MOST_PACKETS {
        packets.push(format!("… and {} more parts", cubes.len() - MOST_PACKETS));
    }
    let places = finding.places.iter();
    let depends_on = finding.depends_on.iter();
    let hook = finding.hook.map(|hook| hook.to_string());
    // The line's text, not its number: numbers change with unrelated edits.
    let text = match (&about.flow, finding.places.first()) {
        (None, Some(place)) => lasting(session.sources.slice(place.span)),
        _ => String::new(),
    };
    FindingData {
        fingerprint: fingerprint(&[
            finding.code.id,
            about.guards,
            hook.as_deref().unwrap_or(""),
            about.flow.as_deref().unwrap_or(""),
            &text,
        ]),
        code: finding.code.id.into(),
        name: finding.code.name.into(),
        severity: finding.severity,
        message: finding.message.clone(),
        guards: about.guards.into(),
        hook,
        flow: about.flow.clone(),
        requirements: Vec::new(),
        packets,
        witness: witness(subject, finding),
        places: places.map(|p| session.place(p.span, &p.text)).collect(),
        depends_on: depends_on.map(|d| session.place(d.span, &d.why)).collect(),
        fix: fix(session, subject, finding),
    }
}

/// The witness with what the interpreter, which knows nothing of the algebra, says of it.
fn witness(subject: &Subject<'_>, finding: &Finding) -> Option<WitnessData> {
    let packet = finding.witness?;
    let hook = finding.hook.unwrap_or(Hook::Input);
    let firewall = subject.firewall;
    let program = subject.program(packet.family);
    let traced = program.trace(&firewall.unknowns, hook, &packet);
    Some(WitnessData {
        packet: packet.to_string(),
        verdict: trace::name(traced.verdict).into(),
        path: trace::path(firewall.rules(packet.family), &traced),
    })
}

/// What to do, in words and at which place.
pub(super) fn fix(session: &Session, subject: &Subject<'_>, finding: &Finding) -> Option<FixData> {
    let delete = TO_DELETE.contains(&finding.code);
    let rule = finding.rule.filter(|_| delete);
    let rule = rule.and_then(|id| subject.firewall.rules(finding.family).rule(id));
    Some(FixData {
        text: finding.help.clone()?,
        lines: Vec::new(),
        place: rule.map(|rule| session.place(rule.span, "")),
        replace: delete,
    })
}

/// Lines with a match or an action that is not modelled, and why.
pub(super) fn not_modelled(session: &Session, firewall: &Firewall) -> Vec<Place> {
    let rules = [&firewall.v4, &firewall.v6].into_iter();
    let opaque = rules
        .flat_map(|rules| &rules.chains)
        .flat_map(|chain| &chain.rules)
        .filter_map(|rule| match &rule.action {
            Action::Opaque { why } => Some((rule.span, why)),
            _ => None,
        });
    let unknowns = firewall
        .unknowns
        .iter()
        .map(|unknown| (unknown.span, &unknown.why));
    let lines: BTreeMap<_, _> = opaque.chain(unknowns).collect();
    let places = lines.into_iter().take(MOST_PLACES);
    places.map(|(span, why)| session.place(span, why)).collect()
}
