//! The output of `ss -tulpn`, of any version, with or without its header.

use super::{Bound, Holder, Listener, MOST_SOCKETS, Reading, name, protocol, too_many};
use crate::diagnostic::{Diagnostic, input};
use crate::net::{Family, Protocol};
use crate::source::{SourceId, Sources, Span};
use std::net::IpAddr;

/// Sockets that are no matter of firewalls.
const OTHERS: &[&str] = &[
    "nl",
    "p_raw",
    "p_dgr",
    "u_str",
    "u_seq",
    "u_dgr",
    "u_str_seq",
    "v_str",
    "v_dgr",
    "icmp6",
    "ti_rd",
    "ti_sq",
    "ti_st",
    "ti_dg",
    "xdp",
    "raw",
    "???",
];
/// States of sockets that do not listen.
const BUSY: &[&str] = &[
    "ESTAB",
    "SYN-SENT",
    "SYN-RECV",
    "NEW-SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "CLOSE",
    "CLOSE-WAIT",
    "LAST-ACK",
    "CLOSING",
    "UNKNOWN",
    "BOUND-INACTIVE",
];

pub(super) fn read(sources: &Sources, id: SourceId) -> (Reading, Vec<Diagnostic>) {
    let (mut reading, mut diagnostics) = (Reading::default(), Vec::new());
    let text = sources.get(id).map_or("", |source| source.text());
    let mut with_kind = false;
    let mut without_kind = false;
    for (number, line) in (1..).zip(text.lines()) {
        let mut words = line.split_whitespace().peekable();
        let Some(first) = words.peek().copied() else {
            continue;
        };
        if matches!(first, "Netid" | "State") && line.contains("Recv-Q") {
            continue;
        }
        if OTHERS.contains(&first) || BUSY.contains(&first) {
            continue;
        }
        let whole = sources.line_span(id, number);
        if reading.listeners.len() >= MOST_SOCKETS {
            diagnostics.push(too_many(id));
            break;
        }
        let kind = protocol(first);
        if kind.is_some() {
            words.next();
        }
        let state = words.next().unwrap_or_default();
        let kind = match (kind, state) {
            (Some(kind), "LISTEN" | "UNCONN") => {
                with_kind = true;
                kind
            }
            (Some(_), state) if BUSY.contains(&state) => {
                with_kind = true;
                continue;
            }
            (None, "LISTEN") => {
                without_kind = true;
                Protocol::TCP
            }
            (None, "UNCONN") => {
                without_kind = true;
                Protocol::UDP
            }
            _ => {
                diagnostics.push(not_ss(whole));
                continue;
            }
        };
        let (Some(_), Some(_), Some(local)) = (words.next(), words.next(), words.next()) else {
            diagnostics.push(not_ss(whole));
            continue;
        };
        let at = |part: &str| within(whole, line, part);
        match bound(local) {
            Ok((bound, port)) => reading.listeners.push(Listener {
                protocol: kind.0,
                port: Some(port),
                bound,
                holder: holder(line),
                span: whole,
            }),
            Err(message) => diagnostics.push(
                Diagnostic::new(&input::SYNTAX, message)
                    .at(at(local))
                    .help("run `ss -H -tulpn` on the host: with -n ports are numbers"),
            ),
        }
    }
    settle(&mut reading);
    complete(&mut reading, with_kind, without_kind);
    (reading, diagnostics)
}

/// Newer versions write `*` for a socket of both families, and then `[::]` is one of IPv6 alone.
fn settle(reading: &mut Reading) {
    if reading.listeners.iter().any(|one| one.bound == Bound::Both) {
        return;
    }
    for one in &mut reading.listeners {
        if one.bound == Bound::All(Family::V6) {
            one.bound = Bound::Unsaid;
        }
    }
}

/// Whether all sockets of a protocol are there, the text does not say; what was asked for shows in
/// its columns and in what is there.
fn complete(reading: &mut Reading, with_kind: bool, without_kind: bool) {
    let seen = |protocol: Protocol| {
        reading
            .listeners
            .iter()
            .any(|one| one.protocol == protocol.0)
    };
    let mut all = Vec::new();
    for (protocol, usual) in [
        (Protocol::TCP, with_kind),
        (Protocol::UDP, with_kind),
        (Protocol::SCTP, false),
    ] {
        if seen(protocol) || usual && !without_kind {
            all.push(protocol);
        }
    }
    for protocol in all {
        for family in Family::ALL {
            reading.complete.insert((protocol.0, family));
        }
    }
}

fn not_ss(span: Span) -> Diagnostic {
    Diagnostic::new(
        &input::SYNTAX,
        "this is no line of `ss`: expected protocol, state, two queues and the local address",
    )
    .at(span)
    .help("give the output of `ss -H -tulpn`, of `nmap -oX FILE`, or a file of /proc/net")
}

fn within(line_span: Span, line: &str, part: &str) -> Span {
    let at = line.find(part).unwrap_or(0);
    let offset = u32::try_from(at).unwrap_or(0);
    let length = u32::try_from(part.len()).unwrap_or(0);
    Span {
        start: line_span.start.saturating_add(offset),
        end: line_span
            .start
            .saturating_add(offset)
            .saturating_add(length),
        ..line_span
    }
}

/// `127.0.0.53%lo:53`, `[::1]:631`, `[fe80::1]%eth0:546`, `*:22`, `:::22`.
fn bound(local: &str) -> Result<(Bound, u16), String> {
    let shown: String = local.chars().take(80).collect();
    let wrong =
        || format!("`{shown}` is no local address and port, expected such as `10.0.0.1:22`");
    let (address, port) = local.rsplit_once(':').ok_or_else(wrong)?;
    let port = port
        .parse()
        .map_err(|_| format!("the port in `{shown}` is no number from 0 to 65535"))?;
    if address == "*" {
        return Ok((Bound::Both, port));
    }
    let address = address
        .split_once('%')
        .map_or(address, |(address, _)| address);
    let bare = address
        .strip_prefix('[')
        .map_or(address, |rest| rest.strip_suffix(']').unwrap_or(rest));
    let address: IpAddr = bare.parse().map_err(|_| wrong())?;
    Ok((Bound::of(address), port))
}

/// `users:(("sshd",pid=712,fd=3),…)`, and without the keys in old versions.
fn holder(line: &str) -> Holder {
    let Some((_, users)) = line.split_once("users:((\"") else {
        return Holder::default();
    };
    let Some((process, rest)) = users.split_once('"') else {
        return Holder::default();
    };
    let rest = rest.strip_prefix(',').unwrap_or(rest);
    let rest = rest.strip_prefix("pid=").unwrap_or(rest);
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    Holder {
        process: Some(name(process)),
        pid: digits.and_then(|digits| digits.parse().ok()),
        ..Holder::default()
    }
}
