//! What is known of the host that exports were taken from, and how `ip` tells it.

use super::routing::{Fib, FibEntry, RouteKind};
use crate::diagnostic::{Diagnostic, input};
use crate::firewall::{Route, Routing};
use crate::net::{Family, Prefix, bounds, number};
use crate::packet::{IfName, Ranges};
use crate::source::{SourceId, Sources, Span};
use serde::Deserialize;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What is known of the host that the exports were taken from.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    /// Its own addresses. Incomplete unless `addresses_complete`.
    pub addresses: BTreeSet<IpAddr>,
    /// Networks that its local routing table makes its own beside the addresses (`ip route add
    /// local …`).
    pub local_networks: Vec<Prefix>,
    /// Directed broadcast addresses of its networks.
    pub broadcasts: BTreeSet<IpAddr>,
    /// Whether the lists above hold all there are (from `ip -j addr` and `ip -j route show table
    /// all`), or only what the site says.
    pub addresses_complete: bool,
    /// Addresses that are certainly not its own: those of the site's other hosts.
    pub elsewhere: BTreeSet<IpAddr>,
    /// Its interfaces in the order in which `ip` lists them, each with its addresses in their
    /// order; empty when they are not known.
    pub interfaces: Vec<Interface>,
    /// Routes of the main table, by family: `[IPv4, IPv6]`.
    pub routes: [Vec<Route>; 2],
    /// Routes of all tables that need no rule, with the interfaces that they use.
    pub fib: Fib,
}

/// One network interface.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Its name.
    pub name: IfName,
    /// Its addresses with the prefixes of their networks.
    pub addresses: Vec<Prefix>,
}

/// One interface of `ip -j addr`.
#[derive(Deserialize)]
struct Link {
    ifname: Option<String>,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    local: Option<IpAddr>,
    prefixlen: Option<u8>,
    broadcast: Option<IpAddr>,
}

/// One route of `ip -j route show table all`.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: Option<String>,
    dst: Option<String>,
    gateway: Option<IpAddr>,
    dev: Option<String>,
    table: Option<Number>,
    family: Option<String>,
    #[serde(default)]
    metric: u32,
    /// Of IPv6 routes.
    pref: Option<serde_json::Value>,
    #[serde(default)]
    nexthops: Vec<Hop>,
}

/// One of several ways of a route.
#[derive(Deserialize)]
struct Hop {
    dev: Option<String>,
}

/// A table by name or number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Name(String),
    Number(u32),
}

impl HostFacts {
    /// Reads what `ip -j addr` and `ip -j route show table all` print. Addresses count as
    /// complete with the first; routes add networks that are local without being addresses.
    ///
    /// # Errors
    ///
    /// A text that is not what the command prints.
    pub fn from_ip(
        sources: &Sources,
        addresses: Option<SourceId>,
        routes: Option<SourceId>,
    ) -> Result<Self, Diagnostic> {
        let mut facts = Self::default();
        if let Some(id) = addresses {
            let links: Vec<Link> = read(sources, id, "ip -j addr")?;
            for link in links {
                let mut own = Vec::new();
                for address in link.addr_info {
                    facts.addresses.extend(address.local);
                    facts.broadcasts.extend(address.broadcast);
                    let length = address.prefixlen.unwrap_or(128);
                    own.extend(
                        address
                            .local
                            .map(|ip| Prefix::new(ip, length).unwrap_or_else(|_| Prefix::from(ip))),
                    );
                }
                let name = link.ifname.as_deref().and_then(IfName::new);
                facts.interfaces.extend(name.map(|name| Interface {
                    name,
                    addresses: own,
                }));
            }
            facts.addresses_complete = true;
        }
        if let Some(id) = routes {
            let routes: Vec<Line> = read(sources, id, "ip -j route show table all")?;
            facts.fib.complete = true;
            for route in routes {
                facts.route(&route);
                let prefix = route.dst.as_deref().and_then(prefix);
                match (route.kind.as_deref(), prefix) {
                    (Some("local"), Some(prefix)) => facts.local_networks.push(prefix),
                    (Some("broadcast"), Some(prefix)) => {
                        facts.broadcasts.insert(prefix.addr());
                    }
                    _ => {}
                }
            }
        }
        Ok(facts)
    }

