//! IP protocols without ports, over raw sockets: what comes back is an error, or an echo by the
//! stub. Silence is for the observer to explain.

use super::Planned;
use super::datagram::Datagram;
use portwright::probe::{Evidence, Nonce, payload};
use socket2::Type;

/// Packets of any protocol.
pub struct Raw;

impl Datagram for Raw {
    fn sockets(&self, ask: &Planned) -> &'static [(Type, i32)] {
        sockets(ask.protocol)
    }

    fn port(&self, _: &Planned) -> u16 {
        0
    }

    fn packet(&self, ask: &Planned, nonce: Nonce) -> Vec<u8> {
        payload(ask.protocol, None, nonce)
    }

    fn answer(&self, _: &Planned, nonce: Nonce, packet: &[u8]) -> Option<Evidence> {
        // What the target sends for others says nothing about this packet.
        nonce
            .is_in(packet)
            .then_some(Evidence::Reply { nonce: true })
    }
}

/// The table of sockets, one for each number.
fn sockets(protocol: u8) -> &'static [(Type, i32)] {
    const ALL: [[(Type, i32); 1]; 256] = {
        let mut all = [[(Type::RAW, 0)]; 256];
        let mut number = 0;
        while number < 256 {
            all[number] = [(Type::RAW, number as i32)];
            number += 1;
        }
        all
    };
    static TABLE: [[(Type, i32); 1]; 256] = ALL;
    &TABLE[usize::from(protocol)]
}
