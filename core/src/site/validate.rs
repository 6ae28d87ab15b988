//! Checks of a finished site: networks that overlap, hosts without an address, an empty site.

use super::{Cluster, Host, Site};
use crate::diagnostic::{Diagnostic, requirement};
use crate::net::Prefix;
use crate::source::Span;
use rustc_hash::FxHashSet;
use std::net::IpAddr;

/// Everything that is wrong with the site as a whole. `explained` are hosts whose missing address
/// has been reported already.
pub(super) fn check(site: &Site, explained: &FxHashSet<String>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if site.hosts.is_empty() {
        found.push(
            Diagnostic::new(&requirement::NO_HOSTS, "no host was found in the input").help(
                "give a Portwright site file, clusterConfig.yaml, a Kubean or Ansible inventory, \
                 `kubectl get nodes -o json`, or a CSV file",
            ),
        );
    }
    for host in &site.hosts {
        if host.addresses.is_empty() && !explained.contains(&host.name) {
            found.push(no_address(host));
        }
    }
    for cluster in &site.clusters {
        networks(cluster, &mut found);
    }
    let networks: Vec<Network<'_>> = site.clusters.iter().flat_map(Network::of).collect();
    hosts(site, &networks, &mut found);
    found
}

fn no_address(host: &Host) -> Diagnostic {
    let message = format!("host `{}` has no address", host.name);
    Diagnostic::new(&requirement::NO_ADDRESS, message)
        .at(host.span)
        .help("add its IPv4 or IPv6 address")
}

/// A pod or service network.
struct Network<'a> {
    cluster: &'a Cluster,
    kind: &'static str,
    prefix: Prefix,
    span: Span,
}

impl<'a> Network<'a> {
    fn of(cluster: &'a Cluster) -> impl Iterator<Item = Self> {
        let make = move |kind| {
            move |&(prefix, span): &(Prefix, Span)| Self {
                cluster,
                kind,
                prefix,
                span,
            }
        };
        let pods = cluster.pod_networks.iter().map(make("pod network"));
        pods.chain(cluster.service_networks.iter().map(make("service network")))
    }

    /// Messages for the first hosts only: one wrong network would otherwise repeat itself for
    /// every machine.
    fn overlaps(&self, what: &str, span: Span) -> Diagnostic {
        let message = format!(
            "the {} {} of cluster `{}` holds the address of {what}",
            self.kind, self.prefix, self.cluster.name
        );
        Diagnostic::new(&requirement::OVERLAP, message)
            .label(self.span, "this network")
            .label(span, "holds this address")
            .help("choose a network that no machine, VIP or other network uses")
    }
}

fn overlap(a: &Prefix, b: &Prefix) -> bool {
    a.contains(b) || b.contains(a)
}

/// Networks of one cluster against each other. Those of different clusters may be equal: they are
/// not routed between clusters.
fn networks(cluster: &Cluster, found: &mut Vec<Diagnostic>) {
    let mut all: Vec<Network<'_>> = Network::of(cluster).collect();
    // Sorted by first address, an overlap shows between neighbours or with the widest before.
    all.sort_by_key(|n| (n.prefix.network(), n.prefix.prefix_len()));
    let mut widest: Option<&Network<'_>> = None;
    for network in &all {
        if let Some(wide) = widest
            && overlap(&wide.prefix, &network.prefix)
        {
            let message = format!(
                "the {} {} and the {} {} of cluster `{}` overlap",
                wide.kind, wide.prefix, network.kind, network.prefix, cluster.name
            );
            found.push(
                Diagnostic::new(&requirement::OVERLAP, message)
                    .label(network.span, "this network")
                    .label(wide.span, "overlaps this one")
                    .help("choose networks that share no address"),
            );
        } else {
            widest = Some(network);
        }
    }
}

/// Hosts and VIPs in pod or service networks; one message per network and kind.
fn hosts(site: &Site, networks: &[Network<'_>], found: &mut Vec<Diagnostic>) {
    let mut seen: FxHashSet<(usize, bool)> = FxHashSet::default();
    // Equal networks of many clusters are looked at once.
    let mut ranges: Vec<(Prefix, usize)> = networks
        .iter()
        .enumerate()
        .map(|(index, network)| (network.prefix, index))
        .collect();
    ranges.sort_by_key(|&(prefix, index)| (prefix, index));
    ranges.dedup_by_key(|&mut (prefix, _)| prefix);
    let addresses = site.hosts.iter().flat_map(|h| {
        h.addresses
            .iter()
            .map(move |&a| (a, false, h.name.as_str(), h.span))
    });
    let vips = site.vips.iter().flat_map(|v| {
        v.addresses
            .iter()
            .map(move |&a| (a, true, v.name.as_str(), v.span))
    });
    for (address, vip, name, span) in addresses.chain(vips) {
        for index in holding(&ranges, address) {
            if let Some(network) = networks.get(index)
                && seen.insert((index, vip))
            {
                let kind = if vip { "the VIP" } else { "host" };
                found.push(network.overlaps(&format!("{kind} `{name}` ({address})"), span));
            }
        }
    }
}

/// Networks that hold an address: one lookup for each prefix length.
fn holding(ranges: &[(Prefix, usize)], address: IpAddr) -> impl Iterator<Item = usize> {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    (0..=bits).filter_map(move |length| {
        let wanted = Prefix::new(address, length).ok()?.trunc();
        let at = ranges
            .binary_search_by(|(prefix, _)| prefix.cmp(&wanted))
            .ok()?;
        ranges.get(at).map(|&(_, index)| index)
    })
}
