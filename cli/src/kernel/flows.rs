//! Flows that connection tracking is told of, so that a probe belongs to one.

use super::netlink::{Attributes, Requests, Socket, subsystem};
use super::probe::Probe;
use super::wire::{self, QUOTED_PORT};
use portwright::net::{Family, Protocol};
use portwright::packet::CtState;
use std::io;

/// `IPCTNL_MSG_CT_NEW`.
const NEW: u16 = 0;
/// `IPCTNL_MSG_CT_DELETE`.
const DELETE: u16 = 2;
/// Seen in both directions, assured, confirmed (`IPS_*`).
const STATUS: u32 = 0b1110;

/// One direction of a flow.
struct Tuple {
    family: Family,
    source: u128,
    destination: u128,
    protocol: Protocol,
    /// Ports; for ICMP type and code.
    low: u16,
    high: u16,
    /// Of ICMP.
    id: u16,
}

impl Tuple {
    fn attributes(&self) -> Attributes {
        let addresses = match self.family {
            Family::V4 => Attributes::default()
                .with(1, &(self.source as u32).to_be_bytes())
                .with(2, &(self.destination as u32).to_be_bytes()),
            Family::V6 => Attributes::default()
                .with(3, &self.source.to_be_bytes())
                .with(4, &self.destination.to_be_bytes()),
        };
        let protocol = Attributes::default().with(1, &[self.protocol.0]);
        let protocol = match self.protocol {
            Protocol::ICMP | Protocol::ICMPV6 => {
                let first = if self.protocol == Protocol::ICMP {
                    4
                } else {
                    7
                };
                protocol
                    .with(first, &self.id.to_be_bytes())
                    .with(first + 1, &[self.low as u8])
                    .with(first + 2, &[self.high as u8])
            }
            _ => protocol
                .with(2, &self.low.to_be_bytes())
                .with(3, &self.high.to_be_bytes()),
        };
        Attributes::default().nest(1, &addresses).nest(2, &protocol)
    }

    fn reply(&self) -> Self {
        let (low, high) = if self.protocol.is_icmp() {
            (answer_type(self.protocol, self.low), self.high)
        } else {
            (self.high, self.low)
        };
        Self {
            source: self.destination,
            destination: self.source,
            low,
            high,
            ..*self
        }
    }
}

/// The ICMP type that answers a query, or that it answers.
fn answer_type(protocol: Protocol, kind: u16) -> u16 {
    match (protocol, kind) {
        (Protocol::ICMP, 8) => 0,
        (Protocol::ICMP, 0) => 8,
        (Protocol::ICMP, 13 | 15 | 17) | (Protocol::ICMPV6, 128 | 139) => kind + 1,
        _ => kind - 1,
    }
}

/// Whether a flow can be made that puts this packet into the state it asks for.
#[must_use]
pub fn can_have(probe: &Probe) -> bool {
    let query = match probe.protocol {
        Protocol::ICMP => matches!(probe.source_port, 8 | 13 | 15 | 17),
        Protocol::ICMPV6 => matches!(probe.source_port, 128 | 139),
        _ => true,
    };
    let answer = match probe.protocol {
        Protocol::ICMP => matches!(probe.source_port, 0 | 14 | 16 | 18),
        Protocol::ICMPV6 => matches!(probe.source_port, 129 | 140),
        _ => true,
    };
    let known = probe.protocol.is_icmp()
        || matches!(
            probe.protocol,
            Protocol::TCP | Protocol::UDP | Protocol::UDPLITE
        );
    match probe.state {
        CtState::Established => known && query,
        CtState::EstablishedReply => known && answer,
        CtState::Related | CtState::RelatedReply => wire::is_icmp_error(probe),
        _ => true,
    }
}

/// The original direction of the flow that puts a packet into its state.
fn flow(probe: &Probe, number: u32) -> Option<Tuple> {
    let own = Tuple {
        family: probe.family,
        source: probe.source,
        destination: probe.destination,
        protocol: probe.protocol,
        low: probe.source_port,
        high: probe.destination_port,
        id: number as u16,
    };
    let quoted = Tuple {
        source: probe.destination,
        destination: probe.source,
        protocol: Protocol::UDP,
        low: number as u16,
        high: QUOTED_PORT,
        ..own
    };
    match probe.state {
        CtState::Established => Some(own),
        CtState::EstablishedReply => Some(own.reply()),
        // An error about a packet in the original direction travels in the other one.
        CtState::Related => Some(quoted.reply()),
        CtState::RelatedReply => Some(quoted),
        _ => None,
    }
}

/// Tells connection tracking of the flows that these probes need.
pub(super) fn insert<'a>(
    socket: &mut Socket,
    probes: impl Iterator<Item = (u32, &'a Probe)>,
) -> io::Result<()> {
    for (number, probe) in probes {
        let Some(flow) = flow(probe, number) else {
            continue;
        };
        let mut attributes = Attributes::default()
            .nest(1, &flow.attributes())
            .nest(2, &flow.reply().attributes())
            .with(3, &STATUS.to_be_bytes())
            .with(7, &600u32.to_be_bytes());
        if flow.protocol == Protocol::TCP {
            // Established, and sequence numbers are not looked at.
            let tcp = Attributes::default()
                .with(1, &[3])
                .with(4, &[8, 8])
                .with(5, &[8, 8]);
            attributes = attributes.nest(4, &Attributes::default().nest(1, &tcp));
        }
        let mut request = Requests::default();
        request.add(
            subsystem::CTNETLINK,
            NEW,
            libc::NLM_F_CREATE,
            address_family(flow.family),
            0,
            &attributes,
        );
        match socket.execute(request) {
            Err(error) if error.raw_os_error() != Some(libc::EEXIST) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes connection tracking forget everything.
pub(super) fn flush(socket: &mut Socket) -> io::Result<()> {
    let mut request = Requests::default();
    request.add(
        subsystem::CTNETLINK,
        DELETE,
        0,
        0,
        0,
        &Attributes::default(),
    );
    socket.execute(request)
}

fn address_family(family: Family) -> u8 {
    match family {
        Family::V4 => libc::AF_INET as u8,
        Family::V6 => libc::AF_INET6 as u8,
    }
}
