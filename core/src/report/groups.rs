//! Openings gathered under hosts, pairs of roles or boundaries.

use super::Layout;
use super::entries::{End, Entry, GroupBy, Resolved};
use super::words::Words;
use std::collections::{BTreeMap, BTreeSet};

/// Which way an opening goes, seen from the host that a section is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
}

/// Openings under one heading.
pub(super) struct Section<'r> {
    /// Empty when there is only one.
    pub(super) title: String,
    pub(super) openings: Vec<(Option<Direction>, Entry<'r>)>,
}

/// The sections of a resolved site, in a fixed order.
pub(super) fn sections<'r>(
    resolved: &Resolved<'r>,
    layout: Layout<'_>,
    words: &Words,
) -> Vec<Section<'r>> {
    let entries = resolved.entries(layout.pairs);
    match layout.group_by {
        GroupBy::Flow => vec![Section {
            title: String::new(),
            openings: entries.into_iter().map(|entry| (None, entry)).collect(),
        }],
        GroupBy::Host => by_host(resolved, &entries, layout.host),
        GroupBy::Role => by_role(entries),
        GroupBy::Boundary => by_boundary(resolved, &entries, words),
    }
}

fn by_host<'r>(
    resolved: &Resolved<'r>,
    entries: &[Entry<'r>],
    asked: Option<&str>,
) -> Vec<Section<'r>> {
    let only = |host: &str, end: &End<'_>| end.members.as_slice() == [host];
    let mut sections = Vec::new();
    for host in &resolved.result.hosts {
        let name = host.name.as_str();
        if asked.is_some_and(|asked| asked != name) {
            continue;
        }
        let mut openings = Vec::new();
        for direction in [Direction::In, Direction::Out] {
            for entry in entries {
                let (own, other) = match direction {
                    Direction::In => (&entry.to, &entry.from),
                    Direction::Out => (&entry.from, &entry.to),
                };
                // Nobody needs an opening to itself.
                if only(name, other) {
                    continue;
                }
                let family = entry.flow.family;
                let Some(own) = resolved.narrow(own, family, |member| member == name) else {
                    continue;
                };
                let (from, to) = match direction {
                    Direction::In => (other.clone(), own),
                    Direction::Out => (own, other.clone()),
                };
                let flow = entry.flow;
                openings.push((Some(direction), Entry { flow, from, to }));
            }
        }
        if !openings.is_empty() {
            let title = name.to_owned();
            sections.push(Section { title, openings });
        }
    }
    sections
}

fn by_role(entries: Vec<Entry<'_>>) -> Vec<Section<'_>> {
    let mut found: BTreeMap<(String, String), Vec<(Option<Direction>, Entry<'_>)>> =
        BTreeMap::new();
    for entry in entries {
        let reasons = entry.flow.because.iter();
        let roles: BTreeSet<_> = reasons.map(|r| (&r.from_role, &r.to_role)).collect();
        for (from, to) in roles {
            let of = found.entry((from.clone(), to.clone())).or_default();
            let (flow, from, to) = (entry.flow, entry.from.clone(), entry.to.clone());
            of.push((None, Entry { flow, from, to }));
        }
    }
    let titled = found.into_iter().map(|((from, to), openings)| Section {
        title: format!("{from} → {to}"),
        openings,
    });
    titled.collect()
}

fn by_boundary<'r>(
    resolved: &Resolved<'r>,
    entries: &[Entry<'r>],
    words: &Words,
) -> Vec<Section<'r>> {
    let place = |end: &End<'r>, member: &str| match resolved.place(member, end.group) {
        None | Some((None, None)) => words.outside.to_owned(),
        Some((Some(cluster), None)) => cluster.to_owned(),
        Some((None, Some(zone))) => format!("{} {zone}", words.zone),
        Some((Some(cluster), Some(zone))) => format!("{cluster} ({} {zone})", words.zone),
    };
    let places = |end: &End<'r>| -> BTreeSet<String> {
        end.members
            .iter()
            .map(|member| place(end, member))
            .collect()
    };
    let mut found: BTreeMap<(String, String), Vec<(Option<Direction>, Entry<'r>)>> =
        BTreeMap::new();
    for entry in entries {
        let family = entry.flow.family;
        let targets = places(&entry.to);
        for a in places(&entry.from) {
            let at_a = |member: &str| place(&entry.from, member) == a;
            let Some(from) = resolved.narrow(&entry.from, family, at_a) else {
                continue;
            };
            for b in &targets {
                let at_b = |member: &str| place(&entry.to, member) == *b;
                let Some(to) = resolved.narrow(&entry.to, family, at_b) else {
                    continue;
                };
                if from.members.len() == 1 && from.members == to.members {
                    continue;
                }
                let (flow, from) = (entry.flow, from.clone());
                let of = found.entry((a.clone(), b.clone())).or_default();
                of.push((None, Entry { flow, from, to }));
            }
        }
    }
    let titled = found.into_iter().map(|((a, b), openings)| Section {
        title: format!("{a} → {b}"),
        openings,
    });
    titled.collect()
}
