//! What each match says about packets.

use super::lower::{Lowering, Work, literal};
use super::parse::{Fault, Module, Opt};
use super::support;
use super::{Backend, addrtype, conntrack, icmp, sets, values};
use crate::diagnostic::{Diagnostic, input};
use crate::net::{Family, Protocol};
use crate::packet::{Bits, ByteSet, Cube, FieldSet, Fragment, MarkBits, Ranges};
use crate::source::Span;

/// Narrows a rule by one match.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    match module.name.text.as_ref() {
        "comment" => {
            if let Some(text) = module.options.first().and_then(|o| o.values.first()) {
                // Calico writes two: its hash, and what the rule is for.
                let before = work.comment.take().map(|before| before + " ");
                work.comment = Some(before.unwrap_or_default() + &text.text);
            }
        }
        "tcp" | "udp" | "udplite" | "sctp" | "dccp" => transport(all, module, work)?,
        "multiport" => multiport(module, work)?,
        "icmp" | "icmp6" | "icmpv6" => icmp_match(module, work)?,
        "iprange" => iprange(module, work)?,
        "mark" => mark(all, module, work)?,
        "conntrack" => conntrack::conntrack(all, module, work)?,
        "state" => conntrack::state(all, module, work)?,
        "addrtype" => addrtype::lower(all, module, work)?,
        "set" => sets::lower(all, module, work)?,
        _ => unmodelled(all, module, work),
    }
    Ok(())
}

/// A match whose truth the model cannot tell: one predicate for each distinct text where the
/// packet determines it, one for each occurrence where it does not.
pub(super) fn unmodelled(all: &mut Lowering<'_>, module: &Module<'_>, work: &mut Work<'_>) {
    let name = module.name.text.as_ref();
    let row = support::of_match(name);
    if row.is_none() {
        all.notes.push(
            Diagnostic::new(&input::NOT_MODELLED, format!("match `{name}` is not known"))
                .at(Span::new(work.source, module.name.start, module.name.end))
                .help("answers that depend on this rule are unknown"),
        );
    }
    let why = match row {
        Some(row) => format!("match `{name}` is not modelled: {}", row.note),
        None => format!("match `{name}` is not known"),
    };
    let rewritten = matches!(
        name,
        "dscp" | "tos" | "ecn" | "ttl" | "hl" | "u32" | "bpf" | "length"
    );
    let lasting = row.is_some_and(|row| row.stable) && !(rewritten && all.traits.rewrites_headers);
    if lasting {
        let (text, holds) = text_of(module);
        let predicate = all.predicate(text, work.line, || why);
        work.assume(predicate, holds);
    } else {
        let predicate = all.fresh(work.line, why);
        work.assume(predicate, true);
    }
}

/// A match's text, and whether it says that this text holds: a single negated option is the
/// negation of the same option without `!`.
fn text_of(module: &Module<'_>) -> (String, bool) {
    let mut text = module.name.text.to_string();
    let single = module.options.len() == 1;
    for option in &module.options {
        if option.negated && !single {
            text.push_str(" !");
        }
        push_option(&mut text, option);
    }
    let negated = single && module.options.first().is_some_and(|o| o.negated);
    (text, !negated)
}

fn push_option(text: &mut String, option: &Opt<'_>) {
    text.push(' ');
    text.push_str(&option.name.text);
    for value in &option.values {
        text.push(' ');
        text.push_str(&value.text);
    }
}

/// One option that the model cannot tell, in a match that it otherwise knows.
pub(super) fn unmodelled_option(
    all: &mut Lowering<'_>,
    module: &str,
    option: &Opt<'_>,
    work: &mut Work<'_>,
) {
    let mut text = module.to_string();
    push_option(&mut text, option);
    let why = || format!("`{}` of match `{module}` is not modelled", option.name.text);
    let predicate = all.predicate(text, work.line, why);
    work.assume(predicate, !option.negated);
}

/// Reports an option that the match does not have.
pub(super) fn no_such_option(module: &Module<'_>, option: &Opt<'_>) -> Fault {
    Fault::at(
        &option.name,
        format!(
            "match `{}` has no option `{}`",
            module.name.text, option.name.text
        ),
    )
}

fn needs_protocol(
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

fn transport(
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

fn multiport(module: &Module<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
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

fn icmp_match(module: &Module<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    let family = work.family();
    let protocol = match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    };
    needs_protocol(module, work, &[protocol])?;
    work.first_fragments();
    for option in &module.options {
        if !matches!(option.name.text.as_ref(), "--icmp-type" | "--icmpv6-type") {
            return Err(no_such_option(module, option));
        }
        let value = option.value()?;
        let kind = icmp::kind(&value.text, family).ok_or_else(|| {
            Fault::at(
                value,
                format!(
                    "expected an ICMP type such as `8`, `3/4` or `echo-request`, found `{}`",
                    value.text
                ),
            )
        })?;
        let types = kind
            .kind
            .map_or(Ranges::full(), |k| Ranges::single(u16::from(k)));
        let codes = if kind.codes == (0, u8::MAX) {
            Ranges::full()
        } else {
            Ranges::span(u16::from(kind.codes.0), u16::from(kind.codes.1))
        };
        let matching = Cube {
            source_port: types,
            destination_port: codes,
            ..Cube::any(family)
        };
        if option.negated {
            subtract(work, &matching);
        } else {
            work.within(&matching);
        }
    }
    Ok(())
}

/// Keeps what is not in a cube.
fn subtract(work: &mut Work<'_>, other: &Cube) {
    let mut out = Vec::new();
    for cube in &work.cubes {
        cube.subtract(other, &mut out);
    }
    work.cubes = out;
}

fn iprange(module: &Module<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    let family = work.family();
    for option in &module.options {
        let value = option.value()?;
        let mut set =
            values::address_range(&value.text, family).map_err(|m| Fault::at(value, m))?;
        if option.negated {
            set = Ranges::span(0, family.max()).subtract(&set);
        }
        match option.name.text.as_ref() {
            "--src-range" => work.narrow(|cube| cube.source = cube.source.intersect(&set)),
            "--dst-range" => {
                work.narrow(|cube| cube.destination = cube.destination.intersect(&set));
            }
            _ => return Err(no_such_option(module, option)),
        }
    }
    Ok(())
}

fn mark(all: &mut Lowering<'_>, module: &Module<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    let family = work.family();
    for option in &module.options {
        if option.name.text != "--mark" {
            return Err(no_such_option(module, option));
        }
        let value = option.value()?;
        let (bits, mask) = values::masked(&value.text).ok_or_else(|| {
            Fault::at(
                value,
                format!("expected a mark such as `0x1/0xff`, found `{}`", value.text),
            )
        })?;
        let marks: Vec<MarkBits> = match (MarkBits::masked(bits, mask), option.negated) {
            (Some(marks), false) => vec![marks],
            (Some(marks), true) => MarkBits::ANY.minus(marks).collect(),
            (None, negated) => negated.then_some(MarkBits::ANY).into_iter().collect(),
        };
        let cubes: Vec<Cube> = marks
            .into_iter()
            .map(|mark| Cube {
                mark,
                ..Cube::any(family)
            })
            .collect();
        if !work.any_of(&cubes) {
            unmodelled_option(all, "mark", option, work);
        }
    }
    Ok(())
}
