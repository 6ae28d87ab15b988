//! Six hosts, each in a network of its own, behind one router.

use crate::namespace::Namespace;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

/// The hosts, in the order of their networks: the first has 10.77.1.0/24 and fd77:0:0:1::/64.
pub const HOSTS: [&str; 6] = ["a", "b", "c", "d", "e", "n"];

/// Hosts and router.
pub struct Lab {
    /// In the order of [`HOSTS`].
    pub hosts: Vec<Namespace>,
    /// What they are behind.
    pub router: Namespace,
}

impl Lab {
    /// Cables, addresses, routes; no packet filter anywhere.
    pub fn new() -> Self {
        let lab = Self {
            hosts: HOSTS.map(Namespace::new).into(),
            router: Namespace::new("router"),
        };
        lab.router.set("net/ipv4/ip_forward", "1");
        lab.router.set("net/ipv6/conf/all/forwarding", "1");
        for (host, net) in lab.hosts.iter().zip(1..) {
            host.ip(&format!(
                "link add eth0 type veth peer name to-{} netns {}\n\
                 addr add 10.77.{net}.2/24 dev eth0\n\
                 addr add fd77:0:0:{net}::2/64 dev eth0 nodad\n\
                 link set eth0 up\n",
                host.name,
                lab.router.path()
            ));
            lab.router.ip(&format!(
                "addr add 10.77.{net}.1/24 dev to-{name}\n\
                 addr add fd77:0:0:{net}::1/64 dev to-{name} nodad\n\
                 link set to-{name} up\n",
                name = host.name
            ));
            // No default route: what is outside has no way.
            host.ip(&format!(
                "route add 10.77.0.0/16 via 10.77.{net}.1\n\
                 route add fd77::/48 via fd77:0:0:{net}::1\n"
            ));
        }
        lab.host("a").ip("addr add 10.77.1.20/24 dev eth0\n\
             addr add fd77:0:0:1::20/64 dev eth0 nodad\n\
             addr add 10.77.9.9/32 dev lo\n\
             addr add fd77:0:0:9::9/128 dev lo nodad\n");
        lab.router.ip("route add 10.77.9.9 via 10.77.1.2\n\
             route add fd77:0:0:9::9 via fd77:0:0:1::2\n");
        lab.settle();
        lab
    }

    /// A host by its name.
    pub fn host(&self, name: &str) -> &Namespace {
        self.hosts
            .iter()
            .find(|host| host.name == name)
            .unwrap_or_else(|| panic!("no host {name}"))
    }

    /// Waits until every host reaches every other: IPv6 takes its time over new links.
    fn settle(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        for (host, net) in self.hosts.iter().zip(1..) {
            for gateway in [format!("10.77.{net}.1"), format!("fd77:0:0:{net}::1")] {
                let gateway: IpAddr = gateway.parse().expect("an address");
                while host.enter(|| crate::dial::tcp(gateway, 1, 200)) != "ECONNREFUSED" {
                    assert!(Instant::now() < until, "{} has no network", host.name);
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }
}
