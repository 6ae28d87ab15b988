//! Few readable cubes instead of many: what a set looks like to a person.

use super::cube::Cube;
use super::set::PacketSet;

/// Sets of more cubes than this are not tidied: it would cost more than it shows.
const MOST: usize = 512;

impl PacketSet {
    /// The same packets in fewer cubes: cubes that differ in one field only become one, cubes
    /// inside others go. Greedy, deterministic, quadratic in a bounded number of cubes.
    #[must_use]
    pub fn cover(&self) -> Self {
        let mut cubes = self.cubes().to_vec();
        cubes.sort();
        cubes.dedup();
        if cubes.len() <= MOST {
            while merge_once(&mut cubes) {}
        }
        Self::from(cubes)
    }
}

/// Merges or drops where it can; says whether anything changed.
fn merge_once(cubes: &mut Vec<Cube>) -> bool {
    let before = cubes.len();
    let mut kept: Vec<Cube> = Vec::with_capacity(before);
    'next: for cube in cubes.drain(..) {
        for other in &mut kept {
            if cube.is_subset(other) {
                continue 'next;
            }
            if let Some(merged) = other.merge(&cube) {
                *other = merged;
                continue 'next;
            }
        }
        kept.push(cube);
    }
    *cubes = kept;
    cubes.len() < before
}
