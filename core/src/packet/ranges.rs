//! Sets of numbers as sorted, disjoint, non-adjacent inclusive intervals.

use std::fmt;
use std::sync::Arc;

/// A number type that ranges are made of.
pub trait Bound: Copy + Ord + fmt::Debug + Send + Sync + 'static {
    /// Smallest value.
    const MIN: Self;
    /// Largest value.
    const MAX: Self;
    /// The value after this one.
    fn next(self) -> Option<Self>;
    /// The value before this one.
    fn prev(self) -> Option<Self>;
}

macro_rules! bound {
    ($($t:ty),+) => {$(
        impl Bound for $t {
            const MIN: Self = <$t>::MIN;
            const MAX: Self = <$t>::MAX;
            fn next(self) -> Option<Self> { self.checked_add(1) }
            fn prev(self) -> Option<Self> { self.checked_sub(1) }
        }
    )+};
}
bound!(u16, u128);

/// A set of numbers. Equal sets compare equal. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ranges<T>(Repr<T>);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Repr<T> {
    Empty,
    One([(T, T); 1]),
    /// Two or more.
    Many(Arc<[(T, T)]>),
}

impl<T: Bound> Ranges<T> {
    /// No number.
    #[must_use]
    pub fn empty() -> Self {
        Self(Repr::Empty)
    }

    /// Every number of the type.
    #[must_use]
    pub fn full() -> Self {
        Self::span(T::MIN, T::MAX)
    }

    /// `lo..=hi`; empty when `lo > hi`.
    #[must_use]
    pub fn span(lo: T, hi: T) -> Self {
        if lo > hi {
            return Self::empty();
        }
        Self(Repr::One([(lo, hi)]))
    }

    /// One number.
    #[must_use]
    pub fn single(value: T) -> Self {
        Self::span(value, value)
    }

    /// The union of intervals in any order; those with `lo > hi` are empty.
    #[must_use]
    pub fn of(intervals: impl IntoIterator<Item = (T, T)>) -> Self {
        let mut all: Vec<(T, T)> = intervals.into_iter().filter(|(lo, hi)| lo <= hi).collect();
        all.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(all.len());
        for (lo, hi) in all {
            match merged.last_mut() {
                Some(last) if last.1.next().is_none_or(|next| lo <= next) => {
                    last.1 = last.1.max(hi);
                }
                _ => merged.push((lo, hi)),
            }
        }
        Self::sorted(merged)
    }

    /// Intervals that are already sorted, disjoint and not adjacent.
    fn sorted(intervals: Vec<(T, T)>) -> Self {
        match intervals.as_slice() {
            [] => Self::empty(),
            [(lo, hi)] => Self::span(*lo, *hi),
            _ => Self(Repr::Many(intervals.into())),
        }
    }

    /// Its intervals in ascending order.
    #[must_use]
    pub fn intervals(&self) -> &[(T, T)] {
        match &self.0 {
            Repr::Empty => &[],
            Repr::One(one) => one,
            Repr::Many(many) => many,
        }
    }

    /// Smallest and largest number; none when empty.
    #[must_use]
    pub fn hull(&self) -> Option<(T, T)> {
        let all = self.intervals();
        Some((all.first()?.0, all.last()?.1))
    }

