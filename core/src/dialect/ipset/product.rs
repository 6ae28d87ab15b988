//! From answers about elements to packets.

use super::Part;
use super::member::{Direction, Question};
use crate::net::{Family, Protocol};
use crate::packet::{Bits, Cube, Fragment, IfName, MarkBits, Ranges, Rare};
use std::collections::{BTreeMap, BTreeSet};

/// What an element demands beside the addresses that decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Key {
    /// Its other addresses.
    pub address: Option<(u128, u128)>,
    pub port: Option<(Protocol, u16, u16)>,
    pub names: Option<Ranges<u128>>,
    pub mark: Option<u32>,
    /// Its MAC address, which may be open still.
    pub mac: Option<Option<u64>>,
}

/// Decisive addresses that are certainly found, and those that may be.
pub(super) type Answer = (Ranges<u128>, Ranges<u128>);

/// Two networks that are found together.
pub(super) struct Pair {
    pub first: Ranges<u128>,
    pub second: Ranges<u128>,
}

/// A name or the beginning of names.
type Iface = (IfName, bool);

/// Whether what is of one interface is of an element's.
pub(super) fn is_of((name, wild): Iface, element: Iface) -> bool {
    let (own, prefix) = element;
    if prefix {
        names((own, true)).contains(name.0)
    } else {
        own == name && !wild
    }
}

fn names((name, wild): Iface) -> Ranges<u128> {
    if wild {
        IfName::starting_with(&name.to_string()).unwrap_or_default()
    } else {
        Ranges::single(name.0)
    }
}

/// The interfaces of elements, and for each the names that no more specific one has.
pub(super) fn interface_classes(all: impl Iterator<Item = Iface>) -> Vec<(Iface, Ranges<u128>)> {
    let all: BTreeSet<Iface> = all.collect();
    all.iter()
        .map(|&one| {
            let mut own = names(one);
            for &other in all.iter().filter(|&&other| other != one) {
                if one.1 && is_of(other, one) {
                    own = own.subtract(&names(other));
                }
            }
            (one, own)
        })
        .collect()
}

/// Elements with equal answers, joined.
pub(super) struct Merged {
    /// Interfaces, mark and MAC address; addresses and ports are beside.
    key: Key,
    addresses: Option<Ranges<u128>>,
    ports: Option<(Protocol, Ranges<u16>)>,
    answer: Answer,
}

/// Joins what differs in the first address only, then what differs in the port only, so that a
/// product of hosts and ports becomes one cube.
pub(super) fn merge(answers: impl Iterator<Item = (Key, Answer)>) -> Vec<Merged> {
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

/// Which part of an element is compared with which of a packet.
pub(super) struct Shape<'a> {
    pub parts: &'a [Part],
    /// The part whose addresses decide.
    pub decisive: Option<usize>,
    pub question: &'a Question<'a>,
    pub mark_mask: u32,
}

impl Shape<'_> {
    /// The packets of elements with one answer.
    pub(super) fn cubes(&self, merged: &Merged, certain: &mut Vec<Cube>, open: &mut Vec<Cube>) {
        let (sure, maybe) = &merged.answer;
        if self.is_open(merged) {
            open.extend(self.product(merged, &sure.union(maybe)));
            return;
        }
        certain.extend(self.product(merged, sure));
        open.extend(self.product(merged, maybe));
    }

    /// Whether an element's MAC address is open still, or one of a receiver, which the packet
    /// model does not hold.
    fn is_open(&self, merged: &Merged) -> bool {
        let at = self.parts.iter().position(|part| *part == Part::Mac);
        let direction = at.and_then(|at| self.question.directions.get(at));
        match merged.key.mac {
            None => false,
            Some(address) => address.is_none() || direction == Some(&Direction::Destination),
        }
    }

    /// The packets of a pair of networks.
    pub(super) fn pair(&self, pair: &Pair, ports: Option<&(Protocol, Ranges<u16>)>) -> Vec<Cube> {
        let merged = Merged {
            key: Key::default(),
            addresses: Some(pair.first.clone()),
            ports: ports.cloned(),
            answer: (Ranges::empty(), Ranges::empty()),
        };
        self.product(&merged, &pair.second)
    }

    fn product(&self, merged: &Merged, decisive: &Ranges<u128>) -> Vec<Cube> {
        if decisive.is_empty() {
            return Vec::new();
        }
        let family = self.question.family;
        let mut cube = Cube::any(family);
        let mut cubes = None;
        for (at, (&part, &direction)) in self.parts.iter().zip(self.question.directions).enumerate()
        {
            match part {
                Part::Ip | Part::Net => {
                    let set = if Some(at) == self.decisive {
                        Some(decisive)
                    } else {
                        merged.addresses.as_ref()
                    };
                    if let Some(set) = set {
                        set_address(&mut cube, direction, set);
                    }
                }
                Part::Port => {
                    let ports = merged.ports.as_ref();
                    cubes = ports.map(|ports| port_cubes(ports, direction, family));
                }
                Part::Iface => {
                    if let Some(names) = &merged.key.names {
                        set_interface(&mut cube, direction, names);
                    }
                }
                Part::Mark => {
                    let mark = merged.key.mark;
                    if let Some(marks) = mark.and_then(|m| MarkBits::masked(m, self.mark_mask)) {
                        cube.mark = marks;
                    }
                }
                Part::Mac => {
                    // Only frames from Ethernet have an address.
                    cube.in_interface = Ranges::full()
                        .subtract(&IfName::loopback())
                        .subtract(&Ranges::single(IfName::NONE.0));
                    if let (Some(Some(mac)), Direction::Source) = (merged.key.mac, direction) {
                        let set = Ranges::single(u128::from(mac));
                        cube = cube.with_rare(Rare::SourceMac, &set);
                    }
                }
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

pub(super) fn set_port(cube: &mut Cube, direction: Direction, ports: Ranges<u16>) {
    match direction {
        Direction::Source => cube.source_port = ports,
        Direction::Destination => cube.destination_port = ports,
    }
}

fn set_interface(cube: &mut Cube, direction: Direction, names: &Ranges<u128>) {
    match direction {
        Direction::Source => cube.in_interface = names.clone(),
        Direction::Destination => cube.out_interface = names.clone(),
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
    // Of IPv6 fragments only the first has a protocol here.
    if family == Family::V6 {
        base.fragment = first;
    }
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
