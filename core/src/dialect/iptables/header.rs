//! Header fields that few rules test: time to live, type of service, length, extension headers.

use super::hooks::Hooks;
use super::lower::{Lowering, Work};
use super::matches::{no_such_option, unmodelled, unmodelled_option};
use super::parse::{Fault, Module, Opt, Word};
use super::values;
use crate::firewall::Hook;
use crate::net::{Family, Protocol};
use crate::packet::{ByteSet, Cube, FieldSet, IfName, Ranges, Rare, extension_headers};

/// Values, or all others where the option is negated.
fn wanted(option: &Opt<'_>, set: Ranges<u128>, most: u128) -> Ranges<u128> {
    if option.negated {
        Ranges::span(0, most).subtract(&set)
    } else {
        set
    }
}

fn number(value: &Word<'_>, most: u32) -> Result<u128, Fault> {
    values::integer(&value.text)
        .filter(|&number| number <= most)
        .map(u128::from)
        .ok_or_else(|| {
            Fault::at(
                value,
                format!("expected a number up to {most}, found `{}`", value.text),
            )
        })
}

/// `-m ttl` and `-m hl`.
pub(super) fn ttl(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    for option in &module.options {
        let value = number(option.value()?, 255)?;
        let set = match option.name.text.rsplit('-').next() {
            Some("eq" | "ttl") => Ranges::single(value),
            Some("lt") => value
                .checked_sub(1)
                .map_or(Ranges::empty(), |hi| Ranges::span(0, hi)),
            Some("gt") if value == 255 => Ranges::empty(),
            Some("gt") => Ranges::span(value + 1, 255),
            _ => return Err(no_such_option(module, option)),
        };
        let set = wanted(option, set, 255);
        if all.traits.rewrites.ttl || !at_hooks(work, &set) {
            unmodelled_option(all, &module.name.text, option, work);
        }
    }
    Ok(())
}

/// Keeps packets that have one of these values where the rule stands: forwarding counts down
/// before FORWARD. False where the rule does not tell whether they are being forwarded.
fn at_hooks(work: &mut Work<'_>, set: &Ranges<u128>) -> bool {
    let hooks: Hooks = work.table.hooks;
    let behind = [Hook::Forward, Hook::Postrouting];
    let counted = behind.iter().any(|&hook| hooks.contains(hook));
    if !counted {
        work.rare(Rare::Ttl, set);
        return true;
    }
    if hooks.contains(Hook::Prerouting) {
        return false;
    }
    let before = set.intervals().iter();
    let before = Ranges::of(before.map(|&(lo, hi)| (lo + 1, hi + 1)));
    let before = before.intersect(&Ranges::span(0, 255));
    if hooks.only(&[Hook::Forward]) {
        work.rare(Rare::Ttl, &before);
        return true;
    }
    let family = work.family();
    let none = Ranges::single(IfName::NONE.0);
    let some = Ranges::full().subtract(&none);
    let cube = |from: &Ranges<u128>, to: &Ranges<u128>, ttl: &Ranges<u128>| {
        let cube = Cube {
            in_interface: from.clone(),
            out_interface: to.clone(),
            ..Cube::any(family)
        };
        cube.with_rare(Rare::Ttl, ttl)
    };
    work.any_of(&[
        cube(&some, &some, &before),
        cube(&none, &Ranges::full(), set),
        cube(&some, &none, set),
    ])
}

/// `-m tos`, `-m dscp` and the IP part of `-m ecn`: bits of one byte.
pub(super) fn service(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    for option in &module.options {
        let bits = match option.name.text.as_ref() {
            "--tos" => tos(option.value()?)?,
            "--dscp" => Some((number(option.value()?, 63)? << 2, 0xfc)),
            "--dscp-class" => Some((dscp_class(option.value()?)? << 2, 0xfc)),
            "--ecn-ip-ect" => Some((number(option.value()?, 3)?, 3)),
            "--ecn-tcp-cwr" | "--ecn-tcp-ece" => {
                // Two bits beside the six that other rules name.
                let bit = if option.name.text == "--ecn-tcp-cwr" {
                    0x80
                } else {
                    0x40
                };
                let set = ByteSet::of(|flags| (flags & bit != 0) != option.negated);
                work.first_fragments();
                work.narrow(|cube| {
                    cube.protocol = cube.protocol.and(&ByteSet::single(Protocol::TCP.0));
                    cube.flags = cube.flags.and(&set);
                });
                continue;
            }
            _ => return Err(no_such_option(module, option)),
        };
        let Some((value, mask)) = bits.filter(|_| !all.traits.rewrites.tos) else {
            unmodelled_option(all, &module.name.text, option, work);
            continue;
        };
        let fitting = (0..256u128).filter(|byte| byte & mask == value);
        let set = Ranges::of(fitting.map(|byte| (byte, byte)));
        work.rare(Rare::Tos, &wanted(option, set, 255));
    }
    Ok(())
}

/// A value with its mask; names leave the two lowest bits aside.
fn tos(value: &Word<'_>) -> Result<Option<(u128, u128)>, Fault> {
    let named = match value.text.to_ascii_lowercase().as_str() {
        "minimize-delay" => Some(0x10),
        "maximize-throughput" => Some(0x08),
        "maximize-reliability" => Some(0x04),
        "minimize-cost" => Some(0x02),
        "normal-service" => Some(0),
        _ => None,
    };
    if let Some(value) = named {
        return Ok(Some((value, 0x3f)));
    }
    let (bits, mask) = values::masked(&value.text)
        .filter(|(bits, _)| *bits <= 255)
        .ok_or_else(|| {
            Fault::at(
                value,
                format!(
                    "expected a type of service such as `0x10/0x3f`, found `{}`",
                    value.text
                ),
            )
        })?;
    Ok(Some((bits.into(), (mask & 0xff).into())))
}

