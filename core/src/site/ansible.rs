//! What an Ansible inventory for Kubespray means: hosts, roles, addresses, parameters.

use super::inventory::{Inventory, Machine, PLACES, Var};
use super::merge::{Builder, Naming};
use super::read::Input;
use super::tree::{Node, Value};
use super::variables::{self, Variable};
use super::{ClusterKind, Host, address};
use crate::diagnostic::{Diagnostic, Severity, input, requirement};
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Groups that are roles, with the names they had before 2021.
const ROLES: &[(&str, &str)] = &[
    ("kube_control_plane", "control-plane"),
    ("kube-master", "control-plane"),
    ("kube_master", "control-plane"),
    ("etcd", "etcd"),
    ("kube_node", "worker"),
    ("kube-node", "worker"),
    ("calico_rr", "calico-route-reflector"),
    ("calico-rr", "calico-route-reflector"),
    ("bastion", "bastion"),
];

/// Turns an inventory into hosts of one cluster.
pub(super) fn finish(
    builder: &mut Builder,
    inventory: &Inventory<'_>,
    input: &Input<'_>,
    cluster_name: Option<(&str, Span)>,
) {
    let mut lower = Lower::new(builder, inventory, input);
    let (hosts, outside) = lower.hosts();
    let (name, span) = cluster_name.unwrap_or((input.stem, input.head()));
    let naming = Naming {
        name,
        guessed: cluster_name.is_none(),
        kind: None::<ClusterKind>,
        kind_stated: false,
    };
    if hosts.is_empty() && outside.is_empty() && lower.parameters.is_empty() {
        return;
    }
    let parameters = lower.variables();
    let cluster = builder.cluster_of(naming, &hosts, span);
    for mut host in hosts {
        host.cluster = Some(cluster);
        builder.host(host);
    }
    for host in outside {
        builder.host(host);
    }
    let parameters: Vec<Variable<'_>> = parameters
        .iter()
        .map(|var| Variable {
            name: &var.name,
            span: var.span,
            value: &var.value,
        })
        .collect();
    variables::apply(builder, cluster, &parameters, true);
}

