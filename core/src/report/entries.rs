//! The openings of a resolved site: one for each flow, or one for each pair of addresses.

use crate::engine::{FlowData, GroupData, ResolveResult};
use crate::net::{Family, Prefix};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What rows are gathered under.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// Nothing: one row for each flow.
    #[default]
    Flow,
    /// Every host, with its inbound and outbound flows.
    Host,
    /// Pairs of roles.
    Role,
    /// Pairs of clusters and zones: what a firewall between them must permit.
    Boundary,
}

/// One end of an opening.
#[derive(Clone)]
pub(super) struct End<'r> {
    /// What it is called: a group's id, or a host's name.
    pub(super) name: &'r str,
    /// Names of its members.
    pub(super) members: Vec<&'r str>,
    /// Its addresses as prefixes.
    pub(super) addresses: Vec<String>,
    /// The group that it is, or is part of.
    pub(super) group: Option<&'r GroupData>,
}

/// An opening.
pub(super) struct Entry<'r> {
    pub(super) flow: &'r FlowData,
    pub(super) from: End<'r>,
    pub(super) to: End<'r>,
}

/// A resolved site with its indices.
pub(super) struct Resolved<'r> {
    pub(super) result: &'r ResolveResult,
    groups: BTreeMap<&'r str, &'r GroupData>,
    hosts: BTreeMap<&'r str, usize>,
}

impl<'r> Resolved<'r> {
    pub(super) fn new(result: &'r ResolveResult) -> Self {
        let groups = result.groups.iter().map(|group| (group.id.as_str(), group));
        let hosts = result.hosts.iter().enumerate();
        Self {
            result,
            groups: groups.collect(),
            hosts: hosts.map(|(at, host)| (host.name.as_str(), at)).collect(),
        }
    }

    /// Every opening, in the order of the flows.
    pub(super) fn entries(&self, pairs: bool) -> Vec<Entry<'r>> {
        let result: &'r ResolveResult = self.result;
        let flows = result.flows.iter();
        if !pairs {
            let entry = |flow: &'r FlowData| Entry {
                flow,
                from: self.whole(&flow.from, flow.family),
                to: self.whole(&flow.to, flow.family),
            };
            return flows.map(entry).collect();
        }
        let by_id: BTreeMap<&str, &FlowData> = flows.map(|flow| (flow.id.as_str(), flow)).collect();
        let single = |name: &'r str, address: &str, group: &str| End {
            name,
            members: vec![name],
            addresses: vec![address.to_owned()],
            group: self.groups.get(group).copied(),
        };
        let all = result.pairs.iter().filter_map(|pair| {
            let flow = *by_id.get(pair.flow.as_str())?;
            Some(Entry {
                flow,
                from: single(&pair.from, &pair.from_address, &flow.from),
                to: single(&pair.to, &pair.to_address, &flow.to),
            })
        });
        all.collect()
    }

    fn whole(&self, id: &'r str, family: Family) -> End<'r> {
        let group = self.groups.get(id).copied();
        End {
            name: id,
            members: group.map_or(Vec::new(), |group| {
                group.members.iter().map(String::as_str).collect()
            }),
            addresses: group.map_or(Vec::new(), |group| addresses(group, family).to_vec()),
            group,
        }
    }

    /// The end without the members that `keep` leaves out. None when none is left.
    pub(super) fn narrow(
        &self,
        end: &End<'r>,
        family: Family,
        keep: impl Fn(&str) -> bool,
    ) -> Option<End<'r>> {
        let kept: Vec<&str> = end.members.iter().copied().filter(|m| keep(m)).collect();
        if kept.is_empty() {
            return None;
        }
        if kept.len() == end.members.len() {
            return Some(end.clone());
        }
        let own = self.own_addresses(&kept, end, family);
        Some(End {
            name: match kept.as_slice() {
                [one] => one,
                _ => end.name,
            },
            // Members reached by another address (ssh) keep the whole group's.
            addresses: own.unwrap_or_else(|| end.addresses.clone()),
            members: kept,
            group: end.group,
        })
    }

    /// The members' own addresses in this end; none when one of them has none there.
    fn own_addresses(
        &self,
        members: &[&str],
        end: &End<'_>,
        family: Family,
    ) -> Option<Vec<String>> {
        let prefixes: Vec<Prefix> = end
            .addresses
            .iter()
            .filter_map(|p| p.parse().ok())
            .collect();
        let mut all = Vec::new();
        for member in members {
            let host = self.result.hosts.get(*self.hosts.get(member)?)?;
            let inside = host.addresses.iter().filter(|text| {
                text.parse::<IpAddr>().is_ok_and(|address| {
                    Family::of(address) == family && prefixes.iter().any(|p| p.contains(&address))
                })
            });
            let before = all.len();
            all.extend(inside.cloned());
            if all.len() == before {
                return None;
            }
        }
        Some(all)
    }

    /// Where a member of a group is: its cluster and zone. None for what is outside the site.
    pub(super) fn place(
        &self,
        member: &str,
        group: Option<&'r GroupData>,
    ) -> Option<(Option<&'r str>, Option<&'r str>)> {
        let group = group?;
        let result: &'r ResolveResult = self.result;
        if group.kind == "hosts" {
            let host = result.hosts.get(*self.hosts.get(member)?)?;
            return Some((host.cluster.as_deref(), host.zone.as_deref()));
        }
        let cluster = group.cluster.as_deref()?;
        (group.kind == "vip").then_some((Some(cluster), None))
    }
}

/// A group's prefixes of one family.
pub(super) fn addresses(group: &GroupData, family: Family) -> &[String] {
    match family {
        Family::V4 => &group.ipv4,
        Family::V6 => &group.ipv6,
    }
}
