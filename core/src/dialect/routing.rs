//! What a host's routing says of addresses: their types, and by which interface the way back to
//! them leads. iptables asks for it with `addrtype` and `rpfilter`, nftables with `fib`.

use super::facts::HostFacts;
use crate::net::{Family, Prefix, bounds, number};
use crate::packet::{IfName, Ranges};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// More routes than this are not looked at.
const MOST_ROUTES: usize = 4096;

/// What a route does with packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteKind {
    /// Sends them on.
    Unicast,
    /// Takes them in.
    Local,
    /// Takes them in, sent to all.
    Broadcast,
    /// Takes them in, in place of others.
    Anycast,
    /// Sends them to a group.
    Multicast,
    /// Refuses them (blackhole, unreachable, prohibit).
    Refused,
}

/// One route of the tables that the kernel asks without being told to: local, main, default.
#[derive(Debug, Clone)]
pub struct FibEntry {
    /// Position of its table: 0 local, 1 main, 2 default.
    pub table: u8,
    /// First and last destination.
    pub destinations: (u128, u128),
    /// What it does.
    pub kind: RouteKind,
    /// The interfaces that it uses.
    pub devices: SmallVec<[IfName; 1]>,
    /// Among routes to the same destinations the smallest is used.
    pub metric: u32,
}

/// The host's routes, by family.
#[derive(Debug, Clone, Default)]
pub struct Fib {
    /// IPv4, IPv6.
    pub entries: [Vec<FibEntry>; 2],
    /// Whether all routes are here.
    pub complete: bool,
    /// Whether there are tables that only rules lead to (`ip rule`), so that more may be decided
    /// elsewhere.
    pub others: bool,
}

/// Addresses by their types. What is in none of the sets is of a type that nobody knows.
#[derive(Debug, Clone)]
pub(in crate::dialect) struct AddressTypes {
    pub local: Ranges<u128>,
    pub broadcast: Ranges<u128>,
    pub multicast: Ranges<u128>,
    pub anycast: Ranges<u128>,
    /// Certainly none of these.
    pub unicast: Ranges<u128>,
    /// Nobody knows whether local, broadcast or unicast.
    pub open: Ranges<u128>,
}

/// The way back to sources.
#[derive(Debug, Clone)]
pub(in crate::dialect) struct Reverse {
    /// Sources of other hosts, by the interface that leads to them.
    pub by: BTreeMap<IfName, Ranges<u128>>,
    /// The host's own addresses, by the interface that their route names.
    pub local: BTreeMap<IfName, Ranges<u128>>,
    /// Sources to which no route leads, or one that is of no use for the way back.
    pub none: Ranges<u128>,
    /// Sources of which nobody knows.
    pub open: Ranges<u128>,
}

impl HostFacts {
    /// The types of addresses; with a device, as far as routes of this device say so
    /// (`inet_dev_addr_type`): what others say counts as unicast.
    pub(in crate::dialect) fn types(&self, family: Family, device: Option<IfName>) -> AddressTypes {
        let all = Ranges::span(0, family.max());
        let (mut local, mut broadcast, multicast) = match family {
            Family::V4 => (
                span("127.0.0.0/8"),
                span("127.255.255.255/32"),
                span("224.0.0.0/4"),
            ),
            Family::V6 => (span("::1/128"), Ranges::empty(), span("ff00::/8")),
        };
        let mut anycast = Ranges::empty();
        let loopback = device.is_none_or(|device| device == IfName::LOOPBACK);
        if !loopback {
            (local, broadcast) = (Ranges::empty(), Ranges::empty());
        }
        for (range, kind, by) in self.own(family) {
            if device.is_some_and(|device| by != Some(device)) {
                continue;
            }
            let set = match kind {
                RouteKind::Local => &mut local,
                RouteKind::Broadcast => &mut broadcast,
                RouteKind::Anycast => &mut anycast,
                _ => continue,
            };
            *set = set.union(&Ranges::span(range.0, range.1));
        }
        if family == Family::V4 {
            broadcast = broadcast
                .union(&Ranges::single(0))
                .union(&Ranges::single(u32::MAX.into()));
        }
        // A single address is more specific than any network that is local.
        broadcast = broadcast
            .subtract(&multicast)
            .subtract(&self.addresses_of(family));
        anycast = anycast.subtract(&multicast).subtract(&broadcast);
        local = local
            .subtract(&multicast)
            .subtract(&broadcast)
            .subtract(&anycast);
        let rest = all
            .subtract(&local)
            .subtract(&broadcast)
            .subtract(&multicast)
            .subtract(&anycast);
        let known_devices = device.is_none() || !self.interfaces.is_empty();
        let unicast = if self.addresses_complete && known_devices {
            rest.clone()
        } else {
            set_of(self.elsewhere.iter().copied(), family).intersect(&rest)
        };
        let open = rest.subtract(&unicast);
        AddressTypes {
            local,
            broadcast,
            multicast,
            anycast,
            unicast,
            open,
        }
    }

