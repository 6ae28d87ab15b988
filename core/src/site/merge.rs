//! Joins what several files say into one site. The first statement is used; a later one that
//! contradicts it is a diagnostic with both places.

use super::{Cluster, ClusterKind, Host, Party, Setting, Site, Vip};
use crate::catalog::Scalar;
use crate::diagnostic::{Diagnostic, Severity, input, requirement};
use crate::source::Span;
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::IpAddr;

/// Hosts of one site.
pub(crate) const MAX_HOSTS: usize = 200_000;
/// Diagnostics that one call reports.
const MAX_DIAGNOSTICS: usize = 10_000;

/// The site while it is being read.
#[derive(Default)]
pub(crate) struct Builder {
    pub site: Site,
    pub diagnostics: Vec<Diagnostic>,
    /// Selectors that wait until every host is known.
    pub pending: super::select::Pending,
    /// Said only when no file names a bootstrap node after all.
    pub no_bootstrap: Vec<Diagnostic>,
    /// Clusters whose inventory says nothing about the network plugin.
    pub no_plugin: Vec<usize>,
    /// Hosts that selectors have selected so far.
    pub selected: usize,
    /// Cluster, parameter and value where nothing else is said.
    defaults: Vec<(usize, String, Setting)>,
    /// Errors said so far, shown or not.
    pub errors: usize,
    unreported: usize,
    hosts: FxHashMap<String, usize>,
    addresses: FxHashMap<IpAddr, usize>,
    clusters: FxHashMap<String, usize>,
    /// Clusters whose kind the user stated, rather than the format implying it.
    stated_kinds: FxHashSet<usize>,
    /// Clusters that are named after their file.
    guessed_names: FxHashSet<usize>,
    /// Hosts whose lack of an address has been reported where it is written.
    unaddressed: FxHashSet<String>,
    vips: FxHashMap<(String, String, Option<usize>), usize>,
    parties: FxHashSet<String>,
    networks: FxHashSet<(usize, bool, crate::net::Prefix)>,
    zones: FxHashMap<String, usize>,
    too_many: bool,
}

/// How sure an importer is of a cluster's name and kind.
#[derive(Clone, Copy)]
pub(crate) struct Naming<'a> {
    /// The name.
    pub name: &'a str,
    /// The file does not say it: it is the file's name.
    pub guessed: bool,
    /// Global or worker.
    pub kind: Option<ClusterKind>,
    /// The kind is what the user wrote.
    pub kind_stated: bool,
}

