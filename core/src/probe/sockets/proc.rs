//! `/proc/net/tcp`, `udp`, `udplite` and their siblings of IPv6.

use super::{Bound, Holder, Listener, MOST_SOCKETS, Reading, protocol, too_many};
use crate::diagnostic::{Diagnostic, input};
use crate::net::{Family, Protocol};
use crate::source::{SourceId, Sources};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `TCP_LISTEN` and `TCP_CLOSE` of net/tcp_states.h; a UDP socket that has no peer is in the latter.
const LISTEN: &str = "0A";
const CLOSE: &str = "07";

pub(super) fn read(sources: &Sources, id: SourceId) -> (Reading, Vec<Diagnostic>) {
    let (mut reading, mut diagnostics) = (Reading::default(), Vec::new());
    let text = sources.get(id).map_or("", |source| source.text());
    let Some((protocol, family)) = kind(sources.name(id)) else {
        let message = "a list of sockets from /proc/net, but of which protocol is not clear: \
                       expected a name that ends in `tcp`, `tcp6`, `udp` or `udp6`";
        let diagnostic = Diagnostic::new(&input::UNKNOWN_FORMAT, message)
            .at(sources.line_span(id, 1))
            .help("name the file as it is named in /proc/net");
        return (reading, vec![diagnostic]);
    };
    reading.complete.insert((protocol.0, family));
    let state = match protocol {
        Protocol::TCP => LISTEN,
        _ => CLOSE,
    };
    for (number, line) in (1..).zip(text.lines()).skip(1) {
        if line.trim().is_empty() {
            continue;
        }
        let span = sources.line_span(id, number);
        if reading.listeners.len() >= MOST_SOCKETS {
            diagnostics.push(too_many(id));
            break;
        }
        match socket(line) {
            Some((address, port, found, inode)) => {
                if found != state || Family::of(address) != family {
                    continue;
                }
                let bound = match Bound::of(address) {
                    // Whether it takes IPv4 too is not in the list.
                    Bound::All(Family::V6) => Bound::Unsaid,
                    other => other,
                };
                reading.listeners.push(Listener {
                    protocol: protocol.0,
                    port: Some(port),
                    bound,
                    holder: Holder {
                        inode,
                        ..Holder::default()
                    },
                    span,
                });
            }
            None => diagnostics.push(
                Diagnostic::new(
                    &input::SYNTAX,
                    "this is no line of /proc/net: expected a number, two addresses and a state",
                )
                .at(span)
                .help("give the file as the kernel writes it"),
            ),
        }
    }
    (reading, diagnostics)
}

/// What the name of a file says: `/proc/net/tcp6`, `cp-1.udp.txt`.
fn kind(name: &str) -> Option<(Protocol, Family)> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let file = file.strip_suffix(".txt").unwrap_or(file);
    let last = file.rsplit(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let (kind, family) = match last.strip_suffix('6') {
        Some(kind) => (kind, Family::V6),
        None => (last, Family::V4),
    };
    Some((protocol(kind)?, family))
}

/// Local address and port, state, inode.
fn socket(line: &str) -> Option<(IpAddr, u16, &str, Option<u64>)> {
    let mut words = line.split_whitespace();
    let local = words.nth(1)?;
    let state = words.nth(1)?;
    let inode = words.nth(5).and_then(|word| word.parse().ok());
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((decode(address)?, port, state, inode))
}

/// Words of 32 bits in the byte order of the host, which is the little one wherever Kubernetes is
/// common.
fn decode(digits: &str) -> Option<IpAddr> {
    if !digits.is_ascii() {
        return None;
    }
    let words: Option<Vec<[u8; 4]>> = digits
        .as_bytes()
        .chunks(8)
        .map(|part| {
            let word = u32::from_str_radix(str::from_utf8(part).ok()?, 16).ok()?;
            (part.len() == 8).then_some(word.to_le_bytes())
        })
        .collect();
    let bytes = words?.concat();
    if let Ok(v4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(v4).into());
    }
    let v6 = <[u8; 16]>::try_from(bytes.as_slice()).ok()?;
    let v6 = Ipv6Addr::from(v6);
    Some(v6.into())
}
