//! What live probes say, as data.

use super::probe_finding::{Describe, service};
use super::session::Session;
use super::{Document, ExportInput, Place};
use crate::catalog::Need;
use crate::diagnostic::{Diagnostic, Severity, input, requirement};
use crate::dialect::{self, HostFacts};
use crate::net::Family;
use crate::probe::{
    self, Agreement, Agreements, Cell, Counts, Evaluation, Exported, Plan, PlanFlow, PlanReason,
    Reported, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// See [`super::Request::ProbeReport`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbeReportRequest {
    /// The plan, as `portwright probe plan` wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Document>,
    /// What `portwright probe run` and `portwright probe listen` wrote, of any hosts in any order.
    pub results: Vec<Document>,
    /// Exports of hosts of the plan, to compare what was seen with.
    pub exports: Vec<ExportInput>,
}

/// What live probes say about a site.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ProbeReportResult {
    /// The catalogue's name.
    pub catalog: String,
    /// Its version.
    pub catalog_version: String,
    /// The plan's hash.
    pub plan: String,
    /// How ranges of ports were sampled.
    pub sample: String,
    /// Counts.
    pub summary: ProbeSummary,
    /// The hosts of the plan, in its order.
    pub hosts: Vec<ProbeHost>,
    /// Who was to be dialled, by address.
    pub targets: Vec<ProbeTarget>,
    /// The flows of the plan, in its order.
    pub flows: Vec<ProbeFlow>,
    /// The matrix: by source host, flow and target. Positions are those in the three lists above.
    pub cells: Vec<Cell>,
    /// How many more cells there are; those that are not open are listed first.
    pub cells_not_listed: u64,
    /// What is the matter: what matters most first.
    pub findings: Vec<ProbeFinding>,
    /// How many probes belong to findings that are not listed because there are too many.
    pub findings_not_listed: u64,
}

/// Counts of a report.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ProbeSummary {
    /// Every planned probe once.
    pub probes: Counts,
    /// The same by agreement with the exports.
    pub agreement: Agreements,
    /// Flows that are open from every host to every target.
    pub flows_open: usize,
    /// Flows that are not, somewhere.
    pub flows_blocked: usize,
    /// Flows that nobody found blocked, and of which something is unknown.
    pub flows_unknown: usize,
    /// Parts of flows that no host of the site can dial; those flows are never open.
    pub untested: usize,
    /// Findings of severity error.
    pub errors: usize,
    /// Of severity warning.
    pub warnings: usize,
    /// Of severity note.
    pub notes: usize,
}

/// A host and what it contributed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ProbeHost {
    /// Its name.
    pub name: String,
    /// Its cluster.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cluster: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
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
    /// Whether it observed packets, too.
    pub observed: bool,
}

/// Who was to be dialled.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ProbeTarget {
    /// The host that has the address; else the address.
    pub name: String,
    /// The address.
    pub address: IpAddr,
    /// The hosts that may hold it, where it is virtual.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub holders: Vec<String>,
}

/// A required opening and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ProbeFlow {
    /// The flow's id in an answer to `resolve`.
    pub id: String,
    /// Address family.
    pub family: Family,
    /// Title of the source group.
    pub from: String,
    /// Title of the target group.
    pub to: String,
    /// What was dialled: `tcp/6443`, `udp/8472`, `icmp 8/0`, `protocol 4 (ipencap)`.
    pub service: String,
    /// The ports that are required, where more than were dialled.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sampled_from: Option<String>,
    /// How much it is needed.
    pub need: Need,
    /// Why it is required.
    pub because: Vec<PlanReason>,
    /// The worst that came of its probes; `unknown` where part of it cannot be dialled.
    pub verdict: Verdict,
    /// How many of them came to what.
    pub probes: Counts,
    /// What of it no host of the site can dial, and why.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub untested: Vec<String>,
}

/// What is the matter with some probes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ProbeFinding {
    /// Stable id of its kind, for example `PW601`.
    pub code: String,
    /// Short name of its kind, for example `blocked`.
    pub name: String,
    /// How much it matters.
    pub severity: Severity,
    /// What is the matter, in one line.
    pub message: String,
    /// What became of the probes.
    pub verdict: Verdict,
    /// Whether the exports agree.
    pub agreement: Agreement,
    /// Who stops them, where that is the matter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blocked_by: Option<BlockedBy>,
    /// Ids of the flows.
    pub flows: Vec<String>,
    /// Why they are required.
    pub because: Vec<PlanReason>,
    /// Protocol and ports.
    pub service: String,
    /// Source hosts.
    pub from: Vec<String>,
    /// Targets.
    pub to: Vec<String>,
    /// Whether more hosts are concerned than are named.
    pub more: bool,
    /// How many probes.
    pub probes: u64,
    /// What was seen of one of them, in a sentence's half.
    pub reason: String,
    /// One of them, for example `10.0.0.1 > 10.0.0.2 tcp/6443`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub example: Option<String>,
    /// The line of an export that decides.
    pub places: Vec<Place>,
    /// What to do.
    pub fix: String,
    /// Stays the same while unrelated things change.
    pub fingerprint: String,
}

/// Who stops probes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct BlockedBy {
    /// `source` (its own firewall or routes), `target` (its own firewall), `device` (an address on
    /// the way), `network` (before the target, or the source's own firewall), `way-back`,
    /// `target-or-way-back`, `somewhere`.
    pub kind: String,
    /// The host.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub host: Option<String>,
    /// The address that said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<IpAddr>,
}

