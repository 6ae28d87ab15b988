//! What nft's names mean: fields and their types, and the numbers that names stand for.

mod fields;
mod names;
mod services;

use super::syntax::{ChainKind, Expr, ExprKind, Family, Hook, ObjectKind};
use crate::net::Protocol;

/// A type whose values have no names that are known here.
pub(super) const UNKNOWN: &str = "unknown";

/// `PROTOCOL FIELD`, as static names with the type of the value.
pub(super) fn payload(
    protocol: &str,
    field: &str,
) -> Option<(&'static str, &'static str, &'static str)> {
    fields::PAYLOAD
        .iter()
        .copied()
        .find(|(p, f, _)| *p == protocol && *f == field)
}

/// A protocol that carries whole packets.
pub(super) fn tunnel(name: &str) -> Option<&'static str> {
    ["vxlan", "gre", "gretap", "geneve"]
        .into_iter()
        .find(|known| *known == name)
}

/// An extension header, as its static name.
pub(super) fn extension_header(name: &str) -> Option<&'static str> {
    fields::EXTHDR
        .iter()
        .map(|(header, _, _)| *header)
        .find(|header| *header == name)
}

/// A field of an extension header with the type of its value.
pub(super) fn extension_field(header: &str, field: &str) -> Option<(&'static str, &'static str)> {
    fields::EXTHDR
        .iter()
        .find(|(h, f, _)| *h == header && *f == field)
        .map(|&(_, field, kind)| (field, kind))
}

/// A `meta` key, as its static name.
pub(super) fn meta(key: &str) -> Option<&'static str> {
    // `ibriport` and `obriport` are what older versions call the bridge itself.
    let key = match key {
        "ibriport" | "ibridgename" => "ibrname",
        "obriport" | "obridgename" => "obrname",
        "secpath" => "ipsec",
        key => key,
    };
    find(fields::META, key).map(|(key, _)| key)
}

/// A `ct` key, as its static name.
pub(super) fn ct(key: &str) -> Option<&'static str> {
    let key = match key {
        "l3protocol" => "l3proto",
        "protocol-src" => "proto-src",
        "protocol-dst" => "proto-dst",
        key => key,
    };
    find(fields::CT, key).map(|(key, _)| key)
}

