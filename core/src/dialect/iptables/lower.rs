//! From rule lines to the model.

use super::parse::{Fault, Spec};
use super::tables::{ChainIds, Table};
use super::{Header, base, matches, support, target};
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::ipset::{Changes, Sets};
use crate::dialect::{Context, Notes};
use crate::firewall::{Action, ChainId, Effect, Firewall, Rule};
use crate::net::{Family, Protocol};
use crate::packet::{Bits, Cube, Fragment, Literals, Ranges, Rare};
use crate::source::{SourceId, Span};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// What a rule does beside deciding.
pub(super) type Effects = SmallVec<[Effect; 1]>;

/// Packets that a rule matches, and what becomes of them. The parts of a rule are disjoint.
pub(super) struct Part {
    pub cubes: Vec<Cube>,
    pub effects: Effects,
    pub action: Action,
}

/// Most cubes that one rule may become before a match of it is treated as unknown.
const MOST_CUBES: usize = 16_384;

/// Most cubes of all rules together; beyond, a rule of more than a few is unknown.
const MOST_CUBES_IN_ALL: usize = 4_000_000;

/// What all rules of one system share while they are lowered.
pub(super) struct Lowering<'a> {
    /// The caller's context.
    pub context: &'a Context<'a>,
    /// Where the result goes.
    pub firewall: &'a mut Firewall,
    /// What was not understood.
    pub notes: &'a mut Notes,
    /// What the exports say of themselves as a whole.
    pub traits: Traits,
    /// Cubes of all rules so far.
    cubes: usize,
    /// Predicates by their text, so that the same text is the same predicate.
    predicates: BTreeMap<String, u32>,
    /// Set matches by set, flags and options.
    pub set_matches: BTreeMap<String, (Vec<Cube>, Vec<Cube>)>,
}

/// What the rules of all exports together imply for each of them.
#[derive(Debug, Default)]
pub(super) struct Traits {
    /// Connection tracking reassembles fragments before any rule sees them; by family.
    pub tracks: [bool; 2],
    /// Some rule tells connection tracking to leave packets alone.
    pub untracks: bool,
    /// Fields that some rule sets to another value, so that the packet's own is not what later
    /// rules see.
    pub rewrites: Rewrites,
    /// Sets that rules add to or delete from.
    pub changing_sets: Changes,
}

/// Header fields that rules rewrite.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rewrites {
    /// DSCP, TOS, ECN.
    pub tos: bool,
    /// TTL, HL.
    pub ttl: bool,
    /// TCPMSS, TCPOPTSTRIP, CHECKSUM.
    pub content: bool,
    /// Addresses and ports.
    pub addresses: bool,
}

/// One rule under way.
pub(super) struct Work<'a> {
    /// Which packets, so far.
    pub cubes: Vec<Cube>,
    /// The header of its section.
    pub header: Header<'a>,
    /// Its table.
    pub table: Table,
    /// The text it stands in.
    pub source: SourceId,
    /// Its line.
    pub line: Span,
    /// The protocol that `-p` names without negation.
    pub protocol: Option<Protocol>,
    /// The comment.
    pub comment: Option<String>,
}

impl Work<'_> {
    /// The family of its packets.
    pub(super) fn family(&self) -> Family {
        self.header.family
    }

    /// Changes every cube.
    pub(super) fn narrow(&mut self, change: impl Fn(&mut Cube)) {
        self.cubes.iter_mut().for_each(change);
    }

    /// One part for all packets.
    pub(super) fn whole(&mut self, action: Action) -> Vec<Part> {
        vec![Part {
            cubes: std::mem::take(&mut self.cubes),
            effects: Effects::new(),
            action,
        }]
    }

    /// Keeps packets with these values of a field that few rules test.
    pub(super) fn rare(&mut self, field: Rare, values: &Ranges<u128>) {
        for cube in &mut self.cubes {
            let any = Cube::any(self.header.family);
            *cube = std::mem::replace(cube, any).with_rare(field, values);
        }
        self.cubes.retain(|cube| !cube.is_empty());
    }

    /// Keeps what is not in a cube.
    pub(super) fn subtract(&mut self, other: &Cube) {
        let mut out = Vec::new();
        for cube in &self.cubes {
            cube.subtract(other, &mut out);
        }
        self.cubes = out;
    }

    /// Keeps only packets with a transport header.
    pub(super) fn first_fragments(&mut self) {
        self.narrow(|cube| cube.fragment = Bits(cube.fragment.0 & 1 << Fragment::First as u8));
    }

    /// Keeps what is in any of these cubes; false when that takes too many.
    #[must_use]
    pub(super) fn any_of(&mut self, alternatives: &[Cube]) -> bool {
        if self.cubes.len().saturating_mul(alternatives.len()) > MOST_CUBES {
            return false;
        }
        let mut out = Vec::with_capacity(self.cubes.len() * alternatives.len());
        for cube in &self.cubes {
            out.extend(
                alternatives
                    .iter()
                    .filter_map(|other| cube.intersect(other)),
            );
        }
        self.cubes = out;
        true
    }

    /// Keeps what is in this cube.
    pub(super) fn within(&mut self, other: &Cube) {
        self.cubes = self
            .cubes
            .iter()
            .filter_map(|cube| cube.intersect(other))
            .collect();
    }

    /// Assumes that an unknown predicate holds, or does not.
    pub(super) fn assume(&mut self, predicate: u32, holds: bool) {
        self.within(&literal(self.family(), predicate, holds));
    }
}

