//! From a site to its flows, as data.

use super::context::Context;
use super::session::Session;
use super::{
    ClusterData, ErratumData, FlowData, GroupData, HostData, PairData, ParameterValue, ReasonData,
    RequirementData, ResolveRequest, ResolveResult, UnmatchedData,
};
use crate::catalog::{Mode, RoleKind};
use crate::diagnostic::{Diagnostic, requirement};
use crate::graph::{Flow, Group, GroupId, Member, RequirementGraph};
use crate::net::Family;
use crate::packet::show;
use crate::site::ClusterKind;
use std::collections::BTreeSet;

/// More pairs than this are refused: the caller must narrow the question to a host.
const MOST_PAIRS: usize = 1_000_000;

pub(super) fn resolve(session: &mut Session, request: &ResolveRequest) -> Option<ResolveResult> {
    let context = Context::new(session, &request.site)?;
    let graph = RequirementGraph::new(&context.site, &context.catalog, &context.settings);
    let only = match &request.host {
        None => None,
        Some(name) => Some(find_host(session, &context, name)?),
    };
    let flows: Vec<&Flow> = graph
        .flows
        .iter()
        .filter(|flow| concerns(&graph, flow, only))
        .collect();
    let groups: BTreeSet<GroupId> = flows.iter().flat_map(|flow| [flow.from, flow.to]).collect();
    let requirements = flows
        .iter()
        .flat_map(|flow| flow.because.iter().map(|r| r.requirement));
    let requirements: BTreeSet<usize> = requirements.collect();
    let pairs = if request.pairs {
        pairs(session, &graph, &flows, only)?
    } else {
        Vec::new()
    };
    Some(ResolveResult {
        catalog: context.catalog.name.clone(),
        catalog_version: context.catalog.version.clone(),
        title: context.text(&context.catalog.title).into(),
        mode: context.settings.mode,
        clusters: clusters(&context),
        hosts: hosts(&context),
        groups: groups
            .into_iter()
            .filter_map(|id| graph.group(id))
            .map(|g| group(&context, g))
            .collect(),
        flows: flows
            .iter()
            .map(|flow| flow_data(&context, &graph, flow))
            .collect(),
        requirements: requirements_data(&context, requirements),
        unmatched: unmatched(&context, &graph),
        pairs,
    })
}

/// The position of a host by name; reports when there is none.
pub(super) fn find_host(session: &mut Session, context: &Context, name: &str) -> Option<usize> {
    let hosts = &context.site.hosts;
    let found = hosts.iter().position(|host| host.name == name);
    if found.is_none() {
        let message = format!("the site has no host `{name}`");
        let near = hosts
            .iter()
            .min_by_key(|host| strsim::levenshtein(&host.name, name));
        let mut problem = Diagnostic::new(&requirement::EMPTY_SELECTOR, message)
            .severity(crate::diagnostic::Severity::Error);
        if let Some(near) = near {
            problem = problem.help(format!("the nearest name is `{}`", near.name));
        }
        session.report([problem]);
    }
    found
}

fn concerns(graph: &RequirementGraph<'_>, flow: &Flow, host: Option<usize>) -> bool {
    let Some(host) = host else {
        return true;
    };
    let has = |id| {
        graph
            .group(id)
            .is_some_and(|group| group.has(Member::Host(host)))
    };
    has(flow.from) || has(flow.to)
}

fn clusters(context: &Context) -> Vec<ClusterData> {
    let site = &context.site;
    let values = site.clusters.iter().zip(&context.settings.clusters);
    values
        .map(|(cluster, values)| ClusterData {
            name: cluster.name.clone(),
            kind: match cluster.kind {
                Some(ClusterKind::Worker) => "worker",
                Some(ClusterKind::Global) => "global",
                None if site.clusters.len() == 1 => "global",
                None => "worker",
            }
            .into(),
            parameters: values
                .iter()
                .map(|(id, value)| ParameterValue {
                    id: id.clone(),
                    value: value.clone(),
                })
                .collect(),
        })
        .collect()
}

fn hosts(context: &Context) -> Vec<HostData> {
    let cluster = |at: Option<usize>| at.and_then(|at| context.site.clusters.get(at));
    let all = context.site.hosts.iter();
    all.map(|host| HostData {
        name: host.name.clone(),
        addresses: host.addresses.iter().map(ToString::to_string).collect(),
        cluster: cluster(host.cluster).map(|cluster| cluster.name.clone()),
        roles: host.roles.iter().cloned().collect(),
        zone: host.zone.clone(),
    })
    .collect()
}

/// What a group is called.
pub(super) fn group_title(context: &Context, group: &Group) -> String {
    let role = group.roles.first();
    let role = role.and_then(|role| context.catalog.roles.get(role));
    match (&*group.members, role) {
        ([party @ Member::Party(_)], _) => party.name(&context.site).to_owned(),
        (_, Some(role)) => context.text(&role.title).to_owned(),
        _ => group.label.clone(),
    }
}

