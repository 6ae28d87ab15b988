//! The report: what results say about every planned probe, and whether the exports agree.

use super::foresee::{Expected, Exported, Foresight};
use super::judge::{Asked, Blame, Judgement};
use super::results::{Results, Session};
use super::{Plan, PlanFlow, PortList, Target, Verdict};
use crate::analysis::{Fate, Note, Single};
use crate::catalog::Need;
use crate::diagnostic::{Code, Diagnostic, Severity, observation};
use crate::net::PortRange;
use crate::source::{SourceId, Sources};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Cells that are listed of those that are open throughout, and as many of the others.
const MOST_CELLS: usize = 100_000;

/// Findings that are listed.
const MOST_FOUND: usize = 10_000;

/// Hosts that a finding names on each side.
const MOST_NAMED: usize = 1_000;

/// How many probes came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProbeCounts")]
pub struct Counts {
    /// All of them.
    pub planned: u64,
    /// Answered by what listens.
    pub open: u64,
    /// Nothing listens; not filtered.
    pub closed: u64,
    /// A firewall refused.
    pub rejected: u64,
    /// No answer where there would be one.
    pub dropped: u64,
    /// No way there.
    pub unreachable: u64,
    /// Not let out by its own host.
    pub blocked_locally: u64,
    /// Not tested, or the test says nothing.
    pub unknown: u64,
}

impl Counts {
    fn add(&mut self, verdict: Verdict) {
        self.planned = self.planned.saturating_add(1);
        let of = match verdict {
            Verdict::Open => &mut self.open,
            Verdict::Closed => &mut self.closed,
            Verdict::Rejected => &mut self.rejected,
            Verdict::Dropped => &mut self.dropped,
            Verdict::Unreachable => &mut self.unreachable,
            Verdict::BlockedLocally => &mut self.blocked_locally,
            Verdict::Unknown => &mut self.unknown,
        };
        *of = of.saturating_add(1);
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (own, other) in [
            (&mut self.planned, other.planned),
            (&mut self.open, other.open),
            (&mut self.closed, other.closed),
            (&mut self.rejected, other.rejected),
            (&mut self.dropped, other.dropped),
            (&mut self.unreachable, other.unreachable),
            (&mut self.blocked_locally, other.blocked_locally),
            (&mut self.unknown, other.unknown),
        ] {
            *own = own.saturating_add(other);
        }
    }

    /// The worst that came of them: what is blocked, then what is not reached, closed, unknown;
    /// open only when all are. Unknown where there are none.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let order = [
            (self.blocked_locally, Verdict::BlockedLocally),
            (self.rejected, Verdict::Rejected),
            (self.dropped, Verdict::Dropped),
            (self.unreachable, Verdict::Unreachable),
            (self.closed, Verdict::Closed),
            (self.unknown, Verdict::Unknown),
            (self.open, Verdict::Open),
        ];
        let worst = order.iter().find(|(count, _)| *count > 0);
        worst.map_or(Verdict::Unknown, |(_, verdict)| *verdict)
    }
}

/// Whether the world agrees with the exports.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProbeAgreement")]
pub enum Agreement {
    /// It does what they say.
    Agrees,
    /// No export speaks of it, what they say depends on something that is not known, or what came
    /// of it is no matter of firewalls.
    NotPredicted,
    /// It was not tested.
    NotTested,
    /// They deny what is open, or permit what the same host blocks: out of date.
    StaleExport,
    /// They permit what is blocked: a firewall that nobody exported.
    UnexportedFirewall,
}

/// How many probes agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProbeAgreements")]
pub struct Agreements {
    /// See [`Agreement::Agrees`].
    pub agrees: u64,
    /// See [`Agreement::NotPredicted`].
    pub not_predicted: u64,
    /// See [`Agreement::NotTested`].
    pub not_tested: u64,
    /// See [`Agreement::StaleExport`].
    pub stale_export: u64,
    /// See [`Agreement::UnexportedFirewall`].
    pub unexported_firewall: u64,
}

