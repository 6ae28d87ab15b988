//! Reading `ipset save`.

use super::elements;
use super::{Kind, Part, Set, Sets};
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::Notes;
use crate::dialect::iptables::integer;
use crate::dialect::lines::lines;
use crate::net::{Family, number};
use crate::source::{SourceId, Sources, Span};
use std::net::IpAddr;

/// Most elements of all sets together.
const MOST_ELEMENTS: usize = 4_000_000;

/// How much a text looks like `ipset save`.
pub(in crate::dialect) fn detect(text: &str) -> u8 {
    let mut lines = text
        .lines()
        .map(|l| l.trim().trim_start_matches('\u{feff}'));
    let Some(line) = lines.find(|l| !l.is_empty() && !l.starts_with('#')) else {
        return 0;
    };
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("create" | "-N"), Some(_), Some(kind))
            if kind.starts_with("hash:") || kind.starts_with("bitmap:") || kind == "list:set" =>
        {
            95
        }
        (Some("add"), Some(_), Some(_)) => 40,
        _ => 0,
    }
}

/// Reads one export into the sets.
pub(in crate::dialect) fn read(
    sources: &Sources,
    source: SourceId,
    sets: &mut Sets,
    notes: &mut Notes,
) {
    let text = sources.get(source).map_or("", |s| s.text());
    for line in lines(text) {
        let span = Span::new(source, line.start, line.end());
        let words: Vec<&str> = line.text.split_ascii_whitespace().collect();
        let result = match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["create" | "-N", name, kind, rest @ ..] => {
                sets.create(span, name, kind, rest);
                Ok(())
            }
            ["add" | "-A", name, element, rest @ ..] => {
                if sets.count >= MOST_ELEMENTS {
                    notes.push(
                        Diagnostic::new(
                            &input::LIMIT,
                            format!("more than {MOST_ELEMENTS} set elements; the rest is not read"),
                        )
                        .at(span)
                        .help("matches on sets from here on are unknown"),
                    );
                    sets.damage_all("the export has too many elements");
                    return;
                }
                sets.add(name, element, rest)
            }
            ["COMMIT"] => Ok(()),
            [other, ..] => Err(format!("expected `create` or `add`, found `{other}`")),
        };
        if let Err(message) = result {
            if let Some(set) = words.get(1).and_then(|name| sets.sets.get_mut(*name)) {
                set.damaged = Some(format!("an element of the set cannot be read: {message}"));
            }
            notes.push(
                Diagnostic::new(&input::SYNTAX, message)
                    .at(span)
                    .help("matches on this set are unknown"),
            );
        }
    }
}

/// The value behind a keyword.
fn option<'a>(rest: &[&'a str], keyword: &str) -> Option<&'a str> {
    let at = rest.iter().position(|&word| word == keyword)?;
    rest.get(at + 1).copied()
}

impl Sets {
    fn create(&mut self, span: Span, name: &str, kind: &str, rest: &[&str]) {
        let kind = match kind {
            "list:set" | "setlist" => Kind::List,
            "bitmap:port" | "portmap" => Kind::Ports,
            _ => parts(kind).map_or_else(|| Kind::Unknown(kind.to_string()), Kind::Parts),
        };
        let family = match option(rest, "family") {
            Some("inet6" | "ipv6") => Family::V6,
            _ => Family::V4,
        };
        let expires = option(rest, "timeout").is_some_and(|seconds| seconds != "0");
        let mut damaged = None;
        let mask = option(rest, "netmask")
            .or_else(|| option(rest, "bitmask"))
            .and_then(|text| {
                let mask = mask(text, family);
                // A mask with holes is no interval of addresses.
                let contiguous = mask.is_some_and(|m| {
                    let free = family.max() & !m;
                    free & free.wrapping_add(1) == 0
                });
                if !contiguous {
                    damaged = Some(format!("the set's mask `{text}` is not modelled"));
                }
                mask
            });
        let mark_mask = option(rest, "markmask")
            .and_then(integer)
            .unwrap_or(u32::MAX);
        self.sets.insert(
            name.to_string(),
            Set {
                span,
                kind,
                family,
                expires,
                mask,
                mark_mask,
                elements: Vec::new(),
                members: Vec::new(),
                damaged,
            },
        );
    }

    fn add(&mut self, name: &str, element: &str, rest: &[&str]) -> Result<(), String> {
        let set = self
            .sets
            .get_mut(name)
            .ok_or_else(|| format!("`add` to set `{name}`, which no `create` makes"))?;
        self.count += 1;
        // What stands in a quoted comment is no keyword.
        let mut inside = false;
        let rest: Vec<&str> = rest
            .iter()
            .copied()
            .filter(|word| {
                let quotes = word.matches('"').count();
                let part = inside || quotes > 0;
                inside ^= quotes % 2 == 1;
                !part
            })
            .collect();
        let rest = rest.as_slice();
        if set.kind == Kind::List {
            let expires = match option(rest, "timeout") {
                Some(seconds) => seconds != "0",
                None => set.expires,
            };
            set.members.push((element.to_string(), expires));
            return Ok(());
        }
        let read = elements::read(set, element, rest)?;
        set.elements.push(read);
        Ok(())
    }

    fn damage_all(&mut self, why: &str) {
        for set in self.sets.values_mut() {
            set.damaged = Some(why.to_string());
        }
    }
}

fn mask(text: &str, family: Family) -> Option<u128> {
    if let Ok(length) = text.parse::<u32>() {
        let width = match family {
            Family::V4 => 32u32,
            Family::V6 => 128,
        };
        let host = width.checked_sub(length)?;
        let block = if host >= 128 {
            u128::MAX
        } else {
            (1u128 << host) - 1
        };
        return Some(family.max() & !block);
    }
    text.parse::<IpAddr>()
        .ok()
        .filter(|&a| Family::of(a) == family)
        .map(number)
}

fn parts(kind: &str) -> Option<Vec<Part>> {
    let names = kind
        .strip_prefix("hash:")
        .or_else(|| kind.strip_prefix("bitmap:"))?;
    names
        .split(',')
        .map(|name| match name {
            "ip" => Some(Part::Ip),
            "net" => Some(Part::Net),
            "port" => Some(Part::Port),
            "iface" => Some(Part::Iface),
            "mark" => Some(Part::Mark),
            "mac" => Some(Part::Mac),
            _ => None,
        })
        .collect()
}