fn find<T: Copy>(table: &[(&'static str, T)], name: &str) -> Option<(&'static str, T)> {
    table.iter().copied().find(|(known, _)| *known == name)
}

/// The static spelling of a word out of a few.
pub(super) fn one_of(words: &[&'static str], word: &str) -> Option<&'static str> {
    words.iter().copied().find(|known| *known == word)
}

/// The type of the values that an expression gives, in nft's own names (`inet_service`, …).
pub(super) fn type_of(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Meta(key) => find(fields::META, key).map_or(UNKNOWN, |(_, kind)| kind),
        ExprKind::Ct { key, family, .. } => match find(fields::CT, key) {
            Some((_, "address")) => match family {
                Some(Family::Ip6) => "ipv6_addr",
                _ => "ipv4_addr",
            },
            Some((_, kind)) => kind,
            None => UNKNOWN,
        },
        ExprKind::Payload {
            protocol, field, ..
        } => payload(protocol, field).map_or(UNKNOWN, |(_, _, kind)| kind),
        ExprKind::Exthdr {
            header,
            field: Some(field),
            ..
        } => extension_field(header, field).map_or("integer", |(_, kind)| kind),
        ExprKind::RawPayload { .. }
        | ExprKind::RawTcpOption { .. }
        | ExprKind::TcpOption { field: Some(_), .. }
        | ExprKind::IpOption { field: Some(_), .. }
        | ExprKind::SctpChunk { field: Some(_), .. }
        | ExprKind::Numgen { .. }
        | ExprKind::Hash { .. } => "integer",
        ExprKind::Exthdr { .. }
        | ExprKind::TcpOption { .. }
        | ExprKind::IpOption { .. }
        | ExprKind::SctpChunk { .. }
        | ExprKind::DccpOption(_) => "boolean",
        ExprKind::Fib { result, .. } => match *result {
            "type" => "fib_addrtype",
            "oifname" => "ifname",
            "oif" => "iface_index",
            _ => "boolean",
        },
        ExprKind::Rt { key, family } => match (*key, family) {
            ("nexthop", Some(Family::Ip6)) => "ipv6_addr",
            ("nexthop", _) => "ipv4_addr",
            ("classid", _) => "realm",
            ("ipsec", _) => "boolean",
            _ => "integer",
        },
        ExprKind::Socket { key, .. } => match *key {
            "mark" => "mark",
            "cgroupv2" => "cgroupsv2",
            _ => "integer",
        },
        ExprKind::Osf { .. } => "string",
        ExprKind::Ipsec { key, family, .. } => match (*key, family) {
            ("saddr" | "daddr", Some(Family::Ip6)) => "ipv6_addr",
            ("saddr" | "daddr", _) => "ipv4_addr",
            _ => "integer",
        },
        ExprKind::Binary { left, right, .. } => match type_of(left) {
            UNKNOWN => type_of(right),
            known => known,
        },
        _ => UNKNOWN,
    }
}

/// Whether a match on this type without an operator asks for any of the bits.
pub(super) fn is_bitmask(kind: &str) -> bool {
    matches!(
        kind,
        "ct_state" | "ct_status" | "ct_label" | "ct_event" | "tcp_flag" | "bitmask"
    )
}

/// The number that a name stands for where this type is expected.
pub(super) fn number(kind: &str, name: &str) -> Option<u128> {
    let names = match kind {
        "ct_state" => names::CT_STATE,
        "ct_status" => names::CT_STATUS,
        "ct_dir" => names::CT_DIR,
        "ct_event" => names::CT_EVENT,
        "tcp_flag" => names::TCP_FLAG,
        "dscp" => names::DSCP,
        "ecn" => names::ECN,
        "icmp_type" => names::ICMP_TYPE,
        "icmp_code" => names::ICMP_CODE,
        "icmpv6_type" => names::ICMPV6_TYPE,
        "icmpv6_code" => names::ICMPV6_CODE,
        "icmpx_code" => names::ICMPX_CODE,
        "pkt_type" => names::PKT_TYPE,
        "fib_addrtype" => names::FIB_ADDRTYPE,
        "arp_op" => names::ARP_OP,
        "ether_type" => names::ETHER_TYPE,
        "igmp_type" => names::IGMP_TYPE,
        "mh_type" => names::MH_TYPE,
        "dccp_pkttype" => names::DCCP_PKTTYPE,
        "iface_type" => names::IFACE_TYPE,
        "nf_proto" => names::NF_PROTO,
        "day" => {
            return names::DAY
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|&(_, value)| value.into());
        }
        "inet_proto" => return protocol(name).map(u128::from),
        "inet_service" => return services::port(name).map(u128::from),
        "classid" => return classid(name),
        "realm" => return name.parse().ok(),
        "uid" | "gid" => return (name == "root").then_some(0),
        "devgroup" => return (name == "default").then_some(0),
        _ => return None,
    };
    find(names, name).map(|(_, value)| value.into())
}

/// A protocol by its name in /etc/protocols. `ip` is 0 there.
pub(super) fn protocol(name: &str) -> Option<u8> {
    match name {
        "ip" => Some(0),
        "ethernet" => Some(143),
        name => Protocol::parse(name).map(|protocol| protocol.0),
    }
}

/// `major:minor`, both hexadecimal.
fn classid(text: &str) -> Option<u128> {
    match text {
        "root" => return Some(0xffff_ffff),
        "none" => return Some(0),
        _ => {}
    }
    let (major, minor) = text.split_once(':')?;
    let part = |text: &str| match text {
        "" => Some(0),
        text => u16::from_str_radix(text, 16).ok(),
    };
    Some(u128::from(part(major)?) << 16 | u128::from(part(minor)?))
}

/// A table's family.
pub(super) fn family(name: &str) -> Option<Family> {
    Some(match name {
        "ip" => Family::Ip,
        "ip6" => Family::Ip6,
        "inet" => Family::Inet,
        "arp" => Family::Arp,
        "bridge" => Family::Bridge,
        "netdev" => Family::Netdev,
        _ => return None,
    })
}

/// A hook.
pub(super) fn hook(name: &str) -> Option<Hook> {
    Some(match name {
        "ingress" => Hook::Ingress,
        "prerouting" => Hook::Prerouting,
        "input" => Hook::Input,
        "forward" => Hook::Forward,
        "output" => Hook::Output,
        "postrouting" => Hook::Postrouting,
        "egress" => Hook::Egress,
        _ => return None,
    })
}

/// A base chain's type.
pub(super) fn chain_kind(name: &str) -> Option<ChainKind> {
    Some(match name {
        "filter" => ChainKind::Filter,
        "nat" => ChainKind::Nat,
        "route" => ChainKind::Route,
        _ => return None,
    })
}

/// A named priority; bridges have numbers of their own.
pub(super) fn priority(family: Family, name: &str) -> Option<i32> {
    Some(match (family, name) {
        (Family::Bridge, "dstnat") => -300,
        (Family::Bridge, "filter") => -200,
        (Family::Bridge, "out") => 100,
        (Family::Bridge, "srcnat") => 300,
        (Family::Bridge, _) => return None,
        (_, "filter") => 0,
        (Family::Arp | Family::Netdev, _) => return None,
        (_, "raw") => -300,
        (_, "mangle") => -150,
        (_, "dstnat") => -100,
        (_, "security") => 50,
        (_, "srcnat") => 100,
        _ => return None,
    })
}

/// A kind of object by its name in set types and statements.
pub(super) fn object_kind(name: &str) -> Option<ObjectKind> {
    Some(match name {
        "counter" => ObjectKind::Counter,
        "quota" => ObjectKind::Quota,
        "limit" => ObjectKind::Limit,
        "ct helper" => ObjectKind::CtHelper,
        "ct timeout" => ObjectKind::CtTimeout,
        "ct expectation" => ObjectKind::CtExpectation,
        "secmark" => ObjectKind::Secmark,
        "synproxy" => ObjectKind::Synproxy,
        "tunnel" => ObjectKind::Tunnel,
        _ => return None,
    })
}

/// Bytes of a unit such as `kbytes`.
pub(super) fn byte_unit(name: &str) -> Option<u64> {
    Some(match name {
        "bytes" | "byte" => 1,
        "kbytes" => 1 << 10,
        "mbytes" => 1 << 20,
        "gbytes" => 1 << 30,
        _ => return None,
    })
}

/// A period of a rate.
pub(super) fn period(name: &str) -> Option<&'static str> {
    one_of(&["second", "minute", "hour", "day", "week"], name)
}

/// `1d2h3m4s5ms` in milliseconds.
pub(super) fn duration(text: &str) -> Option<u64> {
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (value, unit) = rest.split_at_checked(digits)?;
        let letters = unit
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(unit.len());
        let (unit, next) = unit.split_at_checked(letters)?;
        let scale = match unit {
            "w" => 604_800_000,
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return None,
        };
        total = total.checked_add(value.parse::<u64>().ok()?.checked_mul(scale)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

/// A link-layer address.
pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut octets {
        let part = parts.next().filter(|part| (1..=2).contains(&part.len()))?;
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(octets)
}

/// The name that nft lists for a TCP option.
pub(super) fn tcp_option(name: &str) -> &str {
    match name {
        "sack-permitted" | "4" => "sack-perm",
        "0" => "eol",
        "nop" | "noop" | "1" => "nop",
        "2" | "mss" => "maxseg",
        "3" => "window",
        "5" | "sack0" => "sack",
        "8" => "timestamp",
        "19" => "md5sig",
        "30" => "mptcp",
        "34" => "fastopen",
        name => name,
    }
}

/// Whether an expression is a selector by itself.
pub(super) fn is_selector(expr: &Expr) -> bool {
    !matches!(
        expr.kind,
        ExprKind::Number(_)
            | ExprKind::Word(_)
            | ExprKind::Address(_)
            | ExprKind::Mac(_)
            | ExprKind::Exists(_)
            | ExprKind::Prefix { .. }
            | ExprKind::Range(..)
            | ExprKind::Any
            | ExprKind::List(_)
            | ExprKind::Set(_)
            | ExprKind::SetRef(_)
            | ExprKind::Verdict(_)
            | ExprKind::Unreadable(_)
            | ExprKind::Binary { .. }
            | ExprKind::Concat(_)
            | ExprKind::Map { .. }
    )
}
