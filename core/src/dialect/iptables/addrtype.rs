//! `-m addrtype`: what the host's routing says of an address, as far as it is known.

use super::lower::{Lowering, Work, literal};
use super::matches::{no_such_option, unmodelled_option};
use super::parse::{Fault, Module, Opt};
use super::values;
use crate::dialect::routing::{AddressTypes, RouteKind};
use crate::net::Family;
use crate::packet::{Cube, IfName, Ranges};

/// Address types that are told apart.
#[derive(Clone, Copy, PartialEq, Default)]
struct Types {
    unicast: bool,
    local: bool,
    broadcast: bool,
    multicast: bool,
    anycast: bool,
    /// The zero address of IPv6.
    unspecified: bool,
    /// Types of routes that refuse packets.
    refused: bool,
}

/// One question about addresses of one side.
struct Question {
    types: Types,
    negated: bool,
    source: bool,
    family: Family,
}

/// Narrows a rule by `-m addrtype`.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let mut limit = None;
    for option in &module.options {
        match option.name.text.as_ref() {
            "--limit-iface-in" => limit = Some(true),
            "--limit-iface-out" => limit = Some(false),
            "--src-type" | "--dst-type" => {}
            _ => return Err(no_such_option(module, option)),
        }
    }
    for option in &module.options {
        if option.name.text.starts_with("--limit") {
            continue;
        }
        let question = Question {
            types: types(option)?,
            negated: option.negated,
            source: option.name.text == "--src-type",
            family: work.family(),
        };
        let cubes = match limit {
            None => {
                let known = all.context.host.types(question.family, None);
                question.cubes(all, &known, "", work)
            }
            Some(incoming) => by_interface(all, &question, incoming, work),
        };
        let understood = cubes.is_some_and(|cubes| work.any_of(&cubes));
        if !understood {
            unmodelled_option(all, "addrtype", option, work);
        }
    }
    Ok(())
}

fn types(option: &Opt<'_>) -> Result<Types, Fault> {
    let value = option.value()?;
    let mut types = Types::default();
    for name in value.text.split(',') {
        match name.to_ascii_uppercase().as_str() {
            "UNICAST" => types.unicast = true,
            "LOCAL" => types.local = true,
            "BROADCAST" => types.broadcast = true,
            "MULTICAST" => types.multicast = true,
            "ANYCAST" => types.anycast = true,
            "UNSPEC" => types.unspecified = true,
            "BLACKHOLE" | "UNREACHABLE" | "PROHIBIT" | "THROW" | "NAT" | "XRESOLVE" => {
                types.refused = true;
            }
            _ => {
                return Err(Fault::at(
                    value,
                    format!("expected an address type such as `LOCAL`, found `{name}`"),
                ));
            }
        }
    }
    Ok(types)
}

/// The answer for each interface that may be asked for: only its own addresses count.
fn by_interface(
    all: &mut Lowering<'_>,
    question: &Question,
    incoming: bool,
    work: &Work<'_>,
) -> Option<Vec<Cube>> {
    let host = all.context.host;
    if host.interfaces.is_empty() {
        return None;
    }
    let mut names: Vec<IfName> = host.interfaces.iter().map(|i| i.name).collect();
    names.push(IfName::LOOPBACK);
    names.sort();
    names.dedup();
    let mut rest = Ranges::full();
    let mut out = Vec::new();
    let mut add = |names: &Ranges<u128>, cubes: Vec<Cube>| {
        for mut cube in cubes {
            if incoming {
                cube.in_interface = names.clone();
            } else {
                cube.out_interface = names.clone();
            }
            out.push(cube);
        }
    };
    // Where there is no such interface, there is no limit.
    let unlimited = host.types(question.family, None);
    let none = Ranges::single(IfName::NONE.0);
    add(&none, question.cubes(all, &unlimited, "", work)?);
    rest = rest.subtract(&none);
    for name in names {
        let known = host.types(question.family, Some(name));
        let tag = name.to_string();
        let own = Ranges::single(name.0);
        add(&own, question.cubes(all, &known, &tag, work)?);
        rest = rest.subtract(&own);
    }
    // Interfaces that the host does not have: no address is theirs.
    let known = host.types(question.family, Some(IfName(1)));
    add(&rest, question.cubes(all, &known, "other", work)?);
    Some(out)
}

fn prefix(text: &str) -> Ranges<u128> {
    values::addresses(text, Family::V6).unwrap_or(Ranges::empty())
}

impl Question {
    fn on(&self, set: Ranges<u128>) -> Cube {
        let mut cube = Cube::any(self.family);
        if self.source {
            cube.source = set;
        } else {
            cube.destination = set;
        }
        cube
    }