impl Builder {
    /// Says something about the input.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors = self.errors.saturating_add(1);
        }
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        } else {
            self.unreported = self.unreported.saturating_add(1);
        }
    }

    /// The host with this name.
    pub fn host_index(&self, name: &str) -> Option<usize> {
        self.hosts.get(name).copied()
    }

    /// Whether some host has this address.
    pub fn host_by_address(&self, address: IpAddr) -> Option<usize> {
        self.addresses.get(&address).copied()
    }

    /// The cluster with this name.
    pub fn cluster_index(&self, name: &str) -> Option<usize> {
        self.clusters.get(name).copied()
    }

    /// Notes that a host's missing address has been explained.
    pub fn explained(&mut self, host: &str) {
        self.unaddressed.insert(host.to_owned());
    }

    /// The cluster of these hosts, made when it does not exist. A guessed name yields to the
    /// cluster that already has one of the hosts.
    pub fn cluster_of(&mut self, naming: Naming<'_>, hosts: &[Host], span: Span) -> usize {
        if naming.guessed && !self.clusters.contains_key(naming.name) {
            let known = hosts.iter().find_map(|host| {
                let known = self.site.hosts.get(self.host_index(&host.name)?)?;
                let same = known.addresses.iter().any(|a| host.addresses.contains(a));
                known.cluster.filter(|_| same)
            });
            if let Some(index) = known {
                return index;
            }
        }
        self.cluster(naming, span)
    }

    /// The cluster with this name, made when it does not exist.
    pub fn cluster(&mut self, naming: Naming<'_>, span: Span) -> usize {
        if let Some(&index) = self.clusters.get(naming.name) {
            self.join_kind(index, naming, span);
            return index;
        }
        let index = self.site.clusters.len();
        self.site.clusters.push(Cluster {
            name: naming.name.to_owned(),
            kind: naming.kind,
            parameters: std::collections::BTreeMap::new(),
            pod_networks: Vec::new(),
            service_networks: Vec::new(),
            span,
        });
        self.clusters.insert(naming.name.to_owned(), index);
        if naming.kind_stated {
            self.stated_kinds.insert(index);
        }
        if naming.guessed {
            self.guessed_names.insert(index);
        }
        index
    }

    fn join_kind(&mut self, index: usize, naming: Naming<'_>, span: Span) {
        let Some(cluster) = self.site.clusters.get_mut(index) else {
            return;
        };
        let stated = self.stated_kinds.contains(&index);
        if naming.kind_stated && stated && cluster.kind != naming.kind {
            let message = format!("cluster `{}` is both global and worker", cluster.name);
            let first = cluster.span;
            self.report(
                Diagnostic::new(&requirement::CONTRADICTION, message)
                    .label(span, "here")
                    .label(first, "and here; this one is used")
                    .help("remove one of the two `kind` lines"),
            );
        } else if naming.kind.is_some() && !stated && (cluster.kind.is_none() || naming.kind_stated)
        {
            cluster.kind = naming.kind;
            if naming.kind_stated {
                self.stated_kinds.insert(index);
            }
        }
    }

    /// Adds a host, or joins it with the host of its name.
    pub fn host(&mut self, mut host: Host) -> Option<usize> {
        if let Some(&index) = self.hosts.get(&host.name) {
            match self.join(index, host) {
                Ok(()) => return Some(index),
                Err(renamed) => host = *renamed,
            }
        }
        if self.site.hosts.len() >= MAX_HOSTS {
            if !std::mem::replace(&mut self.too_many, true) {
                let message = format!("more than {MAX_HOSTS} hosts; the rest is not read");
                self.report(Diagnostic::new(&input::LIMIT, message).at(host.span));
            }
            return None;
        }
        let index = self.site.hosts.len();
        for &address in &host.addresses {
            self.claim(address, index, &host);
        }
        self.hosts.insert(host.name.clone(), index);
        self.site.hosts.push(host);
        Some(index)
    }

    /// Records who has an address; two hosts with one address are an error.
    fn claim(&mut self, address: IpAddr, index: usize, host: &Host) {
        let Some(&other) = self.addresses.get(&address) else {
            self.addresses.insert(address, index);
            return;
        };
        if other == index {
            return;
        }
        let Some(first) = self.site.hosts.get(other) else {
            return;
        };
        let message = format!(
            "hosts `{}` and `{}` have the same address {address}",
            first.name, host.name
        );
        let first = first.span;
        self.report(
            Diagnostic::new(&requirement::DUPLICATE, message)
                .label(host.span, "this host")
                .label(first, "has the address of this one")
                .help("give one of them its own address, or the same name when it is one machine"),
        );
    }

    /// Joins a host with the one of the same name. Gives it back under another name when it is
    /// another machine in another cluster.
    fn join(&mut self, index: usize, mut host: Host) -> Result<(), Box<Host>> {
        let Some(known) = self.site.hosts.get(index) else {
            return Err(Box::new(host));
        };
        let same_file = known.span.source == host.span.source;
        let disjoint = !known.addresses.is_empty()
            && !host.addresses.is_empty()
            && !known.addresses.iter().any(|a| host.addresses.contains(a));
        let other_cluster = matches!((known.cluster, host.cluster), (Some(a), Some(b)) if a != b);
        if disjoint || other_cluster || (same_file && known.span != host.span) {
            self.clash(index, &host, disjoint, other_cluster);
        }
        if disjoint && other_cluster {
            let cluster = host.cluster.and_then(|c| self.site.clusters.get(c));
            let qualified = format!("{}/{}", cluster.map_or("", |c| &c.name), host.name);
            if !self.hosts.contains_key(&qualified) {
                host.name = qualified;
                return Err(Box::new(host));
            }
        }
        if disjoint {
            host.addresses.clear();
        }
        for &address in &host.addresses {
            self.claim(address, index, &host);
        }
        let Some(known) = self.site.hosts.get_mut(index) else {
            return Ok(());
        };
        for address in host.addresses {
            if !known.addresses.contains(&address) {
                known.addresses.push(address);
            }
        }
        known.roles.append(&mut host.roles);
        known.cluster = known.cluster.or(host.cluster);
        known.zone = known.zone.take().or(host.zone);
        known.ssh_address = known.ssh_address.or(host.ssh_address);
        known.ssh_port = known.ssh_port.or(host.ssh_port);
        Ok(())
    }

    fn clash(&mut self, index: usize, host: &Host, disjoint: bool, other_cluster: bool) {
        let Some(known) = self.site.hosts.get(index) else {
            return;
        };
        let same_file = known.span.source == host.span.source;
        let list = |addresses: &[IpAddr]| {
            let words: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            words.join(", ")
        };
        let code = if same_file {
            &requirement::DUPLICATE
        } else {
            &requirement::CONTRADICTION
        };
        let (message, help) = if disjoint {
            let message = format!(
                "host `{}` has the address {} here and {} there",
                host.name,
                list(&host.addresses),
                list(&known.addresses)
            );
            let help = if other_cluster {
                "they count as two machines, the second one named `CLUSTER/NAME`; rename one"
            } else {
                "correct one of the two; the first one is used"
            };
            (message, help)
        } else if other_cluster {
            let message = format!("host `{}` is in two clusters", host.name);
            (message, "remove it from one of them; the first one is used")
        } else {
            let message = format!("host `{}` is declared twice", host.name);
            (message, "remove one of the two; their roles are joined")
        };
        let first = known.span;
        let mut diagnostic = Diagnostic::new(code, message)
            .label(host.span, "here")
            .label(first, "first declared here")
            .help(help);
        if disjoint && other_cluster {
            diagnostic = diagnostic.severity(Severity::Warning);
        }
        self.report(diagnostic);
    }

    /// Sets a parameter for the site, or for one cluster.
    pub fn parameter(&mut self, cluster: Option<usize>, id: &str, value: Scalar, span: Span) {
        let parameters = match cluster {
            None => &mut self.site.parameters,
            Some(index) => match self.site.clusters.get_mut(index) {
                Some(cluster) => &mut cluster.parameters,
                None => return,
            },
        };
        let Some(known) = parameters.get(id) else {
            let span = Some(span);
            parameters.insert(id.to_owned(), Setting { value, span });
            return;
        };
        if known.value == value {
            return;
        }
        let message = format!(
            "parameter `{id}` is `{}` here and `{}` there",
            word(&value),
            word(&known.value)
        );
        let mut diagnostic =
            Diagnostic::new(&requirement::CONTRADICTION, message).label(span, "here");
        if let Some(first) = known.span {
            diagnostic = diagnostic.label(first, "this one is used");
        }
        self.report(diagnostic.help("remove one of the two"));
    }

    /// Sets a cluster's parameter to what its installer takes when nobody says anything.
    pub fn parameter_default(&mut self, cluster: usize, id: &str, value: Scalar, span: Span) {
        let span = Some(span);
        let setting = Setting { value, span };
        self.defaults.push((cluster, id.to_owned(), setting));
    }

    /// Adds a VIP, or addresses to the one of the same role and cluster.
    pub fn vip(&mut self, vip: Vip) {
        let key = (vip.role.clone(), vip.name.clone(), vip.cluster);
        let known = self.vips.get(&key).and_then(|&i| self.site.vips.get(i));
        let Some(known) = known else {
            self.vips.insert(key, self.site.vips.len());
            self.site.vips.push(vip);
            return;
        };
        let same = vip.addresses.iter().all(|a| known.addresses.contains(a));
        if !same {
            let message = format!("the VIP `{}` has two different addresses", vip.name);
            let first = known.span;
            self.report(
                Diagnostic::new(&requirement::CONTRADICTION, message)
                    .label(vip.span, "here")
                    .label(first, "this one is used")
                    .help("correct one of the two"),
            );
        }
    }

    /// Adds an external party; one that is known already is not added again.
    pub fn party(&mut self, party: Party) {
        let key = format!(
            "{}\n{}\n{:?}\n{:?}\n{:?}",
            party.name, party.role, party.prefixes, party.ports, party.cluster
        );
        if self.parties.insert(key) {
            self.site.parties.push(party);
        }
    }

    /// The zone with this name.
    pub fn zone_index(&self, name: &str) -> Option<usize> {
        self.zones.get(name).copied()
    }

    /// Adds a zone, whose name is new.
    pub fn zone(&mut self, zone: super::Zone) {
        self.zones.insert(zone.name.clone(), self.site.zones.len());
        self.site.zones.push(zone);
    }

    /// Adds a pod or service network.
    pub fn network(&mut self, index: usize, pods: bool, prefix: crate::net::Prefix, span: Span) {
        let Some(cluster) = self.site.clusters.get_mut(index) else {
            return;
        };
        if !self.networks.insert((index, pods, prefix)) {
            return;
        }
        if pods {
            cluster.pod_networks.push((prefix, span));
        } else {
            cluster.service_networks.push((prefix, span));
        }
    }

    /// Applies what had to wait for the last file, checks, and hands the site over.
    pub fn finish(mut self) -> (Site, Vec<Diagnostic>) {
        self.kinds();
        self.ssh_ports();
        for (cluster, id, setting) in std::mem::take(&mut self.defaults) {
            if let Some(cluster) = self.site.clusters.get_mut(cluster) {
                cluster.parameters.entry(id).or_insert(setting);
            }
        }
        self.unknown_plugins();
        for diagnostic in super::parties::finish(&mut self.site.parties) {
            self.report(diagnostic);
        }
        super::select::apply(&mut self);
        let bootstrap = self
            .site
            .hosts
            .iter()
            .any(|h| h.roles.contains("bootstrap"));
        if !bootstrap {
            for diagnostic in std::mem::take(&mut self.no_bootstrap) {
                self.report(diagnostic);
            }
        }
        for diagnostic in super::validate::check(&self.site, &self.unaddressed) {
            self.report(diagnostic);
        }
        if self.unreported > 0 {
            let message = format!(
                "{} more diagnostics are not shown after the first {MAX_DIAGNOSTICS}",
                self.unreported
            );
            self.diagnostics
                .push(Diagnostic::new(&input::LIMIT, message));
        }
        (self.site, self.diagnostics)
    }

    /// Without a network plugin, its ports would silently not be required.
    fn unknown_plugins(&mut self) {
        for index in std::mem::take(&mut self.no_plugin) {
            let Some(cluster) = self.site.clusters.get(index) else {
                continue;
            };
            if cluster.parameters.contains_key("cni") {
                continue;
            }
            let message = format!(
                "the network plugin of cluster `{}` is not known, so its ports are not checked",
                cluster.name
            );
            let help = "give the group variables as well, or set the parameter `cni`";
            let diagnostic = Diagnostic::new(&input::NOT_MODELLED, message)
                .severity(Severity::Warning)
                .at(cluster.span);
            self.report(diagnostic.help(help));
        }
    }

    /// The only cluster is global; beside a global one, the others are workers.
    fn kinds(&mut self) {
        let global: Vec<usize> = (0..self.site.clusters.len())
            .filter(|&i| {
                self.site.clusters.get(i).and_then(|c| c.kind) == Some(ClusterKind::Global)
            })
            .collect();
        if let [cluster] = self.site.clusters.as_mut_slice() {
            cluster.kind = cluster.kind.or(Some(ClusterKind::Global));
            return;
        }
        match global.as_slice() {
            [] => self.no_global(),
            [_] => {}
            [first, second, ..] => {
                let at = |i: usize| self.site.clusters.get(i);
                if let (Some(first), Some(second)) = (at(*first), at(*second)) {
                    let message = format!(
                        "clusters `{}` and `{}` are both global",
                        first.name, second.name
                    );
                    let diagnostic = Diagnostic::new(&requirement::CONTRADICTION, message)
                        .label(second.span, "second global cluster")
                        .label(first.span, "first global cluster")
                        .help("a site has one global cluster; state `kind: worker` for the others");
                    self.report(diagnostic);
                }
            }
        }
        if !global.is_empty() {
            for cluster in &mut self.site.clusters {
                cluster.kind = cluster.kind.or(Some(ClusterKind::Worker));
            }
        }
    }

    fn no_global(&mut self) {
        let unknown = self.site.clusters.iter().find(|c| c.kind.is_none());
        let Some(cluster) = unknown else {
            return;
        };
        let message = "none of the clusters is said to be the global one, so nothing is required \
                       between it and the others";
        let diagnostic = Diagnostic::new(&requirement::EMPTY_SELECTOR, message)
            .at(cluster.span)
            .help("state `kind: global` for one cluster in a Portwright site file");
        self.report(diagnostic);
    }

    /// When all hosts of a cluster agree on sshd's port, it is the cluster's parameter as well.
    fn ssh_ports(&mut self) {
        let mut ports: Vec<Option<Result<u16, ()>>> = vec![None; self.site.clusters.len()];
        for host in &self.site.hosts {
            let Some(slot) = host.cluster.and_then(|c| ports.get_mut(c)) else {
                continue;
            };
            *slot = Some(match (*slot, host.ssh_port) {
                (None, Some(port)) => Ok(port),
                (Some(Ok(known)), Some(port)) if known == port => Ok(port),
                _ => Err(()),
            });
        }
        for (cluster, port) in self.site.clusters.iter_mut().zip(ports) {
            if let Some(Ok(port)) = port {
                let span = Some(cluster.span);
                let value = Scalar::Number(i64::from(port));
                let setting = Setting { value, span };
                cluster
                    .parameters
                    .entry("ssh.port".into())
                    .or_insert(setting);
            }
        }
    }
}

/// A parameter value as it is written.
pub(crate) fn word(value: &Scalar) -> String {
    match value {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Number(value) => value.to_string(),
        Scalar::Text(value) => value.clone(),
    }
}
