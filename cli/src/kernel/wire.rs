//! Packets as bytes, and their numbers read back from bytes.

use super::host::Host;
use super::probe::{Header, Probe};
use portwright::net::{Family, Protocol};
use portwright::packet::Fragment;

/// A protocol that no probe uses: its packets end a batch.
pub(super) const SENTINEL: u8 = 253;
/// Port of the flow that an ICMP error speaks of.
pub(super) const QUOTED_PORT: u16 = 33_434;
/// Offset of a later fragment, in units of eight bytes.
const LATER: u16 = 185;
/// The flag that more fragments follow: IPv4's, in the field that holds the offset.
const MORE_V4: u16 = 0x2000;

/// An IP header to be.
struct Ip {
    family: Family,
    source: u128,
    destination: u128,
    protocol: u8,
    number: u32,
    ttl: u8,
    tos: u8,
    /// Offset of a fragment, and whether more follow.
    fragment: Option<(u16, bool)>,
    headers: Vec<Header>,
}

/// A probe's bytes from the IP header on, with its number in it.
pub(super) fn bytes(probe: &Probe, number: u32) -> Vec<u8> {
    let fragment = match probe.fragment {
        None => None,
        Some(Fragment::First) => Some((0, true)),
        Some(Fragment::Later) => Some((LATER, false)),
    };
    let ip = Ip {
        family: probe.family,
        source: probe.source,
        destination: probe.destination,
        protocol: probe.protocol.0,
        number,
        ttl: probe.ttl,
        tos: probe.tos,
        fragment,
        headers: probe.headers.clone(),
    };
    let room = usize::from(probe.length).saturating_sub(ip.length());
    ip.around(&match probe.fragment {
        Some(Fragment::Later) => vec![0; 16.max(room)],
        _ => transport(probe, number, room),
    })
}

/// Length of a probe's IP packet in bytes.
#[must_use]
pub fn wire_length(probe: &Probe) -> usize {
    bytes(probe, 1).len()
}

/// How the frame is addressed in which a probe arrives, as `trace --packets` names it.
#[must_use]
pub fn packet_type(probe: &Probe, host: &Host) -> &'static str {
    let own = [2, 0, 0, 0, 0, 0];
    match frame_destination(probe, own, host) {
        [0xff, ..] => "broadcast",
        [first, ..] if first & 1 == 1 => "multicast",
        _ => "unicast",
    }
}

/// The packet that ends a batch.
pub(super) fn sentinel() -> Vec<u8> {
    Ip::plain(Family::V4, 0x0a00_0005, 0x0a00_0001, SENTINEL).around(&[0; 8])
}

impl Ip {
    fn plain(family: Family, source: u128, destination: u128, protocol: u8) -> Self {
        Self {
            family,
            source,
            destination,
            protocol,
            number: 0,
            ttl: 64,
            tos: 0,
            fragment: None,
            headers: Vec::new(),
        }
    }

    /// Bytes of all headers.
    fn length(&self) -> usize {
        match self.family {
            Family::V4 => 20,
            Family::V6 => {
                let sizes = self.chain().into_iter().map(|header| match header {
                    Header::Authentication => 24,
                    _ => 8,
                });
                40 + sizes.sum::<usize>()
            }
        }
    }

    /// The extension headers, that of a fragment included.
    fn chain(&self) -> Vec<Header> {
        let mut chain = self.headers.clone();
        if self.fragment.is_some() && !chain.contains(&Header::Fragment) {
            chain.push(Header::Fragment);
        }
        chain
    }

    fn around(&self, body: &[u8]) -> Vec<u8> {
        match self.family {
            Family::V4 => self.around_v4(body),
            Family::V6 => self.around_v6(body),
        }
    }

