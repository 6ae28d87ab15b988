//! Echo requests: over a ping socket where the kernel lets this user have one, else over a raw one.

use super::Planned;
use super::datagram::Datagram;
use portwright::probe::{Evidence, Nonce, payload};
use socket2::Type;

/// Echo requests of both families.
pub struct Echo;

/// Types of request and reply.
const ECHO_V4: (u8, u8) = (8, 0);
const ECHO_V6: (u8, u8) = (128, 129);

fn kinds(ask: &Planned) -> (u8, u8) {
    if ask.to.is_ipv6() { ECHO_V6 } else { ECHO_V4 }
}

impl Datagram for Echo {
    fn sockets(&self, ask: &Planned) -> &'static [(Type, i32)] {
        match ask.icmp {
            // What else there is are errors and what routers say: no host answers it.
            Some(kind) if kind != (kinds(ask).0, 0) => &[],
            _ if ask.to.is_ipv6() => &[
                (Type::DGRAM, libc::IPPROTO_ICMPV6),
                (Type::RAW, libc::IPPROTO_ICMPV6),
            ],
            _ => &[
                (Type::DGRAM, libc::IPPROTO_ICMP),
                (Type::RAW, libc::IPPROTO_ICMP),
            ],
        }
    }

    fn port(&self, _: &Planned) -> u16 {
        0
    }

    fn packet(&self, ask: &Planned, nonce: Nonce) -> Vec<u8> {
        // A ping socket puts in an identifier of its own; both kernels compute the checksum of
        // IPv6, a raw socket of IPv4 takes ours.
        let [a, b, c, d, ..] = nonce.0.to_be_bytes();
        let mut out = vec![kinds(ask).0, 0, 0, 0, a, b, c, d];
        out.extend(payload(ask.protocol, None, nonce));
        if ask.to.is_ipv4() {
            let sum = checksum(&out);
            out.splice(2..4, sum.to_be_bytes());
        }
        out
    }

    fn answer(&self, ask: &Planned, nonce: Nonce, packet: &[u8]) -> Option<Evidence> {
        let (_, reply) = kinds(ask);
        let bare = packet.first() == Some(&reply);
        // A raw socket of IPv4 hands over the IP header, too.
        let behind = |at: usize| packet.get(at) == Some(&reply);
        let headed = packet
            .first()
            .is_some_and(|first| first >> 4 == 4 && behind(usize::from(first & 15) * 4));
        // A raw socket hears the replies to everybody's requests.
        ((bare || headed) && nonce.is_in(packet)).then_some(Evidence::Reply { nonce: true })
    }

    fn is_ours(&self, _: &Planned, nonce: Nonce, quote: &[u8]) -> bool {
        // An error may quote no more than the eight bytes of the header, or nothing of it.
        quote.len() < 8 || nonce.is_in(quote) || quote.windows(4).any(|part| part == half(nonce))
    }
}

/// Identifier and sequence number of a raw request.
fn half(nonce: Nonce) -> [u8; 4] {
    let [a, b, c, d, ..] = nonce.0.to_be_bytes();
    [a, b, c, d]
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let pairs = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(high) << 8 | u32::from(low),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = pairs.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(to: &str) -> Planned {
        Planned {
            from: to.parse().unwrap(),
            to: to.parse().unwrap(),
            protocol: if to.contains(':') { 58 } else { 1 },
            port: None,
            icmp: None,
            flow: 0,
        }
    }

    /// The example of RFC 1071, 3.
    #[test]
    fn a_checksum() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&bytes), !0xddf2);
    }

    #[test]
    fn replies_are_known_by_their_nonce() {
        let nonce = Nonce(0x0123_4567_89ab_cdef);
        for (to, reply) in [("10.0.0.1", 0), ("fd00::1", 129)] {
            let ask = ask(to);
            let mut packet = Echo.packet(&ask, nonce);
            assert_eq!(
                Echo.answer(&ask, nonce, &packet),
                None,
                "the request itself"
            );
            packet[0] = reply;
            let open = Some(Evidence::Reply { nonce: true });
            assert_eq!(Echo.answer(&ask, nonce, &packet), open);
            assert_eq!(Echo.answer(&ask, Nonce(1), &packet), None);
            if reply == 0 {
                let mut headed = vec![0; 20];
                headed[0] = 0x45;
                headed.extend(packet);
                assert_eq!(Echo.answer(&ask, nonce, &headed), open);
            }
        }
    }
}
