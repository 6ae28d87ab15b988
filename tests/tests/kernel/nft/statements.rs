//! What rules do.

use super::{Generator, Place, Rule, TableFamily};
use portwright::net::Family;

impl Generator<'_> {
    pub(super) fn statements(&mut self, place: &Place, rule: &mut Rule) {
        if self.draw.chance(0.2) {
            rule.add("counter");
        }
        if self.draw.chance(0.05) {
            rule.add("log prefix \"x y\"");
        }
        if self.draw.chance(0.12) && place.kind != "nat" {
            self.change(place, rule);
        }
        if place.kind == "nat" {
            return self.translation(place, rule);
        }
        let verdicts = match self.draw.between(0, 15) {
            0..=3 => "accept",
            4..=6 => "drop",
            7 | 8 => return self.reject(place, rule),
            9 | 10 if !place.below.is_empty() => {
                let chain = self.draw.pick(&place.below);
                let how = self.draw.pick(&["jump", "jump", "goto"]);
                rule.add(&format!("{how} {chain}"));
                return;
            }
            11 | 12 => return self.verdict_map(place, rule),
            13 => "return",
            14 => "continue",
            _ => "counter",
        };
        rule.add(verdicts);
    }

    /// Changes something and goes on.
    fn change(&mut self, place: &Place, rule: &mut Rule) {
        if place.hook == "prerouting"
            && place.priority < -200
            && !self.stateless
            && self.draw.chance(0.4)
        {
            rule.add("notrack");
            return;
        }
        // Elsewhere there may be no connection yet.
        let tracked = !self.stateless && place.priority > -199 && !place.hook.is_empty();
        match self.draw.between(0, 7) {
            0 | 1 => rule.add("meta mark set 0x1"),
            2 => rule.add("meta mark set meta mark | 0x10"),
            3 => rule.add("meta mark set meta mark & 0xfffffff0"),
            4 => rule.add("meta mark set meta mark ^ 0x3"),
            5 if tracked => rule.add("ct mark set 0x4"),
            6 if tracked => rule.add("ct mark set meta mark"),
            7 if tracked => rule.add("meta mark set ct mark"),
            _ => self.mark_map(place, rule),
        }
    }

    fn reject(&mut self, place: &Place, rule: &mut Rule) {
        if matches!(place.hook, "postrouting" | "prerouting") {
            rule.add("drop");
            return;
        }
        let any = ["reject", "reject with tcp reset"];
        let v4 = [
            "reject with icmp type host-prohibited",
            "reject with icmp type port-unreachable",
        ];
        let v6 = [
            "reject with icmpv6 type admin-prohibited",
            "reject with icmpv6 type no-route",
        ];
        let mut kinds: Vec<&str> = any.to_vec();
        if rule.family != Some(Family::V6) {
            kinds.extend(v4);
        }
        if rule.family != Some(Family::V4) {
            kinds.extend(v6);
        }
        if place.family == TableFamily::Inet {
            kinds.push("reject with icmpx type admin-prohibited");
        }
        let mut text = self.draw.pick(&kinds);
        // A reset answers TCP only, which a rule about something else contradicts.
        let other =
            rule.ports || rule.has("l4proto") || rule.has("protocol") || rule.has("nexthdr");
        if text.ends_with("reset") && other {
            text = "reject";
        }
        rule.add(text);
    }

    fn translation(&mut self, place: &Place, rule: &mut Rule) {
        let family = self.settle(rule);
        let protocol = ["tcp", "udp"].iter().find(|name| {
            let ports = [format!("{name} dport"), format!("{name} sport")];
            ports.iter().any(|ports| rule.has(ports))
        });
        let port = self.draw.port();
        let (layer, address) = match family {
            Family::V4 => {
                let hosts = ["192.168.1.50", "192.168.1.1", "172.17.0.5", "10.0.0.77"];
                ("ip", self.draw.pick(&hosts).to_owned())
            }
            Family::V6 => {
                let hosts = ["2001:db8:0:2::50", "2001:db8:0:2::1", "2001:db8:3::77"];
                ("ip6", self.draw.pick(&hosts).to_owned())
            }
        };
        // A table of both families needs the family named in front of the rule.
        if place.family == TableFamily::Inet && !rule.has("addr") {
            let name = if family == Family::V4 { "ipv4" } else { "ipv6" };
            if !rule.has("nfproto") {
                rule.text = format!("meta nfproto {name} {}", rule.text);
            }
        }
        let with_port = protocol.is_some() && self.draw.chance(0.5);
        let to = match (with_port, family) {
            (false, _) => address,
            (true, Family::V4) => format!("{address}:{port}"),
            (true, Family::V6) => format!("[{address}]:{port}"),
        };
        let to_layer = if place.family == TableFamily::Inet {
            format!(" {layer}")
        } else {
            String::new()
        };
        let text = match self.draw.between(0, 5) {
            0..=2 => format!("dnat{to_layer} to {to}"),
            3 if with_port => format!("redirect to :{port}"),
            3 => "redirect".to_owned(),
            4 => "accept".to_owned(),
            _ => "return".to_owned(),
        };
        rule.add(&text);
    }
}
