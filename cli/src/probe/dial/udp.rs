//! UDP: a connected socket for each probe, a question that the port's protocol answers.

use super::Planned;
use super::datagram::Datagram;
use portwright::probe::{Evidence, Nonce, payload};
use socket2::Type;

/// UDP datagrams.
pub struct Udp;

impl Datagram for Udp {
    fn sockets(&self, _: &Planned) -> &'static [(Type, i32)] {
        &[(Type::DGRAM, libc::IPPROTO_UDP)]
    }

    fn packet(&self, ask: &Planned, nonce: Nonce) -> Vec<u8> {
        payload(17, ask.port, nonce)
    }

    fn answer(&self, _: &Planned, nonce: Nonce, packet: &[u8]) -> Option<Evidence> {
        Some(Evidence::Reply {
            nonce: nonce.is_in(packet),
        })
    }
}
