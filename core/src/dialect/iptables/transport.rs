//! Ports and flags: `-m tcp`, `udp`, `udplite`, `sctp`, `dccp`, `multiport`.

use super::lower::{Lowering, Work, literal};
use super::matches::{no_such_option, text_of, unmodelled_option};
use super::parse::{Fault, Module, Opt};
use super::{Backend, values};
use crate::net::Protocol;
use crate::packet::{Bits, ByteSet, Cube, FieldSet, Fragment, Ranges};

/// Complains where `-p` does not name one of these protocols.
pub(super) fn needs_protocol(
    module: &Module<'_>,
    work: &Work<'_>,
    protocols: &[Protocol],
) -> Result<(), Fault> {
    if work.protocol.is_some_and(|p| protocols.contains(&p)) {
        return Ok(());
    }
    let names: Vec<String> = protocols.iter().map(|p| format!("`-p {p}`")).collect();
    Err(Fault::at(
        &module.name,
        format!(
            "match `{}` needs {} in the same rule",
            module.name.text,
            names.join(" or ")
        ),
    ))
}

/// `-m tcp`, `udp` and their like.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let protocol = match module.name.text.as_ref() {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "udplite" => Protocol::UDPLITE,
        "sctp" => Protocol::SCTP,
        _ => Protocol::DCCP,
    };
    // `-m udp` serves UDP-Lite too.
    let also = if protocol == Protocol::UDP {
        Protocol::UDPLITE
    } else {
        protocol
    };
    needs_protocol(
        module,
        work,
        &[protocol, also][..1 + usize::from(also != protocol)],
    )?;
    let native =
        work.header.backend != Backend::Legacy && matches!(protocol, Protocol::TCP | Protocol::UDP);
    if native && module.options.is_empty() {
        return Ok(());
    }
    let later = later_fragments(all, module, work, native);
    work.first_fragments();
    let merged = native.then(|| merged_negation(module)).flatten();
    for option in &module.options {
        match option.name.text.as_ref() {
            "--sport" | "--source-port" | "--dport" | "--destination-port" if merged.is_some() => {}
            "--sport" | "--source-port" => {
                let ports = ports(option)?;
                work.narrow(|cube| cube.source_port = cube.source_port.intersect(&ports));
            }
            "--dport" | "--destination-port" => {
                let ports = ports(option)?;
                work.narrow(|cube| {
                    cube.destination_port = cube.destination_port.intersect(&ports);
                });
            }
            "--tcp-flags" | "--syn" => {
                let flags = flags(option)?;
                work.narrow(|cube| cube.flags = cube.flags.and(&flags));
            }
            "--tcp-option" | "--chunk-types" | "--dccp-types" | "--dccp-option" => {
                unmodelled_option(all, &module.name.text, option, work);
            }
            _ => return Err(no_such_option(module, option)),
        }
    }
    if let Some((sport, dport)) = merged {
        merged_ports(all, work, sport, dport);
    }
    work.cubes.extend(later);
    Ok(())
}

/// Kernels up to 6.18 let native nftables expressions read a later fragment's data as ports.
fn later_fragments(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &Work<'_>,
    native: bool,
) -> Vec<Cube> {
    let tracked = all
        .traits
        .tracks
        .get(work.family() as usize)
        .copied()
        .unwrap_or(false);
    if !native || tracked {
        return Vec::new();
    }
    let (text, holds) = text_of(module);
    let predicate = all.predicate(format!("later fragment: {text} {holds}"), work.line, || {
        "iptables-nft may read a later fragment's data as ports".into()
    });
    let mut other = literal(work.family(), predicate, true);
    other.fragment = Bits(1 << Fragment::Later as u8);
    work.cubes
        .iter()
        .filter_map(|cube| cube.intersect(&other))
        .collect()
}

