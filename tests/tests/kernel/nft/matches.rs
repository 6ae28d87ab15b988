//! Matches of what travels with a packet: interfaces, marks, connection tracking, routing.

use super::sets::Key;
use super::{Generator, Place, Rule, TableFamily};
use crate::draw::{MACS, UIDS};
use crate::hint::Hint;
use portwright::net::Family;
use portwright::packet::CtState;

impl Generator<'_> {
    pub(super) fn any_match(&mut self, place: &Place, rule: &mut Rule) {
        match self.draw.between(0, 31) {
            0..=4 => self.address_match(rule),
            5..=9 => self.port_match(rule),
            10 | 11 => self.concatenation(rule),
            12..=14 => self.interface_match(place, rule),
            15 | 16 => self.protocol_match(place, rule),
            17..=19 if !self.stateless => self.state_match(rule),
            20 if !self.stateless => self.tracking_match(rule),
            21 | 22 => self.mark_match(rule),
            23 => self.fib_match(place, rule),
            24 => self.flags_match(rule),
            25 => self.icmp_match(rule),
            26 | 27 => self.header_match(rule),
            28 => self.packet_type(place, rule),
            29 => self.owner(place, rule),
            30 => self.sender_match(place, rule),
            _ => self.extension_match(place, rule),
        }
    }

    fn interface_match(&mut self, place: &Place, rule: &mut Rule) {
        let incoming = !matches!(place.hook, "output" | "postrouting");
        let outgoing = !matches!(place.hook, "prerouting" | "input");
        let which = match (incoming, outgoing) {
            (true, true) => self.draw.pick(&["iif", "oif"]),
            (true, false) => "iif",
            _ => "oif",
        };
        if rule.has(which) {
            return;
        }
        let not = self.not();
        let choices = [
            ("\"eth0\"", "eth0"),
            ("\"eth1\"", "eth1"),
            ("\"wg0\"", "wg0"),
            ("\"docker*\"", "docker0"),
            ("\"eth*\"", "eth1"),
            ("\"lo\"", "lo"),
        ];
        let (value, name) = self.draw.pick(&choices);
        match self.draw.between(0, 3) {
            0 if !value.contains('*') => rule.add(&format!("{which} {not}{value}")),
            1 => {
                let (set, hints) = self.set_of(Key::Interface);
                rule.add(&format!("{which}name {not}{set}"));
                if which == "iif" {
                    rule.hints.extend(hints);
                }
                return;
            }
            _ => rule.add(&format!("{which}name {not}{value}")),
        }
        if which == "iif" {
            rule.hints.push(Hint::In(name));
        }
    }

    fn protocol_match(&mut self, place: &Place, rule: &mut Rule) {
        let (name, number) = self.draw.pick(&[
            ("tcp", 6),
            ("udp", 17),
            ("gre", 47),
            ("esp", 50),
            ("icmp", 1),
        ]);
        if rule.ports {
            return;
        }
        rule.ports = true;
        let not = self.not();
        let may = |family: Family| rule.family.is_none_or(|own| own == family);
        let (v4, v6) = (may(Family::V4), may(Family::V6));
        match self.draw.between(0, 4) {
            0 if v4 => {
                rule.family = Some(Family::V4);
                rule.add(&format!("ip protocol {not}{name}"));
            }
            1 if v6 => {
                rule.family = Some(Family::V6);
                rule.add(&format!("ip6 nexthdr {not}{name}"));
            }
            2 if place.family == TableFamily::Inet && rule.family.is_none() => {
                let (name, own, other) = self.draw.pick(&[
                    ("ipv4", Family::V4, Family::V6),
                    ("ipv6", Family::V6, Family::V4),
                ]);
                rule.add(&format!("meta nfproto {not}{name}"));
                rule.family = Some(if not.is_empty() { own } else { other });
                return;
            }
            3 => {
                let (set, hints) = self.set_of(Key::Protocol);
                rule.add(&format!("meta l4proto {not}{set}"));
                rule.hints.extend(hints);
                return;
            }
            _ => rule.add(&format!("meta l4proto {not}{name}")),
        }
        rule.hints.push(Hint::Protocol(number));
    }

    fn state_match(&mut self, rule: &mut Rule) {
        let names = [
            ("new", CtState::New),
            ("established", CtState::Established),
            ("established", CtState::EstablishedReply),
            ("related", CtState::Related),
            ("invalid", CtState::Invalid),
            ("untracked", CtState::Untracked),
        ];
        let mut chosen: Vec<&str> = Vec::new();
        for _ in 0..self.draw.between(1, 3) {
            let (name, state) = self.draw.pick(&names);
            if !chosen.contains(&name) {
                chosen.push(name);
                rule.hints.push(Hint::State(state));
            }
        }
        let list = chosen.join(", ");
        let text = match self.draw.between(0, 5) {
            0..=2 => format!("ct state {}", chosen.join(",")),
            3 => format!("ct state != {}", chosen.join(",")),
            4 => format!("ct state {{ {list} }}"),
            _ => format!("ct state != {{ {list} }}"),
        };
        rule.add(&text);
    }

    fn tracking_match(&mut self, rule: &mut Rule) {
        let not = self.not();
        let text = match self.draw.between(0, 4) {
            0 => format!(
                "ct direction {not}{}",
                self.draw.pick(&["original", "reply"])
            ),
            1 | 2 => {
                let status = self.draw.pick(&[
                    "dnat",
                    "snat",
                    "assured",
                    "seen-reply",
                    "confirmed",
                    "dnat,snat",
                ]);
                format!("ct status {status}")
            }
            3 => format!("ct mark {not}{}", self.draw.pick(&["0", "1", "4"])),
            _ => "ct mark & 0xf == 0x1".to_owned(),
        };
        rule.add(&text);
    }

    fn mark_match(&mut self, rule: &mut Rule) {
        let not = self.not();
        let text = match self.draw.between(0, 5) {
            0 | 1 => format!("meta mark {not}{}", self.draw.pick(&["0x1", "0x0", "0x13"])),
            2 => "meta mark & 0xff == 0x4".to_owned(),
            3 => "meta mark & 0x3 != 0x1".to_owned(),
            4 => "meta mark and 0x10 != 0".to_owned(),
            _ => {
                let (set, _) = self.set_of(Key::Mark);
                format!("meta mark {not}{set}")
            }
        };
        rule.add(&text);
    }

    fn fib_match(&mut self, place: &Place, rule: &mut Rule) {
        let kinds = ["local", "unicast", "broadcast", "multicast"];
        let kind = self.draw.pick(&kinds);
        let not = self.not();
        let text = match (place.hook, self.draw.between(0, 4)) {
            ("prerouting", 0) => "fib saddr . iif oif missing".to_owned(),
            ("prerouting", 1) => "fib saddr . iif oif exists".to_owned(),
            ("prerouting" | "input", 2) => format!("fib daddr . iif type {not}{kind}"),
            ("prerouting" | "input" | "forward", 3) => format!("fib saddr type {not}{kind}"),
            ("prerouting" | "input" | "forward", _) => format!("fib daddr type {not}{kind}"),
            _ => return,
        };
        rule.add(&text);
    }

    fn packet_type(&mut self, place: &Place, rule: &mut Rule) {
        if !matches!(place.hook, "prerouting" | "input" | "forward") {
            return;
        }
        let not = self.not();
        let kind = self.draw.pick(&["host", "broadcast", "multicast"]);
        rule.add(&format!("meta pkttype {not}{kind}"));
    }

    fn owner(&mut self, place: &Place, rule: &mut Rule) {
        if place.hook != "output" {
            return;
        }
        let uid = self.draw.pick(&UIDS);
        let not = self.not();
        rule.add(&format!("meta skuid {not}{uid}"));
        rule.hints.push(Hint::Uid(uid));
    }

    fn sender_match(&mut self, place: &Place, rule: &mut Rule) {
        if !matches!(place.hook, "prerouting" | "input" | "forward") {
            return;
        }
        let mac = self.draw.pick(&MACS);
        let not = self.not();
        let bytes = mac.map(|byte| format!("{byte:02x}")).join(":");
        rule.add(&format!("ether saddr {not}{bytes}"));
        rule.hints.push(Hint::Mac(mac));
    }
}
