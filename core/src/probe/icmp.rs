//! What the types and codes of ICMP errors say (RFC 792, RFC 1122, RFC 1812, RFC 4443).

use std::net::IpAddr;

/// What an ICMP error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// There is no way to the network.
    Network,
    /// Nobody has the address.
    Host,
    /// Nothing listens on the port, or a rule says so.
    Port,
    /// Nobody speaks the protocol, or a rule says so.
    Protocol,
    /// Somebody forbids it.
    Refused,
    /// The time to live ended.
    Loop,
}

impl Meaning {
    /// Whether it holds for all that is sent to the address, whatever the port.
    #[must_use]
    pub fn is_about_host(self) -> bool {
        matches!(self, Self::Network | Self::Host | Self::Loop)
    }
}

/// What an error says, and its usual name. None where it decides nothing: too big, redirect,
/// source quench, a broken header.
#[must_use]
pub fn meaning(offender: IpAddr, kind: u8, code: u8) -> Option<(Meaning, &'static str)> {
    match offender {
        IpAddr::V4(_) => v4(kind, code),
        IpAddr::V6(_) => v6(kind, code),
    }
}

fn v4(kind: u8, code: u8) -> Option<(Meaning, &'static str)> {
    Some(match (kind, code) {
        (3, 0) => (Meaning::Network, "network unreachable"),
        (3, 1) => (Meaning::Host, "host unreachable"),
        (3, 2) => (Meaning::Protocol, "protocol unreachable"),
        (3, 3) => (Meaning::Port, "port unreachable"),
        (3, 5) => (Meaning::Network, "source route failed"),
        (3, 6) => (Meaning::Network, "network unknown"),
        (3, 7) => (Meaning::Host, "host unknown"),
        (3, 8) => (Meaning::Host, "source host isolated"),
        (3, 9) => (Meaning::Refused, "network administratively prohibited"),
        (3, 10) => (Meaning::Refused, "host administratively prohibited"),
        (3, 11) => (
            Meaning::Network,
            "network unreachable for this type of service",
        ),
        (3, 12) => (Meaning::Host, "host unreachable for this type of service"),
        (3, 13) => (
            Meaning::Refused,
            "communication administratively prohibited",
        ),
        (3, 14) => (Meaning::Refused, "host precedence violation"),
        (3, 15) => (Meaning::Refused, "precedence cutoff in effect"),
        (11, _) => (Meaning::Loop, "time exceeded"),
        _ => return None,
    })
}

fn v6(kind: u8, code: u8) -> Option<(Meaning, &'static str)> {
    Some(match (kind, code) {
        (1, 0) => (Meaning::Network, "no route to destination"),
        (1, 1) => (
            Meaning::Refused,
            "communication administratively prohibited",
        ),
        (1, 2) => (Meaning::Network, "beyond scope of source address"),
        (1, 3) => (Meaning::Host, "address unreachable"),
        (1, 4) => (Meaning::Port, "port unreachable"),
        (1, 5) => (Meaning::Refused, "source address failed policy"),
        (1, 6) => (Meaning::Refused, "reject route to destination"),
        (1, 7) => (Meaning::Network, "error in source routing header"),
        (3, _) => (Meaning::Loop, "time exceeded"),
        (4, 1) => (Meaning::Protocol, "next header not recognised"),
        _ => return None,
    })
}
