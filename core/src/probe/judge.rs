//! One probe: what its source saw, put together with what was seen at its destination.

use super::results::{Results, Saved, Session};
use super::{Evidence, Plan, SeenAt, SocketState, Target, Verdict, classify};
use crate::net::Protocol;
use std::net::IpAddr;

/// Where a probe was stopped. Hosts by their position in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blame {
    /// Nowhere: it is open, or nobody knows that it was stopped.
    Nobody,
    /// By the firewall or the routes of its own host.
    Source(usize),
    /// By the target's own firewall.
    Target(usize),
    /// By whoever has this address: a firewall or router on the way.
    Device(IpAddr),
    /// Before it came to the target: on the way, or by its own host.
    Network,
    /// At the target or behind it: by its own firewall, or the answer was lost.
    TargetOrWayBack(usize),
    /// The answer was: by the target's OUTPUT, on the way, or by the source's INPUT.
    WayBack(usize),
    /// Somewhere.
    Somewhere,
}

/// What became of a probe.
#[derive(Debug, Clone)]
pub(super) struct Judgement {
    pub verdict: Verdict,
    pub blame: Blame,
    /// Why, in a sentence's half.
    pub reason: String,
    /// Whether a firewall may have done it: not a route, not a missing machine.
    pub by_firewall: bool,
}

/// A probe and what is known about its ends.
pub(super) struct Asked<'a> {
    pub plan: &'a Plan,
    pub results: &'a Results,
    /// Its host.
    pub source: usize,
    pub from: IpAddr,
    pub target: &'a Target,
    /// The hosts that have the target's address, or may hold it.
    pub hosts: &'a [usize],
    pub protocol: u8,
    pub port: Option<u16>,
}