    /// Keeps a route. Tables other than local, main and default need rules that exports do not
    /// show.
    fn route(&mut self, line: &Line) {
        let table = match &line.table {
            None => 1,
            Some(Number::Name(name)) => match name.as_str() {
                "local" => 0,
                "main" => 1,
                "default" => 2,
                _ => 3,
            },
            Some(Number::Number(number)) => match number {
                255 => 0,
                254 => 1,
                253 => 2,
                _ => 3,
            },
        };
        if table > 2 {
            self.fib.others = true;
            return;
        }
        let kind = match line.kind.as_deref() {
            None | Some("unicast") => RouteKind::Unicast,
            Some("local") => RouteKind::Local,
            Some("broadcast") => RouteKind::Broadcast,
            Some("anycast") => RouteKind::Anycast,
            Some("multicast") => RouteKind::Multicast,
            Some("blackhole" | "unreachable" | "prohibit") => RouteKind::Refused,
            Some(_) => return,
        };
        let Some(text) = line.dst.as_deref() else {
            return;
        };
        let (family, destinations) = match (text, prefix(text)) {
            ("default", _) => {
                let v6 = line.family.as_deref() == Some("inet6")
                    || line.pref.is_some()
                    || line.gateway.is_some_and(|gateway| gateway.is_ipv6());
                let family = if v6 { Family::V6 } else { Family::V4 };
                (family, (0, family.max()))
            }
            (_, Some(prefix)) => (Family::of_prefix(&prefix), bounds(&prefix)),
            (_, None) => return,
        };
        let hops = line.nexthops.iter().map(|hop| hop.dev.as_deref());
        let devices: SmallVec<[IfName; 1]> = std::iter::once(line.dev.as_deref())
            .chain(hops)
            .flatten()
            .filter_map(IfName::new)
            .collect();
        let metric = line.metric;
        if table == 1 && matches!(kind, RouteKind::Unicast | RouteKind::Refused) {
            let by = devices.first().copied();
            let one = kind == RouteKind::Unicast && devices.len() == 1;
            if let Some(routes) = self.routes.get_mut(family as usize) {
                routes.push(Route {
                    destinations,
                    by: by.filter(|_| one),
                    metric,
                });
            }
        }
        if let Some(entries) = self.fib.entries.get_mut(family as usize) {
            entries.push(FibEntry {
                table,
                destinations,
                kind,
                devices,
                metric,
            });
        }
    }

    /// Where the host sends packets of a family.
    #[must_use]
    pub fn routing(&self, family: Family) -> Routing {
        let of = |addresses: &BTreeSet<IpAddr>| {
            let own = addresses.iter().filter(|&&ip| Family::of(ip) == family);
            Ranges::of(own.map(|&ip| (number(ip), number(ip))))
        };
        let networks = self.local_networks.iter();
        let networks = networks.filter(|p| Family::of_prefix(p) == family);
        let loopback = match family {
            Family::V4 => Ranges::span(0x7f00_0000, 0x7fff_ffff),
            Family::V6 => Ranges::single(1),
        };
        let local = of(&self.addresses)
            .union(&of(&self.broadcasts))
            .union(&Ranges::of(networks.map(bounds)))
            .union(&loopback);
        let all = Ranges::span(0, family.max());
        let elsewhere = if self.addresses_complete {
            all.subtract(&local)
        } else {
            of(&self.elsewhere).subtract(&local)
        };
        let routes = self.routes.get(family as usize);
        Routing {
            local,
            elsewhere,
            routes: routes.cloned().unwrap_or_default(),
        }
    }
}

/// `10.0.0.0/8`, or an address for itself.
fn prefix(text: &str) -> Option<Prefix> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(Prefix::from))
}

fn read<T: for<'de> Deserialize<'de>>(
    sources: &Sources,
    id: SourceId,
    command: &str,
) -> Result<Vec<T>, Diagnostic> {
    let text = sources.get(id).map_or("", |source| source.text());
    serde_json::from_str(text).map_err(|problem| {
        let line = u32::try_from(problem.line()).unwrap_or(u32::MAX).max(1);
        let span: Span = sources.line_span(id, line);
        Diagnostic::new(
            &input::SYNTAX,
            format!("this is not what `{command}` prints: {problem}"),
        )
        .at(span)
        .help(format!("give the output of `{command}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_local_routes_are_read() {
        let mut sources = Sources::default();
        let addresses = sources.add("a", r#"[{"ifname":"eth0","addr_info":[{"family":"inet","local":"10.0.0.1","prefixlen":24,"broadcast":"10.0.0.255"}]}]"#);
        let routes = sources.add("r", r#"[{"type":"local","dst":"198.51.100.0/24","dev":"lo","table":"local"},{"dst":"default","dev":"eth0"}]"#);
        let facts = HostFacts::from_ip(&sources, Some(addresses), Some(routes));
        let facts = facts.unwrap_or_default();
        assert!(facts.addresses_complete);
        assert_eq!(
            facts.addresses.len() + facts.broadcasts.len() + facts.local_networks.len(),
            3
        );
        let bad = sources.add("b", "[\n{,}]");
        let problem = HostFacts::from_ip(&sources, Some(bad), None).err();
        assert!(problem.is_some_and(|p| p.message.contains("ip -j addr")));
    }
}
