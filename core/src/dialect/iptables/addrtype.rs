//! `-m addrtype`: what the host's routing says of an address, as far as it is known.

use super::lower::{Lowering, Work, literal};
use super::matches::{no_such_option, unmodelled};
use super::parse::{Fault, Module, Opt};
use super::values;
use crate::net::{Family, bounds, number};
use crate::packet::{Cube, Ranges};
use std::net::IpAddr;

/// Address types that are told apart.
#[derive(Clone, Copy, PartialEq, Default)]
struct Types {
    unicast: bool,
    local: bool,
    broadcast: bool,
    multicast: bool,
    /// Types that depend on routes: unreachable, blackhole, anycast …
    other: bool,
}

/// Which addresses are certainly of a type; what is in none of the sets is unicast, local or
/// broadcast, nobody knows which.
struct Known {
    local: Ranges<u128>,
    broadcast: Ranges<u128>,
    multicast: Ranges<u128>,
    unicast: Ranges<u128>,
    rest: Ranges<u128>,
}

/// Narrows a rule by `-m addrtype`.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    if module
        .options
        .iter()
        .any(|o| o.name.text.starts_with("--limit-iface"))
    {
        unmodelled(all, module, work);
        return Ok(());
    }
    for option in &module.options {
        let source = match option.name.text.as_ref() {
            "--src-type" => true,
            "--dst-type" => false,
            _ => return Err(no_such_option(module, option)),
        };
        let types = types(option)?;
        let understood = !types.other
            && match work.family() {
                Family::V4 => v4(all, types, option.negated, source, work),
                Family::V6 => v6(all, types, option.negated, source, work),
            };
        if !understood {
            super::matches::unmodelled_option(all, "addrtype", option, work);
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
            "UNSPEC" | "ANYCAST" | "BLACKHOLE" | "UNREACHABLE" | "PROHIBIT" | "THROW" | "NAT"
            | "XRESOLVE" => types.other = true,
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

fn of_family(addresses: impl IntoIterator<Item = IpAddr>, family: Family) -> Ranges<u128> {
    Ranges::of(
        addresses
            .into_iter()
            .filter(|&a| Family::of(a) == family)
            .map(|a| (number(a), number(a))),
    )
}

fn prefix(text: &str, family: Family) -> Ranges<u128> {
    values::addresses(text, family).unwrap_or(Ranges::empty())
}

/// The order of the kernel: zero and limited broadcast, multicast, then the local routing table.
fn known(all: &Lowering<'_>, family: Family) -> Known {
    let host = all.context.host;
    let networks = host
        .local_networks
        .iter()
        .filter(|p| Family::of_prefix(p) == family);
    let mut local =
        of_family(host.addresses.iter().copied(), family).union(&Ranges::of(networks.map(bounds)));
    let (mut broadcast, multicast) = match family {
        Family::V4 => {
            local = local.union(&prefix("127.0.0.0/8", family));
            let always = prefix("0.0.0.0/8", family)
                .union(&prefix("255.255.255.255", family))
                .union(&prefix("127.255.255.255", family));
            let own = of_family(host.broadcasts.iter().copied(), family);
            (always.union(&own), prefix("224.0.0.0/4", family))
        }
        Family::V6 => {
            local = local.union(&prefix("::1", family));
            (Ranges::empty(), prefix("ff00::/8", family))
        }
    };
    broadcast = broadcast.subtract(&multicast);
    local = local.subtract(&multicast).subtract(&broadcast);
    let rest = Ranges::span(0, family.max())
        .subtract(&local)
        .subtract(&broadcast)
        .subtract(&multicast);
    let unicast = if host.addresses_complete {
        rest.clone()
    } else {
        of_family(host.elsewhere.iter().copied(), family).intersect(&rest)
    };
    let rest = rest.subtract(&unicast);
    Known {
        local,
        broadcast,
        multicast,
        unicast,
        rest,
    }
}

fn on(set: Ranges<u128>, source: bool, family: Family) -> Cube {
    let mut cube = Cube::any(family);
    if source {
        cube.source = set;
    } else {
        cube.destination = set;
    }
    cube
}

fn predicate(all: &mut Lowering<'_>, kind: &str, source: bool, work: &Work<'_>) -> u32 {
    let side = if source { "source" } else { "destination" };
    all.predicate(format!("addrtype {:?} {side} {kind}", work.family()), work.line, || {
        format!("whether the {side} is a {kind} address of the host is not known: give the host's addresses")
    })
}

fn v4(all: &mut Lowering<'_>, t: Types, negated: bool, source: bool, work: &mut Work<'_>) -> bool {
    let family = Family::V4;
    let wanted = if negated {
        Types {
            unicast: !t.unicast,
            local: !t.local,
            broadcast: !t.broadcast,
            multicast: !t.multicast,
            other: false,
        }
    } else {
        t
    };
    let known = known(all, family);
    let mut certain = Ranges::empty();
    for (asked, set) in [
        (wanted.unicast, &known.unicast),
        (wanted.local, &known.local),
        (wanted.broadcast, &known.broadcast),
        (wanted.multicast, &known.multicast),
    ] {
        if asked {
            certain = certain.union(set);
        }
    }
    let mut cubes = Vec::new();
    // What is left is exactly one of three kinds; "unicast" is "neither local nor broadcast".
    let kinds = (wanted.unicast, wanted.local, wanted.broadcast);
    if kinds == (true, true, true) {
        certain = certain.union(&known.rest);
    } else if kinds != (false, false, false) && !known.rest.is_empty() {
        let rest = on(known.rest, source, family);
        let local = predicate(all, "local", source, work);
        let broadcast = predicate(all, "broadcast", source, work);
        let is = |cube: Option<Cube>, predicate, holds| {
            cube.and_then(|c| c.intersect(&literal(family, predicate, holds)))
        };
        if wanted.local {
            cubes.extend(is(Some(rest.clone()), local, true));
        }
        let not_local = is(Some(rest), local, false);
        match (wanted.broadcast, wanted.unicast) {
            (true, true) => cubes.extend(not_local),
            (true, false) => cubes.extend(is(not_local, broadcast, true)),
            (false, true) => cubes.extend(is(not_local, broadcast, false)),
            (false, false) => {}
        }
    }
    cubes.push(on(certain, source, family));
    work.any_of(&cubes)
}

/// IPv6 asks each type for itself and wants all of them (`match_type6`): local addresses are
/// unicast too.
fn v6(all: &mut Lowering<'_>, t: Types, negated: bool, source: bool, work: &mut Work<'_>) -> bool {
    let family = Family::V6;
    if t.broadcast {
        return false;
    }
    let known = known(all, family);
    let space = Ranges::span(0, family.max());
    let mut possible = space.clone();
    if t.multicast {
        possible = possible.intersect(&known.multicast);
    }
    if t.unicast {
        let not = known
            .multicast
            .union(&prefix("::", family))
            .union(&prefix("::ffff:0:0/96", family));
        possible = possible.subtract(&not);
    }
    if !t.local {
        let set = if negated {
            space.subtract(&possible)
        } else {
            possible
        };
        work.within(&on(set, source, family));
        return true;
    }
    let certain = possible.intersect(&known.local);
    let open = possible.intersect(&known.rest);
    let mut cubes = Vec::new();
    if !open.is_empty() {
        let local = predicate(all, "local", source, work);
        cubes.extend(on(open.clone(), source, family).intersect(&literal(family, local, !negated)));
    }
    let set = if negated {
        space.subtract(&certain).subtract(&open)
    } else {
        certain
    };
    cubes.push(on(set, source, family));
    work.any_of(&cubes)
}
