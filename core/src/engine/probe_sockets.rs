//! What listens on hosts against what a plan says should, as data.

use super::probe_plan::ProbePlanRequest;
use super::session::Session;
use super::{DiagnosticData, Document, SiteInput};
use crate::diagnostic::{Diagnostic, Severity, input};
use crate::probe::sockets::{self, Finding, Held, Holder, Reading, Required, Standing};
use crate::probe::{Plan, PlanHost};
use crate::source::SourceId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// See [`super::Request::ProbeSockets`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbeSocketsRequest {
    /// A plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Document>,
    /// Or a site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteInput>,
    /// Whose sockets these are, where the evidence does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What was seen.
    pub evidence: Vec<SocketEvidence>,
    /// Which processes have which sockets of lists of /proc/net.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<SocketOwner>,
    /// Whether nothing of the product is installed yet.
    pub before: bool,
    /// Processes that may have required ports before the installation.
    pub expected: Vec<String>,
}

/// A list of sockets.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketEvidence {
    /// `ss -H -tulpn`, `nmap -oX`, or a file of /proc/net.
    pub document: Document,
    /// Whose it is; `nmap` says it by address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub host: Option<String>,
    /// The network namespace, where it is not the host's own but a container's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
}

/// A process that has a socket.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketOwner {
    /// The socket's inode.
    pub inode: u64,
    /// Name of the process.
    pub process: String,
    /// Its number.
    pub pid: u32,
}

/// What listens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ProbeSocketsResult {
    /// Each host that there is evidence of, in the order of the plan.
    pub hosts: Vec<HostSockets>,
    /// Findings by severity: errors, warnings, notes.
    pub counts: [usize; 3],
}

/// What listens on one host.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct HostSockets {
    /// Its name.
    pub host: String,
    /// Its sockets, by protocol, port and address.
    pub sockets: Vec<SocketData>,
    /// What is not as it should be, the worst first.
    pub findings: Vec<SocketFinding>,
}

/// Something that listens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SocketData {
    /// IP protocol number.
    pub protocol: u8,
    /// The port.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<u16>,
    /// The address that it is bound to: `0.0.0.0`, `::`, `*` for all of both families, or one.
    pub address: String,
    /// The process's name and number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub process: Option<String>,
    /// The network namespace, where it is not the host's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// What is to be said of it.
    pub standing: Standing,
    /// Titles of the requirements that need it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub because: Vec<String>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SocketFinding {
    /// What is the matter.
    #[serde(flatten)]
    pub diagnostic: DiagnosticData,
    /// IP protocol number.
    pub protocol: u8,
    /// The ports.
    pub ports: Vec<u16>,
    /// What they are bound to, or should be.
    pub addresses: Vec<String>,
    /// Who has them: name and number.
    pub processes: Vec<String>,
    /// Ids of the flows that need them.
    pub flows: Vec<String>,
    /// Titles and citations of the requirements.
    pub because: Vec<String>,
}

/// Readings by position of their host in the plan.
type ByHost = BTreeMap<usize, Vec<Reading>>;

pub(super) fn sockets(
    session: &mut Session,
    request: &ProbeSocketsRequest,
) -> Option<ProbeSocketsResult> {
    let plan = plan(session, request)?;
    let owners = request.owners.iter().map(|owner| (owner.inode, owner));
    let owners: BTreeMap<u64, &SocketOwner> = owners.collect();
    let mut by_host = ByHost::new();
    for evidence in &request.evidence {
        let documents = std::slice::from_ref(&evidence.document);
        let &id = session.add_quotable(documents).first()?;
        let (mut readings, diagnostics) = sockets::read(&session.sources, id);
        session.report(diagnostics);
        for one in readings
            .iter_mut()
            .flat_map(|reading| &mut reading.listeners)
        {
            one.holder.namespace.clone_from(&evidence.namespace);
            let owner = one.holder.inode.and_then(|inode| owners.get(&inode));
            if let Some(owner) = owner {
                one.holder.process = Some(owner.process.clone());
                one.holder.pid = Some(owner.pid);
            }
        }
        let named = evidence.host.as_deref().or(request.host.as_deref());
        for mut reading in readings {
            if evidence.namespace.is_some() {
                reading.complete.clear();
            }
            let at = whose(session, &plan, &reading, named, id)?;
            if let Some(at) = at {
                by_host.entry(at).or_default().push(reading);
            }
        }
    }
    let mut result = ProbeSocketsResult {
        hosts: Vec::new(),
        counts: [0; 3],
    };
    for (at, readings) in by_host {
        let Some(host) = plan.hosts.get(at) else {
            continue;
        };
        let required = sockets::required(&plan, host);
        let (held, findings) =
            sockets::compare(&readings, &required, request.before, &request.expected);
        for finding in &findings {
            let [errors, warnings, notes] = &mut result.counts;
            *match finding.diagnostic.severity {
                Severity::Error => errors,
                Severity::Warning => warnings,
                Severity::Note => notes,
            } += 1;
        }
        result.hosts.push(HostSockets {
            host: host.name.clone(),
            sockets: held.iter().map(|one| socket(one, &required)).collect(),
            findings: findings
                .iter()
                .map(|one| finding(session, one, &required))
                .collect(),
        });
    }
    Some(result)
}

