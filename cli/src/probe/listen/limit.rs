//! What keeps an echo from being misused: a rate, and no answer to an answer.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::Instant;

/// Datagrams answered a second, all ports together. Above the rate of twenty hosts that dial with
/// their default rate.
const RATE: u64 = 50_000;
/// Datagrams that may come at once.
const BURST: u64 = 50_000;
/// Answers to the same datagram of the same sender. Two echoes that are set on each other by a
/// forged source address send one datagram to and fro; a dialler repeats it a few times.
const REPEATS: u8 = 16;
/// Datagrams remembered.
const SLOTS: usize = 1 << 14;

/// Decides which datagrams are answered.
pub struct Limit {
    tokens: u64,
    filled: Instant,
    random: RandomState,
    slots: Vec<(u64, u8)>,
    /// Datagrams that were not answered.
    pub unanswered: u64,
}

impl Limit {
    /// Nothing was answered yet.
    pub fn new(now: Instant) -> Self {
        Self {
            tokens: BURST,
            filled: now,
            random: RandomState::new(),
            slots: vec![(0, 0); SLOTS],
            unanswered: 0,
        }
    }

    /// Whether to answer this datagram.
    pub fn allows(&mut self, now: Instant, from: SocketAddr, payload: &[u8]) -> bool {
        let allowed = self.is_new(from, payload) && self.has_token(now);
        self.unanswered += u64::from(!allowed);
        allowed
    }

    fn is_new(&mut self, from: SocketAddr, payload: &[u8]) -> bool {
        let hash = self.random.hash_one((from, payload));
        let at = (hash % SLOTS as u64) as usize;
        let Some((known, count)) = self.slots.get_mut(at) else {
            return false;
        };
        if *known != hash {
            (*known, *count) = (hash, 0);
        }
        *count = count.saturating_add(1);
        *count <= REPEATS
    }

    fn has_token(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_micros();
        let fresh = u64::try_from(passed)
            .unwrap_or(u64::MAX)
            .saturating_mul(RATE)
            / 1_000_000;
        if fresh > 0 {
            self.tokens = self.tokens.saturating_add(fresh).min(BURST);
            self.filled = now;
        }
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_echo_of_an_echo_ends() {
        let now = Instant::now();
        let mut limit = Limit::new(now);
        let from = "192.0.2.1:7".parse().unwrap();
        let answered = (0..1000).filter(|_| limit.allows(now, from, b"x")).count();
        assert_eq!(answered, usize::from(REPEATS));
        assert_eq!(limit.unanswered, 1000 - u64::from(REPEATS));
        assert!(limit.allows(now, from, b"y"));
    }

    #[test]
    fn the_rate_is_kept() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        let from = "192.0.2.1:7".parse().unwrap();
        let mut sent = 0_u64;
        let mut answered = |limit: &mut Limit, now, count: u64| {
            let all = (0..count).filter(|_| {
                sent += 1;
                limit.allows(now, from, &sent.to_be_bytes())
            });
            all.count() as u64
        };
        assert_eq!(answered(&mut limit, start, 2 * BURST), BURST);
        let later = start + Duration::from_millis(100);
        assert_eq!(answered(&mut limit, later, BURST), RATE / 10);
    }
}
