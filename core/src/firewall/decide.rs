//! Evaluation of whole sets: what becomes of all packets of a region, by decision diagrams.
//!
//! The exact fallback of [`Program::walk`]. The walk follows pieces, and knows each piece's way;
//! on lists of wildcards and negations the pieces become too many. Here the set that is still
//! undecided goes down the list as one diagram: each rule takes out what it matches. Jumps are
//! frames on a stack; setting a mark is an image of the set. What is known of a way is only its
//! last decider and a *class*, which the caller computes from the deciders in turn.

use super::effect::loose;
use super::model::{Action, ChainId, Effect, Hook, Policy, Rule, RuleId, Translation};
use super::program::Program;
use super::routing::Way;
use super::walk::{Decider, End, other};
use crate::packet::diagram::{Diagrams, Field, Node};
use crate::packet::{CtState, Cube, IfName, OverBudget, Ranges, Rare, changes};
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

/// Packets on their way to one base chain: who decided last, their class, and where they go if a
/// rule has translated their destination.
type Arriving<K> = BTreeMap<(Option<Decider>, K, Option<Way>), Node>;

/// What is the same for all packets that are in the frames: their class and their way.
type Common<K> = (K, Option<Way>);

struct Run<'p, 'a, 'd, K, F> {
    program: &'p Program<'a>,
    diagrams: &'d mut Diagrams,
    /// Everything in the region is in it.
    hull: &'p Cube,
    /// Everything that the region may become on its way is in it: tells which rules matter.
    reach: &'p Cube,
    hook: Hook,
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
        let entering = self.entering(Cube::any(self.family));
        let entering = diagrams.from_cube(&entering)?;
        let region = diagrams.and(region, entering)?;
        // Translated packets may be anywhere.
        let reach = if self.changes_packets {
            Cube::any(self.family)
        } else {
            hull.clone()
        };
        let entering = self.entering(Cube::any(self.family));
        let entering = diagrams.from_cube(&entering)?;
        let region = diagrams.and(region, entering)?;
        let mut run = Run {
            program: self,
            diagrams,
            hull,
            reach: &reach,
            hook,
            ask,
            next,
            candidates: BTreeMap::new(),
            frames: Vec::new(),
            arriving: BTreeMap::from([((None, K::default(), None), region)]),
            passed: BTreeMap::new(),
            ended: BTreeMap::new(),
            matched: BTreeSet::new(),
        };
        run.course()?;
        run.finish()
    }
}

