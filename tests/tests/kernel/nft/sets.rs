//! Named sets, and sets within rules.

use super::{Generator, TableFamily};
use crate::draw::{INTERFACES, MARKS};
use crate::hint::{Hint, Hints};
use portwright::net::Family;
use std::fmt::Write as _;

/// What a set or map is keyed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Address(Family),
    Port,
    Protocol,
    Mark,
    Interface,
    AddressPort(Family),
    ProtocolPort,
    InterfaceAddress(Family),
}

/// A named set.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) name: String,
    pub(super) key: Key,
    pub(super) elements: Vec<Hints>,
}

/// First and last value of each part of a key.
type Bounds = Vec<(u128, u128)>;

impl Key {
    /// As a set declares it.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Address(Family::V4) => "ipv4_addr",
            Self::Address(Family::V6) => "ipv6_addr",
            Self::Port => "inet_service",
            Self::Protocol => "inet_proto",
            Self::Mark => "mark",
            Self::Interface => "ifname",
            Self::AddressPort(Family::V4) => "ipv4_addr . inet_service",
            Self::AddressPort(Family::V6) => "ipv6_addr . inet_service",
            Self::ProtocolPort => "inet_proto . inet_service",
            Self::InterfaceAddress(Family::V4) => "ifname . ipv4_addr",
            Self::InterfaceAddress(Family::V6) => "ifname . ipv6_addr",
        }
    }

    fn has_intervals(self) -> bool {
        !matches!(self, Self::Protocol | Self::Interface)
    }
}

/// Keys of sets in a table of a family.
pub(super) fn keys(family: TableFamily) -> Vec<Key> {
    let mut keys = vec![
        Key::Port,
        Key::Port,
        Key::Protocol,
        Key::Mark,
        Key::Interface,
        Key::ProtocolPort,
    ];
    let mut add = |family: Family| {
        keys.extend([
            Key::Address(family),
            Key::Address(family),
            Key::AddressPort(family),
            Key::InterfaceAddress(family),
        ]);
    };
    if family != TableFamily::Ip6 {
        add(Family::V4);
    }
    if family != TableFamily::Ip {
        add(Family::V6);
    }
    keys
}

