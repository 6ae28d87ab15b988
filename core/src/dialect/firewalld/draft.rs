//! Rules and chains as firewalld would make them, before they become the model's.

use super::config::Port;
use crate::firewall::{Hook, RejectWith};
use crate::net::{Family, PortRange, Protocol};
use crate::packet::{
    Bits, ByteSet, CtState, Cube, FieldSet, Fragment, IfName, Ranges, Rare, changes,
};
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write as _};
use std::net::IpAddr;

/// Most cubes that one rule may become before a match of it is treated as unknown.
pub(super) const MOST_CUBES: usize = 16_384;

/// Which end of a packet's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// Source address or port, interface of arrival.
    Source,
    /// Destination address or port, interface of departure.
    Destination,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Does {
    /// Accepts.
    Accept,
    /// Drops.
    Drop,
    /// Rejects.
    Reject(RejectWith),
    /// Into a chain and back.
    Jump(String),
    /// Into a chain for good.
    Goto(String),
    /// Logs, counts, sets a helper.
    Continue,
    /// Sets the mark to `(mark & !clear) ^ flip`.
    Mark { clear: u32, flip: u32 },
    /// Rewrites the source to the host's own.
    Masquerade,
    /// Rewrites the destination.
    Forward {
        /// To this address; to the host itself when absent.
        address: Option<IpAddr>,
        /// To these ports; the same when absent.
        ports: Option<PortRange>,
    },
    /// Nobody knows.
    Opaque(String),
}

/// A rule.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// Its matches as text: firewalld makes equal rules once.
    key: String,
    /// The packets, for each family.
    pub cubes: [Vec<Cube>; 2],
    /// What happens to them.
    pub does: Does,
    /// Who says so.
    pub span: Span,
    /// Whether no administrator says so.
    pub generated: bool,
}

/// A chain.
#[derive(Debug)]
pub(super) struct ChainDraft {
    /// Name.
    pub name: String,
    /// Hook, priority, whether it sees first packets only.
    pub base: Option<(Hook, i32, bool)>,
    /// Rules with the priority that they are sorted by, where they have one.
    pub rules: Vec<(Option<i32>, Draft)>,
    /// Who says so.
    pub span: Span,
}

/// A table under way.
#[derive(Debug, Default)]
pub(super) struct Ruleset {
    /// Chains in the order of their making.
    pub chains: Vec<ChainDraft>,
    names: BTreeMap<String, usize>,
    seen: BTreeSet<String>,
}

impl Ruleset {
    /// Makes a chain unless it is there.
    pub(super) fn chain(&mut self, name: &str, base: Option<(Hook, i32, bool)>, span: Span) {
        if self.names.contains_key(name) {
            return;
        }
        self.names.insert(name.to_owned(), self.chains.len());
        self.chains.push(ChainDraft {
            name: name.to_owned(),
            base,
            rules: Vec::new(),
            span,
        });
    }

    /// Whether a chain is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Adds a rule at the end, or in the order of priorities. False when there is no such chain.
    #[must_use]
    pub(super) fn add(&mut self, chain: &str, draft: Draft, priority: Option<i32>) -> bool {
        let index = priority.map(|priority| {
            let rules = self.of(chain).map(|chain| chain.rules.as_slice());
            let before = rules.unwrap_or_default().iter();
            before
                .filter(|(p, _)| p.is_some_and(|p| p <= priority))
                .count()
        });
        self.insert(chain, draft, priority, index)
    }

    /// Adds a rule at a position.
    #[must_use]
    pub(super) fn insert(
        &mut self,
        chain: &str,
        draft: Draft,
        priority: Option<i32>,
        index: Option<usize>,
    ) -> bool {
        let Some(&at) = self.names.get(chain) else {
            return false;
        };
        let key = format!("{chain} {priority:?} {} {:?}", draft.key, draft.does);
        if !self.seen.insert(key) {
            return true;
        }
        if let Some(chain) = self.chains.get_mut(at) {
            let end = chain.rules.len();
            let index = index.map_or(end, |index| index.min(end));
            chain.rules.insert(index, (priority, draft));
        }
        true
    }

    fn of(&self, chain: &str) -> Option<&ChainDraft> {
        self.chains.get(*self.names.get(chain)?)
    }
}

impl Draft {
    /// A rule that every packet matches.
    pub(super) fn new(span: Span) -> Self {
        Self {
            key: String::new(),
            cubes: Family::ALL.map(|family| vec![Cube::any(family)]),
            does: Does::Continue,
            span,
            generated: false,
        }
    }

    /// What it does.
    pub(super) fn does(mut self, does: Does) -> Self {
        if let Does::Reject(with) = &does {
            self = self.reject(with);
        }
        self.does = does;
        self
    }

    /// No administrator wrote it.
    pub(super) fn generated(mut self) -> Self {
        self.generated = true;
        self
    }

    /// Tells rules apart that match alike but are written differently.
    pub(super) fn mark(mut self, what: impl Debug) -> Self {
        let _ = write!(self.key, " {what:?}");
        self
    }

    /// A reset answers only TCP; ICMP's names only their own family.
    fn reject(self, with: &RejectWith) -> Self {
        match with {
            RejectWith::TcpReset => self.protocol(Protocol::TCP),
            RejectWith::Icmp(name) if name.starts_with("icmp6-") => self.family(Family::V6),
            RejectWith::Icmp(name) if name.starts_with("icmp-") => self.family(Family::V4),
            RejectWith::Icmp(_) => self,
        }
    }