impl Agreements {
    fn add(&mut self, agreement: Agreement) {
        let of = match agreement {
            Agreement::Agrees => &mut self.agrees,
            Agreement::NotPredicted => &mut self.not_predicted,
            Agreement::NotTested => &mut self.not_tested,
            Agreement::StaleExport => &mut self.stale_export,
            Agreement::UnexportedFirewall => &mut self.unexported_firewall,
        };
        *of = of.saturating_add(1);
    }
}

/// One field of the matrix source host × target × flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProbeCell")]
pub struct Cell {
    /// Position of the flow in the plan.
    pub flow: usize,
    /// Position of the source host in the plan.
    pub from: usize,
    /// Position in the report's targets.
    pub to: usize,
    /// The worst that came of its probes.
    pub verdict: Verdict,
    /// How many of them came to what.
    pub probes: Counts,
    /// Whether the exports agree.
    pub agreement: Agreement,
}

/// How much a host contributed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostPart {
    /// Whether it reported a run.
    pub ran: bool,
    /// Whether that was whole.
    pub complete: bool,
    /// Probes that it was to send.
    pub planned: u64,
    /// Probes that it told something of.
    pub done: u64,
    /// Whether it listened.
    pub listened: bool,
    /// Whether it observed, too.
    pub observed: bool,
}

/// What is the matter with some probes.
#[derive(Debug, Clone)]
pub struct Found {
    /// Which kind.
    pub code: &'static Code,
    /// How much it matters.
    pub severity: Severity,
    /// What became of them.
    pub verdict: Verdict,
    /// Where they were stopped.
    pub blame: Blame,
    /// Whether exports agree.
    pub agreement: Agreement,
    /// Positions of the flows.
    pub flows: BTreeSet<usize>,
    /// Positions of source hosts.
    pub from: BTreeSet<usize>,
    /// Positions in the report's targets.
    pub to: BTreeSet<usize>,
    /// Whether there are more than were gathered.
    pub more: bool,
    /// The ports.
    pub ports: PortList,
    /// How many probes.
    pub probes: u64,
    /// One of them.
    pub example: Option<Example>,
    /// Why, in a sentence's half.
    pub reason: String,
    /// The line of an export that decides.
    pub note: Option<Note>,
    /// Hosts whose exports permit it.
    pub permitted_by: Vec<usize>,
}

/// One probe.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// IP protocol.
    pub protocol: u8,
    /// Destination port.
    pub port: Option<u16>,
}

/// The report.
#[derive(Debug)]
pub struct Reported {
    /// Every planned probe once.
    pub counts: Counts,
    /// The same, by agreement.
    pub agreements: Agreements,
    /// One for each host of the plan.
    pub hosts: Vec<HostPart>,
    /// One for each flow of the plan: all probes that it needs.
    pub flows: Vec<Counts>,
    /// Who was to be dialled, by address.
    pub targets: Vec<Target>,
    /// By source, flow and target.
    pub cells: Vec<Cell>,
    /// How many more there are.
    pub cells_not_listed: u64,
    /// What is the matter: what matters most first.
    pub found: Vec<Found>,
    /// How many more there are.
    pub found_not_listed: u64,
}

/// What to make a report of.
pub struct Evaluation<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Files of records.
    pub results: &'a [SourceId],
    /// Exports of hosts of the plan.
    pub exported: &'a [Exported],
}

/// Makes a report.
#[must_use]
pub fn evaluate(sources: &Sources, what: &Evaluation<'_>) -> (Reported, Vec<Diagnostic>) {
    let hash = what.plan.hash();
    let (results, mut diagnostics) = Results::read(sources, what.results, what.plan, &hash);
    let mut builder = Builder::new(what, results);
    for at in 0..what.plan.hosts.len() {
        builder.host(at);
    }
    let stray = builder.results.not_planned();
    if stray > 0 {
        let message =
            format!("{stray} probes in the results are not in the plan: they are not used");
        diagnostics.push(
            Diagnostic::new(&observation::OTHER_PLAN, message)
                .help("give the plan that the results are for"),
        );
    }
    (builder.finish(), diagnostics)
}

