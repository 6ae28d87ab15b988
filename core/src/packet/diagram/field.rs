//! Header fields as runs of variables.

use crate::net::Family;
use crate::packet::{Bits, ByteSet, CtState, Cube, MarkBits, Packet, Ranges, Rare};

/// A header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// IP protocol number.
    Protocol,
    /// Destination port, or ICMP code.
    DestinationPort,
    /// Source address.
    Source,
    /// Destination address.
    Destination,
    /// Source port, or ICMP type.
    SourcePort,
    /// Conntrack state.
    State,
    /// TCP flags.
    Flags,
    /// Whole packet or later fragment.
    Fragment,
    /// Packet mark.
    Mark,
    /// Name of the interface that it came in by.
    InInterface,
    /// Name of the interface that it goes out by.
    OutInterface,
    /// Connection mark.
    ConnMark,
    /// One that few rules test.
    Rare(Rare),
}

impl Field {
    /// In the order of the variables: what most rules test comes first, so that a rule's nodes
    /// are near the root and the rest is shared.
    pub const ALL: [Self; 28] = [
        Self::Protocol,
        Self::DestinationPort,
        Self::Source,
        Self::Destination,
        Self::SourcePort,
        Self::State,
        Self::Flags,
        Self::Fragment,
        Self::Mark,
        Self::InInterface,
        Self::OutInterface,
        Self::ConnMark,
        Self::Rare(Rare::Changes),
        Self::Rare(Rare::OriginalSource),
        Self::Rare(Rare::OriginalSourcePort),
        Self::Rare(Rare::OriginalDestination),
        Self::Rare(Rare::OriginalDestinationPort),
        Self::Rare(Rare::OriginalState),
        Self::Rare(Rare::OriginalOut),
        Self::Rare(Rare::Tos),
        Self::Rare(Rare::Ttl),
        Self::Rare(Rare::Length),
        Self::Rare(Rare::SourceMac),
        Self::Rare(Rare::PacketType),
        Self::Rare(Rare::Uid),
        Self::Rare(Rare::Gid),
        Self::Rare(Rare::NextHeader),
        Self::Rare(Rare::ExtensionHeaders),
    ];

    fn bits(self, family: Family) -> u32 {
        match self {
            Self::Protocol | Self::Flags => 8,
            Self::DestinationPort | Self::SourcePort => 16,
            Self::Source | Self::Destination => match family {
                Family::V4 => 32,
                Family::V6 => 128,
            },
            Self::State => 3,
            Self::Fragment => 1,
            Self::Mark | Self::ConnMark => 32,
            Self::InInterface | Self::OutInterface => 128,
            Self::Rare(Rare::OriginalSource | Rare::OriginalDestination) => {
                Self::Source.bits(family)
            }
            Self::Rare(field) => field.bits(),
        }
    }

    /// The values that a cube allows, as sorted intervals. Not for marks.
    pub(super) fn values(self, cube: &Cube) -> Vec<(u128, u128)> {
        match self {
            Self::Protocol => bytes(cube.protocol),
            Self::Flags => bytes(cube.flags),
            Self::DestinationPort => ports(&cube.destination_port),
            Self::SourcePort => ports(&cube.source_port),
            Self::Source => cube.source.intervals().to_vec(),
            Self::Destination => cube.destination.intervals().to_vec(),
            Self::InInterface => cube.in_interface.intervals().to_vec(),
            Self::OutInterface => cube.out_interface.intervals().to_vec(),
            Self::State => bits(padded(cube.state)),
            Self::Fragment => bits(cube.fragment),
            Self::Rare(field) => match cube.extra.get(field) {
                Some(values) => values.intervals().to_vec(),
                None => field.full().intervals().to_vec(),
            },
            Self::Mark | Self::ConnMark => Vec::new(),
        }
    }

    /// The bits that a cube fixes, for marks.
    pub(super) fn mark(self, cube: &mut Cube) -> Option<&mut MarkBits> {
        match self {
            Self::Mark => Some(&mut cube.mark),
            Self::ConnMark => Some(&mut cube.conn_mark),
            _ => None,
        }
    }