/// The best value of a variable that a group and its ancestors give, and how deep it is set.
type Inherited<'i> = BTreeMap<&'static str, (usize, &'i str, &'i Var<'i>)>;

struct Lower<'b, 'i> {
    builder: &'b mut Builder,
    inventory: &'i Inventory<'i>,
    /// Distance from `all`, by group.
    depth: Vec<usize>,
    /// Roles of a group's members, by group.
    roles: Vec<BTreeSet<&'static str>>,
    /// Whether a group is part of the cluster, by group.
    inside: Vec<bool>,
    /// Variables about places that members inherit, by group; empty when no group sets any.
    inherited: Vec<Inherited<'i>>,
    /// Variables that decide parameters, with the depth of the group that sets them.
    parameters: BTreeMap<String, (usize, Var<'i>)>,
}

impl<'b, 'i> Lower<'b, 'i> {
    fn new(builder: &'b mut Builder, inventory: &'i Inventory<'i>, input: &Input<'i>) -> Self {
        let count = inventory.groups.len();
        let mut lower = Self {
            builder,
            inventory,
            depth: vec![0; count],
            roles: vec![BTreeSet::new(); count],
            inside: vec![false; count],
            inherited: vec![BTreeMap::new(); count],
            parameters: BTreeMap::new(),
        };
        lower.walk();
        lower.group_parameters();
        lower.host_parameters();
        lower.extra(input);
        lower
    }

    /// Groups parents first, so that what they give reaches their children. Ansible refuses
    /// cycles; here a group on a cycle is simply not ordered and inherits nothing.
    fn order(&mut self) -> Vec<usize> {
        let groups = &self.inventory.groups;
        let mut parents = vec![0usize; groups.len()];
        for group in groups {
            for &child in &group.children {
                if let Some(count) = parents.get_mut(child) {
                    *count += 1;
                }
            }
        }
        let mut order: Vec<usize> = (0..groups.len())
            .filter(|&g| parents.get(g) == Some(&0))
            .collect();
        let mut next = 0;
        while let Some(&group) = order.get(next) {
            next += 1;
            for &child in groups.get(group).map_or(&[][..], |g| &g.children) {
                if let Some(count) = parents.get_mut(child) {
                    *count -= 1;
                    if *count == 0 {
                        order.push(child);
                    }
                }
            }
        }
        if order.len() < groups.len() {
            let stuck = (0..groups.len()).find(|&g| parents.get(g).is_some_and(|&c| c > 0));
            let name = stuck.and_then(|g| groups.get(g)).map_or("", |g| &g.name);
            let message = format!("group `{name}` contains itself through its children");
            self.builder.report(
                Diagnostic::new(&input::SYNTAX, message)
                    .help("remove the group from the children of its own children"),
            );
        }
        order
    }

    fn walk(&mut self) {
        for index in self.order() {
            let Some(group) = self.inventory.groups.get(index) else {
                continue;
            };
            let name = group.name.as_ref();
            let role = ROLES
                .iter()
                .find(|(n, _)| *n == name)
                .map(|&(_, role)| role);
            let depth = self.depth.get(index).copied().unwrap_or(0);
            let depth = if name == "all" { 0 } else { depth.max(1) };
            let cluster = role.is_some_and(|role| role != "bastion")
                || matches!(name, "k8s_cluster" | "k8s-cluster");
            if let Some(roles) = self.roles.get_mut(index) {
                roles.extend(role);
            }
            if let Some(inside) = self.inside.get_mut(index) {
                *inside |= cluster;
            }
            if let Some(slot) = self.depth.get_mut(index) {
                *slot = depth;
            }
            if let Some(inherited) = self.inherited.get_mut(index) {
                for var in &group.vars {
                    if let Some(place) = PLACES.iter().find(|place| **place == var.name) {
                        inherited.insert(place, (depth, name, var));
                    }
                }
            }
            for &child in &group.children {
                self.hand_down(index, child, depth);
            }
        }
    }

    fn hand_down(&mut self, parent: usize, child: usize, depth: usize) {
        let roles = self.roles.get(parent).cloned().unwrap_or_default();
        let inherited = self.inherited.get(parent).cloned().unwrap_or_default();
        let inside = self.inside.get(parent).copied().unwrap_or(false);
        if let Some(slot) = self.roles.get_mut(child) {
            slot.extend(roles);
        }
        if let Some(slot) = self.inside.get_mut(child) {
            *slot |= inside;
        }
        if let Some(slot) = self.depth.get_mut(child) {
            *slot = (*slot).max(depth.saturating_add(1));
        }
        if let Some(slot) = self.inherited.get_mut(child) {
            prefer(slot, &inherited);
        }
    }

    /// Parameters that groups set: the deeper group wins; among equals, the first by name is
    /// reported against the others.
    fn group_parameters(&mut self) {
        for (index, group) in self.inventory.groups.iter().enumerate() {
            let depth = self.depth.get(index).copied().unwrap_or(0);
            for var in &group.vars {
                if variables::is_relevant(&var.name) {
                    self.parameter(depth, var);
                }
            }
        }
    }

    fn parameter(&mut self, depth: usize, var: &Var<'i>) {
        let Some((known_depth, known)) = self.parameters.get(var.name.as_ref()) else {
            self.parameters
                .insert(var.name.to_string(), (depth, var.clone()));
            return;
        };
        if depth > *known_depth {
            self.parameters
                .insert(var.name.to_string(), (depth, var.clone()));
        } else if depth == *known_depth && !same(&known.value, &var.value) {
            let message = format!("`{}` differs between groups of one cluster", var.name);
            let first = known.span;
            self.builder.report(
                Diagnostic::new(&requirement::CONTRADICTION, message)
                    .label(var.span, "here")
                    .label(first, "this one is used")
                    .help("set it once, for the whole cluster"),
            );
        }
    }

    /// Parameters that hosts set (`ansible-inventory --list` writes all variables there).
    fn host_parameters(&mut self) {
        let mut reported: BTreeSet<&str> = BTreeSet::new();
        for machine in &self.inventory.machines {
            for var in &machine.vars {
                if !variables::is_relevant(&var.name) {
                    continue;
                }
                let Some((_, known)) = self.parameters.get(var.name.as_ref()) else {
                    self.parameters
                        .insert(var.name.to_string(), (0, var.clone()));
                    continue;
                };
                if same(&known.value, &var.value) || !reported.insert(&var.name) {
                    continue;
                }
                let message = format!(
                    "`{}` of host `{}` differs from the rest of the cluster",
                    var.name, machine.name
                );
                let first = known.span;
                self.builder.report(
                    Diagnostic::new(&input::NOT_MODELLED, message)
                        .severity(Severity::Warning)
                        .label(var.span, "here")
                        .label(first, "this one is used for all hosts")
                        .help("a variable counts for the whole cluster here"),
                );
            }
        }
    }

    /// Variables from files of their own (`group_vars`) win over those of the inventory.
    fn extra(&mut self, input: &Input<'i>) {
        for document in input.variables {
            for entry in document.entries() {
                if variables::is_relevant(&entry.key) {
                    let var = Var {
                        name: entry.key.clone(),
                        span: entry.key_span,
                        value: entry.value.clone(),
                    };
                    self.parameters
                        .insert(entry.key.to_string(), (usize::MAX, var));
                }
            }
        }
    }

    fn variables(self) -> Vec<Var<'i>> {
        self.parameters.into_values().map(|(_, var)| var).collect()
    }

    /// Hosts of the cluster, and hosts outside (the bastion).
    fn hosts(&mut self) -> (Vec<Host>, Vec<Host>) {
        let count = self.inventory.machines.len();
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (index, group) in self.inventory.groups.iter().enumerate() {
            for &machine in &group.hosts {
                if let Some(groups) = groups.get_mut(machine) {
                    groups.push(index);
                }
            }
        }
        let any_role = self.roles.iter().any(|roles| !roles.is_empty());
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for (machine, groups) in self.inventory.machines.iter().zip(&groups) {
            let is = |flags: &Vec<bool>| groups.iter().any(|&g| flags.get(g) == Some(&true));
            let in_cluster = is(&self.inside);
            let Some(host) = self.host(machine, groups) else {
                continue;
            };
            if host.roles.is_empty() {
                self.no_role(&host, any_role);
            }
            if in_cluster || !host.roles.contains("bastion") {
                inside.push(host);
            } else {
                outside.push(host);
            }
        }
        (inside, outside)
    }

    fn no_role(&mut self, host: &Host, any_role: bool) {
        let message = format!(
            "host `{}` is in no Kubernetes group, so nothing is required of it",
            host.name
        );
        let help = if any_role {
            "put it into `kube_control_plane`, `kube_node` or `etcd`, or remove it"
        } else {
            "the inventory has none of the groups `kube_control_plane`, `kube_node`, `etcd`"
        };
        let diagnostic = Diagnostic::new(&input::NOT_MODELLED, message).at(host.span);
        self.builder.report(diagnostic.help(help));
    }

    fn host(&mut self, machine: &'i Machine<'i>, groups: &[usize]) -> Option<Host> {
        let mut inherited = BTreeMap::new();
        let mut roles = BTreeSet::new();
        for &group in groups {
            if let Some(more) = self.inherited.get(group) {
                prefer(&mut inherited, more);
            }
            roles.extend(
                self.roles
                    .get(group)
                    .into_iter()
                    .flatten()
                    .map(|r| (*r).to_owned()),
            );
        }
        let places = Places { machine, inherited };
        let ssh = places
            .get("ansible_host")
            .or_else(|| places.get("ansible_ssh_host"));
        if places.is_local(roles.is_empty(), ssh) {
            return None;
        }
        let addresses = self.addresses(&places);
        let port = places
            .get("ansible_port")
            .or_else(|| places.get("ansible_ssh_port"));
        let ssh_port = port.and_then(|var| self.port(machine, var));
        let ssh_address = ssh.and_then(|var| address::address(places.text(var)?));
        Some(Host {
            name: machine.name.to_string(),
            ssh_address: ssh_address.filter(|ssh| !addresses.contains(ssh)),
            addresses,
            ssh_port,
            cluster: None,
            roles,
            zone: None,
            span: machine.span,
        })
    }

    fn port(&mut self, machine: &Machine<'_>, var: &Var<'_>) -> Option<u16> {
        let text = var.value.text()?;
        let port = address::port(text);
        if port.is_none() {
            let message = format!(
                "`{}` of host `{}` is `{text}`, which is not a port",
                var.name, machine.name
            );
            let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(var.value.span);
            self.builder
                .report(diagnostic.help("give a number from 1 to 65535"));
        }
        port
    }

    /// access_ip, else ip, else ansible_host, else the inventory name; for IPv6 beside it
    /// access_ip6, else ip6.
    fn addresses(&mut self, places: &Places<'i>) -> Vec<IpAddr> {
        let mut addresses: Vec<IpAddr> = Vec::new();
        let mut bad: Option<(&'i Var<'i>, String)> = None;
        for family in [
            &["access_ip", "ip", "ansible_host", "ansible_ssh_host"][..],
            &["access_ip6", "ip6"][..],
        ] {
            for name in family {
                let Some(var) = places.get(name) else {
                    continue;
                };
                let text = places.text(var).unwrap_or("").to_owned();
                let found: Vec<IpAddr> = text
                    .split(',')
                    .take(16)
                    .filter_map(address::address)
                    .collect();
                if found.is_empty() {
                    bad = bad.or(Some((var, text)));
                    continue;
                }
                addresses.extend(found);
                break;
            }
        }
        if addresses.is_empty() && bad.is_none() {
            addresses.extend(address::address(&places.machine.name));
        }
        addresses.dedup();
        match bad {
            Some((var, text)) => self.bad_address(places.machine, var, &text, addresses.is_empty()),
            None if addresses.is_empty() => self.no_address(places.machine),
            None => {}
        }
        addresses
    }

    fn bad_address(&mut self, machine: &Machine<'_>, var: &Var<'_>, text: &str, none: bool) {
        let name = &machine.name;
        let what = if matches!(var.value.value, Value::Scalar(_)) && !text.is_empty() {
            format!("is `{text}`, which is not an address")
        } else {
            "holds no address".to_owned()
        };
        let message = format!("`{}` of host `{name}` {what}", var.name);
        let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message)
            .severity(if none {
                Severity::Error
            } else {
                Severity::Warning
            })
            .at(var.value.span);
        self.builder.report(
            diagnostic.help("give an IPv4 or IPv6 address, or add `ip`; names are not resolved"),
        );
        self.builder.explained(name);
    }

    fn no_address(&mut self, machine: &Machine<'_>) {
        let name = &machine.name;
        let message = format!(
            "host `{name}` has no address: neither `ip`, `ansible_host` nor its name is one"
        );
        let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(machine.span);
        self.builder
            .report(diagnostic.help("add `ip` or `ansible_host`; names are not resolved"));
        self.builder.explained(name);
    }
}

