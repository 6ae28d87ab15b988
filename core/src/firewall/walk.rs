//! Symbolic evaluation: what becomes of every packet of a cube.
//!
//! The cube is pushed through the base chains; each rule splits what arrives into what it
//! matches and what it does not. Pieces are handled depth first, and only rules whose index hull
//! overlaps a piece are looked at, so the cost follows the rules that matter to the question, not
//! the length of the list.

use super::effect::{self, Loose};
use super::model::{Action, ChainId, Course, Hook, Policy, Rule, RuleId};
use super::program::Program;
use super::routing::Way;
use crate::packet::{Budget, Cube, IfName, MarkBits, OverBudget, Ranges, changes};
use smallvec::SmallVec;
use std::ops::ControlFlow;
use std::rc::Rc;

/// What ended a packet's way through a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decider {
    /// A rule.
    Rule(RuleId),
    /// The policy of a base chain.
    Policy(ChainId),
}

/// What becomes of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// They pass all base chains.
    Accept,
    /// They are denied without an answer.
    Drop,
    /// They are denied with an answer.
    Reject,
    /// It depends on what a rule does that is not modelled.
    Depends,
    /// They arrive at the rule that was asked for, and match it.
    Reached,
}

/// Packets with one fate.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The packets, as they were when they entered, and under which assumptions about unknown
    /// predicates.
    pub cube: Cube,
    /// Their fate.
    pub end: End,
    /// What ended each base chain that they passed; the last one decides. Empty when no base
    /// chain is there.
    pub via: SmallVec<[Decider; 4]>,
}

/// One chain being walked.
struct Level {
    chain: ChainId,
    candidates: Vec<u32>,
    /// Where to go on at its end: a level and a position in that level's candidates.
    up: Option<(Rc<Level>, usize)>,
    /// Which base chain it was entered from.
    base: Place,
    trail: Trail,
}

/// A position on a packet's way.
#[derive(Clone, Copy)]
struct Place {
    /// Which course, as a position in the list of them.
    course: usize,
    /// Which base chain of it.
    at: usize,
}

/// What happened to packets before the base chain that they are in.
#[derive(Clone, Default)]
struct Trail {
    via: SmallVec<[Decider; 4]>,
    loose: SmallVec<[Rc<Loose>; 1]>,
}

struct Task {
    cube: Cube,
    level: Rc<Level>,
    at: usize,
}

struct Walk<'p, 'a, F> {
    program: &'p Program<'a>,
    hook: Hook,
    /// The course of the hook that was asked about, and of the one that translated packets may
    /// take instead; both begin alike up to where routing decides.
    courses: [&'p Course; 2],
    marks: (MarkBits, MarkBits),
    target: Option<RuleId>,
    stack: Vec<Task>,
    visit: F,
}

impl Program<'_> {
    /// Pushes a cube through the base chains of a hook and calls `visit` with each outcome,
    /// until it breaks. Outcomes together are the cube. They are disjoint, but for packets whose
    /// fate depends on what the kernel chooses: these may be in several, all [`End::Depends`].
    ///
    /// # Errors
    ///
    /// When it costs more than the budget.
    pub fn walk(
        &self,
        hook: Hook,
        cube: Cube,
        budget: &mut Budget,
        visit: impl FnMut(Outcome) -> ControlFlow<()>,
    ) -> Result<(), OverBudget> {
        self.run(hook, cube, None, budget, visit)
    }

    /// Like [`Program::walk`], and packets that arrive at `target` and match it end there with
    /// [`End::Reached`].
    ///
    /// # Errors
    ///
    /// When it costs more than the budget.
    pub fn walk_to(
        &self,
        hook: Hook,
        target: RuleId,
        cube: Cube,
        budget: &mut Budget,
        visit: impl FnMut(Outcome) -> ControlFlow<()>,
    ) -> Result<(), OverBudget> {
        self.run(hook, cube, Some(target), budget, visit)
    }

