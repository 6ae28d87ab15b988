//! What a list of rules tells (see [`List`]): whether packets come to a rule, who decides them
//! else, and who would without it. Where rules only decide, this replaces the walk.

use super::life::{Covering, Examiner, Example, cover, entering, telling};
use super::redundant::is_verdict;
use super::shadowed::{MOST_NAMED, opposes};
use crate::firewall::{Asked, Decider, End, Hook, List, Program, RuleId};
use crate::packet::{Budget, Cube, OverBudget};
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Work that one question may cost, in cubes looked at.
pub(super) const LIST_STEPS: u64 = 1_000_000;

/// Rules with another verdict that are tried for an example.
const MOST_OPPOSED: usize = 4;

impl Examiner<'_, '_> {
    /// Whether any packet of these cubes arrives at the rule and matches it; else, who decides
    /// them: all, or as many as there is something to say about. That there is no list counts as
    /// [`OverBudget`].
    pub(super) fn listed(
        &self,
        hook: Hook,
        at: RuleId,
        starts: &[Cube],
        covering: &mut Covering,
    ) -> Result<bool, OverBudget> {
        self.subject.listing(LIST_STEPS, |budget| {
            for start in starts {
                let list = self.program.list(hook, start, Asked::Reaching(at), budget);
                let list = list.ok_or(OverBudget)?;
                if reaches(&list, budget)? {
                    return Ok(true);
                }
                self.note(&list, at, covering, budget)?;
            }
            Ok(false)
        })
    }

    /// Notes who decides the packets of a list. Ends when there are more rules of the same chain
    /// than can be named, and one of them gives the verdict that the rule would give.
    fn note(
        &self,
        list: &List<'_>,
        at: RuleId,
        covering: &mut Covering,
        budget: &mut Budget,
    ) -> Result<(), OverBudget> {
        let first = telling(self.program.family);
        let own = self.program.rules.rule(at).map(|rule| &rule.action);
        let mut agreed = false;
        let mut of_chain = 0;
        let mut before: Vec<&Cube> = Vec::new();
        for entry in &list.entries {
            if entry.end != End::Reached
                && let Some(packets) = list.cube.intersect(&entry.cube)
                && let Some(tells) = decides(&packets, &first, &before, budget)?
            {
                cover(covering, entry.by, tells, entry.end);
                agreed |= tells && !own.is_some_and(|own| opposes(own, entry.end));
                let same = matches!(entry.by, Decider::Rule(id) if id.chain == at.chain);
                of_chain += usize::from(tells && same);
                if agreed && of_chain > MOST_NAMED {
                    return Ok(());
                }
            }
            before.push(&entry.cube);
        }
        if let (end, Some(by)) = list.rest
            && let Some(tells) = decides(&list.cube, &first, &before, budget)?
        {
            cover(covering, by, tells, end);
        }
        Ok(())
    }

