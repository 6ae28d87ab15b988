//! The requirement graph and its resolution into flows.
//!
//! Hosts, VIPs, external parties and zones are nodes, and so is every *group*: the holders of a
//! role in a cluster. A group has edges to its members; a requirement is an edge from one group
//! to another that carries the required service. Resolution merges those edges into [`Flow`]s.
//! Its cost grows with roles and requirements, not with pairs of hosts.

mod build;
mod flow;
mod group;

pub use build::{RequirementGraph, Settings, Unmatched, has_role, may_hold};
pub use flow::{Flow, Reason};
pub use group::{Group, GroupId, Member};

use crate::net::Service;

/// A node of the requirement graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// The holders of a role in a cluster, or one external party.
    Group(GroupId),
    /// A host, VIP or party of the site.
    Member(Member),
    /// A zone, by its position in the site.
    Zone(usize),
}

/// An edge of the requirement graph.
#[derive(Debug, Clone, PartialEq)]
pub enum Edge {
    /// Group → member.
    Holds,
    /// Member → the zone that its addresses lie in.
    LiesIn,
    /// Group → group: the first must reach this service of the second.
    Requires {
        /// What.
        service: Service,
        /// Why.
        reason: Reason,
    },
}
