//! One packet's way through every chain, rule by rule.
//!
//! A direct interpreter, deliberately independent of the packet-set algebra: the two check each
//! other.

use super::effect::{self, Loose, apply_to_packet};
use super::model::{Action, ChainId, Course, Firewall, Hook, Policy, Rule, RuleId, Rules, Unknown};
use super::program::Program;
use super::routing::Way;
use super::walk::{Decider, other};
use crate::packet::{Cube, Extra, IfName, Packet, Ranges, Rare, changes};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It enters a base chain.
    Enter(ChainId),
    /// It matches a rule.
    Match(RuleId),
    /// The rule changes it: what it is from now on.
    Changed(Box<Packet>),
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
    /// Where the verdict is certain but not the way to it: what the way depends on.
    pub way_depends_on: Vec<Dependency>,
    /// Whether nothing was asked that nobody knows: then the steps are certain, one by one.
    pub steps_are_certain: bool,
}

/// Why a run stopped before its end.
enum Stop {
    /// The answer of this rule is needed to a question that is open.
    Needs(RuleId, Question),
    /// Nobody knows what happens at this rule, for this reason.
    Unknown(RuleId, &'static str),
}

/// What is not known of a packet.
enum Question {
    /// Whether this predicate holds.
    Predicate(u32),
    /// Whether the value of this field is one of these.
    Field(Rare, Ranges<u128>),
}

/// What a run takes for granted.
#[derive(Clone, Default)]
struct Assumed {
    /// Which predicates hold, and which do not.
    predicates: Vec<(u32, bool)>,
    /// Values of fields that are not known.
    fields: Extra,
}

/// What is true of a packet beside what it tells itself.
#[derive(Clone, Default)]
pub struct World(Assumed);

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("World").field(&self.0.predicates).finish()
    }
}

const CIRCLE: &str = "chains call each other in a circle";
const CHOICE: &str = "the kernel chooses one of several addresses or ports";
const ROUTE: &str = "where the translated packet goes is not known: give the host's addresses and routes (`--host-addresses`, `--host-routes`)";

struct Run<'a> {
    rules: &'a Rules,
    program: Option<&'a Program<'a>>,
    packet: Packet,
    assumed: &'a Assumed,
    /// Values that the kernel chose for the packet.
    loose: Vec<Loose>,
    /// The last rule that translated the packet.
    translated_by: Option<RuleId>,
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

    /// A packet's way in one world, and its fate: where its way asks for what is not known, the
    /// world goes on being the one that is given, and fits no rule that asks for more. What was
    /// asked is added to the world. None where nobody knows, or too much is asked for.
    #[must_use]
    pub fn trace_in_world(
        &self,
        hook: Hook,
        packet: &Packet,
        world: &mut World,
    ) -> Option<(Verdict, Vec<Step>)> {
        let courses = [hook, other(hook)].map(|hook| self.course(hook));
        for _ in 0..MOST_RUNS {
            let mut run = Run {
                rules: self.rules,
                program: Some(self),
                packet: *packet,
                assumed: &world.0,
                loose: Vec::new(),
                translated_by: None,
                steps: Vec::new(),
                taken: 0,
            };
            match run.course(hook, &courses) {
                Ok(verdict) => return Some((verdict, run.steps)),
                Err(Stop::Needs(_, question)) => {
                    let answered = world.0.split(question).pop()?;
                    world.0 = answered;
                }
                Err(Stop::Unknown(..)) => return None,
            }
        }
        None
    }
}

impl World {
    /// One in which these predicates have these truth values.
    #[must_use]
    pub fn of(predicates: impl IntoIterator<Item = (u32, bool)>) -> Self {
        Self(Assumed {
            predicates: predicates.into_iter().collect(),
            fields: Extra::default(),
        })
    }
}

