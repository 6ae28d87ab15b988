//! Netmasks of sets, with holes too (`bitmask`).

use crate::net::{Family, number};
use smallvec::SmallVec;
use std::net::IpAddr;

/// Most address ranges that one element of a set with a holed mask may stand for.
const MOST_HOLES: u32 = 12;

/// Reads a prefix length or a mask.
pub(super) fn mask(text: &str, family: Family) -> Option<u128> {
    if let Ok(length) = text.parse::<u32>() {
        return Some(family.max() & !block(width(family).checked_sub(length)?));
    }
    text.parse::<IpAddr>()
        .ok()
        .filter(|&a| Family::of(a) == family)
        .map(number)
}

/// Address bits of a family.
pub(super) fn width(family: Family) -> u32 {
    match family {
        Family::V4 => 32,
        Family::V6 => 128,
    }
}

/// That many low bits set.
pub(super) fn block(bits: u32) -> u128 {
    if bits >= 128 {
        u128::MAX
    } else {
        (1u128 << bits) - 1
    }
}

/// The address ranges whose members equal those of `lo`–`hi` under a mask; none when they are too
/// many.
pub(super) fn spread(
    (lo, hi): (u128, u128),
    mask: u128,
    family: Family,
) -> Option<SmallVec<[(u128, u128); 1]>> {
    let free = family.max() & !mask;
    // What a range leaves free must be a block for the mask to be applied to it as a whole.
    let own = lo ^ hi;
    if own & own.wrapping_add(1) != 0 || lo & own != 0 {
        let low = free & free.wrapping_add(1) == 0;
        return low.then(|| SmallVec::from_slice(&[(lo & mask, hi | free)]));
    }
    let free = free | own;
    let tail = block(free.trailing_ones());
    let holes = free & !tail;
    if holes.count_ones() > MOST_HOLES {
        return None;
    }
    let mut out = SmallVec::new();
    // Every subset of the holes, in the usual way of counting through a bit mask.
    let mut subset = 0u128;
    loop {
        let first = lo & !free | subset;
        out.push((first, first | tail));
        subset = subset.wrapping_sub(holes) & holes;
        if subset == 0 {
            return Some(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_and_blocks() {
        let spread = |lo, hi, mask| spread((lo, hi), mask, Family::V4).map(|r| r.to_vec());
        assert_eq!(spread(5, 5, 0xffff_ffff), Some(vec![(5, 5)]));
        assert_eq!(
            spread(0x105, 0x105, 0xffff_ff00),
            Some(vec![(0x100, 0x1ff)])
        );
        assert_eq!(spread(4, 4, 0xffff_fffd), Some(vec![(4, 4), (6, 6)]));
        // A network of a set with a netmask: both masks count.
        assert_eq!(
            spread(0x100, 0x1ff, 0xffff_fdff),
            Some(vec![(0x100, 0x1ff), (0x300, 0x3ff)])
        );
        assert_eq!(spread(1, 9, 0xffff_fff0), Some(vec![(0, 15)]));
        assert_eq!(spread(1, 9, 0xffff_fffd), None);
        assert_eq!(spread(0, 0, 0x5555_5555), None);
    }
}