    /// A packet's value; none where it is not known.
    pub(super) fn value(self, packet: &Packet) -> Option<u128> {
        Some(match self {
            Self::Protocol => packet.protocol.0.into(),
            Self::DestinationPort => packet.destination_port.into(),
            Self::Source => packet.source,
            Self::Destination => packet.destination,
            Self::SourcePort => packet.source_port.into(),
            Self::State => packet.state as u128,
            Self::Flags => packet.flags.into(),
            Self::Fragment => packet.fragment as u128,
            Self::Mark => packet.mark.into(),
            Self::ConnMark => packet.conn_mark.into(),
            Self::InInterface => packet.in_interface.0,
            Self::OutInterface => packet.out_interface.0,
            Self::Rare(field) => return packet.rare.get(field),
        })
    }

    /// Narrows a cube to these values (sorted, disjoint). Not for marks.
    pub(super) fn narrow(self, cube: &mut Cube, values: &[(u128, u128)]) {
        let has = |value: u8| {
            let value = u128::from(value);
            values.iter().any(|&(lo, hi)| lo <= value && value <= hi)
        };
        let wide = || Ranges::of(values.iter().copied());
        let port = |value: u128| u16::try_from(value).unwrap_or(u16::MAX);
        let narrow = || Ranges::of(values.iter().map(|&(lo, hi)| (port(lo), port(hi))));
        let few = |most: usize| {
            let set = (0u8..8).take(most).filter(|&bit| has(bit));
            Bits(set.fold(0, |bits, bit| bits | 1 << bit))
        };
        match self {
            Self::Protocol => cube.protocol = ByteSet::of(has),
            Self::Flags => cube.flags = ByteSet::of(has),
            Self::DestinationPort => cube.destination_port = narrow(),
            Self::SourcePort => cube.source_port = narrow(),
            Self::Source => cube.source = wide(),
            Self::Destination => cube.destination = wide(),
            Self::InInterface => cube.in_interface = wide(),
            Self::OutInterface => cube.out_interface = wide(),
            Self::State => cube.state = few(CtState::ALL.len()),
            Self::Fragment => cube.fragment = few(2),
            Self::Rare(field) => cube.extra = cube.extra.with(field, &wide()),
            Self::Mark | Self::ConnMark => {}
        }
    }
}

/// Three bits number eight states, and there are seven: the last one has two numbers, so that
/// every number means something and no state is special.
fn padded(state: Bits) -> Bits {
    let last = CtState::ALL.len() as u8 - 1;
    let known = state.0 & 0x7f;
    Bits(known | (known >> last & 1) << 7)
}

fn bytes(set: ByteSet) -> Vec<(u128, u128)> {
    if set == ByteSet::FULL {
        return vec![(0, 255)];
    }
    join(set.iter())
}

fn bits(set: Bits) -> Vec<(u128, u128)> {
    join((0..8).filter(|&bit| set.contains(bit)))
}

fn join(values: impl Iterator<Item = u8>) -> Vec<(u128, u128)> {
    let points = values.map(|value| (u128::from(value), u128::from(value)));
    Ranges::of(points).intervals().to_vec()
}

fn ports(set: &Ranges<u16>) -> Vec<(u128, u128)> {
    let wide = set.intervals().iter();
    wide.map(|&(lo, hi)| (lo.into(), hi.into())).collect()
}

/// Which variables belong to which field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    family: Family,
    /// First variable of the unknown predicates.
    pub(super) unknowns: u32,
}

impl Layout {
    pub(super) fn new(family: Family) -> Self {
        Self {
            family,
            unknowns: Field::ALL.iter().map(|field| field.bits(family)).sum(),
        }
    }

    /// First variable of a field, and the number of its bits.
    pub(super) fn span(self, field: Field) -> (u32, u32) {
        let before = Field::ALL.iter().take_while(|&&other| other != field);
        let first = before.map(|other| other.bits(self.family)).sum();
        (first, field.bits(self.family))
    }

    /// The field of a variable, and which of its bits it is (0: the least significant). None for
    /// unknown predicates.
    pub(super) fn field(self, variable: u32) -> Option<(Field, u32)> {
        let mut first = 0;
        for field in Field::ALL {
            let bits = field.bits(self.family);
            if variable < first + bits {
                return Some((field, first + bits - 1 - variable));
            }
            first += bits;
        }
        None
    }
}

/// The largest number of this many bits.
pub(super) fn largest(bits: u32) -> u128 {
    match bits {
        0 => 0,
        _ => u128::MAX >> (u128::BITS - bits.min(u128::BITS)),
    }
}
