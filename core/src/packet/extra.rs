//! Fields that few rules test, kept aside so that a cube stays small.

use super::ranges::Ranges;
use std::sync::Arc;

/// A property of packets that few rules test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rare {
    /// What rules did to the packet: the bits of [`changes`]. Packets enter with 0.
    Changes,
    /// Source address before a rule translated it; meaningful only when one did.
    OriginalSource,
    /// Source port before a rule translated the source.
    OriginalSourcePort,
    /// Destination address before a rule translated it.
    OriginalDestination,
    /// Destination port before a rule translated the destination.
    OriginalDestinationPort,
    /// Conntrack state (number of [`CtState`](super::CtState)) before a rule untracked the packet.
    OriginalState,
    /// Outgoing interface before the packet was routed anew.
    OriginalOut,
    /// IPv4 type of service or IPv6 traffic class: DSCP in the upper six bits, ECN in the lower.
    Tos,
    /// IPv4 time to live or IPv6 hop limit.
    Ttl,
    /// Length of the IP packet in bytes: IPv4 total length, IPv6 payload length + 40.
    Length,
    /// Source hardware address as a 48-bit number.
    SourceMac,
    /// How the frame was addressed: the numbers of [`packet_type`].
    PacketType,
    /// User that owns the sending socket; 2³² when there is no socket.
    Uid,
    /// Group that owns the sending socket; 2³² when there is no socket.
    Gid,
    /// IPv6 next header of the fixed header.
    NextHeader,
    /// IPv6 extension headers that are there: the bits of [`extension_headers`].
    ExtensionHeaders,
}

/// Bits of [`Rare::Changes`].
pub mod changes {
    /// The destination is translated (conntrack status and state DNAT).
    pub const DESTINATION: u8 = 128;
    /// The source is translated (conntrack status and state SNAT).
    pub const SOURCE: u8 = 64;
    /// A rule told connection tracking to leave the packet alone.
    pub const UNTRACKED: u8 = 32;
    /// The packet was routed anew, after its destination was translated.
    pub const ROUTED: u8 = 16;
    /// Of the destination the address is translated.
    pub const DESTINATION_ADDRESS: u8 = 8;
    /// Of the destination the port is translated.
    pub const DESTINATION_PORT: u8 = 4;
    /// Of the source the address is translated.
    pub const SOURCE_ADDRESS: u8 = 2;
    /// Of the source the port is translated.
    pub const SOURCE_PORT: u8 = 1;
}

/// Numbers of [`Rare::PacketType`], those of Linux (`PACKET_HOST` and its like).
pub mod packet_type {
    /// To this host (`unicast`).
    pub const HOST: u8 = 0;
    /// To all.
    pub const BROADCAST: u8 = 1;
    /// To a group.
    pub const MULTICAST: u8 = 2;
    /// To another host, seen in promiscuous mode.
    pub const OTHER: u8 = 3;
    /// Sent by this host and looped back.
    pub const LOOPBACK: u8 = 5;
}

/// Bits of [`Rare::ExtensionHeaders`].
pub mod extension_headers {
    /// Hop-by-hop options (0).
    pub const HOP_BY_HOP: u8 = 1;
    /// Routing (43).
    pub const ROUTING: u8 = 2;
    /// Fragment (44).
    pub const FRAGMENT: u8 = 4;
    /// Authentication (51).
    pub const AUTHENTICATION: u8 = 8;
    /// Destination options (60).
    pub const DESTINATION: u8 = 16;
    /// Encapsulating security payload (50).
    pub const ENCRYPTED: u8 = 32;
    /// Mobility (135).
    pub const MOBILITY: u8 = 64;
}

/// Sets of values of rare fields; every value where a field is not mentioned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Extra(Option<Arc<[Narrowed]>>);

/// A field and the values that it may have.
type Narrowed = (Rare, Ranges<u128>);

/// Values of one packet's rare fields; those that nobody knows are absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RareValues {
    known: u32,
    values: [u128; Rare::ALL.len()],
}