/// What a finding gathers.
type Key = (
    &'static str,
    Option<usize>,
    Verdict,
    Blame,
    Option<usize>,
    String,
);

struct Builder<'a> {
    plan: &'a Plan,
    results: Results,
    foresight: Foresight<'a>,
    /// The number of each target, and the hosts that have it.
    numbers: BTreeMap<IpAddr, (usize, Vec<usize>)>,
    targets: Vec<Target>,
    counts: Counts,
    agreements: Agreements,
    hosts: Vec<HostPart>,
    flows: Vec<Counts>,
    good: Vec<Cell>,
    bad: Vec<Cell>,
    cells_not_listed: u64,
    found: BTreeMap<Key, Found>,
    found_not_listed: u64,
    /// The lines that were blamed.
    notes: Vec<Note>,
}

impl<'a> Builder<'a> {
    fn new(what: &Evaluation<'a>, results: Results) -> Self {
        let plan = what.plan;
        let by_name: BTreeMap<&str, usize> = plan
            .hosts
            .iter()
            .enumerate()
            .map(|(at, host)| (host.name.as_str(), at))
            .collect();
        let mut members: BTreeMap<IpAddr, Target> = BTreeMap::new();
        for target in plan.targets.iter().flat_map(|group| &group.members) {
            let known = members
                .entry(target.address)
                .or_insert_with(|| target.clone());
            known.host = known.host.take().or_else(|| target.host.clone());
            for holder in &target.holders {
                if !known.holders.contains(holder) {
                    known.holders.push(holder.clone());
                }
            }
        }
        let targets: Vec<Target> = members.into_values().collect();
        let numbered = targets.iter().enumerate().map(|(at, target)| {
            let names = target.host.iter().chain(&target.holders);
            let hosts: BTreeSet<usize> = names
                .filter_map(|name| by_name.get(name.as_str()).copied())
                .collect();
            (target.address, (at, hosts.into_iter().collect()))
        });
        Self {
            plan,
            foresight: Foresight::new(plan, what.exported),
            numbers: numbered.collect(),
            targets,
            counts: Counts::default(),
            agreements: Agreements::default(),
            hosts: Vec::with_capacity(plan.hosts.len()),
            flows: vec![Counts::default(); plan.flows.len()],
            good: Vec::new(),
            bad: Vec::new(),
            cells_not_listed: 0,
            found: BTreeMap::new(),
            found_not_listed: 0,
            notes: Vec::new(),
            results,
        }
    }

