//! The fate of a phase by decision diagrams, where its pieces are too many to walk.

use super::{Answer, regardless};
use crate::analysis::point::Point;
use crate::analysis::region::Required;
use crate::firewall::{Ask, Decided, End, MOST_NODES, Outcome};
use crate::packet::diagram::{Diagrams, Field, Node};
use crate::packet::{Cube, OverBudget, PacketSet};
use smallvec::SmallVec;

/// Cubes that are read out of each set, for people; the answer itself does not depend on it.
const MOST_CUBES: usize = 64;

/// The same answer as piece by piece: exact in what is denied and what is undecided. Of sets that
/// are too complex to be listed some packets are given, those of every decider among them.
pub(super) fn ask(point: &Point<'_>, one: &Required) -> Result<Answer, OverBudget> {
    let program = point.program(one.family);
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
        let read = d.cubes(set, MOST_CUBES);
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
    let mut fields = vec![Field::InInterface, Field::OutInterface];
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
