//! What the frame or the sender tells: hardware address, packet type, owner, bridge, IPsec.

use super::lower::{Lowering, Work, literal};
use super::matches::{no_such_option, unmodelled, unmodelled_option};
use super::parse::{Fault, Module};
use super::values;
use crate::firewall::Hook;
use crate::net::Family;
use crate::packet::{Cube, FieldSet, IfName, Ranges, Rare, packet_type};

/// `-m mac`: only frames from Ethernet have an address, so that the loopback interface and what
/// the host sends match neither way.
pub(super) fn mac(module: &Module<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    let framed = Ranges::full()
        .subtract(&IfName::loopback())
        .subtract(&Ranges::single(IfName::NONE.0));
    for option in &module.options {
        if option.name.text != "--mac-source" {
            return Err(no_such_option(module, option));
        }
        let value = option.value()?;
        let address = values::mac(&value.text).ok_or_else(|| {
            Fault::at(
                value,
                format!("expected a MAC address, found `{}`", value.text),
            )
        })?;
        let mut set = Ranges::single(u128::from(address));
        if option.negated {
            set = Rare::SourceMac.full().subtract(&set);
        }
        work.narrow(|cube| cube.in_interface = cube.in_interface.intersect(&framed));
        work.rare(Rare::SourceMac, &set);
    }
    Ok(())
}

/// `-m pkttype`. What is forwarded or sent is addressed to one host.
pub(super) fn pkttype(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let family = work.family();
    for option in &module.options {
        if option.name.text != "--pkt-type" {
            return Err(no_such_option(module, option));
        }
        let value = option.value()?;
        let asked = match value.text.to_ascii_lowercase().as_str() {
            "unicast" | "host" => packet_type::HOST,
            "broadcast" | "bcast" => packet_type::BROADCAST,
            "multicast" | "mcast" => packet_type::MULTICAST,
            _ => {
                return Err(Fault::at(
                    value,
                    format!(
                        "expected `unicast`, `broadcast` or `multicast`, found `{}`",
                        value.text
                    ),
                ));
            }
        };
        let is_host = (asked == packet_type::HOST) != option.negated;
        let hooks = work.table.hooks;
        if hooks.only(&[Hook::Forward, Hook::Output, Hook::Postrouting]) {
            if !is_host {
                work.cubes.clear();
            }
            continue;
        }
        let mut set = Ranges::single(u128::from(asked));
        if option.negated {
            set = Rare::PacketType.full().subtract(&set);
        }
        let none = Ranges::single(IfName::NONE.0);
        let some = Ranges::full().subtract(&none);
        let framed = Cube {
            in_interface: some.clone(),
            ..Cube::any(family)
        };
        let mut alternatives = Vec::new();
        // What is sent to a directed broadcast address comes in a frame to all, although its
        // address alone does not show it.
        let known = all.context.host.types(family, None).broadcast;
        let directed = known.subtract(&Ranges::single(0));
        let mut to_all = framed.clone();
        to_all.destination = directed.clone();
        let mut framed = framed;
        framed.destination = framed.destination.subtract(&directed);
        if (asked == packet_type::BROADCAST) != option.negated {
            alternatives.push(to_all);
        }
        if hooks.contains(Hook::Prerouting) {
            alternatives.push(framed.with_rare(Rare::PacketType, &set));
        } else {
            // Packets that come in and go out are being forwarded.
            let mut taken_in = framed.clone();
            taken_in.out_interface = none.clone();
            alternatives.push(taken_in.with_rare(Rare::PacketType, &set));
            if is_host {
                let mut forwarded = framed;
                forwarded.out_interface = some;
                alternatives.push(forwarded);
            }
        }
        if is_host {
            alternatives.push(Cube {
                in_interface: none,
                ..Cube::any(family)
            });
        }
        if !work.any_of(&alternatives) {
            unmodelled_option(all, "pkttype", option, work);
        }
    }
    Ok(())
}

/// No socket: one more than the largest number of a user or group.
const NO_SOCKET: u128 = 1 << 32;

