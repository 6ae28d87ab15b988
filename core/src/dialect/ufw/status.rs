//! What `ufw status`, `ufw status numbered` and `ufw status verbose` print.

use super::profiles::Profiles;
use super::rule::{Direction, Rule, Side, Verb};
use crate::dialect::lines::lines;
use crate::net::{Family, Prefix};
use crate::source::{SourceId, Span};
use std::net::IpAddr;

/// A status as it was read.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// Whether ufw filters at all.
    pub active: bool,
    /// The line that says so.
    pub span: Option<Span>,
    /// Default policies of incoming, outgoing and routed packets, where they are said.
    pub defaults: [Option<String>; 3],
    /// Rules in order.
    pub rules: Vec<(Span, Row)>,
}

/// One line of the list.
#[derive(Debug)]
pub(super) enum Row {
    /// The rules that it stands for: a profile may have several ports.
    Rules(Vec<Rule>),
    /// It names a profile that nobody knows: the rule without its ports.
    Unknown(Box<Rule>, String),
    /// It cannot be read.
    Fault(String),
}

/// One column.
#[derive(Debug, Default)]
struct Column {
    side: Side,
    protocol: Option<String>,
    interface: Option<String>,
    v6: bool,
}

/// Whether a text is one of these.
pub(super) fn is_status(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).take(40);
    lines.any(|line| matches!(line, "Status: active" | "Status: inactive"))
}

/// Reads a status.
pub(super) fn read(text: &str, source: SourceId, profiles: &Profiles) -> Status {
    let mut status = Status::default();
    let mut listed = false;
    for line in lines(text) {
        let trimmed = line.text.trim();
        let start = line.start + (line.text.len() - line.text.trim_start().len());
        let span = Span::new(source, start, start + trimmed.len());
        match trimmed {
            "" => {}
            "Status: active" | "Status: inactive" => {
                status.active = trimmed == "Status: active";
                status.span = Some(span);
            }
            _ if trimmed.starts_with("Default:") => defaults(trimmed, &mut status),
            _ if is_heading(trimmed) => listed = true,
            _ if trimmed.chars().all(|c| c == '-' || c == ' ') => {}
            _ if listed => status.rules.push((span, row(trimmed, profiles))),
            _ => {}
        }
    }
    status
}

fn is_heading(line: &str) -> bool {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    words == ["To", "Action", "From"]
}

/// `Default: deny (incoming), allow (outgoing), disabled (routed)`.
fn defaults(line: &str, status: &mut Status) {
    let rest = line.strip_prefix("Default:").unwrap_or("");
    for part in rest.split(',') {
        let mut words = part.split_ascii_whitespace();
        let (Some(policy), Some(which)) = (words.next(), words.next()) else {
            continue;
        };
        let at = match which {
            "(incoming)" => 0,
            "(outgoing)" => 1,
            "(routed)" => 2,
            _ => continue,
        };
        if let Some(place) = status.defaults.get_mut(at) {
            *place = Some(policy.to_owned());
        }
    }
}

/// `[ 1] 22/tcp (v6)  ALLOW IN  Anywhere (v6)  (log) # comment`.
fn row(line: &str, profiles: &Profiles) -> Row {
    let line = match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((number, rest)) if number.trim().parse::<u32>().is_ok() => rest.trim_start(),
        _ => line,
    };
    let line = line
        .split_once(" # ")
        .map_or(line, |(rule, _)| rule)
        .trim_end();
    match read_row(line, profiles) {
        Ok(row) => row,
        Err(message) => Row::Fault(message),
    }
}

fn read_row(line: &str, profiles: &Profiles) -> Result<Row, String> {
    let (at, verb, word) = verb(line)
        .ok_or_else(|| format!("expected `ALLOW`, `DENY`, `REJECT` or `LIMIT`, found `{line}`"))?;
    let to = line.get(..at).unwrap_or("").trim();
    let rest = line.get(at + word.len()..).unwrap_or("").trim_start();
    let (direction, rest) = direction(rest);
    let (from, log) = log(rest.trim());
    let (to, from) = (column(to), column(from));
    let v6 = to.v6 || from.v6;
    let protocol = to.protocol.or(from.protocol);
    let (arrives, leaves) = match direction {
        Direction::Routed => (from.interface, to.interface),
        _ => (to.interface, from.interface),
    };
    let rule = Rule {
        family: if v6 { Family::V6 } else { Family::V4 },
        direction,
        verb,
        log,
        protocol,
        to: to.side,
        from: from.side,
        arrives,
        leaves,
    };
    expand(rule, profiles)
}

