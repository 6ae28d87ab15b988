//! Probes that wait for their turn.

use super::Planned;
use portwright::probe::Nonce;

/// How a probe is sent at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// For the first time.
    First,
    /// Again, after silence: longer.
    Confirm,
    /// And again, while somebody goes on refusing, once a second.
    Again,
    /// After a pause, where nothing at all has come from an address behind a router that refuses.
    Mute,
}

/// A probe and what was done for it so far.
#[derive(Debug, Clone)]
pub struct Job {
    /// What to dial.
    pub ask: Planned,
    /// How it is sent next.
    pub pass: Pass,
    /// How often a packet of it was sent; repetitions of TCP by the kernel are not counted.
    pub tries: u32,
    /// How often something had run out.
    pub shortages: u8,
    /// How often an answer was doubted.
    pub looks: u8,
}

impl Job {
    /// One that was not sent yet.
    pub fn new(ask: Planned) -> Self {
        Self {
            ask,
            pass: Pass::First,
            tries: 0,
            shortages: 0,
            looks: 0,
        }
    }
}

/// Steele, Lea and Flood's SplitMix64: small, and good enough to shuffle.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this one.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

/// The nonce of a probe: the same in every pass, another in every run.
pub fn nonce(ask: &Planned, seed: u64) -> Nonce {
    let mut random = Random(seed);
    let mut mix = |number: u64| random.0 = random.next() ^ number;
    for address in [ask.from, ask.to] {
        let number = portwright::net::number(address);
        mix(number as u64);
        mix((number >> 64) as u64);
    }
    mix(u64::from(ask.protocol) << 32 | u64::from(ask.port.unwrap_or_default()));
    Nonce(random.next())
}

/// Probes that are held ready to be drawn from.
const DRAWN_FROM: usize = 1 << 18;

/// Draws probes at random, so that no target gets all of its own at once, without holding more
/// than a part of a large plan.
pub struct Shuffle<I> {
    asks: I,
    held: Vec<Planned>,
    random: Random,
}

impl<I: Iterator<Item = Planned>> Shuffle<I> {
    /// In an order that the seed decides.
    pub fn new(asks: I, seed: u64) -> Self {
        Self {
            asks,
            held: Vec::new(),
            random: Random(seed),
        }
    }
}

impl<I: Iterator<Item = Planned>> Iterator for Shuffle<I> {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        let room = DRAWN_FROM - self.held.len();
        self.held.extend(self.asks.by_ref().take(room));
        if self.held.is_empty() {
            return None;
        }
        let at = self.random.below(self.held.len());
        Some(self.held.swap_remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::net::IpAddr;

    fn asks(count: u32) -> impl Iterator<Item = Planned> {
        (0..count).map(|number| Planned {
            from: IpAddr::from([10, 0, 0, 1]),
            to: IpAddr::from(number.to_be_bytes()),
            protocol: 6,
            port: Some(80),
            icmp: None,
            flow: 0,
        })
    }

    #[test]
    fn every_probe_is_drawn_once_in_an_order_of_the_seed() {
        for count in [0, 1, 2, 1000, 300_000] {
            let order = |seed| Shuffle::new(asks(count), seed).map(|ask| ask.to);
            let first: Vec<IpAddr> = order(1).collect();
            assert!(first.iter().copied().eq(order(1)), "{count}");
            let all: BTreeSet<IpAddr> = first.iter().copied().collect();
            assert_eq!(all.len(), count as usize);
            assert_eq!(first.len(), count as usize);
            if count >= 1000 {
                assert!(!first.iter().copied().eq(order(2)));
                assert!(!first.is_sorted());
            }
        }
    }

    #[test]
    fn nonces_differ() {
        let mut all = BTreeSet::new();
        for ask in asks(1000) {
            for port in [Some(80), Some(81), None] {
                all.insert(nonce(&Planned { port, ..ask }, 7));
                all.insert(nonce(&Planned { port, ..ask }, 8));
            }
        }
        assert_eq!(all.len(), 6000);
    }
}
