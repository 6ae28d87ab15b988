//! Lists of ports, as plans write them.

use crate::net::PortRange;
use crate::packet::Ranges;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Ports from 1 to 65535, written `22,2379-2380`; empty for protocols without ports.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PortList(Ranges<u16>);

impl PortList {
    /// The ports of these ranges. Port 0 cannot be dialled and is left out.
    pub fn of(ranges: impl IntoIterator<Item = PortRange>) -> Self {
        let ranges = ranges.into_iter().map(|range| (range.lo.max(1), range.hi));
        Self(Ranges::of(ranges.filter(|(lo, hi)| lo <= hi)))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        let sizes = self.0.intervals().iter();
        sizes.map(|&(lo, hi)| u64::from(hi - lo) + 1).sum()
    }

    /// Whether this port is in it.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(port)
    }

    /// The ports, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.intervals().iter().flat_map(|&(lo, hi)| lo..=hi)
    }

    /// The ports as ranges, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = PortRange> + '_ {
        let all = self.0.intervals().iter();
        all.map(|&(lo, hi)| PortRange { lo, hi })
    }

    /// The same as a set of numbers.
    #[must_use]
    pub fn as_set(&self) -> &Ranges<u16> {
        &self.0
    }

    /// What is in this list and not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.subtract(&other.0))
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0))
    }

    /// Whether a port is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.overlaps(&other.0)
    }
}

impl fmt::Display for PortList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.ranges().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{range}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PortList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl FromStr for PortList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |part: &str| {
            let part: String = part.chars().take(40).collect();
            format!(
                "`{part}` is no port and no range of ports from 1 to 65535, expected a list such as `22,2379-2380`"
            )
        };
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut all = Vec::new();
        for part in text.split(',') {
            let range = PortRange::parse(part).filter(|range| range.lo > 0);
            all.push(range.ok_or_else(|| wrong(part))?);
        }
        Ok(Self::of(all))
    }
}

impl Serialize for PortList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PortList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for PortList {
    fn schema_name() -> Cow<'static, str> {
        "PortList".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Ports from 1 to 65535, as in `22,2379-2380`; empty for protocols without ports.",
            "pattern": "^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::PortList;

    #[test]
    fn lists() {
        for (text, written, count) in [
            ("", "", 0),
            ("22", "22", 1),
            ("80-81,22", "22,80-81", 3),
            ("80,81,82", "80-82", 3),
            ("1-65535", "1-65535", 65535),
        ] {
            let list: PortList = text.parse().unwrap();
            assert_eq!(
                (list.to_string().as_str(), list.count()),
                (written, count),
                "{text}"
            );
            assert_eq!(list.iter().count() as u64, count);
        }
        for text in ["0", "0-5", "22,", ",", "81-80", "65536", "a", "22;23", "-1"] {
            assert!(text.parse::<PortList>().is_err(), "{text}");
        }
    }
}
