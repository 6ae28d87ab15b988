//! From a set and the flags of a match to packets.

use super::change::{Change, Changes};
use super::elements::{Element, Value};
use super::nested;
use super::product::{Answer, Key, Pair, Shape, merge, set_port};
use super::specific::{Interval, decide};
use super::{Kind, Part, Set, Sets, product};
use crate::net::{Family, Protocol};
use crate::packet::{Bits, ByteSet, Cube, Fragment, Ranges};
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
    /// Whether elements count only with certain counters: each may be passed over then.
    pub counted: bool,
    /// The packets' family.
    pub family: Family,
    /// What rules do to sets.
    pub changes: &'a Changes,
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

const NONE: Membership = Membership::Known {
    certain: Vec::new(),
    open: Vec::new(),
};

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
            // Counters of the list are asked, not those of its members.
            let inner = Question {
                name,
                counted: false,
                ..*question
            };
            match member.membership(&inner) {
                Membership::Known {
                    certain: more,
                    open: maybe,
                } => {
                    let lasting = !expires && !question.counted;
                    if lasting { &mut certain } else { &mut open }.extend(more);
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
        let known = match &self.kind {
            Kind::Unknown(kind) => {
                return Membership::Unknown(format!("sets of type `{kind}` are not modelled"));
            }
            Kind::List => {
                return Membership::Unknown("the kernel refuses lists of lists".into());
            }
            Kind::Ports if question.directions.is_empty() => NONE,
            Kind::Ports => self.port_bitmap(question),
            Kind::Parts(parts)
                if question.directions.len() < parts.len() || !self.has_family(question) =>
            {
                return NONE;
            }
            Kind::Parts(parts) => self.parts(parts, question),
        };
        match (known, question.changes.get(question.name)) {
            (Membership::Known { certain, open }, Some(&change)) => {
                self.changed(change, question, certain, open)
            }
            (known, _) => known,
        }
    }

    /// Sets of MAC addresses have no family.
    fn has_family(&self, question: &Question<'_>) -> bool {
        self.family == question.family || self.kind == Kind::Parts(vec![Part::Mac])
    }

    /// Whether some element excepts what it matches.
    fn excepts(&self) -> bool {
        self.elements.iter().any(|e| e.nomatch)
    }

    /// What remains certain where rules add or delete elements.
    fn changed(
        &self,
        change: Change,
        question: &Question<'_>,
        certain: Vec<Cube>,
        mut open: Vec<Cube>,
    ) -> Membership {
        let lasting = self.bitmap && !change.deleted && !self.timeouts;
        if !lasting {
            open.extend(certain.iter().cloned());
        }
        if change.deleted
            && self.excepts()
            && !question.counted
            && let Kind::Parts(parts) = &self.kind
        {
            let any = Question {
                counted: true,
                ..*question
            };
            if let Membership::Known { open: more, .. } = self.parts(parts, &any) {
                open.extend(more);
            }
        }
        if change.added && !question.nomatch {
            open = vec![Cube::any(question.family)];
        }
        let certain = if lasting { certain } else { Vec::new() };
        Membership::Known { certain, open }
    }

    /// `bitmap:port` looks at TCP and UDP ports and matches nothing else.
    fn port_bitmap(&self, question: &Question<'_>) -> Membership {
        let Some(&direction) = question.directions.first() else {
            return NONE;
        };
        let ports = |open: bool| {
            let of = self
                .elements
                .iter()
                .filter(|e| (e.expires || question.counted) == open);
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
        let shape = Shape {
            parts,
            decisive: decisive(parts),
            question,
            mark_mask: self.mark_mask,
        };
        let excepts = self.excepts() && !question.counted;
        let ranged = |e: &Element| {
            e.values
                .iter()
                .any(|v| matches!(v, Value::Port(_, lo, hi) if lo < hi))
        };
        if excepts && self.elements.iter().any(ranged) {
            return Membership::Unknown("it has port ranges beside `nomatch` elements".into());
        }
        if excepts && parts.iter().filter(|&&p| p == Part::Net).count() > 1 {
            return self.pairs(&shape, question);
        }
        let groups = if parts.contains(&Part::Iface) {
            match self.by_interface(&shape) {
                Some(groups) => groups,
                None => return Membership::Unknown("it has too many interfaces".into()),
            }
        } else {
            let mut groups: BTreeMap<Key, Vec<Interval>> = BTreeMap::new();
            for element in &self.elements {
                let (key, interval) = split(element, &shape);
                groups.entry(key).or_default().push(interval);
            }
            groups
        };
        let networks = parts.contains(&Part::Net);
        let nomatch = question.nomatch && networks;
        let answers = groups.into_iter().map(|(key, intervals)| {
            let answer = if question.counted {
                counted(&intervals, nomatch)
            } else {
                decide(intervals, networks, nomatch)
            };
            (key, answer)
        });
        let (mut certain, mut open) = (Vec::new(), Vec::new());
        for merged in merge(answers) {
            shape.cubes(&merged, &mut certain, &mut open);
        }
        Membership::Known { certain, open }
    }

    fn pairs(&self, shape: &Shape<'_>, question: &Question<'_>) -> Membership {
        let Some(groups) = nested::decide(self, question.nomatch) else {
            return Membership::Unknown("it has too many `nomatch` elements".into());
        };
        let (mut certain, mut open) = (Vec::new(), Vec::new());
        for found in groups {
            let port = found.port;
            let port = port.map(|(protocol, lo, hi)| (protocol, Ranges::span(lo, hi)));
            let cubes = |pairs: Vec<Pair>| {
                let pairs = pairs.into_iter();
                pairs
                    .flat_map(|pair| shape.pair(&pair, port.as_ref()))
                    .collect::<Vec<_>>()
            };
            certain.extend(cubes(found.certain));
            open.extend(cubes(found.open));
        }
        Membership::Known { certain, open }
    }

    /// Elements by the interfaces that they are of. The kernel looks for the most specific network
    /// that holds the address, of whatever interface, and no further (`mtype_test_cidrs` with
    /// `multi`; seen on a live kernel): each interface's networks are cut by those of the others.
    /// None when that would be too much.
    fn by_interface(&self, shape: &Shape<'_>) -> Option<BTreeMap<Key, Vec<Interval>>> {
        let of = |element: &Element| {
            element.values.iter().find_map(|value| match *value {
                Value::Iface(name, wild) => Some((name, wild)),
                _ => None,
            })
        };
        let classes = product::interface_classes(self.elements.iter().filter_map(of));
        if classes.len().saturating_mul(self.elements.len()) > MOST_SHADES {
            return None;
        }
        let mut groups = BTreeMap::new();
        for (first, names) in classes {
            let key = Key {
                names: Some(names),
                ..Key::default()
            };
            let intervals = self.elements.iter().map(|element| Interval {
                elsewhere: !of(element).is_some_and(|of| product::is_of(first, of)),
                ..split(element, shape).1
            });
            groups.insert(key, intervals.collect());
        }
        Some(groups)
    }
}

/// Most elements that are looked at for all interfaces of a set together.
const MOST_SHADES: usize = 4_000_000;

/// The part whose addresses decide which element counts: the last network, else the first
/// address.
fn decisive(parts: &[Part]) -> Option<usize> {
    parts
        .iter()
        .rposition(|&p| p == Part::Net)
        .or_else(|| parts.iter().position(|&p| p == Part::Ip))
}

/// All addresses of elements that may be found when each of them may be passed over.
fn counted(intervals: &[Interval], nomatch: bool) -> Answer {
    let own = intervals
        .iter()
        .filter(|i| i.nomatch == nomatch && !i.elsewhere);
    (Ranges::empty(), Ranges::of(own.map(|i| (i.lo, i.hi))))
}

/// An element's decisive addresses and the rest.
fn split(element: &Element, shape: &Shape<'_>) -> (Key, Interval) {
    let mut key = Key::default();
    let mut interval = Interval {
        lo: 0,
        hi: u128::MAX,
        nomatch: element.nomatch,
        expires: element.expires,
        elsewhere: false,
    };
    for (at, &value) in element.values.iter().enumerate() {
        match value {
            Value::Addresses(lo, hi) if Some(at) == shape.decisive => {
                (interval.lo, interval.hi) = (lo, hi);
            }
            Value::Addresses(lo, hi) => key.address = Some((lo, hi)),
            Value::Port(protocol, lo, hi) => key.port = Some((protocol, lo, hi)),
            Value::Mark(mark) => key.mark = Some(mark),
            Value::Mac(address) => key.mac = Some(address),
            Value::Iface(..) | Value::BridgePort => {}
        }
    }
    (key, interval)
}
