//! Sets of `ipset`, and rules that ask for them.

use super::{Generator, Place, Rule};
use crate::draw::{INTERFACES, MACS};
use crate::hint::{Hint, Hints};
use portwright::net::Family;
use std::fmt::Write as _;

/// A set.
#[derive(Clone)]
pub(super) struct Set {
    kind: &'static str,
    name: String,
    elements: Vec<Hints>,
}

/// Where a bitmap of addresses begins and ends.
const BITMAP: (u128, u128) = (0xc0a8_0100, 0xc0a8_02ff);

impl Generator<'_> {
    pub(super) fn make_sets(&mut self) {
        for kind in [
            "hash:ip",
            "hash:net",
            "hash:ip,port",
            "hash:net,port",
            "hash:ip,port,net",
            "hash:ip,port,ip",
            "hash:net,iface",
            "bitmap:port",
            "bitmap:ip",
            "bitmap:ip,mac",
        ] {
            let possible = self.draw.family == Family::V4 || !kind.starts_with("bitmap:ip");
            if possible && self.draw.chance(0.25) {
                self.make_set(kind);
            }
        }
        if self.sets.len() > 1 && self.draw.chance(0.3) {
            self.make_list();
        }
    }

    fn make_set(&mut self, kind: &'static str) {
        let name = format!("s{}", self.sets.len());
        let options = match kind {
            "bitmap:port" => "range 0-65535".to_owned(),
            "bitmap:ip" | "bitmap:ip,mac" => "range 192.168.1.0-192.168.2.255".to_owned(),
            _ if self.draw.family == Family::V4 => "family inet".to_owned(),
            _ => "family inet6".to_owned(),
        };
        let _ = writeln!(self.set_text, "create {name} {kind} {options}");
        let mut elements: Vec<Hints> = Vec::new();
        for _ in 0..self.draw.between(1, 7) {
            let (text, hints) = self.element(kind);
            let exclusion = kind.starts_with("hash:net") && self.draw.chance(0.2);
            // Two equal elements are refused; the second is left out.
            if elements.contains(&hints) {
                continue;
            }
            elements.push(hints);
            let exclusion = if exclusion { " nomatch" } else { "" };
            let _ = writeln!(self.set_text, "add -exist {name} {text}{exclusion}");
        }
        self.sets.push(Set {
            kind,
            name,
            elements,
        });
    }

    /// A set of sets that are there.
    fn make_list(&mut self) {
        let name = format!("s{}", self.sets.len());
        let _ = writeln!(self.set_text, "create {name} list:set size 8");
        let mut elements = Vec::new();
        let own = self.sets.clone();
        for set in own.iter().take(3) {
            let _ = writeln!(self.set_text, "add {name} {}", set.name);
            elements.extend(set.elements.iter().cloned());
        }
        self.sets.push(Set {
            kind: "list:set",
            name,
            elements,
        });
    }

    fn element(&mut self, kind: &'static str) -> (String, Hints) {
        let mut text = Vec::new();
        let mut hints = Hints::new();
        let parts = kind.split_once(':').map_or("", |(_, parts)| parts);
        for (at, part) in parts.split(',').enumerate() {
            match part {
                "ip" if kind.starts_with("bitmap") => {
                    let address = BITMAP.0 + self.draw.between(0, 511) as u128;
                    text.push(self.draw.show(address.min(BITMAP.1)));
                    hints.push(Hint::Source(address));
                }
                "ip" | "net" => {
                    let (prefix, low, high) = self.draw.prefix();
                    let single = part == "ip";
                    text.push(if single { self.draw.show(low) } else { prefix });
                    let edge = if single || self.draw.chance(0.5) {
                        low
                    } else {
                        high
                    };
                    hints.push(if at == 0 {
                        Hint::Source(edge)
                    } else {
                        Hint::Destination(edge)
                    });
                }
                "iface" => {
                    let name = self.draw.pick(&INTERFACES);
                    hints.push(Hint::In(name));
                    text.push(name.to_owned());
                }
                "mac" => {
                    let mac = self.draw.pick(&MACS);
                    hints.push(Hint::Mac(mac));
                    text.push(mac.map(|byte| format!("{byte:02x}")).join(":"));
                }
                _ if kind == "bitmap:port" => {
                    let port = self.draw.port();
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
        let (low, high) = self.draw.ports();
        let (name, number) =
            self.draw
                .pick(&[("tcp", 6), ("udp", 17), ("sctp", 132), ("udplite", 136)]);
        match self.draw.between(0, 3) {
            0 if self.draw.family == Family::V4 => {
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
            2 if self.draw.chance(0.3) => (
                format!("{}:0", self.draw.pick(&[47, 50, 4])),
                vec![Hint::Protocol(47)],
            ),
            _ => (
                format!("{name}:{low}"),
                vec![Hint::Protocol(number), Hint::DestinationPort(low)],
            ),
        }
    }

    pub(super) fn set_match(&mut self, place: &Place, rule: &mut Rule) {
        if self.sets.is_empty() {
            return;
        }
        let set = self.draw.pick(&self.sets.clone());
        // Hardware addresses are there only where packets come in.
        let incoming = matches!(place.chain.as_str(), "PREROUTING" | "INPUT" | "FORWARD");
        if set.kind == "bitmap:ip,mac" && !incoming {
            return;
        }
        let dimensions = match set.kind {
            "list:set" => self.draw.between(1, 3),
            kind => kind.split(',').count(),
        };
        let mut directions: Vec<&str> = (0..dimensions)
            .map(|_| self.draw.pick(&["src", "dst"]))
            .collect();
        // Only the interface that a packet came in by is known everywhere.
        if matches!(set.kind, "hash:net,iface" | "bitmap:ip,mac") {
            directions[1] = "src";
        } else if set.kind == "list:set" {
            directions.iter_mut().skip(1).for_each(|one| *one = "src");
        } else if self.draw.chance(0.6) {
            directions = ["src", "dst", "dst"][..dimensions].to_vec();
        }
        let not = self.not();
        let directions = directions.join(",");
        let _ = write!(
            rule.text,
            " -m set {not}--match-set {} {directions}",
            set.name
        );
        if !set.elements.is_empty() {
            rule.hints.extend(self.draw.pick(&set.elements));
        }
    }
}
