//! What live probes say, as data.

use super::session::Session;
use super::{Document, ExportInput, Place};
use crate::catalog::Need;
use crate::diagnostic::{Diagnostic, Severity, input, requirement};
use crate::dialect::{self, HostFacts};
use crate::fnv::fingerprint;
use crate::net::{Family, Protocol};
use crate::probe::{
    self, Agreement, Agreements, Blame, Cell, Counts, Evaluation, Exported, Found, Plan, PlanFlow,
    PlanReason, Reported, Verdict,
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

/// `tcp/6443`, `icmp 8/0`, `protocol 4 (ipencap)`.
fn service(protocol: u8, ports: &str, icmp: Option<(u8, u8)>) -> String {
    let protocol = Protocol(protocol);
    match (icmp, ports) {
        (Some((kind, code)), _) => format!("icmp {kind}/{code}"),
        (None, "") if protocol.is_icmp() => "icmp".into(),
        (None, "") => match protocol.name() {
            Some(name) => format!("protocol {} ({name})", protocol.0),
            None => format!("protocol {}", protocol.0),
        },
        (None, ports) => format!("{protocol}/{ports}"),
    }
}

/// Turns findings into data.
struct Describe<'d> {
    session: &'d Session,
    plan: &'d Plan,
    reported: &'d Reported,
}

impl Describe<'_> {
    fn finding(&self, found: &Found) -> ProbeFinding {
        let flows = || found.flows.iter().filter_map(|&at| self.plan.flows.get(at));
        let mut because: Vec<PlanReason> = Vec::new();
        for reason in flows().flat_map(|flow| &flow.because) {
            if !because.contains(reason) {
                because.push(reason.clone());
            }
        }
        let from: Vec<String> = found.from.iter().map(|&at| self.host(at)).collect();
        let to: Vec<String> = found.to.iter().map(|&at| self.target(at)).collect();
        let protocols: std::collections::BTreeSet<u8> = flows().map(|flow| flow.protocol).collect();
        let service = match (protocols.len(), flows().next()) {
            (1, Some(flow)) => service(flow.protocol, &found.ports.to_string(), flow.icmp),
            _ => String::new(),
        };
        let note = found.note.as_ref();
        let example = found.example.map(|one| {
            let port = one.port.map_or(String::new(), |port| port.to_string());
            let icmp = flows().next().and_then(|flow| flow.icmp);
            let service = self::service(one.protocol, &port, icmp);
            format!("{} > {} {service}", one.from, one.to)
        });
        let text = Text {
            describe: self,
            found,
            from: &from,
            to: &to,
            service: &service,
        };
        let ids: Vec<String> = flows().map(|flow| flow.id.clone()).collect();
        let mut parts = vec![found.code.id, &found.reason];
        parts.extend(ids.iter().chain(&to).map(String::as_str));
        let fingerprint = fingerprint(&parts);
        ProbeFinding {
            code: found.code.id.into(),
            name: found.code.name.into(),
            severity: found.severity,
            message: text.message(),
            verdict: found.verdict,
            agreement: found.agreement,
            blocked_by: self.blocked_by(found.blame),
            because,
            more: found.more,
            probes: found.probes,
            reason: found.reason.clone(),
            example,
            places: note
                .map(|note| self.session.place(note.span, &note.text))
                .into_iter()
                .collect(),
            fix: text.fix(),
            flows: ids,
            service,
            from,
            to,
            fingerprint,
        }
    }

    fn host(&self, at: usize) -> String {
        let host = self.plan.hosts.get(at);
        host.map_or(String::new(), |host| host.name.clone())
    }

    fn target(&self, at: usize) -> String {
        let target = self.reported.targets.get(at);
        target.map_or(String::new(), |target| {
            target
                .host
                .clone()
                .unwrap_or_else(|| target.address.to_string())
        })
    }

    /// The host of the plan that has an address.
    fn owner(&self, address: IpAddr) -> Option<String> {
        let mut hosts = self.plan.hosts.iter();
        let owner = hosts.find(|host| host.addresses.contains(&address));
        owner.map(|host| host.name.clone())
    }

    fn blocked_by(&self, blame: Blame) -> Option<BlockedBy> {
        let (kind, host, address) = match blame {
            Blame::Nobody => return None,
            Blame::Source(at) => ("source", Some(self.host(at)), None),
            Blame::Target(at) => ("target", Some(self.host(at)), None),
            Blame::Device(address) => ("device", self.owner(address), Some(address)),
            Blame::Network => ("network", None, None),
            Blame::TargetOrWayBack(at) => ("target-or-way-back", Some(self.host(at)), None),
            Blame::WayBack(at) => ("way-back", Some(self.host(at)), None),
            Blame::Somewhere => ("somewhere", None, None),
        };
        Some(BlockedBy {
            kind: kind.into(),
            host,
            address,
        })
    }
}

/// What is said of a finding.
struct Text<'t> {
    describe: &'t Describe<'t>,
    found: &'t Found,
    from: &'t [String],
    to: &'t [String],
    service: &'t str,
}