impl Rare {
    /// All of them, in order.
    pub const ALL: [Self; 16] = [
        Self::Changes,
        Self::OriginalSource,
        Self::OriginalSourcePort,
        Self::OriginalDestination,
        Self::OriginalDestinationPort,
        Self::OriginalState,
        Self::OriginalOut,
        Self::Tos,
        Self::Ttl,
        Self::Length,
        Self::SourceMac,
        Self::PacketType,
        Self::Uid,
        Self::Gid,
        Self::NextHeader,
        Self::ExtensionHeaders,
    ];

    /// Bits of its largest value, addresses of IPv6 included.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::OriginalState | Self::PacketType => 3,
            Self::Changes | Self::Tos | Self::Ttl | Self::NextHeader | Self::ExtensionHeaders => 8,
            Self::OriginalSourcePort | Self::OriginalDestinationPort | Self::Length => 16,
            Self::Uid | Self::Gid => 33,
            Self::SourceMac => 48,
            Self::OriginalSource | Self::OriginalDestination | Self::OriginalOut => 128,
        }
    }

    /// Whether it is about what rules did to the packet, not about the packet as it entered.
    #[must_use]
    pub fn is_history(self) -> bool {
        self <= Self::OriginalOut
    }

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Changes => "address translation",
            Self::OriginalSource => "original source",
            Self::OriginalSourcePort => "original source port",
            Self::OriginalDestination => "original destination",
            Self::OriginalDestinationPort => "original destination port",
            Self::OriginalState => "original state",
            Self::OriginalOut => "original outgoing interface",
            Self::Tos => "type of service",
            Self::Ttl => "time to live",
            Self::Length => "length",
            Self::SourceMac => "source hardware address",
            Self::PacketType => "packet type",
            Self::Uid => "sending user",
            Self::Gid => "sending group",
            Self::NextHeader => "next header",
            Self::ExtensionHeaders => "extension headers",
        }
    }

    /// Every value that it can have.
    #[must_use]
    pub fn full(self) -> Ranges<u128> {
        Ranges::span(0, u128::MAX >> (u128::BITS - self.bits()))
    }

    fn bit(self) -> u32 {
        1 << self as u8
    }
}

