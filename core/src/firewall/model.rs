//! Chains, rules, matches, actions.

use super::routing::Routing;
use crate::diagnostic::Code;
use crate::net::{Family, Protocol};
use crate::packet::{ByteSet, Cube, Ranges, changes};
use crate::source::Span;
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Everything that one system's exports say, in one model.
#[derive(Debug, Clone, Default)]
pub struct Firewall {
    /// What IPv4 packets meet.
    pub v4: Rules,
    /// What IPv6 packets meet.
    pub v6: Rules,
    /// Predicates that are not modelled; [`Cube::unknown`] refers to them by position. Shared by
    /// both families.
    pub unknowns: Vec<Unknown>,
    /// Named sets and maps, by name; with the table where names are a table's own (`inet fw/blocked`).
    pub objects: BTreeMap<String, Object>,
    /// Mistakes that only the text shows, not what it means.
    pub remarks: Vec<Remark>,
}

/// A mistake that the reader of a text saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Which kind.
    pub code: &'static Code,
    /// Where.
    pub span: Span,
    /// What is the matter.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

/// A named set or map, and who uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// `set` or `map`.
    pub kind: &'static str,
    /// Where it is declared.
    pub span: Span,
    /// Lines of the rules that name it.
    pub uses: BTreeSet<Span>,
    /// Whether another set holds it, or rules fill it.
    pub used_by_others: bool,
    /// Whether it has no element.
    pub empty: bool,
    /// Whether software, not a person, keeps it.
    pub generated: bool,
}

/// The chains that packets of one family meet.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// All chains; [`ChainId`] is a position here.
    pub chains: Vec<Chain>,
    /// Whether any export spoke of this family at all. Where none did, nothing filters it as far
    /// as the exports tell, which is not the same as knowing that nothing does.
    pub exported: bool,
    /// Where packets go whose destination a rule has translated.
    pub routing: Routing,
}

/// A match that is not modelled: it may hold or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The line that it stands in.
    pub span: Span,
    /// Why it is unknown, lower case, for example `` match `string` is not modelled ``.
    pub why: String,
    /// What is asked, as the dialect writes it, where the answer follows from the packet alone:
    /// then equal questions have equal answers, in another export too. Empty where the answer is
    /// the rule's own (a rate, a counter).
    pub question: String,
}

/// Position of a chain in [`Rules::chains`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub u32);

/// A rule by its chain and its position in it (from 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId {
    /// The chain that holds it.
    pub chain: ChainId,
    /// Position in that chain, from 0.
    pub index: u32,
}

/// Where in a packet's way a base chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// As they come from a device (nftables' netdev family), before all else.
    Ingress,
    /// Before routing, for packets from the network.
    Prerouting,
    /// For packets to the host itself.
    Input,
    /// For packets through the host.
    Forward,
    /// For packets from the host itself.
    Output,
    /// Behind routing, for packets to the network.
    Postrouting,
    /// As they leave by a device (nftables' netdev family), behind all else.
    Egress,
}

/// What makes a chain a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Where it is hooked in.
    pub hook: Hook,
    /// Chains of one hook run in ascending priority (netfilter's numbers: raw -300, mangle -150,
    /// dstnat -100, filter 0, security 50, srcnat 100). Chains of nat type run where address
    /// translation does, whatever their own priority: -100 before routing and at OUTPUT, 100 at
    /// INPUT and behind routing.
    pub priority: i32,
    /// Chains of one hook and priority run in ascending order of this, then the one that was
    /// declared last first, as the kernel does.
    pub order: i32,
    /// What happens to a packet at its end.
    pub policy: Policy,
    /// The line that sets the policy.
    pub span: Span,
    /// Whether only the first packet of a connection passes it (nat tables).
    pub first_packets_only: bool,
}

/// The base chains on a packet's way, in the order in which it passes them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Course {
    /// The chains.
    pub chains: Vec<ChainId>,
    /// How many of them it passes before it is routed.
    pub routing: usize,
}

/// A base chain's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// On to the next base chain.
    Accept,
    /// Denied.
    Drop,
}

/// A chain of rules.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Table as `trace` prints it, for example `filter` or `inet fw`.
    pub table: String,
    /// Name.
    pub name: String,
    /// Present when packets enter it by themselves.
    pub base: Option<Base>,
    /// The devices whose packets enter it (netdev family); none when those of all do.
    pub devices: Option<Ranges<u128>>,
    /// Whether software, not a person, writes this chain (`KUBE-…`, `cali-…`, `DOCKER…`): no
    /// hygiene or excess findings about it.
    pub generated: bool,
    /// Its rules in order. Every rule of the export is here, those without effect too. One rule of
    /// the kernel may be several here ([`Rule::number`]).
    pub rules: Vec<Rule>,
    /// Where it is declared.
    pub span: Span,
}