    /// Examples out of what later rules of its chain, which decide otherwise, match too.
    pub(super) fn opposed(&self, at: RuleId, cubes: &[Cube]) -> impl Iterator<Item = Example> {
        let rules = self.program.rules;
        let own = rules.rule(at).map(|rule| &rule.action);
        let mut found: SmallVec<[Cube; MOST_OPPOSED]> = SmallVec::new();
        for cube in cubes.iter().take(MOST_OPPOSED) {
            self.program.visit(at.chain, cube, |id, other| {
                let action = rules.rule(id).map(|rule| &rule.action);
                let opposes = id.index > at.index
                    && action.is_some_and(|action| is_verdict(action) && Some(action) != own);
                if opposes {
                    found.extend(cube.intersect(other));
                }
                match found.len() < MOST_OPPOSED {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            });
        }
        found.into_iter().filter_map(move |both| {
            let entries = self.reach.of(at.chain)?;
            entries.iter().find_map(|(&hook, entry)| {
                let mut ways = entry.ways.iter();
                ways.find_map(|way| {
                    let inside = both.intersect(&entering(way, &both))?;
                    self.example(hook, at, &inside)
                })
            })
        })
    }
}

/// Whether some of these packets come past these cubes, and whether any that are first ones do.
fn decides(
    packets: &Cube,
    first: &Cube,
    before: &[&Cube],
    budget: &mut Budget,
) -> Result<Option<bool>, OverBudget> {
    if let Some(first) = packets.intersect(first)
        && comes(&first, before, budget)?
    {
        return Ok(Some(true));
    }
    Ok(comes(packets, before, budget)?.then_some(false))
}

/// Whether some of these packets come past these cubes.
fn comes(packets: &Cube, before: &[&Cube], budget: &mut Budget) -> Result<bool, OverBudget> {
    let found = packets.uncovered(before.iter().copied(), budget)?;
    Ok(found.is_some())
}

/// Whether packets arrive at the rule that a list was made for.
fn reaches(list: &List<'_>, budget: &mut Budget) -> Result<bool, OverBudget> {
    for (at, entry) in list.entries.iter().enumerate() {
        if entry.end != End::Reached {
            continue;
        }
        let packets = list.cube.intersect(&entry.cube);
        let before = list.entries.iter().take(at).map(|entry| &*entry.cube);
        if let Some(packets) = packets
            && packets.uncovered(before, budget)?.is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the packets that arrive at a rule have the same fate without it; then, who decides
/// them. (With the rule, without it and the other parts of its line.)
pub(super) fn by_list(
    (with, without): (&Program<'_>, &Program<'_>),
    hook: Hook,
    at: RuleId,
    starts: &[Cube],
    budget: &mut Budget,
    deciders: &mut BTreeSet<Decider>,
) -> Result<bool, OverBudget> {
    for start in starts {
        let list = with.list(hook, start, Asked::Past(at), budget);
        let list = list.ok_or(OverBudget)?;
        for (place, own) in list.entries.iter().enumerate() {
            let Some(packets) = list.cube.intersect(&own.cube).filter(|_| own.rule == at) else {
                continue;
            };
            let (before, behind) = list.entries.split_at(place);
            let before = before.iter().map(|entry| &*entry.cube);
            let before: Vec<&Cube> = before.filter(|cube| packets.overlaps(cube)).collect();
            let behind = behind
                .iter()
                .filter(|entry| !without.leaves_out(entry.rule) && packets.overlaps(&entry.cube));
            let mut later: Vec<(Option<Decider>, End, &Cube)> = behind
                .map(|entry| (Some(entry.by), entry.end, &*entry.cube))
                .collect();
            later.push((list.rest.1, list.rest.0, &list.cube));
            // Those first who decide otherwise: one packet that comes to them is enough.
            for same in [false, true] {
                let mut before = before.clone();
                for &(by, end, cube) in &later {
                    if (end == own.end) == same
                        && let Some(both) = packets.intersect(cube)
                        && comes(&both, &before, budget)?
                    {
                        if !same {
                            return Ok(false);
                        }
                        deciders.extend(by);
                    }
                    before.push(cube);
                }
            }
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::life::{starts, untranslated};
    use super::super::redundant::by_pieces;
    use super::*;
    use crate::analysis::Subject;
    use crate::firewall::tests::deciding;
    use crate::net::Family;
    use crate::packet::MarkBits;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// Where lists answer, they say what the walk finds. (But for marks, which the walk gives
        /// back when it takes up a piece again, and so finds fewer rules redundant.)
        #[test]
        fn lists_tell_what_the_walk_tells(mut firewall in deciding()) {
            let rules = firewall.v4.chains.iter_mut().flat_map(|chain| &mut chain.rules);
            for cube in rules.flat_map(|rule| &mut rule.matches) {
                cube.mark = MarkBits::ANY;
            }
            let subject = Subject::new(&firewall);
            let program = subject.program(Family::V4);
            let examiner = Examiner::new(&subject, program);
            for (chain, listed) in firewall.v4.iter() {
                for (index, rule) in (0..).zip(&listed.rules) {
                    let at = RuleId { chain, index };
                    let Some(entries) = examiner.reach.of(chain) else { continue };
                    for (&hook, entry) in entries {
                        let own = untranslated(program, hook, &rule.matches, entry);
                        let (mut covering, mut walked) = (Covering::new(), Covering::new());
                        let arrives = examiner.listed(hook, at, &own, &mut covering);
                        if let Ok(arrives) = arrives {
                            prop_assert_eq!(examiner.walked(hook, at, &own, &mut walked), Ok(arrives));
                        }
                        if arrives == Ok(false) {
                            prop_assert_eq!(covering, walked);
                        }
                        let starts = starts((program, &examiner.reach), (hook, hook), &rule.matches, entry);
                        let without = program.without(vec![at]);
                        let both = (program, &without);
                        let mut budget = Budget::new(1_000_000);
                        let (mut quick, mut slow) = (BTreeSet::new(), BTreeSet::new());
                        if is_verdict(&rule.action)
                            && let Ok(same) = by_list(both, hook, at, &starts, &mut budget, &mut quick)
                        {
                            let pieces = by_pieces(both, hook, at, &starts, &mut budget, &mut slow);
                            prop_assert_eq!(pieces, Ok(same));
                            if same {
                                prop_assert_eq!(quick, slow);
                            }
                        }
                    }
                }
            }
        }
    }
}
