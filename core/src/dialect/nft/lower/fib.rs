//! `fib`: what the host's routing says of an address, as `nft_fib_ipv4.c` and `nft_fib_ipv6.c`
//! ask it.

use super::Lowering;
use super::field::full;
use super::key::Leaf;
use super::place::Place;
use crate::dialect::nft::syntax::Hook;
use crate::net::{Family, Prefix, bounds, number};
use crate::packet::{Cube, IfName, Ranges};
use std::net::IpAddr;

/// Routing tables with more routes than this are not followed.
const MOST_ROUTES: usize = 4_096;

/// Address types, by the kernel's numbers.
mod kind {
    pub(super) const UNICAST: u128 = 1;
    pub(super) const LOCAL: u128 = 2;
    pub(super) const BROADCAST: u128 = 3;
    pub(super) const ANYCAST: u128 = 4;
    pub(super) const MULTICAST: u128 = 5;
}

pub(super) fn leaves(
    all: &mut Lowering<'_>,
    place: &Place<'_>,
    flags: &[&str],
    result: &str,
) -> Vec<Leaf> {
    let has = |flag: &str| flags.contains(&flag);
    let source = has("saddr");
    let device = if has("iif") {
        Some(true)
    } else if has("oif") {
        Some(false)
    } else {
        None
    };
    match result {
        "type" => types(all, place, source, device),
        "oif" | "oifname" => interfaces(all, place, source, device, false),
        "check" => interfaces(all, place, source, device, true),
        _ => vec![Leaf::open(Cube::any(place.family))],
    }
}

fn on(place: &Place<'_>, source: bool, addresses: &Ranges<u128>) -> Cube {
    let mut cube = Cube::any(place.family);
    if source {
        cube.source = cube.source.intersect(addresses);
    } else {
        cube.destination = cube.destination.intersect(addresses);
    }
    cube
}

fn by(mut cube: Cube, incoming: bool, names: &Ranges<u128>) -> Cube {
    if incoming {
        cube.in_interface = cube.in_interface.intersect(names);
    } else {
        cube.out_interface = cube.out_interface.intersect(names);
    }
    cube
}

fn network(family: Family, text: &str) -> Ranges<u128> {
    let prefix = text.parse::<Prefix>().ok();
    let own = prefix.filter(|prefix| Family::of_prefix(prefix) == family);
    Ranges::of(own.map(|prefix| bounds(&prefix)))
}

fn addresses<'a>(family: Family, all: impl Iterator<Item = &'a IpAddr>) -> Ranges<u128> {
    let own = all.filter(|&&ip| Family::of(ip) == family);
    Ranges::of(own.map(|&ip| (number(ip), number(ip))))
}

/// What is known of the addresses of one family.
struct Known {
    local: Ranges<u128>,
    broadcast: Ranges<u128>,
    multicast: Ranges<u128>,
    /// Subnet-router addresses: local where the host forwards.
    anycast: Ranges<u128>,
    /// Neither of these for certain.
    unicast: Ranges<u128>,
    /// What may be any of them.
    rest: Ranges<u128>,
}

fn known(all: &Lowering<'_>, family: Family) -> Known {
    let host = all.context.host;
    let networks = host
        .local_networks
        .iter()
        .filter(|p| Family::of_prefix(p) == family);
    let mut local =
        addresses(family, host.addresses.iter()).union(&Ranges::of(networks.map(bounds)));
    let (broadcast, multicast, mut anycast) = match family {
        Family::V4 => {
            local = local.union(&network(family, "127.0.0.0/8"));
            let own = addresses(family, host.broadcasts.iter());
            let always = network(family, "0.0.0.0/8")
                .union(&network(family, "255.255.255.255/32"))
                .union(&network(family, "127.255.255.255/32"));
            (
                own.union(&always),
                network(family, "224.0.0.0/4"),
                Ranges::empty(),
            )
        }
        Family::V6 => {
            local = local.union(&network(family, "::1/128"));
            let interfaces = host.interfaces.iter().flat_map(|i| &i.addresses);
            let first = interfaces
                .filter(|p| Family::of_prefix(p) == family && p.prefix_len() < 127)
                .map(|p| (number(p.network()), number(p.network())));
            (
                Ranges::empty(),
                network(family, "ff00::/8"),
                Ranges::of(first),
            )
        }
    };
    let broadcast = broadcast.subtract(&multicast);
    let local = local.subtract(&multicast).subtract(&broadcast);
    anycast = anycast.subtract(&local);
    let rest = Ranges::span(0, family.max())
        .subtract(&local)
        .subtract(&broadcast)
        .subtract(&multicast)
        .subtract(&anycast);
    let unicast = if host.addresses_complete {
        rest.clone()
    } else {
        addresses(family, host.elsewhere.iter()).intersect(&rest)
    };
    let rest = rest.subtract(&unicast);
    Known {
        local,
        broadcast,
        multicast,
        anycast,
        unicast,
        rest,
    }
}

