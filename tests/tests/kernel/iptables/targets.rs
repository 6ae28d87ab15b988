//! Targets.

use super::{Generator, Place, Rule};
use portwright::net::Family;
use std::fmt::Write as _;

impl Generator<'_> {
    pub(super) fn target(&mut self, place: &Place, rule: &mut Rule) {
        let below = if place.below.is_empty() {
            None
        } else {
            Some(self.draw.pick(&place.below))
        };
        let choice = self.draw.between(0, 19);
        let target = match (place.table, choice, below) {
            (_, 0..=4, Some(chain)) => format!("-j {chain}"),
            (_, 5, Some(chain)) => format!("-g {chain}"),
            (_, 6 | 7, _) => "-j RETURN".to_owned(),
            (_, 8, _) => "-j LOG --log-prefix \"x \"".to_owned(),
            (_, 9, _) => String::new(),
            ("filter", 10 | 11, _) => self.reject(rule.protocol),
            ("filter", 12..=15, _) => "-j DROP".to_owned(),
            ("mangle", 10..=17, _) => self.mark_target(),
            ("raw", 10..=13, _) if !self.stateless => self
                .draw
                .pick(&["-j CT --notrack", "-j NOTRACK"])
                .to_owned(),
            ("nat", 0..=17, _) => self.translation(place, rule.protocol),
            (_, 18 | 19, _) if place.table != "nat" => "-j DROP".to_owned(),
            _ => "-j ACCEPT".to_owned(),
        };
        let _ = write!(rule.text, " {target}");
    }

    fn reject(&mut self, protocol: Option<u8>) -> String {
        let kinds: &[&str] = match self.draw.family {
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
        if protocol == Some(6) && self.draw.chance(0.5) {
            return "-j REJECT --reject-with tcp-reset".to_owned();
        }
        format!("-j REJECT --reject-with {}", self.draw.pick(kinds))
    }

    fn mark_target(&mut self) -> String {
        if !self.stateless && self.draw.chance(0.4) {
            let value = self.draw.pick(&[
                "--set-mark 0x1",
                "--set-xmark 0x4/0xff",
                "--save-mark",
                "--restore-mark",
                "--save-mark --nfmask 0xf --ctmask 0xff",
                "--restore-mark --nfmask 0xff --ctmask 0xf",
                "--or-mark 0x10",
            ]);
            return format!("-j CONNMARK {value}");
        }
        let value = self.draw.pick(&[
            "--set-mark 0x1",
            "--set-xmark 0x4/0xff",
            "--or-mark 0x10",
            "--and-mark 0xfffffff0",
            "--xor-mark 0x3",
            "--set-xmark 0x3/0x1",
        ]);
        format!("-j MARK {value}")
    }

    fn translation(&mut self, place: &Place, protocol: Option<u8>) -> String {
        let ports = matches!(protocol, Some(6 | 17));
        let port = self.draw.port();
        let address = self.single();
        let with_port = ports && self.draw.chance(0.5);
        let to = match (with_port, self.draw.family) {
            (false, _) => address,
            (true, Family::V4) => format!("{address}:{port}"),
            (true, Family::V6) => format!("[{address}]:{port}"),
        };
        match (place.chain.as_str(), self.draw.between(0, 4)) {
            ("PREROUTING" | "OUTPUT", 0..=2) => format!("-j DNAT --to-destination {to}"),
            ("PREROUTING" | "OUTPUT", 3) if with_port => format!("-j REDIRECT --to-ports {port}"),
            ("PREROUTING" | "OUTPUT", 3) => "-j REDIRECT".to_owned(),
            ("POSTROUTING", 0) => "-j MASQUERADE".to_owned(),
            ("POSTROUTING" | "INPUT", 0..=3) => format!("-j SNAT --to-source {to}"),
            (_, _) if self.draw.family == Family::V4 => "-j NETMAP --to 10.0.0.0/24".to_owned(),
            _ => "-j ACCEPT".to_owned(),
        }
    }

    /// The address of a single host.
    fn single(&mut self) -> String {
        let choices: &[&str] = match self.draw.family {
            Family::V4 => &[
                "192.168.1.50",
                "192.168.1.1",
                "172.17.0.5",
                "198.51.100.7",
                "10.0.0.77",
                "10.8.0.9",
            ],
            Family::V6 => &[
                "2001:db8:0:2::50",
                "2001:db8:0:2::1",
                "fd00:17::5",
                "2001:db8:0:9::7",
                "2001:db8:3::77",
            ],
        };
        self.draw.pick(choices).to_owned()
    }
}
