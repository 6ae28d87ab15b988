//! Random rulesets, and random packets that go where their rules are.

use crate::rig::{ROUTES_V4, ROUTES_V6};
use crate::ruleset::Ruleset;
use portwright::net::Family;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use std::fmt::Write as _;

/// A value that a rule asks of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// IP protocol.
    Protocol(u8),
    /// Source address.
    Source(u128),
    /// Destination address.
    Destination(u128),
    /// Source port.
    SourcePort(u16),
    /// Destination port.
    DestinationPort(u16),
    /// TCP flags.
    Flags(u8),
    /// ICMP type and code.
    Icmp(u8, u8),
    /// Interface that it comes in by.
    In(&'static str),
    /// Conntrack state, as a position among [`portwright::packet::CtState::ALL`].
    State(usize),
}

/// What a match or an element of a set asks for.
type Hints = Vec<Hint>;

/// A ruleset and what its rules ask for.
#[derive(Debug)]
pub struct Generated {
    /// To load.
    pub ruleset: Ruleset,
    /// For each rule, what packets that match it look like.
    pub hints: Vec<Hints>,
}

/// Chains of one table, as far as rules of it can jump.
struct Place {
    table: &'static str,
    chain: String,
    /// User chains behind this one: no circles.
    below: Vec<String>,
}

struct Generator {
    random: XorShiftRng,
    family: Family,
    sets: Vec<(&'static str, String, Vec<Hints>)>,
    set_text: String,
    hints: Vec<Hints>,
}

/// Protocols that rules and packets use by number, besides those with matches of their own.
pub const OTHERS: [u8; 7] = [4, 41, 47, 50, 94, 132, 136];
/// Ports that rules and packets prefer.
pub const PORTS: [u16; 12] = [
    1, 22, 53, 80, 443, 1024, 2379, 6443, 8080, 10250, 32767, 65535,
];
/// Combinations of TCP flags that packets have.
pub const FLAGS: [u8; 9] = [0x02, 0x10, 0x12, 0x18, 0x11, 0x04, 0x14, 0x00, 0x29];

const INTERFACES: [&str; 5] = ["eth0", "eth1", "wg0", "docker0", "lo"];

/// The ruleset of a seed.
pub fn generate(seed: u64, family: Family) -> Generated {
    let mut generator = Generator {
        random: XorShiftRng::seed_from_u64(seed),
        family,
        sets: Vec::new(),
        set_text: String::new(),
        hints: Vec::new(),
    };
    generator.make_sets();
    let mut rules = generator.table("filter", &["INPUT", "FORWARD", "OUTPUT"]);
    if generator.chance(0.35) {
        rules += &generator.table(
            "mangle",
            &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
        );
    }
    if generator.chance(0.2) {
        rules += &generator.table("raw", &["PREROUTING", "OUTPUT"]);
    }
    Generated {
        ruleset: Ruleset {
            family,
            rules,
            sets: generator.set_text,
        },
        hints: generator.hints,
    }
}

/// An address near a route, or anywhere.
pub fn address(random: &mut XorShiftRng, family: Family) -> u128 {
    let routes = if family == Family::V4 {
        ROUTES_V4
    } else {
        ROUTES_V6
    };
    let &(base, length, _) = routes.choose(random).unwrap();
    let bits = family.max().count_ones();
    let free = if length == 0 && family == Family::V6 {
        0
    } else {
        bits - length
    };
    if length == 0 {
        let base: u128 = match family {
            Family::V4 => *[
                0x0a00_0000,
                0x0a01_0200,
                0x0808_0800,
                0xc612_0000,
                0xcb00_7100,
            ]
            .choose(random)
            .unwrap(),
            Family::V6 => {
                0x2001_0db8_0000_0000_0000_0000_0000_0000
                    | u128::from(random.random_range(3..6u32)) << 64
            }
        };
        return base + random.random_range(1..250u128);
    }
    let span = if free == 0 {
        0
    } else {
        (1u128 << free.min(9)) - 1
    };
    base + random.random_range(0..=span)
}

impl Generator {
    fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        *list.choose(&mut self.random).unwrap()
    }

    fn address(&mut self) -> u128 {
        address(&mut self.random, self.family)
    }

    fn show(&self, address: u128) -> String {
        self.family.address(address).to_string()
    }

