//! Protocols, and the matches that they allow.

use super::{Generator, Rule};
use crate::draw::OTHERS;
use crate::hint::Hint;
use portwright::net::Family;
use portwright::packet::Fragment;
use portwright_cli::kernel::Header;
use std::fmt::Write as _;

impl Generator<'_> {
    /// Writes `-p` and the matches that it allows.
    pub(super) fn protocol(&mut self, rule: &mut Rule) {
        let (icmp_name, icmp) = self.draw.icmp();
        let (name, number) = match self.draw.between(0, 10) {
            0..=2 => ("tcp".to_owned(), 6),
            3 | 4 => ("udp".to_owned(), 17),
            5 => (icmp_name.to_owned(), icmp),
            6 => {
                let other = self.draw.pick(&OTHERS);
                (other.to_string(), other)
            }
            7 => {
                let (name, number) =
                    self.draw
                        .pick(&[("sctp", 132), ("udplite", 136), ("dccp", 33)]);
                (name.to_owned(), number)
            }
            _ => return self.part(rule),
        };
        rule.hints.push(Hint::Protocol(number));
        if self.draw.chance(0.1) {
            let _ = write!(rule.text, " ! -p {name}");
            return;
        }
        let _ = write!(rule.text, " -p {name}");
        rule.protocol = Some(number);
        match number {
            6 | 17 | 33 => self.ports_match(&name, rule),
            132 if name == "sctp" => self.ports_match(&name, rule),
            136 if self.draw.chance(0.6) => self.multiport(rule),
            _ if number == icmp => self.icmp_match(rule),
            _ => {}
        }
        if number == 6 && self.draw.chance(0.3) {
            self.flags_match(rule);
        }
    }

    /// Fragments, and extension headers.
    fn part(&mut self, rule: &mut Rule) {
        if self.draw.family == Family::V6 && self.draw.chance(0.5) {
            self.headers_match(rule);
        } else if self.draw.family == Family::V4
            && self.stateless
            && self.legacy
            && self.draw.chance(0.5)
        {
            let not = self.not();
            let _ = write!(rule.text, " {not}-f");
            rule.hints.push(Hint::Fragment(Fragment::Later));
        }
    }

    fn headers_match(&mut self, rule: &mut Rule) {
        let choices = [
            (" -m ipv6header --soft --header hop", Header::HopByHop),
            (" -m ipv6header --soft --header dst", Header::Destination),
            (
                " -m ipv6header --soft ! --header auth",
                Header::Authentication,
            ),
            (
                " -m ipv6header --soft --header hop,dst",
                Header::Destination,
            ),
            (" -m hbh", Header::HopByHop),
            (" -m dst", Header::Destination),
            (" -m ah", Header::Authentication),
        ];
        let (text, header) = self.draw.pick(&choices);
        rule.text += text;
        rule.hints.push(Hint::Header(header));
    }

    fn flags_match(&mut self, rule: &mut Rule) {
        let not = self.not();
        let choices = [
            ("--syn", 0x02),
            ("--tcp-flags FIN,SYN,RST,ACK SYN", 0x02),
            ("--tcp-flags SYN,ACK SYN,ACK", 0x12),
            ("--tcp-flags ALL NONE", 0),
            ("--tcp-flags RST RST", 0x04),
            ("--tcp-flags ALL FIN,PSH,URG", 0x29),
        ];
        let (option, flags) = self.draw.pick(&choices);
        let _ = write!(rule.text, " -m tcp {not}{option}");
        rule.hints.push(Hint::Flags(flags));
    }

    fn ports_match(&mut self, name: &str, rule: &mut Rule) {
        match self.draw.between(0, 9) {
            0..=4 => self.port_match(name, "--dport", rule),
            5 => self.port_match(name, "--sport", rule),
            6 => {
                self.port_match(name, "--sport", rule);
                self.port_match(name, "--dport", rule);
            }
            7 | 8 => self.multiport(rule),
            _ => {}
        }
    }

    fn port_match(&mut self, name: &str, option: &str, rule: &mut Rule) {
        let (low, high) = self.draw.ports();
        let not = self.not();
        let range = self.draw.chance(0.4);
        let value = if range {
            format!("{low}:{high}")
        } else {
            low.to_string()
        };
        let _ = write!(rule.text, " -m {name} {not}{option} {value}");
        let edge = if range && self.draw.chance(0.5) {
            high
        } else {
            low
        };
        rule.hints.push(if option == "--sport" {
            Hint::SourcePort(edge)
        } else {
            Hint::DestinationPort(edge)
        });
    }

    fn multiport(&mut self, rule: &mut Rule) {
        let mut values = Vec::new();
        for _ in 0..self.draw.between(1, 6) {
            let (low, high) = self.draw.ports();
            let range = self.draw.chance(0.3) && low < high;
            values.push(if range {
                format!("{low}:{high}")
            } else {
                low.to_string()
            });
            let edge = if range { high } else { low };
            rule.hints.push(Hint::DestinationPort(edge));
            if self.draw.chance(0.5) {
                rule.hints.push(Hint::SourcePort(low));
            }
        }
        let not = self.not();
        let option = self
            .draw
            .pick(&["--dports", "--dports", "--sports", "--ports"]);
        let _ = write!(
            rule.text,
            " -m multiport {not}{option} {}",
            values.join(",")
        );
    }

    fn icmp_match(&mut self, rule: &mut Rule) {
        if self.draw.chance(0.2) {
            return;
        }
        let (value, kind, code) = match self.draw.family {
            Family::V4 => self.draw.pick(&[
                ("8", 8, 0),
                ("0", 0, 0),
                ("3/4", 3, 4),
                ("3", 3, 1),
                ("11", 11, 0),
                ("13", 13, 0),
                ("any", 8, 0),
                ("8/3", 8, 3),
            ]),
            Family::V6 => self.draw.pick(&[
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
        let (module, option) = match self.draw.family {
            Family::V4 => ("icmp", "--icmp-type"),
            Family::V6 => ("icmp6", "--icmpv6-type"),
        };
        let not = if value == "any" { "" } else { self.not() };
        let _ = write!(rule.text, " -m {module} {not}{option} {value}");
        rule.hints.push(Hint::Icmp(kind, code));
    }
}
