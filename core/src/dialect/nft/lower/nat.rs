//! Address translation.

use super::condition::intersect;
use super::effect::outside;
use super::place::Place;
use super::rule::{Branch, Parts};
use super::{Lowering, ct, value};
use crate::dialect::nft::syntax::{Expr, ExprKind, Hook, Nat, NatKind};
use crate::firewall::{Action, Effect, Translation};
use crate::net::{Family, number};
use crate::packet::{Cube, IfName, Ranges};

/// New addresses and ports; none: unchanged.
#[derive(Clone, Default)]
struct To {
    addresses: Option<Ranges<u128>>,
    ports: Option<Ranges<u16>>,
}

pub(super) fn lower<'t>(
    all: &mut Lowering<'_>,
    place: &Place<'t>,
    nat: &'t Nat,
    branch: Branch,
    parts: &mut Parts,
) {
    if !place.is(nat.family) {
        all.missed(&branch, &[], parts);
        return;
    }
    let source = matches!(nat.kind, NatKind::Snat | NatKind::Masquerade);
    let mut ways: Vec<(Branch, To)> = vec![(branch, To::default())];
    if let Some(address) = &nat.address {
        ways = each(all, place, ways, address, parts, |to, expr| {
            addresses(to, expr, place.family)
        });
    }
    if let Some(port) = &nat.port {
        ways = each(all, place, ways, port, parts, ports);
    }
    let random = nat.flags.iter().any(|flag| flag.ends_with("random"));
    if random && source {
        for (_, to) in &mut ways {
            to.ports.get_or_insert_with(|| Ranges::span(1, u16::MAX));
        }
    }
    for (branch, to) in ways {
        match nat.kind {
            NatKind::Redirect => redirect(all, place, &branch, &to, parts),
            NatKind::Masquerade => masquerade(all, place, &branch, &to, parts),
            NatKind::Snat | NatKind::Dnat => finish(place, &branch, &to, source, parts),
        }
    }
}

/// Follows an address or port, which may come from a map.
fn each<'t>(
    all: &mut Lowering<'_>,
    place: &Place<'t>,
    ways: Vec<(Branch, To)>,
    expr: &'t Expr,
    parts: &mut Parts,
    read: impl Fn(&mut To, &Expr) -> Option<()>,
) -> Vec<(Branch, To)> {
    let mut next = Vec::new();
    for (branch, to) in ways {
        let ExprKind::Map { key, data } = &expr.kind else {
            taken(all, branch, to, expr, &read, parts, &mut next);
            continue;
        };
        let found = all.find(place, &branch.marks, key, data);
        let mut hit = Vec::new();
        for (cubes, value, span) in found.parts {
            let cubes = intersect(&branch.cubes, &cubes);
            hit.extend(cubes.iter().cloned());
            let own = Branch {
                span,
                ..branch.with(cubes)
            };
            taken(all, own, to.clone(), value, &read, parts, &mut next);
        }
        let doubtful = intersect(&branch.cubes, &found.doubtful);
        hit.extend(doubtful.iter().cloned());
        let why = "what the map gives is not known".to_owned();
        parts.end(branch.with(doubtful), Action::Opaque { why });
        all.missed(&branch, &hit, parts);
    }
    next
}

fn taken(
    all: &mut Lowering<'_>,
    branch: Branch,
    mut to: To,
    expr: &Expr,
    read: &impl Fn(&mut To, &Expr) -> Option<()>,
    parts: &mut Parts,
    next: &mut Vec<(Branch, To)>,
) {
    if branch.cubes.is_empty() {
        return;
    }
    if read(&mut to, expr).is_some() {
        next.push((branch, to));
        return;
    }
    let text = all.text(expr);
    let why = format!("translation to `{text}` is not modelled");
    all.not_modelled(expr.place.0, &why);
    parts.end(branch, Action::Opaque { why });
}

fn addresses(to: &mut To, expr: &Expr, family: Family) -> Option<()> {
    if let ExprKind::Concat(both) = &expr.kind {
        let [address, port] = both.as_slice() else {
            return None;
        };
        addresses(to, address, family)?;
        return ports(to, port);
    }
    let (lo, hi) = value::interval(expr, family, false)?;
    to.addresses = Some(Ranges::span(lo, hi));
    Some(())
}

fn ports(to: &mut To, expr: &Expr) -> Option<()> {
    let (lo, hi) = value::interval(expr, Family::V4, false)?;
    to.ports = Some(Ranges::span(
        u16::try_from(lo).ok()?,
        u16::try_from(hi).ok()?,
    ));
    Some(())
}

