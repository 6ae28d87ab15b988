//! From a site and a catalogue to the graph.

use super::flow::{Flow, Reason};
use super::group::{Group, GroupId, Member, addresses};
use super::{Edge, Node};
use crate::catalog::{
    Catalog, Mode, NodeBind, PortSpec, Requirement, RoleKind, Scalar, Scope, Services,
};
use crate::net::{PortRange, Service, bounds};
use crate::site::{ClusterKind, Host, Site, Vip};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};

/// The parameter whose ports differ from host to host: a host may run sshd elsewhere.
const SSH_PORT: &str = "ssh.port";

/// Parameter values that hold, by cluster (in the order of the site) and outside clusters.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How errata are applied.
    pub mode: Mode,
    /// All parameters of the catalogue with their values, one map for each cluster.
    pub clusters: Vec<BTreeMap<String, Scalar>>,
    /// The values for what belongs to no cluster.
    pub site: BTreeMap<String, Scalar>,
}

/// A requirement that applies but has no counterpart in the site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmatched {
    /// Position in the catalogue's list of requirements.
    pub requirement: usize,
    /// Roles that nothing in the site has.
    pub roles: Vec<String>,
}

/// The graph, its groups and the flows resolved from it.
#[derive(Debug)]
pub struct RequirementGraph<'a> {
    /// The site.
    pub site: &'a Site,
    /// The catalogue.
    pub catalog: &'a Catalog,
    /// Nodes and edges.
    pub graph: DiGraph<Node, Edge>,
    /// Groups that a requirement refers to.
    pub groups: Vec<Group>,
    /// The flows.
    pub flows: Vec<Flow>,
    /// Requirements that apply but match nothing.
    pub unmatched: Vec<Unmatched>,
    nodes: Vec<NodeIndex>,
}

/// Which hosts a side of a requirement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// This cluster, and what belongs to none.
    Cluster(Option<usize>),
    /// Every cluster and what belongs to none.
    Everywhere,
    /// The global clusters.
    Global,
}

struct Builder<'a> {
    site: &'a Site,
    catalog: &'a Catalog,
    settings: &'a Settings,
    graph: DiGraph<Node, Edge>,
    groups: Vec<Group>,
    nodes: Vec<NodeIndex>,
    by_members: BTreeMap<(Vec<Member>, bool), GroupId>,
    by_role: BTreeMap<(Place, String, bool), Vec<GroupId>>,
    member_nodes: BTreeMap<Member, NodeIndex>,
    zone_nodes: Vec<NodeIndex>,
    labels: BTreeSet<String>,
    /// Hosts by cluster, in the order of the site; those outside clusters under none.
    hosts_of: BTreeMap<Option<usize>, Vec<usize>>,
}

impl<'a> RequirementGraph<'a> {
    /// Resolves a catalogue for a site.
    #[must_use]
    pub fn new(site: &'a Site, catalog: &'a Catalog, settings: &'a Settings) -> Self {
        let mut builder = Builder {
            site,
            catalog,
            settings,
            graph: DiGraph::new(),
            groups: Vec::new(),
            nodes: Vec::new(),
            by_members: BTreeMap::new(),
            by_role: BTreeMap::new(),
            member_nodes: BTreeMap::new(),
            zone_nodes: Vec::new(),
            labels: BTreeSet::new(),
            hosts_of: BTreeMap::new(),
        };
        for (at, host) in site.hosts.iter().enumerate() {
            builder.hosts_of.entry(host.cluster).or_default().push(at);
        }
        for zone in 0..site.zones.len() {
            let node = builder.graph.add_node(Node::Zone(zone));
            builder.zone_nodes.push(node);
        }
        let mut unmatched = Vec::new();
        for (at, published) in catalog.requirements.iter().enumerate() {
            if let Some(requirement) = published.in_mode(settings.mode)
                && let Some(roles) = builder.add(at, &requirement)
            {
                unmatched.push(Unmatched {
                    requirement: at,
                    roles,
                });
            }
        }
        let mut graph = Self {
            site,
            catalog,
            graph: builder.graph,
            groups: builder.groups,
            flows: Vec::new(),
            unmatched,
            nodes: builder.nodes,
        };
        graph.flows = graph.merge();
        graph
    }

    /// A group.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.0 as usize)
    }

    /// The node of a group.
    #[must_use]
    pub fn node(&self, id: GroupId) -> Option<NodeIndex> {
        self.nodes.get(id.0 as usize).copied()
    }

    /// The requirement behind a reason, as published.
    #[must_use]
    pub fn requirement(&self, reason: &Reason) -> Option<&'a Requirement> {
        self.catalog.requirements.get(reason.requirement)
    }
}

