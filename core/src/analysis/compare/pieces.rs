//! Both firewalls' answers for the same packets, piece by piece.

use super::{One, Sides};
use crate::firewall::{Action, Decider, End, Outcome, Program, RejectWith, Translation};
use crate::net::Family;
use crate::packet::{Budget, Cube, OverBudget, Ranges, show};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::ops::ControlFlow;

/// Pieces that are kept for one hook; what makes more is left to diagrams.
pub(super) const MOST_PIECES: usize = 200_000;

/// Packets that have one fate before and one after.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// The packets, and under which assumptions.
    pub(super) cube: Cube,
    /// Their fates.
    pub(super) fate: Sides<Fate>,
    /// What ended each base chain that they passed.
    pub(super) via: Sides<SmallVec<[Decider; 4]>>,
}

/// What becomes of packets, as far as their sender and receiver can tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fate {
    pub(super) end: End,
    /// What the sender of a rejected packet is told. (Fates are compared a lot, and nothing to
    /// compare is quicker than empty texts.)
    pub(super) answer: Option<String>,
    /// How a packet that passes was translated on its way.
    pub(super) way: Way,
}

/// A list of translations, numbered by [`Ways`]. The default: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Way(u32);

/// Gives equal lists of translations equal numbers.
#[derive(Debug, Default)]
pub(super) struct Ways(RefCell<Known>);

/// What [`Ways`] has numbered.
#[derive(Debug, Default)]
struct Known {
    steps: Vec<(Way, String)>,
    numbers: FxHashMap<(Way, String), Way>,
}

impl Ways {
    /// The way of packets that went this one, and that this then decided about.
    pub(super) fn next(&self, program: &Program<'_>, way: Way, by: Decider) -> Way {
        let Decider::Rule(id) = by else {
            return way;
        };
        let rule = program.rules.rule(id);
        let Some(translation) = rule.and_then(|rule| rule.translation()) else {
            return way;
        };
        let step = (way, words(translation, program.family));
        let mut known = self.0.borrow_mut();
        if let Some(&number) = known.numbers.get(&step) {
            return number;
        }
        known.steps.push(step.clone());
        let number = Way(u32::try_from(known.steps.len()).unwrap_or(u32::MAX));
        known.numbers.insert(step, number);
        number
    }

    /// The translations in words, in their order.
    pub(super) fn text(&self, way: Way) -> String {
        let known = self.0.borrow();
        let mut steps = Vec::new();
        let mut at = way;
        while let Some((before, words)) = (at.0 as usize)
            .checked_sub(1)
            .and_then(|n| known.steps.get(n))
        {
            steps.push(words.clone());
            at = *before;
        }
        steps.reverse();
        steps.join(", then ")
    }
}

fn words(to: &Translation, family: Family) -> String {
    let address = |set: &Ranges<u128>| show::addresses(set, family);
    let parts = [
        to.source
            .as_ref()
            .map(|set| format!("source {}", address(set))),
        to.source_port
            .as_ref()
            .map(|set| format!("source port {}", show::ports(set))),
        to.destination
            .as_ref()
            .map(|set| format!("destination {}", address(set))),
        to.destination_port
            .as_ref()
            .map(|set| format!("destination port {}", show::ports(set))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// How two fates differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Denied before, permitted now.
    Opened,
    /// Permitted before, denied now.
    Closed,
    /// Denied before and now, but the sender is told something else.
    Answer,
    /// Permitted before and now, but sent on with other addresses or ports.
    Translated,
    /// What becomes of them was not known, and is not now.
    Undetermined,
}

impl Fate {
    /// The fate of packets with this end, of which this decided last.
    pub(super) fn new(program: &Program<'_>, end: End, by: Option<Decider>, way: Way) -> Self {
        let rule = match by {
            Some(Decider::Rule(id)) => program.rules.rule(id),
            _ => None,
        };
        let answer = match rule.map(|rule| &rule.action) {
            Some(Action::Reject(with)) if end == End::Reject => Some(answer(with)),
            _ => None,
        };
        // Where packets that do not pass would have gone does not matter.
        let way = if end == End::Accept {
            way
        } else {
            Way::default()
        };
        Self { end, answer, way }
    }

    /// Whether packets pass; none where that is open, for example because a rule is not modelled.
    fn passes(&self) -> Option<bool> {
        match self.end {
            End::Accept => Some(true),
            End::Drop | End::Reject => Some(false),
            End::Depends | End::Reached => None,
        }
    }

    /// Whether it is open what becomes of them.
    pub(super) fn is_open(&self) -> bool {
        self.passes().is_none()
    }

    /// How this fate differs from a later one, or may where one of them is open; not at all when
    /// the kernel does the same.
    pub(super) fn against(&self, new: &Self) -> Option<Kind> {
        match (self.passes(), new.passes()) {
            (None, None) => Some(Kind::Undetermined),
            (None | Some(false), Some(true)) | (Some(false), None) => Some(Kind::Opened),
            (None | Some(true), Some(false)) | (Some(true), None) => Some(Kind::Closed),
            (Some(false), Some(false)) => (self != new).then_some(Kind::Answer),
            (Some(true), Some(true)) => (self.way != new.way).then_some(Kind::Translated),
        }
    }
}

/// The same name for the same answer in every dialect.
fn answer(with: &RejectWith) -> String {
    match with {
        RejectWith::TcpReset => "tcp-reset".into(),
        RejectWith::Icmp(name) => {
            let bare = ["icmpx-", "icmp6-", "icmpv6-", "icmp-"];
            let bare = bare.iter().find_map(|prefix| name.strip_prefix(prefix));
            bare.unwrap_or(name).to_owned()
        }
    }
}

impl One<'_> {
    /// Adds what becomes of the packets of a cube to `out`: every piece whose fate differs, or for
    /// which that is open, and every piece under assumptions.
    pub(super) fn pieces(
        &self,
        cube: &Cube,
        budget: &mut Budget,
        out: &mut Vec<Piece>,
    ) -> Result<(), OverBudget> {
        let mut befores: Vec<Outcome> = Vec::new();
        let settled = |outcome: &Outcome| {
            let settled = self.settled.as_ref();
            settled.is_some_and(|settled| settled.is_settled(outcome))
        };
        self.programs[0].walk(self.hook, cube.clone(), budget, |outcome| {
            if !settled(&outcome) {
                befores.push(outcome);
            }
            ControlFlow::Continue(())
        })?;
        for before in befores {
            let old = self.fate(0, &before);
            self.programs[1].walk(self.hook, before.cube, budget, |after| {
                let new = self.fate(1, &after);
                if old.against(&new).is_some() || !after.cube.unknown.is_empty() {
                    out.push(Piece {
                        cube: after.cube,
                        fate: [old.clone(), new],
                        via: [before.via.clone(), after.via],
                    });
                }
                ControlFlow::Continue(())
            })?;
            if out.len() > MOST_PIECES {
                return Err(OverBudget);
            }
        }
        Ok(())
    }

    fn fate(&self, side: usize, outcome: &Outcome) -> Fate {
        let program = self.programs[side];
        let deciders = outcome.via.iter();
        let way = deciders.fold(Way::default(), |way, &by| self.ways.next(program, way, by));
        Fate::new(program, outcome.end, outcome.via.last().copied(), way)
    }
}
