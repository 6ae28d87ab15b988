//! Portwright's own site file. These types are the file format: the reader deserialises into
//! them, the JSON Schema is generated from them, and unknown keys are errors.
//!
//! ```yaml
//! portwright: site/v1
//! catalog: dce
//! parameters: {cni: calico, calico.encapsulation: vxlan}
//! clusters:
//!   - name: global
//!     kind: global
//!     hosts:
//!       - {name: m1, address: 10.0.0.1, roles: [control-plane, etcd]}
//!       - {name: "w[01:40]", address: "10.0.0.[11:50]", roles: [worker], zone: inner}
//! hosts:
//!   - {name: boot, address: 10.0.0.9, roles: [bootstrap]}
//! guards:
//!   - {host: {regex: "^w"}, export: "exports/{name}.rules"}
//! ```

use super::spanned::{Lenient, Spanned};
use crate::catalog::{Mode, OneOrMany, ProtocolSpec, Scalar};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// A site file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Document {
    /// Format and its version: `site/v1`.
    #[expect(dead_code, reason = "reading it checks it")]
    portwright: Version,
    /// Name of the requirement catalogue, for example `dce`.
    pub catalog: Option<String>,
    /// How errata are applied.
    pub mode: Option<Mode>,
    /// Parameter values for the whole site; a cluster's own win.
    #[serde(default)]
    pub parameters: BTreeMap<String, Spanned<Scalar>>,
    /// Paths of inventories (clusterConfig.yaml, Ansible, …) that belong to the site, relative to
    /// this file.
    #[serde(default)]
    pub inventories: Vec<Spanned<String>>,
    /// Named parts of the network.
    #[serde(default)]
    pub zones: Vec<Lenient<Zone>>,
    /// Kubernetes clusters.
    #[serde(default)]
    pub clusters: Vec<Lenient<Cluster>>,
    /// Machines outside clusters, or additions to hosts of other inventories.
    #[serde(default)]
    pub hosts: Vec<Lenient<Host>>,
    /// Virtual addresses.
    #[serde(default)]
    pub vips: Vec<Lenient<Vip>>,
    /// Parties outside the site.
    #[serde(default)]
    pub external: Vec<Lenient<External>>,
    /// Which export stands where.
    #[serde(default)]
    pub guards: Vec<Lenient<Guard>>,
    /// Excess that somebody has accepted.
    #[serde(default)]
    pub accepted: Vec<Lenient<Accepted>>,
    /// Roles for hosts selected by name or regular expression.
    #[serde(default)]
    pub roles: Vec<Lenient<RoleSelector>>,
}

/// Format version.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub enum Version {
    /// The first and current one.
    #[serde(rename = "site/v1")]
    V1,
}

/// A Kubernetes cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cluster {
    /// Its name, unique in the site.
    pub name: Spanned<String>,
    /// Global (management) or worker. The only cluster of a site is global.
    pub kind: Option<Kind>,
    /// Parameter values of this cluster.
    #[serde(default)]
    pub parameters: BTreeMap<String, Spanned<Scalar>>,
    /// Pod networks as prefixes.
    pub pod_networks: Option<Spanned<OneOrMany<String>>>,
    /// Service networks as prefixes.
    pub service_networks: Option<Spanned<OneOrMany<String>>>,
    /// Its machines.
    #[serde(default)]
    pub hosts: Vec<Lenient<Host>>,
}

/// Global or worker cluster.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The management cluster that the platform itself runs in.
    Global,
    /// A cluster that the platform manages.
    Worker,
}

/// A machine, or several with a pattern such as `node[01:40]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Host {
    /// Its name. `node[01:40]` stands for 40 machines; `address` then has a range of that length.
    pub name: Spanned<String>,
    /// Its address, or several separated by commas. Left out, another inventory must give it.
    pub address: Option<Spanned<String>>,
    /// Its addresses, one or a few for each family.
    pub addresses: Option<Spanned<OneOrMany<String>>>,
    /// Role ids of the catalogue, for example `control-plane`.
    pub roles: Option<OneOrMany<String>>,
    /// Name of its zone.
    pub zone: Option<String>,
    /// Port of sshd.
    pub ssh_port: Option<Spanned<u16>>,
    /// Address that ssh goes to, when it is another one.
    pub ssh_address: Option<Spanned<String>>,
}

