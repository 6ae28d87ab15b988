//! Lists of rules without state, as an administrator's FORWARD chain has them: what every tool in
//! a comparison can read.

use super::Random;
use std::fmt::{self, Write as _};

/// What a list of rules is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Hosts and networks to services, few wildcards: each rule overlaps few others.
    Sparse,
    /// Source, destination and both ports, each open in many of the rules.
    Wildcards,
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Source network.
    pub source: Network,
    /// Destination network.
    pub destination: Network,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// Source ports.
    pub source_ports: Option<(u16, u16)>,
    /// Destination ports.
    pub ports: Option<(u16, u16)>,
    /// Whether it permits.
    pub accept: bool,
}

/// An IPv4 network; of length 0, any address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    /// First address.
    pub address: u32,
    /// Length of the prefix.
    pub length: u32,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", super::dotted(self.address), self.length)
    }
}

const ANY: Network = Network {
    address: 0,
    length: 0,
};

/// Ports that services have.
const SERVICES: [u16; 24] = [
    22, 25, 53, 80, 110, 123, 143, 161, 389, 443, 465, 514, 587, 636, 993, 1433, 1521, 3306, 3389,
    5432, 5672, 6379, 8080, 9200,
];

impl Mix {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sparse => "sparse",
            Self::Wildcards => "wildcards",
        }
    }

    /// So many rules of this kind, the same each time.
    pub fn rules(self, count: usize) -> Vec<Rule> {
        let mut random = Random::new(11);
        let one = match self {
            Self::Sparse => sparse,
            Self::Wildcards => wildcard,
        };
        let mut rules: Vec<Rule> = Vec::with_capacity(count);
        while rules.len() < count {
            let earlier = random.below(rules.len().max(1) as u32) as usize;
            let rule = match rules.get(earlier) {
                Some(earlier) if random.below(25) == 0 => narrowed(*earlier, &mut random),
                _ => one(&mut random),
            };
            rules.push(rule);
        }
        rules
    }
}

/// What people add without seeing that an earlier rule decides it.
fn narrowed(earlier: Rule, random: &mut Random) -> Rule {
    let mut host = |network: Network| match network.length {
        0 | 32 => network,
        length => Network {
            address: network.address | random.below(1 << (32 - length)),
            length: 32,
        },
    };
    Rule {
        source: host(earlier.source),
        destination: host(earlier.destination),
        ports: earlier.ports.map(|(_, high)| (high, high)),
        accept: earlier.accept ^ (random.below(3) == 0),
        ..earlier
    }
}

/// Hosts (6 in 10), networks of 256 addresses, larger ones and any, the last on one side only.
fn sparse(random: &mut Random) -> Rule {
    let mut network = |base: u32, open: bool| {
        let inside = random.below(1 << 16);
        let length = match random.below(20) {
            0 if open => return ANY,
            0..=2 => 20,
            3..=7 => 24,
            _ => 32,
        };
        let mask = u32::MAX << (32 - length);
        Network {
            address: (base | inside) & mask,
            length,
        }
    };
    // 10.20.0.0/16 to 172.16.0.0/16.
    let source = network(0x0a14_0000, true);
    let destination = network(0xac10_0000, source.length > 0);
    let ports = match random.below(10) {
        0 => None,
        1 => {
            let low = 1024 + random.below(60_000) as u16;
            Some((low, low + 1 + random.below(64) as u16))
        }
        2 | 3 => Some(1 + random.below(40_000) as u16).map(|port| (port, port)),
        _ => {
            let port = SERVICES[random.below(SERVICES.len() as u32) as usize];
            Some((port, port))
        }
    };
    Rule {
        source,
        destination,
        protocol: if random.below(4) == 0 { "udp" } else { "tcp" },
        source_ports: None,
        ports,
        accept: random.below(5) > 0,
    }
}

/// Each of four fields is open in 4 of 10 rules, at most two of them at once.
fn wildcard(random: &mut Random) -> Rule {
    loop {
        let mut network = |base: u32| {
            let address = base + 16 * random.below(1 << 12);
            match random.below(10) {
                0..4 => ANY,
                _ => Network {
                    address,
                    length: 28,
                },
            }
        };
        let (source, destination) = (network(0x0a00_0000), network(0xac10_0000));
        let mut ports = || {
            let low = 1000 + 100 * random.below(400) as u16;
            (random.below(10) >= 4).then_some((low, low + 50))
        };
        let (source_ports, ports) = (ports(), ports());
        let open = [
            source == ANY,
            destination == ANY,
            source_ports.is_none(),
            ports.is_none(),
        ];
        if open.into_iter().filter(|&open| open).count() <= 2 {
            let accept = random.below(2) == 0;
            return Rule {
                source,
                destination,
                protocol: "tcp",
                source_ports,
                ports,
                accept,
            };
        }
    }
}

/// Changes one rule in a hundred: another verdict, another port, or gone.
pub fn changed(rules: &[Rule]) -> Vec<Rule> {
    let mut random = Random::new(13);
    let mut all = Vec::with_capacity(rules.len());
    for rule in rules {
        let mut rule = *rule;
        if random.below(100) == 0 {
            match random.below(3) {
                0 => continue,
                1 => rule.accept = !rule.accept,
                _ => rule.ports = Some((7, 7)),
            }
        }
        all.push(rule);
    }
    all
}

/// The rules as an `iptables-save` export. The first rule is in line [`FIRST_LINE`].
pub fn iptables(rules: &[Rule]) -> String {
    let mut text = String::from(
        "# Generated by iptables-save v1.8.9\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n",
    );
    for rule in rules {
        text.push_str("-A FORWARD");
        for (flag, network) in [("-s", rule.source), ("-d", rule.destination)] {
            if network != ANY {
                let _ = write!(text, " {flag} {network}");
            }
        }
        let _ = write!(text, " -p {0} -m {0}", rule.protocol);
        for (flag, ports) in [("--sport", rule.source_ports), ("--dport", rule.ports)] {
            match ports {
                Some((low, high)) if low == high => {
                    let _ = write!(text, " {flag} {low}");
                }
                Some((low, high)) => {
                    let _ = write!(text, " {flag} {low}:{high}");
                }
                None => {}
            }
        }
        text.push_str(if rule.accept {
            " -j ACCEPT\n"
        } else {
            " -j DROP\n"
        });
    }
    text.push_str("COMMIT\n");
    text
}

/// See [`iptables`].
pub const FIRST_LINE: usize = 6;
