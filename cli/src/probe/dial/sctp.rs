//! SCTP (RFC 9260) over raw sockets, without the kernel's: INIT, and INIT-ACK or ABORT.

use super::Planned;
use super::datagram::Datagram;
use portwright::probe::{Evidence, Nonce, sctp_parameter};
use socket2::Type;

/// SCTP associations that are begun and left.
pub struct Sctp;

const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const ABORT: u8 = 6;

/// The source port: of the ephemeral ones, by the nonce.
fn source_port(nonce: Nonce) -> u16 {
    0xc000 | (nonce.0 >> 40) as u16 & 0x3fff
}

/// The tag that the answer must carry; zero is not allowed.
fn tag(nonce: Nonce) -> u32 {
    (nonce.0 as u32).max(1)
}

impl Datagram for Sctp {
    fn sockets(&self, _: &Planned) -> &'static [(Type, i32)] {
        &[(Type::RAW, libc::IPPROTO_SCTP)]
    }

    fn port(&self, _: &Planned) -> u16 {
        0
    }

    fn packet(&self, ask: &Planned, nonce: Nonce) -> Vec<u8> {
        let parameter = sctp_parameter(nonce);
        let mut out = source_port(nonce).to_be_bytes().to_vec();
        out.extend(ask.port.unwrap_or_default().to_be_bytes());
        // The verification tag of an INIT is zero; the checksum comes last.
        out.extend([0; 8]);
        out.extend([INIT, 0]);
        out.extend((20 + parameter.len() as u16).to_be_bytes());
        out.extend(tag(nonce).to_be_bytes());
        // Window, streams out and in, first sequence number.
        out.extend(0x1_0000_u32.to_be_bytes());
        out.extend([0, 1, 0, 1]);
        out.extend(tag(nonce).to_be_bytes());
        out.extend(parameter);
        let sum = crc32c::crc32c(&out);
        out.splice(8..12, sum.to_le_bytes());
        out
    }

    fn answer(&self, ask: &Planned, nonce: Nonce, packet: &[u8]) -> Option<Evidence> {
        let packet = match packet.first() {
            // A raw socket of IPv4 hands over the IP header, too.
            Some(first) if ask.to.is_ipv4() => packet.get(usize::from(first & 15) * 4..)?,
            _ => packet,
        };
        let part = |at: usize, length: usize| packet.get(at..at + length);
        let from = ask.port.unwrap_or_default().to_be_bytes();
        let ports = [from, source_port(nonce).to_be_bytes()].concat();
        let ours = part(0, 4)? == ports && part(4, 4)? == tag(nonce).to_be_bytes();
        match packet.get(12)? {
            &INIT_ACK if ours => Some(Evidence::Connected),
            &ABORT if ours => Some(Evidence::Reset),
            _ => None,
        }
    }

    fn is_ours(&self, ask: &Planned, nonce: Nonce, quote: &[u8]) -> bool {
        let to = ask.port.unwrap_or_default().to_be_bytes();
        let ports = [source_port(nonce).to_be_bytes(), to].concat();
        // Whatever stands in front of it.
        quote.len() < 4 || quote.windows(4).any(|part| part == ports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Planned {
        Planned {
            from: "fd00::1".parse().unwrap(),
            to: "fd00::2".parse().unwrap(),
            protocol: 132,
            port: Some(3868),
            icmp: None,
            flow: 0,
        }
    }

    /// The chunk's length is that of its bytes, and the checksum is that of the whole packet with
    /// zero in its place (RFC 9260, 6.8).
    #[test]
    fn an_init() {
        let nonce = Nonce(0x0123_4567_89ab_cdef);
        let packet = Sctp.packet(&ask(), nonce);
        assert_eq!(packet.len() % 4, 0);
        assert_eq!(packet[2..4], [0x0f, 0x1c]);
        assert_eq!(usize::from(packet[15]), packet.len() - 12);
        let mut zeroed = packet.clone();
        zeroed[8..12].fill(0);
        let sum = crc32c::crc32c(&zeroed).to_le_bytes();
        assert_eq!(packet[8..12], sum);
        assert_eq!(Nonce::find(132, Some(3868), &packet), Some(nonce));
    }

    #[test]
    fn answers() {
        let nonce = Nonce(0x0123_4567_89ab_cdef);
        let init = Sctp.packet(&ask(), nonce);
        let answer = |chunk: u8, tag: u32| {
            let mut out = [&init[2..4], &init[..2], &tag.to_be_bytes(), &[0; 4]].concat();
            out.extend([chunk, 0, 0, 4]);
            Sctp.answer(&ask(), nonce, &out)
        };
        assert_eq!(answer(INIT_ACK, tag(nonce)), Some(Evidence::Connected));
        assert_eq!(answer(ABORT, tag(nonce)), Some(Evidence::Reset));
        assert_eq!(answer(INIT_ACK, 7), None, "of another association");
        assert_eq!(answer(INIT, tag(nonce)), None);
        assert!(Sctp.is_ours(&ask(), nonce, &init));
        assert!(!Sctp.is_ours(&ask(), Nonce(5), &init));
        for length in 0..init.len() {
            Sctp.answer(&ask(), nonce, &init[..length]);
        }
    }
}