impl Builder<'_> {
    /// Adds the edges of one requirement. Gives the roles that nothing has, when it applies
    /// somewhere but no edge came of it.
    fn add(&mut self, at: usize, requirement: &Requirement) -> Option<Vec<String>> {
        // What listens on loopback or in a pod's own network is not opened on a host's address.
        let elsewhere = matches!(requirement.bind, NodeBind::Loopback | NodeBind::Pod);
        if elsewhere || requirement.scope == Scope::SameHost {
            return None;
        }
        let mut applies = false;
        let mut edges = 0;
        let mut empty = BTreeSet::new();
        for cluster in self.contexts() {
            let values = cluster.and_then(|c| self.settings.clusters.get(c));
            let values = values.unwrap_or(&self.settings.site);
            let Some((source, destination)) = self.places(requirement.scope, cluster) else {
                continue;
            };
            if !requirement.applies(values) {
                continue;
            }
            applies = true;
            let Ok(services) = requirement.services(values) else {
                continue;
            };
            let ssh = matches!(&requirement.ports, Some(PortSpec::Parameter { parameter }) if parameter == SSH_PORT);
            for from_role in requirement.from.iter() {
                let from = self.role(source, cluster, from_role, false);
                if from.is_empty() {
                    empty.insert(from_role.clone());
                }
                for to_role in requirement.to.iter() {
                    let to = self.role(destination, cluster, to_role, ssh);
                    if to.is_empty() {
                        empty.insert(to_role.clone());
                    }
                    for &from in &from {
                        for &to in &to {
                            let reason = Reason {
                                requirement: at,
                                from_role: from_role.clone(),
                                to_role: to_role.clone(),
                                from,
                                to,
                                need: requirement.need,
                            };
                            edges += self.connect(from, to, &services, ssh, &reason);
                        }
                    }
                }
            }
        }
        (applies && edges == 0 && !empty.is_empty()).then(|| empty.into_iter().collect())
    }

    /// Clusters as contexts for a requirement's condition; none when the site has no cluster.
    fn contexts(&self) -> Vec<Option<usize>> {
        if self.site.clusters.is_empty() {
            return vec![None];
        }
        (0..self.site.clusters.len()).map(Some).collect()
    }

    fn is_global(&self, cluster: Option<usize>) -> bool {
        let Some(cluster) = cluster.and_then(|c| self.site.clusters.get(c)) else {
            return true;
        };
        match cluster.kind {
            Some(kind) => kind == ClusterKind::Global,
            None => self.site.clusters.len() == 1,
        }
    }

    fn places(&self, scope: Scope, cluster: Option<usize>) -> Option<(Place, Place)> {
        let here = Place::Cluster(cluster);
        let global = self.is_global(cluster);
        match scope {
            Scope::SameCluster => Some((here, here)),
            Scope::AnyCluster => Some((here, Place::Everywhere)),
            Scope::GlobalToWorker => (!global).then_some((Place::Global, here)),
            Scope::ToGlobal => Some((here, Place::Global)),
            Scope::WithinGlobal | Scope::FromGlobal => global.then_some((here, here)),
            Scope::SameHost => None,
        }
    }

    /// The groups that hold a role there: one for hosts and VIPs, one each for parties.
    fn role(
        &mut self,
        mut place: Place,
        cluster: Option<usize>,
        role: &str,
        ssh: bool,
    ) -> Vec<GroupId> {
        let kind = self
            .catalog
            .roles
            .get(role)
            .map_or(RoleKind::Host, |role| role.kind);
        if kind == RoleKind::External && place == Place::Everywhere {
            // A party that only one cluster uses is not for the others.
            place = Place::Cluster(cluster);
        }
        let key = (place, role.to_owned(), ssh);
        if let Some(known) = self.by_role.get(&key) {
            return known.clone();
        }
        let found = match kind {
            RoleKind::Host => self.hosts(place, role, ssh),
            RoleKind::Vip => self.vips(place, role),
            RoleKind::External => self.parties(place, role),
        };
        self.by_role.insert(key, found.clone());
        found
    }

    fn is_at(&self, place: Place, cluster: Option<usize>) -> bool {
        match place {
            Place::Everywhere => true,
            Place::Cluster(at) => cluster.is_none() || cluster == at,
            Place::Global => cluster.is_none() || self.is_global(cluster),
        }
    }

    fn hosts(&mut self, place: Place, role: &str, ssh: bool) -> Vec<GroupId> {
        let mut role_now = role;
        let mut members: Vec<Member> = Vec::new();
        // A fallback may itself fall back; the catalogue check refuses circles, the bound holds
        // for catalogues that were not checked.
        for _ in 0..8 {
            let clusters = self.hosts_of.iter().filter(|(c, _)| self.is_at(place, **c));
            let hosts = clusters.flat_map(|(_, hosts)| hosts.iter().copied());
            let having = hosts.filter(|&at| {
                let host = self.site.hosts.get(at);
                host.is_some_and(|host| has_role(host, role_now))
            });
            members = having.map(Member::Host).collect();
            members.sort_unstable();
            let fallback = self
                .catalog
                .roles
                .get(role_now)
                .and_then(|r| r.fallback.as_deref());
            match fallback {
                Some(next) if members.is_empty() => role_now = next,
                _ => break,
            }
        }
        if members.is_empty() {
            return Vec::new();
        }
        if !ssh {
            return vec![self.group(place, role, members, false, None)];
        }
        let mut by_port: BTreeMap<Option<u16>, Vec<Member>> = BTreeMap::new();
        for member in members {
            if let Member::Host(at) = member {
                let port = self.site.hosts.get(at).and_then(|host| host.ssh_port);
                by_port.entry(port).or_default().push(member);
            }
        }
        // Where ports differ, every part says its own.
        let usual = self
            .settings
            .site
            .get(SSH_PORT)
            .and_then(Scalar::port_range);
        let usual = usual.map(|range| range.lo).filter(|_| by_port.len() > 1);
        let groups = by_port.into_iter();
        groups
            .map(|(port, members)| self.group(place, role, members, true, port.or(usual)))
            .collect()
    }

    fn vips(&mut self, place: Place, role: &str) -> Vec<GroupId> {
        let vips = self.site.vips.iter().enumerate();
        let having = vips.filter(|(_, vip)| vip.role == role && self.is_at(place, vip.cluster));
        let members: Vec<_> = having.map(|(at, _)| Member::Vip(at)).collect();
        if members.is_empty() {
            return Vec::new();
        }
        vec![self.group(place, role, members, false, None)]
    }

    fn parties(&mut self, place: Place, role: &str) -> Vec<GroupId> {
        let parties = self.site.parties.iter().enumerate();
        let having = parties.filter(|(_, p)| p.role == role && self.is_at(place, p.cluster));
        let members: Vec<_> = having.map(|(at, _)| Member::Party(at)).collect();
        let anywhere = self
            .catalog
            .roles
            .get(role)
            .is_some_and(|role| role.any_address);
        // A party without addresses does not narrow such a role.
        let narrowed = members.iter().any(|member| {
            let prefixes = member.prefixes(self.site, false);
            !prefixes.is_empty()
        });
        if anywhere && !narrowed {
            return vec![self.group(Place::Everywhere, role, vec![Member::Anywhere], false, None)];
        }
        let each = members.into_iter();
        each.map(|member| self.group(place, role, vec![member], false, None))
            .collect()
    }

    /// The group of exactly these members; a new one only where no other role has the same.
    fn group(
        &mut self,
        place: Place,
        role: &str,
        members: Vec<Member>,
        ssh: bool,
        port: Option<u16>,
    ) -> GroupId {
        // Where ssh goes only matters for hosts that say so.
        let ssh = ssh && members.iter().any(|m| matches!(m, Member::Host(at) if self.site.hosts.get(*at).is_some_and(|h| h.ssh_address.is_some())));
        if let Some(&known) = self.by_members.get(&(members.clone(), ssh)) {
            if let Some(group) = self.groups.get_mut(known.0 as usize)
                && !group.roles.iter().any(|r| r == role)
            {
                group.roles.push(role.to_owned());
            }
            return known;
        }
        let id = GroupId(u32::try_from(self.groups.len()).unwrap_or(u32::MAX));
        let label = self.label(place, role, &members, ssh, port);
        let node = self.graph.add_node(Node::Group(id));
        for &member in &members {
            let member_node = self.member(member);
            self.graph.add_edge(node, member_node, Edge::Holds);
        }
        self.nodes.push(node);
        self.groups.push(Group {
            label,
            roles: vec![role.to_owned()],
            cluster: common_cluster(self.site, &members),
            addresses: addresses(self.site, &members, ssh),
            members: members.clone(),
            ssh,
        });
        self.by_members.insert((members, ssh), id);
        id
    }

    /// A unique name that says cluster and role, or who the party is.
    fn label(
        &mut self,
        place: Place,
        role: &str,
        members: &[Member],
        ssh: bool,
        port: Option<u16>,
    ) -> String {
        let cluster = common_cluster(self.site, members)
            .or(match place {
                Place::Cluster(cluster) if members.len() > 1 => cluster,
                _ => None,
            })
            .and_then(|at| self.site.clusters.get(at));
        let mut label = match (members, cluster) {
            ([party @ Member::Party(_)], _) => party.name(self.site).to_owned(),
            (_, Some(cluster)) if self.site.clusters.len() > 1 => {
                format!("{}/{role}", cluster.name)
            }
            _ => role.to_owned(),
        };
        match port {
            Some(port) => label.push_str(&format!(" (ssh {port})")),
            None if ssh => label.push_str(" (ssh)"),
            None => {}
        }
        let plain = label.clone();
        for number in 2.. {
            if self.labels.insert(label.clone()) {
                break;
            }
            label = format!("{plain} #{number}");
        }
        label
    }

    fn member(&mut self, member: Member) -> NodeIndex {
        if let Some(&node) = self.member_nodes.get(&member) {
            return node;
        }
        let node = self.graph.add_node(Node::Member(member));
        self.member_nodes.insert(member, node);
        if !self.site.zones.is_empty() {
            let prefixes = member.prefixes(self.site, false);
            for (zone, &zone_node) in self.site.zones.iter().zip(&self.zone_nodes) {
                let inside = |p| {
                    zone.prefixes.iter().any(|z| {
                        let (z, p) = (bounds(z), bounds(p));
                        z.0 <= p.0 && p.1 <= z.1
                    })
                };
                if prefixes.iter().any(inside) {
                    self.graph.add_edge(node, zone_node, Edge::LiesIn);
                }
            }
        }
        node
    }

    /// Adds an edge for each service; says how many.
    fn connect(
        &mut self,
        from: GroupId,
        to: GroupId,
        services: &Services,
        ssh: bool,
        reason: &Reason,
    ) -> usize {
        let members = |id: GroupId| self.groups.get(id.0 as usize).map(|g| g.members.as_slice());
        let (Some(source), Some(destination)) = (members(from), members(to)) else {
            return 0;
        };
        // One host talks to itself over loopback: nothing to open, and nothing missing.
        if source.len() == 1 && source == destination {
            return 1;
        }
        let services = match services {
            Services::Fixed(all) => match self.own_ssh_port(destination).filter(|_| ssh) {
                Some(port) => all
                    .iter()
                    .map(|service| with_port(*service, port))
                    .collect(),
                None => all.clone(),
            },
            Services::Endpoint { protocols, default } => {
                let own: Vec<PortRange> = match destination.first() {
                    Some(Member::Party(at)) => self
                        .site
                        .parties
                        .get(*at)
                        .map_or(Vec::new(), |p| p.ports.clone()),
                    _ => Vec::new(),
                };
                let own = if own.is_empty() {
                    vec![PortRange::single(*default)]
                } else {
                    own
                };
                let each = protocols.iter();
                each.flat_map(|&p| own.iter().map(move |&ports| Service::Ports(p, ports)))
                    .collect()
            }
        };
        let node = |id: GroupId| self.nodes.get(id.0 as usize).copied();
        let (Some(source), Some(destination)) = (node(from), node(to)) else {
            return 0;
        };
        let count = services.len();
        for service in services {
            let reason = reason.clone();
            self.graph
                .add_edge(source, destination, Edge::Requires { service, reason });
        }
        count
    }

    /// The sshd port that the members of an ssh group share.
    fn own_ssh_port(&self, members: &[Member]) -> Option<u16> {
        match members.first() {
            Some(Member::Host(at)) => self.site.hosts.get(*at)?.ssh_port,
            _ => None,
        }
    }
}

