//! Whether any packet arrives at a rule and matches it.
//!
//! First by example: a packet out of the rule's match is sent through the interpreter, which
//! settles most rules at once. Else the rule's packets are walked to it piece by piece; where that
//! costs too much, one sweep of the hook with decision diagrams tells of all its rules which are
//! matched; and if that costs too much, a diagram of the one rule's packets. Only then nothing is
//! claimed.

use super::reach::{Entry, Reach, askers, possible};
use crate::analysis::Subject;
use crate::firewall::{Ask, Decider, End, Hook, MOST_NODES, Program, RuleId, Step, Verdict, World};
use crate::net::Family;
use crate::packet::diagram::Diagrams;
use crate::packet::{Bits, CtState, Cube, Fragment, IfName, OverBudget, Packet, Ranges};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Work that one walk may cost before a diagram is asked.
pub(super) const STEPS: u64 = 20_000;

/// Examples tried for one rule.
const MOST_EXAMPLES: usize = 8;

/// Who decides the packets of a rule that never matches: whether [`telling`] ones are among them,
/// and how.
pub(super) type Covering = BTreeMap<Decider, (bool, End)>;

/// A packet that a rule matches.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) hook: Hook,
    pub(super) packet: Packet,
    /// A world in which it arrives.
    pub(super) world: World,
    /// Its fate then.
    pub(super) verdict: Verdict,
}

/// What is known of a rule, or of a part of what it matches.
#[derive(Debug, Clone)]
pub(super) enum Life {
    /// It matches packets, or may; perhaps examples of them.
    Matched(Vec<Example>),
    /// No packet arrives at it and matches: who decides them.
    Covered(Covering),
    /// That is too complex to tell.
    Open,
}

/// What is asked about one family's rules.
pub(super) struct Examiner<'s, 'a> {
    pub(super) subject: &'s Subject<'a>,
    pub(super) program: &'s Program<'a>,
    pub(super) reach: Reach,
    /// Which rules are matched at hooks whose rules are too complex to walk to; none when the
    /// sweep was too complex, too.
    sweeps: BTreeMap<Hook, Option<BTreeSet<RuleId>>>,
}

impl<'s, 'a> Examiner<'s, 'a> {
    pub(super) fn new(subject: &'s Subject<'a>, program: &'s Program<'a>) -> Self {
        Self {
            subject,
            program,
            reach: Reach::new(program),
            sweeps: BTreeMap::new(),
        }
    }

    /// Whether the rule matches any packet of these cubes, which are (parts of) its match.
    pub(super) fn life(&mut self, at: RuleId, cubes: &[Cube]) -> Life {
        let Some(entries) = self.reach.of(at.chain).cloned() else {
            return Life::Covered(Covering::new());
        };
        let examples = self.examples(at, cubes, &entries);
        if !examples.is_empty() {
            return Life::Matched(examples);
        }
        match self.covering(at, cubes) {
            Ok(Some(covering)) => Life::Covered(covering),
            Ok(None) => Life::Matched(Vec::new()),
            Err(OverBudget) => Life::Open,
        }
    }

