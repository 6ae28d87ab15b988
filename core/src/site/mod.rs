//! The site: which hosts exist, their addresses, clusters and roles, the VIPs and external
//! parties, parameter values, what each export guards, and what excess is accepted.
//!
//! Importers (one file per inventory format) turn a text into a [`Site`]; several sites merge.

mod address;
mod ansible;
mod ansible_ini;
mod ansible_json;
mod ansible_yaml;
mod cluster_config;
mod csv;
mod document;
mod embedded;
mod endpoint;
mod group_vars;
mod inventory;
mod json;
mod known_variables;
mod kubean;
mod kubectl;
mod merge;
mod parties;
mod portwright;
mod read;
mod secret;
mod select;
mod spanned;
mod tree;
mod validate;
mod variables;

pub use document::schema;
pub use read::{FORMATS, Format, Read, read};
pub use secret::redact;
pub use select::Selector;

use crate::catalog::{Mode, Scalar};
use crate::net::{PortRange, Prefix};
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A site as read from one or more files. Lists keep the order of the input.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// Name of the catalogue that the site asks for, where it does.
    pub catalog: Option<String>,
    /// How errata are applied, where the site says so.
    pub mode: Option<Mode>,
    /// Clusters by name. Hosts refer to them by index.
    pub clusters: Vec<Cluster>,
    /// Machines.
    pub hosts: Vec<Host>,
    /// Virtual addresses.
    pub vips: Vec<Vip>,
    /// Parties outside: registries, time servers, web clients.
    pub parties: Vec<Party>,
    /// Zones between which a firewall may stand.
    pub zones: Vec<Zone>,
    /// Parameter values for the whole site; a cluster's own win.
    pub parameters: BTreeMap<String, Setting>,
    /// Which export guards what.
    pub guards: Vec<Guard>,
    /// Inventories that site files name.
    pub inventories: Vec<Inventory>,
    /// Excess that somebody has accepted.
    pub accepted: Vec<Accepted>,
}

/// A parameter's value and where it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The value.
    pub value: Scalar,
    /// Where it was set; none for a command-line option.
    pub span: Option<Span>,
}

/// Global (management) or worker cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClusterKind {
    /// The management cluster that the platform itself runs in (全局服务集群).
    Global,
    /// A cluster that the platform manages (工作集群).
    Worker,
}

/// A Kubernetes cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Global or worker, where the input says so. A site's only cluster counts as global.
    pub kind: Option<ClusterKind>,
    /// Parameter values of this cluster.
    pub parameters: BTreeMap<String, Setting>,
    /// Pod networks.
    pub pod_networks: Vec<(Prefix, Span)>,
    /// Service networks.
    pub service_networks: Vec<(Prefix, Span)>,
    /// Where it was declared.
    pub span: Span,
}

/// A machine.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name, unique in the site.
    pub name: String,
    /// Addresses that peers connect to and that it sends from (access_ip, else ip, else
    /// ansible_host), at most one or a few per family.
    pub addresses: Vec<IpAddr>,
    /// Where ssh goes, when it differs from `addresses` (ansible_host).
    pub ssh_address: Option<IpAddr>,
    /// Port of sshd on this host, when the input says so.
    pub ssh_port: Option<u16>,
    /// Index of its cluster in [`Site::clusters`]; none for a host outside clusters (bootstrap).
    pub cluster: Option<usize>,
    /// Role ids that the input gives it (`control-plane`, `etcd`, `worker`, `bootstrap`, …).
    /// The graph adds `node` to every host with `control-plane` or `worker`, and fallbacks.
    pub roles: BTreeSet<String>,
    /// Name of its zone, where one is given.
    pub zone: Option<String>,
    /// Where it was declared.
    pub span: Span,
}

/// A virtual address that hosts may own.
#[derive(Debug, Clone)]
pub struct Vip {
    /// Its name, for example `istio-gateway-vip`.
    pub name: String,
    /// Role id (`istio-gateway-vip`, `insight-vip`, `api-vip`).
    pub role: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Index of the cluster whose hosts may own it.
    pub cluster: Option<usize>,
    /// Role whose hosts may own it; `node` when the input does not say.
    pub owner_role: String,
    /// Where it was declared.
    pub span: Span,
}

/// A party outside the site.
#[derive(Debug, Clone)]
pub struct Party {
    /// Its name, for example `registry.example`.
    pub name: String,
    /// Role id.
    pub role: String,
    /// Its addresses. Empty when only its name is known.
    pub prefixes: Vec<Prefix>,
    /// Ports that the input names for it (`host:port`, URL); empty for the catalogue's own.
    pub ports: Vec<PortRange>,
    /// Index of the only cluster that uses it; none when all do.
    pub cluster: Option<usize>,
    /// Where it was declared.
    pub span: Span,
}

/// A named part of the network.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub prefixes: Vec<Prefix>,
    /// Where it was declared.
    pub span: Span,
}

/// Which export stands where.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Export files (paths as written; the caller reads them).
    pub exports: Vec<String>,
    /// What they guard.
    pub stands: Stand,
    /// Where it was declared; none for a command-line option.
    pub span: Option<Span>,
}

/// An inventory that a site file names.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// Its path as written, relative to the site file; the caller reads it.
    pub path: String,
    /// Where it is named.
    pub span: Span,
}

/// Where an export stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// On a host, by name: INPUT and OUTPUT.
    Host(String),
    /// Between zones, by name: FORWARD from any of the one to any of the other, both ways.
    Between(String, String),
}

/// Excess that somebody has accepted. Absent fields match everything.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Hosts it is for.
    pub host: Option<Selector>,
    /// Sources.
    pub from: Vec<Prefix>,
    /// Destinations.
    pub to: Vec<Prefix>,
    /// Protocol by name or number.
    pub protocol: Option<crate::net::Protocol>,
    /// Destination ports.
    pub ports: Vec<PortRange>,
    /// Why it is accepted.
    pub reason: String,
    /// Last day on which it is accepted, `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// Where it was declared.
    pub span: Span,
}
