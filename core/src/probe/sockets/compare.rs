//! What listens against what should.

use super::{Bound, Holder, Listener, Reading, Required};
use crate::catalog::Need;
use crate::diagnostic::{Code, Diagnostic, Severity, listening};
use crate::net::Protocol;
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Places shown of one finding.
const MOST_PLACES: usize = 4;
/// First port that Linux gives to clients (`net.ipv4.ip_local_port_range`).
const FIRST_CLIENT: u16 = 32_768;

/// What is to be said of a socket.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Somebody needs it.
    Required,
    /// It is required, but something has the port before the installation.
    Taken,
    /// Nobody outside reaches it.
    Loopback,
    /// Nobody needs it, and all addresses of the host offer it.
    Exposed,
    /// Nobody needs it, and one address offers it.
    Unexpected,
    /// It is in another network namespace: a container's.
    Elsewhere,
}

/// A socket, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The socket.
    pub listener: Listener,
    /// What is to be said of it.
    pub standing: Standing,
    /// Flows that need it: positions in what is required.
    pub required_by: Vec<usize>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is the matter, and where it shows.
    pub diagnostic: Diagnostic,
    /// IP protocol number.
    pub protocol: u8,
    /// The ports.
    pub ports: BTreeSet<u16>,
    /// What they are bound to, or should be.
    pub addresses: BTreeSet<String>,
    /// Who has them.
    pub holders: BTreeSet<Holder>,
    /// Flows that need them: positions in what is required.
    pub required_by: Vec<usize>,
}

/// Compares what was read of one host with what is required of it. `before` the installation,
/// nothing of the product listens yet: a required port is free, or one of the `expected`
/// processes has it.
#[must_use]
pub fn compare(
    readings: &[Reading],
    required: &[Required],
    before: bool,
    expected: &[String],
) -> (Vec<Held>, Vec<Finding>) {
    let comparison = Comparison {
        required,
        before,
        expected,
    };
    let listeners = readings.iter().flat_map(|reading| &reading.listeners);
    let mut held: Vec<Held> = listeners.map(|one| comparison.held(one)).collect();
    held.sort_by(|a, b| key(&a.listener).cmp(&key(&b.listener)));
    held.dedup_by(|a, b| key(&a.listener) == key(&b.listener));
    let mut findings = comparison.of_sockets(&held);
    findings.extend(comparison.of_requirements(&held, readings));
    findings.sort_by(|a, b| {
        let severity = b.diagnostic.severity.cmp(&a.diagnostic.severity);
        let code = a.diagnostic.code.id.cmp(b.diagnostic.code.id);
        severity.then(code).then_with(|| {
            let place = |one: &Finding| (one.protocol, one.ports.first().copied());
            place(a).cmp(&place(b))
        })
    });
    (held, findings)
}

fn key(one: &Listener) -> (u8, Option<u16>, Bound, &Holder) {
    (one.protocol, one.port, one.bound, &one.holder)
}

struct Comparison<'a> {
    required: &'a [Required],
    before: bool,
    expected: &'a [String],
}

