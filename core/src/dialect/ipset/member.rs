//! From a set and the flags of a match to packets.

use super::elements::{Element, Value};
use super::specific::{Interval, decide};
use super::{Kind, Part, Set, Sets};
use crate::net::{Family, Protocol};
use crate::packet::{Bits, ByteSet, Cube, Fragment, IfName, MarkBits, Ranges};
use std::collections::BTreeMap;

/// Which end of the packet a part of the element is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) enum Direction {
    Source,
    Destination,
}

/// A match on a set.
pub(in crate::dialect) struct Question<'a> {
    /// The set.
    pub name: &'a str,
    /// One for each part of its elements.
    pub directions: &'a [Direction],
    /// Whether what `nomatch` elements decide is asked for (`--return-nomatch`).
    pub nomatch: bool,
    /// The packets' family.
    pub family: Family,
}

/// The packets that are members of a set.
pub(in crate::dialect) enum Membership {
    /// There is no such set.
    Missing,
    /// It cannot be told, and why.
    Unknown(String),
    /// Those that certainly are, and those that may be.
    Known { certain: Vec<Cube>, open: Vec<Cube> },
}

/// What an element demands beside the addresses that decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Key {
    address: Option<(u128, u128)>,
    port: Option<(Protocol, u16, u16)>,
    iface: Option<(IfName, bool)>,
    mark: Option<u32>,
    /// Whether it demands something that the model does not hold.
    open: bool,
}

type Answer = (Ranges<u128>, Ranges<u128>);

impl Sets {
    /// The packets that are members of a set.
    pub(in crate::dialect) fn membership(&self, question: &Question<'_>) -> Membership {
        let Some(set) = self.sets.get(question.name) else {
            return Membership::Missing;
        };
        if set.kind != Kind::List {
            return set.membership(question);
        }
        let (mut certain, mut open) = (Vec::new(), Vec::new());
        for (name, expires) in &set.members {
            let Some(member) = self.sets.get(name) else {
                return Membership::Unknown(format!("its member `{name}` is not in the exports"));
            };
            match member.membership(&Question { name, ..*question }) {
                Membership::Known {
                    certain: more,
                    open: maybe,
                } => {
                    if *expires { &mut open } else { &mut certain }.extend(more);
                    open.extend(maybe);
                }
                other => return other,
            }
        }
        Membership::Known { certain, open }
    }
}

impl Set {
    fn membership(&self, question: &Question<'_>) -> Membership {
        if let Some(why) = &self.damaged {
            return Membership::Unknown(why.clone());
        }
        let none = Membership::Known {
            certain: Vec::new(),
            open: Vec::new(),
        };
        match &self.kind {
            Kind::Unknown(kind) => {
                Membership::Unknown(format!("sets of type `{kind}` are not modelled"))
            }
            Kind::List => Membership::Unknown("lists of lists are not modelled".into()),
            Kind::Ports => self.port_bitmap(question),
            Kind::Parts(parts) => {
                if question.directions.len() < parts.len() || self.family != question.family {
                    return none;
                }
                self.parts(parts, question)
            }
        }
    }

    /// `bitmap:port` looks at TCP and UDP ports and matches nothing else.
    fn port_bitmap(&self, question: &Question<'_>) -> Membership {
        let Some(&direction) = question.directions.first() else {
            return Membership::Known {
                certain: Vec::new(),
                open: Vec::new(),
            };
        };
        let ports = |expires: bool| {
            let of = self.elements.iter().filter(|e| e.expires == expires);
            Ranges::of(of.filter_map(|e| match e.values.first() {
                Some(&Value::Port(_, lo, hi)) => Some((lo, hi)),
                _ => None,
            }))
        };
        let cubes = |ports: Ranges<u16>| {
            let mut cube = Cube::any(question.family);
            cube.protocol =
                ByteSet::of(|p| Protocol(p) == Protocol::TCP || Protocol(p) == Protocol::UDP);
            cube.fragment = Bits(1 << Fragment::First as u8);
            set_port(&mut cube, direction, ports);
            if cube.is_empty() {
                Vec::new()
            } else {
                vec![cube]
            }
        };
        let certain = ports(false);
        let open = ports(true).subtract(&certain);
        Membership::Known {
            certain: cubes(certain),
            open: cubes(open),
        }
    }

