//! The probes of a host, one after the other.

use super::Ask;
use portwright::net::{Family, PortRange};
use portwright::probe::{Plan, PlanHost};

/// Every probe that a host is to send.
pub fn probes<'p>(plan: &'p Plan, host: &'p PlanHost) -> impl Iterator<Item = Ask> + 'p {
    host.dial.iter().flat_map(move |dial| {
        let flow = plan.flows.get(dial.flow);
        let group = flow.and_then(|flow| plan.targets.get(flow.to));
        let both = flow.zip(group);
        both.into_iter().flat_map(move |(flow, group)| {
            let ranges: Vec<PortRange> =
                flow.ports.split(',').filter_map(PortRange::parse).collect();
            let fits = |address| Family::of(address) == flow.family;
            let targets = group.members.iter().filter(move |one| fits(one.address));
            targets.flat_map(move |target| {
                let ranges = ranges.clone();
                let own = target.holders.is_empty() && host.addresses.contains(&target.address);
                let sources = dial.from.iter().filter(move |_| !own);
                sources.flat_map(move |from| {
                    let portless = ranges.is_empty().then_some(None);
                    let ports = ranges.clone().into_iter();
                    let ports = ports.flat_map(|range| range.lo..=range.hi).map(Some);
                    portless.into_iter().chain(ports).map(|port| Ask {
                        from: *from,
                        to: target.address,
                        protocol: flow.protocol,
                        port,
                        icmp: flow.icmp,
                    })
                })
            })
        })
    })
}

/// How many there are.
#[must_use]
pub fn count(plan: &Plan, host: &PlanHost) -> u64 {
    probes(plan, host).count() as u64
}

/// The host of this name.
#[must_use]
pub fn host<'p>(plan: &'p Plan, name: &str) -> Option<&'p PlanHost> {
    plan.hosts.iter().find(|host| host.name == name)
}