/// Ends the rule with a translation; ports only for protocols that have them.
fn finish(place: &Place<'_>, branch: &Branch, to: &To, source: bool, parts: &mut Parts) {
    let translated = |with_ports: bool| {
        let ports = to.ports.clone().filter(|_| with_ports);
        let addresses = to.addresses.clone();
        if source {
            Translation {
                source: addresses,
                source_port: ports,
                ..Translation::default()
            }
        } else {
            Translation {
                destination: addresses,
                destination_port: ports,
                ..Translation::default()
            }
        }
    };
    let (ports, others) = ct::by_ports(place);
    let kinds = if to.ports.is_some() {
        vec![
            (intersect(&branch.cubes, &[ports]), true),
            (intersect(&branch.cubes, &[others]), false),
        ]
    } else {
        vec![(branch.cubes.clone(), false)]
    };
    for (cubes, with_ports) in kinds {
        let mut own = branch.with(cubes);
        let translation = translated(with_ports);
        if translation != Translation::default() {
            own.effects.push(Effect::Translate(Box::new(translation)));
        }
        parts.end(own, Action::Accept);
    }
}

/// To the interface by which the packet came; what the host itself sends, to the loopback address.
fn redirect(
    all: &mut Lowering<'_>,
    place: &Place<'_>,
    branch: &Branch,
    to: &To,
    parts: &mut Parts,
) {
    let loopback = match place.family {
        Family::V4 => 0x7f00_0001,
        Family::V6 => 1,
    };
    if place.reach.only(&[Hook::Output]) {
        let to = To {
            addresses: Some(Ranges::single(loopback)),
            ..to.clone()
        };
        finish(place, branch, &to, false, parts);
        return;
    }
    let mut rest = branch.cubes.clone();
    for (name, own) in interfaces(all, place) {
        let mut there = Cube::any(place.family);
        there.in_interface = Ranges::single(name.0);
        let cubes = intersect(&rest, std::slice::from_ref(&there));
        if cubes.is_empty() {
            continue;
        }
        rest = outside(&rest, &there);
        let own_branch = branch.with(cubes);
        match own.first() {
            Some(&address) => {
                let to = To {
                    addresses: Some(Ranges::single(address)),
                    ..to.clone()
                };
                finish(place, &own_branch, &to, false, parts);
            }
            // There is no address to redirect to.
            None => parts.end(own_branch, Action::Drop),
        }
    }
    let to = To {
        addresses: Some(local(all, place)),
        ..to.clone()
    };
    finish(place, &branch.with(rest), &to, false, parts);
}

/// From the interface by which the packet leaves.
fn masquerade(
    all: &mut Lowering<'_>,
    place: &Place<'_>,
    branch: &Branch,
    to: &To,
    parts: &mut Parts,
) {
    let mut rest = branch.cubes.clone();
    for (name, own) in interfaces(all, place) {
        let mut there = Cube::any(place.family);
        there.out_interface = Ranges::single(name.0);
        let cubes = intersect(&rest, std::slice::from_ref(&there));
        if cubes.is_empty() {
            continue;
        }
        rest = outside(&rest, &there);
        let own_branch = branch.with(cubes);
        if own.is_empty() {
            parts.end(own_branch, Action::Drop);
            continue;
        }
        let to = To {
            addresses: Some(Ranges::of(own.iter().map(|&a| (a, a)))),
            ..to.clone()
        };
        finish(place, &own_branch, &to, true, parts);
    }
    let to = To {
        addresses: Some(local(all, place)),
        ..to.clone()
    };
    finish(place, &branch.with(rest), &to, true, parts);
}

/// Interfaces that are known, with their addresses of the family in order.
fn interfaces(all: &Lowering<'_>, place: &Place<'_>) -> Vec<(IfName, Vec<u128>)> {
    let host = all.context.host;
    if !host.addresses_complete {
        return Vec::new();
    }
    host.interfaces
        .iter()
        .map(|interface| {
            let own = interface.addresses.iter().map(|prefix| prefix.addr());
            let own = own.filter(|&address| Family::of(address) == place.family);
            (interface.name, own.map(number).collect())
        })
        .collect()
}

/// The host's own addresses, or every address where they are not known.
fn local(all: &Lowering<'_>, place: &Place<'_>) -> Ranges<u128> {
    if all.context.host.addresses_complete {
        all.context.host.routing(place.family).local
    } else {
        Ranges::span(0, place.family.max())
    }
}