fn group(context: &Context, group: &Group) -> GroupData {
    let site = &context.site;
    let prefixes = |family| {
        let all = show::prefixes(group.addresses(family), family);
        all.iter().map(ToString::to_string).collect()
    };
    let role = group
        .roles
        .first()
        .and_then(|role| context.catalog.roles.get(role));
    let kind = role.map_or(RoleKind::Host, |role| role.kind);
    let cluster = group.cluster.and_then(|at| site.clusters.get(at));
    GroupData {
        id: group.label.clone(),
        title: group_title(context, group),
        kind: match kind {
            RoleKind::Host => "hosts",
            RoleKind::Vip => "vip",
            RoleKind::External => "external",
        }
        .into(),
        roles: group.roles.clone(),
        cluster: cluster.map(|cluster| cluster.name.clone()),
        members: group
            .members
            .iter()
            .map(|m| m.name(site).to_owned())
            .collect(),
        ipv4: prefixes(Family::V4),
        ipv6: prefixes(Family::V6),
    }
}

fn flow_data(context: &Context, graph: &RequirementGraph<'_>, flow: &Flow) -> FlowData {
    let label = |id| {
        graph
            .group(id)
            .map_or(String::new(), |group| group.label.clone())
    };
    let (protocol, ports, icmp) = flow.service_text();
    let requirement = |at: usize| context.catalog.requirements.get(at);
    let because = flow.because.iter().filter_map(|reason| {
        Some(ReasonData {
            requirement: requirement(reason.requirement)?.id.clone(),
            from_role: reason.from_role.clone(),
            to_role: reason.to_role.clone(),
        })
    });
    let doubtful = |at| requirement(at).is_some_and(|r| r.erratum.is_some());
    FlowData {
        id: graph.flow_id(flow),
        family: flow.family,
        from: label(flow.from),
        to: label(flow.to),
        protocol,
        ports,
        icmp,
        need: flow.need,
        erratum: flow
            .because
            .iter()
            .any(|reason| doubtful(reason.requirement)),
        because: because.collect(),
    }
}

/// The requirements at these positions, as data.
pub(super) fn requirements_data(
    context: &Context,
    positions: impl IntoIterator<Item = usize>,
) -> Vec<RequirementData> {
    let applied = context.settings.mode == Mode::LeastPrivilege;
    let found = positions
        .into_iter()
        .filter_map(|at| context.catalog.requirements.get(at));
    found
        .map(|published| {
            let effective = published.in_mode(context.settings.mode);
            let shown = effective.as_deref().unwrap_or(published);
            RequirementData {
                id: published.id.clone(),
                title: context.text(&shown.title).into(),
                need: shown.need,
                citation: Context::citation(published),
                assumed: published
                    .assumed
                    .as_ref()
                    .map(|text| context.text(text).into()),
                erratum: published.erratum.as_ref().map(|erratum| ErratumData {
                    note: context.text(&erratum.note).into(),
                    source: erratum.source.clone(),
                    applied: applied && erratum.correction.is_some(),
                    differs: erratum.correction.is_some(),
                }),
            }
        })
        .collect()
}

fn unmatched(context: &Context, graph: &RequirementGraph<'_>) -> Vec<UnmatchedData> {
    let found = graph.unmatched.iter().filter_map(|unmatched| {
        let requirement = context.catalog.requirements.get(unmatched.requirement)?;
        Some(UnmatchedData {
            requirement: requirement.id.clone(),
            title: context.text(&requirement.title).into(),
            roles: unmatched.roles.clone(),
        })
    });
    found.collect()
}

/// Every pair of addresses of these flows, a host's pairs with itself left out. None when there
/// are too many.
fn pairs(
    session: &mut Session,
    graph: &RequirementGraph<'_>,
    flows: &[&Flow],
    only: Option<usize>,
) -> Option<Vec<PairData>> {
    let site = graph.site;
    let mut pairs = Vec::new();
    for flow in flows {
        let (Some(from), Some(to)) = (graph.group(flow.from), graph.group(flow.to)) else {
            continue;
        };
        let ends = |member: Member, ssh| {
            let mut all = member.prefixes(site, ssh);
            all.retain(|prefix| Family::of_prefix(prefix) == flow.family);
            all
        };
        let id = graph.flow_id(flow);
        for &source in &from.members {
            for &destination in &to.members {
                let host = only.map(Member::Host);
                let concerned = host.is_none_or(|host| source == host || destination == host);
                if source == destination || !concerned {
                    continue;
                }
                for a in ends(source, false) {
                    for b in ends(destination, to.ssh) {
                        if pairs.len() >= MOST_PAIRS {
                            let message = format!("there are more than {MOST_PAIRS} pairs");
                            let problem =
                                Diagnostic::new(&crate::diagnostic::input::LIMIT, message);
                            session.report([problem.help("ask for one host at a time")]);
                            return None;
                        }
                        pairs.push(PairData {
                            flow: id.clone(),
                            from: source.name(site).into(),
                            from_address: plain(&a),
                            to: destination.name(site).into(),
                            to_address: plain(&b),
                        });
                    }
                }
            }
        }
    }
    Some(pairs)
}

/// An address without the length of a host prefix.
fn plain(prefix: &crate::net::Prefix) -> String {
    if prefix.prefix_len() == prefix.max_prefix_len() {
        prefix.addr().to_string()
    } else {
        prefix.to_string()
    }
}
