//! Evaluation of whole sets: what becomes of all packets of a region, by decision diagrams.
//!
//! The exact fallback of [`Program::walk`]. The walk follows pieces, and knows each piece's way;
//! on lists of wildcards and negations the pieces become too many. Here the set that is still
//! undecided goes down the list as one diagram: each rule takes out what it matches. Jumps are
//! frames on a stack; setting a mark is an image of the set. What is known of a way is only its
//! last decider and a *class*, which the caller computes from the deciders in turn.

use super::model::{Action, ChainId, Hook, Policy, RuleId};
use super::program::Program;
use super::walk::{Decider, End};
use crate::packet::diagram::{Diagrams, Field, Node};
use crate::packet::{Cube, MarkBits, OverBudget};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Nodes that may be alive at a time for one question: about 40 MB, and a second or two of work.
pub const MOST_NODES: u32 = 1_000_000;

/// What to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// What becomes of the packets.
    Fates,
    /// The same, and packets that arrive at this rule and match it end there with
    /// [`End::Reached`].
    Reaching(RuleId),
    /// Not what becomes of them, but which rules any of the packets matches.
    Matched,
}

/// Packets with one fate, one last decider and one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided<K> {
    /// Their fate.
    pub end: End,
    /// What decided last; none when no base chain is there.
    pub by: Option<Decider>,
    /// What the caller made of their deciders.
    pub class: K,
    /// The packets, as they were when they entered. Not empty.
    pub packets: Node,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Decision<K> {
    /// All packets of the region, by fate, decider and class, in that order. Empty when asked for
    /// [`Ask::Matched`].
    pub parts: Vec<Decided<K>>,
    /// Rules that any packet matches; empty unless asked for.
    pub matched: BTreeSet<RuleId>,
}

/// A chain that is being evaluated.
struct Frame {
    chain: ChainId,
    candidates: Rc<[u32]>,
    at: usize,
    /// Packets before the rule at `at`.
    live: Node,
    /// Packets that have left the chain, to be gone on with where it was called.
    left: Node,
    /// Whether it was entered by goto: then its caller is left, too.
    by_goto: bool,
}

/// Packets on their way to one base chain, by class.
type Arriving<K> = BTreeMap<(Option<Decider>, K), Node>;

struct Run<'p, 'a, 'd, K, F> {
    program: &'p Program<'a>,
    diagrams: &'d mut Diagrams,
    /// Everything in the region is in it: tells which rules matter.
    hull: &'p Cube,
    ask: Ask,
    next: F,
    candidates: BTreeMap<ChainId, Rc<[u32]>>,
    frames: Vec<Frame>,
    arriving: Arriving<K>,
    /// Packets that passed the current base chain.
    passed: Arriving<K>,
    ended: BTreeMap<(End, Option<Decider>, K), Node>,
    matched: BTreeSet<RuleId>,
}

impl Program<'_> {
    /// Sends a set of packets, all of them in `hull`, through the base chains of a hook. `next`
    /// gives the class of packets by their class so far and what decided a base chain; it starts
    /// with the default.
    ///
    /// Like [`Program::walk`], forgets on return what rules did to marks: packets get back all
    /// marks that `hull` allows.
    ///
    /// Sets made before that are neither in `region` nor kept ([`Diagrams::keep`]) may be gone
    /// after.
    ///
    /// # Errors
    ///
    /// When the diagrams grow beyond their limit.
    pub fn decide<K: Copy + Ord + Default>(
        &self,
        diagrams: &mut Diagrams,
        hook: Hook,
        (hull, region): (&Cube, Node),
        ask: Ask,
        next: impl Fn(K, Decider) -> K,
    ) -> Result<Decision<K>, OverBudget> {
        let mut run = Run {
            program: self,
            diagrams,
            hull,
            ask,
            next,
            candidates: BTreeMap::new(),
            frames: Vec::new(),
            arriving: BTreeMap::from([((None, K::default()), region)]),
            passed: BTreeMap::new(),
            ended: BTreeMap::new(),
            matched: BTreeSet::new(),
        };
        for &base in self.bases(hook) {
            run.base(base)?;
        }
        run.finish(hull.mark)
    }
}

