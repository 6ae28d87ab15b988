//! A product of field sets.

use super::extra::{Extra, Holds, Rare, changed};
use super::fields::{Bits, ByteSet, FieldSet, MarkBits};
use super::ifname::IfName;
use super::ranges::Ranges;
use super::value::{CtState, Fragment, Packet};
use crate::net::{Family, Prefix, Protocol, bounds};
use smallvec::SmallVec;

/// Packets whose every header field lies in that field's set, and for which certain unknown
/// predicates have a certain truth value.
///
/// ICMP type and code share the fields of the ports, as they share the header's bytes: the type
/// is the source port, the code the destination port. Whoever constrains ports or flags must
/// constrain the protocol too, as every filter language does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cube {
    /// IP protocol numbers.
    pub protocol: ByteSet,
    /// Source addresses.
    pub source: Ranges<u128>,
    /// Destination addresses.
    pub destination: Ranges<u128>,
    /// Source ports, or ICMP types.
    pub source_port: Ranges<u16>,
    /// Destination ports, or ICMP codes.
    pub destination_port: Ranges<u16>,
    /// Combinations of TCP flags.
    pub flags: ByteSet,
    /// Conntrack states, bits numbered as in [`CtState`].
    pub state: Bits,
    /// Whole packets and later fragments, bits numbered as in [`Fragment`].
    pub fragment: Bits,
    /// Names of the interface that it came in by.
    pub in_interface: Ranges<u128>,
    /// Names of the interface that it goes out by.
    pub out_interface: Ranges<u128>,
    /// Packet marks.
    pub mark: MarkBits,
    /// Connection marks.
    pub conn_mark: MarkBits,
    /// Fields that few rules test.
    pub extra: Extra,
    /// Predicates that the model does not know, with their assumed truth values.
    pub unknown: Literals,
}

/// ICMP of both families.
const ICMP: ByteSet = ByteSet::single(Protocol::ICMP.0).with(ByteSet::single(Protocol::ICMPV6.0));

/// Assumed truth values of unknown predicates, sorted by predicate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Literals(SmallVec<[(u32, bool); 2]>);

/// Calls a macro with every field that is a set of values (not the marks and what follows), in the
/// order in which subtraction splits: the fields that tell rules apart best come first.
macro_rules! for_fields {
    ($with:ident) => {
        $with!(
            destination_port,
            source,
            destination,
            protocol,
            source_port,
            state,
            flags,
            in_interface,
            out_interface,
            fragment
        )
    };
}

impl Literals {
    /// One predicate with one truth value.
    #[must_use]
    pub fn single(predicate: u32, holds: bool) -> Self {
        Self(SmallVec::from_slice(&[(predicate, holds)]))
    }

    /// Predicates and truth values, in the order of the predicates.
    pub fn iter(&self) -> impl Iterator<Item = (u32, bool)> {
        self.0.iter().copied()
    }

    /// Whether nothing is assumed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same assumptions about other predicates. `number` gives different ones different numbers.
    #[must_use]
    pub fn renumbered(&self, number: impl Fn(u32) -> u32) -> Self {
        let mut all: SmallVec<_> = self.iter().map(|(p, holds)| (number(p), holds)).collect();
        all.sort_unstable();
        Self(all)
    }

    /// Both assumptions; none when they contradict.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        let mut out = self.clone();
        for (predicate, holds) in other.iter() {
            match out.0.binary_search_by_key(&predicate, |&(p, _)| p) {
                Ok(at) => match out.0.get(at) {
                    Some(&(_, known)) if known != holds => return None,
                    _ => {}
                },
                Err(at) => out.0.insert(at, (predicate, holds)),
            }
        }
        Some(out)
    }

    /// Whether all that the other assumes is assumed here, too.
    pub(super) fn within(&self, other: &Self) -> bool {
        other.iter().all(|literal| self.has(literal))
    }

    fn has(&self, literal: (u32, bool)) -> bool {
        self.0.binary_search(&literal).is_ok()
    }

    /// The cubes' worth of this assumption in which the other does not hold: disjoint parts.
    fn minus(&self, other: &Self) -> impl Iterator<Item = Self> {
        let mut rest = self.clone();
        other
            .clone()
            .0
            .into_iter()
            .filter_map(move |(predicate, holds)| {
                if rest.has((predicate, holds)) {
                    return None;
                }
                let part = rest.and(&Self::single(predicate, !holds));
                if let Some(kept) = rest.and(&Self::single(predicate, holds)) {
                    rest = kept;
                }
                part
            })
    }
}

