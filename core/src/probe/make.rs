//! From the flows of a site to a plan.

use super::{
    Dial, Listen, PLAN_VERSION, Plan, PlanFlow, PlanHost, PlanReason, PortList, Sample, Target,
    TargetGroup, Untested,
};
use crate::graph::{Flow, Group, GroupId, Member, RequirementGraph, may_hold};
use crate::net::{Family, Prefix, Service};
use crate::site::Site;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How a plan is made.
pub struct Making<'a> {
    /// The flows.
    pub graph: &'a RequirementGraph<'a>,
    /// Which ports of ranges are dialled.
    pub sample: &'a Sample,
    /// Only what this host dials, who must listen for that, and what it is to listen on itself: a
    /// position in the site.
    pub host: Option<usize>,
    /// What a group is called.
    pub title: &'a dyn Fn(&Group) -> String,
    /// A requirement by its position in the catalogue, as the plan cites it.
    pub reason: &'a dyn Fn(usize) -> Option<PlanReason>,
}

/// Ports by address and protocol of one host.
type Ports = BTreeMap<(u8, IpAddr), PortList>;

/// What of a group cannot be dialled, in one family or both, and why.
type NotSingle = (Option<Family>, String);

/// Makes a plan.
#[must_use]
pub fn make(making: &Making<'_>) -> Plan {
    let graph = making.graph;
    let mut maker = Maker {
        making,
        site: graph.site,
        owners: owners(graph.site),
        plan: Plan {
            portwright: PLAN_VERSION.into(),
            catalog: graph.catalog.name.clone(),
            catalog_version: graph.catalog.version.clone(),
            sample: making.sample.to_string(),
            hosts: graph
                .site
                .hosts
                .iter()
                .map(|host| named(graph.site, host))
                .collect(),
            targets: Vec::new(),
            flows: Vec::new(),
            untested: Vec::new(),
        },
        groups: BTreeMap::new(),
        listen: vec![Ports::new(); graph.site.hosts.len()],
    };
    for flow in &graph.flows {
        maker.add(flow);
    }
    maker.finish()
}

/// A host of the plan without its part.
fn named(site: &Site, host: &crate::site::Host) -> PlanHost {
    let cluster = host.cluster.and_then(|at| site.clusters.get(at));
    let mut addresses = host.addresses.clone();
    addresses.extend(host.ssh_address.filter(|own| !host.addresses.contains(own)));
    PlanHost {
        name: host.name.clone(),
        addresses,
        cluster: cluster.map(|cluster| cluster.name.clone()),
        roles: host.roles.iter().cloned().collect(),
        zone: host.zone.clone(),
        listen: Vec::new(),
        dial: Vec::new(),
    }
}

/// Which host has an address.
fn owners(site: &Site) -> BTreeMap<IpAddr, usize> {
    let hosts = site.hosts.iter().enumerate();
    let all = hosts.flat_map(|(at, host)| {
        let addresses = host.addresses.iter().chain(&host.ssh_address);
        addresses.map(move |&address| (address, at))
    });
    all.collect()
}

struct Maker<'a> {
    making: &'a Making<'a>,
    site: &'a Site,
    owners: BTreeMap<IpAddr, usize>,
    plan: Plan,
    /// Position in the plan's targets, and what of the group has no single address.
    groups: BTreeMap<GroupId, (usize, Vec<NotSingle>)>,
    /// What each host of the site is to listen on.
    listen: Vec<Ports>,
}

