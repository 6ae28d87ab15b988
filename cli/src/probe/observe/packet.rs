//! What a packet's bytes say, as far as an observer asks.

use portwright::probe::Nonce;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `TCP_FLAGS`: FIN, SYN, RST, ACK.
const FLAGS: u8 = 0x17;
const SYN: u8 = 0x02;
/// Extension headers that are walked through.
const MOST_HEADERS: usize = 8;

/// The first packet of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First<'a> {
    /// Destination port, where the protocol has ports.
    pub port: Option<u16>,
    /// Its nonce. TCP has none.
    pub nonce: Option<Nonce>,
    /// What is behind the header of IP.
    pub body: &'a [u8],
}

/// A packet with its header of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// IP protocol number, behind extension headers.
    pub protocol: u8,
    /// What follows.
    pub body: &'a [u8],
}

/// Reads a packet from its IP header on. None for later fragments and for what is cut off.
pub fn packet(bytes: &[u8]) -> Option<Packet<'_>> {
    match bytes.first()? >> 4 {
        4 => packet_v4(bytes),
        6 => packet_v6(bytes),
        _ => None,
    }
}

fn packet_v4(bytes: &[u8]) -> Option<Packet<'_>> {
    let header = usize::from(bytes.first()? & 0x0f) * 4;
    let total = usize::from(number(bytes, 2)?);
    if number(bytes, 6)? & 0x1fff != 0 || header < 20 {
        return None;
    }
    let address = |at: usize| {
        let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(IpAddr::from(Ipv4Addr::from(octets)))
    };
    Some(Packet {
        from: address(12)?,
        to: address(16)?,
        protocol: *bytes.get(9)?,
        // A frame may be longer than its packet.
        body: bytes.get(header..total.clamp(header, bytes.len().max(header)))?,
    })
}

fn packet_v6(bytes: &[u8]) -> Option<Packet<'_>> {
    let address = |at: usize| {
        let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::from(Ipv6Addr::from(octets)))
    };
    let (from, to) = (address(8)?, address(24)?);
    let mut protocol = *bytes.get(6)?;
    let end = (40 + usize::from(number(bytes, 4)?)).min(bytes.len());
    let mut body = bytes.get(40..end)?;
    for _ in 0..MOST_HEADERS {
        let length = match protocol {
            // Hop-by-hop, routing, destination options: in units of eight bytes.
            0 | 43 | 60 => (usize::from(*body.get(1)?) + 1) * 8,
            44 if number(body, 2)? & 0xfff8 != 0 => return None,
            44 => 8,
            _ => break,
        };
        protocol = *body.first()?;
        body = body.get(length..)?;
    }
    Some(Packet {
        from,
        to,
        protocol,
        body,
    })
}

/// Reads what is behind the header of IP. None where it is no probe's first packet.
pub fn first(protocol: u8, body: &[u8]) -> Option<First<'_>> {
    let (port, nonce) = match protocol {
        6 => {
            let port = number(body, 2)?;
            (body.get(13)? & FLAGS == SYN).then_some((Some(port), None))?
        }
        17 => {
            let port = number(body, 2)?;
            (
                Some(port),
                Some(Nonce::find(17, Some(port), body.get(8..)?)?),
            )
        }
        132 => {
            let port = number(body, 2)?;
            // An INIT, with or without a nonce: others may dial, too.
            (*body.get(12)? == 1).then_some(())?;
            (Some(port), Nonce::find(132, Some(port), body.get(12..)?))
        }
        1 | 58 => {
            let request = if protocol == 1 { 8 } else { 128 };
            (*body.first()? == request).then_some(())?;
            (None, Some(Nonce::find(protocol, None, body.get(8..)?)?))
        }
        _ => (None, Some(Nonce::find(protocol, None, body)?)),
    };
    Some(First { port, nonce, body })
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes(pair.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv6 packet around a body.
    fn v6(next: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![0x60, 0, 0, 0, 0, body.len() as u8, next, 64];
        out.extend(Ipv6Addr::LOCALHOST.octets());
        out.extend(Ipv6Addr::LOCALHOST.octets());
        out.extend(body);
        out
    }

    #[test]
    fn headers_are_walked_through() {
        let udp = [0, 1, 0, 53, 0, 8, 0, 0];
        let options = [17, 0, 1, 4, 0, 0, 0, 0];
        let chain = [&[60, 0, 1, 4, 0, 0, 0, 0][..], &options, &udp].concat();
        let bytes = v6(0, &chain);
        let found = packet(&bytes).unwrap();
        assert_eq!((found.protocol, found.body), (17, &udp[..]));
        let later = v6(44, &[17, 0, 0, 8, 0, 0, 0, 1, 0, 0]);
        assert_eq!(packet(&later), None);
    }

    /// Every packet that is cut off anywhere, and every packet with one byte changed.
    #[test]
    fn broken_packets_do_no_harm() {
        let nonce = Nonce(7);
        let mut v4 = vec![
            0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1,
        ];
        v4.extend([0, 1, 0, 53, 0, 40, 0, 0]);
        v4.extend(portwright::probe::payload(17, Some(53), nonce));
        v4[3] = v4.len() as u8;
        let found = packet(&v4).unwrap();
        assert_eq!(first(17, found.body).unwrap().nonce, Some(nonce));
        for whole in [v4, v6(0, &[0; 64]), v6(60, &[255; 64])] {
            for length in 0..=whole.len() {
                let mut bytes = whole[..length].to_vec();
                for at in 0..length {
                    for value in [0, 0x60, 0xff] {
                        let old = std::mem::replace(&mut bytes[at], value);
                        if let Some(found) = packet(&bytes) {
                            let _ = first(found.protocol, found.body);
                        }
                        bytes[at] = old;
                    }
                }
            }
        }
    }
}