impl Cube {
    /// Every packet of a family.
    #[must_use]
    pub fn any(family: Family) -> Self {
        Self {
            protocol: ByteSet::FULL,
            source: Ranges::span(0, family.max()),
            destination: Ranges::span(0, family.max()),
            source_port: Ranges::full(),
            destination_port: Ranges::full(),
            flags: ByteSet::FULL,
            state: Bits((1 << CtState::ALL.len()) - 1),
            fragment: Bits(0b11),
            in_interface: Ranges::full(),
            out_interface: Ranges::full(),
            mark: MarkBits::ANY,
            conn_mark: MarkBits::ANY,
            extra: Extra::default(),
            unknown: Literals::default(),
        }
    }

    /// Exactly one packet; every value of the rare fields that are not known of it.
    #[must_use]
    pub fn packet(packet: &Packet) -> Self {
        let known = packet.rare.iter();
        let extra = known.fold(Extra::default(), |extra, (field, value)| {
            extra.with(field, &Ranges::single(value))
        });
        Self {
            protocol: ByteSet::single(packet.protocol.0),
            source: Ranges::single(packet.source),
            destination: Ranges::single(packet.destination),
            source_port: Ranges::single(packet.source_port),
            destination_port: Ranges::single(packet.destination_port),
            flags: ByteSet::single(packet.flags),
            state: Bits(1 << packet.state as u8),
            fragment: Bits(1 << packet.fragment as u8),
            in_interface: Ranges::single(packet.in_interface.0),
            out_interface: Ranges::single(packet.out_interface.0),
            mark: MarkBits {
                care: u32::MAX,
                value: packet.mark,
            },
            conn_mark: MarkBits {
                care: u32::MAX,
                value: packet.conn_mark,
            },
            extra,
            unknown: Literals::default(),
        }
    }