/// Two negated single ports, which iptables-nft 1.8.9 compares as one number: such a rule
/// matches unless both are equal.
fn merged_negation(module: &Module<'_>) -> Option<(u16, u16)> {
    let single = |names: [&str; 2]| {
        let mut found = module
            .options
            .iter()
            .filter(|o| names.contains(&o.name.text.as_ref()));
        let option = found.next()?;
        let (lo, hi) = values::port_range(&option.value().ok()?.text).ok()?;
        (option.negated && lo == hi).then_some(lo)
    };
    Some((
        single(["--sport", "--source-port"])?,
        single(["--dport", "--destination-port"])?,
    ))
}

fn merged_ports(all: &mut Lowering<'_>, work: &mut Work<'_>, sport: u16, dport: u16) {
    let family = work.family();
    let (source, destination) = (Ranges::single(sport), Ranges::single(dport));
    let cube = |s: &Ranges<u16>, d: &Ranges<u16>| Cube {
        source_port: s.clone(),
        destination_port: d.clone(),
        ..Cube::any(family)
    };
    let (not_s, not_d) = (
        values::complement(&source),
        values::complement(&destination),
    );
    let mut one = [cube(&source, &not_d), cube(&not_s, &destination)];
    if work.header.version != "1.8.9" {
        let predicate = all.predicate("two negated ports in one rule".into(), work.line, || {
            "iptables-nft versions differ in how they read two negated ports".into()
        });
        for cube in &mut one {
            *cube = std::mem::replace(cube, Cube::any(family)).assuming(predicate);
        }
    }
    let [a, b] = one;
    if !work.any_of(&[cube(&not_s, &not_d), a, b]) {
        let predicate = all.fresh(work.line, "the rule becomes too many parts".into());
        work.assume(predicate, true);
    }
}

fn ports(option: &Opt<'_>) -> Result<Ranges<u16>, Fault> {
    let value = option.value()?;
    let (lo, hi) = values::port_range(&value.text).map_err(|m| Fault::at(value, m))?;
    let set = Ranges::span(lo, hi);
    Ok(if option.negated {
        values::complement(&set)
    } else {
        set
    })
}

fn flags(option: &Opt<'_>) -> Result<ByteSet, Fault> {
    let (mask, set) = match (option.name.text.as_ref(), option.values.as_slice()) {
        ("--syn", []) => (Some(0x17), Some(0x02)),
        ("--tcp-flags", [mask, set]) => (values::flags(&mask.text), values::flags(&set.text)),
        _ => (None, None),
    };
    let (Some(mask), Some(set)) = (mask, set) else {
        return Err(Fault::at(
            &option.name,
            "expected two lists of flags such as `SYN,ACK SYN` behind `--tcp-flags`",
        ));
    };
    Ok(ByteSet::of(|byte| (byte & mask == set) != option.negated))
}

/// `-m multiport`.
pub(super) fn multiport(module: &Module<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    needs_protocol(
        module,
        work,
        &[
            Protocol::TCP,
            Protocol::UDP,
            Protocol::UDPLITE,
            Protocol::SCTP,
            Protocol::DCCP,
        ],
    )?;
    work.first_fragments();
    for option in &module.options {
        let value = option.value()?;
        let listed = values::port_list(&value.text).map_err(|m| Fault::at(value, m))?;
        let set = if option.negated {
            values::complement(&listed)
        } else {
            listed
        };
        match option.name.text.as_ref() {
            "--sports" | "--source-ports" => {
                work.narrow(|cube| cube.source_port = cube.source_port.intersect(&set));
            }
            "--dports" | "--destination-ports" => {
                work.narrow(|cube| cube.destination_port = cube.destination_port.intersect(&set));
            }
            "--ports" | "--port" if option.negated => work.narrow(|cube| {
                cube.source_port = cube.source_port.intersect(&set);
                cube.destination_port = cube.destination_port.intersect(&set);
            }),
            "--ports" | "--port" => {
                let mut either = Vec::with_capacity(work.cubes.len() * 2);
                for cube in &work.cubes {
                    either.push(Cube {
                        source_port: cube.source_port.intersect(&set),
                        ..cube.clone()
                    });
                    either.push(Cube {
                        destination_port: cube.destination_port.intersect(&set),
                        ..cube.clone()
                    });
                }
                work.cubes = either;
            }
            _ => return Err(no_such_option(module, option)),
        }
    }
    Ok(())
}