    fn parts(&self, parts: &[Part], question: &Question<'_>) -> Membership {
        let networks = parts.contains(&Part::Net);
        let decisive = parts
            .iter()
            .rposition(|&p| p == Part::Net)
            .or_else(|| parts.iter().position(|&p| p == Part::Ip));
        let Some(decisive) = decisive else {
            return Membership::Unknown("MAC addresses are not modelled".into());
        };
        let excepts = self.elements.iter().any(|e| e.nomatch);
        let two = parts.iter().filter(|&&p| p == Part::Net).count() > 1;
        let wild = self.elements.iter().any(|e| {
            e.values
                .iter()
                .any(|v| matches!(v, Value::Iface(_, true) | Value::Unknown))
        });
        if excepts && (two || wild) {
            return Membership::Unknown("its `nomatch` elements cross each other".into());
        }
        let mut groups: BTreeMap<Key, Vec<Interval>> = BTreeMap::new();
        for element in &self.elements {
            if let Some((key, interval)) = split(element, decisive) {
                groups.entry(key).or_default().push(interval);
            }
        }
        if parts.contains(&Part::Iface) && !shade(&mut groups) {
            return Membership::Unknown("it has too many interfaces".into());
        }
        let answers = groups.into_iter().map(|(key, intervals)| {
            let answer = decide(intervals, networks, question.nomatch && networks);
            (key, answer)
        });
        let shape = Shape {
            parts,
            decisive,
            question,
            mark_mask: self.mark_mask,
        };
        let (mut certain, mut open) = (Vec::new(), Vec::new());
        for merged in merge(answers) {
            shape.cubes(&merged, &mut certain, &mut open);
        }
        Membership::Known { certain, open }
    }
}

/// The kernel looks for the most specific network that holds the address, of whatever interface,
/// and no further (`mtype_test_cidrs` with `multi`; seen on a live kernel): each interface's
/// networks are cut by those of the others. Says no when that would be too much.
fn shade(groups: &mut BTreeMap<Key, Vec<Interval>>) -> bool {
    let elements: usize = groups.values().map(Vec::len).sum();
    if elements.saturating_mul(groups.len()) > MOST_SHADES {
        return false;
    }
    let all: Vec<(Key, Vec<Interval>)> = groups
        .iter()
        .map(|(key, own)| (key.clone(), own.clone()))
        .collect();
    for (key, own) in groups {
        let others = all.iter().filter(|(other, _)| other != key);
        let others = others.flat_map(|(_, intervals)| intervals);
        own.extend(others.map(|interval| Interval {
            elsewhere: true,
            ..*interval
        }));
    }
    true
}

/// An element's decisive addresses and the rest.
fn split(element: &Element, decisive: usize) -> Option<(Key, Interval)> {
    let mut key = Key::default();
    let mut interval = None;
    for (at, &value) in element.values.iter().enumerate() {
        match value {
            Value::Addresses(lo, hi) if at == decisive => {
                interval = Some(Interval {
                    lo,
                    hi,
                    nomatch: element.nomatch,
                    expires: element.expires,
                    elsewhere: false,
                });
            }
            Value::Addresses(lo, hi) => key.address = Some((lo, hi)),
            Value::Port(protocol, lo, hi) => key.port = Some((protocol, lo, hi)),
            Value::Iface(name, wild) => key.iface = Some((name, wild)),
            Value::Mark(mark) => key.mark = Some(mark),
            Value::Mac(demands) => key.open |= demands,
            Value::Unknown => key.open = true,
        }
    }
    Some((key, interval?))
}

/// Elements with equal answers, joined.
struct Merged {
    /// Interface, mark and openness; addresses and ports are beside.
    key: Key,
    addresses: Option<Ranges<u128>>,
    ports: Option<(Protocol, Ranges<u16>)>,
    answer: Answer,
}

/// Joins what differs in the first address only, then what differs in the port only, so that a
/// product of hosts and ports becomes one cube.
fn merge(answers: impl Iterator<Item = (Key, Answer)>) -> Vec<Merged> {
    let mut by_address: BTreeMap<(Key, Answer), Vec<(u128, u128)>> = BTreeMap::new();
    for (mut key, answer) in answers {
        let address = key.address.take();
        by_address.entry((key, answer)).or_default().extend(address);
    }
    type Rest = (Key, Option<Ranges<u128>>, Answer, Option<Protocol>);
    let mut by_port: BTreeMap<Rest, Vec<(u16, u16)>> = BTreeMap::new();
    for ((mut key, answer), addresses) in by_address {
        let addresses = (!addresses.is_empty()).then(|| Ranges::of(addresses));
        let port = key.port.take();
        by_port
            .entry((key, addresses, answer, port.map(|(protocol, ..)| protocol)))
            .or_default()
            .extend(port.map(|(_, lo, hi)| (lo, hi)));
    }
    by_port
        .into_iter()
        .map(|((key, addresses, answer, protocol), ports)| Merged {
            key,
            addresses,
            ports: protocol.map(|protocol| (protocol, Ranges::of(ports))),
            answer,
        })
        .collect()
}

