//! From rule lines to the model.

use super::matches;
use super::parse::{Fault, Module, Opt, Spec};
use super::support;
use super::tables::{ChainIds, Table};
use super::values;
use super::{Backend, Header};
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::ipset::{Changes, Sets};
use crate::dialect::{Context, Notes};
use crate::firewall::{Action, ChainId, Effect, Firewall, RejectWith, Rule};
use crate::net::{Family, Protocol};
use crate::packet::{Bits, ByteSet, Cube, FieldSet, Fragment, IfName, Literals, Ranges};
use crate::source::{SourceId, Span};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// What a rule does beside deciding.
type Effects = SmallVec<[Effect; 1]>;

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
    /// Some rule rewrites header bytes, so that two looks at them may differ.
    pub rewrites_headers: bool,
    /// Sets that rules add to or delete from.
    pub changing_sets: Changes,
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

    /// Lowers one rule. What cannot be read becomes a rule that may do anything to any packet, so
    /// that nothing behind it is taken for certain.
    pub(super) fn rule(&mut self, spec: &Spec<'_>, mut work: Work<'_>, jump: &Jumps<'_>) -> Rule {
        let line = work.line;
        let (action, effects) = match self.lower(spec, &mut work, jump) {
            Ok(done) => done,
            Err(fault) => return self.unreadable(&fault, &work),
        };
        work.cubes.retain(|cube| !cube.is_empty());
        self.cubes = self.cubes.saturating_add(work.cubes.len());
        if self.cubes > MOST_CUBES_IN_ALL && work.cubes.len() > 8 {
            self.cubes -= work.cubes.len();
            let why = format!("the rules become more than {MOST_CUBES_IN_ALL} parts");
            let predicate = self.fresh(line, why);
            work.cubes = vec![literal(work.family(), predicate, true)];
            self.notes.push(
                Diagnostic::new(&input::LIMIT, "the rules become too many parts to analyse")
                    .at(line)
                    .help("answers that depend on this rule are unknown"),
            );
        }
        if action == Action::Continue && effects.is_empty() {
            // Nothing depends on whether such a rule matches: no question is asked for it.
            work.narrow(|cube| cube.unknown = Literals::default());
        }
        Rule {
            effects,
            generated: work
                .comment
                .as_deref()
                .is_some_and(support::is_generated_comment),
            comment: work.comment,
            ..Rule::new(work.cubes, action, line)
        }
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
    ) -> Result<(Action, Effects), Fault> {
        for option in &spec.base {
            base(option, work)?;
        }
        for module in &spec.matches {
            matches::lower(self, module, work)?;
        }
        let effects = match &spec.target {
            Some(target) if target.name.text == "MARK" => Effects::from_elem(mark(target)?, 1),
            _ => Effects::new(),
        };
        Ok((self.action(spec, work, jumps)?, effects))
    }

    fn action(
        &mut self,
        spec: &Spec<'_>,
        work: &mut Work<'_>,
        jumps: &Jumps<'_>,
    ) -> Result<Action, Fault> {
        let Some(target) = &spec.target else {
            return Ok(Action::Continue);
        };
        let name = target.name.text.as_ref();
        if let Some(chain) = jumps.chain(name) {
            return Ok(if spec.goto {
                Action::Goto(chain)
            } else {
                Action::Jump(chain)
            });
        }
        if let Some(action) = self.terminal(target, work)? {
            return Ok(action);
        }
        if let Some(row) = support::of_target(name) {
            return Ok(match row.state {
                support::Support::NotModelled => Action::Opaque {
                    why: format!("target `{name}` is not modelled ({})", row.note),
                },
                _ => Action::Continue,
            });
        }
        self.notes.push(
            Diagnostic::new(
                &input::DANGLING,
                format!("`{name}` is neither a chain of this table nor a known target"),
            )
            .at(Span::new(work.source, target.name.start, target.name.end))
            .help("export the whole table with `iptables-save`; answers that reach this rule are unknown"),
        );
        Ok(Action::Opaque {
            why: format!("`{name}` is neither a chain of this table nor a known target"),
        })
    }

    /// Targets that decide, return, mark, or depend on their options.
    fn terminal(
        &mut self,
        target: &Module<'_>,
        work: &mut Work<'_>,
    ) -> Result<Option<Action>, Fault> {
        let opaque = |why: &str| {
            Some(Action::Opaque {
                why: format!("target `{}` is not modelled ({why})", target.name.text),
            })
        };
        Ok(match target.name.text.as_ref() {
            "ACCEPT" => Some(Action::Accept),
            "DROP" => Some(Action::Drop),
            "RETURN" => Some(Action::Return),
            "REJECT" => Some(Action::Reject(reject(target, work)?)),
            "MARK" => Some(Action::Continue),
            "SNAT" | "MASQUERADE" => Some(Action::Accept),
            "NETMAP" if jumps_to_source(work) => Some(Action::Accept),
            "NETMAP" => opaque("rewrites the packet's destination"),
            "CONNMARK"
                if target
                    .options
                    .iter()
                    .any(|o| o.name.text == "--restore-mark") =>
            {
                opaque("sets the mark to the connection's")
            }
            _ => None,
        })
    }
}

