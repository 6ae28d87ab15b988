//! Whether cubes cover another one.

use super::budget::{Budget, OverBudget};
use super::cube::Cube;
use super::fields::FieldSet;
use std::rc::Rc;

/// Where more cubes than this are left, a few packets are looked at first: one that is in none of
/// them settles the question.
const FEW: usize = 8;

/// Packets looked at then.
const SAMPLES: usize = 3;

impl Cube {
    /// Some packets of this cube that are in none of the others; nothing when these cover it.
    ///
    /// Depth first, and stops at the first packets found. The cube that leaves the fewest fields
    /// open is taken out first, and what is left meets only cubes that overlap it. A step handles
    /// one cube.
    ///
    /// # Errors
    ///
    /// When it costs more than the budget.
    pub fn uncovered<'c>(
        &self,
        by: impl IntoIterator<Item = &'c Self>,
        budget: &mut Budget,
    ) -> Result<Option<Self>, OverBudget> {
        if self.is_empty() {
            return Ok(None);
        }
        let all: Rc<[&Self]> = by.into_iter().collect();
        let mut open = vec![(self.clone(), all)];
        let mut parts = Vec::new();
        while let Some((cube, near)) = open.pop() {
            let mut left: Vec<&Self> = Vec::new();
            // How many fields the best one leaves open, and its position.
            let mut best: Option<(usize, usize)> = None;
            for &other in near.iter() {
                budget.step()?;
                if !cube.overlaps(other) {
                    continue;
                }
                let beyond = cube.beyond(other);
                if best.is_none_or(|(least, _)| beyond < least) {
                    best = Some((beyond, left.len()));
                }
                left.push(other);
                if beyond == 0 {
                    break;
                }
            }
            let Some((beyond, at)) = best else {
                return Ok(Some(cube));
            };
            if beyond == 0 {
                continue;
            }
            if left.len() > FEW {
                for sample in cube.samples(SAMPLES) {
                    let mut others = left.iter();
                    let free = others.try_fold(true, |free, other| {
                        budget.step()?;
                        Ok(free && !sample.overlaps(other))
                    })?;
                    if free && !sample.is_empty() {
                        return Ok(Some(sample));
                    }
                }
            }
            cube.subtract(left.swap_remove(at), &mut parts);
            let left: Rc<[&Self]> = left.into();
            open.extend(parts.drain(..).map(|part| (part, Rc::clone(&left))));
        }
        Ok(None)
    }

    /// In how many fields there are values that the other does not have.
    fn beyond(&self, other: &Self) -> usize {
        let fields = [
            self.destination_port.within(&other.destination_port),
            self.source.within(&other.source),
            self.destination.within(&other.destination),
            self.protocol.within(&other.protocol),
            self.source_port.within(&other.source_port),
            self.state.within(&other.state),
            self.flags.within(&other.flags),
            self.in_interface.within(&other.in_interface),
            self.out_interface.within(&other.out_interface),
            self.fragment.within(&other.fragment),
            self.mark.within(other.mark),
            self.conn_mark.within(other.conn_mark),
            self.extra.within(&other.extra),
            self.unknown.within(&other.unknown),
        ];
        fields.iter().filter(|within| !**within).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::tests::small_cube;
    use crate::packet::PacketSet;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// What it finds is in the cube and in no other; where it finds nothing, subtracting
        /// leaves nothing.
        #[test]
        fn agrees_with_subtraction(cube in small_cube(), others in prop::collection::vec(small_cube(), 0..24)) {
            let mut budget = Budget::new(10_000_000);
            let found = cube.uncovered(&others, &mut budget).unwrap();
            let all = PacketSet::from(others.clone());
            let own = PacketSet::from(vec![cube.clone()]);
            prop_assert_eq!(found.is_none(), own.is_subset(&all, &mut budget).unwrap());
            if let Some(found) = found {
                prop_assert!(!found.is_empty() && found.is_subset(&cube));
                prop_assert!(!found.overlaps_any(&others));
            }
        }
    }

    #[test]
    fn budgets_end_it() {
        let any = Cube::any(crate::net::Family::V4);
        let mut budget = Budget::new(0);
        assert_eq!(any.uncovered([&any], &mut budget), Err(OverBudget));
        assert_eq!(any.uncovered([], &mut budget), Ok(Some(any)));
    }
}