/// `-m owner`. What is forwarded belongs to no socket.
pub(super) fn owner(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let family = work.family();
    // Without a socket a packet matches when every option is negated.
    let unowned = module
        .options
        .iter()
        .all(|o| o.negated || o.name.text == "--suppl-groups");
    let none = Ranges::single(IfName::NONE.0);
    let mut forwarded = Vec::new();
    if unowned {
        let from = Ranges::full().subtract(&none);
        forwarded = work.cubes.clone();
        for cube in &mut forwarded {
            cube.in_interface = cube.in_interface.intersect(&from);
        }
        forwarded.retain(|cube| !cube.is_empty());
    }
    work.narrow(|cube| cube.in_interface = cube.in_interface.intersect(&none));
    let supplementary = module
        .options
        .iter()
        .any(|o| o.name.text == "--suppl-groups");
    let owned = Ranges::span(0, NO_SOCKET - 1);
    for option in &module.options {
        let field = match option.name.text.as_ref() {
            "--uid-owner" => Rare::Uid,
            "--gid-owner" => Rare::Gid,
            "--socket-exists" => {
                let set = if option.negated {
                    Ranges::single(NO_SOCKET)
                } else {
                    owned.clone()
                };
                work.rare(Rare::Uid, &set);
                continue;
            }
            "--suppl-groups" => continue,
            _ => {
                unmodelled_option(all, "owner", option, work);
                continue;
            }
        };
        let value = option.value()?;
        let (lo, hi) = value
            .text
            .split_once('-')
            .unwrap_or((&value.text, &value.text));
        let (Some(lo), Some(hi)) = (id(lo), id(hi)) else {
            // A name: which number it stands for nobody knows here. It stands for no missing
            // socket.
            if !option.negated {
                work.rare(field, &owned);
            }
            unmodelled_option(all, "owner", option, work);
            continue;
        };
        let inside = Ranges::span(lo, hi);
        let outside = field.full().subtract(&inside);
        if field == Rare::Gid && supplementary {
            let predicate =
                all.predicate(format!("owner groups {}", value.text), work.line, || {
                    "the supplementary groups of the sender are not known".into()
                });
            let of_group = |holds: bool| {
                let other = outside.intersect(&owned);
                literal(family, predicate, holds).with_rare(field, &other)
            };
            let any = Cube::any(family);
            let alternatives = if option.negated {
                vec![
                    of_group(false),
                    any.with_rare(field, &Ranges::single(NO_SOCKET)),
                ]
            } else {
                vec![any.with_rare(field, &inside), of_group(true)]
            };
            if !work.any_of(&alternatives) {
                unmodelled_option(all, "owner", option, work);
            }
            continue;
        }
        work.rare(field, if option.negated { &outside } else { &inside });
    }
    work.cubes.extend(forwarded);
    Ok(())
}

fn id(text: &str) -> Option<u128> {
    match text {
        "root" => Some(0),
        _ => text.parse::<u32>().ok().map(u128::from),
    }
}

/// `-m policy`: whether IPsec protects the packet is one question for all rules.
pub(super) fn policy(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let text = |name: &str| {
        let option = module.options.iter().find(|o| o.name.text == name);
        option
            .and_then(|o| o.values.first())
            .map(|v| v.text.as_ref())
    };
    let side = if text("--dir") == Some("out") {
        "out"
    } else {
        "in"
    };
    let none = text("--pol") == Some("none");
    let predicate = all.predicate(format!("ipsec {side}"), work.line, || {
        "whether IPsec protects the packet is not known".into()
    });
    work.assume(predicate, !none);
    let plain = |name: &str| matches!(name, "--dir" | "--pol");
    if !none && module.options.iter().any(|o| !plain(&o.name.text)) {
        unmodelled(all, module, work);
    }
    Ok(())
}

/// `-m recent`: to note an address always succeeds.
pub(super) fn recent(all: &mut Lowering<'_>, module: &Module<'_>, work: &mut Work<'_>) {
    match module.options.iter().find(|o| o.name.text == "--set") {
        Some(set) if set.negated => work.cubes.clear(),
        Some(_) => {}
        None => unmodelled(all, module, work),
    }
}

/// `-m statistic`: a probability of one or of nothing is none.
pub(super) fn statistic(all: &mut Lowering<'_>, module: &Module<'_>, work: &mut Work<'_>) {
    let option = module
        .options
        .iter()
        .find(|o| o.name.text == "--probability");
    let value = option.and_then(|o| Some((o.negated, o.values.first()?.text.parse::<f64>().ok()?)));
    match value {
        Some((negated, probability)) if probability >= 1.0 || probability <= 0.0 => {
            if (probability <= 0.0) != negated {
                work.cubes.clear();
            }
        }
        _ => unmodelled(all, module, work),
    }
}

/// `-m physdev`: what came in by `lo`, or comes from the host itself, passed no bridge on its way
/// in.
pub(super) fn physdev(all: &mut Lowering<'_>, module: &Module<'_>, work: &mut Work<'_>) {
    let incoming = |name: &str| {
        matches!(
            name,
            "--physdev-in" | "--physdev-is-in" | "--physdev-is-bridged"
        )
    };
    let demands = module
        .options
        .iter()
        .any(|o| !o.negated && incoming(&o.name.text));
    if demands {
        let bridged = Ranges::full()
            .subtract(&IfName::loopback())
            .subtract(&Ranges::single(IfName::NONE.0));
        work.narrow(|cube| cube.in_interface = cube.in_interface.and(&bridged));
    }
    unmodelled(all, module, work);
}

/// Which family's name a match has where both have one under different names.
pub(super) fn is_v6_only(name: &str, family: Family) -> bool {
    family == Family::V4 && matches!(name, "frag" | "hbh" | "dst" | "rt" | "ipv6header" | "hl")
}
