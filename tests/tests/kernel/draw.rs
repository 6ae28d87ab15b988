//! Random values that rules and packets have in common, so that they meet.

use portwright::net::{Family, bounds, number};
use portwright_cli::kernel::{Host, RouteKind};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;

/// Protocols that rules and packets use by number, besides those with matches of their own.
pub const OTHERS: [u8; 7] = [4, 41, 47, 50, 94, 132, 136];
/// Ports that rules and packets prefer.
pub const PORTS: [u16; 12] = [
    1, 22, 53, 80, 443, 1024, 2379, 6443, 8080, 10250, 32767, 65535,
];
/// Combinations of TCP flags that packets have.
pub const FLAGS: [u8; 9] = [0x02, 0x10, 0x12, 0x18, 0x11, 0x04, 0x14, 0x00, 0x29];
/// Interfaces that packets come in by, and rules name.
pub const INTERFACES: [&str; 5] = ["eth0", "eth1", "wg0", "docker0", "lo"];
/// Senders' hardware addresses.
pub const MACS: [[u8; 6]; 3] = [
    [2, 0, 0, 1, 0, 0],
    [2, 0, 0, 1, 0, 1],
    [2, 0x11, 0x22, 0x33, 0x44, 0x55],
];
/// Times to live.
pub const TTLS: [u8; 6] = [64, 2, 9, 10, 128, 255];
/// Types of service.
pub const TOS: [u8; 5] = [0, 0x10, 0x28, 0xb8, 0x03];
/// Users who send.
pub const UIDS: [u32; 3] = [0, 1000, 33];
/// Marks.
pub const MARKS: [u32; 6] = [0, 1, 4, 0x10, 0x13, 0xff];
/// Lengths of packets.
pub const LENGTHS: [u16; 5] = [0, 60, 100, 101, 1400];

/// A source of random values for one family and one host.
pub struct Draw<'a> {
    pub random: XorShiftRng,
    pub family: Family,
    pub host: &'a Host,
}

impl<'a> Draw<'a> {
    pub fn new(seed: u64, family: Family, host: &'a Host) -> Self {
        Self {
            random: XorShiftRng::seed_from_u64(seed),
            family,
            host,
        }
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    pub fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list.choose(&mut self.random)
            .expect("lists to pick from are not empty")
            .clone()
    }

    /// A number from a range of two ends, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        self.random.random_range(low..=high)
    }

    /// An address near a route, one of the host's own, or one of many.
    pub fn address(&mut self) -> u128 {
        let family = self.family;
        let of_family = |prefix: &portwright::net::Prefix| Family::of_prefix(prefix) == family;
        let many = self.random.random_bool(0.1);
        let routes = self.host.routes.iter().filter(|route| {
            of_family(&route.destination)
                && !route.destination.addr().is_loopback()
                && (many || route.kind != RouteKind::Broadcast)
        });
        let routes: Vec<_> = routes.collect();
        let route = routes[self.random.random_range(0..routes.len())];
        let (low, high) = bounds(&route.destination);
        if route.destination.prefix_len() == 0 {
            return self.remote();
        }
        low + self.random.random_range(0..=(high - low).min(511))
    }

    /// An address that only the default route leads to.
    fn remote(&mut self) -> u128 {
        let base = match self.family {
            Family::V4 => self.pick(&["10.0.0.0", "10.1.2.0", "8.8.8.0", "198.18.0.0"]),
            Family::V6 => self.pick(&["2001:db8:3::", "2001:db8:4::", "2a00:1::"]),
        };
        let base = number(base.parse().expect("addresses are written right"));
        base + self.random.random_range(1..250u128)
    }

    pub fn show(&self, address: u128) -> String {
        self.family.address(address).to_string()
    }

    /// A prefix as text, its first and its last address.
    pub fn prefix(&mut self) -> (String, u128, u128) {
        let bits = self.family.max().count_ones();
        let free = self.pick(&[0, 0, 1, 3, 4, 8, 8, 12, 16]);
        let low = self.address() >> free << free;
        let high = low | ((1u128 << free) - 1);
        (format!("{}/{}", self.show(low), bits - free), low, high)
    }

    /// Two addresses in order, not too far apart.
    pub fn span(&mut self) -> (u128, u128) {
        let (a, b) = (self.address(), self.address());
        if self.chance(0.5) {
            let near = a.saturating_add(b & 0xff).min(self.family.max());
            return (a, near);
        }
        (a.min(b), a.max(b))
    }

    pub fn port(&mut self) -> u16 {
        if self.chance(0.7) {
            self.pick(&PORTS)
        } else {
            self.random.random_range(1..=u16::MAX)
        }
    }

    /// Two ports in order.
    pub fn ports(&mut self) -> (u16, u16) {
        let (a, b) = (self.port(), self.port());
        (a.min(b), a.max(b))
    }

    /// Name and number of this family's ICMP.
    pub fn icmp(&self) -> (&'static str, u8) {
        match self.family {
            Family::V4 => ("icmp", 1),
            Family::V6 => ("ipv6-icmp", 58),
        }
    }
}
