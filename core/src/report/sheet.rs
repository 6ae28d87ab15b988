//! Openings as rows of text: what tables, CSV and Markdown have in common.

use super::entries::{Entry, Resolved};
use super::groups::{Direction, Section, sections};
use super::words::words;
use super::{Layout, one_line};
use crate::catalog::Need;
use crate::engine::{FlowData, RequirementData, ResolveResult};
use crate::net::Family;
use std::collections::BTreeMap;

/// One opening in words.
pub(super) struct Row {
    pub(super) direction: Option<Direction>,
    pub(super) family: &'static str,
    pub(super) from: String,
    pub(super) from_addresses: String,
    pub(super) to: String,
    pub(super) to_addresses: String,
    pub(super) protocol: String,
    pub(super) ports: String,
    pub(super) need: &'static str,
    pub(super) why: String,
    pub(super) citation: String,
    pub(super) assumed: String,
    pub(super) erratum: String,
}

/// Rows under one heading.
pub(super) struct Rows {
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
}

/// A resolved site as rows.
pub(super) fn rows(result: &ResolveResult, layout: Layout<'_>) -> Vec<Rows> {
    let resolved = Resolved::new(result);
    let requirements = result.requirements.iter();
    let requirements: BTreeMap<&str, &RequirementData> =
        requirements.map(|r| (r.id.as_str(), r)).collect();
    let words = words(layout.language);
    let all = sections(&resolved, layout, words).into_iter();
    all.map(|Section { title, openings }| Rows {
        title: one_line(&title),
        rows: openings
            .iter()
            .map(|(direction, entry)| row(&requirements, *direction, entry))
            .collect(),
    })
    .collect()
}

fn row(
    requirements: &BTreeMap<&str, &RequirementData>,
    direction: Option<Direction>,
    entry: &Entry<'_>,
) -> Row {
    let flow = entry.flow;
    let mut because: Vec<&RequirementData> = Vec::new();
    for reason in &flow.because {
        if let Some(&found) = requirements.get(reason.requirement.as_str())
            && !because.iter().any(|known| known.id == found.id)
        {
            because.push(found);
        }
    }
    let join = |of: &dyn Fn(&RequirementData) -> Option<String>| {
        let mut parts: Vec<String> = Vec::new();
        for part in because.iter().filter_map(|r| of(r)) {
            let part = one_line(&part);
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts.join("; ")
    };
    Row {
        direction,
        family: family(flow.family),
        from: one_line(entry.from.name),
        from_addresses: entry.from.addresses.join(", "),
        to: one_line(entry.to.name),
        to_addresses: entry.to.addresses.join(", "),
        protocol: flow.protocol.clone(),
        ports: detail(flow).to_owned(),
        need: need(flow.need),
        why: join(&|r| Some(r.title.clone())),
        citation: join(&|r| Some(r.citation.clone())),
        assumed: join(&|r| r.assumed.clone()),
        erratum: join(&|r| {
            let erratum = r.erratum.as_ref()?;
            Some(format!("{} [{}]", erratum.note, erratum.source))
        }),
    }
}

/// Ports, or type and code of ICMP; empty for other protocols.
pub(super) fn detail(flow: &FlowData) -> &str {
    flow.icmp.as_deref().unwrap_or(&flow.ports)
}

pub(super) fn family(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    }
}

pub(super) fn need(need: Need) -> &'static str {
    match need {
        Need::Required => "required",
        Need::Optional => "optional",
        Need::Metrics => "metrics",
        Need::Debug => "debug",
    }
}