    fn host(&mut self, at: usize) {
        let Some(host) = self.plan.hosts.get(at) else {
            return;
        };
        let of = |all: &[Session]| -> Vec<Session> {
            all.iter().filter(|one| one.host == at).cloned().collect()
        };
        let (runs, listeners) = (of(&self.results.runs), of(&self.results.listeners));
        let lacking = lacking(&host.name, &runs);
        let mut part = HostPart {
            ran: !runs.is_empty(),
            complete: runs
                .iter()
                .any(|run| run.complete && run.cut_short.is_none()),
            planned: self.plan.count(host),
            done: 0,
            listened: !listeners.is_empty(),
            observed: listeners.iter().any(|one| one.privileged),
        };
        let mut open: Option<Cell> = None;
        for pair in self.plan.pairs(host) {
            let Some(flow) = self.plan.flows.get(pair.flow) else {
                continue;
            };
            let Some((number, hosts)) = self.numbers.get(&pair.target.address).cloned() else {
                continue;
            };
            let same = open
                .as_ref()
                .is_some_and(|cell| (cell.flow, cell.to) == (pair.flow, number));
            if !same && let Some(done) = open.take() {
                self.cell(done);
            }
            let cell = open.get_or_insert_with(|| Cell {
                flow: pair.flow,
                from: at,
                to: number,
                verdict: Verdict::Unknown,
                probes: Counts::default(),
                agreement: Agreement::Agrees,
            });
            let portless = flow.ports.is_empty().then_some(None);
            for port in portless.into_iter().chain(pair.ports.iter().map(Some)) {
                let probe = Single {
                    from: pair.from,
                    to: pair.target.address,
                    port,
                };
                let told =
                    self.results
                        .probe(at, pair.from, pair.target.address, flow.protocol, port);
                let first = told.is_some_and(|(_, first)| first);
                part.done += u64::from(first);
                let mut judgement = match &told {
                    Some((saved, _)) => Asked {
                        plan: self.plan,
                        results: &self.results,
                        source: at,
                        from: pair.from,
                        target: pair.target,
                        hosts: &hosts,
                        protocol: flow.protocol,
                        port,
                    }
                    .judge(saved),
                    None => Judgement {
                        verdict: Verdict::Unknown,
                        blame: Blame::Nobody,
                        reason: lacking.clone(),
                        by_firewall: false,
                    },
                };
                let expected = self.foresight.of(at, &hosts, pair.flow, probe);
                let agreement = reconcile(&mut judgement, expected.as_ref(), at);
                cell.probes.add(judgement.verdict);
                cell.agreement = cell.agreement.max(agreement);
                if let Some(counts) = self.flows.get_mut(pair.flow) {
                    counts.add(judgement.verdict);
                }
                if first {
                    self.counts.add(judgement.verdict);
                    self.agreements.add(agreement);
                }
                let about = About {
                    number: pair.flow,
                    flow,
                    source: at,
                    target: number,
                    protocol: flow.protocol,
                    probe,
                    tried: told.is_some(),
                };
                gather(
                    &mut self.found,
                    &mut self.found_not_listed,
                    &mut self.notes,
                    &about,
                    judgement,
                    expected,
                    agreement,
                );
            }
        }
        if let Some(done) = open.take() {
            self.cell(done);
        }
        // What no record tells of is unknown, each probe once.
        let missing = part.planned.saturating_sub(part.done);
        self.counts.planned = self.counts.planned.saturating_add(missing);
        self.counts.unknown = self.counts.unknown.saturating_add(missing);
        self.agreements.not_tested = self.agreements.not_tested.saturating_add(missing);
        self.hosts.push(part);
    }

    fn cell(&mut self, mut cell: Cell) {
        cell.verdict = cell.probes.verdict();
        let list = if cell.verdict == Verdict::Open {
            &mut self.good
        } else {
            &mut self.bad
        };
        if list.len() < MOST_CELLS {
            list.push(cell);
        } else {
            self.cells_not_listed += 1;
        }
    }

    fn finish(mut self) -> Reported {
        for untested in &self.plan.untested {
            if let Some(flow) = self.plan.flows.get(untested.flow) {
                self.found
                    .entry((
                        observation::NOT_TESTED.id,
                        None,
                        Verdict::Unknown,
                        Blame::Nobody,
                        None,
                        untested.why.clone(),
                    ))
                    .or_insert_with(|| Found {
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
                        reason: untested.why.clone(),
                        note: None,
                        permitted_by: Vec::new(),
                    })
                    .flows
                    .insert(untested.flow);
            }
        }
        let mut cells = self.bad;
        cells.append(&mut self.good);
        cells.sort_by_key(|cell| (cell.from, cell.flow, cell.to));
        // A host that dials from several addresses has one cell.
        cells.dedup_by(|next, cell| {
            let same = (next.from, next.flow, next.to) == (cell.from, cell.flow, cell.to);
            if same {
                cell.probes.join(&next.probes);
                cell.verdict = cell.probes.verdict();
                cell.agreement = cell.agreement.max(next.agreement);
            }
            same
        });
        let mut found: Vec<Found> = self.found.into_values().collect();
        // Stable: within a severity by code, then by who is to blame.
        found.sort_by_key(|one| (std::cmp::Reverse(one.severity), one.code.id, one.blame));
        Reported {
            counts: self.counts,
            agreements: self.agreements,
            hosts: self.hosts,
            flows: self.flows,
            targets: self.targets,
            cells,
            cells_not_listed: self.cells_not_listed,
            found,
            found_not_listed: self.found_not_listed,
        }
    }
}

