//! The host that a namespace pretends to be: interfaces, addresses, routes.

use portwright::net::{Family, Prefix, bounds, number};
use serde_json::Value;
use std::net::IpAddr;

/// Interfaces, addresses and routes of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Names of its interfaces besides `lo`, in order.
    pub links: Vec<String>,
    /// Its addresses: the address with its network's length, the broadcast address, the interface.
    pub addresses: Vec<(Prefix, Option<IpAddr>, String)>,
    /// Its routes, those that the kernel makes out of addresses too.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Which addresses take it.
    pub destination: Prefix,
    /// What becomes of them.
    pub kind: RouteKind,
    /// The interface that leads there; for local addresses the one that has them.
    pub device: String,
    /// The next host on the way.
    pub via: Option<IpAddr>,
    /// Whether the kernel makes it by itself when the addresses are set.
    pub implied: bool,
}

/// Kind of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteKind {
    /// To another host.
    Unicast,
    /// To the host itself.
    Local,
    /// To all hosts of a network.
    Broadcast,
    /// To nobody.
    Unreachable,
}

/// Where routing sends a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To the host itself.
    Local,
    /// To many, the host among them.
    Broadcast,
    /// Out by this interface.
    Out(String),
    /// Nowhere.
    Nowhere,
}

impl Host {
    /// Reads what `ip -j addr` and `ip -j route show table all` print.
    ///
    /// # Errors
    ///
    /// What is wrong with a text.
    pub fn from_ip(addresses: &str, routes: &str) -> Result<Self, String> {
        let mut host = Self::default();
        for link in list(addresses, "ip -j addr")? {
            let name = text(&link, "ifname").to_owned();
            for info in link["addr_info"].as_array().into_iter().flatten() {
                let Ok(address) = text(info, "local").parse::<IpAddr>() else {
                    continue;
                };
                let whole = u64::from(Family::of(address).max().count_ones());
                let length = info["prefixlen"].as_u64().unwrap_or(whole).min(whole) as u8;
                let prefix = Prefix::new(address, length).map_err(|e| e.to_string())?;
                host.add_address(prefix, text(info, "broadcast").parse().ok(), &name);
            }
            host.add_link(&name);
        }
        for route in list(routes, "ip -j route show table all")? {
            host.read_route(&route);
        }
        Ok(host)
    }

    fn read_route(&mut self, route: &Value) {
        let family = match text(route, "family") {
            "inet6" => Family::V6,
            _ => Family::V4,
        };
        let destination = text(route, "dst");
        let prefix = match destination {
            // Without a family, a default route of IPv6 is known by its gateway only.
            "default" if text(route, "gateway").contains(':') => Family::V6.everything(),
            "default" => family.everything(),
            _ => match destination.parse::<Prefix>() {
                Ok(prefix) => prefix,
                Err(_) => match destination.parse::<IpAddr>() {
                    Ok(address) => Prefix::from(address),
                    Err(_) => return,
                },
            },
        };
        let kind = match text(route, "type") {
            "" | "unicast" => RouteKind::Unicast,
            "local" => RouteKind::Local,
            "broadcast" => RouteKind::Broadcast,
            "blackhole" | "unreachable" | "prohibit" => RouteKind::Unreachable,
            // Anycast and multicast routes are the kernel's own.
            _ => return,
        };
        let device = text(route, "dev").to_owned();
        let known = |one: &Route| one.destination == prefix && one.kind == kind;
        if self.routes.iter().any(|one| known(one) && one.implied) {
            return;
        }
        // Host routes to oneself that no address explains are AnyIP; link-local ones are not.
        let implied = text(route, "protocol") == "kernel" && kind != RouteKind::Local;
        self.add_link(&device);
        self.routes.push(Route {
            destination: prefix,
            kind,
            device,
            via: text(route, "gateway").parse().ok(),
            implied,
        });
    }

    /// Adds an interface unless it is there.
    pub fn add_link(&mut self, name: &str) {
        if !name.is_empty() && name != "lo" && !self.links.iter().any(|one| one == name) {
            self.links.push(name.to_owned());
        }
    }

    /// Adds an address, and the routes that the kernel makes for it.
    pub fn add_address(&mut self, prefix: Prefix, broadcast: Option<IpAddr>, link: &str) {
        self.add_link(link);
        let mut implied = |destination: Prefix, kind: RouteKind| {
            self.routes.push(Route {
                destination,
                kind,
                device: link.to_owned(),
                via: None,
                implied: true,
            });
        };
        implied(Prefix::from(prefix.addr()), RouteKind::Local);
        let single = prefix.prefix_len() == prefix.max_prefix_len();
        if !single {
            implied(prefix.trunc(), RouteKind::Unicast);
        }
        // The kernel takes the last address of a network for all its hosts, whether told or not.
        let last = prefix.addr().is_ipv4() && prefix.prefix_len() < 31;
        let last = last.then(|| prefix.broadcast());
        for address in broadcast.into_iter().chain(last) {
            implied(Prefix::from(address), RouteKind::Broadcast);
        }
        // A router answers for the first address of its networks (RFC 4291, 2.6.1).
        if Family::of(prefix.addr()) == Family::V6 && prefix.prefix_len() < 127 {
            implied(Prefix::from(prefix.network()), RouteKind::Local);
        }
        self.addresses.push((prefix, broadcast, link.to_owned()));
    }

    /// Adds a route.
    pub fn add_route(&mut self, destination: Prefix, kind: RouteKind, device: &str) {
        self.add_link(device);
        self.routes.push(Route {
            destination,
            kind,
            device: device.to_owned(),
            via: None,
            implied: false,
        });
    }

    /// Where a packet to this address goes.
    #[must_use]
    pub fn way(&self, family: Family, address: u128) -> Way {
        let many = match family.address(address) {
            IpAddr::V4(one) => one.is_broadcast() || one.is_multicast(),
            IpAddr::V6(one) => one.is_multicast(),
        };
        if many {
            return Way::Broadcast;
        }
        let loopback = match family.address(address) {
            IpAddr::V4(one) => one.is_loopback(),
            IpAddr::V6(one) => one.is_loopback(),
        };
        if loopback {
            return Way::Local;
        }
        let covers = |route: &&Route| {
            let (low, high) = bounds(&route.destination);
            Family::of_prefix(&route.destination) == family && (low..=high).contains(&address)
        };
        // The table of the host's own addresses is asked first.
        let best = self.routes.iter().filter(covers).max_by_key(|route| {
            let own = matches!(route.kind, RouteKind::Local | RouteKind::Broadcast);
            (own, route.destination.prefix_len())
        });
        match best {
            Some(route) => match route.kind {
                RouteKind::Local => Way::Local,
                RouteKind::Broadcast => Way::Broadcast,
                RouteKind::Unicast => Way::Out(route.device.clone()),
                RouteKind::Unreachable => Way::Nowhere,
            },
            None => Way::Nowhere,
        }
    }

    /// Whether an address is the host's own.
    #[must_use]
    pub fn owns(&self, address: IpAddr) -> bool {
        self.way(Family::of(address), number(address)) == Way::Local
    }
}

fn list(json: &str, command: &str) -> Result<Vec<Value>, String> {
    if json.trim().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(json).map_err(|e| format!("this is not what `{command}` prints: {e}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