/// Where the action begins: a word of its own.
fn verb(line: &str) -> Option<(usize, Verb, &'static str)> {
    const VERBS: [(&str, Verb); 4] = [
        ("ALLOW", Verb::Allow),
        ("DENY", Verb::Deny),
        ("REJECT", Verb::Reject),
        ("LIMIT", Verb::Limit),
    ];
    let found = VERBS.iter().filter_map(|&(word, verb)| {
        let (at, _) = line.match_indices(word).find(|&(at, _)| {
            let before = line.get(..at).is_some_and(|text| text.ends_with(' '));
            let behind = line.get(at + word.len()..).unwrap_or("");
            before && (behind.is_empty() || behind.starts_with(' '))
        })?;
        Some((at, verb, word))
    });
    found.min_by_key(|(at, ..)| *at)
}

fn direction(rest: &str) -> (Direction, &str) {
    for (word, direction) in [
        ("IN", Direction::In),
        ("OUT", Direction::Out),
        ("FWD", Direction::Routed),
    ] {
        if let Some(behind) = rest.strip_prefix(word)
            && behind.starts_with(' ')
        {
            return (direction, behind);
        }
    }
    (Direction::In, rest)
}

/// ` (log)`, ` (log-all, out)`, ` (out)` behind the last column.
fn log(rest: &str) -> (&str, Option<&'static str>) {
    let Some((column, notes)) = rest.rsplit_once(" (") else {
        return (rest, None);
    };
    let Some(notes) = notes.strip_suffix(')') else {
        return (rest, None);
    };
    let known = |note: &str| matches!(note, "log" | "log-all" | "out" | "in");
    if !notes.split(", ").all(known) {
        return (rest, None);
    }
    let log = match notes.split(", ").find(|note| note.starts_with("log")) {
        Some("log") => Some("log"),
        Some(_) => Some("log-all"),
        None => None,
    };
    (column.trim_end(), log)
}

fn column(text: &str) -> Column {
    let mut column = Column::default();
    let mut text = text.trim();
    if let Some((rest, name)) = text.rsplit_once(" on ")
        && !name.contains(' ')
    {
        column.interface = Some(name.to_owned());
        text = rest.trim_end();
    }
    if let Some(rest) = text.strip_suffix(" (v6)") {
        column.v6 = true;
        text = rest.trim_end();
    }
    // `80,443/tcp (Apache Full (v6))`: the profile that the ports came from.
    if let Some(at) = text.find(" (")
        && text.ends_with(')')
    {
        column.v6 |= text.ends_with("(v6))");
        text = text.get(..at).unwrap_or("").trim_end();
    }
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    if let Some(protocol) = first.strip_prefix("Anywhere") {
        column.protocol = protocol.strip_prefix('/').map(str::to_owned);
        text = rest.trim();
    } else if let Some((address, protocol)) = address(first) {
        column.v6 |= address.contains(':');
        column.side.address = Some(address);
        column.protocol = protocol;
        text = rest.trim();
    }
    if text.is_empty() {
        return column;
    }
    let (ports, protocol) = match text.rsplit_once('/') {
        Some((ports, protocol)) => (ports, Some(protocol)),
        None => (text, None),
    };
    if ports
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b',' || b == b':')
    {
        column.side.ports = Some(ports.to_owned());
        column.protocol = column.protocol.or(protocol.map(str::to_owned));
    } else {
        column.side.profile = Some(text.to_owned());
    }
    column
}

/// `10.0.0.0/8`, `10.0.0.1`, and either with `/tcp` behind.
fn address(text: &str) -> Option<(String, Option<String>)> {
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok() || text.parse::<Prefix>().is_ok();
    if is_address(text) {
        return Some((text.to_owned(), None));
    }
    let (address, protocol) = text.rsplit_once('/')?;
    is_address(address).then(|| (address.to_owned(), Some(protocol.to_owned())))
}

/// Puts the ports of profiles in their place.
fn expand(rule: Rule, profiles: &Profiles) -> Result<Row, String> {
    let (to, from) = (rule.to.profile.clone(), rule.from.profile.clone());
    let (Some(name), other) = (to.clone().or_else(|| from.clone()), from) else {
        return Ok(Row::Rules(vec![rule]));
    };
    let Some(ports) = profiles.ports(&name) else {
        return Ok(Row::Unknown(Box::new(rule), name));
    };
    if to.is_some() && other.as_ref().is_some_and(|other| *other != name) {
        return Err("two different profiles in one rule are not supported".into());
    }
    let mut rules = Vec::new();
    for (ports, protocol) in ports {
        let mut one = rule.clone();
        for side in [&mut one.to, &mut one.from] {
            if side.profile.take().is_some() {
                side.ports = Some(ports.clone());
            }
        }
        one.protocol = protocol.or(one.protocol);
        rules.push(one);
    }
    Ok(Row::Rules(rules))
}