    /// Destinations of the host's own, and the interface that each is of where it is known.
    fn own(&self, family: Family) -> Vec<((u128, u128), RouteKind, Option<IfName>)> {
        let mut all = Vec::new();
        for interface in &self.interfaces {
            for prefix in &interface.addresses {
                let address = prefix.addr();
                if Family::of(address) == family {
                    let value = number(address);
                    all.push(((value, value), RouteKind::Local, Some(interface.name)));
                    let last = bounds(prefix).1;
                    let net: IpAddr = family.address(last);
                    if family == Family::V4 && self.broadcasts.contains(&net) {
                        all.push(((last, last), RouteKind::Broadcast, Some(interface.name)));
                    }
                }
            }
        }
        let single = |address: &IpAddr| (number(*address), number(*address));
        let of = |address: &&IpAddr| Family::of(**address) == family;
        let addresses = self.addresses.iter().filter(of);
        all.extend(addresses.map(|a| (single(a), RouteKind::Local, None)));
        let broadcasts = self.broadcasts.iter().filter(of);
        all.extend(broadcasts.map(|a| (single(a), RouteKind::Broadcast, None)));
        let networks = self.local_networks.iter();
        let networks = networks.filter(|p| Family::of_prefix(p) == family);
        all.extend(networks.map(|p| (bounds(p), RouteKind::Local, None)));
        for entry in self.entries(family).iter().filter(|e| e.table == 0) {
            all.push((
                entry.destinations,
                entry.kind,
                entry.devices.first().copied(),
            ));
        }
        all
    }

    fn addresses_of(&self, family: Family) -> Ranges<u128> {
        set_of(self.addresses.iter().copied(), family)
    }

    fn entries(&self, family: Family) -> &[FibEntry] {
        self.fib
            .entries
            .get(family as usize)
            .map_or(&[], Vec::as_slice)
    }

    /// By which interface the way back to each source leads.
    pub(in crate::dialect) fn reverse(&self, family: Family) -> Reverse {
        let mut reverse = Reverse {
            by: BTreeMap::new(),
            local: BTreeMap::new(),
            none: Ranges::empty(),
            open: Ranges::empty(),
        };
        let mut rest = Ranges::span(0, family.max());
        let types = self.types(family, None);
        for (range, kind, by) in self.own(family) {
            if kind == RouteKind::Local {
                let set = Ranges::span(range.0, range.1).intersect(&types.local);
                reverse.add_local(by, &set);
            }
        }
        if !types.local.is_empty() {
            let known = reverse.local.values();
            let known = known.fold(Ranges::empty(), |all, set| all.union(set));
            reverse.add_local(Some(IfName::LOOPBACK), &types.local.subtract(&known));
        }
        rest = rest.subtract(&types.local);
        let not_usual = types
            .broadcast
            .union(&types.multicast)
            .union(&types.anycast);
        reverse.none = not_usual.clone();
        rest = rest.subtract(&not_usual);
        let entries = self.entries(family);
        if !self.fib.complete || self.fib.others || entries.len() > MOST_ROUTES {
            reverse.open = rest;
            return reverse;
        }
        let mut sorted: Vec<&FibEntry> = entries.iter().filter(|e| e.table > 0).collect();
        sorted.sort_by_key(|e| (e.table, e.destinations.1 - e.destinations.0, e.metric));
        let mut before: Option<(u8, (u128, u128), Ranges<u128>)> = None;
        for entry in sorted {
            let same = before
                .as_ref()
                .filter(|(table, range, _)| (*table, *range) == (entry.table, entry.destinations));
            let part = match same {
                // IPv6 takes whichever route to these destinations uses the interface.
                Some((_, _, part)) if family == Family::V6 => part.clone(),
                Some(_) => continue,
                None => {
                    let (lo, hi) = entry.destinations;
                    rest.intersect(&Ranges::span(lo, hi))
                }
            };
            rest = rest.subtract(&part);
            before = Some((entry.table, entry.destinations, part.clone()));
            if entry.kind == RouteKind::Unicast && !entry.devices.is_empty() {
                for &device in &entry.devices {
                    let set = reverse.by.entry(device).or_insert_with(Ranges::empty);
                    *set = set.union(&part);
                }
            } else {
                reverse.none = reverse.none.union(&part);
            }
        }
        reverse.none = reverse.none.union(&rest);
        reverse
    }

    /// The addresses of an interface in order; none when interfaces are not known.
    pub(in crate::dialect) fn addresses_by(
        &self,
        interface: IfName,
        family: Family,
    ) -> Option<Vec<u128>> {
        let found = self.interfaces.iter().find(|i| i.name == interface)?;
        let addresses = found.addresses.iter().map(Prefix::addr);
        let own = addresses.filter(|&a| Family::of(a) == family);
        Some(own.map(number).collect())
    }
}

impl Reverse {
    fn add_local(&mut self, by: Option<IfName>, set: &Ranges<u128>) {
        let Some(by) = by else {
            return;
        };
        let known = self.local.entry(by).or_insert_with(Ranges::empty);
        *known = known.union(set);
    }

    /// All sources of the host's own.
    pub(in crate::dialect) fn own(&self) -> Ranges<u128> {
        let sets = self.local.values();
        sets.fold(Ranges::empty(), |all, set| all.union(set))
    }
}

fn set_of(addresses: impl Iterator<Item = IpAddr>, family: Family) -> Ranges<u128> {
    Ranges::of(
        addresses
            .filter(|&a| Family::of(a) == family)
            .map(|a| (number(a), number(a))),
    )
}

fn span(prefix: &str) -> Ranges<u128> {
    let prefix = prefix.parse::<Prefix>();
    prefix.map_or(Ranges::empty(), |prefix| {
        let (lo, hi) = bounds(&prefix);
        Ranges::span(lo, hi)
    })
}
