//! One concrete packet.

use super::extra::RareValues;
use super::ifname::IfName;
use crate::net::{Family, Protocol, Service};

/// Bits of the TCP flags byte (RFC 9293).
pub mod tcp_flags {
    /// FIN.
    pub const FIN: u8 = 0x01;
    /// SYN.
    pub const SYN: u8 = 0x02;
    /// RST.
    pub const RST: u8 = 0x04;
    /// PSH.
    pub const PSH: u8 = 0x08;
    /// ACK.
    pub const ACK: u8 = 0x10;
    /// URG.
    pub const URG: u8 = 0x20;
    /// ECE (RFC 3168).
    pub const ECE: u8 = 0x40;
    /// CWR (RFC 3168).
    pub const CWR: u8 = 0x80;
    /// Letters in the order in which they are written.
    pub const LETTERS: [(char, u8); 8] = [
        ('F', FIN),
        ('S', SYN),
        ('R', RST),
        ('P', PSH),
        ('A', ACK),
        ('U', URG),
        ('E', ECE),
        ('C', CWR),
    ];
}

/// What connection tracking says of a packet, with its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CtState {
    /// First packet of a flow.
    New = 0,
    /// Later packet in the direction of the first.
    Established = 1,
    /// Packet of a known flow in the other direction.
    EstablishedReply = 2,
    /// First packet of a flow that a known one expects, or an ICMP error about a known flow.
    Related = 3,
    /// The same in the other direction.
    RelatedReply = 4,
    /// Belongs to no flow and cannot start one.
    Invalid = 5,
    /// Connection tracking was told to leave it alone.
    Untracked = 6,
}

/// Whether a packet carries its transport header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fragment {
    /// A whole packet or a first fragment.
    First = 0,
    /// A later fragment: no ports, no flags.
    Later = 1,
}

/// A concrete packet as a firewall sees it at one hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packet {
    /// IPv4 or IPv6.
    pub family: Family,
    /// IP protocol.
    pub protocol: Protocol,
    /// Source address as a number.
    pub source: u128,
    /// Destination address as a number.
    pub destination: u128,
    /// Source port; for ICMP the type; 0 for protocols without ports.
    pub source_port: u16,
    /// Destination port; for ICMP the code; 0 for protocols without ports.
    pub destination_port: u16,
    /// TCP flags; 0 for other protocols.
    pub flags: u8,
    /// Conntrack state.
    pub state: CtState,
    /// Interface it came in by; empty at OUTPUT.
    pub in_interface: IfName,
    /// Interface it goes out by; empty at INPUT.
    pub out_interface: IfName,
    /// Packet mark.
    pub mark: u32,
    /// Connection mark; 0 when there is no connection.
    pub conn_mark: u32,
    /// What is known of the fields that few rules test.
    pub rare: RareValues,
    /// Whether it carries its transport header.
    pub fragment: Fragment,
}

impl CtState {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Established,
        Self::EstablishedReply,
        Self::Related,
        Self::RelatedReply,
        Self::Invalid,
        Self::Untracked,
    ];

    /// As `iptables` writes it, without the direction.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Established | Self::EstablishedReply => "ESTABLISHED",
            Self::Related | Self::RelatedReply => "RELATED",
            Self::Invalid => "INVALID",
            Self::Untracked => "UNTRACKED",
        }
    }

    /// Whether it travels against the direction of the flow's first packet.
    #[must_use]
    pub fn is_reply(self) -> bool {
        matches!(self, Self::EstablishedReply | Self::RelatedReply)
    }
}

impl Packet {
    /// The service that its destination names.
    #[must_use]
    pub fn service(&self) -> Service {
        use crate::net::{IcmpKind, PortRange};
        if self.protocol.has_ports() {
            Service::Ports(self.protocol, PortRange::single(self.destination_port))
        } else if self.protocol.is_icmp() {
            Service::Icmp(IcmpKind {
                kind: u8::try_from(self.source_port).unwrap_or(u8::MAX),
                code: u8::try_from(self.destination_port).unwrap_or(u8::MAX),
            })
        } else {
            Service::Protocol(self.protocol)
        }
    }
}
