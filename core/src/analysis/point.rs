//! Enforcement points: where a firewall stands, and the questions that can be asked of it there.

use super::{STEPS, Subject};
use crate::firewall::{Firewall, Hook, Program};
use crate::graph::{Group, Member, RequirementGraph, may_hold};
use crate::net::{Family, Prefix, bounds, number};
use crate::packet::{Budget, OverBudget, Ranges};
use crate::site::{Host, Site, Stand, Zone};

/// Which way a flow passes an enforcement point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// To the host.
    In,
    /// From the host.
    Out,
    /// From the first zone to the second, or back.
    Through,
}

/// Where the firewall stands.
#[derive(Debug, Clone, Copy)]
pub enum Stands<'a> {
    /// On this host (position in the site).
    Host(usize, &'a Host),
    /// Between two zones.
    Between(&'a Zone, &'a Zone),
}

/// A firewall at its place.
#[derive(Debug)]
pub struct Point<'a> {
    /// Where it stands.
    pub stands: Stands<'a>,
    /// What it does.
    pub firewall: &'a Firewall,
    /// The same, prepared for questions.
    pub subject: Subject<'a>,
}

impl<'a> Point<'a> {
    /// A firewall at a place of the site; none when the site has no such host or zone.
    #[must_use]
    pub fn new(site: &'a Site, stand: &Stand, firewall: &'a Firewall) -> Option<Self> {
        let zone = |name: &str| site.zones.iter().find(|zone| zone.name == name);
        let stands = match stand {
            Stand::Host(name) => {
                let at = site.hosts.iter().position(|host| host.name == *name)?;
                Stands::Host(at, site.hosts.get(at)?)
            }
            Stand::Between(a, b) => Stands::Between(zone(a)?, zone(b)?),
        };
        Some(Self {
            stands,
            firewall,
            subject: Subject::new(firewall),
        })
    }

    /// See [`Subject::budget`].
    pub(super) fn budget(&self) -> Budget {
        self.subject.budget(STEPS)
    }

    /// See [`Subject::hand_over`].
    pub(super) fn hand_over(&self) -> Result<(), OverBudget> {
        self.subject.hand_over()
    }

    /// The prepared rules for a family.
    #[must_use]
    pub fn program(&self, family: Family) -> &Program<'a> {
        self.subject.program(family)
    }

    /// The hooks whose filters are asked here.
    #[must_use]
    pub fn hooks(&self) -> &'static [Hook] {
        match self.stands {
            Stands::Host(..) => &[Hook::Input, Hook::Output],
            Stands::Between(..) => &[Hook::Forward],
        }
    }

    /// The host's own addresses of a family, those of VIPs that it may own included; for a
    /// boundary the addresses of both zones.
    #[must_use]
    pub fn own(&self, graph: &RequirementGraph<'_>, family: Family) -> Ranges<u128> {
        match self.stands {
            Stands::Host(at, host) => {
                let vips = owned_vips(graph.site, at, host);
                let vips = vips.flat_map(|(_, vip)| vip.addresses.iter());
                let all = host.addresses.iter().chain(&host.ssh_address).chain(vips);
                let mine = all
                    .copied()
                    .filter(|&a| Family::of(a) == family)
                    .map(number);
                Ranges::of(mine.map(|n| (n, n)))
            }
            Stands::Between(a, b) => zone_addresses(a, family).union(&zone_addresses(b, family)),
        }
    }

    /// Sources and destinations of a flow that pass here, by direction.
    pub(super) fn passing(
        &self,
        site: &Site,
        from: &Group,
        to: &Group,
        family: Family,
    ) -> Vec<(Direction, Ranges<u128>, Ranges<u128>)> {
        let (source, destination) = (from.addresses(family), to.addresses(family));
        match self.stands {
            Stands::Host(at, host) => {
                let mut ways = Vec::new();
                let member = Member::Host(at);
                let own = addresses_of(member.prefixes(site, false).iter(), family);
                let own_to = addresses_of(member.prefixes(site, to.ssh).iter(), family);
                let own_all = own.union(&own_to);
                let mut here = if to.has(member) {
                    own_to
                } else {
                    Ranges::empty()
                };
                for (vip, data) in owned_vips(site, at, host) {
                    if to.has(Member::Vip(vip)) {
                        let prefixes: Vec<_> =
                            data.addresses.iter().copied().map(Prefix::from).collect();
                        here = here.union(&addresses_of(prefixes.iter(), family));
                    }
                }
                // Which address a host sends from follows from its routes: data addresses.
                if !here.is_empty() {
                    ways.push((Direction::In, source.subtract(&own_all), here));
                }
                if from.has(member) {
                    ways.push((Direction::Out, own, destination.subtract(&own_all)));
                }
                ways
            }
            Stands::Between(a, b) => {
                let (a, b) = (zone_addresses(a, family), zone_addresses(b, family));
                let way = |from: &Ranges<u128>, to: &Ranges<u128>| {
                    let (s, d) = (source.intersect(from), destination.intersect(to));
                    (Direction::Through, s, d)
                };
                vec![way(&a, &b), way(&b, &a)]
            }
        }
    }
}

/// The VIPs that a host may own.
fn owned_vips<'s>(
    site: &'s Site,
    at: usize,
    host: &'s Host,
) -> impl Iterator<Item = (usize, &'s crate::site::Vip)> {
    let known = site.hosts.get(at).is_some();
    let vips = site.vips.iter().enumerate();
    vips.filter(move |(_, vip)| known && may_hold(host, vip))
}

fn zone_addresses(zone: &Zone, family: Family) -> Ranges<u128> {
    addresses_of(zone.prefixes.iter(), family)
}

fn addresses_of<'p>(prefixes: impl Iterator<Item = &'p Prefix>, family: Family) -> Ranges<u128> {
    Ranges::of(
        prefixes
            .filter(|p| Family::of_prefix(p) == family)
            .map(bounds),
    )
}
