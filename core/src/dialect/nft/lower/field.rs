//! Header fields of the model, and which packets have certain values in them.

use crate::net::Family;
use crate::packet::{ByteSet, Cube, MarkBits, Ranges, Rare};

/// A field of the packet model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// IP protocol.
    Protocol,
    /// Source address.
    Source,
    /// Destination address.
    Destination,
    /// Source port.
    SourcePort,
    /// Destination port.
    DestinationPort,
    /// ICMP type.
    IcmpType,
    /// ICMP code.
    IcmpCode,
    /// TCP flags.
    Flags,
    /// Interface that the packet came in by.
    In,
    /// Interface that it goes out by.
    Out,
    /// Packet mark.
    Mark,
    /// Connection mark.
    ConnMark,
    /// One of the fields that few rules test.
    Rare(Rare),
}

/// A computation on a field: `((value & mask) ^ flip) >> shift`, then `+ plus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bits that are kept.
    pub mask: u128,
    /// Bits that are flipped then.
    pub flip: u128,
    /// Places that the result moves to the right.
    pub shift: u32,
    /// What is subtracted at the end.
    pub less: u128,
}

/// What the marks are, given those with which the rule began: statements before may have set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Register {
    /// Whether it now holds what the connection mark was; else what the packet mark was.
    pub of_connection: bool,
    /// Bits of it that are kept.
    pub mask: u32,
    /// Bits that are flipped then.
    pub flip: u32,
}

/// Both marks in the course of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    /// The packet mark.
    pub packet: Register,
    /// The connection mark.
    pub connection: Register,
}

impl Default for Marks {
    fn default() -> Self {
        let own = |of_connection| Register {
            of_connection,
            mask: u32::MAX,
            flip: 0,
        };
        Self {
            packet: own(false),
            connection: own(true),
        }
    }
}

impl Register {
    /// The register after `(value & mask) ^ flip`.
    pub(super) fn then(self, mask: u32, flip: u32) -> Self {
        Self {
            of_connection: self.of_connection,
            mask: self.mask & mask,
            flip: (self.flip & mask) ^ flip,
        }
    }
}

impl Shape {
    /// The value itself.
    pub(super) const SAME: Self = Self {
        mask: u128::MAX,
        flip: 0,
        shift: 0,
        less: 0,
    };

    /// Some bits of it, moved to the right end.
    pub(super) fn bits(mask: u128, shift: u32) -> Self {
        Self {
            mask,
            shift,
            ..Self::SAME
        }
    }

    /// What becomes of a value.
    pub(super) fn of(self, value: u128) -> Option<u128> {
        let shifted = ((value & self.mask) ^ self.flip).checked_shr(self.shift);
        shifted.unwrap_or(0).checked_sub(self.less)
    }

    fn placed(self, value: u128) -> u128 {
        value.checked_shl(self.shift).unwrap_or(0)
    }

    /// Followed by `& value`.
    pub(super) fn and(mut self, value: u128) -> Option<Self> {
        if self.less != 0 {
            return None;
        }
        let value = self.placed(value);
        self.mask &= value;
        self.flip &= value;
        Some(self)
    }

    /// Followed by `| value`.
    pub(super) fn or(mut self, value: u128) -> Option<Self> {
        if self.less != 0 {
            return None;
        }
        let value = self.placed(value);
        self.mask &= !value;
        self.flip |= value;
        Some(self)
    }

    /// Followed by `^ value`.
    pub(super) fn xor(mut self, value: u128) -> Option<Self> {
        if self.less != 0 {
            return None;
        }
        self.flip ^= self.placed(value);
        Some(self)
    }

    /// Followed by `>> places`.
    pub(super) fn right(mut self, places: u128) -> Option<Self> {
        let places = u32::try_from(places).ok().filter(|&p| p < u128::BITS)?;
        if self.less != 0 {
            return None;
        }
        self.shift = self.shift.checked_add(places).filter(|&p| p < u128::BITS)?;
        Some(self)
    }

    /// Followed by `<< places`, where that undoes a shift to the right.
    pub(super) fn left(mut self, places: u128) -> Option<Self> {
        let places = u32::try_from(places).ok()?;
        if self.less != 0 || places > self.shift {
            return None;
        }
        let lost = !((1u128 << self.shift) - 1);
        self.mask &= lost;
        self.flip &= lost;
        self.shift -= places;
        Some(self)
    }