impl Text<'_> {
    /// `tcp/179 from 5 hosts to cp-1`.
    fn what(&self) -> String {
        let service = match self.service {
            "" => format!("{} flows", self.found.flows.len()),
            service if service.len() > 60 => {
                let (protocol, _) = service.split_once('/').unwrap_or((service, ""));
                format!("{protocol}, {} ports,", self.found.ports.count())
            }
            service => service.to_owned(),
        };
        format!(
            "{service} from {} to {}",
            several(self.from),
            several(self.to)
        )
    }

    fn who(&self) -> String {
        match self.found.blame {
            Blame::Nobody | Blame::Somewhere => "somewhere".into(),
            Blame::Source(at) => format!("by `{}` itself", self.describe.host(at)),
            Blame::Target(at) => format!("by the firewall of `{}` itself", self.describe.host(at)),
            Blame::Device(address) => match self.describe.owner(address) {
                Some(name) => format!("by {address} (`{name}`)"),
                None => format!("by {address}"),
            },
            Blame::Network => "before it arrives".into(),
            Blame::TargetOrWayBack(at) => {
                format!(
                    "by the firewall of `{}` itself, or on the way back",
                    self.describe.host(at)
                )
            }
            Blame::WayBack(_) => "on the way back".into(),
        }
    }

    fn message(&self) -> String {
        let what = self.what();
        let who = self.who();
        match (self.found.verdict, self.found.agreement) {
            (Verdict::Open, _) => format!("{what} is open, but an export denies it"),
            (Verdict::Closed, _) => format!("{what} arrives, but nothing listens"),
            (Verdict::Unreachable, _) => format!("{what} has no way: {}", self.found.reason),
            (Verdict::Unknown, _) if self.found.probes == 0 => {
                let flows = self.found.flows.len();
                let s = if flows == 1 { "" } else { "s" };
                format!("{flows} flow{s} cannot be tested: {}", self.found.reason)
            }
            (Verdict::Unknown, _) => {
                let probes = self.found.probes;
                let s = if probes == 1 { "" } else { "s" };
                format!(
                    "{what} is not tested ({probes} probe{s}): {}",
                    self.found.reason
                )
            }
            (verdict, agreement) => {
                let does = match verdict {
                    Verdict::Rejected => "is rejected",
                    Verdict::BlockedLocally => "is not let out",
                    _ => "is dropped",
                };
                let but = match agreement {
                    Agreement::UnexportedFirewall => ", though the exports permit it",
                    Agreement::StaleExport => ", though its export permits it",
                    _ => "",
                };
                format!("{what} {does} {who}{but}")
            }
        }
    }

    fn fix(&self) -> String {
        let permit = format!("permit {}", self.what());
        let lines = if self.found.note.is_some() {
            " before the line named here"
        } else {
            ""
        };
        match (self.found.verdict, self.found.agreement, self.found.blame) {
            (Verdict::Open, ..) => {
                "export the host again: the export that was given is out of date, or lacks a part"
                    .into()
            }
            (Verdict::Closed, ..) => format!(
                "no firewall is in the way: start the service on {}, or run `portwright probe listen` there while others dial",
                several(self.to)
            ),
            (Verdict::Unreachable, _, Blame::Source(_)) => format!(
                "no firewall: check the routes of {}, and that {} is up and has its address",
                several(self.from),
                several(self.to)
            ),
            (Verdict::Unreachable, ..) => format!(
                "no firewall: check that {} is up and has its address, and the routes to it",
                several(self.to)
            ),
            (Verdict::Unknown, ..) => self.test(),
            (_, Agreement::StaleExport, _) => format!(
                "{permit} {}, and export that host again: the export that was given permits it",
                self.there()
            ),
            (_, Agreement::UnexportedFirewall, Blame::Device(_)) => format!(
                "{permit} {}, and give its export too (`--export HOST=FILE`, `portwright lint --between`)",
                self.there()
            ),
            (_, Agreement::UnexportedFirewall, _) => format!(
                "look for a firewall that was not exported (a network firewall, a security group, an ACL, the other end's own) {}: {permit} there",
                self.there()
            ),
            (_, _, Blame::Somewhere) => format!(
                "{permit} on every firewall of the way; `portwright probe listen` as root on {} while others dial tells where it stops",
                several(self.to)
            ),
            _ => format!("{permit} {}{lines}", self.there()),
        }
    }

    /// Where to look.
    fn there(&self) -> String {
        let host = |at| self.describe.host(at);
        match self.found.blame {
            Blame::Source(at) if self.found.verdict == Verdict::BlockedLocally => {
                format!("on `{}` (OUTPUT, or its routes)", host(at))
            }
            Blame::Source(at) => format!("on `{}` (OUTPUT)", host(at)),
            Blame::Target(at) => format!("on `{}` (INPUT)", host(at)),
            Blame::Device(address) => format!("on the machine that has {address}"),
            Blame::Network => format!(
                "between {} and {}, or in OUTPUT of the first",
                several(self.from),
                several(self.to)
            ),
            Blame::TargetOrWayBack(at) => format!("on `{}` (INPUT, OUTPUT), or between", host(at)),
            Blame::WayBack(at) => format!(
                "for the answers: OUTPUT of `{}`, between, INPUT of {}",
                host(at),
                several(self.from)
            ),
            Blame::Nobody | Blame::Somewhere => "on the way".into(),
        }
    }

    /// How to get what is missing.
    fn test(&self) -> String {
        let reason = self.found.reason.as_str();
        if self.found.probes == 0 {
            "test it from there by hand, or add the host to the site".into()
        } else if reason.starts_with("not tried") {
            format!(
                "run `portwright probe run` as root on {}, or with CAP_NET_RAW",
                several(self.from)
            )
        } else if reason.starts_with("no answer") {
            format!(
                "run `portwright probe listen` (as root) on {} while others dial",
                several(self.to)
            )
        } else {
            format!(
                "run `portwright probe run` on {} again and give its whole result",
                several(self.from)
            )
        }
    }
}

/// Names, or how many.
fn several(names: &[String]) -> String {
    match names {
        [] => "nobody".into(),
        [one] => format!("`{one}`"),
        [a, b] => format!("`{a}` and `{b}`"),
        [a, b, c] => format!("`{a}`, `{b}` and `{c}`"),
        all => format!("{} hosts", all.len()),
    }
}