/// A virtual address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vip {
    /// Role id, for example `istio-gateway-vip`.
    pub role: String,
    /// Its name; the role when left out.
    pub name: Option<String>,
    /// Its address, or several separated by commas.
    pub address: Option<Spanned<String>>,
    /// Its addresses.
    pub addresses: Option<Spanned<OneOrMany<String>>>,
    /// Name of the cluster whose hosts may own it.
    pub cluster: Option<Spanned<String>>,
    /// Role whose hosts may own it; `node` when left out.
    pub owners: Option<String>,
}

/// A party outside the site.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct External {
    /// Its name; the role when left out.
    pub name: Option<String>,
    /// Role id, for example `registry` or `web-client`.
    pub role: String,
    /// Its addresses as prefixes.
    pub addresses: Option<Spanned<OneOrMany<String>>>,
    /// Its ports, for example `443` or `8000-8010`; the catalogue's own when left out.
    pub ports: Option<Spanned<OneOrMany<Scalar>>>,
    /// Name of the only cluster that uses it.
    pub cluster: Option<Spanned<String>>,
}

/// A named part of the network.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Its addresses as prefixes, beside those of the hosts in it.
    pub prefixes: Option<Spanned<OneOrMany<String>>>,
}

/// Which export stands where: on hosts, or between two zones.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Guard {
    /// The hosts it guards. `{name}` in `export` is then the host's name.
    pub host: Option<Spanned<Selector>>,
    /// The two zones between which it stands.
    pub between: Option<Spanned<Vec<String>>>,
    /// Export file or files that together are what stands there.
    pub export: OneOrMany<String>,
}

/// Excess that somebody has accepted. What is left out matches everything.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Accepted {
    /// Hosts it is for.
    pub host: Option<Spanned<Selector>>,
    /// Sources as prefixes.
    pub from: Option<Spanned<OneOrMany<String>>>,
    /// Destinations as prefixes.
    pub to: Option<Spanned<OneOrMany<String>>>,
    /// Protocol by name or number.
    pub protocol: Option<Spanned<ProtocolSpec>>,
    /// Destination ports.
    pub ports: Option<Spanned<OneOrMany<Scalar>>>,
    /// Why it is accepted.
    pub reason: String,
    /// Last day on which it is accepted, `YYYY-MM-DD`.
    pub expires: Option<Spanned<String>>,
}

/// Roles for hosts selected by name or regular expression.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RoleSelector {
    /// Which hosts.
    pub select: Spanned<Selector>,
    /// Role ids that they get.
    pub add: OneOrMany<String>,
}

/// Hosts by name, or by a regular expression that is searched in the name.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum Selector {
    /// One host's name.
    Name(String),
    /// Every host whose name the expression matches somewhere; `^` and `$` anchor it.
    Regex(Expression),
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SelectorVisitor)
    }
}

struct SelectorVisitor;

impl<'de> Visitor<'de> for SelectorVisitor {
    type Value = Selector;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host name or `{regex: EXPRESSION}`")
    }

    fn visit_str<E>(self, name: &str) -> Result<Selector, E> {
        Ok(Selector::Name(name.to_owned()))
    }

    /// Hosts may be named `7`.
    fn visit_i64<E>(self, name: i64) -> Result<Selector, E> {
        Ok(Selector::Name(name.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Selector, A::Error> {
        Expression::deserialize(MapAccessDeserializer::new(map)).map(Selector::Regex)
    }
}

/// A regular expression.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expression {
    /// In the syntax of the Rust `regex` crate.
    pub regex: String,
}

/// JSON Schema of the site file.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Document)
}
