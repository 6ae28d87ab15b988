//! Both firewalls' answers for the same packets, piece by piece.

use super::Sides;
use crate::firewall::{Action, Decider, End, Hook, Outcome, Program, RejectWith};
use crate::packet::{Budget, Cube, OverBudget};
use smallvec::SmallVec;
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
    /// What the sender of a rejected packet is told.
    pub(super) answer: String,
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
    /// What becomes of them was not known, and is not now.
    Undetermined,
}

impl Fate {
    /// The fate of packets with this end, of which this decided last.
    pub(super) fn new(program: &Program<'_>, end: End, by: Option<Decider>) -> Self {
        let rule = match by {
            Some(Decider::Rule(id)) => program.rules.rule(id),
            _ => None,
        };
        let answer = match rule.map(|rule| &rule.action) {
            Some(Action::Reject(with)) if end == End::Reject => answer(with),
            _ => String::new(),
        };
        Self { end, answer }
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
            (Some(true), Some(true)) => None,
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

/// Adds what becomes of the packets of a cube to `out`: every piece whose fate differs, or for
/// which that is open, and every piece under assumptions.
pub(super) fn pieces(
    programs: Sides<&Program<'_>>,
    hook: Hook,
    cube: &Cube,
    budget: &mut Budget,
    out: &mut Vec<Piece>,
) -> Result<(), OverBudget> {
    let mut befores: Vec<Outcome> = Vec::new();
    programs[0].walk(hook, cube.clone(), budget, |outcome| {
        befores.push(outcome);
        ControlFlow::Continue(())
    })?;
    let fate = |side: usize, outcome: &Outcome| {
        let program = programs[side];
        Fate::new(program, outcome.end, outcome.via.last().copied())
    };
    for before in befores {
        let old = fate(0, &before);
        programs[1].walk(hook, before.cube, budget, |after| {
            let new = fate(1, &after);
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