impl Asked<'_> {
    /// What became of it, as far as its source and observers saw.
    pub fn judge(&self, saved: &Saved) -> Judgement {
        let none = Judgement {
            verdict: Verdict::Unknown,
            blame: Blame::Nobody,
            reason: String::new(),
            by_firewall: false,
        };
        let results = self.results;
        let (Some(evidence), Some(run), Some(host)) = (
            results.evidence.get(saved.evidence as usize),
            results.runs.get(saved.run as usize),
            self.plan.hosts.get(self.source),
        ) else {
            return none;
        };
        let to = self.target.address;
        let stub = results.stub(self.hosts, run, to, self.protocol, self.port);
        let judged = classify(evidence, self.protocol, to, &host.addresses, stub);
        let mut judgement = Judgement {
            verdict: judged.verdict,
            reason: judged.reason,
            blame: Blame::Somewhere,
            by_firewall: true,
        };
        match judged.verdict {
            Verdict::Open | Verdict::Closed => judgement.blame = Blame::Nobody,
            Verdict::BlockedLocally => {
                judgement.blame = Blame::Source(self.source);
                // Routes, not rules, give these.
                judgement.by_firewall = !matches!(
                    evidence,
                    Evidence::LocalError { errno, .. } if !matches!(errno.as_str(), "EPERM" | "ECONNREFUSED")
                );
            }
            Verdict::Unreachable => {
                judgement.by_firewall = false;
                judgement.blame = match evidence {
                    Evidence::Icmp { offender, .. } if !host.addresses.contains(offender) => {
                        Blame::Device(*offender)
                    }
                    _ => Blame::Source(self.source),
                };
            }
            Verdict::Rejected => judgement.blame = self.refused(evidence, saved, run),
            Verdict::Dropped | Verdict::Unknown => {
                self.silent(evidence, saved, run, &mut judgement);
            }
        }
        if let (Verdict::Closed, Some(held)) = (judgement.verdict, self.held(run)) {
            judgement.reason.push_str(&format!("; {held}"));
        }
        judgement
    }

    /// Who has the port on the target, although the probe found it closed.
    fn held(&self, run: &Session) -> Option<String> {
        let (Some(port), [host]) = (self.port, self.hosts) else {
            return None;
        };
        let of = self
            .results
            .socket(*host, run, self.target.address, self.protocol, Some(port))?;
        let process = of.process.as_deref().unwrap_or("another process");
        (of.state == SocketState::Taken).then(|| format!("{process} has the port there"))
    }

    /// The target's host, where there is only one.
    fn only(&self) -> Option<usize> {
        match self.hosts {
            [host] => Some(*host),
            _ => None,
        }
    }

    fn refused(&self, evidence: &Evidence, saved: &Saved, run: &Session) -> Blame {
        let to = self.target.address;
        match evidence {
            Evidence::Icmp { offender, .. } if *offender == to => {
                self.only().map_or(Blame::Device(to), Blame::Target)
            }
            Evidence::Icmp { offender, .. } => Blame::Device(*offender),
            // A reset: the packet came to the target, or it did not.
            _ => match (self.seen(saved), self.only()) {
                (Some(_), Some(host)) => Blame::Target(host),
                (None, _) if self.is_watched(run) => Blame::Network,
                _ => Blame::Somewhere,
            },
        }
    }

    fn seen(&self, saved: &Saved) -> Option<SeenAt> {
        let to = self.target.address;
        self.results
            .seen(saved, self.from, to, self.protocol, self.port)
    }

    /// Whether the packet would have been seen wherever it may have arrived.
    fn is_watched(&self, run: &Session) -> bool {
        let to = self.target.address;
        let translated = self.results.has_strangers(to, self.protocol, self.port);
        let all = self.hosts.iter().all(|&host| {
            let known = self
                .plan
                .hosts
                .get(host)
                .map_or(&[][..], |host| &host.listen);
            let watches = known.iter().any(|listen| {
                let port = self.port.is_none_or(|port| listen.ports.contains(port));
                listen.protocol == self.protocol && port && listen.addresses.contains(&to)
            });
            watches && self.results.observed(host, run)
        });
        !self.hosts.is_empty() && all && !translated
    }

    /// No answer: how far the packet came tells who is to blame, or that it is open after all.
    fn silent(&self, evidence: &Evidence, saved: &Saved, run: &Session, judgement: &mut Judgement) {
        if !matches!(evidence, Evidence::Silence { .. }) {
            judgement.blame = Blame::Nobody;
            judgement.by_firewall = false;
            return;
        }
        let protocol = Protocol(self.protocol);
        let first = self.hosts.first().copied();
        let name = first.and_then(|at| self.plan.hosts.get(at));
        let name = name.map_or("the target", |host| host.name.as_str());
        let to = self.target.address;
        let is_stub = self
            .results
            .stub(self.hosts, run, to, self.protocol, self.port)
            == Some(true);
        // TCP and SCTP answer by themselves, stubs and echo do.
        let connects = protocol == Protocol::TCP || protocol == Protocol::SCTP;
        let answers = connects || protocol.is_icmp() || protocol == Protocol::UDP && is_stub;
        match (self.seen(saved), first) {
            (Some(SeenAt::Accepted), Some(host)) if answers => {
                judgement.verdict = Verdict::Dropped;
                judgement.blame = Blame::WayBack(host);
                judgement.reason = format!(
                    "it arrived and passed the firewall of `{name}`, but the answer does not come back"
                );
            }
            (Some(SeenAt::Accepted), _) => {
                judgement.verdict = Verdict::Open;
                judgement.blame = Blame::Nobody;
                judgement.reason = format!("the observer on `{name}` saw it behind the firewall");
            }
            // A stub of TCP tells only of whole connections.
            (Some(SeenAt::Interface), Some(host)) if connects && is_stub => {
                judgement.verdict = Verdict::Dropped;
                judgement.blame = Blame::TargetOrWayBack(host);
                judgement.reason = format!(
                    "it arrived at the interface of `{name}`, but no connection came about: its own firewall drops it, or the answer is lost"
                );
            }
            (Some(SeenAt::Interface), Some(host)) => {
                let exact = self
                    .hosts
                    .iter()
                    .any(|&host| self.results.observed(host, run));
                if exact {
                    judgement.verdict = Verdict::Dropped;
                    judgement.blame = Blame::Target(host);
                    judgement.reason = format!(
                        "it arrived at the interface of `{name}`, and its own firewall drops it"
                    );
                } else if judgement.verdict == Verdict::Dropped {
                    judgement.blame = Blame::TargetOrWayBack(host);
                }
            }
            _ if self.is_watched(run) => {
                judgement.verdict = Verdict::Dropped;
                judgement.blame = Blame::Network;
                judgement.reason = format!(
                    "nothing of it arrived at `{name}`: it is lost on the way, or its own host drops it"
                );
            }
            _ if judgement.verdict == Verdict::Dropped => {}
            _ => {
                judgement.blame = Blame::Nobody;
                judgement.by_firewall = false;
            }
        }
    }
}