    fn predicate(&self, all: &mut Lowering<'_>, kind: &str, work: &Work<'_>) -> u32 {
        let side = if self.source { "source" } else { "destination" };
        let text = format!("addrtype {:?} {side} {kind}", self.family);
        all.predicate(text, work.line, || {
            format!(
                "whether the {side} is a {kind} address of the host is not known: give the \
                 host's addresses"
            )
        })
    }

    /// The packets for which the answer is yes; none where nobody knows.
    fn cubes(
        &self,
        all: &mut Lowering<'_>,
        known: &AddressTypes,
        tag: &str,
        work: &Work<'_>,
    ) -> Option<Vec<Cube>> {
        match self.family {
            Family::V4 => self.v4(all, known, tag, work),
            Family::V6 => self.v6(all, known, tag, work),
        }
    }

    /// IPv4 looks into the local table only: routes there that refuse packets are unusual.
    fn v4(
        &self,
        all: &mut Lowering<'_>,
        known: &AddressTypes,
        tag: &str,
        work: &Work<'_>,
    ) -> Option<Vec<Cube>> {
        let entries = all.context.host.fib.entries.iter().flatten();
        let unusual = entries
            .filter(|entry| entry.table == 0)
            .any(|entry| entry.kind == RouteKind::Refused);
        if self.types.refused && unusual {
            return None;
        }
        let is = |asked: bool| asked != self.negated;
        let t = self.types;
        let (unicast, local, broadcast) = (is(t.unicast), is(t.local), is(t.broadcast));
        let mut certain = Ranges::empty();
        for (asked, set) in [
            (unicast, &known.unicast),
            (local, &known.local),
            (broadcast, &known.broadcast),
            (is(t.multicast), &known.multicast),
            (is(t.anycast), &known.anycast),
        ] {
            if asked {
                certain = certain.union(set);
            }
        }
        let mut cubes = Vec::new();
        // What is left is exactly one of three kinds.
        if unicast && local && broadcast {
            certain = certain.union(&known.open);
        } else if (unicast || local || broadcast) && !known.open.is_empty() {
            let rest = self.on(known.open.clone());
            let local_is = self.predicate(all, &format!("local{tag}"), work);
            let broadcast_is = self.predicate(all, &format!("broadcast{tag}"), work);
            let family = self.family;
            let with = |cube: Option<Cube>, predicate, holds| {
                cube.and_then(|c| c.intersect(&literal(family, predicate, holds)))
            };
            if local {
                cubes.extend(with(Some(rest.clone()), local_is, true));
            }
            let not_local = with(Some(rest), local_is, false);
            match (broadcast, unicast) {
                (true, true) => cubes.extend(not_local),
                (true, false) => cubes.extend(with(not_local, broadcast_is, true)),
                (false, true) => cubes.extend(with(not_local, broadcast_is, false)),
                (false, false) => {}
            }
        }
        cubes.push(self.on(certain));
        Some(cubes)
    }

    /// IPv6 wants the kinds of addresses all at once, and any of the kinds of routes
    /// (`match_type6`): local addresses are unicast too.
    fn v6(
        &self,
        all: &mut Lowering<'_>,
        known: &AddressTypes,
        tag: &str,
        work: &Work<'_>,
    ) -> Option<Vec<Cube>> {
        let t = self.types;
        if t.broadcast || t.refused {
            return None;
        }
        let space = Ranges::span(0, self.family.max());
        let mut possible = space.clone();
        if t.multicast {
            possible = possible.intersect(&known.multicast);
        }
        if t.unicast {
            let not = known.multicast.union(&Ranges::single(0));
            possible = possible.subtract(&not.union(&prefix("::ffff:0:0/96")));
        }
        if t.unspecified {
            possible = possible.intersect(&Ranges::single(0));
        }
        let plain = |set: Ranges<u128>| {
            let set = if self.negated {
                space.subtract(&set)
            } else {
                set
            };
            Some(vec![self.on(set)])
        };
        if !t.local && !t.anycast {
            return plain(possible);
        }
        // Anycast addresses are in the local table where it is known.
        if t.anycast && !all.context.host.fib.complete {
            return None;
        }
        let mut certain = Ranges::empty();
        let mut open = Ranges::empty();
        if t.anycast {
            certain = certain.union(&possible.intersect(&known.anycast));
        }
        if t.local {
            certain = certain.union(&possible.intersect(&known.local));
            open = possible.intersect(&known.open).subtract(&certain);
        }
        if open.is_empty() {
            return plain(certain);
        }
        let predicate = self.predicate(all, &format!("local{tag}"), work);
        let mut cubes = Vec::new();
        let literal = literal(self.family, predicate, !self.negated);
        cubes.extend(self.on(open.clone()).intersect(&literal));
        let set = if self.negated {
            space.subtract(&certain).subtract(&open)
        } else {
            certain
        };
        cubes.push(self.on(set));
        Some(cubes)
    }
}