/// Most elements that are looked at for all interfaces of a set together.
const MOST_SHADES: usize = 4_000_000;

struct Shape<'a> {
    parts: &'a [Part],
    decisive: usize,
    question: &'a Question<'a>,
    mark_mask: u32,
}

impl Shape<'_> {
    fn cubes(&self, merged: &Merged, certain: &mut Vec<Cube>, open: &mut Vec<Cube>) {
        let (sure, maybe) = &merged.answer;
        if merged.key.open {
            open.extend(self.product(merged, &sure.union(maybe)));
            return;
        }
        certain.extend(self.product(merged, sure));
        open.extend(self.product(merged, maybe));
    }

    fn product(&self, merged: &Merged, decisive: &Ranges<u128>) -> Vec<Cube> {
        let mut cube = Cube::any(self.question.family);
        let mut cubes = None;
        for (at, (&part, &direction)) in self.parts.iter().zip(self.question.directions).enumerate()
        {
            match part {
                Part::Ip | Part::Net => {
                    let set = if at == self.decisive {
                        Some(decisive)
                    } else {
                        merged.addresses.as_ref()
                    };
                    if let Some(set) = set {
                        set_address(&mut cube, direction, set);
                    }
                }
                Part::Port => {
                    cubes = merged
                        .ports
                        .as_ref()
                        .map(|ports| port_cubes(ports, direction, self.question.family));
                }
                Part::Iface => {
                    if let Some((name, wild)) = merged.key.iface {
                        set_interface(&mut cube, direction, name, wild);
                    }
                }
                Part::Mark => {
                    if let Some(marks) = merged
                        .key
                        .mark
                        .and_then(|mark| MarkBits::masked(mark, self.mark_mask))
                    {
                        cube.mark = marks;
                    }
                }
                Part::Mac => {}
            }
        }
        if cube.is_empty() {
            return Vec::new();
        }
        match cubes {
            None => vec![cube],
            Some(ports) => ports
                .iter()
                .filter_map(|other| cube.intersect(other))
                .collect(),
        }
    }
}

fn set_address(cube: &mut Cube, direction: Direction, set: &Ranges<u128>) {
    match direction {
        Direction::Source => cube.source = cube.source.intersect(set),
        Direction::Destination => cube.destination = cube.destination.intersect(set),
    }
}

fn set_port(cube: &mut Cube, direction: Direction, ports: Ranges<u16>) {
    match direction {
        Direction::Source => cube.source_port = ports,
        Direction::Destination => cube.destination_port = ports,
    }
}

fn set_interface(cube: &mut Cube, direction: Direction, name: IfName, wild: bool) {
    let names = if wild {
        IfName::starting_with(&name.to_string()).unwrap_or(Ranges::empty())
    } else {
        Ranges::single(name.0)
    };
    match direction {
        Direction::Source => cube.in_interface = names,
        Direction::Destination => cube.out_interface = names,
    }
}

/// Packets with these ports. ICMP has type and code in the place of a port, whatever the
/// direction; protocols that ipset finds no ports in count as port 0 (`ip_set_getport.c`).
fn port_cubes(
    (protocol, ports): &(Protocol, Ranges<u16>),
    direction: Direction,
    family: Family,
) -> Vec<Cube> {
    let mut base = Cube::any(family).with_protocol(*protocol);
    let first = Bits(1 << Fragment::First as u8);
    if protocol.is_icmp() {
        base.fragment = first;
        return icmp_cubes(&base, ports);
    }
    if protocol.has_ports() && *protocol != Protocol::DCCP {
        base.fragment = first;
        set_port(&mut base, direction, ports.clone());
        return vec![base];
    }
    if ports.contains(0) {
        vec![base]
    } else {
        Vec::new()
    }
}

fn icmp_cubes(base: &Cube, kinds: &Ranges<u16>) -> Vec<Cube> {
    let mut codes: BTreeMap<u16, Vec<(u16, u16)>> = BTreeMap::new();
    for &(lo, hi) in kinds.intervals() {
        for kind in lo >> 8..=hi >> 8 {
            let from = if kind == lo >> 8 { lo & 0xff } else { 0 };
            let to = if kind == hi >> 8 { hi & 0xff } else { 0xff };
            codes.entry(kind).or_default().push((from, to));
        }
    }
    codes
        .into_iter()
        .map(|(kind, codes)| Cube {
            source_port: Ranges::single(kind),
            destination_port: Ranges::of(codes),
            ..base.clone()
        })
        .collect()
}