    /// Whether there is no number in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Repr::Empty)
    }

    /// Whether every number of the type is in it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.0, Repr::One([(lo, hi)]) if lo == T::MIN && hi == T::MAX)
    }

    /// Whether this number is in it.
    #[must_use]
    pub fn contains(&self, value: T) -> bool {
        let all = self.intervals();
        let after = all.partition_point(|&(lo, _)| lo <= value);
        after
            .checked_sub(1)
            .and_then(|i| all.get(i))
            .is_some_and(|&(_, hi)| value <= hi)
    }

    /// Numbers in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        if self.is_full() || self == other {
            return other.clone();
        }
        if other.is_full() {
            return self.clone();
        }
        if let (Repr::One([(a, b)]), Repr::One([(c, d)])) = (&self.0, &other.0) {
            return Self::span(*a.max(c), *b.min(d));
        }
        let mut out = Vec::new();
        for_overlaps(self.intervals(), other.intervals(), |a, b| {
            out.push((a.0.max(b.0), a.1.min(b.1)));
            true
        });
        Self::sorted(out)
    }

    /// Numbers in this one and not in the other.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        let mut out = Vec::new();
        let cuts = other.intervals();
        for &(lo, hi) in self.intervals() {
            let mut from = Some(lo);
            let first = cuts.partition_point(|&(_, cut_hi)| cut_hi < lo);
            for &(cut_lo, cut_hi) in cuts.iter().skip(first).take_while(|cut| cut.0 <= hi) {
                if let (Some(start), Some(end)) = (from, cut_lo.prev())
                    && start <= end
                {
                    out.push((start, end));
                }
                from = cut_hi.next();
            }
            if let Some(start) = from
                && start <= hi
            {
                out.push((start, hi));
            }
        }
        Self::sorted(out)
    }

    /// Numbers in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_full() {
            return other.clone();
        }
        if other.is_empty() || self.is_full() {
            return self.clone();
        }
        Self::of(self.intervals().iter().chain(other.intervals()).copied())
    }

    /// Whether all of its numbers are in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        let outer = other.intervals();
        self.intervals().iter().all(|&(lo, hi)| {
            let after = outer.partition_point(|&(start, _)| start <= lo);
            after
                .checked_sub(1)
                .and_then(|i| outer.get(i))
                .is_some_and(|&(_, end)| hi <= end)
        })
    }

    /// Whether any number is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        if let (Repr::One([(a, b)]), Repr::One([(c, d)])) = (&self.0, &other.0) {
            return a <= d && c <= b;
        }
        let mut found = false;
        for_overlaps(self.intervals(), other.intervals(), |_, _| {
            found = true;
            false
        });
        found
    }
}

/// No number.
impl<T: Bound> Default for Ranges<T> {
    fn default() -> Self {
        Self::empty()
    }
}

/// Calls `visit` for each overlapping pair in ascending order, until it says false. Searches
/// for the start in the longer list, so that one interval against many is quick.
fn for_overlaps<T: Bound>(
    mut a: &[(T, T)],
    mut b: &[(T, T)],
    mut visit: impl FnMut((T, T), (T, T)) -> bool,
) {
    loop {
        let (Some(&x), Some(&y)) = (a.first(), b.first()) else {
            return;
        };
        if x.1 < y.0 {
            let skip = a.partition_point(|&(_, hi)| hi < y.0);
            a = a.get(skip..).unwrap_or(&[]);
        } else if y.1 < x.0 {
            let skip = b.partition_point(|&(_, hi)| hi < x.0);
            b = b.get(skip..).unwrap_or(&[]);
        } else {
            if !visit(x, y) {
                return;
            }
            if x.1 <= y.1 {
                a = a.get(1..).unwrap_or(&[]);
            } else {
                b = b.get(1..).unwrap_or(&[]);
            }
        }
    }
}

impl<T: Bound> fmt::Debug for Ranges<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_full() {
            return f.write_str("any");
        }
        f.debug_list().entries(self.intervals()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;
    use proptest::prelude::*;

    fn ranges() -> impl Strategy<Value = Ranges<u16>> {
        prop::collection::vec((0u16..40, 0u16..40), 0..6).prop_map(Ranges::of)
    }

    proptest! {
        #[test]
        fn agree_with_membership(a in ranges(), b in ranges()) {
            let (and, minus, or) = (a.intersect(&b), a.subtract(&b), a.union(&b));
            for v in 0..45u16 {
                let (x, y) = (a.contains(v), b.contains(v));
                prop_assert_eq!(and.contains(v), x && y);
                prop_assert_eq!(minus.contains(v), x && !y);
                prop_assert_eq!(or.contains(v), x || y);
            }
            prop_assert_eq!(a.overlaps(&b), !and.is_empty());
            prop_assert_eq!(a.is_subset(&b), minus.is_empty());
            for set in [&and, &minus, &or] {
                prop_assert!(set.intervals().windows(2).all(|w| w[0].1 + 1 < w[1].0));
            }
        }
    }

    #[test]
    fn the_ends_of_the_type_do_not_overflow() {
        let full = Ranges::<u128>::full();
        assert!(full.subtract(&full).is_empty());
        let top = full.subtract(&Ranges::span(0, u128::MAX - 1));
        assert_eq!(top, Ranges::single(u128::MAX));
        assert_eq!(full.subtract(&top).union(&top), full);
    }
}