pub(super) fn report(
    session: &mut Session,
    request: &ProbeReportRequest,
) -> Option<ProbeReportResult> {
    let Some(document) = &request.plan else {
        let problem = Diagnostic::new(&input::SYNTAX, "there is no plan to report on");
        session.report([problem.help("give what `portwright probe plan` wrote")]);
        return None;
    };
    let id = *session
        .add_quotable(std::slice::from_ref(document))
        .first()?;
    let plan = match probe::read_plan(&session.sources, id) {
        Ok(plan) => plan,
        Err(problems) => {
            session.report(problems);
            return None;
        }
    };
    let exported = exports(session, &plan, &request.exports)?;
    let results = session.add_quotable(&request.results);
    let evaluation = Evaluation {
        plan: &plan,
        results: &results,
        exported: &exported,
    };
    let (reported, diagnostics) = probe::evaluate(&session.sources, &evaluation);
    session.report(diagnostics);
    Some(result(session, &plan, reported))
}

/// The exports of hosts of the plan; none where one is not usable.
fn exports(session: &mut Session, plan: &Plan, given: &[ExportInput]) -> Option<Vec<Exported>> {
    let mut exported = Vec::new();
    let mut usable = true;
    for export in given {
        let host = export.host.as_deref().unwrap_or("");
        let Some(at) = plan.hosts.iter().position(|known| known.name == host) else {
            let message = match &export.host {
                Some(name) => format!("the plan has no host `{name}`"),
                None => "it is not said which host an export guards".into(),
            };
            let problem = Diagnostic::new(&requirement::EMPTY_SELECTOR, message);
            session.report([problem
                .severity(Severity::Error)
                .help("only exports of hosts are compared with probes: `--export HOST=FILE`")]);
            usable = false;
            continue;
        };
        let ids = session.add_quotable(&export.documents);
        let mut facts = HostFacts::default();
        for (number, known) in plan.hosts.iter().enumerate() {
            let own = if number == at {
                &mut facts.addresses
            } else {
                &mut facts.elsewhere
            };
            own.extend(known.addresses.iter().copied());
        }
        let loaded = dialect::load(&session.sources, &ids, export.dialect.as_deref(), &facts);
        session.report(loaded.diagnostics);
        usable &= loaded.dialects.iter().all(|(_, dialect)| dialect.is_some());
        exported.push(Exported {
            host: at,
            firewall: loaded.firewall,
        });
    }
    usable.then_some(exported)
}

fn result(session: &Session, plan: &Plan, reported: Reported) -> ProbeReportResult {
    let flows: Vec<ProbeFlow> = plan
        .flows
        .iter()
        .zip(&reported.flows)
        .enumerate()
        .map(|(at, (flow, counts))| flow_data(plan, at, flow, counts))
        .collect();
    let describe = Describe {
        session,
        plan,
        reported: &reported,
    };
    let findings: Vec<ProbeFinding> = reported
        .found
        .iter()
        .map(|one| describe.finding(one))
        .collect();
    let of = |severity| {
        findings
            .iter()
            .filter(|one| one.severity == severity)
            .count()
    };
    let with =
        |test: &dyn Fn(Verdict) -> bool| flows.iter().filter(|flow| test(flow.verdict)).count();
    ProbeReportResult {
        catalog: plan.catalog.clone(),
        catalog_version: plan.catalog_version.clone(),
        plan: plan.hash(),
        sample: plan.sample.clone(),
        summary: ProbeSummary {
            probes: reported.counts,
            agreement: reported.agreements,
            flows_open: with(&|verdict| verdict == Verdict::Open),
            flows_blocked: with(&|verdict| !matches!(verdict, Verdict::Open | Verdict::Unknown)),
            flows_unknown: with(&|verdict| verdict == Verdict::Unknown),
            untested: plan.untested.len(),
            errors: of(Severity::Error),
            warnings: of(Severity::Warning),
            notes: of(Severity::Note),
        },
        hosts: plan
            .hosts
            .iter()
            .zip(&reported.hosts)
            .map(|(host, part)| ProbeHost {
                name: host.name.clone(),
                cluster: host.cluster.clone(),
                roles: host.roles.clone(),
                ran: part.ran,
                complete: part.complete,
                planned: part.planned,
                done: part.done,
                listened: part.listened,
                observed: part.observed,
            })
            .collect(),
        targets: reported
            .targets
            .iter()
            .map(|target| ProbeTarget {
                name: target
                    .host
                    .clone()
                    .unwrap_or_else(|| target.address.to_string()),
                address: target.address,
                holders: target.holders.clone(),
            })
            .collect(),
        flows,
        findings,
        cells_not_listed: reported.cells_not_listed,
        findings_not_listed: reported.found_not_listed,
        cells: reported.cells,
    }
}

fn flow_data(plan: &Plan, at: usize, flow: &PlanFlow, counts: &Counts) -> ProbeFlow {
    let untested = plan.untested.iter().filter(|one| one.flow == at);
    let untested: Vec<String> = untested.map(|one| one.why.clone()).collect();
    let verdict = match counts.verdict() {
        Verdict::Open if !untested.is_empty() => Verdict::Unknown,
        other => other,
    };
    let to = plan.targets.get(flow.to);
    ProbeFlow {
        id: flow.id.clone(),
        family: flow.family,
        from: flow.from.clone(),
        to: to.map_or(String::new(), |to| to.title.clone()),
        service: service(flow.protocol, &flow.ports.to_string(), flow.icmp),
        sampled_from: flow.sampled_from.as_ref().map(ToString::to_string),
        need: flow.need,
        because: flow.because.clone(),
        verdict,
        probes: *counts,
        untested,
    }
}
