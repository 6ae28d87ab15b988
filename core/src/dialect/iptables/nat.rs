//! Address translation: DNAT, REDIRECT, SNAT, MASQUERADE, NETMAP.

use super::lower::{Effects, Lowering, Part, Work};
use super::parse::{Fault, Module, Word};
use super::values;
use crate::firewall::{Action, Effect, Hook, Translation};
use crate::net::{Family, Protocol};
use crate::packet::{ByteSet, Cube, FieldSet, IfName, Ranges};

/// More addresses than this are not mapped one by one.
const MOST_MAPPED: u128 = 256;

/// New addresses and ports.
type To = (Option<Ranges<u128>>, Option<Ranges<u16>>);

/// The parts of a rule with such a target.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    target: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<Vec<Part>, Fault> {
    let sources = work.table.hooks.only(&[Hook::Postrouting, Hook::Input]);
    match target.name.text.as_ref() {
        "DNAT" => {
            let to = to(target, "--to-destination", work)?;
            Ok(translate(work, &to, false))
        }
        "SNAT" => {
            let to = to(target, "--to-source", work)?;
            Ok(translate(work, &to, true))
        }
        "MASQUERADE" => {
            let ports = ports(target, "--to-ports", work)?;
            let own = own_addresses(all, work.family());
            Ok(translate(work, &(Some(own), ports), true))
        }
        "REDIRECT" => {
            let ports = ports(target, "--to-ports", work)?;
            Ok(redirect(all, &ports, work))
        }
        _ if sources || work.table.hooks.only(&[Hook::Prerouting, Hook::Output]) => {
            netmap(target, work, sources)
        }
        name => Ok(work.whole(Action::Opaque {
            why: format!(
                "whether target `{name}` maps sources or destinations depends on the way here"
            ),
        })),
    }
}

fn is_random(target: &Module<'_>) -> bool {
    let random = ["--random", "--random-fully"];
    target
        .options
        .iter()
        .any(|o| random.contains(&o.name.text.as_ref()))
}

/// The addresses and ports that an option gives.
fn to(target: &Module<'_>, name: &str, work: &mut Work<'_>) -> Result<To, Fault> {
    let family = work.family();
    let mut addresses: Option<Ranges<u128>> = None;
    let mut found: Option<Ranges<u16>> = None;
    for option in target.options.iter().filter(|o| o.name.text == name) {
        let value = option.value()?;
        let (text, port) = split(&value.text, family);
        if !text.is_empty() {
            let set = values::address_range(text, family).map_err(|m| Fault::at(value, m))?;
            addresses = Some(addresses.map_or(set.clone(), |known| known.union(&set)));
        }
        if let Some(port) = port {
            let set = port_range(port, value)?;
            found = Some(found.map_or(set.clone(), |known| known.union(&set)));
        }
    }
    if addresses.is_none() && found.is_none() {
        return Err(Fault::at(
            &target.name,
            format!("`{}` needs `{name}`", target.name.text),
        ));
    }
    if found.is_some() {
        with_ports(work);
    }
    if is_random(target) {
        found = Some(found.unwrap_or_else(Ranges::full));
    }
    Ok((addresses, found))
}

/// The ports that an option gives; all where the kernel is to choose.
fn ports(
    target: &Module<'_>,
    name: &str,
    work: &mut Work<'_>,
) -> Result<Option<Ranges<u16>>, Fault> {
    let option = target.options.iter().find(|o| o.name.text == name);
    let found = match option {
        None => None,
        Some(option) => {
            let value = option.value()?;
            with_ports(work);
            Some(port_range(&value.text, value)?)
        }
    };
    Ok(match found {
        None if is_random(target) => Some(Ranges::full()),
        found => found,
    })
}

/// `10.0.0.1-10.0.0.9`, `10.0.0.1:80`, `[2001:db8::1]:80`, `:80`.
fn split(text: &str, family: Family) -> (&str, Option<&str>) {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').unwrap_or((rest, ""));
        return (address, rest.strip_prefix(':'));
    }
    match family {
        Family::V4 => match text.split_once(':') {
            Some((address, port)) => (address, Some(port)),
            None => (text, None),
        },
        Family::V6 => (text, None),
    }
}

/// `80`, `80-90`, `80-90/1000`.
fn port_range(text: &str, word: &Word<'_>) -> Result<Ranges<u16>, Fault> {
    let range = text.split('/').next().unwrap_or(text).replace('-', ":");
    let (lo, hi) = values::port_range(&range).map_err(|message| Fault::at(word, message))?;
    Ok(Ranges::span(lo, hi))
}

/// Ports are given for protocols that have them only.
fn with_ports(work: &mut Work<'_>) {
    let ported = ByteSet::of(|number| Protocol(number).has_ports());
    work.narrow(|cube| cube.protocol = cube.protocol.and(&ported));
}

fn single<T: crate::packet::Bound>(set: &Ranges<T>) -> Option<T> {
    set.hull().filter(|(lo, hi)| lo == hi).map(|(lo, _)| lo)
}

/// The parts of a translation: packets that have the new address and port already are not
/// translated, so that nothing later takes them for it.
fn translate(work: &mut Work<'_>, to: &To, source: bool) -> Vec<Part> {
    let cubes = std::mem::take(&mut work.cubes);
    parts(cubes, to, source, work.family())
}