/// NETMAP rewrites the source behind the filter, the destination before it. In a user chain it
/// may be either.
fn jumps_to_source(work: &Work<'_>) -> bool {
    work.table.chain_is_source_nat
}

/// The chains that a rule can jump to.
pub(super) struct Jumps<'a> {
    /// By name.
    pub chains: &'a ChainIds,
}

impl Jumps<'_> {
    fn chain(&self, name: &str) -> Option<ChainId> {
        self.chains.get(name).copied()
    }
}

fn reject(target: &Module<'_>, work: &Work<'_>) -> Result<RejectWith, Fault> {
    let default = match work.family() {
        Family::V4 => "icmp-port-unreachable",
        Family::V6 => "icmp6-port-unreachable",
    };
    let Some(with) = target
        .options
        .iter()
        .find(|o| o.name.text == "--reject-with")
    else {
        return Ok(RejectWith::Icmp(default.into()));
    };
    let kind = with.value()?;
    if !matches!(kind.text.as_ref(), "tcp-reset" | "tcp-rst") {
        return Ok(RejectWith::Icmp(kind.text.to_string()));
    }
    if work.protocol != Some(Protocol::TCP) {
        return Err(Fault::at(
            kind,
            "`tcp-reset` needs `-p tcp` in the same rule",
        ));
    }
    Ok(RejectWith::TcpReset)
}

fn mark(target: &Module<'_>) -> Result<Effect, Fault> {
    let [option] = target.options.as_slice() else {
        return Err(Fault::at(
            &target.name,
            "`MARK` needs one option such as `--set-xmark`",
        ));
    };
    let value = option.value()?;
    let bad = || Fault::at(value, format!("expected a mark, found `{}`", value.text));
    let (bits, mask) = values::masked(&value.text).ok_or_else(bad)?;
    let (clear, flip) = match option.name.text.as_ref() {
        "--set-xmark" => (mask, bits),
        "--set-mark" => (bits | mask, bits),
        "--and-mark" => (!bits, 0),
        "--or-mark" => (bits, bits),
        "--xor-mark" => (0, bits),
        other => {
            return Err(Fault::at(
                &option.name,
                format!("expected `--set-xmark` or its like, found `{other}`"),
            ));
        }
    };
    Ok(Effect::SetMark { clear, flip })
}

/// Options of `iptables` itself.
fn base(option: &Opt<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    match support::long_name(&option.name.text) {
        "--source" => {
            let set = address_option(option, work.family())?;
            work.narrow(|cube| cube.source = cube.source.intersect(&set));
        }
        "--destination" => {
            let set = address_option(option, work.family())?;
            work.narrow(|cube| cube.destination = cube.destination.intersect(&set));
        }
        "--in-interface" => {
            let set = interface(option)?;
            work.narrow(|cube| cube.in_interface = cube.in_interface.intersect(&set));
        }
        "--out-interface" => {
            let set = interface(option)?;
            work.narrow(|cube| cube.out_interface = cube.out_interface.intersect(&set));
        }
        "--protocol" => protocol(option, work)?,
        "--fragment" => {
            let kind = if option.negated {
                Fragment::First
            } else {
                Fragment::Later
            };
            work.narrow(|cube| cube.fragment = Bits(cube.fragment.0 & 1 << kind as u8));
        }
        _ => {}
    }
    Ok(())
}

fn address_option(option: &Opt<'_>, family: Family) -> Result<Ranges<u128>, Fault> {
    let value = option.value()?;
    let several = value.text.contains(',');
    if several && option.negated {
        return Err(Fault::at(
            value,
            "`!` is not allowed with several addresses",
        ));
    }
    let mut set = Ranges::empty();
    for part in value.text.split(',') {
        let one = values::addresses(part, family).map_err(|message| Fault::at(value, message))?;
        set = set.union(&one);
    }
    Ok(if option.negated {
        Ranges::span(0, family.max()).subtract(&set)
    } else {
        set
    })
}

fn interface(option: &Opt<'_>) -> Result<Ranges<u128>, Fault> {
    let value = option.value()?;
    let names = match value.text.strip_suffix('+') {
        Some(prefix) => IfName::starting_with(prefix),
        None => IfName::new(&value.text).map(|name| Ranges::single(name.0)),
    };
    let names = names.ok_or_else(|| {
        Fault::at(
            value,
            format!(
                "expected an interface name of at most 15 bytes, found `{}`",
                value.text
            ),
        )
    })?;
    Ok(if option.negated {
        values::complement(&names)
    } else {
        names
    })
}

fn protocol(option: &Opt<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    let value = option.value()?;
    let read = values::protocol(&value.text).map_err(|message| Fault::at(value, message))?;
    let Some(protocol) = read else {
        if option.negated {
            return Err(Fault::at(value, "`!` is not allowed with every protocol"));
        }
        return Ok(());
    };
    let mut set = ByteSet::single(protocol.0);
    // The legacy backend walks IPv6 extension headers, so their own numbers never match.
    if work.family() == Family::V6
        && work.header.backend == Backend::Legacy
        && matches!(protocol.0, 43 | 44 | 51 | 60)
    {
        set = ByteSet::EMPTY;
    }
    if option.negated {
        set = set.complement();
    } else {
        work.protocol = Some(protocol);
    }
    work.narrow(|cube| cube.protocol = cube.protocol.and(&set));
    Ok(())
}
