//! The shape of a catalogue file. These types are the file format: their JSON Schema is
//! generated from them (`portwright schema catalog`), and unknown keys are errors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One catalogue file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Name by which sites and other catalogues refer to it, for example `calico`.
    pub catalog: String,
    /// Version of the product or page that it describes.
    pub version: String,
    /// What it is.
    pub title: Text,
    /// Names of catalogues that it builds on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
    /// New defaults for parameters of used catalogues: parameter id → value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defaults: BTreeMap<String, Scalar>,
    /// Switches that decide which requirements apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Roles that requirements refer to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// What must be reachable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<Requirement>,
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

/// A parameter's value: a word, a number or a switch.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(
    untagged,
    expecting = "expected `true`, `false`, a whole number or a word (quote anything else)"
)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number, for example a port.
    Number(i64),
    /// A word, for example `calico`, or a range such as `30000-32767`.
    Text(String),
}

/// One value or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected one value or a list of values of the kind that belongs here"
)]
pub enum OneOrMany<T> {
    /// A single value.
    One(T),
    /// Several.
    Many(Vec<T>),
}

/// A switch that decides which requirements apply, or a port that a site may move.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its id, for example `cni` or `calico.encapsulation`.
    pub id: String,
    /// What it decides.
    pub title: Text,
    /// Allowed values. Empty: any port or port range (then `default` is one).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Scalar>,
    /// The value when a site says nothing.
    pub default: Scalar,
}

/// What a host, VIP or external party is in the requirements' words.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its id, for example `control-plane`.
    pub id: String,
    /// What it is called.
    pub title: Text,
    /// What can have it.
    pub kind: RoleKind,
    /// For external roles: any address when the site does not narrow it (`web-client`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_address: bool,
    /// For hosts: the role whose hosts have this one where a site gives it to none in a cluster
    /// (`etcd` falls back to `control-plane`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
}

/// What can have a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleKind {
    /// A machine of the site.
    Host,
    /// A virtual address that hosts of the site own.
    Vip,
    /// Something outside the site, known by prefixes or names.
    External,
}

/// One thing that must be reachable.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Unique over all catalogues, for example `calico.bgp`.
    pub id: String,
    /// What it is for, in our own words.
    pub title: Text,
    /// Roles that connect.
    pub from: OneOrMany<String>,
    /// Roles that are connected to.
    pub to: OneOrMany<String>,
    /// Which pairs of hosts it is about.
    #[serde(default)]
    pub scope: Scope,
    /// Protocols, by name (`tcp`, `udp`, `sctp`, `icmp`) or number.
    pub protocol: OneOrMany<ProtocolSpec>,
    /// Destination ports; only with tcp, udp and sctp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortSpec>,
    /// ICMP type and code; only with icmp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<OneOrMany<IcmpSpec>>,
    /// When it applies; always without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// How much the platform needs it.
    #[serde(default)]
    pub need: Need,
    /// Where the service listens.
    #[serde(default)]
    pub bind: NodeBind,
    /// What the published page leaves unsaid and we read into it, for example the source. In the
    /// reader's language; shown beside the reason as *assumed*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<Text>,
    /// Where it is published.
    pub citation: Citation,
    /// Where upstream documentation contradicts or completes the published row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erratum: Option<Erratum>,
}

/// Which pairs of hosts a requirement is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Source and destination belong to one cluster (parties outside clusters belong to all).
    #[default]
    SameCluster,
    /// Any source and destination of the site.
    AnyCluster,
    /// Source in the global cluster, destination in a worker cluster.
    GlobalToWorker,
    /// Source anywhere, destination in the global cluster.
    ToGlobal,
    /// Destination in the global cluster, source in it too or outside all clusters.
    WithinGlobal,
    /// Source in the global cluster, destination in it too or outside all clusters.
    FromGlobal,
    /// Source and destination are one host: nothing to open, but the port is taken.
    SameHost,
}

/// A protocol by name or number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected `tcp`, `udp`, `sctp`, `icmp` or an IP protocol number up to 255"
)]
pub enum ProtocolSpec {
    /// An IP protocol number such as 4 for IP-in-IP.
    Number(u8),
    /// `tcp`, `udp`, `sctp` or `icmp`.
    Name(String),
}

/// Destination ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected a port, a range such as `30000-32767`, a list of them, `{parameter: ID}` or `{endpoint: PORT}`"
)]
pub enum PortSpec {
    /// One port.
    Number(u16),
    /// A range such as `30000-32767`.
    Range(String),
    /// Several ports or ranges.
    List(Vec<PortSpec>),
    /// The value of a parameter.
    Parameter {
        /// The parameter's id.
        parameter: String,
    },
    /// The port that the external party was given with (`db.example:3307`), or this one.
    Endpoint(Endpoint),
}

/// The port that the external party was given with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Used when the site names no port.
    pub endpoint: u16,
}

/// ICMP type and code, in IPv4 numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IcmpSpec {
    /// Type; IPv6 flows use the ICMPv6 equal.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Code.
    #[serde(default)]
    pub code: u8,
}

/// How much the platform needs a requirement.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// It does not work without.
    #[default]
    Required,
    /// A feature does not work without.
    Optional,
    /// Only monitoring needs it.
    Metrics,
    /// Only people who debug need it.
    Debug,
}

/// Where the service listens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodeBind {
    /// On the host's own network.
    #[default]
    Host,
    /// On 127.0.0.1 or ::1 only: nothing to open.
    Loopback,
    /// On a pod's address.
    Pod,
    /// On a virtual address.
    Vip,
}

/// Structured condition over parameters: all of the named parameters have one of the values,
/// and at least one of `any` holds (where given), and `not` does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// At least one of these holds; nothing to hold when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<Condition>,
    /// This does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Condition>>,
    /// Parameter id → allowed value or values.
    #[serde(flatten)]
    pub all: BTreeMap<String, OneOrMany<Scalar>>,
}

/// Where a requirement is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Citation {
    /// Document, for example `DaoCloud Enterprise 5.0, Port Requirements` or a repository path.
    pub document: String,
    /// Section of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// Row or line as published, for example `TCP 179`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
}

/// Where upstream documentation contradicts or completes a published row.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Erratum {
    /// What is wrong or missing.
    pub note: Text,
    /// Repository path or thread of the upstream documentation.
    pub source: String,
    /// What `least-privilege` does with it; nothing without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
}

/// What `least-privilege` replaces in a published row. Absent fields stay as published.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// The row is not opened at all (wrong, removed upstream, or loopback only).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop: bool,
    /// Tighter or other sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<OneOrMany<String>>,
    /// Tighter or other destinations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<OneOrMany<String>>,
    /// Other protocols.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<OneOrMany<ProtocolSpec>>,
    /// Other ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortSpec>,
    /// Holds in addition to the published condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Another need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<Need>,
    /// A corrected title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text>,
}

/// How errata are applied.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The vendor's page is the contract.
    #[default]
    AsPublished,
    /// Corrections are applied.
    LeastPrivilege,
}

impl<T> OneOrMany<T> {
    /// Its values.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        match self {
            Self::One(value) => std::slice::from_ref(value).iter(),
            Self::Many(values) => values.iter(),
        }
    }
}