/// One rule, or one part of a rule that does different things to different packets (an element of
/// a verdict map).
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its position in the kernel's chain, from 1. Parts of one rule follow each other and share
    /// it; a packet matches no more than one of them.
    pub number: u32,
    /// The packets that it matches: the union of these. Empty: it matches none.
    pub matches: Vec<Cube>,
    /// What it does to them, in this order, before the action.
    pub effects: SmallVec<[Effect; 1]>,
    /// What happens to them then.
    pub action: Action,
    /// Its line in the export.
    pub span: Span,
    /// Whether software, not a person, wrote this rule into a chain of the administrator's.
    pub generated: bool,
    /// The administrator's comment, where there is one.
    pub comment: Option<String>,
}

/// What happens to a packet that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Passes this base chain; later base chains still run.
    Accept,
    /// Denied without an answer.
    Drop,
    /// Denied with an answer.
    Reject(RejectWith),
    /// Back behind the jump that led here; in a base chain, the policy.
    Return,
    /// Into another chain and back.
    Jump(ChainId),
    /// Into another chain; from its end to where the current chain would have returned.
    Goto(ChainId),
    /// On to the next rule: logging, counting, and all else that has no effect on the verdict.
    Continue,
    /// Does something to the packet that is not modelled (rewrites it, queues it, ends its way in
    /// an unknown manner): the fate of every packet that it matches depends on this line.
    Opaque {
        /// Why, lower case, for example `` target `DNAT` is not modelled ``.
        why: String,
    },
}

/// What a rule does to a packet beside deciding about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Sets the packet mark to `(mark & !clear) ^ flip`.
    SetMark {
        /// Bits that are cleared first.
        clear: u32,
        /// Bits that are flipped then.
        flip: u32,
    },
    /// Sets the connection mark to `(mark & !clear) ^ flip`.
    SetConnMark {
        /// Bits that are cleared first.
        clear: u32,
        /// Bits that are flipped then.
        flip: u32,
    },
    /// Sets the packet mark to `(mark & !clear) ^ (connection mark & care)`: restores it.
    MarkFromConn {
        /// Bits that are cleared first.
        clear: u32,
        /// Bits of the connection mark that are looked at.
        care: u32,
    },
    /// Sets the connection mark to `(connection mark & !clear) ^ (mark & care)`: saves the mark.
    ConnFromMark {
        /// Bits that are cleared first.
        clear: u32,
        /// Bits of the packet mark that are looked at.
        care: u32,
    },
    /// Tells connection tracking to leave the packet alone. Only where tracking has not run yet:
    /// later it does nothing, and dialects do not say it.
    Untrack,
    /// Translates addresses or ports. The rule must end the base chain with [`Action::Accept`].
    Translate(Box<Translation>),
}

/// New addresses and ports. A field that is none stays. Where several values are possible nobody
/// knows which one the kernel takes: what depends on it is *unknown*. Ports are translated for
/// protocols that have them; the rule must match no other when it gives a port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Translation {
    /// New source addresses.
    pub source: Option<Ranges<u128>>,
    /// New source ports.
    pub source_port: Option<Ranges<u16>>,
    /// New destination addresses.
    pub destination: Option<Ranges<u128>>,
    /// New destination ports.
    pub destination_port: Option<Ranges<u16>>,
}

/// What a rejected packet's sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectWith {
    /// A TCP reset.
    TcpReset,
    /// An ICMP error, by the name the dialect gives it.
    Icmp(String),
}

impl Firewall {
    /// The rules for packets of a family.
    #[must_use]
    pub fn rules(&self, family: Family) -> &Rules {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// The rules for packets of a family, to add to.
    pub fn rules_mut(&mut self, family: Family) -> &mut Rules {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    /// Notes that a line names a set.
    pub fn uses(&mut self, name: &str, line: Span) {
        if let Some(object) = self.objects.get_mut(name) {
            object.uses.insert(line);
        }
    }

    /// A new predicate that is not modelled; its number goes into [`Cube::assuming`].
    pub fn unknown(&mut self, span: Span, why: impl Into<String>) -> u32 {
        self.unknowns.push(Unknown {
            span,
            why: why.into(),
            question: String::new(),
        });
        u32::try_from(self.unknowns.len() - 1).unwrap_or(u32::MAX)
    }

    /// The same, for a predicate whose answer follows from the packet alone.
    pub fn unknown_question(
        &mut self,
        span: Span,
        why: impl Into<String>,
        question: impl Into<String>,
    ) -> u32 {
        let new = self.unknown(span, why);
        if let Some(unknown) = self.unknowns.last_mut() {
            unknown.question = question.into();
        }
        new
    }
}

impl Rules {
    /// A chain.
    #[must_use]
    pub fn chain(&self, id: ChainId) -> Option<&Chain> {
        self.chains.get(id.0 as usize)
    }

    /// A rule.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.chain(id.chain)?.rules.get(id.index as usize)
    }

    /// A rule's position in the kernel's chain, from 1.
    #[must_use]
    pub fn number(&self, id: RuleId) -> u32 {
        self.rule(id).map_or(0, |rule| rule.number)
    }

    /// Whether software, not a person, wrote a rule: then no hygiene or excess finding is about it.
    #[must_use]
    pub fn is_generated(&self, id: RuleId) -> bool {
        let generated = |chain| self.chain(chain).is_some_and(|chain| chain.generated);
        let rule = self.rule(id);
        generated(id.chain)
            || rule.is_some_and(|rule| match rule.action {
                Action::Jump(to) | Action::Goto(to) => rule.generated || generated(to),
                _ => rule.generated,
            })
    }

    /// All chains with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (ChainId, &Chain)> {
        self.chains
            .iter()
            .enumerate()
            .map(|(at, chain)| (ChainId(u32::try_from(at).unwrap_or(u32::MAX)), chain))
    }