impl Maker<'_> {
    fn add(&mut self, flow: &Flow) {
        let graph = self.making.graph;
        let (Some(from), Some(to)) = (graph.group(flow.from), graph.group(flow.to)) else {
            return;
        };
        let (hosts, outside) = self.sources(from, flow.family);
        let all: BTreeSet<usize> = hosts.iter().map(|(at, _)| *at).collect();
        let dialling: Vec<_> = match self.making.host {
            None => hosts,
            Some(only) => hosts.into_iter().filter(|(at, _)| *at == only).collect(),
        };
        let ports = self.ports(flow);
        self.note_listeners(flow, to, &ports, &all);
        if self.making.host.is_some() && dialling.is_empty() {
            return;
        }
        let number = self.plan.flows.len();
        let (target, not_single) = self.target(flow.to, to);
        let mut why = outside;
        let here = |family: Option<Family>| family.is_none_or(|family| family == flow.family);
        let not_single = not_single.into_iter().filter(|(family, _)| here(*family));
        why.extend(not_single.map(|(_, why)| why));
        self.plan.flows.push(self.flow(flow, from, target, &ports));
        let untested = why.into_iter().map(|why| Untested { flow: number, why });
        self.plan.untested.extend(untested);
        let members = self
            .plan
            .targets
            .get(target)
            .map_or(&[][..], |t| &t.members);
        let mut members = members
            .iter()
            .filter(|t| Family::of(t.address) == flow.family);
        let one = (members.next(), members.next());
        for (at, from) in dialling {
            let Some(host) = self.plan.hosts.get_mut(at) else {
                continue;
            };
            // A host that is its flow's only target has nothing to dial.
            let only_itself = match one {
                (None, _) => true,
                (Some(target), None) => {
                    target.holders.is_empty() && host.addresses.contains(&target.address)
                }
                _ => false,
            };
            if !only_itself {
                host.dial.push(Dial { flow: number, from });
            }
        }
    }

    /// Hosts that the flow is from, with their addresses; and why others cannot dial.
    fn sources(&self, from: &Group, family: Family) -> (Vec<(usize, Vec<IpAddr>)>, Vec<String>) {
        let mut hosts = Vec::new();
        let mut outside = Vec::new();
        for &member in &from.members {
            let name = member.name(self.site);
            match member {
                Member::Host(at) => {
                    let own = self
                        .site
                        .hosts
                        .get(at)
                        .map_or(&[][..], |host| &host.addresses);
                    let own = own.iter().copied().filter(|&a| Family::of(a) == family);
                    let own: Vec<_> = own.collect();
                    if !own.is_empty() {
                        hosts.push((at, own));
                    }
                }
                Member::Vip(_) => outside.push(format!(
                    "its source `{name}` is a virtual address: no host dials from it"
                )),
                Member::Party(_) => outside.push(format!(
                    "its source `{name}` is outside the site: no host dials from there"
                )),
                Member::Anywhere => outside.push(format!(
                    "its source may be any address outside the site ({}): no host dials from there",
                    from.label
                )),
            }
        }
        (hosts, outside)
    }

    fn ports(&self, flow: &Flow) -> PortList {
        let range = flow.service.ports();
        range.map_or_else(PortList::default, |range| self.making.sample.of(range))
    }

    fn flow(&self, flow: &Flow, from: &Group, to: usize, ports: &PortList) -> PlanFlow {
        let wanted = PortList::of(flow.service.ports());
        let positions: Vec<usize> = flow.because.iter().map(|r| r.requirement).collect();
        let mut seen = BTreeSet::new();
        let positions = positions.into_iter().filter(|at| seen.insert(*at));
        PlanFlow {
            id: self.making.graph.flow_id(flow),
            family: flow.family,
            from: (self.making.title)(from),
            to,
            protocol: flow.service.protocol(flow.family).0,
            sampled_from: (wanted != *ports).then_some(wanted),
            ports: ports.clone(),
            icmp: match flow.service {
                Service::Icmp(icmp) => Some(icmp.in_family(flow.family)),
                _ => None,
            },
            need: flow.need,
            because: positions.filter_map(self.making.reason).collect(),
        }
    }

    /// The group's place among the targets, and what of it cannot be dialled.
    fn target(&mut self, id: GroupId, group: &Group) -> (usize, Vec<NotSingle>) {
        if let Some(known) = self.groups.get(&id) {
            return known.clone();
        }
        let mut members: BTreeMap<IpAddr, Target> = BTreeMap::new();
        let mut not_single = Vec::new();
        for &member in &group.members {
            let holders = self.holders(member);
            let prefixes = match member {
                Member::Anywhere => {
                    let why = format!(
                        "`{}` may be any address: there is none to dial",
                        group.label
                    );
                    not_single.push((None, why));
                    continue;
                }
                _ => member.prefixes(self.site, group.ssh),
            };
            if prefixes.is_empty() {
                let name = member.name(self.site);
                let why = format!("`{name}` is known by name only: give its addresses in the site");
                not_single.push((None, why));
            }
            for prefix in prefixes {
                match single(&prefix) {
                    Some(address) => {
                        let owner = self.owners.get(&address);
                        let host = owner.and_then(|&at| self.site.hosts.get(at));
                        let target = members.entry(address).or_insert_with(|| Target {
                            address,
                            host: host.map(|host| host.name.clone()),
                            holders: Vec::new(),
                        });
                        target.holders.extend(holders.iter().cloned());
                    }
                    None => {
                        let name = member.name(self.site);
                        let why = format!(
                            "`{name}` is {prefix}, more than one address: name those that answer"
                        );
                        not_single.push((Some(Family::of_prefix(&prefix)), why));
                    }
                }
            }
        }
        let at = self.plan.targets.len();
        self.plan.targets.push(TargetGroup {
            id: group.label.clone(),
            title: (self.making.title)(group),
            members: members.into_values().collect(),
        });
        self.groups.insert(id, (at, not_single.clone()));
        (at, not_single)
    }

    /// Who may hold a virtual address.
    fn holders(&self, member: Member) -> Vec<String> {
        let Member::Vip(at) = member else {
            return Vec::new();
        };
        let Some(vip) = self.site.vips.get(at) else {
            return Vec::new();
        };
        let hosts = self.site.hosts.iter().filter(|host| may_hold(host, vip));
        hosts.map(|host| host.name.clone()).collect()
    }

    /// Has the targets of a flow listen, where another host dials them. `dialling` are all hosts
    /// that the flow is from.
    fn note_listeners(
        &mut self,
        flow: &Flow,
        to: &Group,
        ports: &PortList,
        dialling: &BTreeSet<usize>,
    ) {
        let protocol = flow.service.protocol(flow.family);
        if protocol.is_icmp() || dialling.is_empty() {
            return;
        }
        let only = self.making.host;
        for &member in &to.members {
            for prefix in member.prefixes(self.site, to.ssh) {
                let Some(address) = single(&prefix) else {
                    continue;
                };
                if Family::of(address) != flow.family {
                    continue;
                }
                let virtual_on = match member {
                    Member::Vip(at) => self.may_be_on(at),
                    _ => Vec::new(),
                };
                let owner = self.owners.get(&address).copied();
                let is_virtual = matches!(member, Member::Vip(_));
                for at in virtual_on.into_iter().chain(owner) {
                    // A virtual address is dialled by its holder too.
                    let by_another = is_virtual || dialling.iter().any(|&host| host != at);
                    let asked = match only {
                        None => true,
                        Some(only) => at == only || dialling.contains(&only),
                    };
                    if let (true, true, Some(listen)) = (by_another, asked, self.listen.get_mut(at))
                    {
                        let known = listen.entry((protocol.0, address)).or_default();
                        *known = known.union(ports);
                    }
                }
            }
        }
    }

    /// The hosts that may hold a VIP.
    fn may_be_on(&self, vip: usize) -> Vec<usize> {
        let Some(vip) = self.site.vips.get(vip) else {
            return Vec::new();
        };
        let hosts = self.site.hosts.iter().enumerate();
        let holders = hosts.filter(|(_, host)| may_hold(host, vip));
        holders.map(|(at, _)| at).collect()
    }

    fn finish(mut self) -> Plan {
        for (host, ports) in self.plan.hosts.iter_mut().zip(self.listen) {
            host.listen = listens(ports);
        }
        if self.making.host.is_some() {
            let mut at = 0..;
            self.plan.hosts.retain(|host| {
                let itself = at.next() == self.making.host;
                itself || !host.listen.is_empty()
            });
        }
        self.plan
    }
}

/// Addresses with the same ports of a protocol together.
fn listens(ports: Ports) -> Vec<Listen> {
    let mut together: BTreeMap<(u8, PortList), Vec<IpAddr>> = BTreeMap::new();
    for ((protocol, address), ports) in ports {
        together.entry((protocol, ports)).or_default().push(address);
    }
    let all = together.into_iter();
    all.map(|((protocol, ports), addresses)| Listen {
        protocol,
        ports,
        addresses,
    })
    .collect()
}

fn single(prefix: &Prefix) -> Option<IpAddr> {
    (prefix.prefix_len() == prefix.max_prefix_len()).then(|| prefix.addr())
}