/// Runs the packet under every combination of what its way asks for and nobody knows.
fn explore(
    rules: &Rules,
    program: Option<&Program<'_>>,
    unknowns: &[Unknown],
    hook: Hook,
    packet: &Packet,
) -> Traced {
    let hooks = [hook, other(hook)];
    let own;
    let courses = match program {
        Some(program) => hooks.map(|hook| program.course(hook)),
        None => {
            own = hooks.map(|hook| rules.course(hook));
            own.each_ref()
        }
    };
    let mut open: Vec<Assumed> = vec![Assumed::default()];
    let mut first: Option<(Verdict, Vec<Step>)> = None;
    let mut verdicts = BTreeSet::new();
    let mut one_way = true;
    let mut depends_on = BTreeSet::new();
    let mut runs = 0;
    while let Some(assumed) = open.pop() {
        runs += 1;
        let mut run = Run {
            rules,
            program,
            packet: *packet,
            assumed: &assumed,
            loose: Vec::new(),
            translated_by: None,
            steps: Vec::new(),
            taken: 0,
        };
        let verdict = match run.course(hook, &courses) {
            Ok(verdict) => verdict,
            Err(Stop::Needs(at, question)) => {
                depends_on.extend(dependency(rules, unknowns, at, &question));
                if runs < MOST_RUNS {
                    open.extend(assumed.split(question));
                } else {
                    verdicts.insert(Verdict::Unknown);
                }
                continue;
            }
            Err(Stop::Unknown(at, why)) => {
                depends_on.extend(because(rules, at, why));
                Verdict::Unknown
            }
        };
        for step in &run.steps {
            if let Step::Decided(Decider::Rule(id), Verdict::Unknown) = step
                && let Some(rule) = rules.rule(*id)
                && let Action::Opaque { why } = &rule.action
            {
                depends_on.extend(because(rules, *id, why));
            }
        }
        verdicts.insert(verdict);
        let deciders = |steps: &[Step]| {
            let decided = steps
                .iter()
                .filter(|step| matches!(step, Step::Decided(..)));
            decided.cloned().collect::<Vec<_>>()
        };
        match &first {
            Some((_, steps)) => one_way &= deciders(steps) == deciders(&run.steps),
            None => first = Some((verdict, run.steps)),
        }
    }
    let certain = verdicts.len() == 1;
    let (verdict, steps) = first.unwrap_or((Verdict::Unknown, Vec::new()));
    let mut traced = Traced {
        verdict,
        steps,
        depends_on: Vec::new(),
        way_depends_on: Vec::new(),
        steps_are_certain: runs == 1,
    };
    if !certain || verdict == Verdict::Unknown {
        traced.verdict = Verdict::Unknown;
        traced.depends_on = depends_on.into_iter().collect();
    } else if !one_way {
        traced.way_depends_on = depends_on.into_iter().collect();
    }
    traced
}

fn because(rules: &Rules, at: RuleId, why: &str) -> Option<Dependency> {
    let rule = rules.rule(at)?;
    Some(Dependency {
        span: rule.span,
        why: why.to_owned(),
    })
}

fn dependency(
    rules: &Rules,
    unknowns: &[Unknown],
    at: RuleId,
    question: &Question,
) -> Option<Dependency> {
    match question {
        Question::Predicate(predicate) => {
            let unknown = unknowns.get(*predicate as usize)?;
            Some(Dependency {
                span: unknown.span,
                why: unknown.why.clone(),
            })
        }
        Question::Field(field, _) => {
            let why = format!("the packet's {} is not given", field.name());
            because(rules, at, &why)
        }
    }
}

impl Assumed {
    /// Both answers to a question. The one that is looked at first comes last.
    fn split(&self, question: Question) -> Vec<Self> {
        match question {
            Question::Predicate(predicate) => [true, false]
                .map(|holds| {
                    let mut more = self.clone();
                    more.predicates.push((predicate, holds));
                    more
                })
                .into(),
            Question::Field(field, values) => {
                let own = self.fields.get(field).cloned();
                let own = own.unwrap_or_else(|| field.full());
                let kinds = [own.intersect(&values), own.subtract(&values)];
                let with = |values: Ranges<u128>| Self {
                    predicates: self.predicates.clone(),
                    fields: self.fields.with(field, &values),
                };
                kinds.map(with).into()
            }
        }
    }
}