impl Comparison<'_> {
    /// Flows that need this port, not only at the socket's addresses: before the installation it is
    /// in the way of who wants all of its family, and afterwards it is the service, if at the wrong
    /// place.
    fn needed(&self, one: &Listener) -> Vec<usize> {
        let needs = |required: &Required| {
            required.protocol == one.protocol
                && one.port.is_some_and(|port| required.ports.contains(port))
                && (!self.before || one.bound.has(required.family))
        };
        let all = self.required.iter().enumerate();
        all.filter(|(_, required)| needs(required))
            .map(|(at, _)| at)
            .collect()
    }

    fn held(&self, listener: &Listener) -> Held {
        if listener.holder.namespace.is_some() {
            return Held {
                listener: listener.clone(),
                standing: Standing::Elsewhere,
                required_by: Vec::new(),
            };
        }
        let required_by = self.needed(listener);
        let known = |process: &String| self.expected.contains(process);
        let is_expected = listener.holder.process.as_ref().is_some_and(known);
        let standing = match (required_by.is_empty(), listener.bound) {
            (false, _) if self.before && !is_expected => Standing::Taken,
            (false, bound) if !bound.is_loopback() => Standing::Required,
            (_, bound) if bound.is_loopback() => Standing::Loopback,
            (_, bound) if bound.is_all() => Standing::Exposed,
            _ => Standing::Unexpected,
        };
        Held {
            listener: listener.clone(),
            standing,
            required_by,
        }
    }

    fn of_sockets(&self, held: &[Held]) -> Vec<Finding> {
        let mut groups: BTreeMap<_, Vec<&Held>> = BTreeMap::new();
        for one in held {
            if matches!(
                one.standing,
                Standing::Required | Standing::Loopback | Standing::Elsewhere
            ) {
                continue;
            }
            let listener = &one.listener;
            let group = (one.standing, listener.protocol, listener.port);
            groups.entry(group).or_default().push(one);
        }
        let groups = groups.into_iter();
        groups
            .map(|((standing, protocol, port), all)| {
                let holders = all.iter().map(|one| one.listener.holder.clone());
                let holders: BTreeSet<Holder> = holders.collect();
                let addresses = all.iter().map(|one| one.listener.bound.to_string());
                let addresses: BTreeSet<String> = addresses.collect();
                let mut required_by: Vec<usize> =
                    all.iter().flat_map(|one| one.required_by.clone()).collect();
                required_by.sort_unstable();
                required_by.dedup();
                let service = service(protocol, port);
                let who = who(&holders);
                let on = addresses.iter().cloned().collect::<Vec<_>>().join(", ");
                let diagnostic = match standing {
                    Standing::Taken => Diagnostic::new(
                        &listening::PORT_TAKEN,
                        format!(
                            "{service} is needed{} and taken by {who} on {on}",
                            self.whom(&required_by)
                        ),
                    )
                    .help(
                        "stop it or move it to another port; name it with --expect where it is \
                         to be there",
                    ),
                    Standing::Exposed => Diagnostic::new(
                        &listening::EXPOSED,
                        format!("{who} offers {service} on all addresses, and nobody needs it"),
                    )
                    .help("bind it to 127.0.0.1, stop it, or have the firewall keep it closed"),
                    _ => Diagnostic::new(
                        &listening::UNEXPECTED,
                        format!("{who} offers {service} on {on}, and nobody needs it"),
                    ),
                };
                let is_client =
                    protocol == Protocol::UDP.0 && port.is_some_and(|port| port >= FIRST_CLIENT);
                let diagnostic = if is_client && standing == Standing::Exposed {
                    diagnostic
                        .severity(Severity::Note)
                        .help("it may be the port of a client that waits for an answer")
                } else {
                    diagnostic
                };
                Finding {
                    diagnostic: placed(diagnostic, all.iter().map(|one| one.listener.span)),
                    protocol,
                    ports: port.into_iter().collect(),
                    addresses,
                    holders,
                    required_by,
                }
            })
            .collect()
    }

    /// Who needs something, as part of a sentence.
    fn whom(&self, positions: &[usize]) -> String {
        let titles = positions.iter().filter_map(|at| self.required.get(*at));
        let titles = titles.flat_map(|required| &required.because);
        let titles: BTreeSet<&str> = titles.map(|reason| reason.title.as_str()).collect();
        match titles.into_iter().next() {
            Some(title) => format!(" ({title})"),
            None => String::new(),
        }
    }

    fn of_requirements(&self, held: &[Held], readings: &[Reading]) -> Vec<Finding> {
        if self.before {
            return Vec::new();
        }
        let mut by_port: BTreeMap<(u8, u16), Vec<&Listener>> = BTreeMap::new();
        for one in held {
            if one.standing == Standing::Elsewhere {
                continue;
            }
            if let Some(port) = one.listener.port {
                let group = by_port.entry((one.listener.protocol, port)).or_default();
                group.push(&one.listener);
            }
        }
        let mut gaps: BTreeMap<_, Gap<'_>> = BTreeMap::new();
        for (at, required) in self.required.iter().enumerate() {
            if required.pool || required.addresses.is_empty() {
                continue;
            }
            for port in required.ports.iter() {
                let there = by_port.get(&(required.protocol, port));
                let there = there.map_or(&[][..], Vec::as_slice);
                let (code, missing) = match lacking(required, port, there, readings) {
                    Some(lacking) => lacking,
                    None => continue,
                };
                let reason = required.because.first();
                let reason = reason.map_or("", |reason| reason.title.as_str());
                // One finding for each service and reason, however many flows need it.
                let near = if code.id == listening::NOT_LISTENING.id {
                    None
                } else {
                    Some(port)
                };
                let gap = gaps.entry((code.id, required.protocol, near, reason));
                let gap = gap.or_insert_with(|| Gap::new(code));
                gap.required_by.push(at);
                gap.ports.insert(port);
                gap.missing.extend(missing);
                gap.there.extend(there);
                gap.needed |= required.need == Need::Required;
            }
        }
        gaps.into_iter()
            .map(|((_, protocol, _, reason), gap)| gap.finding(protocol, reason))
            .collect()
    }
}

