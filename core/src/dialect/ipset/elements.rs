//! One element of a set.

use super::create::option;
use super::masks::{block, spread, width};
use super::{Kind, Part, Set};
use crate::dialect::iptables::{icmp, integer, mac};
use crate::net::{Family, Protocol, number};
use crate::packet::IfName;
use smallvec::SmallVec;
use std::net::IpAddr;

/// What an element demands.
#[derive(Debug, Clone)]
pub(super) struct Element {
    /// One value for each part.
    pub values: SmallVec<[Value; 3]>,
    /// Whether it says that what it matches is not in the set.
    pub nomatch: bool,
    /// Whether it goes away by itself.
    pub expires: bool,
}

/// The value of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    /// Addresses, inclusive.
    Addresses(u128, u128),
    /// A protocol and its ports, inclusive; for ICMP, type and code as one number.
    Port(Protocol, u16, u16),
    /// An interface name, or the beginning of names.
    Iface(IfName, bool),
    /// A mark.
    Mark(u32),
    /// A MAC address; none: of whichever packet comes first.
    Mac(Option<u64>),
    /// The bridge port that a packet came by. Rules never ask for it.
    BridgePort,
}

/// Reads one element's text and the words behind it into the set.
pub(super) fn read(set: &mut Set, text: &str, words: &[&str]) -> Result<(), String> {
    let mut element = Element {
        values: SmallVec::new(),
        nomatch: words.contains(&"nomatch"),
        expires: option(words, "timeout").map_or(set.expires, |seconds| seconds != "0"),
    };
    let parts = match &set.kind {
        Kind::Ports => {
            element.values.push(port(text, set.family)?);
            set.elements.push(element);
            return Ok(());
        }
        Kind::List | Kind::Unknown(_) => return Ok(()),
        Kind::Parts(parts) => parts,
    };
    let wildcard = words.contains(&"wildcard");
    let mut texts = text.split(',');
    for &part in parts {
        let value = match (texts.next(), part) {
            (Some(one), _) => value(set, part, one, wildcard)?,
            (None, Part::Mac) => Value::Mac(None),
            (None, _) => {
                return Err(format!(
                    "expected {} parts in element `{text}`",
                    parts.len()
                ));
            }
        };
        element.values.push(value);
    }
    if let Some(extra) = texts.next() {
        return Err(format!("unexpected part `{extra}` in element `{text}`"));
    }
    let all = masked(element, set)
        .ok_or_else(|| format!("the set's mask makes too many addresses of element `{text}`"))?;
    set.elements.extend(all);
    Ok(())
}

/// The element under the set's mask: one, or several where the mask has holes.
fn masked(element: Element, set: &Set) -> Option<SmallVec<[Element; 1]>> {
    let mut all = SmallVec::from_iter([element]);
    let Some(mask) = set.mask else {
        return Some(all);
    };
    let parts = all.first().map_or(0, |element| element.values.len());
    for at in 0..parts {
        let mut out = SmallVec::new();
        for element in all {
            let Some(&Value::Addresses(lo, hi)) = element.values.get(at) else {
                out.push(element);
                continue;
            };
            for (lo, hi) in spread((lo, hi), mask, set.family)? {
                let mut one = element.clone();
                if let Some(value) = one.values.get_mut(at) {
                    *value = Value::Addresses(lo, hi);
                }
                out.push(one);
            }
        }
        all = out;
    }
    Some(all)
}

fn value(set: &Set, part: Part, text: &str, wildcard: bool) -> Result<Value, String> {
    match part {
        Part::Ip | Part::Net => {
            let (lo, hi) = addresses(text, set.family)?;
            Ok(Value::Addresses(lo, hi))
        }
        Part::Port => port(text, set.family),
        Part::Iface if text.starts_with("physdev:") => Ok(Value::BridgePort),
        Part::Iface => IfName::new(text)
            .map(|name| Value::Iface(name, wildcard))
            .ok_or_else(|| {
                format!("expected an interface name of at most 15 bytes, found `{text}`")
            }),
        Part::Mark => integer(text)
            .map(|mark| Value::Mark(mark & set.mark_mask))
            .ok_or_else(|| format!("expected a mark, found `{text}`")),
        Part::Mac => mac(text)
            .map(|address| Value::Mac(Some(address)))
            .ok_or_else(|| format!("expected a MAC address, found `{text}`")),
    }
}

/// Reads `10.0.0.0/8`, `10.0.0.1` or `10.0.0.1-10.0.0.9`.
fn addresses(text: &str, family: Family) -> Result<(u128, u128), String> {
    let bad = || format!("expected an address or a network of the set's family, found `{text}`");
    let one = |text: &str| {
        text.parse::<IpAddr>()
            .ok()
            .filter(|&a| Family::of(a) == family)
            .map(number)
            .ok_or_else(bad)
    };
    if let Some((address, length)) = text.split_once('/') {
        let host = length
            .parse::<u32>()
            .ok()
            .and_then(|length| width(family).checked_sub(length))
            .ok_or_else(bad)?;
        let block = block(host);
        let lo = one(address)? & !block;
        return Ok((lo, lo | block));
    }
    if let Some((lo, hi)) = text.split_once('-') {
        let (lo, hi) = (one(lo)?, one(hi)?);
        return if lo <= hi { Ok((lo, hi)) } else { Err(bad()) };
    }
    let only = one(text)?;
    Ok((only, only))
}

/// Reads `tcp:80`, `80-90`, `icmp:8/0`, `icmp:echo-request` or `gre:0`; TCP where no protocol
/// is named.
fn port(text: &str, family: Family) -> Result<Value, String> {
    let (protocol, ports) = match text.split_once(':') {
        Some((protocol, ports)) => (
            Protocol::parse(protocol)
                .ok_or_else(|| format!("expected a protocol, found `{protocol}`"))?,
            ports,
        ),
        None => (Protocol::TCP, text),
    };
    let bad = || format!("expected a port, found `{ports}`");
    if protocol.is_icmp() {
        let kind = icmp::kind(ports, family).ok_or_else(bad)?;
        let kind_number = kind.kind.map_or(255, u16::from);
        // A name without a code of its own stands for code 0 here.
        let code = if kind.codes.0 == kind.codes.1 {
            u16::from(kind.codes.0)
        } else {
            0
        };
        let both = kind_number << 8 | code;
        return Ok(Value::Port(protocol, both, both));
    }
    let (lo, hi) = ports.split_once('-').unwrap_or((ports, ports));
    let (lo, hi) = (
        lo.parse().map_err(|_| bad())?,
        hi.parse().map_err(|_| bad())?,
    );
    if lo > hi {
        return Err(bad());
    }
    Ok(Value::Port(protocol, lo, hi))
}
