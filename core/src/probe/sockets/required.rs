//! What a plan says has to listen on a host.

use crate::catalog::Need;
use crate::net::{Family, Protocol};
use crate::probe::{Plan, PlanHost, PlanReason, PortList};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A requirement with more ports than this is a pool to take from (node ports), not a list of
/// services.
const POOL: u64 = 64;

/// Ports of a host that others need.
#[derive(Debug, Clone, PartialEq)]
pub struct Required {
    /// IP protocol number.
    pub protocol: u8,
    /// Address family.
    pub family: Family,
    /// The ports; all that are required, not only those that are dialled.
    pub ports: PortList,
    /// The host's own addresses that are dialled.
    pub addresses: BTreeSet<IpAddr>,
    /// Virtual addresses that may be here: whoever answers there need not be a socket.
    pub virtual_addresses: BTreeSet<IpAddr>,
    /// Whether somebody listens on some of the ports only.
    pub pool: bool,
    /// How much it is needed.
    pub need: Need,
    /// Id of the flow.
    pub flow: String,
    /// Title of who dials.
    pub from: String,
    /// Why.
    pub because: Vec<PlanReason>,
}

/// What has to listen on this host, in the order of the plan's flows.
#[must_use]
pub fn required(plan: &Plan, host: &PlanHost) -> Vec<Required> {
    let flows = plan.flows.iter();
    let flows = flows.filter(|flow| Protocol(flow.protocol).has_ports());
    let all = flows.filter_map(|flow| {
        let members = &plan.targets.get(flow.to)?.members;
        let members = members
            .iter()
            .filter(|target| Family::of(target.address) == flow.family);
        let (mut addresses, mut virtual_addresses) = (BTreeSet::new(), BTreeSet::new());
        for target in members {
            if target.host.as_ref() == Some(&host.name) {
                addresses.insert(target.address);
            }
            if target.holders.contains(&host.name) {
                virtual_addresses.insert(target.address);
            }
        }
        if addresses.is_empty() && virtual_addresses.is_empty() {
            return None;
        }
        let ports = flow.sampled_from.as_ref().unwrap_or(&flow.ports);
        Some(Required {
            protocol: flow.protocol,
            family: flow.family,
            ports: ports.clone(),
            addresses,
            virtual_addresses,
            pool: ports.count() > POOL,
            need: flow.need,
            flow: flow.id.clone(),
            from: flow.from.clone(),
            because: flow.because.clone(),
        })
    });
    all.collect()
}
