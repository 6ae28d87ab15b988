//! Symbolic evaluation: what becomes of every packet of a cube.
//!
//! The cube is pushed through the base chains; each rule splits what arrives into what it
//! matches and what it does not. Pieces are handled depth first, and only rules whose index hull
//! overlaps a piece are looked at, so the cost follows the rules that matter to the question, not
//! the length of the list.

use super::model::{Action, ChainId, Hook, Policy, RuleId};
use super::program::Program;
use crate::packet::{Budget, Cube, MarkBits, OverBudget};
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
    /// Which base chain it was entered from, as a position in the list of them.
    base: usize,
    via: SmallVec<[Decider; 4]>,
}

struct Task {
    cube: Cube,
    level: Rc<Level>,
    at: usize,
}

struct Walk<'p, 'a, F> {
    program: &'p Program<'a>,
    bases: &'p [ChainId],
    mark: MarkBits,
    target: Option<RuleId>,
    stack: Vec<Task>,
    visit: F,
}

impl Program<'_> {
    /// Pushes a cube through the base chains of a hook and calls `visit` with each outcome,
    /// until it breaks. Outcomes are disjoint and together are the cube.
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
        if cube.is_empty() {
            return Ok(());
        }
        let mut walk = Walk {
            program: self,
            bases: self.bases(hook),
            mark: cube.mark,
            target,
            stack: Vec::new(),
            visit,
        };
        if walk.enter_base(cube, 0, SmallVec::new()).is_break() {
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
    /// Enters the base chain at this position of the list, or ends in acceptance behind the last.
    fn enter_base(
        &mut self,
        cube: Cube,
        base: usize,
        via: SmallVec<[Decider; 4]>,
    ) -> ControlFlow<()> {
        let Some(&chain) = self.bases.get(base) else {
            return self.end(cube, End::Accept, via);
        };
        let entered = self.program.rules.chain(chain);
        let Some(only) = entered.and_then(|chain| chain.only(self.program.family)) else {
            self.enter(cube, chain, base, None, via);
            return ControlFlow::Continue(());
        };
        let mut skipping = vec![cube];
        for enters in &only {
            let mut rest = Vec::new();
            for cube in &skipping {
                cube.subtract(enters, &mut rest);
                if let Some(inside) = cube.intersect(enters) {
                    self.enter(inside, chain, base, None, via.clone());
                }
            }
            skipping = rest;
        }
        for cube in skipping {
            self.enter_base(cube, base + 1, via.clone())?;
        }
        ControlFlow::Continue(())
    }

    fn enter(
        &mut self,
        cube: Cube,
        chain: ChainId,
        base: usize,
        up: Option<(Rc<Level>, usize)>,
        via: SmallVec<[Decider; 4]>,
    ) {
        let candidates = self.program.candidates(chain, &cube);
        let level = Rc::new(Level {
            chain,
            candidates,
            up,
            base,
            via,
        });
        self.stack.push(Task { cube, level, at: 0 });
    }

    fn end(&mut self, mut cube: Cube, end: End, via: SmallVec<[Decider; 4]>) -> ControlFlow<()> {
        // Marks that rules set on the way are not part of the packet as it entered.
        cube.mark = self.mark;
        (self.visit)(Outcome { cube, end, via })
    }

    /// Ends the current base chain by this decider: on to the next one, or denied.
    fn decide(&mut self, cube: Cube, level: &Level, end: End, by: Decider) -> ControlFlow<()> {
        let mut via = level.via.clone();
        via.push(by);
        match end {
            End::Accept => self.enter_base(cube, level.base + 1, via),
            _ => self.end(cube, end, via),
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
            let action = self.program.action(id);
            let is_target = self.target == Some(id);
            if !is_target && action.is_some_and(|action| !action.has_effect()) {
                continue;
            }
            let Some(inside) = cube.intersect(entry.cube) else {
                continue;
            };
            cube.subtract(entry.cube, parts);
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
            return self.act(inside, level, position, id, action);
        }
        self.leave(cube, &level)
    }

    fn act(
        &mut self,
        mut cube: Cube,
        level: Rc<Level>,
        position: usize,
        id: RuleId,
        action: Option<&Action>,
    ) -> ControlFlow<()> {
        let by = Decider::Rule(id);
        match action {
            None | Some(Action::Opaque { .. }) => self.decide(cube, &level, End::Depends, by),
            Some(Action::Accept) => self.decide(cube, &level, End::Accept, by),
            Some(Action::Drop) => self.decide(cube, &level, End::Drop, by),
            Some(Action::Reject(_)) => self.decide(cube, &level, End::Reject, by),
            Some(Action::Return) => self.leave(cube, &level),
            Some(Action::Jump(to)) => {
                let (base, via) = (level.base, level.via.clone());
                // The matched piece goes on behind this rule, not only behind this alternative.
                let behind = self.behind(&level, position);
                self.enter(cube, *to, base, Some((level, behind)), via);
                ControlFlow::Continue(())
            }
            Some(Action::Goto(to)) => {
                let (base, via) = (level.base, level.via.clone());
                // A chain that was entered by goto returns where this one would have.
                let up = level.up.as_ref().map(|(up, at)| (Rc::clone(up), *at));
                let root = if level.up.is_none() {
                    Some((self.end_of(&level), usize::MAX))
                } else {
                    up
                };
                self.enter(cube, *to, base, root, via);
                ControlFlow::Continue(())
            }
            Some(Action::SetMark { clear, flip }) => {
                let care = cube.mark.care | clear;
                cube.mark = MarkBits {
                    care,
                    value: ((cube.mark.value & !clear) ^ flip) & care,
                };
                let at = self.behind(&level, position);
                self.stack.push(Task { cube, level, at });
                ControlFlow::Continue(())
            }
            Some(Action::Continue) => {
                self.stack.push(Task {
                    cube,
                    level,
                    at: position + 1,
                });
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
            via: level.via.clone(),
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
        let Some(&base) = self.bases.get(level.base) else {
            return self.end(cube, End::Accept, level.via.clone());
        };
        let policy = self.program.rules.chain(base).and_then(|chain| chain.base);
        let end = match policy.map(|base| base.policy) {
            Some(Policy::Drop) => End::Drop,
            _ => End::Accept,
        };
        self.decide(cube, level, end, Decider::Policy(base))
    }
}
