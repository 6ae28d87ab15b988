//! Matches of further fields of headers.

use super::{Generator, Place, Rule, TableFamily};
use crate::draw::{LENGTHS, TOS, TTLS};
use crate::hint::Hint;
use portwright::net::Family;
use portwright_cli::kernel::Header;

impl Generator<'_> {
    pub(super) fn flags_match(&mut self, rule: &mut Rule) {
        let tcp = rule.has("tcp dport") || rule.has("tcp sport");
        if (rule.ports && !tcp) || rule.has("flags") {
            return;
        }
        rule.ports = true;
        let choices = [
            ("syn", 0x02),
            ("== syn", 0x02),
            ("!= syn", 0x10),
            ("syn,ack", 0x12),
            ("{ syn, syn | ack }", 0x12),
            ("! syn,rst", 0x10),
            ("syn / syn,ack", 0x02),
            ("& (syn | ack) == syn | ack", 0x12),
            ("!= syn,ack", 0x02),
            ("& (fin | syn | rst | ack) == syn", 0x02),
            ("& (fin | syn | rst | ack) != syn", 0x11),
        ];
        let (value, flags) = self.draw.pick(&choices);
        rule.add(&format!("tcp flags {value}"));
        rule.hints.extend([Hint::Protocol(6), Hint::Flags(flags)]);
    }

    pub(super) fn icmp_match(&mut self, rule: &mut Rule) {
        if rule.ports {
            return;
        }
        rule.ports = true;
        let family = self.settle(rule);
        let not = self.not();
        let choices: &[(&str, u8, u8)] = match family {
            Family::V4 => &[
                ("icmp type {not}echo-request", 8, 0),
                (
                    "icmp type {not}{ echo-request, destination-unreachable }",
                    3,
                    3,
                ),
                ("icmp type {not}8-13", 11, 0),
                ("icmp type destination-unreachable icmp code {not}4", 3, 4),
                ("icmp code {not}0", 13, 0),
            ],
            Family::V6 => &[
                ("icmpv6 type {not}echo-request", 128, 0),
                (
                    "icmpv6 type {not}{ nd-neighbor-solicit, nd-neighbor-advert }",
                    135,
                    0,
                ),
                (
                    "icmpv6 type destination-unreachable icmpv6 code {not}4",
                    1,
                    4,
                ),
                ("icmpv6 type {not}1-4", 3, 0),
            ],
        };
        let (text, kind, code) = self.draw.pick(choices);
        rule.add(&text.replace("{not}", not));
        let protocol = if family == Family::V4 { 1 } else { 58 };
        rule.hints
            .extend([Hint::Protocol(protocol), Hint::Icmp(kind, code)]);
    }

    pub(super) fn header_match(&mut self, rule: &mut Rule) {
        let family = self.settle(rule);
        let (layer, lifetime) = match family {
            Family::V4 => ("ip", "ttl"),
            Family::V6 => ("ip6", "hoplimit"),
        };
        let not = self.not();
        match self.draw.between(0, 4) {
            0 => {
                let tos = self.draw.pick(&TOS);
                rule.add(&format!("{layer} dscp {not}{:#x}", tos >> 2));
                rule.hints.push(Hint::Tos(tos));
            }
            1 => {
                let ttl = self.draw.pick(&TTLS);
                let operator = self.draw.pick(&["", "!= ", "< ", "> "]);
                let ttl = ttl.clamp(1, 254);
                rule.add(&format!("{layer} {lifetime} {operator}{ttl}"));
                rule.hints.push(Hint::Ttl(ttl));
            }
            2 => {
                let (a, b) = (self.draw.pick(&LENGTHS), self.draw.pick(&LENGTHS));
                let (low, high) = (a.min(b), a.max(b).max(1));
                let value = if low == high {
                    low.to_string()
                } else {
                    format!("{low}-{high}")
                };
                rule.add(&format!("meta length {not}{value}"));
                rule.hints.push(Hint::Length(high));
            }
            3 if family == Family::V4 => {
                let length = self.draw.pick(&LENGTHS).max(40);
                let operator = self.draw.pick(&["< ", "> ", ""]);
                rule.add(&format!("ip length {operator}{length}"));
                rule.hints.push(Hint::Length(length));
            }
            _ => {
                let tos = self.draw.pick(&[0u8, 3]);
                let name = if tos == 3 { "ce" } else { "not-ect" };
                rule.add(&format!("{layer} ecn {not}{name}"));
                rule.hints.push(Hint::Tos(tos));
            }
        }
    }

    pub(super) fn extension_match(&mut self, place: &Place, rule: &mut Rule) {
        let other = rule.family == Some(Family::V4) || rule.has("nexthdr");
        if place.family == TableFamily::Ip || other || rule.ports {
            return;
        }
        rule.family = Some(Family::V6);
        let choices = [
            ("exthdr hbh exists", Header::HopByHop),
            ("exthdr dst missing", Header::Destination),
            ("exthdr frag missing", Header::Destination),
            ("exthdr dst exists", Header::Destination),
            ("hbh nexthdr tcp", Header::HopByHop),
            ("ip6 nexthdr 0", Header::HopByHop),
        ];
        let (text, header) = self.draw.pick(&choices);
        rule.add(text);
        rule.hints.push(Hint::Header(header));
    }
}
