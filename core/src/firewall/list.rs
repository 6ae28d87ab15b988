//! What decides packets, as one list: the first entry that matches a packet decides about it.
//!
//! Most packets meet only rules that decide. For them the chains of a hook are one list, in which
//! jumps are replaced by the rules that they lead to, and questions about rules are questions
//! about cubes alone: whether those before cover this one. That needs no walk through the chains,
//! which has to keep to their order and follows every piece to its end.

use super::model::{Action, ChainId, Hook, Policy, RuleId};
use super::program::Program;
use super::walk::{Decider, End};
use crate::packet::{Budget, Cube};
use std::ops::Deref;

/// Jumps are followed this deep.
const DEEPEST: usize = 16;

/// What a part of a rule's match costs, in steps: it takes room.
const PART: u64 = 100;

/// What an entry matches.
#[derive(Debug, Clone)]
pub enum Matched<'a> {
    /// What its rule does.
    Rule(&'a Cube),
    /// The part of it that jumps let through.
    Part(Box<Cube>),
}

/// An entry of a list.
#[derive(Debug, Clone)]
pub struct Listed<'a> {
    /// What it matches, of the packets that the list is about; may hold others.
    pub cube: Matched<'a>,
    /// What becomes of them.
    pub end: End,
    /// What decides last about them: where they pass, that may be a later policy.
    pub by: Decider,
    /// The rule that it is.
    pub rule: RuleId,
}

/// What decides the packets of a cube.
#[derive(Debug, Clone)]
pub struct List<'a> {
    /// The packets, as they enter.
    pub cube: Cube,
    /// In the order in which packets come to them. Entries of one rule follow each other or stand
    /// in several places, where several jumps lead to it.
    pub entries: Vec<Listed<'a>>,
    /// What becomes of packets that no entry matches, and what decides about them; nothing does
    /// where there is no chain.
    pub rest: (End, Option<Decider>),
}

/// A rule that a list is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Packets that match it end there, with [`End::Reached`].
    Reaching(RuleId),
    /// It does what it does, and what stands behind it is listed even if no packet comes there.
    Past(RuleId),
}

struct Making<'p, 'a> {
    program: &'p Program<'a>,
    asked: Asked,
    budget: &'p mut Budget,
    entries: Vec<Listed<'a>>,
}

impl<'a> Program<'a> {
    /// The list for packets of a cube at a hook. None where it is none, because other things
    /// happen to some of these packets than that they are decided: they are marked or translated,
    /// more than one base chain has rules for them, a chain is returned from. And none when
    /// listing costs more than the budget.
    #[must_use]
    pub fn list(
        &self,
        hook: Hook,
        cube: &Cube,
        asked: Asked,
        budget: &mut Budget,
    ) -> Option<List<'a>> {
        let cube = self.entering(cube.clone());
        let course = self.course(hook);
        let last = course.chains.last().copied();
        let mut making = Making {
            program: self,
            asked,
            budget,
            entries: Vec::new(),
        };
        let mut rest = (End::Accept, last.map(Decider::Policy));
        let mut acting = None;
        for &base in &course.chains {
            let chain = self.rules.chain(base)?;
            let before = making.entries.len();
            making.chain(base, &cube, 0)?;
            let drops = chain.base.is_some_and(|base| base.policy == Policy::Drop);
            if making.entries.len() == before && !drops {
                continue;
            }
            if acting.is_some() || chain.only(self.family, self.changes_packets).is_some() {
                return None;
            }
            acting = Some(base);
            if drops {
                rest = (End::Drop, Some(Decider::Policy(base)));
            }
        }
        let mut entries = making.entries;
        if let Some(last) = last
            && acting != Some(last)
        {
            // What passes is decided by the last policy, if that sees all of it.
            let chain = self.rules.chain(last)?;
            if chain.only(self.family, self.changes_packets).is_some() {
                return None;
            }
            for entry in &mut entries {
                if entry.end == End::Accept {
                    entry.by = Decider::Policy(last);
                }
            }
        }
        Some(List {
            cube,
            entries,
            rest,
        })
    }
}

