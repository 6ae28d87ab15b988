//! Matches that any protocol allows.

use super::{Generator, Place, Rule};
use crate::draw::{LENGTHS, MACS, TOS, TTLS, UIDS};
use crate::hint::Hint;
use portwright::net::Family;
use portwright::packet::CtState;
use std::fmt::Write as _;

impl Generator<'_> {
    pub(super) fn any_match(&mut self, place: &Place, rule: &mut Rule) {
        match self.draw.between(0, 27) {
            0..=2 => self.address_match("-s", rule),
            3 | 4 => self.address_match("-d", rule),
            5 | 6 => self.interface_match(place, rule),
            7 => self.iprange(rule),
            8..=10 if !self.stateless => self.state_match(rule),
            11 if !self.stateless => self.conntrack_match(rule),
            12 | 13 => self.mark_match(rule),
            14..=17 => self.set_match(place, rule),
            18 | 19 => self.addrtype(place, rule),
            20 => self.ttl_match(rule),
            21 => self.tos_match(rule),
            22 => self.length_match(rule),
            23 => self.mac_match(place, rule),
            24 => self.packet_type(place, rule),
            25 => self.owner(place, rule),
            26 => self.rpfilter(place, rule),
            _ => {
                if !rule.has("--comment") {
                    rule.text += " -m comment --comment \"a -j b\"";
                }
            }
        }
    }

    fn address_match(&mut self, option: &str, rule: &mut Rule) {
        if rule.has(&format!(" {option} ")) {
            return;
        }
        let (prefix, low, high) = self.draw.prefix();
        let not = self.not();
        let _ = write!(rule.text, " {not}{option} {prefix}");
        let edge = if self.draw.chance(0.5) { low } else { high };
        rule.hints.push(if option == "-s" {
            Hint::Source(edge)
        } else {
            Hint::Destination(edge)
        });
    }

    fn interface_match(&mut self, place: &Place, rule: &mut Rule) {
        let options: &[&str] = match place.chain.as_str() {
            "INPUT" | "PREROUTING" => &["-i"],
            "OUTPUT" | "POSTROUTING" => &["-o"],
            _ => &["-i", "-o"],
        };
        let option = self.draw.pick(options);
        if rule.has(&format!(" {option} ")) {
            return;
        }
        let not = self.not();
        let (pattern, name) = self.draw.pick(&[
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
        let _ = write!(rule.text, " {not}{option} {pattern}");
        if option == "-i" {
            rule.hints.push(Hint::In(name));
        }
    }

    fn iprange(&mut self, rule: &mut Rule) {
        let (low, high) = self.draw.span();
        let not = self.not();
        let source = self.draw.chance(0.5);
        let option = if source { "--src-range" } else { "--dst-range" };
        let (first, last) = (self.draw.show(low), self.draw.show(high));
        let _ = write!(rule.text, " -m iprange {not}{option} {first}-{last}");
        let edge = if self.draw.chance(0.5) { low } else { high };
        rule.hints.push(if source {
            Hint::Source(edge)
        } else {
            Hint::Destination(edge)
        });
    }

    fn state_match(&mut self, rule: &mut Rule) {
        let names = [
            ("NEW", CtState::New),
            ("ESTABLISHED", CtState::Established),
            ("ESTABLISHED", CtState::EstablishedReply),
            ("RELATED", CtState::Related),
            ("RELATED", CtState::RelatedReply),
            ("INVALID", CtState::Invalid),
            ("UNTRACKED", CtState::Untracked),
            ("DNAT", CtState::New),
            ("SNAT", CtState::New),
        ];
        let (module, option) = self.draw.pick(&[
            ("conntrack", "--ctstate"),
            ("conntrack", "--ctstate"),
            ("state", "--state"),
        ]);
        let mut chosen: Vec<&str> = Vec::new();
        for _ in 0..self.draw.between(1, 3) {
            let (name, state) = self.draw.pick(&names);
            let nat = matches!(name, "DNAT" | "SNAT");
            if !chosen.contains(&name) && !(nat && module == "state") {
                chosen.push(name);
                rule.hints.push(Hint::State(state));
            }
        }
        if chosen.is_empty() {
            chosen.push("NEW");
        }
        let not = self.not();
        let _ = write!(rule.text, " -m {module} {not}{option} {}", chosen.join(","));
        if module == "conntrack" && self.draw.chance(0.2) {
            let direction = self.draw.pick(&["ORIGINAL", "REPLY"]);
            let _ = write!(rule.text, " --ctdir {direction}");
        }
    }

    /// What connection tracking keeps beside the state.
    fn conntrack_match(&mut self, rule: &mut Rule) {
        let not = self.not();
        let (address, ..) = self.draw.prefix();
        let port = self.draw.port();
        let option = match self.draw.between(0, 6) {
            0 => format!("{not}--ctorigdst {address}"),
            1 => format!("{not}--ctorigsrc {address}"),
            2 if rule.protocol.is_some() => format!("{not}--ctorigdstport {port}"),
            3 if rule.protocol.is_some() => format!("{not}--ctorigsrcport {port}"),
            4 => {
                let status = self.draw.pick(&[
                    "NONE",
                    "EXPECTED",
                    "SEEN_REPLY",
                    "ASSURED",
                    "CONFIRMED",
                    "SEEN_REPLY,ASSURED",
                ]);
                format!("{not}--ctstatus {status}")
            }
            5 => format!("{not}--ctproto {}", self.draw.pick(&[6, 17])),
            _ => format!("--ctdir {}", self.draw.pick(&["ORIGINAL", "REPLY"])),
        };
        let _ = write!(rule.text, " -m conntrack {option}");
    }

    fn mark_match(&mut self, rule: &mut Rule) {
        let not = self.not();
        let value = self
            .draw
            .pick(&["0x1", "0x0", "0x1/0x1", "0x4/0xff", "0x10/0xf0", "0x3/0x7"]);
        let connection = !self.stateless && self.draw.chance(0.3);
        let module = if connection { "connmark" } else { "mark" };
        let _ = write!(rule.text, " -m {module} {not}--mark {value}");
    }

    fn addrtype(&mut self, place: &Place, rule: &mut Rule) {
        let kinds: &[&str] = match self.draw.family {
            Family::V4 => &[
                "LOCAL",
                "LOCAL",
                "UNICAST",
                "BROADCAST",
                "MULTICAST",
                "LOCAL,BROADCAST",
            ],
            Family::V6 => &["LOCAL", "LOCAL", "UNICAST", "MULTICAST", "LOCAL,MULTICAST"],
        };
        let kind = self.draw.pick(kinds);
        let not = self.not();
        let source = self.draw.chance(0.3);
        let option = if source { "--src-type" } else { "--dst-type" };
        let _ = write!(rule.text, " -m addrtype {not}{option} {kind}");
        let incoming = matches!(place.chain.as_str(), "PREROUTING" | "INPUT" | "FORWARD");
        if incoming && self.draw.chance(0.2) {
            rule.text += " --limit-iface-in";
        }
    }

    fn ttl_match(&mut self, rule: &mut Rule) {
        let ttl = self.draw.pick(&TTLS);
        let what = self.draw.pick(&["eq", "lt", "gt"]);
        let not = if what == "eq" { self.not() } else { "" };
        let module = match self.draw.family {
            Family::V4 => "ttl",
            Family::V6 => "hl",
        };
        let _ = write!(rule.text, " -m {module} {not}--{module}-{what} {ttl}");
        rule.hints.push(Hint::Ttl(ttl));
    }

    fn tos_match(&mut self, rule: &mut Rule) {
        let tos = self.draw.pick(&TOS);
        let not = self.not();
        let _ = if self.draw.chance(0.5) {
            write!(rule.text, " -m dscp {not}--dscp {:#04x}", tos >> 2)
        } else {
            let mask = self.draw.pick(&[0xffu8, 0x1c, 0x3f]);
            write!(
                rule.text,
                " -m tos {not}--tos {:#04x}/{mask:#04x}",
                tos & mask
            )
        };
        rule.hints.push(Hint::Tos(tos));
    }

    fn length_match(&mut self, rule: &mut Rule) {
        let (a, b) = (self.draw.pick(&LENGTHS), self.draw.pick(&LENGTHS));
        let (low, high) = (a.min(b), a.max(b));
        let not = self.not();
        let _ = write!(rule.text, " -m length {not}--length {low}:{high}");
        let edge = self.draw.pick(&[low, high]);
        rule.hints.push(Hint::Length(edge));
    }

    fn mac_match(&mut self, place: &Place, rule: &mut Rule) {
        if !matches!(place.chain.as_str(), "PREROUTING" | "INPUT" | "FORWARD") {
            return;
        }
        let mac = self.draw.pick(&MACS);
        let not = self.not();
        let bytes = mac.map(|byte| format!("{byte:02x}")).join(":");
        let _ = write!(rule.text, " -m mac {not}--mac-source {bytes}");
        rule.hints.push(Hint::Mac(mac));
    }

    fn packet_type(&mut self, place: &Place, rule: &mut Rule) {
        // Of what the host sends, nobody has said how it is addressed.
        if !matches!(place.chain.as_str(), "PREROUTING" | "INPUT" | "FORWARD") {
            return;
        }
        let not = self.not();
        let kind = self.draw.pick(&["unicast", "broadcast", "multicast"]);
        let _ = write!(rule.text, " -m pkttype {not}--pkt-type {kind}");
    }

    fn owner(&mut self, place: &Place, rule: &mut Rule) {
        if place.chain != "OUTPUT" {
            return;
        }
        let uid = self.draw.pick(&UIDS);
        let not = self.not();
        let value = self
            .draw
            .pick(&[uid.to_string(), format!("{uid}-{}", uid + 500)]);
        let _ = write!(rule.text, " -m owner {not}--uid-owner {value}");
        rule.hints.push(Hint::Uid(uid));
    }

    fn rpfilter(&mut self, place: &Place, rule: &mut Rule) {
        if place.chain != "PREROUTING" || !matches!(place.table, "raw" | "mangle") {
            return;
        }
        let options = ["", " --invert", " --loose", " --loose --invert"];
        let _ = write!(rule.text, " -m rpfilter{}", self.draw.pick(&options));
    }
}