/// Why probes of a host may lack a record.
fn lacking(name: &str, runs: &[Session]) -> String {
    let Some(last) = runs.last() else {
        return format!("`{name}` reported no run for this plan");
    };
    match (&last.cut_short, last.complete) {
        (Some(why), _) => format!("the run of `{name}` ended early: {why}"),
        (None, false) => format!("the run of `{name}` was interrupted"),
        (None, true) => format!("the result of `{name}` lacks it"),
    }
}

/// Compares what came of a probe with what the exports say; where they agree they may tell more
/// about who is to blame.
fn reconcile(judgement: &mut Judgement, expected: Option<&Expected>, source: usize) -> Agreement {
    let verdict = judgement.verdict;
    if verdict == Verdict::Unknown {
        return Agreement::NotTested;
    }
    let Some(expected) = expected else {
        return Agreement::NotPredicted;
    };
    let passes = matches!(verdict, Verdict::Open | Verdict::Closed);
    match expected.what.fate {
        Fate::Unknown => Agreement::NotPredicted,
        _ if !passes && !judgement.by_firewall => Agreement::NotPredicted,
        Fate::Permitted if passes => Agreement::Agrees,
        Fate::Permitted => {
            let own = match judgement.blame {
                Blame::Source(host) | Blame::Target(host) => Some(host),
                _ => None,
            };
            if own.is_some_and(|host| expected.permitted_by.contains(&host)) {
                Agreement::StaleExport
            } else {
                Agreement::UnexportedFirewall
            }
        }
        Fate::Denied => {
            let by = expected.by.map(|host| {
                if host == source {
                    Blame::Source(host)
                } else {
                    Blame::Target(host)
                }
            });
            if verdict == Verdict::Closed && expected.what.rejects {
                // What says that nothing listens is the firewall's refusal.
                judgement.verdict = Verdict::Rejected;
                judgement.by_firewall = true;
                judgement
                    .reason
                    .push_str(", and the export says that a firewall does");
            } else if passes {
                return Agreement::StaleExport;
            }
            let vague = !matches!(
                judgement.blame,
                Blame::Source(_) | Blame::Target(_) | Blame::Device(_)
            );
            if let (true, Some(by)) = (vague, by) {
                judgement.blame = by;
            }
            Agreement::Agrees
        }
    }
}

/// A probe that is gathered into a finding.
struct About<'a> {
    number: usize,
    flow: &'a PlanFlow,
    source: usize,
    target: usize,
    protocol: u8,
    probe: Single,
    /// Whether there is a record of it.
    tried: bool,
}

fn gather(
    found: &mut BTreeMap<Key, Found>,
    not_listed: &mut u64,
    notes: &mut Vec<Note>,
    about: &About<'_>,
    judgement: Judgement,
    expected: Option<Expected>,
    agreement: Agreement,
) {
    let need = about.flow.need;
    let (code, severity) = match (judgement.verdict, agreement) {
        (Verdict::Open, Agreement::StaleExport) => (&observation::STALE_EXPORT, Severity::Warning),
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
        notes
            .iter()
            .position(|known| known == note)
            .unwrap_or_else(|| {
                notes.push(note.clone());
                notes.len() - 1
            })
    });
    // What was not tried is told by cause, not flow by flow.
    let flow = (judgement.verdict != Verdict::Unknown || judgement.reason.starts_with("no answer"))
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
    let room = found.len() < MOST_FOUND;
    let one = match found.entry(key) {
        std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
        std::collections::btree_map::Entry::Vacant(_) if !room => {
            *not_listed += 1;
            return;
        }
        std::collections::btree_map::Entry::Vacant(new) => new.insert(Found {
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
                protocol: about.protocol,
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