    /// Narrows to one protocol.
    #[must_use]
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = self.protocol.and(&ByteSet::single(protocol.0));
        self
    }

    /// Narrows the source to these prefixes (of this cube's family).
    #[must_use]
    pub fn with_sources<'a>(mut self, prefixes: impl IntoIterator<Item = &'a Prefix>) -> Self {
        let set = Ranges::of(prefixes.into_iter().map(bounds));
        self.source = self.source.intersect(&set);
        self
    }

    /// Narrows the destination to these prefixes (of this cube's family).
    #[must_use]
    pub fn with_destinations<'a>(mut self, prefixes: impl IntoIterator<Item = &'a Prefix>) -> Self {
        let set = Ranges::of(prefixes.into_iter().map(bounds));
        self.destination = self.destination.intersect(&set);
        self
    }

    /// Narrows to these conntrack states.
    #[must_use]
    pub fn with_states(mut self, states: &[CtState]) -> Self {
        let bits = states
            .iter()
            .fold(0, |bits, &state| bits | 1 << state as u8);
        self.state = self.state.and(&Bits(bits));
        self
    }

    /// Narrows a rare field to these values.
    #[must_use]
    pub fn with_rare(mut self, field: Rare, values: &Ranges<u128>) -> Self {
        let values = match self.extra.get(field) {
            Some(own) => own.intersect(values),
            None => values.clone(),
        };
        self.extra = self.extra.with(field, &values);
        self
    }

    /// Narrows to packets to which rules did something (a bit of [`changes`](super::changes)), or did not.
    #[must_use]
    pub fn with_change(self, bit: u8, done: bool) -> Self {
        self.with_rare(Rare::Changes, &changed(bit, done))
    }

    /// Assumes that an unknown predicate holds.
    #[must_use]
    pub fn assuming(mut self, predicate: u32) -> Self {
        if let Some(both) = self.unknown.and(&Literals::single(predicate, true)) {
            self.unknown = both;
        }
        self
    }

    /// The same packets, whatever the unknown predicates say.
    #[must_use]
    pub fn without_assumptions(mut self) -> Self {
        self.unknown = Literals::default();
        self
    }

    /// Whether there is no packet in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        macro_rules! none {
            ($($field:ident),+) => { $(self.$field.none())||+ };
        }
        for_fields!(none) || self.extra.is_empty() || self.is_impossible_icmp()
    }

    /// ICMP types and codes end at 255: beyond, there is no packet.
    fn is_impossible_icmp(&self) -> bool {
        let beyond =
            |ports: &Ranges<u16>| ports.hull().is_none_or(|(lo, _)| lo > u16::from(u8::MAX));
        if !beyond(&self.source_port) && !beyond(&self.destination_port) {
            return false;
        }
        self.protocol.within(&ICMP)
    }

    /// Packets in both; none when there is no such packet.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        if !self.overlaps(other) {
            return None;
        }
        let mark = self.mark.and(other.mark)?;
        let conn_mark = self.conn_mark.and(other.conn_mark)?;
        let extra = self.extra.and(&other.extra);
        let unknown = self.unknown.and(&other.unknown)?;
        macro_rules! both {
            ($($field:ident),+) => { Self { $($field: self.$field.and(&other.$field),)+ mark, conn_mark, extra, unknown } };
        }
        let cube = for_fields!(both);
        (!cube.is_impossible_icmp()).then_some(cube)
    }

    /// Whether any packet is in both (ICMP beyond 255 aside, which [`Cube::intersect`] sees).
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        macro_rules! meet {
            ($($field:ident),+) => { $(self.$field.meets(&other.$field))&&+ };
        }
        for_fields!(meet)
            && self.mark.and(other.mark).is_some()
            && self.conn_mark.and(other.conn_mark).is_some()
            && self.extra.meets(&other.extra)
            && self.unknown.and(&other.unknown).is_some()
    }

    /// Whether any packet is in it and in one of the others.
    #[must_use]
    pub fn overlaps_any(&self, others: &[Self]) -> bool {
        others.iter().any(|other| self.overlaps(other))
    }

    /// Whether all of its packets are in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        macro_rules! within {
            ($($field:ident),+) => { $(self.$field.within(&other.$field))&&+ };
        }
        for_fields!(within)
            && self.mark.within(other.mark)
            && self.conn_mark.within(other.conn_mark)
            && self.extra.within(&other.extra)
            && self.unknown.within(&other.unknown)
    }

    /// Adds the packets that are not in the other to `out`, as disjoint cubes.
    pub fn subtract(&self, other: &Self, out: &mut Vec<Self>) {
        if !self.overlaps(other) {
            out.push(self.clone());
            return;
        }
        let mut rest = self.clone();
        let mut push = |cube: Self| {
            if !cube.is_impossible_icmp() {
                out.push(cube);
            }
        };
        macro_rules! split {
            ($($field:ident),+) => {$(
                if !rest.$field.within(&other.$field) {
                    let outside = rest.$field.minus(&other.$field);
                    let inside = rest.$field.and(&other.$field);
                    push(Self { $field: outside, ..rest.clone() });
                    rest.$field = inside;
                }
            )+};
        }
        for_fields!(split);
        for mark in rest.mark.minus(other.mark) {
            push(Self {
                mark,
                ..rest.clone()
            });
        }
        if let Some(mark) = rest.mark.and(other.mark) {
            rest.mark = mark;
        }
        for conn_mark in rest.conn_mark.minus(other.conn_mark) {
            push(Self {
                conn_mark,
                ..rest.clone()
            });
        }
        if let Some(conn_mark) = rest.conn_mark.and(other.conn_mark) {
            rest.conn_mark = conn_mark;
        }
        if !other.extra.is_full() {
            let inside = rest.extra.minus(&other.extra, |extra| {
                push(Self {
                    extra,
                    ..rest.clone()
                });
            });
            rest.extra = inside;
        }
        for unknown in rest.unknown.minus(&other.unknown) {
            push(Self {
                unknown,
                ..rest.clone()
            });
        }
    }

    /// Whether a packet is in it, given which unknown predicates hold. A packet of which a rare
    /// field that matters is not known is not.
    #[must_use]
    pub fn contains(&self, packet: &Packet, holds: impl Fn(u32) -> bool) -> bool {
        self.contains_plain(packet)
            && self.extra.holds(&packet.rare) == Holds::Yes
            && self
                .unknown
                .iter()
                .all(|(predicate, truth)| holds(predicate) == truth)
    }

    /// Whether a packet is in it as far as neither rare fields nor unknown predicates tell.
    #[must_use]
    pub fn contains_plain(&self, packet: &Packet) -> bool {
        self.destination_port.contains(packet.destination_port)
            && self.protocol.contains(packet.protocol.0)
            && self.source.contains(packet.source)
            && self.destination.contains(packet.destination)
            && self.source_port.contains(packet.source_port)
            && self.flags.contains(packet.flags)
            && self.state.contains(packet.state as u8)
            && self.fragment.contains(packet.fragment as u8)
            && self.in_interface.contains(packet.in_interface.0)
            && self.out_interface.contains(packet.out_interface.0)
            && self.mark.contains(packet.mark)
            && self.conn_mark.contains(packet.conn_mark)
    }

    /// The two cubes as one, when they differ in no more than one field.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Option<Self> {
        if (self.mark, self.conn_mark) != (other.mark, other.conn_mark)
            || self.extra != other.extra
            || self.unknown != other.unknown
        {
            return None;
        }
        let mut differing = 0;
        macro_rules! compare {
            ($($field:ident),+) => {$(
                if self.$field != other.$field {
                    differing += 1;
                    // Most pairs end here, before anything is joined.
                    if differing > 1 {
                        return None;
                    }
                }
            )+};
        }
        for_fields!(compare);
        macro_rules! join {
            ($($field:ident),+) => {$(
                if self.$field != other.$field {
                    return Some(Self { $field: self.$field.or(&other.$field), ..self.clone() });
                }
            )+};
        }
        for_fields!(join);
        Some(self.clone())
    }

    /// A packet out of it that a person would recognise; none when it is empty.
    #[must_use]
    pub fn witness(&self, family: Family) -> Option<Packet> {
        if self.is_empty() {
            return None;
        }
        let protocol = self.pick_protocol(family)?;
        let icmp = protocol.is_icmp();
        let ports = protocol.has_ports();
        let states = CtState::ALL.into_iter();
        Some(Packet {
            family,
            protocol,
            source: pick_address(&self.source, family)?,
            destination: pick_address(&self.destination, family)?,
            source_port: match (icmp, ports) {
                (true, _) => pick_low(&self.source_port)?,
                (_, true) => pick_port(&self.source_port, 40000)?,
                _ => 0,
            },
            destination_port: match (icmp, ports) {
                (true, _) => pick_low(&self.destination_port)?,
                (_, true) => pick_low(&self.destination_port)?.max(
                    // Port 0 is legal but looks like a mistake: prefer the next.
                    u16::from(self.destination_port.contains(1)),
                ),
                _ => 0,
            },
            flags: if protocol == Protocol::TCP {
                pick_flags(self.flags)?
            } else {
                0
            },
            state: states.into_iter().find(|&s| self.state.contains(s as u8))?,
            in_interface: IfName::pick(&self.in_interface)?,
            out_interface: IfName::pick(&self.out_interface)?,
            mark: self.mark.value,
            conn_mark: self.conn_mark.value,
            rare: self.extra.pick()?,
            fragment: if self.fragment.contains(Fragment::First as u8) {
                Fragment::First
            } else {
                Fragment::Later
            },
        })
    }

    fn pick_protocol(&self, family: Family) -> Option<Protocol> {
        let icmp = match family {
            Family::V4 => Protocol::ICMP,
            Family::V6 => Protocol::ICMPV6,
        };
        let small = |ports: &Ranges<u16>| ports.hull().is_some_and(|(lo, _)| lo <= 255);
        let icmp_possible = small(&self.source_port) && small(&self.destination_port);
        [Protocol::TCP, Protocol::UDP, icmp]
            .into_iter()
            .chain(self.protocol.iter().map(Protocol))
            .find(|&p| self.protocol.contains(p.0) && (icmp_possible || !p.is_icmp()))
    }
}

