//! What a plan asks for, one probe at a time: nothing is listed before it is dialled.

use super::{Dial, Listen, Plan, PlanFlow, PlanHost, PortList, Target};
use crate::net::Family;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// More flows of one host than this that share probes with another are not looked at: only a
/// hostile plan has them, and what they share is then dialled twice.
const MOST_EARLIER: usize = 256;

/// One probe to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Planned {
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Destination port, where the protocol has ports.
    pub port: Option<u16>,
    /// Type and code, for ICMP.
    pub icmp: Option<(u8, u8)>,
    /// Position in [`Plan::flows`] of the first flow that needs it.
    pub flow: usize,
}

/// The probes of one flow between two addresses.
#[derive(Debug, Clone)]
pub struct Pair<'p> {
    /// Position of the flow.
    pub flow: usize,
    /// Source address.
    pub from: IpAddr,
    /// Who is dialled.
    pub target: &'p Target,
    /// The ports; empty for protocols without ports.
    pub ports: Cow<'p, PortList>,
}

impl Plan {
    /// The host of this name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&PlanHost> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// Every probe of a host, each once, flow by flow. A host never dials its own addresses,
    /// virtual ones aside.
    pub fn probes<'p>(&'p self, host: &'p PlanHost) -> impl Iterator<Item = Planned> + 'p {
        let pairs = Dialling::all(self, host, true).flat_map(Dialling::pairs);
        pairs.flat_map(|pair| self.of_pair(&pair))
    }

    /// How many probes [`Plan::probes`] gives.
    #[must_use]
    pub fn count(&self, host: &PlanHost) -> u64 {
        let counts = Dialling::all(self, host, true).map(Dialling::count);
        counts.fold(0, u64::saturating_add)
    }

    /// What is to answer on a host: protocol, port where there are ports, address.
    pub fn listens<'p>(
        &'p self,
        host: &'p PlanHost,
    ) -> impl Iterator<Item = (u8, Option<u16>, IpAddr)> + 'p {
        host.listen.iter().flat_map(|listen| {
            let ports = each_port(&listen.ports);
            ports.flat_map(move |port| {
                let addresses = listen.addresses.iter();
                addresses.map(move |&address| (listen.protocol, port, address))
            })
        })
    }

    /// Every pair of addresses that a host's flows are about, with all of their ports: what two
    /// flows share is in both.
    pub fn pairs<'p>(&'p self, host: &'p PlanHost) -> impl Iterator<Item = Pair<'p>> + 'p {
        Dialling::all(self, host, false).flat_map(Dialling::pairs)
    }

    /// The flow of a dial and who it is to; none in a plan that was not checked.
    fn dialled(&self, dial: &Dial) -> Option<(&PlanFlow, &[Target])> {
        let flow = self.flows.get(dial.flow)?;
        Some((flow, &self.targets.get(flow.to)?.members))
    }

    fn of_pair<'p>(&'p self, pair: &Pair<'p>) -> impl Iterator<Item = Planned> + use<'p> {
        let flow = self.flows.get(pair.flow);
        let template = flow.map(|flow| Planned {
            from: pair.from,
            to: pair.target.address,
            protocol: flow.protocol,
            port: None,
            icmp: flow.icmp,
            flow: pair.flow,
        });
        // Owned: the ports of a pair may have been cut for it alone.
        let ranges: Vec<_> = pair.ports.ranges().collect();
        let portless = ranges.is_empty().then_some(None);
        let ports = ranges
            .into_iter()
            .flat_map(|range| range.lo..=range.hi)
            .map(Some);
        let ports = portless.into_iter().chain(ports);
        template.into_iter().flat_map(move |template| {
            let ports = ports.clone();
            ports.map(move |port| Planned { port, ..template })
        })
    }
}

impl Listen {
    /// Each port; once none for a protocol without ports.
    pub fn each_port(&self) -> impl Iterator<Item = Option<u16>> + '_ {
        each_port(&self.ports)
    }
}

fn each_port(ports: &PortList) -> impl Iterator<Item = Option<u16>> + '_ {
    let portless = ports.is_empty().then_some(None);
    portless.into_iter().chain(ports.iter().map(Some))
}

