//! What exports say about probes: the source's OUTPUT, the target's INPUT, and back.

use super::{Plan, PlanFlow, Target};
use crate::analysis::{Dialled, Direction, Fate, Foretold, Prediction, Single, Subject};
use crate::firewall::Firewall;
use crate::net::{Family, Protocol, number};
use crate::packet::Ranges;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A host's exports, read.
pub struct Exported {
    /// Position of the host in the plan.
    pub host: usize,
    /// What they do.
    pub firewall: Firewall,
}

/// What all exports together say of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    /// Permitted by all that were given, denied by one, or it depends.
    pub what: Foretold,
    /// Where denied: the host whose export says so.
    pub by: Option<usize>,
    /// Hosts whose exports permit it.
    pub permitted_by: Vec<usize>,
}

/// The exports, prepared, with the answers that were given already.
pub(super) struct Foresight<'a> {
    plan: &'a Plan,
    subjects: BTreeMap<usize, Subject<'a>>,
    /// Who dials each flow.
    sources: Vec<Vec<(usize, IpAddr)>>,
    bound: BTreeMap<Protocol, Ranges<u16>>,
    known: BTreeMap<(usize, usize, Direction), Prediction>,
}

impl<'a> Foresight<'a> {
    pub fn new(plan: &'a Plan, exported: &'a [Exported]) -> Self {
        let mut bound: BTreeMap<Protocol, Ranges<u16>> = BTreeMap::new();
        for flow in &plan.flows {
            let ports = flow.sampled_from.as_ref().unwrap_or(&flow.ports);
            let known = bound.entry(Protocol(flow.protocol)).or_default();
            *known = known.union(ports.as_set());
        }
        let mut sources = vec![Vec::new(); plan.flows.len()];
        for (at, host) in plan.hosts.iter().enumerate() {
            for dial in &host.dial {
                if let Some(flow) = sources.get_mut(dial.flow) {
                    flow.extend(dial.from.iter().map(|&from| (at, from)));
                }
            }
        }
        let subjects = exported.iter();
        Self {
            sources,
            plan,
            subjects: subjects
                .map(|one| (one.host, Subject::new(&one.firewall)))
                .collect(),
            bound,
            known: BTreeMap::new(),
        }
    }

    /// None where no export speaks of it.
    pub fn of(
        &mut self,
        source: usize,
        hosts: &[usize],
        number: usize,
        probe: Single,
    ) -> Option<Expected> {
        // An address that may be on the source itself is dialled over loopback.
        if hosts.contains(&source) {
            return None;
        }
        let flow = self.plan.flows.get(number)?;
        let mut all = Vec::new();
        all.extend(self.at(source, Direction::Out, number, flow, probe));
        let outcomes: Vec<_> = hosts
            .iter()
            .filter_map(|&host| self.at(host, Direction::In, number, flow, probe))
            .collect();
        // A virtual address is on one of several: where they differ, it depends.
        if let Some((first, rest)) = outcomes.split_first() {
            let mut one = first.clone();
            if rest.iter().any(|(_, other)| other.fate != one.1.fate) {
                one.1.fate = Fate::Unknown;
            }
            all.push(one);
        }
        let denied = all.iter().find(|(_, what)| what.fate == Fate::Denied);
        let worst = denied.or_else(|| all.iter().find(|(_, what)| what.fate == Fate::Unknown));
        let (by, what) = worst.or_else(|| all.first())?.clone();
        let permitted = all.iter().filter(|(_, what)| what.fate == Fate::Permitted);
        Some(Expected {
            by: (what.fate == Fate::Denied).then_some(by),
            permitted_by: permitted.map(|(host, _)| *host).collect(),
            what,
        })
    }

    fn at(
        &mut self,
        host: usize,
        direction: Direction,
        number: usize,
        flow: &PlanFlow,
        probe: Single,
    ) -> Option<(usize, Foretold)> {
        let subject = self.subjects.get(&host)?;
        if !subject.firewall.rules(flow.family).exported {
            return None;
        }
        let prediction = match self.known.entry((host, number, direction)) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                let sources = self.sources.get(number)?;
                let dialled = dialled(self.plan, host, direction, sources, flow)?;
                new.insert(Prediction::of(subject, &dialled, &self.bound))
            }
        };
        Some((host, prediction.single(subject, probe)))
    }
}

/// Everything of a flow that passes a host in one direction. `dialling` are its hosts and their
/// addresses.
fn dialled(
    plan: &Plan,
    host: usize,
    direction: Direction,
    dialling: &[(usize, IpAddr)],
    flow: &PlanFlow,
) -> Option<Dialled> {
    let itself = plan.hosts.get(host)?;
    let members = &plan.targets.get(flow.to)?.members;
    let is_here = |target: &&Target| {
        target.host.as_ref() == Some(&itself.name) || target.holders.contains(&itself.name)
    };
    let is_in = direction == Direction::In;
    let sources = dialling.iter().filter(|(at, _)| (*at == host) != is_in);
    let sources: Vec<IpAddr> = sources.map(|(_, from)| *from).collect();
    let destinations = members.iter().filter(|target| !is_in || is_here(target));
    let destinations = destinations.map(|target| target.address);
    let destinations = destinations.filter(|address| Family::of(*address) == flow.family);
    let destinations: Vec<IpAddr> = destinations.collect();
    let set = |all: Vec<IpAddr>| Ranges::of(all.into_iter().map(number_of));
    Some(Dialled {
        family: flow.family,
        direction,
        protocol: Protocol(flow.protocol),
        ports: flow.ports.as_set().clone(),
        icmp: flow.icmp,
        sources: set(sources),
        destinations: set(destinations),
    })
}

fn number_of(address: IpAddr) -> (u128, u128) {
    (number(address), number(address))
}