/// What is lacking of a required port: at which addresses. None where it is there, or where
/// nothing is known.
fn lacking(
    required: &Required,
    port: u16,
    there: &[&Listener],
    readings: &[Reading],
) -> Option<(&'static Code, Vec<IpAddr>)> {
    let covered = |address: &&IpAddr| there.iter().any(|one| one.bound.covers(**address));
    let missing = required
        .addresses
        .iter()
        .filter(|address| !covered(address));
    let known = |address: &&IpAddr| {
        readings.iter().any(|reading| {
            let complete = (required.protocol, required.family);
            let closed = (required.protocol, port, **address);
            reading.complete.contains(&complete) || reading.closed.contains(&closed)
        })
    };
    let missing: Vec<IpAddr> = missing.filter(known).copied().collect();
    if missing.is_empty() {
        return None;
    }
    let mut outside = there.iter().filter(|one| !one.bound.is_loopback());
    let code = if there.is_empty() {
        &listening::NOT_LISTENING
    } else if outside.next().is_none() {
        &listening::LOOPBACK_ONLY
    } else {
        &listening::OTHER_ADDRESS
    };
    Some((code, missing))
}

/// What does not listen where it should.
struct Gap<'a> {
    code: &'static Code,
    ports: BTreeSet<u16>,
    missing: BTreeSet<IpAddr>,
    there: Vec<&'a Listener>,
    required_by: Vec<usize>,
    needed: bool,
}

impl<'a> Gap<'a> {
    fn new(code: &'static Code) -> Self {
        Self {
            code,
            ports: BTreeSet::new(),
            missing: BTreeSet::new(),
            there: Vec::new(),
            required_by: Vec::new(),
            needed: false,
        }
    }

    fn finding(mut self, protocol: u8, reason: &str) -> Finding {
        self.required_by.dedup();
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        let service = format!("{} {}", Protocol(protocol), ports.join(", "));
        let wanted: Vec<String> = self.missing.iter().map(IpAddr::to_string).collect();
        let holders: BTreeSet<Holder> = self.there.iter().map(|one| one.holder.clone()).collect();
        let bound = self.there.iter().map(|one| one.bound.to_string());
        let bound: BTreeSet<String> = bound.collect();
        let on = bound.into_iter().collect::<Vec<_>>().join(", ");
        let wanted = wanted.join(", ");
        let (message, help) = if self.code.id == listening::NOT_LISTENING.id {
            (
                format!("nothing listens on {service} ({reason})"),
                format!(
                    "start what is to answer on {wanted}; if it is not installed here, nothing is to be opened"
                ),
            )
        } else {
            let who = who(&holders);
            (
                format!(
                    "{who} offers {service} on {on} only, and others dial it at {wanted} ({reason})"
                ),
                format!("bind it to {wanted}, or to all addresses"),
            )
        };
        let mut diagnostic = Diagnostic::new(self.code, message).help(help);
        if !self.needed && diagnostic.severity == Severity::Warning {
            diagnostic = diagnostic.severity(Severity::Note);
        }
        Finding {
            diagnostic: placed(diagnostic, self.there.iter().map(|one| one.span)),
            protocol,
            ports: self.ports,
            addresses: self.missing.iter().map(IpAddr::to_string).collect(),
            holders,
            required_by: self.required_by,
        }
    }
}

fn service(protocol: u8, port: Option<u16>) -> String {
    match port {
        Some(port) => format!("{} {port}", Protocol(protocol)),
        None => Protocol(protocol).to_string(),
    }
}

fn who(holders: &BTreeSet<Holder>) -> String {
    let named = holders.iter().filter_map(|holder| {
        let process = holder.process.as_ref()?;
        Some(match holder.pid {
            Some(pid) => format!("`{process}` (pid {pid})"),
            None => format!("`{process}`"),
        })
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() {
        "something".into()
    } else {
        named.join(", ")
    }
}

fn placed(diagnostic: Diagnostic, spans: impl Iterator<Item = Span>) -> Diagnostic {
    let mut seen = BTreeSet::new();
    let spans = spans.filter(|span| seen.insert(*span));
    spans.take(MOST_PLACES).fold(diagnostic, Diagnostic::at)
}
