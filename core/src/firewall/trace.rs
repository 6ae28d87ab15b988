//! One packet's way through every chain, rule by rule.
//!
//! A direct interpreter, deliberately independent of the packet-set algebra: the two check each
//! other.

use super::model::{Action, ChainId, Firewall, Hook, Policy, RuleId, Rules, Unknown};
use super::program::Program;
use super::walk::Decider;
use crate::packet::{Cube, Packet};
use crate::source::Span;
use std::collections::BTreeSet;

/// More combinations of unknown predicates than this are not tried one by one.
const MOST_RUNS: usize = 256;

/// More steps than this mean that chains call each other in a circle.
const MOST_STEPS: usize = 10_000_000;

/// Jumps nest no deeper: the kernel refuses far less.
const DEEPEST: usize = 1024;

/// A packet's fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It passes.
    Accept,
    /// It is denied without an answer.
    Drop,
    /// It is denied with an answer.
    Reject,
    /// It depends on something that is not modelled.
    Unknown,
}

/// Something on the packet's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It enters a base chain.
    Enter(ChainId),
    /// It matches a rule.
    Match(RuleId),
    /// This ended its way through a base chain, with this verdict.
    Decided(Decider, Verdict),
}

/// What a verdict depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The line.
    pub span: Span,
    /// Why.
    pub why: String,
}

/// The answer for one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Its fate, whatever the unknown predicates are; [`Verdict::Unknown`] when they matter.
    pub verdict: Verdict,
    /// Its way, step by step. Where unknown predicates matter: the way as if none held.
    pub steps: Vec<Step>,
    /// What the verdict depends on; empty unless unknown.
    pub depends_on: Vec<Dependency>,
}

/// Why a run stopped before its end.
enum Stop {
    /// It needs to know whether this predicate holds.
    Needs(u32),
    /// Chains call each other in a circle.
    Circle(RuleId),
}

struct Run<'a> {
    rules: &'a Rules,
    program: Option<&'a Program<'a>>,
    packet: Packet,
    assumed: &'a [(u32, bool)],
    steps: Vec<Step>,
    taken: usize,
}

/// How a chain was left.
enum Left {
    /// By its end or a return.
    Fell,
    /// By a verdict of this rule.
    Ended(RuleId, Verdict),
}

/// Sends a packet through the base chains of a hook, looking at every rule in turn.
#[must_use]
pub fn trace(firewall: &Firewall, hook: Hook, packet: &Packet) -> Traced {
    let rules = firewall.rules(packet.family);
    explore(rules, None, &firewall.unknowns, hook, packet)
}

impl Program<'_> {
    /// The same as [`trace`] for a packet of this program's family, looking only at rules that
    /// the index finds: for many packets or long lists.
    #[must_use]
    pub fn trace(&self, unknowns: &[Unknown], hook: Hook, packet: &Packet) -> Traced {
        explore(self.rules, Some(self), unknowns, hook, packet)
    }

    /// A packet's way in one world: with these truth values of unknown predicates, and where its
    /// way asks for more, with those that let it go on (they are added). None where chains call
    /// each other in a circle, or too many predicates are asked for.
    #[must_use]
    pub fn trace_in_world(
        &self,
        hook: Hook,
        packet: &Packet,
        assumed: &mut Vec<(u32, bool)>,
    ) -> Option<(Verdict, Vec<Step>)> {
        for _ in 0..MOST_RUNS {
            let mut run = Run {
                rules: self.rules,
                program: Some(self),
                packet: *packet,
                assumed,
                steps: Vec::new(),
                taken: 0,
            };
            match run.bases(self.bases(hook)) {
                Ok(verdict) => return Some((verdict, run.steps)),
                Err(Stop::Needs(predicate)) => assumed.push((predicate, false)),
                Err(Stop::Circle(_)) => return None,
            }
        }
        None
    }
}

/// Runs the packet under every combination of the unknown predicates that its way asks for.
fn explore(
    rules: &Rules,
    program: Option<&Program<'_>>,
    unknowns: &[Unknown],
    hook: Hook,
    packet: &Packet,
) -> Traced {
    let all = || rules.bases(hook.way());
    let bases = program.map_or_else(all, |program| program.bases(hook).to_vec());
    let mut open: Vec<Vec<(u32, bool)>> = vec![Vec::new()];
    let mut first: Option<(Verdict, Vec<Step>)> = None;
    let mut verdicts = BTreeSet::new();
    let mut depends_on = BTreeSet::new();
    let mut runs = 0;
    while let Some(assumed) = open.pop() {
        runs += 1;
        let mut run = Run {
            rules,
            program,
            packet: *packet,
            assumed: &assumed,
            steps: Vec::new(),
            taken: 0,
        };
        let verdict = match run.bases(&bases) {
            Ok(verdict) => verdict,
            Err(Stop::Needs(predicate)) => {
                if let Some(unknown) = unknowns.get(predicate as usize) {
                    depends_on.insert(Dependency {
                        span: unknown.span,
                        why: unknown.why.clone(),
                    });
                }
                if runs < MOST_RUNS {
                    for holds in [true, false] {
                        let mut more = assumed.clone();
                        more.push((predicate, holds));
                        open.push(more);
                    }
                } else {
                    verdicts.insert(Verdict::Unknown);
                }
                continue;
            }
            Err(Stop::Circle(rule)) => {
                if let Some(rule) = rules.rule(rule) {
                    depends_on.insert(Dependency {
                        span: rule.span,
                        why: "chains call each other in a circle".into(),
                    });
                }
                Verdict::Unknown
            }
        };
        for step in &run.steps {
            if let Step::Decided(Decider::Rule(id), Verdict::Unknown) = step
                && let Some(rule) = rules.rule(*id)
                && let Action::Opaque { why } = &rule.action
            {
                depends_on.insert(Dependency {
                    span: rule.span,
                    why: why.clone(),
                });
            }
        }
        verdicts.insert(verdict);
        first.get_or_insert((verdict, run.steps));
    }
    let certain = verdicts.len() == 1;
    let (verdict, steps) = first.unwrap_or((Verdict::Unknown, Vec::new()));
    if certain && verdict != Verdict::Unknown {
        return Traced {
            verdict,
            steps,
            depends_on: Vec::new(),
        };
    }
    Traced {
        verdict: Verdict::Unknown,
        steps,
        depends_on: depends_on.into_iter().collect(),
    }
}