    fn around_v4(&self, body: &[u8]) -> Vec<u8> {
        let length = (20 + body.len()) as u16;
        let (offset, more) = self.fragment.unwrap_or_default();
        let offset = offset | if more { MORE_V4 } else { 0 };
        let mut out = vec![0x45, self.tos];
        out.extend(length.to_be_bytes());
        out.extend((self.number as u16).to_be_bytes());
        out.extend(offset.to_be_bytes());
        out.extend([self.ttl, self.protocol, 0, 0]);
        out.extend((self.source as u32).to_be_bytes());
        out.extend((self.destination as u32).to_be_bytes());
        let sum = finish(add(0, &out)).to_be_bytes();
        out[10..12].copy_from_slice(&sum);
        out.extend(body);
        out
    }

    fn around_v6(&self, body: &[u8]) -> Vec<u8> {
        let chain = self.chain();
        let next = |at: usize| {
            chain
                .get(at)
                .map_or(self.protocol, |header| header.number())
        };
        let word = 6 << 28 | u32::from(self.tos) << 20 | self.number & 0xf_ffff;
        let mut out = word.to_be_bytes().to_vec();
        let length = self.length() - 40 + body.len();
        out.extend((length as u16).to_be_bytes());
        out.extend([next(0), self.ttl]);
        out.extend(self.source.to_be_bytes());
        out.extend(self.destination.to_be_bytes());
        for (at, header) in chain.iter().enumerate() {
            let next = next(at + 1);
            match header {
                // One option that pads.
                Header::HopByHop | Header::Destination => out.extend([next, 0, 1, 4, 0, 0, 0, 0]),
                Header::Fragment => {
                    let (offset, more) = self.fragment.unwrap_or_default();
                    out.extend([next, 0]);
                    out.extend((offset << 3 | u16::from(more)).to_be_bytes());
                    out.extend(self.number.to_be_bytes());
                }
                Header::Authentication => {
                    out.extend([next, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
                    out.extend([0; 12]);
                }
            }
        }
        out.extend(body);
        out
    }
}

/// A transport header with something behind it, at least `room` bytes.
fn transport(probe: &Probe, number: u32, room: usize) -> Vec<u8> {
    let ports = [
        probe.source_port.to_be_bytes(),
        probe.destination_port.to_be_bytes(),
    ]
    .concat();
    let mut out = ports;
    match probe.protocol {
        Protocol::TCP => {
            // The answer to a reset-worthy packet repeats one of these two numbers; the first with
            // the packet's length added, which is below 2¹⁶.
            out.extend((number << 16).to_be_bytes());
            out.extend((number << 16).to_be_bytes());
            out.extend([0x50, probe.flags, 0x20, 0, 0, 0, 0, 0]);
            pad(&mut out, room);
            seal(probe, &mut out, 16);
        }
        Protocol::UDP => {
            let length = room.max(16) as u16;
            out.extend(length.to_be_bytes());
            out.extend([0; 10]);
            pad(&mut out, room);
            seal(probe, &mut out, 6);
        }
        Protocol::UDPLITE => {
            // All of it is covered.
            out.extend([0; 12]);
            pad(&mut out, room);
            seal(probe, &mut out, 6);
        }
        Protocol::SCTP => {
            // An INIT chunk, with a verification tag of zero.
            out.extend([0; 8]);
            out.extend([
                1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0x20, 0, 0, 1, 0, 1, 0, 0, 0, 1,
            ]);
        }
        Protocol::DCCP => {
            // A REQUEST with a short sequence number.
            out.extend([5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
        }
        Protocol::ICMP | Protocol::ICMPV6 => {
            out = vec![probe.source_port as u8, probe.destination_port as u8, 0, 0];
            out.extend((number as u16).to_be_bytes());
            out.extend([0, 1]);
            if is_icmp_error(probe) {
                out.extend(quoted(probe, number));
            } else {
                out.extend([0; 16]);
            }
            pad(&mut out, room);
            seal(probe, &mut out, 2);
        }
        Protocol(51) => {
            out = vec![59, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
            out.extend([0; 12]);
        }
        Protocol(47) => out = vec![0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        _ => out = vec![0; 24],
    }
    out
}

fn pad(out: &mut Vec<u8>, room: usize) {
    if out.len() < room {
        out.resize(room, 0);
    }
}

/// Whether an ICMP packet quotes another.
#[must_use]
pub fn is_icmp_error(probe: &Probe) -> bool {
    match probe.protocol {
        Protocol::ICMP => matches!(probe.source_port, 3 | 4 | 5 | 11 | 12),
        Protocol::ICMPV6 => probe.source_port < 128,
        _ => false,
    }
}

/// The packet that an ICMP error quotes: one from where the error goes to.
fn quoted(probe: &Probe, number: u32) -> Vec<u8> {
    let mut body = (number as u16).to_be_bytes().to_vec();
    body.extend(QUOTED_PORT.to_be_bytes());
    body.extend([0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    Ip::plain(probe.family, probe.destination, probe.source, 17).around(&body)
}

fn add(sum: u32, bytes: &[u8]) -> u32 {
    bytes.chunks(2).fold(sum, |sum, pair| {
        sum + (u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
    })
}

fn finish(mut sum: u32) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Puts the checksum with its pseudo header into a transport header.
fn seal(probe: &Probe, out: &mut [u8], at: usize) {
    let mut sum = 0;
    if probe.protocol != Protocol::ICMP {
        sum = add(sum, &probe.source.to_be_bytes());
        sum = add(sum, &probe.destination.to_be_bytes());
        sum += u32::from(probe.protocol.0) + out.len() as u32;
    }
    let sum = match finish(add(sum, out)) {
        0 if probe.protocol != Protocol::ICMP => 0xffff,
        sum => sum,
    };
    out[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The number of the probe whose IP header this is.
pub(super) fn number(bytes: &[u8]) -> Option<u32> {
    match bytes.first()? >> 4 {
        4 => Some(u32::from(u16::from_be_bytes([
            *bytes.get(4)?,
            *bytes.get(5)?,
        ]))),
        6 => Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) & 0xf_ffff),
        _ => None,
    }
}

/// What a rejected sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A TCP reset.
    Reset,
    /// An ICMP error of this type and code.
    Error(u8, u8),
}

/// Which probe an RST or an ICMP error answers.
pub(super) fn answered(bytes: &[u8]) -> Option<(u32, Answer)> {
    let (protocol, body) = match bytes.first()? >> 4 {
        4 => (*bytes.get(9)?, bytes.get(20..)?),
        6 => (*bytes.get(6)?, bytes.get(40..)?),
        _ => return None,
    };
    let word = |at: usize| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?));
    let kind = *body.first()?;
    match (protocol, kind) {
        (1, 3) | (58, 1) => Some((number(body.get(8..)?)?, Answer::Error(kind, *body.get(1)?))),
        (6, _) if body.get(13)? & 4 != 0 => {
            let (seq, ack) = (word(4)?, word(8)?);
            Some((if seq != 0 { seq } else { ack } >> 16, Answer::Reset))
        }
        _ => None,
    }
}

/// The destination of the frame in which a sender would put a packet that arrives at an interface.
pub(super) fn frame_destination(probe: &Probe, own: [u8; 6], host: &Host) -> [u8; 6] {
    match probe.family.address(probe.destination) {
        std::net::IpAddr::V4(address) if address.is_multicast() => {
            let [_, b, c, d] = address.octets();
            [0x01, 0x00, 0x5e, b & 0x7f, c, d]
        }
        std::net::IpAddr::V6(address) if address.is_multicast() => {
            let octets = address.octets();
            [0x33, 0x33, octets[12], octets[13], octets[14], octets[15]]
        }
        _ if host.way(probe.family, probe.destination) == super::host::Way::Broadcast => [0xff; 6],
        _ => own,
    }
}