    fn each(mut self, key: impl Debug, change: impl Fn(&mut Cube)) -> Self {
        for cubes in &mut self.cubes {
            cubes.iter_mut().for_each(&change);
        }
        self.mark(key)
    }

    /// Packets of one family.
    pub(super) fn family(mut self, family: Family) -> Self {
        for other in Family::ALL {
            if other != family {
                self.of(other).clear();
            }
        }
        self.mark(family)
    }

    fn of(&mut self, family: Family) -> &mut Vec<Cube> {
        let [v4, v6] = &mut self.cubes;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    /// Packets in any of these cubes. False when that takes too many.
    #[must_use]
    pub(super) fn any_of(&mut self, alternatives: [&[Cube]; 2], key: impl Debug) -> bool {
        let _ = write!(self.key, " {key:?}");
        for (cubes, others) in self.cubes.iter_mut().zip(alternatives) {
            if cubes.len().saturating_mul(others.len()) > MOST_CUBES {
                return false;
            }
            let both = cubes
                .iter()
                .flat_map(|cube| others.iter().filter_map(|other| cube.intersect(other)));
            *cubes = both.collect();
        }
        true
    }

    /// Packets for which an unknown predicate holds.
    pub(super) fn assuming(mut self, predicate: u32, key: impl Debug) -> Self {
        for cubes in &mut self.cubes {
            let all = std::mem::take(cubes);
            *cubes = all.into_iter().map(|c| c.assuming(predicate)).collect();
        }
        self.mark(key)
    }

    /// One protocol.
    pub(super) fn protocol(self, protocol: Protocol) -> Self {
        self.each(protocol, |cube| {
            cube.protocol = cube.protocol.and(&ByteSet::single(protocol.0));
        })
    }

    /// ICMP of either family.
    pub(super) fn any_icmp(self) -> Self {
        self.each("icmp", |cube| {
            let icmp = ByteSet::of(|number| Protocol(number).is_icmp());
            cube.protocol = cube.protocol.and(&icmp);
        })
    }

    /// Ports at one end.
    pub(super) fn port(self, end: End, port: Port) -> Self {
        let set = Ranges::span(port.ports.lo, port.ports.hi);
        self.protocol(port.protocol)
            .first_fragments()
            .each((end, port), |cube| match end {
                End::Source => cube.source_port = cube.source_port.intersect(&set),
                End::Destination => {
                    cube.destination_port = cube.destination_port.intersect(&set);
                }
            })
    }

    /// An ICMP type, with a code or with any.
    pub(super) fn icmp(self, family: Family, kind: u8, code: Option<u8>) -> Self {
        let protocol = match family {
            Family::V4 => Protocol::ICMP,
            Family::V6 => Protocol::ICMPV6,
        };
        self.family(family)
            .protocol(protocol)
            .first_fragments()
            .each((kind, code), |cube| {
                let kinds = Ranges::single(u16::from(kind));
                cube.source_port = cube.source_port.intersect(&kinds);
                if let Some(code) = code {
                    let codes = Ranges::single(u16::from(code));
                    cube.destination_port = cube.destination_port.intersect(&codes);
                }
            })
    }

    fn first_fragments(self) -> Self {
        self.each("", |cube| {
            cube.fragment = Bits(cube.fragment.0 & 1 << Fragment::First as u8);
        })
    }

    /// Conntrack states.
    pub(super) fn states(self, states: &[CtState]) -> Self {
        let bits = states.iter().fold(0, |bits, &s| bits | 1 << s as u8);
        self.each(states, |cube| cube.state = cube.state.and(&Bits(bits)))
    }

    /// Packets whose destination a rule before has rewritten.
    pub(super) fn translated(self) -> Self {
        self.each("translated", |cube| {
            *cube = cube.clone().with_change(changes::DESTINATION, true);
        })
    }

    /// Packets from a hardware address, or from any other.
    pub(super) fn mac(self, macs: &Ranges<u128>) -> Self {
        self.each(("mac", macs), |cube| {
            *cube = cube.clone().with_rare(Rare::SourceMac, macs);
        })
    }

    /// A source address.
    pub(super) fn source(self, set: &Ranges<u128>) -> Self {
        self.each(set, |cube| cube.source = cube.source.intersect(set))
    }

    /// A destination address.
    pub(super) fn destination(self, set: &Ranges<u128>) -> Self {
        self.each((0, set), |cube| {
            cube.destination = cube.destination.intersect(set);
        })
    }

    /// One of these interfaces.
    pub(super) fn interfaces(self, end: End, names: &Ranges<u128>) -> Self {
        self.each((end, names), |cube| match end {
            End::Source => cube.in_interface = cube.in_interface.intersect(names),
            End::Destination => cube.out_interface = cube.out_interface.intersect(names),
        })
    }
}

/// The names that firewalld means by `eth0` or `eth+`; none when Linux allows no such name.
pub(super) fn interface(name: &str) -> Option<Ranges<u128>> {
    match name.strip_suffix(['+', '*']) {
        Some(prefix) => IfName::starting_with(prefix),
        None => IfName::new(name).map(|name| Ranges::single(name.0)),
    }
}