impl Run<'_> {
    fn bases(&mut self, bases: &[ChainId]) -> Result<Verdict, Stop> {
        for &id in bases {
            let Some(chain) = self.rules.chain(id) else {
                continue;
            };
            let only = chain.only(self.packet.family);
            let enters = only.is_none_or(|parts| {
                parts
                    .iter()
                    .any(|part| part.contains(&self.packet, |_| false))
            });
            if !enters {
                continue;
            }
            self.steps.push(Step::Enter(id));
            let (by, verdict) = match self.chain(id, 0)? {
                Left::Ended(rule, verdict) => (Decider::Rule(rule), verdict),
                Left::Fell => {
                    let policy = chain.base.map(|base| base.policy);
                    let denied = policy == Some(Policy::Drop);
                    let verdict = if denied {
                        Verdict::Drop
                    } else {
                        Verdict::Accept
                    };
                    (Decider::Policy(id), verdict)
                }
            };
            self.steps.push(Step::Decided(by, verdict));
            if verdict != Verdict::Accept {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Accept)
    }

    fn chain(&mut self, id: ChainId, depth: usize) -> Result<Left, Stop> {
        let rules = self.rules;
        let Some(chain) = rules.chain(id) else {
            return Ok(Left::Fell);
        };
        let all = || (0..u32::try_from(chain.rules.len()).unwrap_or(u32::MAX)).collect();
        // Rules may set the mark on the way: whoever asks the index must not ask for it.
        let near = self.program.map(|program| program.near(id, &self.packet));
        for index in near.unwrap_or_else(all) {
            let Some(rule) = chain.rules.get(index as usize) else {
                continue;
            };
            let at = RuleId { chain: id, index };
            let left_out = self.program.is_some_and(|program| program.leaves_out(at));
            if left_out || !self.matches(&rule.matches)? {
                continue;
            }
            self.steps.push(Step::Match(at));
            self.taken += 1;
            if depth > DEEPEST || self.taken > MOST_STEPS {
                return Err(Stop::Circle(at));
            }
            match &rule.action {
                Action::Accept => return Ok(Left::Ended(at, Verdict::Accept)),
                Action::Drop => return Ok(Left::Ended(at, Verdict::Drop)),
                Action::Reject(_) => return Ok(Left::Ended(at, Verdict::Reject)),
                Action::Opaque { .. } => return Ok(Left::Ended(at, Verdict::Unknown)),
                Action::Return => return Ok(Left::Fell),
                Action::Goto(to) => return self.chain(*to, depth + 1),
                Action::Jump(to) => {
                    if let ended @ Left::Ended(..) = self.chain(*to, depth + 1)? {
                        return Ok(ended);
                    }
                }
                Action::SetMark { clear, flip } => {
                    self.packet.mark = (self.packet.mark & !clear) ^ flip;
                }
                Action::Continue => {}
            }
        }
        Ok(Left::Fell)
    }

    /// Whether any of the cubes holds the packet, as far as the assumptions tell.
    fn matches(&self, cubes: &[Cube]) -> Result<bool, Stop> {
        let mut needed = None;
        for cube in cubes {
            // First every modelled field, then the unknown predicates.
            if !cube.contains(&self.packet, |predicate| cube_says(cube, predicate)) {
                continue;
            }
            let mut open = None;
            let mut contradicted = false;
            for (predicate, wanted) in cube.unknown.iter() {
                match self.assumed.iter().find(|known| known.0 == predicate) {
                    Some(&(_, holds)) => contradicted |= holds != wanted,
                    None => open = open.or(Some(predicate)),
                }
            }
            match open {
                _ if contradicted => {}
                None => return Ok(true),
                Some(predicate) => needed = needed.or(Some(predicate)),
            }
        }
        needed.map_or(Ok(false), |predicate| Err(Stop::Needs(predicate)))
    }
}

/// The truth value that a cube asks of a predicate, so that only its modelled fields decide.
fn cube_says(cube: &Cube, predicate: u32) -> bool {
    cube.unknown
        .iter()
        .any(|(p, holds)| p == predicate && holds)
}