impl Generator<'_> {
    pub(super) fn make_sets(&mut self, family: TableFamily) -> String {
        let mut text = String::new();
        for number in 0..self.draw.between(0, 4) {
            let key = self.draw.pick(&keys(family));
            let name = format!("s{number}");
            let intervals = key.has_intervals() && self.draw.chance(0.7);
            let _ = write!(text, " set {name} {{\n  type {}\n", key.type_name());
            if intervals {
                text += "  flags interval\n";
            }
            let (elements, hints) = self.elements(key, intervals, 0);
            if !elements.is_empty() {
                let _ = writeln!(text, "  elements = {{ {} }}", elements.join(", "));
            }
            text += " }\n";
            self.sets.push(Set {
                name,
                key,
                elements: hints,
            });
        }
        text
    }

    /// Elements that do not overlap: some, or none where that is allowed.
    pub(super) fn elements(
        &mut self,
        key: Key,
        intervals: bool,
        least: usize,
    ) -> (Vec<String>, Vec<Hints>) {
        let mut kept: Vec<(Bounds, String, Hints)> = Vec::new();
        let wanted = self.draw.between(least, 6);
        for _ in 0..wanted * 3 {
            if kept.len() >= wanted.max(least) {
                break;
            }
            let (bounds, text, hints) = self.element(key, intervals);
            let overlaps = |other: &[(u128, u128)]| {
                let mut pairs = bounds.iter().zip(other);
                pairs.all(|(a, b)| a.0 <= b.1 && b.0 <= a.1)
            };
            if !kept.iter().any(|(other, ..)| overlaps(other)) {
                kept.push((bounds, text, hints));
            }
        }
        let hints = kept.iter().map(|(.., hints)| hints.clone()).collect();
        (kept.into_iter().map(|(_, text, _)| text).collect(), hints)
    }

    /// An element: bounds of its parts, its text, what packets in it look like.
    fn element(&mut self, key: Key, intervals: bool) -> (Vec<(u128, u128)>, String, Hints) {
        let parts = match key {
            Key::Address(family) => vec![self.address_part(family, intervals)],
            Key::Port => vec![self.port_part(intervals)],
            Key::Protocol => vec![self.protocol_part()],
            Key::Mark => {
                let mark = self.draw.pick(&MARKS);
                vec![((mark.into(), mark.into()), mark.to_string(), Vec::new())]
            }
            Key::Interface => vec![self.interface_part()],
            Key::AddressPort(family) => vec![
                self.address_part(family, intervals),
                self.port_part(intervals),
            ],
            Key::ProtocolPort => vec![self.protocol_part(), self.port_part(intervals)],
            Key::InterfaceAddress(family) => {
                vec![self.interface_part(), self.address_part(family, intervals)]
            }
        };
        let bounds = parts.iter().map(|part| part.0).collect();
        let texts: Vec<&str> = parts.iter().map(|part| part.1.as_str()).collect();
        let text = texts.join(" . ");
        let hints = parts.iter().flat_map(|part| part.2.clone()).collect();
        (bounds, text, hints)
    }

    fn address_part(&mut self, family: Family, intervals: bool) -> ((u128, u128), String, Hints) {
        self.draw.family = family;
        let (prefix, low, high) = self.draw.prefix();
        let (low, high, text) = match self.draw.between(0, 2) {
            0 if intervals => (low, high, prefix),
            1 if intervals => {
                let (low, high) = self.draw.span();
                let text = format!("{}-{}", self.draw.show(low), self.draw.show(high));
                let single = self.draw.show(low);
                (low, high, if low == high { single } else { text })
            }
            _ => (low, low, self.draw.show(low)),
        };
        let edge = if self.draw.chance(0.5) { low } else { high };
        let hints = vec![Hint::Family(family), Hint::Source(edge)];
        ((low, high), text, hints)
    }

    fn port_part(&mut self, intervals: bool) -> ((u128, u128), String, Hints) {
        let (low, high) = self.draw.ports();
        let range = intervals && low < high && self.draw.chance(0.4);
        let high = if range { high } else { low };
        let text = if range {
            format!("{low}-{high}")
        } else {
            low.to_string()
        };
        let edge = if self.draw.chance(0.5) { low } else { high };
        let hints = vec![Hint::DestinationPort(edge)];
        ((low.into(), high.into()), text, hints)
    }

    fn protocol_part(&mut self) -> ((u128, u128), String, Hints) {
        let choices = [
            ("tcp", 6u8),
            ("udp", 17),
            ("sctp", 132),
            ("gre", 47),
            ("icmp", 1),
        ];
        let (name, number) = self.draw.pick(&choices);
        let bound = u128::from(number);
        (
            (bound, bound),
            name.to_owned(),
            vec![Hint::Protocol(number)],
        )
    }

    fn interface_part(&mut self) -> ((u128, u128), String, Hints) {
        let at = self.draw.between(0, INTERFACES.len() - 1);
        let name = INTERFACES[at];
        let bound = at as u128;
        ((bound, bound), format!("\"{name}\""), vec![Hint::In(name)])
    }

    /// A named set with such a key, or one within the rule; what packets in it look like.
    pub(super) fn set_of(&mut self, key: Key) -> (String, Hints) {
        let named: Vec<Set> = self.sets.iter().filter(|s| s.key == key).cloned().collect();
        if !named.is_empty() && self.draw.chance(0.7) {
            let set = self.draw.pick(&named);
            let hints = if set.elements.is_empty() {
                Hints::new()
            } else {
                self.draw.pick(&set.elements)
            };
            return (format!("@{}", set.name), hints);
        }
        let (elements, hints) = self.elements(key, key.has_intervals(), 1);
        let hints = self.draw.pick(&hints);
        (format!("{{ {} }}", elements.join(", ")), hints)
    }
}