    /// Who decides the packets of these cubes before the rule; none when packets arrive at it, or
    /// may.
    pub(super) fn covering(
        &mut self,
        at: RuleId,
        cubes: &[Cube],
    ) -> Result<Option<Covering>, OverBudget> {
        let entries = self.reach.of(at.chain).cloned().unwrap_or_default();
        let mut covering = Covering::new();
        for (hook, entry) in &entries {
            for asked in askers(self.program, *hook) {
                let starts = starts(self.program, asked, cubes, entry);
                let arrives = self.arrives(asked, at, &starts, &mut covering)?;
                // Packets whose fate is unknown may have come to it.
                if arrives || covering.values().any(|(_, end)| *end == End::Depends) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(covering))
    }

    /// Packets of which the interpreter says that they arrive at the rule and match it.
    fn examples(
        &self,
        at: RuleId,
        cubes: &[Cube],
        entries: &BTreeMap<Hook, Entry>,
    ) -> Vec<Example> {
        let mut found = Vec::new();
        let mut tried = 0;
        for (&hook, entry) in entries {
            for way in &entry.ways {
                for cube in cubes {
                    // One that arrives is enough; the others make it likelier to find one.
                    if tried >= MOST_EXAMPLES || !found.is_empty() {
                        return found;
                    }
                    let Some(inside) = cube.intersect(&entering(way, cube)) else {
                        continue;
                    };
                    tried += 1;
                    found.extend(self.example(hook, at, &inside));
                }
            }
        }
        found
    }

    /// A packet of this cube, when the interpreter says that the rule matches it.
    pub(super) fn example(&self, hook: Hook, at: RuleId, cube: &Cube) -> Option<Example> {
        let packet = cube.witness(self.program.family)?;
        let mut world = World::of(cube.unknown.iter());
        let (verdict, steps) = self.program.trace_in_world(hook, &packet, &mut world)?;
        let matched = steps.contains(&Step::Match(at));
        matched.then_some(Example {
            hook,
            packet,
            world,
            verdict,
        })
    }

    /// Whether any packet of these cubes arrives at the rule and matches it; else, who decided
    /// them all.
    fn arrives(
        &mut self,
        hook: Hook,
        at: RuleId,
        starts: &[Cube],
        covering: &mut Covering,
    ) -> Result<bool, OverBudget> {
        if !matches!(self.sweeps.get(&hook), Some(Some(_)))
            && let Ok(arrives) = self.walked(hook, at, starts, covering)
        {
            return Ok(arrives);
        }
        self.subject.hand_over()?;
        let program = self.program;
        let swept = self.sweeps.entry(hook);
        let swept = swept.or_insert_with(|| sweep(program, hook).ok());
        match swept {
            Some(matched) if matched.contains(&at) => Ok(true),
            _ => decided(program, hook, at, starts, covering),
        }
    }

    /// Asks piece by piece.
    fn walked(
        &self,
        hook: Hook,
        at: RuleId,
        starts: &[Cube],
        covering: &mut Covering,
    ) -> Result<bool, OverBudget> {
        let mut budget = self.subject.budget(STEPS);
        let mut reached = false;
        let telling = telling(self.program.family);
        for cube in starts {
            let visit = |outcome: crate::firewall::Outcome| {
                if outcome.end == End::Reached {
                    reached = true;
                    return ControlFlow::Break(());
                }
                if let Some(&by) = outcome.via.last() {
                    let first = outcome.cube.overlaps(&telling);
                    cover(covering, by, first, outcome.end);
                }
                ControlFlow::Continue(())
            };
            self.program
                .walk_to(hook, at, cube.clone(), &mut budget, visit)?;
            if reached {
                break;
            }
        }
        Ok(reached)
    }
}

/// The packets of a rule's match as they enter a hook's way: those that the ways into its chain
/// let through, whatever they were before rules changed them.
pub(super) fn starts(
    program: &Program<'_>,
    hook: Hook,
    cubes: &[Cube],
    entry: &Entry,
) -> Vec<Cube> {
    let mut all: Vec<Cube> = Vec::new();
    let whole = possible(hook, program.family);
    for cube in cubes {
        for way in entry.all() {
            let inside = entering(way, cube).intersect(cube);
            let origins = inside.map(|cube| program.origins(&cube));
            for origin in origins.unwrap_or_default() {
                let entering = origin.intersect(&whole);
                all.extend(entering.filter(|new| !all.contains(new)));
            }
        }
    }
    all
}

/// A way into a chain as the rule sees it: its marks are those that the rule asks for.
fn entering(way: &Cube, cube: &Cube) -> Cube {
    Cube {
        mark: cube.mark,
        conn_mark: cube.conn_mark,
        ..way.clone()
    }
}

/// Asks by diagram.
fn decided(
    program: &Program<'_>,
    hook: Hook,
    at: RuleId,
    starts: &[Cube],
    covering: &mut Covering,
) -> Result<bool, OverBudget> {
    for cube in starts {
        let mut diagrams = Diagrams::new(program.family, MOST_NODES)?;
        let packets = diagrams.from_cube(cube)?;
        let region = (cube, packets);
        let ask = Ask::Reaching(at);
        let decision = program.decide(&mut diagrams, hook, region, ask, |(), _| ())?;
        if decision.parts.iter().any(|part| part.end == End::Reached) {
            return Ok(true);
        }
        let first = diagrams.from_cube(&telling(program.family))?;
        for part in decision.parts {
            if let Some(by) = part.by {
                let first = diagrams.and(part.packets, first)?;
                cover(covering, by, !first.is_empty(), part.end);
            }
        }
    }
    Ok(false)
}

/// First packets that do not come from the host itself: who decides them tells what a rule above
/// is for. What was established before and what passes the loopback interface is usually permitted
/// by one rule on top.
pub(super) fn telling(family: Family) -> Cube {
    let others = Ranges::full().subtract(&IfName::loopback());
    Cube {
        in_interface: others.clone(),
        out_interface: others,
        fragment: Bits(1 << Fragment::First as u8),
        ..Cube::any(family).with_states(&[CtState::New])
    }
}

fn cover(covering: &mut Covering, by: Decider, first: bool, end: End) {
    let known = covering.entry(by).or_insert((first, end));
    known.0 |= first;
}

/// Which rules any packet at a hook matches.
fn sweep(program: &Program<'_>, hook: Hook) -> Result<BTreeSet<RuleId>, OverBudget> {
    let whole = possible(hook, program.family);
    let mut diagrams = Diagrams::new(program.family, MOST_NODES)?;
    let packets = diagrams.from_cube(&whole)?;
    let region = (&whole, packets);
    let decision = program.decide(&mut diagrams, hook, region, Ask::Matched, |(), _| ())?;
    Ok(decision.matched)
}
