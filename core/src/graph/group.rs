//! Groups: who can be the source or destination of a flow.

use crate::net::{Family, Prefix, bounds, number};
use crate::packet::Ranges;
use crate::site::Site;
use std::net::IpAddr;

/// Position of a group in [`super::RequirementGraph::groups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// One of a group: a position in the site's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Member {
    /// A host.
    Host(usize),
    /// A virtual address.
    Vip(usize),
    /// An external party.
    Party(usize),
    /// Any address at all: an external role that the site does not narrow.
    Anywhere,
}

/// The holders of a role in a cluster, one external party, or anywhere.
#[derive(Debug, Clone)]
pub struct Group {
    /// Unique name, for example `global/control-plane` or `registry.example`.
    pub label: String,
    /// The roles that it stands for; several where the same hosts hold them.
    pub roles: Vec<String>,
    /// Cluster, as a position in the site; none for parties outside.
    pub cluster: Option<usize>,
    /// Its members, sorted.
    pub members: Vec<Member>,
    /// Whether it is about where ssh goes (`ansible_host`), not where data goes.
    pub ssh: bool,
    /// Addresses by family: IPv4, IPv6.
    pub(super) addresses: [Ranges<u128>; 2],
}

impl Group {
    /// All addresses of its members in this family.
    #[must_use]
    pub fn addresses(&self, family: Family) -> &Ranges<u128> {
        let [v4, v6] = &self.addresses;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    /// Whether it has members but no address of either family: a party known by name only.
    #[must_use]
    pub fn is_unresolved(&self) -> bool {
        self.addresses.iter().all(Ranges::is_empty)
    }

    /// Whether every member is in the other group.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        if other.members.first() == Some(&Member::Anywhere) {
            return self
                .members
                .iter()
                .all(|m| matches!(m, Member::Party(_) | Member::Anywhere));
        }
        self.members
            .iter()
            .all(|m| other.members.binary_search(m).is_ok())
    }

    /// Whether this member is in it.
    #[must_use]
    pub fn has(&self, member: Member) -> bool {
        self.members.binary_search(&member).is_ok()
    }
}

impl Member {
    /// Its addresses as prefixes, in the order of the site.
    #[must_use]
    pub fn prefixes(self, site: &Site, ssh: bool) -> Vec<Prefix> {
        let single = |addresses: &[IpAddr]| addresses.iter().copied().map(Prefix::from).collect();
        match self {
            Self::Host(at) => {
                site.hosts
                    .get(at)
                    .map_or(Vec::new(), |host| match host.ssh_address {
                        Some(address) if ssh => vec![Prefix::from(address)],
                        _ => single(&host.addresses),
                    })
            }
            Self::Vip(at) => site
                .vips
                .get(at)
                .map_or(Vec::new(), |vip| single(&vip.addresses)),
            Self::Party(at) => site
                .parties
                .get(at)
                .map_or(Vec::new(), |p| p.prefixes.clone()),
            Self::Anywhere => Family::ALL.map(Family::everything).to_vec(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self, site: &Site) -> &str {
        let name = match self {
            Self::Host(at) => site.hosts.get(at).map(|host| host.name.as_str()),
            Self::Vip(at) => site.vips.get(at).map(|vip| vip.name.as_str()),
            Self::Party(at) => site.parties.get(at).map(|party| party.name.as_str()),
            Self::Anywhere => Some("any"),
        };
        name.unwrap_or("")
    }
}

/// The addresses of these members, by family.
pub(super) fn addresses(site: &Site, members: &[Member], ssh: bool) -> [Ranges<u128>; 2] {
    let mut intervals: [Vec<(u128, u128)>; 2] = [Vec::new(), Vec::new()];
    let [v4, v6] = &mut intervals;
    let mut add = |family, interval| match family {
        Family::V4 => v4.push(interval),
        Family::V6 => v6.push(interval),
    };
    for &member in members {
        match member {
            // Without the list of prefixes: there are many hosts.
            Member::Host(at) => {
                let Some(host) = site.hosts.get(at) else {
                    continue;
                };
                let one = host.ssh_address.filter(|_| ssh);
                let all = one
                    .as_ref()
                    .map_or(host.addresses.as_slice(), std::slice::from_ref);
                for &address in all {
                    let n = number(address);
                    add(Family::of(address), (n, n));
                }
            }
            other => {
                for prefix in other.prefixes(site, ssh) {
                    add(Family::of_prefix(&prefix), bounds(&prefix));
                }
            }
        }
    }
    intervals.map(Ranges::of)
}