fn with_port(service: Service, port: u16) -> Service {
    match service {
        Service::Ports(protocol, _) => Service::Ports(protocol, PortRange::single(port)),
        other => other,
    }
}

/// Whether a host has a role. Every machine of a cluster that runs Kubernetes is a `node`.
#[must_use]
pub fn has_role(host: &Host, role: &str) -> bool {
    let roles = &host.roles;
    roles.contains(role)
        || role == "node"
            && host.cluster.is_some()
            && (roles.contains("control-plane") || roles.contains("worker"))
}

/// Whether a virtual address may be on this host.
#[must_use]
pub fn may_hold(host: &Host, vip: &Vip) -> bool {
    (vip.cluster.is_none() || vip.cluster == host.cluster) && has_role(host, &vip.owner_role)
}

/// The cluster that all members belong to, where there is one.
fn common_cluster(site: &Site, members: &[Member]) -> Option<usize> {
    let cluster = |member: &Member| match member {
        Member::Host(at) => site.hosts.get(*at)?.cluster,
        Member::Vip(at) => site.vips.get(*at)?.cluster,
        Member::Party(at) => site.parties.get(*at)?.cluster,
        Member::Anywhere => None,
    };
    let first = cluster(members.first()?)?;
    members
        .iter()
        .all(|m| cluster(m) == Some(first))
        .then_some(first)
}
