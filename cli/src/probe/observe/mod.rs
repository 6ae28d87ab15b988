//! Sees packets of probes on the host that they are for, whoever has the port: in front of the
//! host's firewall with a packet socket, behind it with raw sockets.
//!
//! Raw sockets get a copy of what INPUT let pass, also of TCP and UDP, in both families. Together
//! the two say whether the host's own firewall kept a packet back.

mod filter;
mod packet;
pub mod sctp;
mod socket;
mod template;

use super::listen::{Service, Wanted};
use super::record::Recorder;
use super::seen::Sightings;
use portwright::probe::{Seen, SeenAt};
use socket::{Arrived, Stand, Watch};
use socket2::Socket;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};

/// Bytes of a packet that are looked at.
const SNAPSHOT: usize = 2048;

/// The observer of one host.
pub struct Observer {
    watches: Vec<Watch>,
    services: BTreeSet<Service>,
    addresses: BTreeSet<IpAddr>,
    buffer: Vec<u8>,
}

/// What a turn gave.
pub enum Turn {
    /// Nothing more waits.
    Drained,
    /// There may be more.
    More,
}

impl Observer {
    /// Watches what a plan wants; behind INPUT only what no stub answers.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` without CAP_NET_RAW.
    pub fn open(wanted: &Wanted, unanswered: &BTreeSet<Service>) -> io::Result<Self> {
        let services: Vec<_> = wanted.services.keys().copied().collect();
        let mut watches = Vec::new();
        if !services.is_empty() {
            watches.push(socket::at_interface(&services)?);
        }
        let mut groups: BTreeMap<_, Vec<Service>> = BTreeMap::new();
        for &service in unanswered {
            let group = groups.entry((service.protocol, service.family));
            group.or_default().push(service);
        }
        for ((protocol, family), services) in groups {
            watches.push(socket::accepted(family, protocol, &services)?);
        }
        Ok(Self {
            watches,
            services: services.into_iter().collect(),
            addresses: wanted.addresses.clone(),
            buffer: vec![0; SNAPSHOT],
        })
    }

    /// The sockets' descriptors, in their order.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.watches.iter().map(|watch| watch.socket.as_raw_fd())
    }

    /// Looks at what a socket was given, at most so many packets. `answer` is given what passed
    /// INPUT: the socket, the packet, and what is behind its header of IP.
    pub fn turn(
        &mut self,
        at: usize,
        most: usize,
        sightings: &mut Sightings,
        recorder: &mut Recorder,
        mut answer: impl FnMut(&Socket, &Seen, &[u8]),
    ) -> Turn {
        let Some(watch) = self.watches.get(at) else {
            return Turn::Drained;
        };
        for _ in 0..most {
            let arrived = match watch.receive(&mut self.buffer) {
                Ok(Some(arrived)) => arrived,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Drained,
                // An interface that went down, for example.
                Ok(None) | Err(_) => continue,
            };
            let Some((seen, body)) = seen(watch.stand, &arrived) else {
                continue;
            };
            // Behind a translation it has another destination.
            let is_here = seen.at == SeenAt::Accepted || self.addresses.contains(&seen.to);
            if !self.services.contains(&Service::of(&seen)) || !is_here {
                continue;
            }
            if seen.at == SeenAt::Accepted {
                answer(&watch.socket, &seen, body);
            }
            sightings.add(seen, recorder);
        }
        Turn::More
    }

    /// Packets that came too fast to be looked at.
    pub fn lost(&self) -> u64 {
        self.watches.iter().map(Watch::lost).sum()
    }
}

/// What a packet is, where it is a probe's first.
fn seen<'a>(stand: Stand, arrived: &Arrived<'a>) -> Option<(Seen, &'a [u8])> {
    let (from, to, protocol, body) = match (stand, arrived.addresses) {
        (Stand::Accepted { protocol, .. }, Some((from, to))) => (from, to, protocol, arrived.bytes),
        _ => {
            let packet = packet::packet(arrived.bytes)?;
            (packet.from, packet.to, packet.protocol, packet.body)
        }
    };
    let first = packet::first(protocol, body)?;
    let at = match stand {
        Stand::Interface => SeenAt::Interface,
        Stand::Accepted { .. } => SeenAt::Accepted,
    };
    let seen = Seen {
        from,
        to,
        protocol,
        port: first.port,
        at,
        nonce: first.nonce.map(|nonce| nonce.to_string()),
    };
    Some((seen, body))
}