    /// Values before the computation whose results are these, as blocks: bits that are fixed and
    /// what they are.
    fn before(self, results: &Ranges<u128>) -> Vec<(u128, u128)> {
        let mut found = Vec::new();
        let ones = (1u128 << self.shift) - 1;
        let most = u128::MAX >> self.shift;
        for &(lo, hi) in results.intervals() {
            let lo = lo.saturating_add(self.less);
            let hi = hi.saturating_add(self.less).min(most);
            if lo > hi {
                continue;
            }
            let (lo, hi) = (lo << self.shift, (hi << self.shift) | ones);
            for (care, value) in blocks(lo, hi) {
                let wanted = (value ^ self.flip) & care;
                if wanted & !self.mask == 0 {
                    found.push((care & self.mask, wanted));
                }
            }
        }
        found
    }
}

/// An interval as aligned blocks: the bits that all of a block's numbers share, and what they are.
fn blocks(lo: u128, hi: u128) -> Vec<(u128, u128)> {
    let mut found = Vec::new();
    let mut at = lo;
    loop {
        let mut free = 0u128;
        loop {
            let wider = (free << 1) | 1;
            if free == u128::MAX || at & wider != 0 || at | wider > hi {
                break;
            }
            free = wider;
        }
        found.push((!free, at));
        match (at | free).checked_add(1) {
            Some(next) if next <= hi => at = next,
            _ => return found,
        }
    }
}

impl Field {
    /// Bits of its values.
    pub(super) fn bits(self, family: Family) -> u32 {
        match self {
            Self::Protocol | Self::IcmpType | Self::IcmpCode | Self::Flags => 8,
            Self::SourcePort | Self::DestinationPort => 16,
            Self::Mark | Self::ConnMark => 32,
            Self::Source | Self::Destination => match family {
                Family::V4 => 32,
                Family::V6 => 128,
            },
            Self::In | Self::Out => 128,
            Self::Rare(Rare::OriginalSource | Rare::OriginalDestination)
                if family == Family::V4 =>
            {
                32
            }
            Self::Rare(rare) => rare.bits(),
        }
    }

    /// Packets of `of` in which the computation on this field gives one of these results; none
    /// where no few cubes say so.
    pub(super) fn packets(
        self,
        of: &Cube,
        shape: Shape,
        results: &Ranges<u128>,
        marks: &Marks,
        family: Family,
    ) -> Option<Vec<Cube>> {
        let bits = self.bits(family);
        match self {
            Self::Mark => return Some(marked(of, shape, results, marks.packet)),
            Self::ConnMark => return Some(marked(of, shape, results, marks.connection)),
            _ => {}
        }
        let values = values(bits, shape, results)?;
        let mut cube = of.clone();
        match self {
            Self::Protocol => {
                let set = bytes(&values);
                cube.protocol = ByteSet::of(|b| set.contains(b) && of.protocol.contains(b));
            }
            Self::Flags => {
                let set = bytes(&values);
                cube.flags = ByteSet::of(|b| set.contains(b) && of.flags.contains(b));
            }
            Self::Source => cube.source = cube.source.intersect(&values),
            Self::Destination => cube.destination = cube.destination.intersect(&values),
            Self::SourcePort | Self::IcmpType => {
                cube.source_port = cube.source_port.intersect(&ports(&values));
            }
            Self::DestinationPort | Self::IcmpCode => {
                cube.destination_port = cube.destination_port.intersect(&ports(&values));
            }
            Self::In => cube.in_interface = cube.in_interface.intersect(&values),
            Self::Out => cube.out_interface = cube.out_interface.intersect(&values),
            Self::Rare(rare) => {
                if values != full(bits) {
                    cube = cube.with_rare(rare, &values);
                }
            }
            Self::Mark | Self::ConnMark => {}
        }
        Some(if cube.is_empty() {
            Vec::new()
        } else {
            vec![cube]
        })
    }
}

/// All numbers of so many bits.
pub(super) fn full(bits: u32) -> Ranges<u128> {
    Ranges::span(0, u128::MAX >> (u128::BITS - bits.clamp(1, u128::BITS)))
}