fn parts(cubes: Vec<Cube>, (addresses, ports): &To, source: bool, family: Family) -> Vec<Part> {
    let translation = if source {
        Translation {
            source: addresses.clone(),
            source_port: ports.clone(),
            ..Translation::default()
        }
    } else {
        Translation {
            destination: addresses.clone(),
            destination_port: ports.clone(),
            ..Translation::default()
        }
    };
    let accept = |cubes: Vec<Cube>, effects: Effects| Part {
        cubes,
        effects,
        action: Action::Accept,
    };
    let effects = Effects::from_elem(Effect::Translate(Box::new(translation)), 1);
    let fixed = addresses.as_ref().is_none_or(|set| single(set).is_some())
        && ports.as_ref().is_none_or(|set| single(set).is_some());
    if !fixed {
        return vec![accept(cubes, effects)];
    }
    let mut same = Cube::any(family);
    let (address, port) = if source {
        (&mut same.source, &mut same.source_port)
    } else {
        (&mut same.destination, &mut same.destination_port)
    };
    if let Some(set) = addresses {
        *address = set.clone();
    }
    if let Some(set) = ports {
        *port = set.clone();
    }
    let mut changed = Vec::with_capacity(cubes.len());
    let mut unchanged = Vec::new();
    for cube in cubes {
        cube.subtract(&same, &mut changed);
        unchanged.extend(cube.intersect(&same));
    }
    let mut out = vec![accept(changed, effects)];
    if !unchanged.is_empty() {
        out.push(accept(unchanged, Effects::new()));
    }
    out
}

/// The addresses that the kernel may choose from as the host's own.
fn own_addresses(all: &Lowering<'_>, family: Family) -> Ranges<u128> {
    let host = all.context.host;
    if host.addresses_complete {
        return host.types(family, None).local;
    }
    let elsewhere = host.types(family, None).unicast;
    Ranges::span(0, family.max()).subtract(&elsewhere)
}

/// To the first address of the interface that the packet came in by, or, for the host's own
/// packets, to the loopback address.
fn redirect(all: &Lowering<'_>, ports: &Option<Ranges<u16>>, work: &mut Work<'_>) -> Vec<Part> {
    let family = work.family();
    let cubes = std::mem::take(&mut work.cubes);
    let mut rest = Ranges::full();
    let mut out = Vec::new();
    let mut of = |names: &Ranges<u128>, to: Option<Ranges<u128>>| {
        let inside: Vec<Cube> = cubes
            .iter()
            .map(|cube| Cube {
                in_interface: cube.in_interface.intersect(names),
                ..cube.clone()
            })
            .filter(|cube| !cube.in_interface.is_empty())
            .collect();
        if inside.is_empty() {
            return;
        }
        match to {
            Some(to) => out.extend(parts(inside, &(Some(to), ports.clone()), false, family)),
            None => out.push(Part {
                cubes: inside,
                effects: Effects::new(),
                action: Action::Drop,
            }),
        }
    };
    let loopback = match family {
        Family::V4 => 0x7f00_0001,
        Family::V6 => 1,
    };
    let none = Ranges::single(IfName::NONE.0);
    of(&none, Some(Ranges::single(loopback)));
    rest = rest.subtract(&none);
    for interface in &all.context.host.interfaces {
        let name = Ranges::single(interface.name.0);
        let first = all.context.host.addresses_by(interface.name, family);
        let first = first.and_then(|all| all.first().copied());
        of(&name, first.map(Ranges::single));
        rest = rest.subtract(&name);
    }
    of(&rest, Some(own_addresses(all, family)));
    out
}

/// One network onto another, address by address.
fn netmap(target: &Module<'_>, work: &mut Work<'_>, source: bool) -> Result<Vec<Part>, Fault> {
    let family = work.family();
    let Some(option) = target.options.iter().find(|o| o.name.text == "--to") else {
        return Err(Fault::at(&target.name, "`NETMAP` needs `--to NETWORK`"));
    };
    let value = option.value()?;
    let to = values::addresses(&value.text, family).map_err(|m| Fault::at(value, m))?;
    let Some((base, last)) = to.hull() else {
        return Ok(work.whole(Action::Accept));
    };
    let hosts = base ^ last;
    let cubes = std::mem::take(&mut work.cubes);
    let asked = cubes
        .iter()
        .fold(Ranges::empty(), |all: Ranges<u128>, cube| {
            all.union(if source {
                &cube.source
            } else {
                &cube.destination
            })
        });
    let count = asked.intervals().iter().fold(0u128, |sum, (lo, hi)| {
        sum.saturating_add((hi - lo).saturating_add(1))
    });
    if count > MOST_MAPPED {
        return Ok(parts(cubes, &(Some(to), None), source, family));
    }
    let mut out = Vec::new();
    for &(lo, hi) in asked.intervals() {
        for address in lo..=hi {
            let one = |cube: &Cube| {
                let mut cube = cube.clone();
                let side = if source {
                    &mut cube.source
                } else {
                    &mut cube.destination
                };
                *side = side.intersect(&Ranges::single(address));
                (!side.is_empty()).then_some(cube)
            };
            let inside = cubes.iter().filter_map(one).collect();
            let to = base & !hosts | address & hosts;
            out.extend(parts(
                inside,
                &(Some(Ranges::single(to)), None),
                source,
                family,
            ));
        }
    }
    Ok(out)
}
