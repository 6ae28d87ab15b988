//! The fate of a phase by decision diagrams, where its pieces are too many to walk.

use super::{Answer, regardless};
use crate::analysis::Subject;
use crate::analysis::region::Required;
use crate::firewall::{Ask, Decided, End, MOST_NODES, Outcome};
use crate::packet::diagram::{Diagrams, Field, Node};
use crate::packet::{Cube, OverBudget, PacketSet, Rare};
use smallvec::SmallVec;

/// Cubes that are read out of each set, for people; the answer itself does not depend on it.
const MOST_CUBES: usize = 64;

/// The same answer as piece by piece: exact in what is denied and what is undecided. Of sets that
/// are too complex to be listed some packets are given, those of every decider among them.
pub(super) fn ask(subject: &Subject<'_>, one: &Required) -> Result<Answer, OverBudget> {
    listing(subject, one, MOST_CUBES)
}

/// The same with as many cubes of each set.
fn listing(subject: &Subject<'_>, one: &Required, most: usize) -> Result<Answer, OverBudget> {
    let program = subject.program(one.family);
    let mut diagrams = Diagrams::new(one.family, MOST_NODES)?;
    let d = &mut diagrams;
    let region = d.from_cube(&one.cube)?;
    let hull = (&one.cube, region);
    let decision = program.decide(d, one.hook, hull, Ask::Fates, |(), _| ())?;
    let whole = d.from_cube(&regardless(&one.cube, one))?;
    let (mut passes, mut stops, mut certain) = (Node::EMPTY, Node::EMPTY, Node::EMPTY);
    for part in &decision.parts {
        let set = widened(d, part.packets, whole, one)?;
        if matches!(part.end, End::Accept | End::Depends) {
            passes = d.or(passes, set)?;
        }
        if part.end != End::Accept {
            stops = d.or(stops, set)?;
        }
        if matches!(part.end, End::Drop | End::Reject) {
            certain = d.or(certain, set)?;
        }
    }
    let denied = d.minus(certain, passes)?;
    let undecided = d.and(stops, passes)?;
    let wholly = d.minus(whole, denied)?.is_empty();
    let asked = if denied.is_empty() { undecided } else { denied };
    let mut outcomes = Vec::new();
    for part in &decision.parts {
        read_part(d, part, asked, &mut outcomes)?;
    }
    let mut more = false;
    let mut listed = |set: Node| {
        let read = d.cubes(set, most);
        let mut cubes = read.cubes;
        if !read.complete && set == asked {
            more = true;
            cubes.extend(outcomes.iter().map(|o| regardless(&o.cube, one)));
        }
        PacketSet::from(cubes).cover()
    };
    Ok(Answer {
        denied: listed(denied),
        undecided: listed(undecided),
        wholly,
        more,
        outcomes,
    })
}

/// The packets of a set whatever is not known about them, as [`regardless`] does it with a cube.
fn widened(d: &mut Diagrams, set: Node, whole: Node, one: &Required) -> Result<Node, OverBudget> {
    let mut fields = vec![Field::InInterface, Field::OutInterface, Field::ConnMark];
    fields.extend(Rare::ALL.map(Field::Rare));
    if one.unresolved {
        fields.extend([Field::Source, Field::Destination]);
    }
    let set = d.forget(set, &fields, true)?;
    d.and(set, whole)
}

/// Some packets of a part, as outcomes of a walk; among them such as show each unknown predicate
/// on which the part depends.
fn read_part(
    d: &mut Diagrams,
    part: &Decided<()>,
    asked: Node,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), OverBudget> {
    let set = d.and(part.packets, asked)?;
    let read = d.cubes(set, MOST_CUBES);
    let mut cubes = read.cubes;
    if !read.complete {
        for predicate in d.unknowns(set) {
            let holds = Cube::any(d.family()).assuming(predicate);
            let holds = d.from_cube(&holds)?;
            let with = d.and(set, holds)?;
            cubes.extend(d.pick(with));
        }
    }
    outcomes.extend(cubes.into_iter().map(|cube| Outcome {
        cube,
        end: part.end,
        via: SmallVec::from_iter(part.by),
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Direction, Phase, Point, coverage::ask as by_pieces};
    use crate::firewall::{Hook, tests};
    use crate::net::Family;
    use crate::packet::{MarkBits, Ranges};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Both ways give the same answer, and outcomes that show who is to blame.
        #[test]
        fn agrees_with_the_walk(mut firewall in tests::settled(), cube in tests::small_cube(), unresolved: bool) {
            for chain in &mut firewall.v4.chains {
                for cube in chain.rules.iter_mut().step_by(3).flat_map(|rule| &mut rule.matches) {
                    cube.in_interface = Ranges::span(5, 10);
                }
            }
            let site = tests::site();
            let point = Point::new(&site, &tests::stand(), &firewall).unwrap();
            let subject = &point.subject;
            let zero = MarkBits { care: u32::MAX, value: 0 };
            let cube = Cube { mark: zero, conn_mark: zero, ..cube.without_assumptions() };
            let one = Required {
                flow: 0,
                family: Family::V4,
                direction: Direction::In,
                hook: Hook::Input,
                phase: Phase::First,
                cube,
                unresolved,
            };
            // All of what is listed, so that sets can be compared.
            let whole = listing(subject, &one, 100_000).unwrap();
            // Some are too complex already.
            let Ok(pieces) = by_pieces(subject, &one) else {
                return Ok(());
            };
            let mut d = Diagrams::new(Family::V4, MOST_NODES).unwrap();
            let mut same = |a: &PacketSet, b: &PacketSet| {
                d.from_cubes(a.cubes()).unwrap() == d.from_cubes(b.cubes()).unwrap()
            };
            prop_assert!(!whole.more);
            prop_assert!(same(&pieces.denied, &whole.denied));
            prop_assert!(same(&pieces.undecided, &whole.undecided));
            prop_assert_eq!(pieces.wholly, whole.wholly);
            let asked = if whole.denied.is_empty() { &whole.undecided } else { &whole.denied };
            for part in asked.cubes() {
                let blamed = |o: &Outcome| regardless(&o.cube, &one).overlaps(part) && o.end != End::Accept;
                prop_assert!(whole.outcomes.iter().any(blamed));
            }
        }
    }
}