fn values(bits: u32, shape: Shape, results: &Ranges<u128>) -> Option<Ranges<u128>> {
    let all = full(bits);
    if shape == Shape::SAME {
        return Some(results.intersect(&all));
    }
    if bits <= 16 {
        let fitting = (0..1u128 << bits)
            .filter(|&value| shape.of(value).is_some_and(|r| results.contains(r)));
        return Some(Ranges::of(fitting.map(|value| (value, value))));
    }
    let most = all.hull().map_or(0, |(_, hi)| hi);
    let results = results.intersect(&Ranges::span(0, shape_most(shape, most)));
    let mut intervals = Vec::new();
    for (care, value) in shape.before(&results) {
        let care = care & most;
        let free = most & !care;
        // Only a prefix leaves an interval free.
        if free & free.wrapping_add(1) != 0 {
            return None;
        }
        if value & !most == 0 {
            intervals.push((value, value | free));
        }
    }
    Some(Ranges::of(intervals))
}

/// No result is larger.
fn shape_most(shape: Shape, most: u128) -> u128 {
    (most | shape.flip).checked_shr(shape.shift).unwrap_or(0)
}

fn marked(of: &Cube, shape: Shape, results: &Ranges<u128>, now: Register) -> Vec<Cube> {
    let most = u128::from(u32::MAX);
    let results = results.intersect(&Ranges::span(0, shape_most(shape, most)));
    let low = |wide: u128| u32::try_from(wide & most).unwrap_or(0);
    let mut found = Vec::new();
    for (care, value) in shape.before(&results) {
        if value & !most != 0 {
            continue;
        }
        let (care, value) = (low(care), low(value));
        let wanted = (value ^ now.flip) & care;
        if wanted & !now.mask != 0 {
            continue;
        }
        let bits = MarkBits {
            care: care & now.mask,
            value: wanted,
        };
        let own = if now.of_connection {
            of.conn_mark
        } else {
            of.mark
        };
        let Some(both) = own.and(bits) else {
            continue;
        };
        let mut cube = of.clone();
        if now.of_connection {
            cube.conn_mark = both;
        } else {
            cube.mark = both;
        }
        found.push(cube);
    }
    found
}

fn bytes(values: &Ranges<u128>) -> ByteSet {
    ByteSet::of(|byte| values.contains(byte.into()))
}

fn ports(values: &Ranges<u128>) -> Ranges<u16> {
    let port = |value: u128| u16::try_from(value).unwrap_or(u16::MAX);
    let fitting = values
        .intervals()
        .iter()
        .filter(|(lo, _)| *lo <= u128::from(u16::MAX));
    Ranges::of(fitting.map(|&(lo, hi)| (port(lo), port(hi))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_shifts_are_undone_exactly() {
        let shapes = [
            Shape::SAME,
            Shape::bits(0xfc, 2),
            Shape::bits(0x3, 0),
            Shape {
                mask: 0xf0,
                flip: 0x11,
                shift: 0,
                less: 0,
            },
            Shape {
                mask: 0xff,
                flip: 0,
                shift: 0,
                less: 40,
            },
        ];
        let sets = [
            Ranges::single(0),
            Ranges::span(3, 17),
            Ranges::of([(1, 1), (16, 31)]),
        ];
        for shape in shapes {
            for set in &sets {
                let found = shape.before(set);
                for value in 0..256u128 {
                    let inside = found.iter().any(|(care, want)| value & care == *want);
                    let wanted = shape.of(value).is_some_and(|r| set.contains(r));
                    assert_eq!(inside, wanted, "{shape:?} {set:?} {value}");
                }
            }
        }
    }

    #[test]
    fn blocks_cover_their_interval_once() {
        for (lo, hi) in [
            (0, 0),
            (1, 6),
            (0, 255),
            (7, 8),
            (0, u128::MAX),
            (5, u128::MAX),
        ] {
            let found = blocks(lo, hi);
            assert!(found.len() < 260);
            for value in [lo, hi, lo + (hi - lo) / 2, lo.saturating_sub(1)] {
                let times = found.iter().filter(|(care, want)| value & care == *want);
                assert_eq!(times.count(), usize::from(lo <= value && value <= hi));
            }
        }
    }
}
