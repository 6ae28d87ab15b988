//! From evidence to verdict: the table of `docs/probe.md`, measured on Linux.
//!
//! An ICMP error counts by who sent it. From an address of the dialling host: its own rules. From
//! the target, about a port: for UDP what a closed port says, for TCP always a rule (a closed TCP
//! port sends a reset). From anyone else: a firewall or router on the way, told apart by the code.

use super::icmp::{Meaning, meaning};
use super::{Evidence, Verdict};
use crate::net::Protocol;
use std::net::IpAddr;

/// A verdict and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in a sentence's half: lower case, no full stop.
    pub reason: String,
}

fn judged(verdict: Verdict, reason: impl Into<String>) -> Judged {
    Judged {
        verdict,
        reason: reason.into(),
    }
}

/// What the evidence means. `own` are the addresses of the host that dialled; `stub` says whether
/// a stub is known to have listened, none where nobody knows.
#[must_use]
pub fn classify(
    evidence: &Evidence,
    protocol: u8,
    to: IpAddr,
    own: &[IpAddr],
    stub: Option<bool>,
) -> Judged {
    let protocol = Protocol(protocol);
    match evidence {
        Evidence::Connected if protocol == Protocol::SCTP => {
            judged(Verdict::Open, "INIT was answered by INIT-ACK")
        }
        Evidence::Connected => judged(Verdict::Open, "connected"),
        Evidence::ConnectedThenReset => judged(
            Verdict::Open,
            "connected, then reset by what listens: nothing on the way refused it",
        ),
        Evidence::Reply { nonce: true } => judged(Verdict::Open, "the probe's nonce came back"),
        Evidence::Reply { nonce: false } => judged(Verdict::Open, "answered by what listens"),
        Evidence::Reset => reset(protocol, stub),
        Evidence::Icmp {
            offender,
            icmp_type,
            icmp_code,
        } => icmp(
            &Error {
                offender: *offender,
                protocol,
                to,
                stub,
            },
            own,
            *icmp_type,
            *icmp_code,
        ),
        Evidence::LocalError { call, errno } => local(call, errno),
        Evidence::Silence { waited } => silence(protocol, *waited, stub),
        Evidence::NotTried { why } => judged(Verdict::Unknown, format!("not tried: {why}")),
    }
}

/// A TCP reset or an SCTP ABORT.
fn reset(protocol: Protocol, stub: Option<bool>) -> Judged {
    let what = if protocol == Protocol::SCTP {
        "ABORT"
    } else {
        "reset"
    };
    match stub {
        Some(true) => judged(
            Verdict::Rejected,
            format!("answered by {what} although a stub listened: a firewall refuses it"),
        ),
        Some(false) => judged(
            Verdict::Closed,
            format!("answered by {what}: nothing listens"),
        ),
        None => judged(
            Verdict::Closed,
            format!("answered by {what}: nothing listens, or a firewall refuses with {what}"),
        ),
    }
}

/// An ICMP error and the probe that it is about.
struct Error {
    offender: IpAddr,
    protocol: Protocol,
    to: IpAddr,
    stub: Option<bool>,
}

fn icmp(error: &Error, own: &[IpAddr], kind: u8, code: u8) -> Judged {
    let Some((meaning, name)) = meaning(error.offender, kind, code) else {
        return judged(
            Verdict::Unknown,
            format!(
                "ICMP error {kind}/{code} from {} says nothing about filters",
                error.offender
            ),
        );
    };
    let said = format!("{name} (ICMP {kind}/{code})");
    // First: a host that holds a virtual address dials itself.
    if error.offender == error.to {
        return from_target(error, meaning, &said);
    }
    if own.contains(&error.offender) {
        return match meaning {
            Meaning::Host => judged(
                Verdict::Unreachable,
                format!(
                    "nobody on the link answers for the address or its next hop: {said} from \
                     this host itself"
                ),
            ),
            _ => judged(
                Verdict::BlockedLocally,
                format!("this host's own firewall refuses it: {said}"),
            ),
        };
    }
    let who = error.offender;
    match meaning {
        Meaning::Network | Meaning::Host => {
            judged(Verdict::Unreachable, format!("{who} says: {said}"))
        }
        Meaning::Loop => judged(
            Verdict::Unreachable,
            format!("the packet goes in circles, or too far: {who} says {said}"),
        ),
        Meaning::Port | Meaning::Protocol | Meaning::Refused => {
            judged(Verdict::Rejected, format!("{who} refuses it: {said}"))
        }
    }
}

