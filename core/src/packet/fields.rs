//! The small field sets: bytes, bit flags, masked marks; and what all field sets can do.

use super::ranges::{Bound, Ranges};

/// A set of one header field's values.
pub trait FieldSet: Sized + Clone + PartialEq {
    /// Values in both.
    fn and(&self, other: &Self) -> Self;
    /// Values in this one only.
    fn minus(&self, other: &Self) -> Self;
    /// Values in either.
    fn or(&self, other: &Self) -> Self;
    /// Whether there is none.
    fn none(&self) -> bool;
    /// Whether all are in the other.
    fn within(&self, other: &Self) -> bool;
    /// Whether any is in both.
    fn meets(&self, other: &Self) -> bool;
}

/// A set of bytes: IP protocol numbers, or combinations of TCP flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteSet([u64; 4]);

/// A set of at most eight named values (conntrack states, fragment kinds), one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bits(pub u8);

/// Marks whose bits under `care` equal `value` (which has no bits outside `care`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MarkBits {
    /// Bits that are fixed.
    pub care: u32,
    /// What they are.
    pub value: u32,
}

impl ByteSet {
    /// No byte.
    pub const EMPTY: Self = Self([0; 4]);
    /// Every byte.
    pub const FULL: Self = Self([u64::MAX; 4]);

    /// One byte.
    #[must_use]
    pub const fn single(byte: u8) -> Self {
        let mut words = [0; 4];
        words[(byte >> 6) as usize] = 1 << (byte & 63);
        Self(words)
    }

    /// The bytes in either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }

    /// The bytes for which this holds.
    #[must_use]
    pub fn of(holds: impl Fn(u8) -> bool) -> Self {
        let mut set = Self::EMPTY;
        for byte in 0..=u8::MAX {
            if holds(byte) {
                set.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
        }
        set
    }

    /// Whether this byte is in it.
    #[must_use]
    pub fn contains(self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    /// Bit `n` tells whether any byte that is `n` modulo 64 is in it.
    #[must_use]
    pub fn folded(self) -> u64 {
        let [a, b, c, d] = self.0;
        a | b | c | d
    }

    /// Its bytes in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let ones = |(at, mut word): (u8, u64)| {
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                word &= word.checked_sub(1)?;
                Some(at << 6 | u8::try_from(bit).ok()?)
            })
        };
        (0..).zip(self.0).flat_map(ones)
    }

    /// How many bytes are in it.
    #[must_use]
    pub fn len(self) -> u32 {
        self.0.map(u64::count_ones).iter().sum()
    }

    /// Whether no byte is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// The bytes that are not in it.
    #[must_use]
    pub fn complement(self) -> Self {
        Self(self.0.map(|word| !word))
    }

    fn zip(self, other: Self, op: impl Fn(u64, u64) -> u64) -> Self {
        let mut out = self.0;
        for (a, b) in out.iter_mut().zip(other.0) {
            *a = op(*a, b);
        }
        Self(out)
    }
}

impl Bits {
    /// Whether this bit (0 to 7) is in it.
    #[must_use]
    pub fn contains(self, bit: u8) -> bool {
        self.0 >> (bit & 7) & 1 == 1
    }
}

impl MarkBits {
    /// Every mark.
    pub const ANY: Self = Self { care: 0, value: 0 };

    /// Marks with `mark & mask == value`; none when `value` has bits outside `mask`.
    #[must_use]
    pub fn masked(value: u32, mask: u32) -> Option<Self> {
        (value & !mask == 0).then_some(Self { care: mask, value })
    }

    /// Whether this mark is in it.
    #[must_use]
    pub fn contains(self, mark: u32) -> bool {
        mark & self.care == self.value
    }

    /// Marks in both; none when there is no such mark.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        ((self.value ^ other.value) & self.care & other.care == 0).then_some(Self {
            care: self.care | other.care,
            value: self.value | other.value,
        })
    }

    /// Marks of this one that are not in the other, as disjoint parts: one for each bit that
    /// only the other fixes. Both must meet.
    pub fn minus(self, other: Self) -> impl Iterator<Item = Self> {
        let free = other.care & !self.care;
        (0..u32::BITS)
            .filter(move |bit| free >> bit & 1 == 1)
            .map(move |bit| {
                // Bits below this one agree with the other, this one differs.
                let below = free & ((1u32 << bit) - 1);
                Self {
                    care: self.care | below | 1 << bit,
                    value: self.value | other.value & below | !other.value & 1 << bit,
                }
            })
    }

    /// Whether all of its marks are in the other.
    #[must_use]
    pub fn within(self, other: Self) -> bool {
        other.care & !self.care == 0 && self.value & other.care == other.value
    }
}

impl FieldSet for ByteSet {
    fn and(&self, other: &Self) -> Self {
        self.zip(*other, |a, b| a & b)
    }
    fn minus(&self, other: &Self) -> Self {
        self.zip(*other, |a, b| a & !b)
    }
    fn or(&self, other: &Self) -> Self {
        self.zip(*other, |a, b| a | b)
    }
    fn none(&self) -> bool {
        *self == Self::EMPTY
    }
    fn within(&self, other: &Self) -> bool {
        self.minus(other).none()
    }
    fn meets(&self, other: &Self) -> bool {
        !self.and(other).none()
    }
}

impl FieldSet for Bits {
    fn and(&self, other: &Self) -> Self {
        Self(self.0 & other.0)
    }
    fn minus(&self, other: &Self) -> Self {
        Self(self.0 & !other.0)
    }
    fn or(&self, other: &Self) -> Self {
        Self(self.0 | other.0)
    }
    fn none(&self) -> bool {
        self.0 == 0
    }
    fn within(&self, other: &Self) -> bool {
        self.0 & !other.0 == 0
    }
    fn meets(&self, other: &Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl<T: Bound> FieldSet for Ranges<T> {
    fn and(&self, other: &Self) -> Self {
        self.intersect(other)
    }
    fn minus(&self, other: &Self) -> Self {
        self.subtract(other)
    }
    fn or(&self, other: &Self) -> Self {
        self.union(other)
    }
    fn none(&self) -> bool {
        self.is_empty()
    }
    fn within(&self, other: &Self) -> bool {
        self.is_subset(other)
    }
    fn meets(&self, other: &Self) -> bool {
        self.overlaps(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_listed() {
        for set in [
            ByteSet::EMPTY,
            ByteSet::FULL,
            ByteSet::of(|byte| byte % 7 == 0),
            ByteSet::single(64).with(ByteSet::single(255)),
        ] {
            let listed: Vec<u8> = set.iter().collect();
            let own: Vec<u8> = (0..=u8::MAX).filter(|&byte| set.contains(byte)).collect();
            assert_eq!(listed, own);
            assert_eq!(set.len() as usize, own.len());
            assert_eq!(set.is_empty(), own.is_empty());
        }
        for byte in 0..=u8::MAX {
            assert_eq!(ByteSet::single(byte), ByteSet::of(|other| other == byte));
        }
    }
}
