//! Whether any packet arrives at a rule and matches it.
//!
//! First by example: a packet out of the rule's match is sent through the interpreter, which
//! settles most rules at once. Else, where rules only decide, the list of those that come before
//! it tells ([`super::listed`]). Where they do more, the rule's packets are walked to it piece by
//! piece; where that costs too much, one sweep of the hook with decision diagrams tells of all its rules which are
//! matched; and if that costs too much, a diagram of the one rule's packets. Only then nothing is
//! claimed.

use super::reach::{Entry, Reach, askers, possible};
use crate::analysis::Subject;
use crate::firewall::{Ask, Decider, End, Hook, MOST_NODES, Program, RuleId, Step, Verdict, World};
use crate::net::Family;
use crate::packet::diagram::Diagrams;
use crate::packet::{Bits, CtState, Cube, Fragment, IfName, OverBudget, Packet, Ranges, Rare};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Work that one walk may cost before a diagram is asked.
pub(super) const STEPS: u64 = 20_000;

/// Examples tried for one rule.
const MOST_EXAMPLES: usize = 8;

/// Examples tried when the first do not arrive.
const MOST_SPREAD: usize = 24;

/// Nodes that a diagram may have here: there are as many questions as rules.
pub(super) const NODES: u32 = MOST_NODES / 10;

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
        let Some(entries) = self.reach.of(at.chain) else {
            return Life::Covered(Covering::new());
        };
        let open = match self.first_example(at, cubes, entries) {
            Ok(found) => return Life::Matched(vec![found]),
            Err(open) => open,
        };
        // Where a list tells that there is none, no other example has to be looked for.
        let listed = self.covering_by(at, cubes, |own, hook, starts, covering| {
            own.listed(hook, at, starts, covering)
        });
        if let Ok(Some(covering)) = listed {
            return Life::Covered(covering);
        }
        let count = MOST_SPREAD / open.len().max(1);
        let samples = open.iter().flat_map(|(hook, cube)| {
            let samples = cube.samples(count);
            samples.map(|one| (*hook, one))
        });
        let mut samples = samples.filter_map(|(hook, one)| self.example(hook, at, &one));
        if let Some(found) = samples.next() {
            return Life::Matched(vec![found]);
        }
        match listed.or_else(|OverBudget| self.covering(at, cubes)) {
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
        self.covering_by(at, cubes, |own, hook, starts, covering| {
            own.arrives(hook, at, starts, covering)
        })
    }

    /// The same; `arrives` is asked for each way to the rule.
    fn covering_by(
        &mut self,
        at: RuleId,
        cubes: &[Cube],
        mut arrives: impl FnMut(&mut Self, Hook, &[Cube], &mut Covering) -> Result<bool, OverBudget>,
    ) -> Result<Option<Covering>, OverBudget> {
        let entries = self.reach.of(at.chain).cloned().unwrap_or_default();
        let mut covering = Covering::new();
        let may_arrive =
            |covering: &Covering| covering.values().any(|(_, end)| *end == End::Depends);
        for (&hook, entry) in &entries {
            let own = untranslated(self.program, hook, cubes, entry);
            // Packets whose fate is unknown may have come to it.
            if arrives(self, hook, &own, &mut covering)? || may_arrive(&covering) {
                return Ok(None);
            }
            for asked in askers(self.program, hook) {
                let mut others = starts((self.program, &self.reach), (hook, asked), cubes, entry);
                others.retain(|cube| hook != asked || !own.contains(cube));
                // Who decides packets that were only translated into the rule's is not to blame.
                let mut aside = Covering::new();
                if arrives(self, asked, &others, &mut aside)? || may_arrive(&aside) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(covering))
    }

    /// A packet of which the interpreter says that it arrives at the rule and matches it; else
    /// where to look for others, if that is not everywhere.
    fn first_example(
        &self,
        at: RuleId,
        cubes: &[Cube],
        entries: &BTreeMap<Hook, Entry>,
    ) -> Result<Example, Vec<(Hook, Cube)>> {
        let mut open = Vec::new();
        for (&hook, entry) in entries {
            for way in &entry.ways {
                for cube in cubes {
                    if open.len() >= MOST_EXAMPLES {
                        return Err(Vec::new());
                    }
                    let Some(inside) = cube.intersect(&entering(way, cube)) else {
                        continue;
                    };
                    if let Some(found) = self.example(hook, at, &inside) {
                        return Ok(found);
                    }
                    open.push((hook, inside));
                }
            }
        }
        Err(open)
    }

    /// Examples spread over a rule's packets, as far as they arrive at it.
    pub(super) fn spread(&self, at: RuleId, cubes: &[Cube]) -> impl Iterator<Item = Example> {
        let entries = self.reach.of(at.chain).into_iter().flatten();
        let ways = entries.flat_map(|(&hook, entry)| entry.ways.iter().map(move |way| (hook, way)));
        let inside = ways.flat_map(move |(hook, way)| {
            let inside = cubes
                .iter()
                .filter_map(move |cube| cube.intersect(&entering(way, cube)));
            inside.map(move |cube| (hook, cube))
        });
        let all = inside.take(MOST_EXAMPLES).flat_map(|(hook, cube)| {
            let few: Vec<Cube> = cube.samples(MOST_EXAMPLES).collect();
            few.into_iter().map(move |one| (hook, one))
        });
        all.filter_map(move |(hook, one)| self.example(hook, at, &one))
    }

    /// A packet of this cube, when the interpreter says that the rule matches it.
    pub(super) fn example(&self, hook: Hook, at: RuleId, cube: &Cube) -> Option<Example> {
        // No rule has done anything to a packet that enters.
        let entering = Cube {
            extra: cube.extra.without(Rare::is_history),
            ..cube.clone()
        };
        let packet = entering.witness(self.program.family)?;
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
        if let Ok(arrives) = self.listed(hook, at, starts, covering) {
            return Ok(arrives);
        }
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
    pub(super) fn walked(
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

/// The packets of a rule's match that the ways into its chain let through.
fn inside<'c>(cubes: &'c [Cube], entry: &'c Entry) -> impl Iterator<Item = Cube> + 'c {
    let ways = cubes
        .iter()
        .flat_map(|cube| entry.all().iter().map(move |way| (cube, way)));
    ways.filter_map(|(cube, way)| entering(way, cube).intersect(cube))
}

/// The packets of a rule's match as they enter, if no rule gives them other addresses.
pub(super) fn untranslated(
    program: &Program<'_>,
    hook: Hook,
    cubes: &[Cube],
    entry: &Entry,
) -> Vec<Cube> {
    let whole = possible(hook, program.family);
    let mut all: Vec<Cube> = Vec::new();
    for cube in inside(cubes, entry) {
        let cube = Cube {
            mark: whole.mark,
            conn_mark: whole.conn_mark,
            extra: cube.extra.without(Rare::is_history),
            ..cube
        };
        let cube = cube.intersect(&whole);
        all.extend(cube.filter(|new| !all.contains(new)));
    }
    all
}

/// The packets of a rule's match as they enter the way of a hook (the second; the first is that
/// of the rule's chain), whatever they were before rules changed them.
pub(super) fn starts(
    (program, reach): (&Program<'_>, &Reach),
    (hook, asked): (Hook, Hook),
    cubes: &[Cube],
    entry: &Entry,
) -> Vec<Cube> {
    let mut all: Vec<Cube> = Vec::new();
    let whole = possible(asked, program.family);
    // Sources are translated behind routing, and at INPUT by nat chains of that hook.
    let behind = matches!(hook, Hook::Postrouting | Hook::Egress);
    let keeps_source = !behind && (hook != Hook::Input || !reach.translates_at_input);
    for cube in inside(cubes, entry) {
        for mut origin in program.origins(&cube) {
            if keeps_source {
                origin.source.clone_from(&cube.source);
                origin.source_port.clone_from(&cube.source_port);
            }
            let entering = origin.intersect(&whole);
            all.extend(entering.filter(|new| !all.contains(new)));
        }
    }
    all
}

/// A way into a chain as the rule sees it: its marks are those that the rule asks for.
pub(super) fn entering(way: &Cube, cube: &Cube) -> Cube {
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
        let mut diagrams = Diagrams::new(program.family, NODES)?;
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

/// Notes who decides packets, whether [`telling`] ones are among them, and how.
pub(super) fn cover(covering: &mut Covering, by: Decider, first: bool, end: End) {
    let known = covering.entry(by).or_insert((first, end));
    known.0 |= first;
}

/// Which rules any packet at a hook matches.
fn sweep(program: &Program<'_>, hook: Hook) -> Result<BTreeSet<RuleId>, OverBudget> {
    let whole = possible(hook, program.family);
    let mut diagrams = Diagrams::new(program.family, NODES)?;
    let packets = diagrams.from_cube(&whole)?;
    let region = (&whole, packets);
    let decision = program.decide(&mut diagrams, hook, region, Ask::Matched, |(), _| ())?;
    Ok(decision.matched)
}
