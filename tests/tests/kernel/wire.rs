//! Packets as bytes, and their numbers read back from bytes.

use portwright::net::{Family, Protocol};
use portwright::packet::{Fragment, Packet};

/// A protocol that no rule and no probe uses: its packets end a batch.
pub const SENTINEL: u8 = 253;
/// Port of the flow that an ICMP error speaks of.
pub const QUOTED_PORT: u16 = 33_434;

/// A probe's bytes from the IP header on, with its number in it.
pub fn bytes(packet: &Packet, number: u32) -> Vec<u8> {
    let later = packet.fragment == Fragment::Later;
    let body = if later {
        vec![0; 16]
    } else {
        transport(packet, number)
    };
    ip(
        packet.family,
        packet.source,
        packet.destination,
        packet.protocol.0,
        number,
        later,
        &body,
    )
}

/// The packet that ends a batch.
pub fn sentinel() -> Vec<u8> {
    ip(
        Family::V4,
        0x0a00_0005,
        0x0a00_0001,
        SENTINEL,
        0,
        false,
        &[0; 8],
    )
}

fn ip(
    family: Family,
    source: u128,
    destination: u128,
    protocol: u8,
    number: u32,
    later: bool,
    body: &[u8],
) -> Vec<u8> {
    match family {
        Family::V4 => {
            let length = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
            let id = u16::try_from(number).unwrap().to_be_bytes();
            let offset = if later { 185u16 } else { 0 }.to_be_bytes();
            let mut out = vec![
                0x45, 0, length[0], length[1], id[0], id[1], offset[0], offset[1], 64, protocol, 0,
                0,
            ];
            out.extend((source as u32).to_be_bytes());
            out.extend((destination as u32).to_be_bytes());
            let sum = finish(add(0, &out)).to_be_bytes();
            out[10..12].copy_from_slice(&sum);
            out.extend(body);
            out
        }
        Family::V6 => {
            let mut out = (0x6000_0000 | number).to_be_bytes().to_vec();
            let length = body.len() + if later { 8 } else { 0 };
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
            out.extend([if later { 44 } else { protocol }, 64]);
            out.extend(source.to_be_bytes());
            out.extend(destination.to_be_bytes());
            if later {
                out.extend([protocol, 0]);
                out.extend((185u16 << 3).to_be_bytes());
                out.extend(number.to_be_bytes());
            }
            out.extend(body);
            out
        }
    }
}

fn transport(packet: &Packet, number: u32) -> Vec<u8> {
    let ports = [
        packet.source_port.to_be_bytes(),
        packet.destination_port.to_be_bytes(),
    ]
    .concat();
    let mut out = ports;
    match packet.protocol {
        Protocol::TCP => {
            // The answer to a reset-worthy packet repeats one of these two numbers.
            out.extend((number << 8).to_be_bytes());
            out.extend((number << 8).to_be_bytes());
            out.extend([0x50, packet.flags, 0x20, 0, 0, 0, 0, 0]);
            seal(packet, &mut out, 16);
        }
        Protocol::UDP | Protocol::UDPLITE => {
            out.extend([0, 16, 0, 0]);
            out.extend([0; 8]);
            seal(packet, &mut out, 6);
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
            out = vec![
                packet.source_port as u8,
                packet.destination_port as u8,
                0,
                0,
            ];
            out.extend((number as u16).to_be_bytes());
            out.extend([0, 1]);
            if is_icmp_error(packet) {
                out.extend(quoted(packet, number));
            } else {
                out.extend([0; 16]);
            }
            seal(packet, &mut out, 2);
        }
        Protocol(51) => {
            out = vec![
                59, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ];
        }
        Protocol(47) => out = vec![0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        _ => out = vec![0; 24],
    }
    out
}

/// Whether an ICMP packet quotes another.
pub fn is_icmp_error(packet: &Packet) -> bool {
    match packet.protocol {
        Protocol::ICMP => matches!(packet.source_port, 3 | 4 | 5 | 11 | 12),
        Protocol::ICMPV6 => packet.source_port < 128,
        _ => false,
    }
}

/// The packet that an ICMP error quotes: one from where the error goes to.
fn quoted(packet: &Packet, number: u32) -> Vec<u8> {
    let port = QUOTED_PORT.to_be_bytes();
    let body = [
        (number as u16).to_be_bytes(),
        port,
        [0, 16],
        [0, 0],
        [0; 2],
        [0; 2],
        [0; 2],
        [0; 2],
    ]
    .concat();
    ip(
        packet.family,
        packet.destination,
        packet.source,
        17,
        0,
        false,
        &body,
    )
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
fn seal(packet: &Packet, out: &mut [u8], at: usize) {
    let mut sum = 0;
    if packet.protocol != Protocol::ICMP {
        sum = add(sum, &packet.source.to_be_bytes());
        sum = add(sum, &packet.destination.to_be_bytes());
        sum += u32::from(packet.protocol.0) + u32::try_from(out.len()).unwrap();
    }
    let sum = match finish(add(sum, out)) {
        0 if packet.protocol != Protocol::ICMP => 0xffff,
        sum => sum,
    };
    out[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The number of the probe whose IP header this is.
pub fn number(bytes: &[u8]) -> Option<u32> {
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
    /// An ICMP error.
    Error,
}

/// Which probe an RST or an ICMP error answers.
pub fn answered(bytes: &[u8]) -> Option<(u32, Answer)> {
    let (protocol, body) = match bytes.first()? >> 4 {
        4 => (*bytes.get(9)?, bytes.get(20..)?),
        6 => (*bytes.get(6)?, bytes.get(40..)?),
        _ => return None,
    };
    let word = |at: usize| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?));
    match protocol {
        1 if body.first() == Some(&3) => Some((number(body.get(8..)?)?, Answer::Error)),
        58 if body.first() == Some(&1) => Some((number(body.get(8..)?)?, Answer::Error)),
        6 if body.get(13)? & 4 != 0 => {
            let (seq, ack) = (word(4)?, word(8)?);
            Some((if seq != 0 { seq } else { ack } >> 8, Answer::Reset))
        }
        _ => None,
    }
}