fn pick_low(ports: &Ranges<u16>) -> Option<u16> {
    ports.hull().map(|(lo, _)| lo)
}

fn pick_port(ports: &Ranges<u16>, usual: u16) -> Option<u16> {
    if ports.contains(usual) {
        return Some(usual);
    }
    pick_low(ports)
}

/// SYN when it may be, else ACK, else the fewest flags.
fn pick_flags(flags: ByteSet) -> Option<u8> {
    use super::value::tcp_flags::{ACK, SYN};
    [SYN, ACK, SYN | ACK]
        .into_iter()
        .chain(flags.iter())
        .find(|&f| flags.contains(f))
}

/// An address that looks like one: from the whole space a documentation address (RFC 5737, RFC
/// 3849), else the first that is neither the zero address nor a network's zero.
fn pick_address(addresses: &Ranges<u128>, family: Family) -> Option<u128> {
    let usual: [u128; 3] = match family {
        Family::V4 => [0xC633_6407, 0xCB00_7107, 0x0A00_0001],
        Family::V6 => [
            0x2001_0db8_0000_0000_0000_0000_0000_0007,
            0x2001_0db8_ffff_0000_0000_0000_0000_0007,
            0xfd00_0000_0000_0000_0000_0000_0000_0007,
        ],
    };
    if let Some(&address) = usual.iter().find(|&&a| addresses.contains(a)) {
        return Some(address);
    }
    let (lo, hi) = addresses.intervals().first().copied()?;
    Some(if lo < hi && lo & 0xff == 0 {
        lo + 1
    } else {
        lo
    })
}
