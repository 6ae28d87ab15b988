//! Rules as `nft list ruleset` prints them.

use super::{icmp_kind, only_protocol, only_state, ports, prefixes};
use crate::net::{Family, Protocol};
use crate::packet::Cube;

/// More elements than this belong into a named set.
const MOST_ELEMENTS: usize = 64;

/// One rule that permits exactly the packets of a cube, for a chain of the inet family or of the
/// cube's own.
pub(super) fn permit(family: Family, cube: &Cube, comment: &str) -> Option<String> {
    let protocol = only_protocol(cube)?;
    let mut parts = Vec::new();
    let side = match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    };
    for (key, set) in [("saddr", &cube.source), ("daddr", &cube.destination)] {
        let all = prefixes(set, family, MOST_ELEMENTS)?;
        parts.extend(one_of(&format!("{side} {key}"), &all));
    }
    if parts.is_empty() {
        // In a chain of the inet family nothing else tells the families apart.
        let number = match family {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
        };
        parts.push(format!("meta nfproto {number}"));
    }
    parts.push(service(protocol, cube)?);
    parts.push(format!(
        "ct state {}",
        only_state(cube)?.name().to_lowercase()
    ));
    parts.push(format!("accept comment {}", quote(comment)));
    Some(parts.join(" "))
}

fn one_of(key: &str, all: &[String]) -> Option<String> {
    match all {
        [] => None,
        [one] => Some(format!("{key} {one}")),
        _ => Some(format!("{key} {{ {} }}", all.join(", "))),
    }
}

fn service(protocol: Protocol, cube: &Cube) -> Option<String> {
    if protocol.is_icmp() {
        let name = match protocol {
            Protocol::ICMPV6 => "icmpv6",
            _ => "icmp",
        };
        let (kind, code) = icmp_kind(cube)?;
        return Some(format!("{name} type {kind} {name} code {code}"));
    }
    if !protocol.has_ports() || cube.destination_port.is_full() {
        return Some(format!("meta l4proto {}", protocol.0));
    }
    one_of(&format!("{protocol} dport"), &ports(cube, '-'))
}

/// In double quotes: nft knows no escapes in comments, and takes 128 bytes.
fn quote(text: &str) -> String {
    let plain = text.chars().filter(|c| c.is_ascii() && *c != '"');
    format!("\"{}\"", plain.take(127).collect::<String>())
}