/// The target itself says no: its own firewall, or that nothing listens.
fn from_target(error: &Error, meaning: Meaning, said: &str) -> Judged {
    let refused = || {
        judged(
            Verdict::Rejected,
            format!("the target's own firewall refuses it: {said}"),
        )
    };
    match (meaning, error.protocol) {
        (Meaning::Port, Protocol::UDP | Protocol::UDPLITE) => match error.stub {
            Some(true) => judged(
                Verdict::Rejected,
                format!(
                    "{said} from the target although a stub listened: its own firewall refuses it"
                ),
            ),
            Some(false) => judged(
                Verdict::Closed,
                format!("nothing listens: {said} from the target"),
            ),
            None => judged(
                Verdict::Closed,
                format!(
                    "nothing listens, or the target's own firewall refuses it: {said} from the \
                     target"
                ),
            ),
        },
        (Meaning::Protocol, Protocol::SCTP | Protocol::DCCP | Protocol::UDPLITE) => {
            match error.stub {
                Some(true) => refused(),
                _ => judged(
                    Verdict::Closed,
                    format!(
                        "the target accepts the packet but does not speak the protocol: {said}"
                    ),
                ),
            }
        }
        (Meaning::Protocol, Protocol::TCP | Protocol::UDP) => refused(),
        (Meaning::Protocol, protocol) if !protocol.is_icmp() => match error.stub {
            Some(true) => refused(),
            _ => judged(
                Verdict::Open,
                format!("the packet passed the target's firewall: {said} from its kernel"),
            ),
        },
        (Meaning::Loop, _) => judged(
            Verdict::Unreachable,
            format!("the packet goes in circles, or too far: the target says {said}"),
        ),
        _ => refused(),
    }
}

/// The kernel refused a system call.
fn local(call: &str, errno: &str) -> Judged {
    // Later than at once, an error without an entry in the queue has no author.
    if call != "connect" && !call.starts_with("send") {
        return judged(Verdict::Unknown, format!("`{call}` failed with {errno}"));
    }
    match errno {
        "EPERM" => judged(
            Verdict::BlockedLocally,
            "this host's own firewall drops it on the way out (EPERM)",
        ),
        "EACCES" => judged(
            Verdict::BlockedLocally,
            "this host's own routes prohibit it (EACCES)",
        ),
        "EINVAL" => judged(
            Verdict::BlockedLocally,
            "this host's own routes swallow it: a blackhole route (EINVAL)",
        ),
        "EHOSTUNREACH" => judged(
            Verdict::BlockedLocally,
            "this host's own routes or rules say that the host is unreachable (EHOSTUNREACH)",
        ),
        "ECONNREFUSED" => judged(
            Verdict::BlockedLocally,
            "this host's own firewall refuses it on the way out (ECONNREFUSED)",
        ),
        "ENETUNREACH" => judged(
            Verdict::Unreachable,
            "this host has no route there (ENETUNREACH)",
        ),
        "ENETDOWN" | "ENODEV" | "ENXIO" => judged(
            Verdict::Unreachable,
            format!("the interface to it is down or gone ({errno})"),
        ),
        _ => judged(Verdict::Unknown, format!("`{call}` failed with {errno}")),
    }
}

fn silence(protocol: Protocol, waited: u64, stub: Option<bool>) -> Judged {
    let silent = format!("no answer within {} s, twice", Seconds(waited));
    // What answers by itself when nothing filters: TCP resets, echo replies. A kernel without SCTP
    // says so only while nobody has a raw socket of it, such as another `probe run`.
    if protocol == Protocol::TCP || protocol.is_icmp() {
        return judged(Verdict::Dropped, silent);
    }
    let has_stub = (protocol == Protocol::UDP || protocol == Protocol::SCTP) && stub == Some(true);
    if has_stub {
        return judged(
            Verdict::Dropped,
            format!("{silent}, although a stub listened"),
        );
    }
    let help = if protocol == Protocol::UDP || protocol == Protocol::SCTP {
        "without a stub (`portwright probe listen`) what is open and what is dropped look alike"
    } else {
        "the protocol has no answer; the observer on the target (`portwright probe listen`) tells"
    };
    judged(Verdict::Unknown, format!("{silent}: {help}"))
}

/// Milliseconds as seconds, without a fraction that says nothing.
struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 % 1000 {
            0 => write!(f, "{}", self.0 / 1000),
            rest => write!(
                f,
                "{}.{}",
                self.0 / 1000,
                format!("{rest:03}").trim_end_matches('0')
            ),
        }
    }
}

#[cfg(test)]
mod tests;