impl<K: Copy + Ord + Default, F: Fn(K, Decider) -> K> Run<'_, '_, '_, K, F> {
    /// Sends everything that arrives through one base chain.
    fn base(&mut self, base: ChainId) -> Result<(), OverBudget> {
        let entered = self.program.rules.chain(base);
        let only = entered.and_then(|chain| chain.only(self.program.family));
        // Who decided before matters only for what this chain does not see.
        let mut classes: BTreeMap<K, Node> = BTreeMap::new();
        for (key, set) in std::mem::take(&mut self.arriving) {
            let sees = match &only {
                None => set,
                Some(only) => {
                    let sees = self.diagrams.from_cubes(only)?;
                    self.diagrams.and(set, sees)?
                }
            };
            let skips = self.diagrams.minus(set, sees)?;
            add(self.diagrams, &mut self.passed, key, skips)?;
            add(self.diagrams, &mut classes, key.1, sees)?;
        }
        let mut waiting: Vec<(K, Node)> = classes.into_iter().collect();
        waiting.reverse();
        while let Some((class, set)) = waiting.pop() {
            self.enter(base, set, false);
            while let Some(frame) = self.frames.pop() {
                if self.diagrams.pays_to_collect() {
                    let waiting = waiting.iter().map(|&(_, set)| set);
                    let needed: Vec<Node> = waiting.chain(self.roots(&frame)).collect();
                    self.diagrams.collect(needed);
                }
                self.step(frame, class)?;
            }
        }
        self.arriving = std::mem::take(&mut self.passed);
        Ok(())
    }

    fn enter(&mut self, chain: ChainId, live: Node, by_goto: bool) {
        let (program, hull) = (self.program, self.hull);
        let candidates = self.candidates.entry(chain);
        let candidates = candidates.or_insert_with(|| program.candidates(chain, hull).into());
        self.frames.push(Frame {
            chain,
            candidates: Rc::clone(candidates),
            at: 0,
            live,
            left: Node::EMPTY,
            by_goto,
        });
    }

    /// Every set that is still needed.
    fn roots<'s>(&'s self, frame: &'s Frame) -> impl Iterator<Item = Node> + 's {
        let frames = self.frames.iter().chain([frame]);
        frames
            .flat_map(|frame| [frame.live, frame.left])
            .chain(self.arriving.values().copied())
            .chain(self.passed.values().copied())
            .chain(self.ended.values().copied())
    }

    /// Applies one rule, or leaves the chain behind the last.
    fn step(&mut self, mut frame: Frame, class: K) -> Result<(), OverBudget> {
        self.diagrams.step()?;
        let entry = |at: usize| {
            let candidate = frame.candidates.get(at).filter(|_| !frame.live.is_empty());
            candidate.and_then(|&at| self.program.entry(frame.chain, at))
        };
        let Some(first) = entry(frame.at) else {
            return self.leave(&frame, class);
        };
        let id = RuleId {
            chain: frame.chain,
            index: first.rule,
        };
        let mut cubes = Vec::new();
        while let Some(alternative) = entry(frame.at).filter(|entry| entry.rule == first.rule) {
            cubes.push(alternative.cube);
            frame.at += 1;
        }
        let action = self.program.action(id);
        let is_target = self.ask == Ask::Reaching(id);
        let passes_on = action.is_some_and(|action| !action.has_effect());
        if passes_on && !is_target && self.ask != Ask::Matched {
            self.frames.push(frame);
            return Ok(());
        }
        let matching = self.diagrams.from_cubes(cubes)?;
        let matching = self.diagrams.and(frame.live, matching)?;
        if self.ask == Ask::Matched && !matching.is_empty() {
            self.matched.insert(id);
        }
        if matching.is_empty() || passes_on && !is_target {
            self.frames.push(frame);
            return Ok(());
        }
        frame.live = self.diagrams.minus(frame.live, matching)?;
        if is_target {
            self.frames.push(frame);
            return self.decided(matching, End::Reached, Decider::Rule(id), class);
        }
        self.act(frame, matching, id, action, class)
    }

    fn act(
        &mut self,
        mut frame: Frame,
        matching: Node,
        id: RuleId,
        action: Option<&Action>,
        class: K,
    ) -> Result<(), OverBudget> {
        let end = match action {
            None | Some(Action::Opaque { .. }) => End::Depends,
            Some(Action::Accept) => End::Accept,
            Some(Action::Drop) => End::Drop,
            Some(Action::Reject(_)) => End::Reject,
            Some(Action::Jump(to) | Action::Goto(to)) => {
                self.frames.push(frame);
                let by_goto = matches!(action, Some(Action::Goto(_)));
                self.enter(*to, matching, by_goto);
                return Ok(());
            }
            Some(Action::Return) => {
                frame.left = self.diagrams.or(frame.left, matching)?;
                self.frames.push(frame);
                return Ok(());
            }
            Some(Action::SetMark { clear, flip }) => {
                let marked = self.diagrams.set_mark(matching, *clear, *flip)?;
                frame.live = self.diagrams.or(frame.live, marked)?;
                self.frames.push(frame);
                return Ok(());
            }
            Some(Action::Continue) => {
                frame.live = self.diagrams.or(frame.live, matching)?;
                self.frames.push(frame);
                return Ok(());
            }
        };
        self.frames.push(frame);
        self.decided(matching, end, Decider::Rule(id), class)
    }

    /// Falls off the end of a chain: back to the caller, or to the policy of the base chain.
    fn leave(&mut self, frame: &Frame, class: K) -> Result<(), OverBudget> {
        let left = self.diagrams.or(frame.live, frame.left)?;
        if let Some(caller) = self.frames.last_mut() {
            let back = if frame.by_goto {
                &mut caller.left
            } else {
                &mut caller.live
            };
            *back = self.diagrams.or(*back, left)?;
            return Ok(());
        }
        let base = self.program.rules.chain(frame.chain);
        let policy = base.and_then(|chain| chain.base).map(|base| base.policy);
        let end = match policy {
            Some(Policy::Drop) => End::Drop,
            _ => End::Accept,
        };
        self.decided(left, end, Decider::Policy(frame.chain), class)
    }

    /// Ends a base chain for some packets: on to the next one, or denied.
    fn decided(&mut self, set: Node, end: End, by: Decider, class: K) -> Result<(), OverBudget> {
        let class = (self.next)(class, by);
        match end {
            End::Accept => add(self.diagrams, &mut self.passed, (Some(by), class), set),
            _ if self.ask == Ask::Matched => Ok(()),
            _ => add(self.diagrams, &mut self.ended, (end, Some(by), class), set),
        }
    }

    fn finish(mut self, mark: MarkBits) -> Result<Decision<K>, OverBudget> {
        let arrived = std::mem::take(&mut self.arriving);
        for ((by, class), set) in arrived.into_iter().filter(|_| self.ask != Ask::Matched) {
            add(
                self.diagrams,
                &mut self.ended,
                (End::Accept, by, class),
                set,
            )?;
        }
        let entering = Cube {
            mark,
            ..Cube::any(self.program.family)
        };
        let entering = self.diagrams.from_cube(&entering)?;
        let mut parts = Vec::new();
        for ((end, by, class), set) in self.ended {
            let unmarked = self.diagrams.forget(set, &[Field::Mark], false)?;
            parts.push(Decided {
                end,
                by,
                class,
                packets: self.diagrams.and(unmarked, entering)?,
            });
        }
        Ok(Decision {
            parts,
            matched: self.matched,
        })
    }
}

/// Joins a set to those of the same key.
fn add<T: Ord>(
    diagrams: &mut Diagrams,
    to: &mut BTreeMap<T, Node>,
    key: T,
    set: Node,
) -> Result<(), OverBudget> {
    if !set.is_empty() {
        let known = to.entry(key).or_insert(Node::EMPTY);
        *known = diagrams.or(*known, set)?;
    }
    Ok(())
}