/// Takes over what is set deeper; among equals, the group later in the alphabet, as Ansible does.
fn prefer<'i>(into: &mut Inherited<'i>, from: &Inherited<'i>) {
    for (&name, &(depth, group, var)) in from {
        let better = into
            .get(name)
            .is_none_or(|&(known, known_group, _)| (depth, group) > (known, known_group));
        if better {
            into.insert(name, (depth, group, var));
        }
    }
}

/// Whether two values are written alike.
fn same(a: &Node<'_>, b: &Node<'_>) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar(a), Value::Scalar(b)) => a.text.trim() == b.text.trim(),
        (Value::Null, Value::Null) => true,
        (Value::Sequence(a), Value::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Mapping(a), Value::Mapping(b)) => {
            let pairs = a.iter().zip(b);
            a.len() == b.len()
                && pairs
                    .into_iter()
                    .all(|(a, b)| a.key == b.key && same(&a.value, &b.value))
        }
        _ => false,
    }
}

/// A host's own and inherited variables about where it is.
struct Places<'i> {
    machine: &'i Machine<'i>,
    inherited: Inherited<'i>,
}

impl<'i> Places<'i> {
    fn get(&self, name: &str) -> Option<&'i Var<'i>> {
        let own = self.machine.vars.iter().find(|var| var.name == name);
        own.or_else(|| self.inherited.get(name).map(|&(_, _, var)| var))
            .filter(|var| !var.value.is_null())
    }

    /// A variable's text; `{{ ansible_host }}` and the like stand for that variable.
    fn text(&self, var: &'i Var<'i>) -> Option<&'i str> {
        let mut var = var;
        // Two variables may refer to each other; nobody needs a longer chain than this.
        for _ in 0..4 {
            let text = var.value.text()?;
            let Some(name) = reference(text) else {
                return Some(text);
            };
            if name == "inventory_hostname" {
                return Some(&self.machine.name);
            }
            match self.get(name) {
                Some(next) => var = next,
                None => return Some(text),
            }
        }
        None
    }

    /// `localhost` without an address is the machine that runs Ansible.
    fn is_local(&self, without_role: bool, ssh: Option<&Var<'_>>) -> bool {
        self.machine.name == "localhost" && without_role && ssh.is_none()
    }
}

/// The variable that `{{ name }}` names.
fn reference(text: &str) -> Option<&str> {
    let name = text.strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain.then_some(name)
}
