//! What rules ask of packets, so that packets can be aimed at them.

use crate::draw::Draw;
use portwright::firewall::Hook;
use portwright::net::{Family, Protocol};
use portwright::packet::{CtState, Fragment};
use portwright_cli::kernel::{Header, Probe};
use rand::RngExt;

/// A value that a rule asks of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// IPv4 or IPv6.
    Family(Family),
    /// IP protocol.
    Protocol(u8),
    /// Source address.
    Source(u128),
    /// Destination address.
    Destination(u128),
    /// Source port.
    SourcePort(u16),
    /// Destination port.
    DestinationPort(u16),
    /// TCP flags.
    Flags(u8),
    /// ICMP type and code.
    Icmp(u8, u8),
    /// Interface that it comes in by.
    In(&'static str),
    /// Conntrack state.
    State(CtState),
    /// Time to live.
    Ttl(u8),
    /// Type of service.
    Tos(u8),
    /// Length of the packet.
    Length(u16),
    /// Sender's hardware address.
    Mac([u8; 6]),
    /// User who sends.
    Uid(u32),
    /// Extension header of IPv6.
    Header(Header),
    /// Part of a packet.
    Fragment(Fragment),
}

/// What a match or an element of a set asks for.
pub type Hints = Vec<Hint>;

impl Hint {
    /// Gives a packet this value, where it can have it.
    pub fn aim(self, probe: &mut Probe) {
        let icmp = probe.protocol.is_icmp();
        match self {
            Self::Protocol(number) => {
                probe.protocol = Protocol(number);
                if probe.protocol.is_icmp() && !icmp {
                    let echo = if number == 1 { 8 } else { 128 };
                    (probe.source_port, probe.destination_port) = (echo, 0);
                }
            }
            Self::Source(address) => probe.source = address,
            Self::Destination(address) => probe.destination = address,
            Self::SourcePort(port) if !icmp => probe.source_port = port,
            Self::DestinationPort(port) if !icmp => probe.destination_port = port,
            Self::Flags(flags) => probe.flags = flags,
            Self::Icmp(kind, code) if icmp => {
                (probe.source_port, probe.destination_port) = (kind.into(), code.into());
            }
            Self::In(name) if name != "lo" => name.clone_into(&mut probe.in_interface),
            Self::State(state) => probe.state = state,
            Self::Ttl(ttl) => probe.ttl = ttl,
            Self::Tos(tos) => probe.tos = tos,
            Self::Length(length) => probe.length = length,
            Self::Mac(mac) => probe.source_mac = Some(mac),
            Self::Uid(uid) => {
                probe.uid = uid;
                probe.hook = Hook::Output;
            }
            Self::Header(header) if !probe.headers.contains(&header) => probe.headers.push(header),
            Self::Fragment(part) => probe.fragment = Some(part),
            _ => {}
        }
    }
}

/// Moves one value of a packet by one.
pub fn nudge(draw: &mut Draw<'_>, probe: &mut Probe) {
    let up = draw.chance(0.5);
    let step = |value: u128, most: u128| match (up, value) {
        (true, value) if value == most => 0,
        (true, value) => value + 1,
        (false, 0) => most,
        (false, value) => value - 1,
    };
    let port = |port: u16| step(port.into(), 0xffff) as u16;
    let most = probe.family.max();
    match draw.random.random_range(0..8) {
        0 => probe.source = step(probe.source, most),
        1 => probe.destination = step(probe.destination, most),
        2 | 3 if !probe.protocol.is_icmp() => {
            probe.destination_port = port(probe.destination_port);
        }
        4 if !probe.protocol.is_icmp() => probe.source_port = port(probe.source_port),
        5 => probe.flags ^= 1 << draw.between(0, 5),
        6 => probe.ttl = step(probe.ttl.into(), 0xff) as u8,
        7 if probe.length > 0 => probe.length = step(probe.length.into(), 1400) as u16,
        _ => {}
    }
}