fn plan(session: &mut Session, request: &ProbeSocketsRequest) -> Option<Plan> {
    match (&request.plan, &request.site) {
        (Some(document), None) => {
            let &id = session
                .add_quotable(std::slice::from_ref(document))
                .first()?;
            match crate::probe::read_plan(&session.sources, id) {
                Ok(plan) => Some(plan),
                Err(problems) => {
                    session.report(problems);
                    None
                }
            }
        }
        (None, Some(site)) => {
            let request = ProbePlanRequest {
                site: site.clone(),
                ..ProbePlanRequest::default()
            };
            Some(super::probe_plan::plan(session, &request)?.plan)
        }
        _ => {
            let message = "expected either a plan or a site to compare the sockets with";
            session.report([Diagnostic::new(&input::SYNTAX, message)]);
            None
        }
    }
}

/// Whose a reading is: what a scan says by address, else the host that is named, else the only one.
/// The outer none: it cannot be told, which ends the request.
fn whose(
    session: &mut Session,
    plan: &Plan,
    reading: &Reading,
    named: Option<&str>,
    id: SourceId,
) -> Option<Option<usize>> {
    let position = |fits: &dyn Fn(&PlanHost) -> bool| plan.hosts.iter().position(fits);
    if !reading.addresses.is_empty() {
        let here = |host: &PlanHost| {
            let mut addresses = host.addresses.iter();
            addresses.any(|address| reading.addresses.contains(address))
        };
        let at = position(&here);
        if at.is_none() {
            let all: Vec<String> = reading.addresses.iter().map(ToString::to_string).collect();
            let message = format!("no host of the plan has the address {}", all.join(", "));
            let span = session.sources.line_span(id, 1);
            let help = "what was scanned there is left out";
            session.report([Diagnostic::new(&input::ASSUMED, message)
                .at(span)
                .help(help)]);
        }
        return Some(at);
    }
    let names = || {
        let names: Vec<&str> = plan
            .hosts
            .iter()
            .take(20)
            .map(|h| h.name.as_str())
            .collect();
        names.join(", ")
    };
    let message = match named {
        Some(name) => match position(&|host| host.name == name) {
            Some(at) => return Some(Some(at)),
            None => format!("there is no host `{name}`, expected one of {}", names()),
        },
        None if plan.hosts.len() == 1 => return Some(Some(0)),
        None => format!(
            "whose sockets these are is not said, expected one of {}",
            names()
        ),
    };
    let help = "name the host: `--host NAME`, or `--from NAME=FILE`";
    let span = session.sources.line_span(id, 1);
    session.report([Diagnostic::new(&input::UNKNOWN_KEY, message)
        .severity(Severity::Error)
        .at(span)
        .help(help)]);
    None
}

fn titles(positions: &[usize], required: &[Required], cite: bool) -> Vec<String> {
    let all = positions.iter().filter_map(|at| required.get(*at));
    let all = all.flat_map(|required| &required.because);
    let mut seen = BTreeSet::new();
    all.map(|reason| match (&reason.citation, cite) {
        (Some(citation), true) => format!("{} ({citation})", reason.title),
        _ => reason.title.clone(),
    })
    .filter(|title| seen.insert(title.clone()))
    .collect()
}

fn process(holder: &Holder) -> Option<String> {
    let process = holder.process.as_ref()?;
    Some(match holder.pid {
        Some(pid) => format!("{process} (pid {pid})"),
        None => process.clone(),
    })
}

fn socket(held: &Held, required: &[Required]) -> SocketData {
    let listener = &held.listener;
    SocketData {
        protocol: listener.protocol,
        port: listener.port,
        address: listener.bound.to_string(),
        process: process(&listener.holder),
        namespace: listener.holder.namespace.clone(),
        standing: held.standing,
        because: titles(&held.required_by, required, false),
    }
}

fn finding(session: &Session, finding: &Finding, required: &[Required]) -> SocketFinding {
    let flows = finding.required_by.iter();
    let flows = flows.filter_map(|at| required.get(*at));
    SocketFinding {
        diagnostic: session.diagnostic(&finding.diagnostic),
        protocol: finding.protocol,
        ports: finding.ports.iter().copied().collect(),
        addresses: finding.addresses.iter().cloned().collect(),
        processes: finding.holders.iter().filter_map(process).collect(),
        flows: flows.map(|required| required.flow.clone()).collect(),
        because: titles(&finding.required_by, required, true),
    }
}