impl Extra {
    /// Whether every packet is in it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.is_none()
    }

    /// The fields that are narrowed, in order, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (Rare, &Ranges<u128>)> {
        let all = self.0.as_deref().unwrap_or(&[]);
        all.iter().map(|(field, values)| (*field, values))
    }

    /// The values of a field; none when all are allowed.
    #[must_use]
    pub fn get(&self, field: Rare) -> Option<&Ranges<u128>> {
        self.iter().find(|(f, _)| *f == field).map(|(_, v)| v)
    }

    /// The same with other values for one field.
    #[must_use]
    pub fn with(&self, field: Rare, values: &Ranges<u128>) -> Self {
        let values = values.intersect(&field.full());
        let others = self.iter().filter(|(f, _)| *f != field);
        let mut all: Vec<_> = others.map(|(f, v)| (f, v.clone())).collect();
        if values != field.full() {
            let at = all.partition_point(|(f, _)| *f < field);
            all.insert(at, (field, values));
        }
        Self::from_sorted(all)
    }

    /// The same with every value of these fields.
    #[must_use]
    pub fn without(&self, gone: impl Fn(Rare) -> bool) -> Self {
        if !self.iter().any(|(field, _)| gone(field)) {
            return self.clone();
        }
        let kept = self.iter().filter(|(field, _)| !gone(*field));
        Self::from_sorted(kept.map(|(f, v)| (f, v.clone())).collect())
    }

    fn from_sorted(all: Vec<(Rare, Ranges<u128>)>) -> Self {
        Self((!all.is_empty()).then(|| all.into()))
    }

    /// Values in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        if self.is_full() || self == other {
            return other.clone();
        }
        let mut both = self.clone();
        for (field, values) in other.iter() {
            let values = match both.get(field) {
                Some(own) => own.intersect(values),
                None => values.clone(),
            };
            both = both.with(field, &values);
        }
        both
    }

    /// Whether no packet is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().any(|(_, values)| values.is_empty())
    }

    /// Whether any packet is in both, given that neither is empty.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let known = |field| self.get(field);
        other
            .iter()
            .all(|(field, values)| known(field).is_none_or(|own| own.overlaps(values)))
    }

    /// Whether all of its packets are in the other.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        other.iter().all(|(field, values)| match self.get(field) {
            Some(own) => own.is_subset(values),
            None => field.full().is_subset(values),
        })
    }

    /// What is in this one and not in the other, as disjoint parts, and what is in both. They must
    /// meet.
    pub fn minus(&self, other: &Self, mut part: impl FnMut(Self)) -> Self {
        let mut rest = self.clone();
        for (field, values) in other.iter() {
            let own = rest.get(field).cloned().unwrap_or_else(|| field.full());
            let outside = own.subtract(values);
            if !outside.is_empty() {
                part(rest.with(field, &outside));
                rest = rest.with(field, &own.intersect(values));
            }
        }
        rest
    }

    /// Whether a packet with these values is in it: yes, no, or, where a value is not known, which
    /// field decides.
    #[must_use]
    pub fn holds(&self, values: &RareValues) -> Holds {
        let mut open = None;
        for (field, wanted) in self.iter() {
            match values.get(field) {
                Some(value) if wanted.contains(value) => {}
                Some(_) => return Holds::No,
                None => open = open.or(Some(field)),
            }
        }
        open.map_or(Holds::Yes, Holds::Open)
    }

    /// One value for every narrowed field, a usual one where there is one.
    #[must_use]
    pub fn pick(&self) -> Option<RareValues> {
        let mut values = RareValues::default();
        for (field, set) in self.iter() {
            let usual = match field {
                Rare::Ttl => 64,
                Rare::Length => 60,
                Rare::Uid | Rare::Gid => 1000,
                _ => 0,
            };
            let value = if set.contains(usual) {
                usual
            } else {
                set.hull()?.0
            };
            values.set(field, value);
        }
        Some(values)
    }
}

/// Whether a set holds a packet of which not everything may be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It depends on this field.
    Open(Rare),
}

impl RareValues {
    /// The value of a field, where it is known.
    #[must_use]
    pub fn get(&self, field: Rare) -> Option<u128> {
        if self.known & field.bit() == 0 {
            return None;
        }
        self.values.get(field as usize).copied()
    }

    /// Makes a field's value known.
    pub fn set(&mut self, field: Rare, value: u128) {
        if let Some(place) = self.values.get_mut(field as usize) {
            *place = value;
            self.known |= field.bit();
        }
    }

    /// The known values.
    pub fn iter(&self) -> impl Iterator<Item = (Rare, u128)> {
        Rare::ALL
            .into_iter()
            .filter_map(|field| Some((field, self.get(field)?)))
    }

    /// Notes what rules did to the packet: one bit of [`changes`].
    pub fn change(&mut self, bit: u8) {
        let before = self.get(Rare::Changes).unwrap_or(0);
        self.set(Rare::Changes, before | u128::from(bit));
    }
}

/// Nothing is known but that no rule has changed the packet yet.
impl Default for RareValues {
    fn default() -> Self {
        Self {
            known: Rare::Changes.bit(),
            values: [0; Rare::ALL.len()],
        }
    }
}

/// The values of [`Rare::Changes`] in which a bit is set, or is not.
#[must_use]
pub fn changed(bit: u8, set: bool) -> Ranges<u128> {
    let all = 0..1u128 << Rare::Changes.bits();
    let fitting = all.filter(|value| (value & u128::from(bit) != 0) == set);
    Ranges::of(fitting.map(|value| (value, value)))
}
