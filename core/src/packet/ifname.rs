//! Interface names as numbers, so that a name is a point and `cali+` an interval.

use super::ranges::Ranges;
use std::fmt;

/// The longest interface name that Linux allows (IFNAMSIZ less the final NUL).
const LONGEST: usize = 15;

/// Names that people recognise, tried first when any of several names will do.
const FAMILIAR: [&str; 4] = ["eth0", "eth1", "ens192", "bond0"];

/// An interface name of at most 15 bytes, as a big-endian number: names sort as text does. The
/// empty name means that there is no such interface at this hook, as in the kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct IfName(pub u128);

impl IfName {
    /// No interface.
    pub const NONE: Self = Self(0);

    /// The loopback interface's.
    pub const LOOPBACK: Self = Self((b'l' as u128) << 120 | (b'o' as u128) << 112);

    /// A name; none when it is longer than Linux allows or contains a NUL.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        if name.len() > LONGEST || name.contains('\0') {
            return None;
        }
        Some(Self(encode(name, 0)))
    }

    /// The loopback interface.
    #[must_use]
    pub fn loopback() -> Ranges<u128> {
        Ranges::single(Self::LOOPBACK.0)
    }

    /// All names that begin with this text (`iptables` writes it `text+`), the empty name
    /// included when the text is empty.
    #[must_use]
    pub fn starting_with(prefix: &str) -> Option<Ranges<u128>> {
        let lo = Self::new(prefix)?;
        Some(Ranges::span(lo.0, encode(prefix, 0xff)))
    }

    /// A name out of this set that a person can read; none when no valid name is in it.
    #[must_use]
    pub fn pick(names: &Ranges<u128>) -> Option<Self> {
        let familiar = FAMILIAR.iter().filter_map(|name| Self::new(name));
        let ends = names.intervals().iter().flat_map(|&(lo, hi)| {
            let low = Self(lo);
            // `lo` may be just behind a name: then a longer name with the same beginning is.
            let longer = (1..=LONGEST)
                .flat_map(move |keep| [b'0', b'a', b'z'].map(|byte| low.truncated(keep, byte)));
            [low, Self(hi)].into_iter().chain(longer)
        });
        familiar
            .chain(ends)
            .find(|name| names.contains(name.0) && name.is_valid())
    }

    /// Keeps the first bytes and puts one more behind them.
    fn truncated(self, keep: usize, then: u8) -> Self {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(self.0.to_be_bytes()).take(keep) {
            *to = from;
        }
        if let Some(next) = bytes.get_mut(keep) {
            *next = then;
        }
        Self(u128::from_be_bytes(bytes))
    }

    /// Whether it is the empty name or printable ASCII followed by NULs only.
    fn is_valid(self) -> bool {
        let bytes = self.0.to_be_bytes();
        let length = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        length <= LONGEST
            && bytes.iter().take(length).all(u8::is_ascii_graphic)
            && bytes.iter().skip(length).all(|&b| b == 0)
    }
}

fn encode(text: &str, fill: u8) -> u128 {
    let mut bytes = [fill; 16];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    u128::from_be_bytes(bytes)
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.to_be_bytes();
        let name = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        f.write_str(&String::from_utf8_lossy(name))
    }
}

impl fmt::Debug for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_an_interval() {
        let cali = IfName::starting_with("cali").unwrap_or_default();
        let has = |name| IfName::new(name).is_some_and(|n| cali.contains(n.0));
        assert!(has("cali") && has("cali0123456789a") && !has("cal") && !has("calj"));
        assert!(IfName::new("sixteen-letters!").is_none());
        let shown = |name: &str| IfName::new(name).map(|name| name.to_string());
        assert_eq!(shown("käse0").as_deref(), Some("käse0"));
        let all = IfName::starting_with("").unwrap_or_default();
        assert!(all.is_full() && all.contains(IfName::NONE.0));
    }

    #[test]
    fn a_picked_name_is_readable_and_in_the_set() {
        let name = |n| Ranges::single(IfName::new(n).map_or(0, |n| n.0));
        let not_common = FAMILIAR
            .iter()
            .fold(Ranges::full(), |set, n| set.subtract(&name(n)));
        let picked = IfName::pick(&not_common.subtract(&name("")));
        assert!(
            picked.is_some_and(|n| !n.to_string().is_empty()),
            "{picked:?}"
        );
        assert_eq!(
            IfName::pick(&name("lo")).map(|n| n.to_string()),
            Some("lo".into())
        );
        assert_eq!(IfName::pick(&Ranges::empty()), None);
    }
}
