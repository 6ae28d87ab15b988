//! The plan: per host, what to listen on and what to dial.

use super::PortList;
use crate::catalog::Need;
use crate::net::Family;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a plan says of itself in its field `portwright`.
pub const PLAN_VERSION: &str = "probe-plan/v1";

/// What to probe. Written by `portwright probe plan`, read by everything else under `probe`.
///
/// Flows are kept between groups, as in an answer to `resolve`; pairs of addresses are made when
/// they are dialled, so that a plan of a million probes stays small.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub portwright: String,
    /// The catalogue's name.
    pub catalog: String,
    /// Its version.
    pub catalog_version: String,
    /// How ranges of ports were sampled: `all`, or what `--sample` said.
    pub sample: String,
    /// The machines that take part, ordered as in the site.
    pub hosts: Vec<PlanHost>,
    /// Who is dialled.
    pub targets: Vec<TargetGroup>,
    /// What is required.
    pub flows: Vec<PlanFlow>,
    /// Flows, or parts of flows, that no host of the site can dial.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub untested: Vec<Untested>,
}

/// One machine's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanHost {
    /// Its name in the site.
    pub name: String,
    /// Its addresses, that of its sshd included where it has one of its own.
    pub addresses: Vec<IpAddr>,
    /// Its cluster.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cluster: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its zone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub zone: Option<String>,
    /// What is to answer here while others dial, ordered by protocol and port.
    pub listen: Vec<Listen>,
    /// What to dial from here, ordered as the flows.
    pub dial: Vec<Dial>,
}

/// Ports of one protocol that are to answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// IP protocol number: 6 TCP, 17 UDP, 132 SCTP, 4 IP in IP.
    pub protocol: u8,
    /// The ports, as in `22,2379-2380`; empty for protocols without ports.
    #[serde(skip_serializing_if = "PortList::is_empty", default)]
    pub ports: PortList,
    /// The addresses that others dial, virtual ones that may be here included.
    pub addresses: Vec<IpAddr>,
}

/// One flow that is dialled from a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dial {
    /// Position in [`Plan::flows`].
    pub flow: usize,
    /// The host's addresses that the flow is from.
    pub from: Vec<IpAddr>,
}

/// One required opening: everyone who dials it must reach every port on every target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanFlow {
    /// The flow's id in an answer to `resolve`, for example
    /// `ipv4:global/node>global/control-plane:tcp/6443`.
    pub id: String,
    /// Address family.
    pub family: Family,
    /// Title of the source group.
    pub from: String,
    /// Position in [`Plan::targets`].
    pub to: usize,
    /// IP protocol number.
    pub protocol: u8,
    /// Destination ports to dial, as in `6443` or `30000,30417,32767`; empty without ports.
    #[serde(skip_serializing_if = "PortList::is_empty", default)]
    pub ports: PortList,
    /// The ports that are required, where more than are dialled.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sampled_from: Option<PortList>,
    /// ICMP type and code in this family.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub icmp: Option<(u8, u8)>,
    /// How much it is needed.
    pub need: Need,
    /// Why it is required.
    pub because: Vec<PlanReason>,
}

/// A requirement, as the catalogue cites it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanReason {
    /// The requirement's id.
    pub requirement: String,
    /// Its title in the plan's language.
    pub title: String,
    /// Where the catalogue has it from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub citation: Option<String>,
}

/// Who is dialled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetGroup {
    /// The group's id in an answer to `resolve`, for example `global/control-plane`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Its addresses, sorted.
    pub members: Vec<Target>,
}

/// One address that is dialled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    /// The host of the site that has it; none for virtual addresses and for parties outside.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub host: Option<String>,
    /// The hosts that may hold it, where it is virtual.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub holders: Vec<String>,
}

/// What cannot be dialled from any host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Untested {
    /// Position in [`Plan::flows`].
    pub flow: usize,
    /// Why, for example that its source is outside the site.
    pub why: String,
}
