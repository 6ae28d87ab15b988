//! What all probes of a service have in common: the filter lets pass what looks so, and a tunnel
//! that carries the traffic of all pods stays out of the observer.

use portwright::probe::{Nonce, payload};

/// Words that are compared at most.
const MOST_WORDS: usize = 8;

/// Length and constant bytes of a payload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Template {
    /// Bytes of the payload.
    pub length: usize,
    /// Offset, mask and value of four bytes that are alike in all.
    pub words: Vec<(u32, u32, u32)>,
}

impl Template {
    /// Of what is sent to a port, or as the body of a protocol without ports.
    pub fn of(protocol: u8, port: Option<u16>) -> Self {
        // Every bit of a nonce is once set and once not.
        let samples = [0, u64::MAX, 0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa];
        let samples = samples.map(|nonce| payload(protocol, port, Nonce(nonce)));
        let [first, others @ ..] = &samples;
        let words = first.chunks_exact(4).enumerate().filter_map(|(at, chunk)| {
            let (mut mask, mut value) = ([0; 4], [0; 4]);
            for (byte, &sent) in chunk.iter().enumerate() {
                let same = |other: &Vec<u8>| other.get(at * 4 + byte) == Some(&sent);
                if others.iter().all(same) {
                    mask[byte] = 0xff;
                    value[byte] = sent;
                }
            }
            let offset = u32::try_from(at * 4).ok()?;
            let (mask, value) = (u32::from_be_bytes(mask), u32::from_be_bytes(value));
            (mask != 0).then_some((offset, mask, value))
        });
        Self {
            length: first.len(),
            words: words.take(MOST_WORDS).collect(),
        }
    }

    /// Whether a payload looks so.
    #[cfg(test)]
    pub fn fits(&self, body: &[u8]) -> bool {
        let fits = |&(at, mask, value): &(u32, u32, u32)| {
            let bytes = body.get(at as usize..at as usize + 4);
            let word = bytes.map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()));
            word.is_some_and(|word| word & mask == value)
        };
        body.len() == self.length && self.words.iter().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_probe_fits() {
        let services: Vec<_> = (1..=u16::MAX).map(|port| (17, Some(port))).collect();
        let others = [1, 4, 41, 47, 50, 51, 58, 89, 112].map(|protocol| (protocol, None));
        for (protocol, port) in services.into_iter().chain(others) {
            let template = Template::of(protocol, port);
            assert!(!template.words.is_empty(), "{protocol} {port:?}");
            for nonce in [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 1] {
                let body = payload(protocol, port, Nonce(nonce));
                assert!(template.fits(&body), "{protocol} {port:?}");
            }
        }
    }
}