fn types(
    all: &mut Lowering<'_>,
    place: &Place<'_>,
    source: bool,
    device: Option<bool>,
) -> Vec<Leaf> {
    let family = place.family;
    let known = known(all, family);
    let on = |set: &Ranges<u128>| on(place, source, set);
    let mut leaves = Vec::new();
    let mut rows = vec![
        (kind::MULTICAST, vec![on(&known.multicast)]),
        (kind::UNICAST, vec![on(&known.unicast)]),
    ];
    let either = Ranges::of([(kind::UNICAST, kind::UNICAST), (kind::LOCAL, kind::LOCAL)]);
    match device {
        None => {
            rows.push((kind::LOCAL, vec![on(&known.local)]));
            rows.push((kind::BROADCAST, vec![on(&known.broadcast)]));
        }
        Some(incoming) => {
            let mut placed = Ranges::empty();
            for interface in &all.context.host.interfaces {
                let name = Ranges::single(interface.name.0);
                let others = Ranges::full().subtract(&name);
                let own = interface.addresses.iter();
                let own = own.filter(|p| Family::of_prefix(p) == family);
                let local = Ranges::of(own.clone().map(|p| (number(p.addr()), number(p.addr()))));
                let local = local.intersect(&known.local);
                let ends = own.map(|p| (number(p.broadcast()), number(p.broadcast())));
                let ends = Ranges::of(ends).intersect(&known.broadcast);
                for (kind, set) in [(kind::LOCAL, &local), (kind::BROADCAST, &ends)] {
                    rows.push((kind, vec![by(on(set), incoming, &name)]));
                    let set = set.subtract(&placed);
                    rows.push((kind::UNICAST, vec![by(on(&set), incoming, &others)]));
                }
                placed = placed.union(&local).union(&ends);
            }
            // Broadcast whatever the interface.
            let always = network(family, "0.0.0.0/8").union(&network(family, "255.255.255.255/32"));
            rows.push((kind::BROADCAST, vec![on(&always)]));
            let unplaced = known
                .local
                .union(&known.broadcast)
                .subtract(&always)
                .subtract(&placed);
            let loopback = match family {
                Family::V4 => network(family, "127.0.0.0/8"),
                Family::V6 => network(family, "::1/128"),
            };
            let loopback = loopback.intersect(&unplaced);
            let not_lo = Ranges::full().subtract(&IfName::loopback());
            let own = by(on(&loopback), incoming, &IfName::loopback());
            rows.push((kind::LOCAL, vec![own]));
            rows.push((kind::UNICAST, vec![by(on(&loopback), incoming, &not_lo)]));
            leaves.push(Leaf::Open {
                of: on(&unplaced.subtract(&loopback)),
                values: either.union(&Ranges::single(kind::BROADCAST)),
            });
        }
    }
    leaves.push(Leaf::Open {
        of: on(&known.anycast),
        values: either.union(&Ranges::single(kind::ANYCAST)),
    });
    let mut values = either.union(&Ranges::single(kind::ANYCAST));
    if family == Family::V4 {
        values = values.union(&Ranges::single(kind::BROADCAST));
    }
    leaves.push(Leaf::Open {
        of: on(&known.rest),
        values,
    });
    leaves.retain(|leaf| !matches!(leaf, Leaf::Open { of, .. } if of.is_empty()));
    for (_, cubes) in &mut rows {
        cubes.retain(|cube| !cube.is_empty());
    }
    leaves.push(Leaf::Table(rows));
    leaves
}