    /// The base chains that a packet passes when the host is asked about a hook.
    #[must_use]
    pub fn course(&self, hook: Hook) -> Course {
        let (before, behind) = hook.way();
        let mut chains = self.bases(before);
        let routing = chains.len();
        chains.extend(self.bases(behind));
        Course { chains, routing }
    }

    fn bases(&self, hooks: &[Hook]) -> Vec<ChainId> {
        let mut found: Vec<_> = self
            .iter()
            .filter_map(|(id, chain)| {
                let base = chain.base.as_ref()?;
                let at = hooks.iter().position(|&hook| hook == base.hook)?;
                Some(((at, base.priority, base.order, Reverse(id)), id))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }
}

impl Chain {
    /// Numbers its rules as the kernel does where every rule is one of the kernel's.
    pub fn number_rules(&mut self) {
        for (number, rule) in (1..).zip(&mut self.rules) {
            rule.number = number;
        }
    }

    /// Packets that pass it as a base chain, as disjoint parts; none when all do. A nat chain sees
    /// the first packet of a connection, unless another chain of its hook has translated it; ICMP
    /// errors about a known connection are translated without it. `translated`: whether any rule
    /// translates packets at all.
    #[must_use]
    pub fn only(&self, family: Family, translated: bool) -> Option<Vec<Cube>> {
        use crate::packet::CtState;
        let base = self.base?;
        if !base.first_packets_only && self.devices.is_none() {
            return None;
        }
        let mut parts = vec![Cube::any(family)];
        if base.first_packets_only {
            let done = match base.hook {
                Hook::Input | Hook::Postrouting => changes::SOURCE,
                _ => changes::DESTINATION,
            };
            let first = Cube::any(family).with_states(&[CtState::New]);
            let mut expected =
                Cube::any(family).with_states(&[CtState::Related, CtState::RelatedReply]);
            expected.protocol = ByteSet::of(|number| !Protocol(number).is_icmp());
            parts = vec![first, expected];
            if translated {
                parts = parts
                    .into_iter()
                    .map(|part| part.with_change(done, false))
                    .collect();
            }
        }
        if let Some(devices) = &self.devices {
            for part in &mut parts {
                match base.hook {
                    Hook::Egress => part.out_interface = devices.clone(),
                    _ => part.in_interface = devices.clone(),
                }
            }
        }
        Some(parts)
    }
}

impl Base {
    /// Whether packets come to it after their sources were translated.
    #[must_use]
    pub fn runs_behind_source_translation(&self) -> bool {
        let translated = matches!(self.hook, Hook::Input | Hook::Postrouting);
        self.hook == Hook::Egress || translated && self.priority > 100
    }
}

impl Rule {
    /// A rule that does nothing else but this.
    #[must_use]
    pub fn new(matches: Vec<Cube>, action: Action, span: Span) -> Self {
        Self {
            number: 0,
            matches,
            effects: SmallVec::new(),
            action,
            span,
            generated: false,
            comment: None,
        }
    }

    /// Whether it can end a packet's way, change its course or the packet, so that evaluation must
    /// look at it.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.action != Action::Continue || !self.effects.is_empty()
    }

    /// The address translation that it makes.
    #[must_use]
    pub fn translation(&self) -> Option<&Translation> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Translate(translation) => Some(translation.as_ref()),
            _ => None,
        })
    }
}

impl Hook {
    /// The hooks that a packet passes when the host is asked about this one: what comes from the
    /// network passes PREROUTING first. Routing decides behind the first of the two lists.
    #[must_use]
    pub fn way(self) -> (&'static [Self], &'static [Self]) {
        const IN: &[Hook] = &[Hook::Ingress, Hook::Prerouting];
        const OUT: &[Hook] = &[Hook::Postrouting, Hook::Egress];
        const THROUGH: &[Hook] = &[Hook::Forward, Hook::Postrouting, Hook::Egress];
        match self {
            Self::Ingress => (&[Hook::Ingress], &[]),
            Self::Prerouting => (IN, &[]),
            Self::Input => (IN, &[Hook::Input]),
            Self::Forward => (IN, THROUGH),
            Self::Output => (&[Hook::Output], OUT),
            Self::Postrouting => (&[], OUT),
            Self::Egress => (&[], &[Hook::Egress]),
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        })
    }
}
