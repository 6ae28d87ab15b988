//! What a flow is about: a protocol, with ports or an ICMP kind where the protocol has them.

use super::{Family, Protocol};
use std::fmt;

/// An inclusive range of ports; `lo <= hi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// First port.
    pub lo: u16,
    /// Last port.
    pub hi: u16,
}

/// An ICMP request that is answered by its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IcmpKind {
    /// Type in ICMP for IPv4.
    pub kind: u8,
    /// Code.
    pub code: u8,
}

/// What a flow is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// A protocol with ports, and the destination ports.
    Ports(Protocol, PortRange),
    /// ICMP with this type and code (IPv4 numbers; IPv6 flows carry their ICMPv6 equals).
    Icmp(IcmpKind),
    /// A protocol without ports, such as IP-in-IP.
    Protocol(Protocol),
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self {
        lo: 0,
        hi: u16::MAX,
    };

    /// One port.
    #[must_use]
    pub fn single(port: u16) -> Self {
        Self { lo: port, hi: port }
    }

    /// Reads `443` or `30000-32767`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (lo, hi) = text.split_once('-').unwrap_or((text, text));
        let (lo, hi) = (lo.trim().parse().ok()?, hi.trim().parse().ok()?);
        (lo <= hi).then_some(Self { lo, hi })
    }

    /// Whether this port is in it.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        self.lo <= port && port <= self.hi
    }
}

impl IcmpKind {
    /// Echo request.
    pub const ECHO: Self = Self { kind: 8, code: 0 };

    /// Type and code in this family. ICMPv6 renumbers echo: 8 is 128, 0 is 129 (RFC 4443).
    #[must_use]
    pub fn in_family(self, family: Family) -> (u8, u8) {
        match (family, self.kind) {
            (Family::V6, 8) => (128, self.code),
            (Family::V6, 0) => (129, self.code),
            _ => (self.kind, self.code),
        }
    }
}

impl Service {
    /// The IP protocol number in this family.
    #[must_use]
    pub fn protocol(self, family: Family) -> Protocol {
        match self {
            Self::Ports(protocol, _) | Self::Protocol(protocol) => protocol,
            Self::Icmp(_) if family == Family::V6 => Protocol::ICMPV6,
            Self::Icmp(_) => Protocol::ICMP,
        }
    }

    /// The destination ports, where there are any.
    #[must_use]
    pub fn ports(self) -> Option<PortRange> {
        match self {
            Self::Ports(_, ports) => Some(ports),
            _ => None,
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lo == self.hi {
            write!(f, "{}", self.lo)
        } else {
            write!(f, "{}-{}", self.lo, self.hi)
        }
    }
}

/// As in a firewall ticket: `tcp 6443`, `icmp 8/0`, `protocol 4 (ipencap)`.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ports(protocol, ports) => write!(f, "{protocol} {ports}"),
            Self::Icmp(icmp) => write!(f, "icmp {}/{}", icmp.kind, icmp.code),
            Self::Protocol(protocol) => match protocol.name() {
                Some(name) => write!(f, "protocol {} ({name})", protocol.0),
                None => write!(f, "protocol {}", protocol.0),
            },
        }
    }
}