/// The target with this address; members are sorted by address.
fn find(members: &[Target], address: IpAddr) -> Option<&Target> {
    let at = members.binary_search_by_key(&address, |target| target.address);
    members.get(at.ok()?)
}

/// One dial of a host, and those before it that may share probes with it.
struct Dialling<'p> {
    host: &'p PlanHost,
    from: &'p [IpAddr],
    number: usize,
    flow: &'p PlanFlow,
    members: &'p [Target],
    earlier: Vec<Earlier<'p>>,
}

/// A dial before it.
struct Earlier<'p> {
    from: &'p [IpAddr],
    members: &'p [Target],
    ports: &'p PortList,
}

impl<'p> Dialling<'p> {
    /// The dials of a host; those of flows that the plan lacks are left out.
    fn all(plan: &'p Plan, host: &'p PlanHost, merge: bool) -> impl Iterator<Item = Self> + 'p {
        let numbered = host.dial.iter().enumerate();
        numbered.filter_map(move |(at, dial)| {
            let (flow, members) = plan.dialled(dial)?;
            let before = if merge { at } else { 0 };
            let before = host.dial.iter().take(before);
            let earlier = before.filter_map(|dial| Earlier::of(plan, dial, flow, members));
            Some(Self {
                host,
                from: &dial.from,
                number: dial.flow,
                flow,
                members,
                earlier: earlier.take(MOST_EARLIER).collect(),
            })
        })
    }

    fn is_own(&self, target: &Target) -> bool {
        target.holders.is_empty() && self.host.addresses.contains(&target.address)
    }

    /// How many probes there are.
    fn count(self) -> u64 {
        let portless = self.flow.ports.is_empty();
        if !self.earlier.is_empty() {
            let each = self.pairs();
            let each = each.map(|pair| if portless { 1 } else { pair.ports.count() });
            return each.fold(0, u64::saturating_add);
        }
        let family = |target: &&Target| Family::of(target.address) == self.flow.family;
        let own = self.host.addresses.iter().collect::<BTreeSet<_>>();
        let own = own.into_iter().filter_map(|&a| find(self.members, a));
        let own = own.filter(family).filter(|target| self.is_own(target));
        let targets = self.members.iter().filter(family).count();
        let targets = targets.saturating_sub(own.count()) as u64;
        let ports = if portless { 1 } else { self.flow.ports.count() };
        let pairs = (self.from.len() as u64).saturating_mul(targets);
        pairs.saturating_mul(ports)
    }

    fn pairs(self) -> impl Iterator<Item = Pair<'p>> + 'p {
        let (from, members) = (self.from, self.members);
        let all = from.iter();
        let all = all.flat_map(move |from| members.iter().map(move |target| (*from, target)));
        all.filter_map(move |(from, target)| {
            let family = Family::of(target.address) == self.flow.family;
            if !family || self.is_own(target) {
                return None;
            }
            Some(Pair {
                flow: self.number,
                from,
                target,
                ports: self.ports_left(from, target)?,
            })
        })
    }

    /// The ports that no earlier dial has between these two; none where nothing is left.
    fn ports_left(&self, from: IpAddr, target: &Target) -> Option<Cow<'p, PortList>> {
        let mut ports = Cow::Borrowed(&self.flow.ports);
        for other in &self.earlier {
            let both = other.from.contains(&from) && find(other.members, target.address).is_some();
            if both {
                ports = Cow::Owned(ports.without(other.ports));
                if ports.is_empty() {
                    return None;
                }
            }
        }
        Some(ports)
    }
}

impl<'p> Earlier<'p> {
    /// A dial, where it may share probes with this flow.
    fn of(plan: &'p Plan, dial: &'p Dial, flow: &PlanFlow, members: &[Target]) -> Option<Self> {
        let (before, others) = plan.dialled(dial)?;
        let same = before.protocol == flow.protocol && before.family == flow.family;
        let ports = flow.ports.is_empty() || before.ports.overlaps(&flow.ports);
        (same && ports && share(others, members)).then_some(Self {
            from: &dial.from,
            members: others,
            ports: &before.ports,
        })
    }
}

/// Whether an address is in both.
fn share(a: &[Target], b: &[Target]) -> bool {
    let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let mut few = few.iter();
    few.any(|target| find(many, target.address).is_some())
}
