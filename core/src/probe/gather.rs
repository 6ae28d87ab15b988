//! Probes with the same matter, gathered into one finding.

use super::foresee::Expected;
use super::judge::{Blame, Judgement};
use super::{Agreement, Example, Found, Plan, PlanFlow, PortList, Verdict};
use crate::analysis::{Note, Single};
use crate::catalog::Need;
use crate::diagnostic::{Severity, observation};
use crate::net::PortRange;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Findings that are listed.
const MOST_FOUND: usize = 10_000;

/// Hosts that a finding names on each side.
const MOST_NAMED: usize = 1_000;

/// What has one finding: its code, flow, verdict, who is to blame, the line of an export, and why
/// it is unknown.
type Key = (
    &'static str,
    Option<usize>,
    Verdict,
    Blame,
    Option<usize>,
    String,
);

/// The findings so far.
#[derive(Default)]
pub(super) struct Findings {
    found: BTreeMap<Key, Found>,
    /// Probes of findings that there was no room for.
    pub not_listed: u64,
    /// The lines that were blamed.
    notes: Vec<Note>,
}

/// A probe that is gathered into a finding.
pub(super) struct About<'a> {
    /// Position of its flow.
    pub number: usize,
    pub flow: &'a PlanFlow,
    /// Position of its host.
    pub source: usize,
    /// Position of its target.
    pub target: usize,
    pub probe: Single,
    /// Whether there is a record of it.
    pub tried: bool,
}

impl Findings {
    /// Adds a probe, where something is the matter with it.
    pub fn add(
        &mut self,
        about: &About<'_>,
        judgement: Judgement,
        expected: Option<Expected>,
        agreement: Agreement,
    ) {
        let need = about.flow.need;
        let (code, severity) = match (judgement.verdict, agreement) {
            (Verdict::Open, Agreement::StaleExport) => {
                (&observation::STALE_EXPORT, Severity::Warning)
            }
            (Verdict::Open, _) => return,
            (Verdict::Unknown, _) => (&observation::NOT_TESTED, severity(need, Severity::Warning)),
            (Verdict::Closed, _) => (
                &observation::NOTHING_LISTENS,
                severity(need, Severity::Error),
            ),
            (Verdict::Unreachable, _) => (&observation::NO_WAY, severity(need, Severity::Error)),
            (_, Agreement::UnexportedFirewall) => (
                &observation::UNEXPORTED_FIREWALL,
                severity(need, Severity::Error),
            ),
            (_, Agreement::StaleExport) => {
                (&observation::STALE_EXPORT, severity(need, Severity::Error))
            }
            _ => (&observation::BLOCKED, severity(need, Severity::Error)),
        };
        let note = expected
            .as_ref()
            .and_then(|expected| expected.what.by.clone());
        let note_at = note.as_ref().map(|note| {
            let known = self.notes.iter().position(|known| known == note);
            known.unwrap_or_else(|| {
                self.notes.push(note.clone());
                self.notes.len() - 1
            })
        });
        // What was not tried is told by cause, not flow by flow.
        let flow = (judgement.verdict != Verdict::Unknown
            || judgement.reason.starts_with("no answer"))
        .then_some(about.number);
        let flow = flow.filter(|_| about.tried);
        let why = match judgement.verdict {
            Verdict::Unknown => judgement.reason.clone(),
            _ => String::new(),
        };
        let key = (
            code.id,
            flow,
            judgement.verdict,
            judgement.blame,
            note_at,
            why,
        );
        let room = self.found.len() < MOST_FOUND;
        let one = match self.found.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if !room => {
                self.not_listed += 1;
                return;
            }
            Entry::Vacant(new) => new.insert(Found {
                code,
                severity,
                verdict: judgement.verdict,
                blame: judgement.blame,
                agreement,
                flows: BTreeSet::new(),
                from: BTreeSet::new(),
                to: BTreeSet::new(),
                more: false,
                ports: PortList::default(),
                probes: 0,
                example: Some(Example {
                    from: about.probe.from,
                    to: about.probe.to,
                    protocol: about.flow.protocol,
                    port: about.probe.port,
                }),
                reason: judgement.reason,
                note,
                permitted_by: expected.map_or(Vec::new(), |expected| expected.permitted_by),
            }),
        };
        one.severity = one.severity.max(severity);
        one.flows.insert(about.number);
        one.probes += 1;
        one.more |= !insert(&mut one.from, about.source) | !insert(&mut one.to, about.target);
        if let Some(port) = about.probe.port.filter(|port| !one.ports.contains(*port)) {
            one.ports = one.ports.union(&PortList::of([PortRange::single(port)]));
        }
    }

    /// Adds what no host of the site can dial.
    pub fn add_untested(&mut self, plan: &Plan) {
        for untested in &plan.untested {
            let Some(flow) = plan.flows.get(untested.flow) else {
                continue;
            };
            let why = untested.why.clone();
            let key = (
                observation::NOT_TESTED.id,
                None,
                Verdict::Unknown,
                Blame::Nobody,
                None,
                why.clone(),
            );
            let one = self.found.entry(key).or_insert_with(|| Found {
                code: &observation::NOT_TESTED,
                severity: severity(flow.need, Severity::Warning),
                verdict: Verdict::Unknown,
                blame: Blame::Nobody,
                agreement: Agreement::NotTested,
                flows: BTreeSet::new(),
                from: BTreeSet::new(),
                to: BTreeSet::new(),
                more: false,
                ports: PortList::default(),
                probes: 0,
                example: None,
                reason: why,
                note: None,
                permitted_by: Vec::new(),
            });
            one.flows.insert(untested.flow);
        }
    }

    /// What matters most first; then by code and by who is to blame.
    pub fn sorted(self) -> Vec<Found> {
        let mut found: Vec<Found> = self.found.into_values().collect();
        found.sort_by_key(|one| (std::cmp::Reverse(one.severity), one.code.id, one.blame));
        found
    }
}

/// Whether there was room for it.
fn insert(set: &mut BTreeSet<usize>, value: usize) -> bool {
    set.contains(&value) || set.len() < MOST_NAMED && set.insert(value)
}

/// What only monitoring or debugging needs matters less.
fn severity(need: Need, required: Severity) -> Severity {
    match need {
        Need::Required => required,
        Need::Optional => required.min(Severity::Warning),
        Need::Metrics | Need::Debug => Severity::Note,
    }
}
