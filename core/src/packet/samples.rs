//! Single packets out of a cube.

use super::cube::Cube;
use super::ranges::{Bound, Ranges};

impl Cube {
    /// Single addresses and ports spread over it, the same ones every time.
    pub fn samples(&self, count: usize) -> impl Iterator<Item = Self> {
        // Knuth's MMIX generator.
        let mut seed: u64 = 7;
        let mut next = move || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            seed >> 16
        };
        (0..count).map(move |_| Self {
            source: pick(&self.source, next()),
            destination: pick(&self.destination, next()),
            source_port: pick(&self.source_port, next()),
            destination_port: pick(&self.destination_port, next()),
            ..self.clone()
        })
    }
}

/// One value out of a set.
fn pick<T: Bound + Into<u128> + TryFrom<u128>>(set: &Ranges<T>, random: u64) -> Ranges<T> {
    let intervals = set.intervals();
    let at = usize::try_from(random)
        .unwrap_or(0)
        .checked_rem(intervals.len());
    let Some(&(lo, hi)) = at.and_then(|at| intervals.get(at)) else {
        return set.clone();
    };
    let (lo, hi): (u128, u128) = (lo.into(), hi.into());
    let wide = u128::from(random).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let value = match (hi - lo).checked_add(1) {
        Some(size) => lo + wide % size,
        None => wide,
    };
    T::try_from(value).map_or_else(|_| set.clone(), Ranges::single)
}