    fn run(
        &self,
        hook: Hook,
        cube: Cube,
        target: Option<RuleId>,
        budget: &mut Budget,
        visit: impl FnMut(Outcome) -> ControlFlow<()>,
    ) -> Result<(), OverBudget> {
        let marks = (cube.mark, cube.conn_mark);
        let cube = self.entering(cube);
        if cube.is_empty() {
            return Ok(());
        }
        let mut walk = Walk {
            program: self,
            hook,
            courses: [hook, other(hook)].map(|hook| self.course(hook)),
            marks,
            target,
            stack: Vec::new(),
            visit,
        };
        let start = Place { course: 0, at: 0 };
        if walk.enter_base(cube, start, Trail::default()).is_break() {
            return Ok(());
        }
        let mut parts = Vec::new();
        while let Some(task) = walk.stack.pop() {
            budget.step()?;
            if walk.step(task, &mut parts).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl<F: FnMut(Outcome) -> ControlFlow<()>> Walk<'_, '_, F> {
    /// Enters the base chain at this place, or ends in acceptance behind the last.
    fn enter_base(&mut self, mut cube: Cube, mut base: Place, trail: Trail) -> ControlFlow<()> {
        let routing = self.courses.get(base.course).map(|course| course.routing);
        if routing == Some(base.at) && !self.route(&mut cube, &mut base) {
            let mut trail = trail;
            let translator = self.translator(&trail);
            if trail.via.last() != translator.as_ref() {
                trail.via.extend(translator);
            }
            return self.end(cube, End::Depends, &trail);
        }
        let course = self.courses.get(base.course);
        let Some(&chain) = course.and_then(|course| course.chains.get(base.at)) else {
            return self.end(cube, End::Accept, &trail);
        };
        let entered = self.program.rules.chain(chain);
        let (family, changes) = (self.program.family, self.program.changes_packets);
        let Some(only) = entered.and_then(|chain| chain.only(family, changes)) else {
            self.enter(cube, chain, base, None, trail);
            return ControlFlow::Continue(());
        };
        let mut skipping = vec![cube];
        for enters in &only {
            let mut rest = Vec::new();
            for cube in &skipping {
                cube.subtract(enters, &mut rest);
                if let Some(inside) = cube.intersect(enters) {
                    self.enter(inside, chain, base, None, trail.clone());
                }
            }
            skipping = rest;
        }
        for cube in skipping {
            self.enter_base(cube, base.next(), trail.clone())?;
        }
        ControlFlow::Continue(())
    }

    /// Sends packets whose destination was translated where it leads now; false when nobody knows.
    fn route(&self, cube: &mut Cube, base: &mut Place) -> bool {
        let done = effect::changes_of(cube);
        if matches!(self.hook, Hook::Ingress | Hook::Prerouting) {
            return true;
        }
        if done & changes::DESTINATION_ADDRESS == 0 || done & changes::ROUTED != 0 {
            return true;
        }
        let (hook, out) = match (self.hook, self.program.rules.routing.way(&cube.destination)) {
            (_, Way::Unknown) => return false,
            (Hook::Output, Way::Local) => (Hook::Output, IfName::LOOPBACK),
            (Hook::Output, Way::By(out)) => (Hook::Output, out),
            (_, Way::Local) => (Hook::Input, IfName::NONE),
            (_, Way::By(out)) => (Hook::Forward, out),
        };
        if hook != self.hook && hook == other(self.hook) {
            base.course = 1;
        }
        if cube.out_interface != Ranges::single(out.0) {
            effect::reroute(cube, out);
        }
        true
    }

    /// The last rule that translated addresses.
    fn translator(&self, trail: &Trail) -> Option<Decider> {
        let translates = |by: &&Decider| match by {
            Decider::Rule(id) => {
                let rule = self.program.rules.rule(*id);
                rule.is_some_and(|rule| rule.translation().is_some())
            }
            Decider::Policy(_) => false,
        };
        trail.via.iter().rev().find(translates).copied()
    }

    fn enter(
        &mut self,
        cube: Cube,
        chain: ChainId,
        base: Place,
        up: Option<(Rc<Level>, usize)>,
        trail: Trail,
    ) {
        let candidates = self.program.candidates(chain, &cube);
        let level = Rc::new(Level {
            chain,
            candidates,
            up,
            base,
            trail,
        });
        self.stack.push(Task { cube, level, at: 0 });
    }

    fn end(&mut self, cube: Cube, end: End, trail: &Trail) -> ControlFlow<()> {
        let mut via = trail.via.clone();
        let mut end = end;
        if let Some(asked) = trail.loose.iter().find(|loose| loose.was_asked(&cube)) {
            via.push(Decider::Rule(asked.rule));
            end = End::Depends;
        }
        // What rules did on the way is not part of the packet as it entered.
        match effect::undo(cube, self.program.family, self.marks) {
            Some(cube) => (self.visit)(Outcome { cube, end, via }),
            None => ControlFlow::Continue(()),
        }
    }

    /// Ends the current base chain by this decider: on to the next one, or denied.
    fn decide(&mut self, cube: Cube, level: &Level, end: End, by: Decider) -> ControlFlow<()> {
        let mut trail = level.trail.clone();
        trail.via.push(by);
        match end {
            End::Accept => self.enter_base(cube, level.base.next(), trail),
            _ => self.end(cube, end, &trail),
        }
    }

    /// Moves one piece to the next rule that matches some of it.
    fn step(&mut self, task: Task, parts: &mut Vec<Cube>) -> ControlFlow<()> {
        let Task { cube, level, at } = task;
        for (position, &candidate) in level.candidates.iter().enumerate().skip(at) {
            let Some(entry) = self.program.entry(level.chain, candidate) else {
                continue;
            };
            let id = RuleId {
                chain: level.chain,
                index: entry.rule,
            };
            let Some(rule) = self.program.rules.rule(id) else {
                continue;
            };
            let is_target = self.target == Some(id);
            if !is_target && !rule.has_effect() {
                continue;
            }
            let Some(inside) = cube.intersect(entry.cube) else {
                continue;
            };
            level.trail.subtract(&cube, entry.cube, parts);
            for part in parts.drain(..) {
                self.stack.push(Task {
                    cube: part,
                    level: Rc::clone(&level),
                    at: position + 1,
                });
            }
            if is_target {
                return self.decide(inside, &level, End::Reached, Decider::Rule(id));
            }
            return self.act(inside, level, position, id, rule);
        }
        self.leave(cube, &level)
    }

    fn act(
        &mut self,
        cube: Cube,
        level: Rc<Level>,
        position: usize,
        id: RuleId,
        rule: &Rule,
    ) -> ControlFlow<()> {
        if self.program.is_circular(id) {
            return self.decide(cube, &level, End::Depends, Decider::Rule(id));
        }
        if rule.effects.is_empty() {
            return self.follow(cube, level, position, id, &rule.action);
        }
        let Some(parts) = effect::apply(cube.clone(), &rule.effects) else {
            return self.decide(cube, &level, End::Depends, Decider::Rule(id));
        };
        let Some(to) = rule.translation() else {
            for part in parts {
                self.follow(part, Rc::clone(&level), position, id, &rule.action)?;
            }
            return ControlFlow::Continue(());
        };
        let mut trail = level.trail.clone();
        trail.via.push(Decider::Rule(id));
        trail.loose.extend(effect::loose(id, to).map(Rc::new));
        for part in parts {
            self.enter_base(part, level.base.next(), trail.clone())?;
        }
        ControlFlow::Continue(())
    }

    fn follow(
        &mut self,
        cube: Cube,
        level: Rc<Level>,
        position: usize,
        id: RuleId,
        action: &Action,
    ) -> ControlFlow<()> {
        let by = Decider::Rule(id);
        match action {
            Action::Opaque { .. } => self.decide(cube, &level, End::Depends, by),
            Action::Accept => self.decide(cube, &level, End::Accept, by),
            Action::Drop => self.decide(cube, &level, End::Drop, by),
            Action::Reject(_) => self.decide(cube, &level, End::Reject, by),
            Action::Return => self.leave(cube, &level),
            Action::Jump(to) => {
                let (base, trail) = (level.base, level.trail.clone());
                // The matched piece goes on behind this rule, not only behind this alternative.
                let behind = self.behind(&level, position);
                self.enter(cube, *to, base, Some((level, behind)), trail);
                ControlFlow::Continue(())
            }
            Action::Goto(to) => {
                let (base, trail) = (level.base, level.trail.clone());
                // A chain that was entered by goto returns where this one would have.
                let up = level.up.as_ref().map(|(up, at)| (Rc::clone(up), *at));
                let root = if level.up.is_none() {
                    Some((self.end_of(&level), usize::MAX))
                } else {
                    up
                };
                self.enter(cube, *to, base, root, trail);
                ControlFlow::Continue(())
            }
            Action::Continue => {
                let at = self.behind(&level, position);
                self.stack.push(Task { cube, level, at });
                ControlFlow::Continue(())
            }
        }
    }

    /// A level that stands at the end of the base chain, for a goto out of it.
    fn end_of(&self, level: &Level) -> Rc<Level> {
        Rc::new(Level {
            chain: level.chain,
            candidates: Vec::new(),
            up: None,
            base: level.base,
            trail: level.trail.clone(),
        })
    }

    /// The first candidate behind all alternatives of the rule at this position.
    fn behind(&self, level: &Level, position: usize) -> usize {
        let rule_at = |candidate: &u32| {
            let entry = self.program.entry(level.chain, *candidate);
            entry.map(|entry| entry.rule)
        };
        let rule = level.candidates.get(position).and_then(rule_at);
        let rest = level.candidates.iter().skip(position);
        position
            + rest
                .take_while(|candidate| rule_at(candidate) == rule)
                .count()
    }

    /// Falls off the end of a chain or returns from it.
    fn leave(&mut self, cube: Cube, level: &Level) -> ControlFlow<()> {
        if let Some((up, at)) = &level.up {
            self.stack.push(Task {
                cube,
                level: Rc::clone(up),
                at: *at,
            });
            return ControlFlow::Continue(());
        }
        // The root level of a base chain: its policy.
        let course = self.courses.get(level.base.course);
        let Some(&base) = course.and_then(|course| course.chains.get(level.base.at)) else {
            return self.end(cube, End::Accept, &level.trail);
        };
        let policy = self.program.rules.chain(base).and_then(|chain| chain.base);
        let end = match policy.map(|base| base.policy) {
            Some(Policy::Drop) => End::Drop,
            _ => End::Accept,
        };
        self.decide(cube, level, end, Decider::Policy(base))
    }
}

/// The hook whose way packets may take instead, once their destination is translated.
pub(super) fn other(hook: Hook) -> Hook {
    match hook {
        Hook::Input => Hook::Forward,
        Hook::Forward => Hook::Input,
        same => same,
    }
}

impl Trail {
    /// Adds what a rule does not match to `out`, and asks for values that the kernel chose only
    /// where all else matches.
    fn subtract(&self, cube: &Cube, rule: &Cube, out: &mut Vec<Cube>) {
        if self.loose.is_empty() {
            return cube.subtract(rule, out);
        }
        let loose = self.loose.iter();
        let whatever = loose.fold(rule.clone(), |rule, loose| loose.widen(rule));
        cube.subtract(&whatever, out);
        if let Some(rest) = cube.intersect(&whatever) {
            rest.subtract(rule, out);
        }
    }
}

impl Place {
    fn next(self) -> Self {
        Self {
            at: self.at + 1,
            ..self
        }
    }
}
