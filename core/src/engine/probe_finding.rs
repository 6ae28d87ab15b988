//! What is the matter with probes, in words.

use super::session::Session;
use super::{BlockedBy, ProbeFinding};
use crate::fnv::fingerprint;
use crate::net::Protocol;
use crate::probe::{Agreement, Blame, Found, Plan, PlanReason, Reported, Verdict};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// `tcp/6443`, `icmp 8/0`, `protocol 4 (ipencap)`.
pub(super) fn service(protocol: u8, ports: &str, icmp: Option<(u8, u8)>) -> String {
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
pub(super) struct Describe<'d> {
    pub session: &'d Session,
    pub plan: &'d Plan,
    pub reported: &'d Reported,
}

impl Describe<'_> {
    pub fn finding(&self, found: &Found) -> ProbeFinding {
        let flows = || found.flows.iter().filter_map(|&at| self.plan.flows.get(at));
        let mut because: Vec<PlanReason> = Vec::new();
        for reason in flows().flat_map(|flow| &flow.because) {
            if !because.contains(reason) {
                because.push(reason.clone());
            }
        }
        let from: Vec<String> = found.from.iter().map(|&at| self.host(at)).collect();
        let to: Vec<String> = found.to.iter().map(|&at| self.target(at)).collect();
        let protocols: BTreeSet<u8> = flows().map(|flow| flow.protocol).collect();
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
        let mut flows = self.found.flows.iter();
        let flow = flows
            .next()
            .and_then(|&at| self.describe.plan.flows.get(at));
        let whole = flow.and_then(|flow| flow.sampled_from.as_ref());
        let service = match (self.service, whole, flows.next()) {
            ("", ..) => format!("{} flows", self.found.flows.len()),
            // What is needed, not what was picked of it.
            (service, Some(whole), None) => {
                let (protocol, _) = service.split_once('/').unwrap_or((service, ""));
                let dialled = self.found.ports.count();
                format!("{protocol}/{whole} ({dialled} of them dialled)")
            }
            (service, ..) => self.shortened(service),
        };
        format!(
            "{service} from {} to {}",
            several(self.from),
            several(self.to)
        )
    }

    /// The service, without ports that are too many to be read.
    fn shortened(&self, service: &str) -> String {
        if service.len() <= 60 {
            return service.to_owned();
        }
        let (protocol, _) = service.split_once('/').unwrap_or((service, ""));
        format!("{protocol}, {} ports,", self.found.ports.count())
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
        let be = if self.service.is_empty() { "are" } else { "is" };
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
                    "{what} {be} not tested ({probes} probe{s}): {}",
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
        let lines = match (&self.found.note, self.found.blame) {
            (None, _) => "",
            (_, Blame::Source(_) | Blame::Target(_)) => " before the line named here",
            _ => ", and before the line named here",
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
