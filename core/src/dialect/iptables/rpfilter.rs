//! `-m rpfilter`: whether the way back to the source leads by the interface that a packet came in
//! by, as `ipt_rpfilter.c` and `ip6t_rpfilter.c` ask.

use super::lower::{Lowering, Work, literal};
use super::matches::{no_such_option, unmodelled};
use super::parse::{Fault, Module};
use crate::dialect::routing::Reverse;
use crate::net::Family;
use crate::packet::{Cube, IfName, Ranges};

/// How it asks.
#[derive(Clone, Copy, Default)]
struct Mode {
    loose: bool,
    accept_local: bool,
    inverted: bool,
}

/// Narrows a rule by it.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let mut mode = Mode::default();
    for option in &module.options {
        match option.name.text.as_ref() {
            "--loose" => mode.loose = true,
            "--accept-local" => mode.accept_local = true,
            "--invert" => mode.inverted = true,
            // Marks choose routes by rules; where there are any, the answer is open anyway.
            "--validmark" => {}
            _ => return Err(no_such_option(module, option)),
        }
    }
    let family = work.family();
    let reverse = all.context.host.reverse(family);
    let passing = passing(&reverse, mode, family);
    let mut outside = Vec::new();
    let mut rest = vec![Cube::any(family)];
    for cube in &passing {
        outside.clear();
        for part in &rest {
            part.subtract(cube, &mut outside);
        }
        std::mem::swap(&mut rest, &mut outside);
    }
    let mut alternatives = if mode.inverted { rest } else { passing };
    if !reverse.open.is_empty() {
        let text = format!("rpfilter {family:?} {} {}", mode.loose, mode.accept_local);
        let predicate = all.predicate(text, work.line, || {
            "the host's routes are not known: give `ip -j route show table all`".into()
        });
        let mut open = literal(family, predicate, !mode.inverted);
        open.source = reverse.open.clone();
        open.in_interface = Ranges::full().subtract(&IfName::loopback());
        open.source = open.source.subtract(&Ranges::single(0));
        if mode.inverted {
            let mut settled = open.clone();
            settled.unknown = Cube::any(family).unknown;
            let mut without = Vec::new();
            for cube in &alternatives {
                cube.subtract(&settled, &mut without);
            }
            alternatives = without;
        }
        alternatives.push(open);
    }
    if !work.any_of(&alternatives) {
        unmodelled(all, module, work);
    }
    Ok(())
}

/// The packets that pass, as far as that is certain.
fn passing(reverse: &Reverse, mode: Mode, family: Family) -> Vec<Cube> {
    let from = |names: Ranges<u128>, source: Ranges<u128>| Cube {
        in_interface: names,
        source,
        ..Cube::any(family)
    };
    let everything = || Ranges::span(0, family.max());
    let mut out = vec![from(IfName::loopback(), everything())];
    let not_loopback = Ranges::full().subtract(&IfName::loopback());
    // Without an address yet: of IPv4 to all or to a local group only.
    let mut zero = from(not_loopback.clone(), Ranges::single(0));
    if family == Family::V4 {
        zero.destination =
            Ranges::single(u32::MAX.into()).union(&Ranges::span(0xe000_0000, 0xe000_00ff));
    }
    out.push(zero);
    let mut by: Vec<(IfName, Ranges<u128>)> = reverse
        .by
        .iter()
        .map(|(name, set)| (*name, set.clone()))
        .collect();
    if mode.accept_local {
        let local = reverse.local.iter();
        by.extend(local.map(|(name, set)| (*name, set.clone())));
    }
    for (name, set) in by {
        let set = set.subtract(&Ranges::single(0));
        // IPv6 takes its own addresses from any interface.
        let own = family == Family::V6 && mode.accept_local && reverse.local.contains_key(&name);
        let names = if mode.loose || (own && set.is_subset(&reverse.own())) {
            not_loopback.clone()
        } else {
            Ranges::single(name.0).intersect(&not_loopback)
        };
        out.push(from(names, set));
    }
    out
}
