//! Matches of addresses, ports and concatenations.

use super::sets::Key;
use super::{Generator, Rule};
use crate::hint::{Hint, Hints};
use portwright::net::Family;

fn layer(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

/// Hints about a source, or turned into those about a destination.
fn turned(hints: &[Hint], source: bool) -> Hints {
    let one = |hint: &Hint| match *hint {
        Hint::Source(address) if !source => Hint::Destination(address),
        Hint::DestinationPort(port) if source => Hint::SourcePort(port),
        hint => hint,
    };
    hints.iter().map(one).collect()
}

impl Generator<'_> {
    pub(super) fn address_match(&mut self, rule: &mut Rule) {
        let family = self.settle(rule);
        let source = self.draw.chance(0.5);
        let side = if source { "saddr" } else { "daddr" };
        let not = self.not();
        let layer = layer(family);
        let (value, hints) = match self.draw.between(0, 3) {
            0 => {
                let (prefix, low, high) = self.draw.prefix();
                let edge = self.draw.pick(&[low, high]);
                (prefix, vec![Hint::Source(edge)])
            }
            1 => {
                let (low, high) = self.draw.span();
                let edge = self.draw.pick(&[low, high]);
                let (first, last) = (self.draw.show(low), self.draw.show(high));
                let text = if low == high {
                    first
                } else {
                    format!("{first}-{last}")
                };
                (text, vec![Hint::Source(edge)])
            }
            _ => self.set_of(Key::Address(family)),
        };
        rule.add(&format!("{layer} {side} {not}{value}"));
        rule.hints.extend(turned(&hints, source));
    }

    pub(super) fn port_match(&mut self, rule: &mut Rule) {
        if rule.ports {
            return;
        }
        rule.ports = true;
        let source = self.draw.chance(0.25);
        let side = if source { "sport" } else { "dport" };
        let choices = [
            ("tcp", 6),
            ("tcp", 6),
            ("tcp", 6),
            ("udp", 17),
            ("udp", 17),
            ("sctp", 132),
            ("dccp", 33),
            ("udplite", 136),
            ("th", 17),
            ("th", 6),
        ];
        let (name, number) = self.draw.pick(&choices);
        if name == "th" {
            let set = self
                .draw
                .pick(&["{ tcp, udp }", "tcp", "{ udp, sctp, tcp }"]);
            rule.add(&format!("meta l4proto {set}"));
        }
        rule.hints.push(Hint::Protocol(number));
        let not = self.not();
        let (low, high) = self.draw.ports();
        let (value, hints) = match self.draw.between(0, 4) {
            0 | 1 => (low.to_string(), vec![Hint::DestinationPort(low)]),
            2 if low < high => {
                let edge = self.draw.pick(&[low, high]);
                (format!("{low}-{high}"), vec![Hint::DestinationPort(edge)])
            }
            3 if not.is_empty() => {
                let operator = self.draw.pick(&["<", ">", "<=", ">="]);
                let port = high.clamp(1, 65_534);
                (
                    format!("{operator} {port}"),
                    vec![Hint::DestinationPort(port)],
                )
            }
            _ => self.set_of(Key::Port),
        };
        rule.add(&format!("{name} {side} {not}{value}"));
        rule.hints.extend(turned(&hints, source));
    }

    pub(super) fn concatenation(&mut self, rule: &mut Rule) {
        if rule.ports {
            return;
        }
        let (key, text, protocol) = match self.draw.between(0, 2) {
            0 => {
                let family = self.settle(rule);
                let side = self.draw.pick(&["saddr", "daddr"]);
                let protocol = self.draw.pick(&[("tcp", 6), ("udp", 17)]);
                let text = format!("{} {side} . {} dport", layer(family), protocol.0);
                (Key::AddressPort(family), text, Some(protocol.1))
            }
            1 => {
                let text = "meta l4proto . th dport".to_owned();
                (Key::ProtocolPort, text, None)
            }
            _ => {
                let family = self.settle(rule);
                let side = self.draw.pick(&["saddr", "daddr"]);
                let text = format!("iifname . {} {side}", layer(family));
                (Key::InterfaceAddress(family), text, None)
            }
        };
        rule.ports = true;
        let not = self.not();
        let (value, hints) = self.set_of(key);
        rule.add(&format!("{text} {not}{value}"));
        rule.hints.extend(protocol.map(Hint::Protocol));
        rule.hints
            .extend(
                turned(&hints, !text.contains("daddr"))
                    .into_iter()
                    .map(|hint| match hint {
                        Hint::SourcePort(port) => Hint::DestinationPort(port),
                        hint => hint,
                    }),
            );
    }
}