impl Deref for Matched<'_> {
    type Target = Cube;

    fn deref(&self) -> &Cube {
        match self {
            Self::Rule(cube) => cube,
            Self::Part(cube) => cube,
        }
    }
}

impl<'a> Making<'_, 'a> {
    /// Lists what a chain does to packets of a cube; says whether it decides all of them.
    fn chain(&mut self, chain: ChainId, cube: &Cube, depth: usize) -> Option<bool> {
        let program = self.program;
        if depth > DEEPEST {
            return None;
        }
        for at in program.candidates(chain, cube) {
            self.budget.step().ok()?;
            let Some(entry) = program.entry(chain, at) else {
                continue;
            };
            let id = RuleId {
                chain,
                index: entry.rule,
            };
            let rule = program.rules.rule(id)?;
            let is_target = self.asked == Asked::Reaching(id);
            if !(is_target || rule.has_effect()) || !cube.overlaps(entry.cube) {
                continue;
            }
            let end = match &rule.action {
                _ if is_target => End::Reached,
                _ if !rule.effects.is_empty() || program.is_circular(id) => return None,
                Action::Accept => End::Accept,
                Action::Drop => End::Drop,
                Action::Reject(_) => End::Reject,
                Action::Jump(to) => {
                    let inside = cube.intersect(entry.cube);
                    let all = match &inside {
                        Some(inside) => self.chain(*to, inside, depth + 1)?,
                        None => false,
                    };
                    if all && cube.is_subset(entry.cube) {
                        return Some(true);
                    }
                    continue;
                }
                Action::Return | Action::Goto(_) | Action::Opaque { .. } | Action::Continue => {
                    return None;
                }
            };
            let matching = match depth {
                0 => Matched::Rule(entry.cube),
                _ => match cube.intersect(entry.cube) {
                    Some(inside) => Matched::Part(Box::new(inside)),
                    None => continue,
                },
            };
            if let Matched::Part(_) = matching {
                let _ = self.budget.share(PART);
            }
            self.entries.push(Listed {
                cube: matching,
                end,
                by: Decider::Rule(id),
                rule: id,
            });
            if self.asked != Asked::Past(id) && cube.is_subset(entry.cube) {
                return Some(true);
            }
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::tests::{deciding, outcomes, packet, small_cube};
    use crate::net::Family;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// Where there is a list, the first entry that holds a packet ends it as the walk does.
        #[test]
        fn lists_decide_as_the_walk_does(
            firewall in deciding(),
            cube in small_cube(),
            (chain, index) in (0u32..5, 0u32..4),
            packets in prop::collection::vec(packet(), 20),
        ) {
            let program = Program::new(&firewall.v4, Family::V4);
            let at = RuleId { chain: ChainId(chain), index };
            let mut budget = Budget::new(1_000_000);
            let pieces = outcomes(&firewall, cube.clone());
            let past = program.list(Hook::Input, &cube, Asked::Past(at), &mut budget);
            let reaching = program.list(Hook::Input, &cube, Asked::Reaching(at), &mut budget);
            for packet in packets {
                for truth in 0u32..8 {
                    let holds = |p: u32| truth >> p & 1 == 1;
                    let Some(piece) = pieces.iter().find(|piece| piece.cube.contains(&packet, holds)) else {
                        continue;
                    };
                    let walked = (piece.end, piece.via.last().copied());
                    let first = |list: &List<'_>| {
                        let entry = list.entries.iter().find(|entry| entry.cube.contains(&packet, holds));
                        entry.map_or((None, list.rest), |entry| (Some(entry.rule), (entry.end, Some(entry.by))))
                    };
                    if let Some(past) = &past {
                        prop_assert_eq!(first(past).1, walked);
                    }
                    if let Some(reaching) = &reaching {
                        let (rule, ends) = first(reaching);
                        if ends.0 == End::Reached {
                            prop_assert_eq!(rule, Some(at));
                        } else {
                            prop_assert_eq!(ends, walked);
                        }
                    }
                }
            }
        }
    }
}
