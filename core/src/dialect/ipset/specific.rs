//! Which element decides: among networks the most specific one, `nomatch` or not.

use crate::packet::Ranges;

/// One element's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Interval {
    pub lo: u128,
    pub hi: u128,
    pub nomatch: bool,
    /// Whether the element may be gone.
    pub expires: bool,
    /// Whether it belongs to another interface: it decides that nothing is found, although less
    /// specific networks would hold the address.
    pub elsewhere: bool,
}

/// What may decide an address, as bits.
const NOTHING: u8 = 1;
const MATCH: u8 = 2;
const NOMATCH: u8 = 4;

/// Addresses that a test certainly finds, and those that it may find. With `nomatch` a test finds
/// what a `nomatch` element decides (`--return-nomatch`).
pub(super) fn decide(
    mut all: Vec<Interval>,
    networks: bool,
    nomatch: bool,
) -> (Ranges<u128>, Ranges<u128>) {
    let plain = !networks || all.iter().all(|i| !i.nomatch && !i.elsewhere);
    if plain {
        if networks && nomatch {
            return (Ranges::empty(), Ranges::empty());
        }
        let of = |expires| {
            Ranges::of(
                all.iter()
                    .filter(|i| i.expires == expires)
                    .map(|i| (i.lo, i.hi)),
            )
        };
        let certain = of(false);
        let open = of(true).subtract(&certain);
        return (certain, open);
    }
    all = all.into_iter().flat_map(networks_of).collect();
    // Of one network, the element of the interface in question decides.
    all.sort_by_key(|i| (i.lo, std::cmp::Reverse(i.hi), !i.elsewhere));
    // Of two elements of one network that both fit, whichever the kernel meets first decides.
    let mut before: Option<Interval> = None;
    for own in all.iter_mut().filter(|i| !i.elsewhere) {
        own.expires |=
            before.is_some_and(|b| (b.lo, b.hi) == (own.lo, own.hi) && b.nomatch != own.nomatch);
        before = Some(*own);
    }
    sweep(&all, if nomatch { NOMATCH } else { MATCH })
}

/// Walks over nested networks from low to high; the innermost one decides.
fn sweep(sorted: &[Interval], wanted: u8) -> (Ranges<u128>, Ranges<u128>) {
    let mut certain = Vec::new();
    let mut open = Vec::new();
    let mut emit = |lo: u128, hi: u128, state: u8| {
        if lo > hi {
            return;
        }
        if state == wanted {
            certain.push((lo, hi));
        } else if state & wanted != 0 {
            open.push((lo, hi));
        }
    };
    // Open networks, outermost first: their ends and what may decide in them.
    let mut stack: Vec<(u128, u8)> = Vec::new();
    let mut at = 0u128;
    for network in sorted {
        while let Some(&(hi, state)) = stack.last() {
            if hi >= network.lo {
                if let Some(before) = network.lo.checked_sub(1) {
                    emit(at, before, state);
                }
                break;
            }
            emit(at, hi, state);
            at = hi.saturating_add(1);
            stack.pop();
        }
        at = at.max(network.lo);
        let outer = stack.last().map_or(NOTHING, |&(_, state)| state);
        let own = match network {
            Interval {
                elsewhere: true, ..
            } => NOTHING,
            Interval { nomatch: true, .. } => NOMATCH,
            _ => MATCH,
        };
        stack.push((network.hi, if network.expires { outer | own } else { own }));
    }
    while let Some((hi, state)) = stack.pop() {
        emit(at, hi, state);
        if hi == u128::MAX {
            break;
        }
        at = at.max(hi + 1);
    }
    (Ranges::of(certain), Ranges::of(open))
}

/// The networks that a range of addresses is stored as.
pub(super) fn networks_of(range: Interval) -> impl Iterator<Item = Interval> {
    let mut next = Some(range.lo);
    std::iter::from_fn(move || {
        let lo = next?;
        if lo > range.hi {
            return None;
        }
        let mut size = lo.trailing_zeros().min(127);
        // The largest aligned block that does not go beyond the end.
        while size > 0 && lo | ((1u128 << size) - 1) > range.hi {
            size -= 1;
        }
        let hi = if lo == 0 && range.hi == u128::MAX {
            u128::MAX
        } else {
            lo | ((1u128 << size) - 1)
        };
        next = hi.checked_add(1);
        Some(Interval { lo, hi, ..range })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Prefixes over 8 bits, as (network, length).
    fn prefixes() -> impl Strategy<Value = Vec<(u8, u32, bool)>> {
        prop::collection::vec((any::<u8>(), 1u32..=8, any::<bool>()), 0..12)
    }

    proptest! {
        #[test]
        fn the_longest_prefix_decides(elements in prefixes()) {
            let mut seen = std::collections::BTreeMap::new();
            for &(address, length, nomatch) in &elements {
                let block = (1u32 << (8 - length)) - 1;
                seen.insert((length, u32::from(address) & !block), (block, nomatch));
            }
            let intervals: Vec<Interval> = seen
                .iter()
                .map(|(&(_, lo), &(block, nomatch))| Interval {
                    lo: u128::from(lo),
                    hi: u128::from(lo | block),
                    nomatch,
                    expires: false,
                    elsewhere: false,
                })
                .collect();
            for wanted in [false, true] {
                let (certain, open) = decide(intervals.clone(), true, wanted);
                prop_assert!(open.is_empty());
                for address in 0..=255u128 {
                    let longest = intervals
                        .iter()
                        .filter(|i| i.lo <= address && address <= i.hi)
                        .min_by_key(|i| i.hi - i.lo);
                    let expected = longest.is_some_and(|i| i.nomatch == wanted);
                    prop_assert_eq!(certain.contains(address), expected);
                }
            }
        }
    }

    #[test]
    fn expiring_elements_leave_it_open() {
        let element = |lo, hi, nomatch, expires| Interval {
            lo,
            hi,
            nomatch,
            expires,
            elsewhere: false,
        };
        let (certain, open) = decide(
            vec![element(0, 255, false, false), element(16, 31, true, true)],
            true,
            false,
        );
        assert_eq!(certain, Ranges::of([(0, 15), (32, 255)]));
        assert_eq!(open, Ranges::span(16, 31));
    }
}
