//! Flows gathered by pair of groups: what diagrams draw.

use super::entries::addresses;
use super::sheet::{detail, family};
use crate::engine::{GroupData, ResolveResult};
use crate::net::Family;
use std::collections::{BTreeMap, BTreeSet};

/// Services are listed up to this many; the rest is counted.
const MOST_SERVICES: usize = 24;

/// All that one group needs from another.
pub(super) struct Link {
    /// Position of the source in [`ResolveResult::groups`].
    pub(super) from: usize,
    /// Position of the destination.
    pub(super) to: usize,
    /// Services, one a line: `tcp 2379-2380, 6443`.
    pub(super) lines: Vec<String>,
}

/// One link for each pair of groups, ordered by their positions.
pub(super) fn links(result: &ResolveResult) -> Vec<Link> {
    let groups = result.groups.iter().enumerate();
    let positions: BTreeMap<&str, usize> = groups.map(|(at, g)| (g.id.as_str(), at)).collect();
    let families: BTreeSet<Family> = result.flows.iter().map(|flow| flow.family).collect();
    let mut found: BTreeMap<(usize, usize), Services<'_>> = BTreeMap::new();
    for flow in &result.flows {
        let at = |id: &str| positions.get(id).copied();
        if let (Some(from), Some(to)) = (at(&flow.from), at(&flow.to)) {
            let services = found.entry((from, to)).or_default();
            let of = services.entry((&flow.protocol, detail(flow))).or_default();
            of.insert(flow.family);
        }
    }
    let all = found.into_iter().map(|((from, to), services)| Link {
        from,
        to,
        lines: lines(&services, families.len()),
    });
    all.collect()
}

type Services<'r> = BTreeMap<(&'r str, &'r str), BTreeSet<Family>>;

/// Services by protocol. A service of only one family says which, where the site has both.
fn lines(services: &Services<'_>, families: usize) -> Vec<String> {
    let mut by_protocol: BTreeMap<&str, Vec<(u32, String)>> = BTreeMap::new();
    for ((protocol, detail), of) in services {
        let mut text = (*detail).to_owned();
        if of.len() < families
            && let Some(&only) = of.first()
        {
            text = format!("{text} ({})", family(only)).trim_start().to_owned();
        }
        let first = detail.split(['-', '/']).next().and_then(|n| n.parse().ok());
        let ports = by_protocol.entry(protocol).or_default();
        ports.push((first.unwrap_or(0), text));
    }
    let line = |(protocol, mut ports): (&str, Vec<(u32, String)>)| {
        ports.sort();
        let more = ports.len().saturating_sub(MOST_SERVICES);
        let mut texts: Vec<String> = ports.into_iter().map(|(_, text)| text).collect();
        texts.truncate(MOST_SERVICES);
        if more > 0 {
            texts.push(format!("+{more}"));
        }
        let name = match protocol.parse::<u8>() {
            Ok(number) => format!("ip protocol {number}"),
            Err(_) => protocol.to_owned(),
        };
        format!("{name} {}", texts.join(", ")).trim_end().to_owned()
    };
    by_protocol.into_iter().map(line).collect()
}

/// What a group's box says: its title, then its members or addresses, then its id.
pub(super) fn caption(group: &GroupData) -> Vec<String> {
    let detail = match (group.members.as_slice(), group.kind.as_str()) {
        (members, "hosts") if members.len() > 4 => format!("{} hosts", members.len()),
        (members, "hosts") => members.join(", "),
        _ => {
            let all = [Family::V4, Family::V6];
            let all: Vec<&str> = all
                .iter()
                .flat_map(|&family| addresses(group, family))
                .map(String::as_str)
                .collect();
            match all.as_slice() {
                [first, .., _] if all.len() > 4 => format!("{first}, … ({})", all.len()),
                few => few.join(", "),
            }
        }
    };
    let mut lines = vec![group.title.clone()];
    if group.id != group.title {
        lines.push(group.id.clone());
    }
    if !detail.is_empty() && detail != group.title {
        lines.push(detail);
    }
    lines
}

/// Positions of the groups by cluster; those of no cluster come first.
pub(super) fn by_cluster(result: &ResolveResult) -> BTreeMap<Option<&str>, Vec<usize>> {
    let mut found: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (at, group) in result.groups.iter().enumerate() {
        found.entry(group.cluster.as_deref()).or_default().push(at);
    }
    found
}
