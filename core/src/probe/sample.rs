//! Which ports of a range are dialled.

use super::PortList;
use crate::net::PortRange;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A selection of the ports of each range. Ranges that are no longer than what would be selected
/// are dialled whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    all: bool,
    first: bool,
    last: bool,
    random: u16,
    seed: u64,
}

/// First, last and three random ports.
impl Default for Sample {
    fn default() -> Self {
        Self {
            all: false,
            first: true,
            last: true,
            random: 3,
            seed: 0,
        }
    }
}

impl Sample {
    /// The ports of a range to dial. The same range always gives the same ports.
    #[must_use]
    pub fn of(&self, range: PortRange) -> PortList {
        let range = PortRange {
            lo: range.lo.max(1),
            ..range
        };
        if range.lo > range.hi {
            return PortList::default();
        }
        let size = u64::from(range.hi - range.lo) + 1;
        let wanted = u64::from(self.first) + u64::from(self.last) + u64::from(self.random);
        if self.all || size <= wanted {
            return PortList::of([range]);
        }
        let mut ports = BTreeSet::new();
        ports.extend(self.first.then_some(range.lo));
        ports.extend(self.last.then_some(range.hi));
        let mut state = self.seed ^ (u64::from(range.lo) << 16 | u64::from(range.hi));
        let mut left = self.random;
        // The range holds more ports than are wanted, so that this ends.
        while left > 0 {
            let offset = u16::try_from(next(&mut state) % size).unwrap_or(0);
            left -= u16::from(ports.insert(range.lo.saturating_add(offset)));
        }
        PortList::of(ports.into_iter().map(PortRange::single))
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same on every platform and in every version.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all {
            return f.write_str("all");
        }
        let ends = match (self.first, self.last) {
            (true, true) => "ends",
            (true, false) => "first",
            (false, true) => "last",
            (false, false) => "",
        };
        f.write_str(ends)?;
        if self.random > 0 {
            let comma = if ends.is_empty() { "" } else { "," };
            write!(f, "{comma}random={}", self.random)?;
            if self.seed > 0 {
                write!(f, ",seed={}", self.seed)?;
            }
        }
        Ok(())
    }
}

/// `all`, or a list of `first`, `last`, `ends` (both), `random=N` and `seed=S`.
impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected `all`, or some of `first`, `last`, `ends`, `random=N`, `seed=S` with commas";
        let mut sample = Self {
            first: false,
            last: false,
            random: 0,
            ..Self::default()
        };
        for part in text.split(',') {
            let wrong = || {
                let part: String = part.chars().take(40).collect();
                format!("`{part}` does not say which ports are dialled: {EXPECTED}")
            };
            match part.trim().split_once('=') {
                None => match part.trim() {
                    "all" => sample.all = true,
                    "first" => sample.first = true,
                    "last" => sample.last = true,
                    "ends" => (sample.first, sample.last) = (true, true),
                    _ => return Err(wrong()),
                },
                Some(("random", count)) => sample.random = count.parse().map_err(|_| wrong())?,
                Some(("seed", seed)) => sample.seed = seed.parse().map_err(|_| wrong())?,
                Some(_) => return Err(wrong()),
            }
        }
        let some = sample.all || sample.first || sample.last || sample.random > 0;
        some.then_some(sample)
            .ok_or_else(|| format!("`{text}` selects no port: {EXPECTED}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples() {
        let node_ports = PortRange {
            lo: 30000,
            hi: 32767,
        };
        for (text, written, count) in [
            ("all", "all", 2768),
            ("first", "first", 1),
            ("last,first", "ends", 2),
            ("ends,random=3", "ends,random=3", 5),
            ("random=10,seed=7", "random=10,seed=7", 10),
            ("random=2768", "random=2768", 2768),
            ("random=2767", "random=2767", 2767),
        ] {
            let sample: Sample = text.parse().unwrap();
            assert_eq!(sample.to_string(), written);
            let ports = sample.of(node_ports);
            assert_eq!(ports.count(), count, "{text}");
            assert_eq!(ports, sample.of(node_ports));
            assert!(ports.iter().all(|port| node_ports.contains(port)));
        }
        for text in [
            "",
            "none",
            "seed=1",
            "random=",
            "random=-1",
            "first,,",
            "random=70000",
        ] {
            assert!(text.parse::<Sample>().is_err(), "{text}");
        }
        let sample = |text: &str| text.parse::<Sample>().unwrap().of(node_ports);
        assert_ne!(sample("random=9,seed=1"), sample("random=9,seed=2"));
        assert_eq!(
            Sample::default().of(PortRange::single(22)).to_string(),
            "22"
        );
        assert_eq!(
            Sample::default()
                .of(PortRange::ALL)
                .to_string()
                .split(',')
                .next(),
            Some("1")
        );
    }
}