impl<K: Copy + Ord + Default, F: Fn(K, Decider) -> K> Run<'_, '_, '_, K, F> {
    /// Sends everything through the base chains; translated packets may leave the hook's course
    /// where routing decides.
    fn course(&mut self) -> Result<(), OverBudget> {
        let program = self.program;
        let course = program.course(self.hook);
        let (before, behind) = course.chains.split_at(course.routing);
        for &base in before {
            self.base(base, |_| true)?;
        }
        let hook = self.hook;
        let is_routed = !matches!(hook, Hook::Ingress | Hook::Prerouting);
        if is_routed {
            self.route()?;
        }
        for &base in behind {
            self.base(base, |way| leads(hook, way) == hook)?;
        }
        let other = program.course(other(hook));
        if is_routed && other.chains != course.chains {
            for &base in other.chains.iter().skip(other.routing) {
                self.base(base, |way| leads(hook, way) != hook)?;
            }
        }
        Ok(())
    }

    /// Gives translated packets the interface by which they leave now.
    fn route(&mut self) -> Result<(), OverBudget> {
        let mut routed = Arriving::new();
        for ((by, class, way), mut set) in std::mem::take(&mut self.arriving) {
            let out = match (way, self.hook) {
                (None, _) => None,
                (Some(Way::Local), Hook::Output) => Some(IfName::LOOPBACK),
                (Some(Way::By(out)), _) => Some(out),
                (Some(_), _) => Some(IfName::NONE),
            };
            if let Some(out) = out {
                let name = Ranges::single(out.0);
                let mut fixed = Cube::any(self.program.family);
                fixed.out_interface = name;
                let fields = (Field::OutInterface, Rare::OriginalOut);
                set = self.replace(set, fields, &fixed, changes::ROUTED)?;
            }
            if way == Some(Way::Unknown) {
                add(
                    self.diagrams,
                    &mut self.ended,
                    (End::Depends, by, class),
                    set,
                )?;
            } else {
                add(self.diagrams, &mut routed, (by, class, way), set)?;
            }
        }
        self.arriving = routed;
        Ok(())
    }

    /// Moves a field's value aside, and gives it the one that it has in this cube.
    fn replace(
        &mut self,
        set: Node,
        (field, original): (Field, Rare),
        to: &Cube,
        change: u8,
    ) -> Result<Node, OverBudget> {
        let original = Field::Rare(original);
        let moved = self.diagrams.rename(set, field, original)?;
        let to = self.diagrams.from_cube(to)?;
        let fixed = self.diagrams.and(moved, to)?;
        self.change(fixed, change)
    }

    fn change(&mut self, set: Node, bits: u8) -> Result<Node, OverBudget> {
        let (field, bits) = (Field::Rare(Rare::Changes), u32::from(bits));
        self.diagrams.set_mark(set, field, bits, bits)
    }

    /// Sends what arrives through one base chain, if its way leads there.
    fn base(
        &mut self,
        base: ChainId,
        leads: impl Fn(Option<Way>) -> bool,
    ) -> Result<(), OverBudget> {
        let entered = self.program.rules.chain(base);
        let (family, changes) = (self.program.family, self.program.changes_packets);
        let only = entered.and_then(|chain| chain.only(family, changes));
        // Who decided before matters only for what this chain does not see.
        let mut classes: BTreeMap<Common<K>, Node> = BTreeMap::new();
        for (key, set) in std::mem::take(&mut self.arriving) {
            let sees = match &only {
                _ if !leads(key.2) => Node::EMPTY,
                None => set,
                Some(only) => {
                    let sees = self.diagrams.from_cubes(only)?;
                    self.diagrams.and(set, sees)?
                }
            };
            let skips = self.diagrams.minus(set, sees)?;
            add(self.diagrams, &mut self.passed, key, skips)?;
            add(self.diagrams, &mut classes, (key.1, key.2), sees)?;
        }
        let mut waiting: Vec<(Common<K>, Node)> = classes.into_iter().collect();
        waiting.reverse();
        while let Some((common, set)) = waiting.pop() {
            self.enter(base, set, false);
            while let Some(frame) = self.frames.pop() {
                if self.diagrams.pays_to_collect() {
                    let waiting = waiting.iter().map(|&(_, set)| set);
                    let needed: Vec<Node> = waiting.chain(self.roots(&frame)).collect();
                    self.diagrams.collect(needed);
                }
                self.step(frame, common)?;
            }
        }
        self.arriving = std::mem::take(&mut self.passed);
        Ok(())
    }

    fn enter(&mut self, chain: ChainId, live: Node, by_goto: bool) {
        let (program, reach) = (self.program, self.reach);
        let candidates = self.candidates.entry(chain);
        let candidates = candidates.or_insert_with(|| program.candidates(chain, reach).into());
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
    fn step(&mut self, mut frame: Frame, common: Common<K>) -> Result<(), OverBudget> {
        self.diagrams.step()?;
        let entry = |at: usize| {
            let candidate = frame.candidates.get(at).filter(|_| !frame.live.is_empty());
            candidate.and_then(|&at| self.program.entry(frame.chain, at))
        };
        let Some(first) = entry(frame.at) else {
            return self.leave(&frame, common);
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
        let Some(rule) = self.program.rules.rule(id) else {
            self.frames.push(frame);
            return Ok(());
        };
        let is_target = self.ask == Ask::Reaching(id);
        let passes_on = !rule.has_effect();
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
            return self.decided(matching, End::Reached, Decider::Rule(id), common);
        }
        self.act(frame, matching, id, rule, common)
    }

    fn act(
        &mut self,
        mut frame: Frame,
        matching: Node,
        id: RuleId,
        rule: &Rule,
        mut common: Common<K>,
    ) -> Result<(), OverBudget> {
        let by = Decider::Rule(id);
        let unknown = self.program.is_circular(id)
            || rule.translation().is_some_and(|to| loose(id, to).is_some());
        if unknown {
            self.frames.push(frame);
            return self.decided(matching, End::Depends, by, common);
        }
        let mut set = matching;
        let any = Cube::any(self.program.family);
        if let Some(same) = rule.translation().and_then(|to| to.unchanged(&any)) {
            // What has these addresses and ports already is not translated.
            let same = self.diagrams.from_cube(&same)?;
            let same = self.diagrams.and(set, same)?;
            set = self.diagrams.minus(set, same)?;
            self.decided(same, End::Accept, by, common)?;
        }
        for effect in &rule.effects {
            set = self.affect(set, effect, &mut common)?;
        }
        let end = match &rule.action {
            Action::Opaque { .. } => End::Depends,
            Action::Accept => End::Accept,
            Action::Drop => End::Drop,
            Action::Reject(_) => End::Reject,
            Action::Jump(to) | Action::Goto(to) => {
                self.frames.push(frame);
                let by_goto = matches!(rule.action, Action::Goto(_));
                self.enter(*to, set, by_goto);
                return Ok(());
            }
            Action::Return => {
                frame.left = self.diagrams.or(frame.left, set)?;
                self.frames.push(frame);
                return Ok(());
            }
            Action::Continue => {
                frame.live = self.diagrams.or(frame.live, set)?;
                self.frames.push(frame);
                return Ok(());
            }
        };
        self.frames.push(frame);
        self.decided(set, end, by, common)
    }

    /// Does what a rule does to all packets of a set.
    fn affect(
        &mut self,
        set: Node,
        effect: &Effect,
        common: &mut Common<K>,
    ) -> Result<Node, OverBudget> {
        let diagrams = &mut *self.diagrams;
        match effect {
            Effect::SetMark { clear, flip } => diagrams.set_mark(set, Field::Mark, *clear, *flip),
            Effect::SetConnMark { clear, flip } => {
                diagrams.set_mark(set, Field::ConnMark, *clear, *flip)
            }
            Effect::MarkFromConn { clear, care } => {
                diagrams.copy_mark(set, (Field::ConnMark, Field::Mark), *clear, *care)
            }
            Effect::ConnFromMark { clear, care } => {
                diagrams.copy_mark(set, (Field::Mark, Field::ConnMark), *clear, *care)
            }
            Effect::Untrack => {
                let tracked = Cube::any(self.program.family).with_change(changes::UNTRACKED, false);
                let tracked = diagrams.from_cube(&tracked)?;
                let tracked = diagrams.and(set, tracked)?;
                let before = diagrams.minus(set, tracked)?;
                let to = Cube::any(self.program.family).with_states(&[CtState::Untracked]);
                let fields = (Field::State, Rare::OriginalState);
                let untracked = self.replace(tracked, fields, &to, changes::UNTRACKED)?;
                self.diagrams.or(before, untracked)
            }
            Effect::Translate(to) => self.translate(set, to, common),
        }
    }

    fn translate(
        &mut self,
        mut set: Node,
        to: &Translation,
        common: &mut Common<K>,
    ) -> Result<Node, OverBudget> {
        if self.program.asks_original {
            return Err(OverBudget);
        }
        let any = Cube::any(self.program.family);
        if let Some(source) = to.source.clone() {
            let to = Cube {
                source,
                ..any.clone()
            };
            let fields = (Field::Source, Rare::OriginalSource);
            set = self.replace(set, fields, &to, changes::SOURCE_ADDRESS)?;
        }
        if let Some(source_port) = to.source_port.clone() {
            let to = Cube {
                source_port,
                ..any.clone()
            };
            let fields = (Field::SourcePort, Rare::OriginalSourcePort);
            set = self.replace(set, fields, &to, changes::SOURCE_PORT)?;
        }
        if let Some(destination) = to.destination.clone() {
            common.1 = Some(self.program.rules.routing.way(&destination));
            let to = Cube {
                destination,
                ..any.clone()
            };
            let fields = (Field::Destination, Rare::OriginalDestination);
            set = self.replace(set, fields, &to, changes::DESTINATION_ADDRESS)?;
        }
        if let Some(destination_port) = to.destination_port.clone() {
            let to = Cube {
                destination_port,
                ..any
            };
            let fields = (Field::DestinationPort, Rare::OriginalDestinationPort);
            set = self.replace(set, fields, &to, changes::DESTINATION_PORT)?;
        }
        if to.source.is_some() || to.source_port.is_some() {
            set = self.change(set, changes::SOURCE)?;
        }
        if to.destination.is_some() || to.destination_port.is_some() {
            set = self.change(set, changes::DESTINATION)?;
        }
        Ok(set)
    }

    /// Falls off the end of a chain: back to the caller, or to the policy of the base chain.
    fn leave(&mut self, frame: &Frame, common: Common<K>) -> Result<(), OverBudget> {
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
        self.decided(left, end, Decider::Policy(frame.chain), common)
    }

    /// Ends a base chain for some packets: on to the next one, or denied.
    fn decided(
        &mut self,
        set: Node,
        end: End,
        by: Decider,
        (class, way): Common<K>,
    ) -> Result<(), OverBudget> {
        let class = (self.next)(class, by);
        match end {
            End::Accept => add(self.diagrams, &mut self.passed, (Some(by), class, way), set),
            _ if self.ask == Ask::Matched => Ok(()),
            _ => add(self.diagrams, &mut self.ended, (end, Some(by), class), set),
        }
    }

    fn finish(mut self) -> Result<Decision<K>, OverBudget> {
        let arrived = std::mem::take(&mut self.arriving);
        for ((by, class, _), set) in arrived.into_iter().filter(|_| self.ask != Ask::Matched) {
            add(
                self.diagrams,
                &mut self.ended,
                (End::Accept, by, class),
                set,
            )?;
        }
        let entering = Cube {
            mark: self.hull.mark,
            conn_mark: self.hull.conn_mark,
            ..Cube::any(self.program.family)
        };
        let entering = self.diagrams.from_cube(&entering)?;
        let mut parts = Vec::new();
        for ((end, by, class), set) in std::mem::take(&mut self.ended) {
            let before = self.undo(set)?;
            parts.push(Decided {
                end,
                by,
                class,
                packets: self.diagrams.and(before, entering)?,
            });
        }
        Ok(Decision {
            parts,
            matched: self.matched,
        })
    }

    /// The packets as they entered, whatever their marks were.
    fn undo(&mut self, mut set: Node) -> Result<Node, OverBudget> {
        let moved = [
            (changes::ROUTED, Field::OutInterface, Rare::OriginalOut),
            (changes::UNTRACKED, Field::State, Rare::OriginalState),
            (changes::SOURCE_ADDRESS, Field::Source, Rare::OriginalSource),
            (
                changes::SOURCE_PORT,
                Field::SourcePort,
                Rare::OriginalSourcePort,
            ),
            (
                changes::DESTINATION_ADDRESS,
                Field::Destination,
                Rare::OriginalDestination,
            ),
            (
                changes::DESTINATION_PORT,
                Field::DestinationPort,
                Rare::OriginalDestinationPort,
            ),
        ];
        let family = self.program.family;
        for (bit, field, original) in moved.into_iter().filter(|_| self.program.changes_packets) {
            let changed = Cube::any(family).with_change(bit, true);
            let changed = self.diagrams.from_cube(&changed)?;
            let changed = self.diagrams.and(set, changed)?;
            if changed.is_empty() {
                continue;
            }
            let others = self.diagrams.minus(set, changed)?;
            let freed = self.diagrams.forget(changed, &[field], false)?;
            let back = self.diagrams.rename(freed, Field::Rare(original), field)?;
            set = self.diagrams.or(others, back)?;
        }
        let history = Rare::ALL.into_iter().filter(|field| field.is_history());
        let mut gone: Vec<Field> = history.map(Field::Rare).collect();
        gone.extend([Field::Mark, Field::ConnMark]);
        self.diagrams.forget(set, &gone, false)
    }
}

/// The hook whose course packets of another hook's question take behind routing.
fn leads(hook: Hook, way: Option<Way>) -> Hook {
    match (hook, way) {
        (Hook::Input | Hook::Forward, Some(Way::Local)) => Hook::Input,
        (Hook::Input | Hook::Forward, Some(Way::By(_))) => Hook::Forward,
        _ => hook,
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
