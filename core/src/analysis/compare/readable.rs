//! Few wide cubes instead of many disjoint ones: how a person would write a set down.

use crate::packet::{Budget, Cube, Extra, FieldSet, PacketSet};

/// Sets of more cubes than this are only merged.
const MOST: usize = 48;

/// Cubes that a set may cost to be tidied, in cubes handled.
const STEPS: u64 = 50_000;

/// The same set in fewer cubes, which may overlap: every cube is widened, field by field, as far
/// as the set allows, then those go that the others make superfluous.
pub(super) fn readable(set: &PacketSet) -> Vec<Cube> {
    let merged = set.cover();
    if merged.cubes().len() > MOST {
        return merged.cubes().to_vec();
    }
    let mut budget = Budget::new(STEPS);
    let mut wide: Vec<Cube> = Vec::new();
    for cube in merged.cubes() {
        wide.push(widened(cube, &merged, &mut budget));
    }
    needed(PacketSet::from(wide).cover().cubes(), &mut budget)
}

/// The cube with each field in turn replaced by all values that occur in the set, where it stays
/// in the set.
fn widened(cube: &Cube, set: &PacketSet, budget: &mut Budget) -> Cube {
    let mut wide = cube.clone();
    macro_rules! widen {
        ($($field:ident),+) => {$(
            let all = set.cubes().iter().fold(wide.$field.clone(), |all, one| all.or(&one.$field));
            if all != wide.$field {
                let tried = Cube { $field: all, ..wide.clone() };
                let one = PacketSet::from(vec![tried.clone()]);
                if one.is_subset(set, budget) == Ok(true) {
                    wide = tried;
                }
            }
        )+};
    }
    widen!(
        state,
        flags,
        fragment,
        in_interface,
        out_interface,
        source_port,
        source,
        destination,
        destination_port,
        protocol
    );
    if !wide.extra.is_full() {
        let extra = Extra::default();
        let tried = Cube {
            extra,
            ..wide.clone()
        };
        let one = PacketSet::from(vec![tried.clone()]);
        if one.is_subset(set, budget) == Ok(true) {
            wide = tried;
        }
    }
    wide
}

/// Those cubes without which the set would be smaller.
fn needed(cubes: &[Cube], budget: &mut Budget) -> Vec<Cube> {
    let mut kept: Vec<Cube> = cubes.to_vec();
    let mut at = 0;
    while at < kept.len() {
        let cube = kept.remove(at);
        let rest = PacketSet::from(kept.clone());
        if PacketSet::from(vec![cube.clone()]).is_subset(&rest, budget) != Ok(true) {
            kept.insert(at, cube);
            at += 1;
        }
    }
    kept
}