    /// A prefix as text, its first and its last address.
    fn prefix(&mut self) -> (String, u128, u128) {
        let bits = self.family.max().count_ones();
        let free = self.pick(&[0, 0, 1, 3, 4, 8, 8, 12, 16]);
        let low = self.address() >> free << free;
        let high = low | ((1u128 << free) - 1);
        (format!("{}/{}", self.show(low), bits - free), low, high)
    }

    fn port(&mut self) -> u16 {
        if self.chance(0.7) {
            self.pick(&PORTS)
        } else {
            self.random.random_range(1..=u16::MAX)
        }
    }

    /// A range of ports in order.
    fn ports(&mut self) -> (u16, u16) {
        let (a, b) = (self.port(), self.port());
        (a.min(b), a.max(b))
    }

    fn not(&mut self) -> &'static str {
        if self.chance(0.2) { "! " } else { "" }
    }

    fn icmp(&self) -> (&'static str, u8) {
        match self.family {
            Family::V4 => ("icmp", 1),
            Family::V6 => ("ipv6-icmp", 58),
        }
    }

    fn make_sets(&mut self) {
        let family = if self.family == Family::V4 {
            "inet"
        } else {
            "inet6"
        };
        for kind in [
            "hash:ip",
            "hash:net",
            "hash:ip,port",
            "hash:net,port",
            "hash:ip,port,net",
            "hash:ip,port,ip",
            "hash:net,iface",
            "bitmap:port",
        ] {
            if !self.chance(0.3) {
                continue;
            }
            let name = format!("s{}", self.sets.len());
            let options = if kind == "bitmap:port" {
                "range 0-65535".to_owned()
            } else {
                format!("family {family}")
            };
            let _ = writeln!(self.set_text, "create {name} {kind} {options}");
            let mut elements: Vec<Hints> = Vec::new();
            for _ in 0..self.random.random_range(1..8) {
                let (text, hints) = self.element(kind);
                let exclusion = kind.starts_with("hash:net") && self.chance(0.2);
                // Two equal elements are refused; the second is left out.
                if elements.contains(&hints) {
                    continue;
                }
                elements.push(hints);
                let _ = writeln!(
                    self.set_text,
                    "add -exist {name} {text}{}",
                    if exclusion { " nomatch" } else { "" }
                );
            }
            self.sets.push((kind, name, elements));
        }
    }

    fn element(&mut self, kind: &'static str) -> (String, Hints) {
        let mut text = Vec::new();
        let mut hints = Hints::new();
        let parts = kind.split_once(':').unwrap().1;
        for (at, part) in parts.split(',').enumerate() {
            match part {
                "ip" | "net" => {
                    let (prefix, low, high) = self.prefix();
                    let value = if part == "ip" { self.show(low) } else { prefix };
                    let edge = if part == "ip" || self.chance(0.5) {
                        low
                    } else {
                        high
                    };
                    hints.push(if at == 0 {
                        Hint::Source(edge)
                    } else {
                        Hint::Destination(edge)
                    });
                    text.push(value);
                }
                "iface" => {
                    let name = self.pick(&INTERFACES);
                    hints.push(Hint::In(name));
                    text.push(name.to_owned());
                }
                _ if kind == "bitmap:port" => {
                    let port = self.port();
                    hints.push(Hint::DestinationPort(port));
                    text.push(port.to_string());
                }
                _ => {
                    let (value, hint) = self.set_port();
                    text.push(value);
                    hints.extend(hint);
                }
            }
        }
        (text.join(","), hints)
    }

    fn set_port(&mut self) -> (String, Hints) {
        let (low, high) = self.ports();
        let (name, number) = self.pick(&[("tcp", 6), ("udp", 17), ("sctp", 132), ("udplite", 136)]);
        match self.random.random_range(0..4) {
            0 if self.family == Family::V4 => {
                ("icmp:8/0".into(), vec![Hint::Protocol(1), Hint::Icmp(8, 0)])
            }
            0 => (
                "icmpv6:128/0".into(),
                vec![Hint::Protocol(58), Hint::Icmp(128, 0)],
            ),
            1 if high - low < 2000 => (
                format!("{name}:{low}-{high}"),
                vec![Hint::Protocol(number), Hint::DestinationPort(high)],
            ),
            2 if self.chance(0.3) => (
                format!("{}:0", self.pick(&[47, 50, 4])),
                vec![Hint::Protocol(47)],
            ),
            _ => (
                format!("{name}:{low}"),
                vec![Hint::Protocol(number), Hint::DestinationPort(low)],
            ),
        }
    }

    fn table(&mut self, table: &'static str, bases: &[&str]) -> String {
        let mut text = format!("*{table}\n");
        for base in bases {
            let policy = if table == "filter" && self.chance(0.4) {
                "DROP"
            } else {
                "ACCEPT"
            };
            let _ = writeln!(text, ":{base} {policy} [0:0]");
        }
        let most = if table == "filter" { 5 } else { 2 };
        let users: Vec<String> = (0..self.random.random_range(0..=most))
            .map(|n| format!("u{n}"))
            .collect();
        for user in &users {
            let _ = writeln!(text, ":{user} - [0:0]");
        }
        let most = if table == "filter" { 9 } else { 3 };
        for base in bases {
            let place = Place {
                table,
                chain: (*base).to_owned(),
                below: users.clone(),
            };
            for _ in 0..self.random.random_range(0..=most) {
                text += &self.rule(&place);
            }
        }
        for (at, user) in users.iter().enumerate() {
            let place = Place {
                table,
                chain: user.clone(),
                below: users[at + 1..].to_vec(),
            };
            for _ in 0..self.random.random_range(0..=most) {
                text += &self.rule(&place);
            }
        }
        text + "COMMIT\n"
    }

    fn rule(&mut self, place: &Place) -> String {
        let mut text = format!("-A {}", place.chain);
        let mut hints = Hints::new();
        let protocol = self.protocol(&mut text, &mut hints);
        for _ in 0..self.pick(&[0, 0, 1, 1, 1, 2, 3]) {
            self.any_match(place, &mut text, &mut hints);
        }
        self.target(place, protocol, &mut text);
        self.hints.push(hints);
        text + "\n"
    }

    /// Writes `-p` and the matches that it allows; the protocol where it is not negated.
    fn protocol(&mut self, text: &mut String, hints: &mut Hints) -> Option<u8> {
        let (icmp_name, icmp) = self.icmp();
        let (name, number) = match self.random.random_range(0..10) {
            0..3 => ("tcp".to_owned(), 6),
            3..5 => ("udp".to_owned(), 17),
            5 => (icmp_name.to_owned(), icmp),
            6 => {
                let other = self.pick(&OTHERS);
                (other.to_string(), other)
            }
            7 => {
                let other = self.pick(&[("sctp", 132), ("udplite", 136)]);
                (other.0.to_owned(), other.1)
            }
            _ => return None,
        };
        hints.push(Hint::Protocol(number));
        if self.chance(0.1) {
            let _ = write!(text, " ! -p {name}");
            return None;
        }
        let _ = write!(text, " -p {name}");
        match number {
            6 | 17 => self.ports_match(&name, text, hints),
            132 if name == "sctp" => self.ports_match(&name, text, hints),
            136 if self.chance(0.6) => self.multiport(text, hints),
            _ if number == icmp => self.icmp_match(text, hints),
            _ => {}
        }
        if number == 6 && self.chance(0.3) {
            let not = self.not();
            let choices = [
                ("--syn", 0x02),
                ("--tcp-flags FIN,SYN,RST,ACK SYN", 0x02),
                ("--tcp-flags SYN,ACK SYN,ACK", 0x12),
                ("--tcp-flags ALL NONE", 0),
                ("--tcp-flags RST RST", 0x04),
                ("--tcp-flags ALL FIN,PSH,URG", 0x29),
            ];
            let (option, flags) = self.pick(&choices);
            let _ = write!(text, " -m tcp {not}{option}");
            hints.push(Hint::Flags(flags));
        }
        Some(number)
    }

    fn ports_match(&mut self, name: &str, text: &mut String, hints: &mut Hints) {
        let mut side = |all: &mut Self, option: &str, source: bool| {
            let (low, high) = all.ports();
            let not = all.not();
            let range = all.chance(0.4);
            let value = if range {
                format!("{low}:{high}")
            } else {
                low.to_string()
            };
            let _ = write!(text, " -m {name} {not}{option} {value}");
            let edge = if range && all.chance(0.5) { high } else { low };
            hints.push(if source {
                Hint::SourcePort(edge)
            } else {
                Hint::DestinationPort(edge)
            });
        };
        match self.random.random_range(0..10) {
            0..5 => side(self, "--dport", false),
            5 => side(self, "--sport", true),
            6 => {
                side(self, "--sport", true);
                side(self, "--dport", false);
            }
            7 | 8 => self.multiport(text, hints),
            _ => {}
        }
    }

    fn multiport(&mut self, text: &mut String, hints: &mut Hints) {
        let mut values = Vec::new();
        for _ in 0..self.random.random_range(1..7) {
            let (low, high) = self.ports();
            let range = self.chance(0.3) && low < high;
            values.push(if range {
                format!("{low}:{high}")
            } else {
                low.to_string()
            });
            hints.push(Hint::DestinationPort(if range { high } else { low }));
            if self.chance(0.5) {
                hints.push(Hint::SourcePort(low));
            }
        }
        let not = self.not();
        let option = self.pick(&["--dports", "--dports", "--sports", "--ports"]);
        let _ = write!(text, " -m multiport {not}{option} {}", values.join(","));
    }

    fn icmp_match(&mut self, text: &mut String, hints: &mut Hints) {
        if self.chance(0.2) {
            return;
        }
        let not = self.not();
        let (value, kind, code) = match self.family {
            Family::V4 => self.pick(&[
                ("8", 8, 0),
                ("0", 0, 0),
                ("3/4", 3, 4),
                ("3", 3, 1),
                ("11", 11, 0),
                ("13", 13, 0),
                ("any", 8, 0),
                ("8/3", 8, 3),
            ]),
            Family::V6 => self.pick(&[
                ("128", 128, 0),
                ("129", 129, 0),
                ("1/4", 1, 4),
                ("1", 1, 3),
                ("135", 135, 0),
                ("2", 2, 0),
                ("128/1", 128, 1),
                ("134", 134, 0),
            ]),
        };
        let (module, option) = match self.family {
            Family::V4 => ("icmp", "--icmp-type"),
            Family::V6 => ("icmp6", "--icmpv6-type"),
        };
        let not = if value == "any" { "" } else { not };
        let _ = write!(text, " -m {module} {not}{option} {value}");
        hints.push(Hint::Icmp(kind, code));
    }

    fn any_match(&mut self, place: &Place, text: &mut String, hints: &mut Hints) {
        match self.random.random_range(0..16) {
            0..3 => self.address_match("-s", text, hints),
            3..5 => self.address_match("-d", text, hints),
            5..7 => self.interface_match(place, text, hints),
            7 => self.iprange(text, hints),
            8..11 => self.state_match(text, hints),
            11 => self.mark_match(text),
            12..15 => self.set_match(text, hints),
            _ => {
                if !text.contains("--comment") {
                    *text += " -m comment --comment \"a b\"";
                }
            }
        }
    }

    fn address_match(&mut self, option: &str, text: &mut String, hints: &mut Hints) {
        if text.contains(&format!(" {option} ")) {
            return;
        }
        let (prefix, low, high) = self.prefix();
        let not = self.not();
        let _ = write!(text, " {not}{option} {prefix}");
        if not.is_empty() && self.chance(0.1) {
            let (more, ..) = self.prefix();
            let _ = write!(text, ",{more}");
        }
        let edge = if self.chance(0.5) { low } else { high };
        hints.push(if option == "-s" {
            Hint::Source(edge)
        } else {
            Hint::Destination(edge)
        });
    }

    fn interface_match(&mut self, place: &Place, text: &mut String, hints: &mut Hints) {
        let options: &[&str] = match place.chain.as_str() {
            "INPUT" | "PREROUTING" => &["-i"],
            "OUTPUT" | "POSTROUTING" => &["-o"],
            _ => &["-i", "-o"],
        };
        let option = self.pick(options);
        if text.contains(&format!(" {option} ")) {
            return;
        }
        let not = self.not();
        let (pattern, name) = self.pick(&[
            ("eth0", "eth0"),
            ("eth1", "eth1"),
            ("eth+", "eth1"),
            ("wg0", "wg0"),
            ("docker+", "docker0"),
            ("lo", "lo"),
            ("eth", "eth0"),
            ("+", "wg0"),
        ]);
        let not = if pattern == "+" { "" } else { not };
        let _ = write!(text, " {not}{option} {pattern}");
        if option == "-i" {
            hints.push(Hint::In(name));
        }
    }

    fn iprange(&mut self, text: &mut String, hints: &mut Hints) {
        let (a, b) = (self.address(), self.address());
        let (low, high) = (a.min(b), a.max(b));
        let not = self.not();
        let source = self.chance(0.5);
        let option = if source { "--src-range" } else { "--dst-range" };
        let _ = write!(
            text,
            " -m iprange {not}{option} {}-{}",
            self.show(low),
            self.show(high)
        );
        let edge = if self.chance(0.5) { low } else { high };
        hints.push(if source {
            Hint::Source(edge)
        } else {
            Hint::Destination(edge)
        });
    }

    fn state_match(&mut self, text: &mut String, hints: &mut Hints) {
        const NAMES: [(&str, usize); 5] = [
            ("NEW", 0),
            ("ESTABLISHED", 1),
            ("RELATED", 3),
            ("INVALID", 5),
            ("UNTRACKED", 6),
        ];
        let mut chosen: Vec<(&str, usize)> = Vec::new();
        for _ in 0..self.random.random_range(1..4) {
            let one = self.pick(&NAMES);
            if !chosen.contains(&one) {
                chosen.push(one);
            }
        }
        let not = self.not();
        let (module, option) = self.pick(&[
            ("conntrack", "--ctstate"),
            ("conntrack", "--ctstate"),
            ("state", "--state"),
        ]);
        let names: Vec<&str> = chosen.iter().map(|(name, _)| *name).collect();
        let _ = write!(text, " -m {module} {not}{option} {}", names.join(","));
        if module == "conntrack" && self.chance(0.2) {
            let _ = write!(text, " --ctdir {}", self.pick(&["ORIGINAL", "REPLY"]));
        }
        let (_, mut state) = chosen[0];
        if matches!(state, 1 | 3) && self.chance(0.5) {
            state += 1;
        }
        hints.push(Hint::State(state));
    }

    fn mark_match(&mut self, text: &mut String) {
        let not = self.not();
        let value = self.pick(&["0x1", "0x0", "0x1/0x1", "0x4/0xff", "0x10/0xf0", "0x3/0x7"]);
        let _ = write!(text, " -m mark {not}--mark {value}");
    }

    fn set_match(&mut self, text: &mut String, hints: &mut Hints) {
        if self.sets.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.sets.len());
        let (kind, name, elements) = self.sets[at].clone();
        let dimensions = kind.split(',').count();
        let mut directions: Vec<&str> = (0..dimensions)
            .map(|_| self.pick(&["src", "dst"]))
            .collect();
        // Only the interface that a packet came in by is known everywhere.
        if kind == "hash:net,iface" {
            directions[1] = "src";
        } else if self.chance(0.6) {
            directions = ["src", "dst", "dst"][..dimensions].to_vec();
        }
        let not = self.not();
        let _ = write!(
            text,
            " -m set {not}--match-set {name} {}",
            directions.join(",")
        );
        hints.extend(elements.choose(&mut self.random).into_iter().flatten());
    }

    fn target(&mut self, place: &Place, protocol: Option<u8>, text: &mut String) {
        let below = place.below.choose(&mut self.random).cloned();
        let choice = self.random.random_range(0..20);
        let target = match (place.table, choice, below) {
            (_, 0..5, Some(chain)) => format!("-j {chain}"),
            (_, 5, Some(chain)) => format!("-g {chain}"),
            (_, 6 | 7, _) => "-j RETURN".to_owned(),
            (_, 8, _) => "-j LOG --log-prefix \"x \"".to_owned(),
            (_, 9, _) => String::new(),
            ("filter", 10 | 11, _) => self.reject(protocol),
            ("filter", 12..16, _) => "-j DROP".to_owned(),
            ("mangle", 10..18, _) => self.mark_target(),
            (_, 18 | 19, _) => "-j DROP".to_owned(),
            _ => "-j ACCEPT".to_owned(),
        };
        let _ = write!(text, " {target}");
    }

    fn reject(&mut self, protocol: Option<u8>) -> String {
        let kinds: &[&str] = match self.family {
            Family::V4 => &[
                "icmp-net-unreachable",
                "icmp-host-unreachable",
                "icmp-port-unreachable",
                "icmp-proto-unreachable",
                "icmp-net-prohibited",
                "icmp-host-prohibited",
                "icmp-admin-prohibited",
            ],
            Family::V6 => &[
                "icmp6-no-route",
                "icmp6-adm-prohibited",
                "icmp6-addr-unreachable",
                "icmp6-port-unreachable",
            ],
        };
        if protocol == Some(6) && self.chance(0.5) {
            return "-j REJECT --reject-with tcp-reset".to_owned();
        }
        format!("-j REJECT --reject-with {}", self.pick(kinds))
    }

    fn mark_target(&mut self) -> String {
        let value = self.pick(&[
            "--set-mark 0x1",
            "--set-xmark 0x4/0xff",
            "--or-mark 0x10",
            "--and-mark 0xfffffff0",
            "--xor-mark 0x3",
            "--set-xmark 0x3/0x1",
        ]);
        format!("-j MARK {value}")
    }
}