/// `EF`, `CS5`, `AF41`.
fn dscp_class(value: &Word<'_>) -> Result<u128, Fault> {
    let upper = value.text.to_ascii_uppercase();
    let digit = |at: usize| {
        upper
            .as_bytes()
            .get(at)
            .map(|b| u128::from(b.wrapping_sub(b'0')))
    };
    let class = match (upper.get(..2), digit(2), digit(3), upper.len()) {
        (Some("EF"), None, None, 2) => Some(46),
        (Some("BE"), None, None, 2) => Some(0),
        (Some("CS"), Some(class @ 0..=7), None, 3) => Some(class * 8),
        (Some("AF"), Some(class @ 1..=4), Some(drop @ 1..=3), 4) => Some(class * 8 + drop * 2),
        _ => None,
    };
    class.ok_or_else(|| {
        Fault::at(
            value,
            format!(
                "expected a class such as `EF` or `AF41`, found `{}`",
                value.text
            ),
        )
    })
}

/// `-m length`.
pub(super) fn length(module: &Module<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    for option in &module.options {
        if option.name.text != "--length" {
            return Err(no_such_option(module, option));
        }
        let value = option.value()?;
        let (lo, hi) = values::port_range(&value.text).map_err(|_| {
            Fault::at(
                value,
                format!(
                    "expected a length such as `64:1500`, found `{}`",
                    value.text
                ),
            )
        })?;
        let set = Ranges::span(lo.into(), hi.into());
        work.rare(Rare::Length, &wanted(option, set, 0xffff));
    }
    Ok(())
}

/// Values of a byte in which these bits are as wanted.
fn bits(mask: u8, value: u8) -> Ranges<u128> {
    let (mask, value) = (u128::from(mask), u128::from(value));
    let fitting = (0..256u128).filter(|byte| byte & mask == value);
    Ranges::of(fitting.map(|byte| (byte, byte)))
}

/// `-m frag`, `hbh`, `dst`, `rt`, `ah` (IPv6): whether a header is there; what is in it nobody
/// knows.
pub(super) fn extension(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let bit = match module.name.text.as_ref() {
        "frag" => extension_headers::FRAGMENT,
        "hbh" => extension_headers::HOP_BY_HOP,
        "dst" => extension_headers::DESTINATION,
        "rt" => extension_headers::ROUTING,
        _ => extension_headers::AUTHENTICATION,
    };
    if work.family() == Family::V4 {
        return transport(all, module, Protocol(51), work);
    }
    work.rare(Rare::ExtensionHeaders, &bits(bit, bit));
    if !module.options.is_empty() {
        unmodelled(all, module, work);
    }
    Ok(())
}

/// `-m esp`, `mh`, `ipcomp`, and `ah` of IPv4: a protocol with something in its header.
pub(super) fn transport(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    protocol: Protocol,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    work.first_fragments();
    work.narrow(|cube| cube.protocol = cube.protocol.and(&ByteSet::single(protocol.0)));
    if !module.options.is_empty() {
        unmodelled(all, module, work);
    }
    Ok(())
}

/// Names of `-m ipv6header` with bits that are not of [`extension_headers`] above those.
const HEADERS: &[(&[&str], u32)] = &[
    (&["hop", "hop-by-hop", "0"], 1),
    (&["route", "ipv6-route", "43"], 2),
    (&["frag", "ipv6-frag", "44"], 4),
    (&["auth", "ah", "51"], 8),
    (&["dst", "ipv6-opts", "60"], 16),
    (&["esp", "50"], 0x100),
    (&["none", "ipv6-nonxt", "59"], 0x200),
    (&["prot", "proto", "protocol", "255"], 0x400),
];

/// `-m ipv6header`: which headers are there, exactly or, with `--soft`, at least.
pub(super) fn ipv6header(module: &Module<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    let soft = module.options.iter().any(|o| o.name.text == "--soft");
    let Some(option) = module.options.iter().find(|o| o.name.text == "--header") else {
        return Err(Fault::at(
            &module.name,
            "match `ipv6header` needs `--header LIST`",
        ));
    };
    let value = option.value()?;
    let mut asked = 0;
    for name in value.text.split(',') {
        let lower = name.to_ascii_lowercase();
        let row = HEADERS
            .iter()
            .find(|(names, _)| names.contains(&lower.as_str()));
        let (_, bit) = row.ok_or_else(|| {
            Fault::at(
                value,
                format!("expected a header such as `hop`, found `{name}`"),
            )
        })?;
        asked |= bit;
    }
    let extensions = u8::try_from(asked & 0x1f).unwrap_or(0);
    let mask = if soft { extensions } else { 0x1f };
    // The last header is ESP, none, or a protocol.
    let last = |number: u8| match number {
        50 => 0x100,
        59 => 0x200,
        _ => 0x400,
    };
    let wanted = asked & 0x700;
    let fits = |number: u8| {
        if soft {
            wanted & !last(number) == 0
        } else {
            wanted == last(number)
        }
    };
    let mut cube =
        Cube::any(work.family()).with_rare(Rare::ExtensionHeaders, &bits(mask, extensions));
    cube.protocol = ByteSet::of(fits);
    if option.negated {
        work.subtract(&cube);
    } else {
        work.within(&cube);
    }
    Ok(())
}