/// Which interface leads to an address; 0 where none does, or where it is the host's own.
fn interfaces(
    all: &mut Lowering<'_>,
    place: &Place<'_>,
    source: bool,
    device: Option<bool>,
    only_whether: bool,
) -> Vec<Leaf> {
    let family = place.family;
    let host = all.context.host;
    let routing = host.routing(family);
    let any = Cube::any(family);
    if !host.addresses_complete
        || host.interfaces.is_empty()
        || routing.routes.is_empty()
        || routing.routes.len() > MOST_ROUTES
    {
        return vec![Leaf::Open {
            of: any,
            values: if only_whether { full(1) } else { full(128) },
        }];
    }
    let value = |name: IfName| if only_whether { 1 } else { name.0 };
    let on = |set: &Ranges<u128>| on(place, source, set);
    let mut rows: Vec<(u128, Vec<Cube>)> = Vec::new();
    let mut rest = any.clone();
    // What comes by `lo` counts as led there.
    let lo = IfName::loopback();
    if place
        .reach
        .only(&[Hook::Ingress, Hook::Prerouting, Hook::Input])
    {
        rows.push((value(IfName::LOOPBACK), vec![by(any, true, &lo)]));
        rest.in_interface = rest.in_interface.subtract(&lo);
    }
    let within = |cube: Cube| cube.intersect(&rest);
    // Whether by any route or by the best one is asked of link-local addresses only.
    let local = match (family, device) {
        (Family::V6, Some(_)) => network(family, "fe80::/10").subtract(&routing.local),
        _ => Ranges::empty(),
    };
    let mut missing = Ranges::span(0, family.max()).subtract(&local);
    // The host's own, which no interface leads to.
    let anycast = host.types(family, None).anycast;
    let ways = best(&routing)
        .into_iter()
        .map(|(name, set)| (name, set.subtract(&local).subtract(&anycast)));
    let any_way = by_any(&routing)
        .into_iter()
        .map(|(name, set)| (name, set.intersect(&local)));
    for (name, set) in ways.chain(any_way) {
        missing = missing.subtract(&set);
        let Some(incoming) = device else {
            rows.push((value(name), within(on(&set)).into_iter().collect()));
            continue;
        };
        let own = Ranges::single(name.0);
        let others = Ranges::full().subtract(&own);
        let there = by(on(&set), incoming, &own);
        rows.push((value(name), within(there).into_iter().collect()));
        let set = set.subtract(&local);
        let elsewhere = by(on(&set), incoming, &others);
        rows.push((0, within(elsewhere).into_iter().collect()));
    }
    rows.push((0, within(on(&missing)).into_iter().collect()));
    if let Some(incoming) = device.filter(|_| !local.is_empty()) {
        let mut names = Ranges::full();
        for (name, set) in by_any(&routing) {
            let own = Ranges::single(name.0);
            names = names.subtract(&own);
            let not = by(on(&local.subtract(&set)), incoming, &own);
            rows.push((0, within(not).into_iter().collect()));
        }
        let not = by(on(&local), incoming, &names);
        rows.push((0, within(not).into_iter().collect()));
    }
    vec![Leaf::Table(rows)]
}

/// For each interface the addresses to which any route leads by it.
fn by_any(routing: &crate::firewall::Routing) -> Vec<(IfName, Ranges<u128>)> {
    let mut names: Vec<IfName> = routing.routes.iter().filter_map(|route| route.by).collect();
    names.sort_unstable();
    names.dedup();
    let led = |name: IfName| {
        let own = routing.routes.iter().filter(|route| route.by == Some(name));
        let set = Ranges::of(own.map(|route| route.destinations));
        (name, set.subtract(&routing.local))
    };
    names.into_iter().map(led).collect()
}

/// For each interface the addresses to which it is the best way.
fn best(routing: &crate::firewall::Routing) -> Vec<(IfName, Ranges<u128>)> {
    let mut routes: Vec<_> = routing.routes.iter().collect();
    routes.sort_by_key(|route| (route.destinations.1 - route.destinations.0, route.metric));
    let mut taken = routing.local.clone();
    let mut ways: Vec<(IfName, Vec<(u128, u128)>)> = Vec::new();
    for route in routes {
        let span = Ranges::span(route.destinations.0, route.destinations.1);
        let own = span.subtract(&taken);
        taken = taken.union(&span);
        let Some(by) = route.by else {
            continue;
        };
        match ways.iter_mut().find(|(name, _)| *name == by) {
            Some((_, all)) => all.extend_from_slice(own.intervals()),
            None => ways.push((by, own.intervals().to_vec())),
        }
    }
    ways.into_iter()
        .map(|(name, all)| (name, Ranges::of(all)))
        .collect()
}