impl Run<'_> {
    /// Sends the packet through the base chains of a hook, or, from where routing decides, through
    /// those of the other one.
    fn course(&mut self, hook: Hook, courses: &[&Course; 2]) -> Result<Verdict, Stop> {
        let [own, other] = courses;
        let (before, behind) = own.chains.split_at(own.routing);
        let verdict = self.bases(before)?;
        if verdict != Verdict::Accept {
            return Ok(verdict);
        }
        if self.route(hook)? == hook {
            return self.bases(behind);
        }
        self.bases(other.chains.get(other.routing..).unwrap_or(&[]))
    }

    /// Where the packet goes, now that rules may have translated its destination.
    fn route(&mut self, hook: Hook) -> Result<Hook, Stop> {
        let done = self.packet.rare.get(Rare::Changes).unwrap_or(0);
        let translated = done & u128::from(changes::DESTINATION_ADDRESS) != 0;
        if !translated || matches!(hook, Hook::Ingress | Hook::Prerouting) {
            return Ok(hook);
        }
        let chosen = self
            .loose
            .iter()
            .find_map(|loose| loose.left.destination.clone());
        let destination = chosen.unwrap_or_else(|| Ranges::single(self.packet.destination));
        let (hook, out) = match (hook, self.rules.routing.way(&destination)) {
            (hook, Way::Unknown) => {
                let at = self.translated_by;
                return at.map_or(Ok(hook), |at| Err(Stop::Unknown(at, ROUTE)));
            }
            (Hook::Output, Way::Local) => (Hook::Output, IfName::LOOPBACK),
            (Hook::Output, Way::By(out)) => (Hook::Output, out),
            (_, Way::Local) => (Hook::Input, IfName::NONE),
            (_, Way::By(out)) => (Hook::Forward, out),
        };
        self.packet.out_interface = out;
        Ok(hook)
    }

    fn bases(&mut self, bases: &[ChainId]) -> Result<Verdict, Stop> {
        for &id in bases {
            let Some(chain) = self.rules.chain(id) else {
                continue;
            };
            let only = chain.only(self.packet.family, true);
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
        // Rules may set marks and states on the way: whoever asks the index must not ask for them.
        // Values that the kernel chose are no question for it either.
        let indexed = self.program.filter(|_| self.loose.is_empty());
        let near = indexed.map(|program| program.near(id, &self.packet));
        for index in near.unwrap_or_else(all) {
            let Some(rule) = chain.rules.get(index as usize) else {
                continue;
            };
            let at = RuleId { chain: id, index };
            if self.program.is_some_and(|program| program.leaves_out(at)) {
                continue;
            }
            let matches = match self.matches(at, &rule.matches) {
                // Nothing depends on whether a rule matches that only logs or counts.
                Err(Stop::Unknown(..)) if !rule.has_effect() => Ok(false),
                other => other,
            };
            if !matches? {
                continue;
            }
            self.steps.push(Step::Match(at));
            self.taken += 1;
            if depth > DEEPEST || self.taken > MOST_STEPS {
                return Err(Stop::Unknown(at, CIRCLE));
            }
            self.affect(at, rule);
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
                Action::Continue => {}
            }
        }
        Ok(Left::Fell)
    }

    fn affect(&mut self, at: RuleId, rule: &Rule) {
        for effect in &rule.effects {
            apply_to_packet(&mut self.packet, effect);
        }
        if let Some(to) = rule.translation() {
            self.translated_by = Some(at);
            self.loose.extend(effect::loose(at, to));
        }
        if !rule.effects.is_empty() {
            self.steps.push(Step::Changed(Box::new(self.packet)));
        }
    }

    /// Whether any of the cubes holds the packet, as far as the assumptions tell.
    fn matches(&self, at: RuleId, cubes: &[Cube]) -> Result<bool, Stop> {
        let mut needed = None;
        for cube in cubes {
            // What the kernel chose is no question where all else says no already.
            let settled =
                !self.loose.is_empty() && matches!(self.open(cube), Some(Open::Contradicted));
            if settled || !self.holds_plain(cube)? {
                continue;
            }
            match self.open(cube) {
                Some(Open::Contradicted) => {}
                None => return Ok(true),
                Some(Open::Asks(question)) => needed = needed.or(Some(question)),
            }
        }
        needed.map_or(Ok(false), |question| Err(Stop::Needs(at, question)))
    }

    /// Whether a cube holds the packet as far as its plain fields tell.
    fn holds_plain(&self, cube: &Cube) -> Result<bool, Stop> {
        let Some(first) = self.loose.first() else {
            return Ok(cube.contains_plain(&self.packet));
        };
        let plain = |cube: &Cube| Cube {
            extra: Extra::default(),
            ..cube.clone().without_assumptions()
        };
        let packets = self.loose.iter();
        let packets = packets.fold(plain(&Cube::packet(&self.packet)), |cube, loose| {
            loose.widen(cube)
        });
        let asked = plain(cube);
        if !packets.overlaps(&asked) {
            return Ok(false);
        }
        if packets.is_subset(&asked) {
            return Ok(true);
        }
        Err(Stop::Unknown(first.rule, CHOICE))
    }

    /// What of a cube is neither known nor assumed of the packet.
    fn open(&self, cube: &Cube) -> Option<Open> {
        let mut open = None;
        for (field, wanted) in cube.extra.iter() {
            let assumed = self.assumed.fields.get(field);
            match (self.packet.rare.get(field), assumed) {
                (Some(value), _) if wanted.contains(value) => {}
                (None, Some(own)) if own.is_subset(wanted) => {}
                (Some(_), _) => return Some(Open::Contradicted),
                (None, Some(own)) if !own.overlaps(wanted) => return Some(Open::Contradicted),
                (None, _) => {
                    open = open.or_else(|| Some(Question::Field(field, wanted.clone())));
                }
            }
        }
        for (predicate, wanted) in cube.unknown.iter() {
            let assumed = &self.assumed.predicates;
            match assumed.iter().find(|known| known.0 == predicate) {
                Some(&(_, holds)) if holds != wanted => return Some(Open::Contradicted),
                Some(_) => {}
                None => open = open.or(Some(Question::Predicate(predicate))),
            }
        }
        open.map(Open::Asks)
    }
}

/// Why a cube does not simply hold a packet.
enum Open {
    /// It does not, given what is assumed.
    Contradicted,
    /// It depends.
    Asks(Question),
}
