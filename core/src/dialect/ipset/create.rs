//! What the head of a set says.

use super::masks::mask;
use super::{Kind, Part, Set};
use crate::dialect::iptables::integer;
use crate::net::Family;
use crate::source::Span;

/// The value behind a keyword.
pub(super) fn option<'a>(words: &[&'a str], keyword: &str) -> Option<&'a str> {
    let at = words.iter().position(|&word| word == keyword)?;
    words.get(at + 1).copied()
}

/// A set of this type with these options, without elements.
pub(super) fn create(kind: &str, words: &[&str], span: Span) -> Set {
    let bitmap = kind.starts_with("bitmap:");
    let kind = kind_of(kind);
    let ipv6 = option(words, "family").map_or(words.contains(&"-6"), |family| {
        matches!(family, "inet6" | "ipv6")
    });
    let family = if ipv6 { Family::V6 } else { Family::V4 };
    let timeout = option(words, "timeout").or_else(|| option(words, "--timeout"));
    let mut damaged = None;
    let mut mask_of = |keyword| {
        let text = option(words, keyword)?;
        let read = mask(text, family);
        if read.is_none() {
            damaged = Some(format!("the set's mask `{text}` cannot be read"));
        }
        read
    };
    let mask = mask_of("netmask")
        .or_else(|| mask_of("bitmask"))
        .or_else(|| mask_of("--netmask"));
    let mark_mask = option(words, "markmask").map_or(Some(u32::MAX), integer);
    if mark_mask.is_none() {
        damaged = Some("the set's mark mask cannot be read".into());
    }
    Set {
        span,
        kind,
        family,
        timeouts: timeout.is_some(),
        expires: timeout.is_some_and(|seconds| seconds != "0"),
        bitmap,
        mask,
        mark_mask: mark_mask.unwrap_or(u32::MAX),
        elements: Vec::new(),
        members: Vec::new(),
        damaged,
    }
}

/// Whether text names a type of set.
pub(super) fn is_kind(text: &str) -> bool {
    !matches!(kind_of(text), Kind::Unknown(_))
}

/// A type by its name, or by the name that it had before ipset 5.
fn kind_of(text: &str) -> Kind {
    let name = match text {
        "list:set" | "setlist" => return Kind::List,
        "bitmap:port" | "portmap" => return Kind::Ports,
        "ipmap" => "bitmap:ip",
        "macipmap" => "bitmap:ip,mac",
        "iphash" | "ipaddrhash" | "iptree" | "iptreemap" => "hash:ip",
        "nethash" => "hash:net",
        "ipporthash" => "hash:ip,port",
        "ipportiphash" => "hash:ip,port,ip",
        "ipportnethash" => "hash:ip,port,net",
        "netporthash" => "hash:net,port",
        "netifacehash" => "hash:net,iface",
        other => other,
    };
    parts(name).map_or_else(|| Kind::Unknown(text.to_string()), Kind::Parts)
}

fn parts(kind: &str) -> Option<Vec<Part>> {
    use Part::{Iface, Ip, Mac, Mark, Net, Port};
    Some(match kind {
        "bitmap:ip" | "hash:ip" => vec![Ip],
        "bitmap:ip,mac" | "hash:ip,mac" => vec![Ip, Mac],
        "hash:mac" => vec![Mac],
        "hash:net" => vec![Net],
        "hash:net,net" => vec![Net, Net],
        "hash:ip,port" => vec![Ip, Port],
        "hash:net,port" => vec![Net, Port],
        "hash:ip,port,ip" => vec![Ip, Port, Ip],
        "hash:ip,port,net" => vec![Ip, Port, Net],
        "hash:net,port,net" => vec![Net, Port, Net],
        "hash:ip,mark" => vec![Ip, Mark],
        "hash:net,iface" => vec![Net, Iface],
        _ => return None,
    })
}
