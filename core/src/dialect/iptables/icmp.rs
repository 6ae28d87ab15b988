//! ICMP types by number and by the names that `iptables` and `ipset` give them.

use super::lower::Work;
use super::matches::no_such_option;
use super::parse::{Fault, Module};
use super::transport::needs_protocol;
use crate::net::{Family, Protocol};
use crate::packet::{Cube, Ranges};

/// A type and the codes that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect) struct Kind {
    /// Type; none: any type.
    pub kind: Option<u8>,
    /// First and last code.
    pub codes: (u8, u8),
}

const ALL: (u8, u8) = (0, 255);

/// Name, type, codes (iptables 1.8, `libxt_icmp.h`).
const V4: &[(&str, u8, (u8, u8))] = &[
    ("echo-reply", 0, ALL),
    ("pong", 0, ALL),
    ("destination-unreachable", 3, ALL),
    ("network-unreachable", 3, (0, 0)),
    ("host-unreachable", 3, (1, 1)),
    ("protocol-unreachable", 3, (2, 2)),
    ("port-unreachable", 3, (3, 3)),
    ("fragmentation-needed", 3, (4, 4)),
    ("source-route-failed", 3, (5, 5)),
    ("network-unknown", 3, (6, 6)),
    ("host-unknown", 3, (7, 7)),
    ("network-prohibited", 3, (9, 9)),
    ("host-prohibited", 3, (10, 10)),
    ("tos-network-unreachable", 3, (11, 11)),
    ("tos-host-unreachable", 3, (12, 12)),
    ("communication-prohibited", 3, (13, 13)),
    ("host-precedence-violation", 3, (14, 14)),
    ("precedence-cutoff", 3, (15, 15)),
    ("source-quench", 4, ALL),
    ("redirect", 5, ALL),
    ("network-redirect", 5, (0, 0)),
    ("host-redirect", 5, (1, 1)),
    ("tos-network-redirect", 5, (2, 2)),
    ("tos-host-redirect", 5, (3, 3)),
    ("echo-request", 8, ALL),
    ("ping", 8, ALL),
    ("router-advertisement", 9, ALL),
    ("router-solicitation", 10, ALL),
    ("time-exceeded", 11, ALL),
    ("ttl-exceeded", 11, ALL),
    ("ttl-zero-during-transit", 11, (0, 0)),
    ("ttl-zero-during-reassembly", 11, (1, 1)),
    ("parameter-problem", 12, ALL),
    ("ip-header-bad", 12, (0, 0)),
    ("required-option-missing", 12, (1, 1)),
    ("timestamp-request", 13, ALL),
    ("timestamp-reply", 14, ALL),
    ("address-mask-request", 17, ALL),
    ("address-mask-reply", 18, ALL),
];

const V6: &[(&str, u8, (u8, u8))] = &[
    ("destination-unreachable", 1, ALL),
    ("no-route", 1, (0, 0)),
    ("communication-prohibited", 1, (1, 1)),
    ("beyond-scope", 1, (2, 2)),
    ("address-unreachable", 1, (3, 3)),
    ("port-unreachable", 1, (4, 4)),
    ("failed-policy", 1, (5, 5)),
    ("reject-route", 1, (6, 6)),
    ("packet-too-big", 2, ALL),
    ("time-exceeded", 3, ALL),
    ("ttl-exceeded", 3, ALL),
    ("ttl-zero-during-transit", 3, (0, 0)),
    ("ttl-zero-during-reassembly", 3, (1, 1)),
    ("parameter-problem", 4, ALL),
    ("bad-header", 4, (0, 0)),
    ("unknown-header-type", 4, (1, 1)),
    ("unknown-option", 4, (2, 2)),
    ("echo-request", 128, ALL),
    ("ping", 128, ALL),
    ("echo-reply", 129, ALL),
    ("pong", 129, ALL),
    ("mld-listener-query", 130, ALL),
    ("mld-listener-report", 131, ALL),
    ("mld-listener-done", 132, ALL),
    ("router-solicitation", 133, ALL),
    ("router-advertisement", 134, ALL),
    ("neighbour-solicitation", 135, ALL),
    ("neighbor-solicitation", 135, ALL),
    ("neighbour-advertisement", 136, ALL),
    ("neighbor-advertisement", 136, ALL),
    ("redirect", 137, ALL),
];

/// Reads `any`, `8`, `3/4`, or a name. Type 255 means any type in IPv4, as in the kernel.
pub(in crate::dialect) fn kind(text: &str, family: Family) -> Option<Kind> {
    if text == "any" {
        return Some(Kind {
            kind: None,
            codes: ALL,
        });
    }
    if let Some((kind, code)) = text.split_once('/') {
        let code = code.parse().ok()?;
        return Some(numbered(kind.parse().ok()?, (code, code), family));
    }
    if let Ok(kind) = text.parse() {
        return Some(numbered(kind, ALL, family));
    }
    let lower = text.to_ascii_lowercase();
    let names = match family {
        Family::V4 => V4,
        Family::V6 => V6,
    };
    names
        .iter()
        .find(|(name, ..)| *name == lower)
        .map(|&(_, kind, codes)| Kind {
            kind: Some(kind),
            codes,
        })
}

fn numbered(kind: u8, codes: (u8, u8), family: Family) -> Kind {
    if kind == 255 && family == Family::V4 {
        return Kind {
            kind: None,
            codes: ALL,
        };
    }
    Kind {
        kind: Some(kind),
        codes,
    }
}

/// Narrows a rule by `-m icmp` or `-m icmp6`.
pub(super) fn lower(module: &Module<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    let family = work.family();
    let protocol = match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    };
    let other = match family {
        Family::V4 => module.name.text.as_ref() != "icmp",
        Family::V6 => module.name.text.as_ref() == "icmp",
    };
    if other {
        let (own, command) = match family {
            Family::V4 => ("icmp", "ip6tables"),
            Family::V6 => ("icmp6", "iptables"),
        };
        let name = &module.name.text;
        return Err(Fault::at(
            &module.name,
            format!("match `{name}` exists in `{command}` only, expected `{own}` here"),
        ));
    }
    needs_protocol(module, work, &[protocol])?;
    work.first_fragments();
    for option in &module.options {
        if !matches!(option.name.text.as_ref(), "--icmp-type" | "--icmpv6-type") {
            return Err(no_such_option(module, option));
        }
        let value = option.value()?;
        let found = kind(&value.text, family).ok_or_else(|| {
            Fault::at(
                value,
                format!(
                    "expected an ICMP type such as `8`, `3/4` or `echo-request`, found `{}`",
                    value.text
                ),
            )
        })?;
        let types = found
            .kind
            .map_or(Ranges::full(), |k| Ranges::single(u16::from(k)));
        let codes = if found.codes == (0, u8::MAX) {
            Ranges::full()
        } else {
            Ranges::span(u16::from(found.codes.0), u16::from(found.codes.1))
        };
        let matching = Cube {
            source_port: types,
            destination_port: codes,
            ..Cube::any(family)
        };
        if option.negated {
            work.subtract(&matching);
        } else {
            work.within(&matching);
        }
    }
    Ok(())
}
