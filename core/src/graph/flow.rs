//! Flows: what must be reachable, and why.

use super::build::RequirementGraph;
use super::group::GroupId;
use super::{Edge, Node};
use crate::catalog::Need;
use crate::net::{Family, Service};
use petgraph::visit::EdgeRef;
use std::collections::BTreeMap;

/// One required opening: every address of `from` must reach `service` on every address of `to`.
/// A host needs no opening to itself.
#[derive(Debug, Clone)]
pub struct Flow {
    /// IPv4 or IPv6.
    pub family: Family,
    /// Who connects.
    pub from: GroupId,
    /// Who is connected to.
    pub to: GroupId,
    /// To what.
    pub service: Service,
    /// The strongest need among its reasons.
    pub need: Need,
    /// Why; never empty.
    pub because: Vec<Reason>,
}

/// Why a flow is required.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// Position in the catalogue's list of requirements.
    pub requirement: usize,
    /// Role of the source.
    pub from_role: String,
    /// Role of the destination.
    pub to_role: String,
    /// The label of its own source group, where the flow's is larger.
    pub from: GroupId,
    /// The label of its own destination group, where the flow's is larger.
    pub to: GroupId,
    /// How much this requirement needs it.
    pub need: Need,
}

impl Flow {
    /// Protocol, ports and ICMP type and code in this family, as tables write them.
    #[must_use]
    pub fn service_text(&self) -> (String, String, Option<String>) {
        match self.service {
            Service::Ports(protocol, ports) => (protocol.to_string(), ports.to_string(), None),
            Service::Icmp(icmp) => {
                let (kind, code) = icmp.in_family(self.family);
                ("icmp".into(), String::new(), Some(format!("{kind}/{code}")))
            }
            Service::Protocol(protocol) => (protocol.0.to_string(), String::new(), None),
        }
    }
}

impl RequirementGraph<'_> {
    /// The stable id of a flow, for example
    /// `ipv4:global/node>global/control-plane:tcp/6443`.
    #[must_use]
    pub fn flow_id(&self, flow: &Flow) -> String {
        let label = |id| self.group(id).map_or("", |group| group.label.as_str());
        let family = match flow.family {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
        };
        let (protocol, ports, icmp) = flow.service_text();
        let detail = icmp.unwrap_or(ports);
        let slash = if detail.is_empty() { "" } else { "/" };
        format!(
            "{family}:{}>{}:{protocol}{slash}{detail}",
            label(flow.from),
            label(flow.to)
        )
    }

    /// Merges the required edges: equal openings become one flow with several reasons, and an
    /// opening inside a larger one of the same service becomes a reason of that. Ordered by
    /// destination, source, service.
    pub(super) fn merge(&self) -> Vec<Flow> {
        let mut merged: BTreeMap<(Service, Family, GroupId, GroupId), Vec<Reason>> =
            BTreeMap::new();
        for edge in self.graph.edge_references() {
            let (
                Edge::Requires { service, reason },
                Some(Node::Group(from)),
                Some(Node::Group(to)),
            ) = (
                edge.weight(),
                self.graph.node_weight(edge.source()),
                self.graph.node_weight(edge.target()),
            )
            else {
                continue;
            };
            for family in self.families(*from, *to) {
                let reasons = merged.entry((*service, family, *from, *to)).or_default();
                if !reasons.contains(reason) {
                    reasons.push(reason.clone());
                }
            }
        }
        let mut flows = self.fold(merged);
        flows.sort_by(|a, b| {
            let key = |f: &Flow| (f.family, f.to, f.service, f.from);
            key(a).cmp(&key(b))
        });
        flows
    }

    /// Families in which both groups have addresses. A party without any address is kept in the
    /// families of the other side: its flow must not vanish.
    fn families(&self, from: GroupId, to: GroupId) -> Vec<Family> {
        let (Some(from), Some(to)) = (self.group(from), self.group(to)) else {
            return Vec::new();
        };
        Family::ALL
            .into_iter()
            .filter(|&family| {
                let here = |group: &super::Group| {
                    group.is_unresolved() || !group.addresses(family).is_empty()
                };
                here(from) && here(to)
            })
            .collect()
    }

    fn fold(
        &self,
        merged: BTreeMap<(Service, Family, GroupId, GroupId), Vec<Reason>>,
    ) -> Vec<Flow> {
        let size = |id: GroupId| self.group(id).map_or(0, |group| group.members.len());
        let mut all: Vec<_> = merged.into_iter().collect();
        // Larger ones first within a service, so that smaller ones find them.
        all.sort_by_key(|((service, family, from, to), _)| {
            let extent = size(*from).saturating_mul(size(*to));
            (*service, *family, std::cmp::Reverse(extent), *to, *from)
        });
        let mut flows: Vec<Flow> = Vec::with_capacity(all.len());
        let mut first_of_service = 0;
        for ((service, family, from, to), because) in all {
            let same = |f: &Flow| f.service == service && f.family == family;
            if flows.get(first_of_service).is_none_or(|flow| !same(flow)) {
                first_of_service = flows.len();
            }
            let need = because.iter().map(|r| r.need).min().unwrap_or_default();
            let larger = flows.iter_mut().skip(first_of_service);
            let mut larger =
                larger.filter(|f| self.is_within(from, f.from) && self.is_within(to, f.to));
            match larger.next() {
                Some(flow) => {
                    flow.need = flow.need.min(need);
                    flow.because.extend(because);
                }
                None => flows.push(Flow {
                    family,
                    from,
                    to,
                    service,
                    need,
                    because,
                }),
            }
        }
        flows
    }

    fn is_within(&self, inner: GroupId, outer: GroupId) -> bool {
        inner == outer
            || match (self.group(inner), self.group(outer)) {
                (Some(inner), Some(outer)) => inner.ssh == outer.ssh && inner.is_within(outer),
                _ => false,
            }
    }
}