/// Every packet for which a predicate holds, or does not.
pub(super) fn literal(family: Family, predicate: u32, holds: bool) -> Cube {
    Cube {
        unknown: Literals::single(predicate, holds),
        ..Cube::any(family)
    }
}

impl<'a> Lowering<'a> {
    /// Nothing lowered yet.
    pub(super) fn new(
        context: &'a Context<'a>,
        firewall: &'a mut Firewall,
        notes: &'a mut Notes,
        mut traits: Traits,
    ) -> Self {
        context.sets.spread(&mut traits.changing_sets);
        Self {
            context,
            firewall,
            notes,
            traits,
            cubes: 0,
            predicates: BTreeMap::new(),
            set_matches: BTreeMap::new(),
        }
    }

    /// The sets that rules may name.
    pub(super) fn sets(&self) -> &'a Sets {
        self.context.sets
    }

    /// The predicate of this text, new or known.
    pub(super) fn predicate(
        &mut self,
        text: String,
        line: Span,
        why: impl FnOnce() -> String,
    ) -> u32 {
        if let Some(&known) = self.predicates.get(&text) {
            return known;
        }
        let new = self.firewall.unknown_question(line, why(), &*text);
        self.predicates.insert(text, new);
        new
    }

    /// A predicate of its own.
    pub(super) fn fresh(&mut self, line: Span, why: String) -> u32 {
        self.firewall.unknown(line, why)
    }

    /// Lowers one rule into its parts, at least one. What cannot be read becomes a rule that may
    /// do anything to any packet, so that nothing behind it is taken for certain.
    pub(super) fn rule(
        &mut self,
        spec: &Spec<'_>,
        mut work: Work<'_>,
        jumps: &Jumps<'_>,
    ) -> Vec<Rule> {
        let line = work.line;
        let parts = match self.lower(spec, &mut work, jumps) {
            Ok(parts) if parts.is_empty() => work.whole(Action::Accept),
            Ok(parts) => parts,
            Err(fault) => return vec![self.unreadable(&fault, &work)],
        };
        let comment = work.comment;
        let generated = comment
            .as_deref()
            .is_some_and(support::is_generated_comment);
        let family = work.header.family;
        let rule = |part: Part| {
            let part = self.bounded(part, family, line);
            Rule {
                effects: part.effects,
                generated,
                comment: comment.clone(),
                ..Rule::new(part.cubes, part.action, line)
            }
        };
        parts.into_iter().map(rule).collect()
    }

    /// Keeps the number of cubes within its limit.
    fn bounded(&mut self, mut part: Part, family: Family, line: Span) -> Part {
        part.cubes.retain(|cube| !cube.is_empty());
        self.cubes = self.cubes.saturating_add(part.cubes.len());
        if self.cubes > MOST_CUBES_IN_ALL && part.cubes.len() > 8 {
            self.cubes -= part.cubes.len();
            let why = format!("the rules become more than {MOST_CUBES_IN_ALL} parts");
            let predicate = self.fresh(line, why);
            part.cubes = vec![literal(family, predicate, true)];
            self.notes.push(
                Diagnostic::new(&input::LIMIT, "the rules become too many parts to analyse")
                    .at(line)
                    .help("answers that depend on this rule are unknown"),
            );
        }
        if part.action == Action::Continue && part.effects.is_empty() {
            // Nothing depends on whether such a rule matches: no question is asked for it.
            for cube in &mut part.cubes {
                cube.unknown = Literals::default();
            }
        }
        part
    }

    /// The rule that stands for a line that cannot be read.
    pub(super) fn unreadable(&mut self, fault: &Fault, work: &Work<'_>) -> Rule {
        self.notes.push(
            Diagnostic::new(&input::SYNTAX, fault.message.clone())
                .at(fault.span(work.source, work.line))
                .help(
                    "every answer that depends on this rule is unknown; correct the line, or \
                     export the rules again",
                ),
        );
        let action = Action::Opaque {
            why: format!("the rule cannot be read: {}", fault.message),
        };
        Rule::new(vec![Cube::any(work.family())], action, work.line)
    }

    fn lower(
        &mut self,
        spec: &Spec<'_>,
        work: &mut Work<'_>,
        jumps: &Jumps<'_>,
    ) -> Result<Vec<Part>, Fault> {
        for option in &spec.base {
            base::lower(self, option, work)?;
        }
        for module in &spec.matches {
            matches::lower(self, module, work)?;
        }
        target::lower(self, spec, work, jumps)
    }
}

/// The chains that a rule can jump to.
pub(super) struct Jumps<'a> {
    /// By name.
    pub chains: &'a ChainIds,
}

impl Jumps<'_> {
    pub(super) fn chain(&self, name: &str) -> Option<ChainId> {
        self.chains.get(name).copied()
    }
}
