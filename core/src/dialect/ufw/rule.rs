//! One rule of ufw as the lines of iptables that ufw makes of it.

use crate::net::Family;

/// Where packets are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the host.
    In,
    /// From the host.
    Out,
    /// Through the host.
    Routed,
}

/// What happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Allow,
    Deny,
    Reject,
    Limit,
}

/// One end of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Side {
    /// Address or network.
    pub address: Option<String>,
    /// Ports as iptables writes them.
    pub ports: Option<String>,
    /// Name of a profile.
    pub profile: Option<String>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub family: Family,
    pub direction: Direction,
    pub verb: Verb,
    /// `log`: new connections are logged; `log-all`: every packet. Neither decides.
    pub log: Option<&'static str>,
    pub protocol: Option<String>,
    pub to: Side,
    pub from: Side,
    pub arrives: Option<String>,
    pub leaves: Option<String>,
}

/// Beginning of the names of a family's chains.
pub(super) fn prefix(family: Family) -> &'static str {
    match family {
        Family::V4 => "ufw",
        Family::V6 => "ufw6",
    }
}

impl Rule {
    /// The end of the names of the chains that it stands in.
    pub(super) fn suffix(&self) -> &'static str {
        match self.direction {
            Direction::In => "input",
            Direction::Out => "output",
            Direction::Routed => "forward",
        }
    }

    /// The chain that it stands in.
    pub(super) fn chain(&self) -> String {
        format!("{}-user-{}", prefix(self.family), self.suffix())
    }

    /// Its lines, in order.
    pub(super) fn lines(&self) -> Vec<String> {
        let with_ports = self.to.ports.is_some() || self.from.ports.is_some();
        let protocols: Vec<Option<&str>> = match (&self.protocol, with_ports) {
            (Some(protocol), _) => vec![Some(protocol)],
            (None, true) => vec![Some("tcp"), Some("udp")],
            (None, false) => vec![None],
        };
        let mut out = Vec::new();
        for protocol in protocols {
            self.of_protocol(protocol, &mut out);
        }
        out
    }

    fn of_protocol(&self, protocol: Option<&str>, out: &mut Vec<String>) {
        let (chain, suffix) = (self.chain(), self.suffix());
        let prefix = prefix(self.family);
        let matches = self.matches(protocol);
        if let Some(log) = self.log {
            let logging = format!("{prefix}-user-logging-{suffix}");
            let new = match log {
                "log" => " -m conntrack --ctstate NEW",
                _ => "",
            };
            out.push(format!(
                "-A {logging}{matches}{new} -m limit --limit 3/min --limit-burst 10 -j LOG"
            ));
            out.push(format!("-A {logging}{matches} -j RETURN"));
            out.push(format!("-A {chain}{matches} -j {logging}"));
        }
        let target = match self.verb {
            Verb::Allow => "ACCEPT".to_owned(),
            Verb::Deny => "DROP".to_owned(),
            Verb::Reject if protocol == Some("tcp") => "REJECT --reject-with tcp-reset".to_owned(),
            Verb::Reject => "REJECT".to_owned(),
            Verb::Limit => {
                let recent = format!("-A {chain}{matches} -m conntrack --ctstate NEW -m recent");
                out.push(format!("{recent} --set"));
                out.push(format!(
                    "{recent} --update --seconds 30 --hitcount 6 -j {prefix}-user-limit"
                ));
                format!("{prefix}-user-limit-accept")
            }
        };
        out.push(format!("-A {chain}{matches} -j {target}"));
    }

    fn matches(&self, protocol: Option<&str>) -> String {
        let mut text = String::new();
        let mut add = |option: &str, value: Option<&str>| {
            if let Some(value) = value {
                text.push_str(&format!(" {option} {value}"));
            }
        };
        add("-i", self.arrives.as_deref());
        add("-o", self.leaves.as_deref());
        add("-p", protocol);
        let (to, from) = (self.to.ports.as_deref(), self.from.ports.as_deref());
        let several = |ports: Option<&str>| ports.is_some_and(|p| p.contains([',', ':']));
        if several(to) || several(from) {
            add("-m multiport --dports", to);
            add("-m multiport --sports", from);
            add("-d", self.to.address.as_deref());
            add("-s", self.from.address.as_deref());
        } else {
            add("-d", self.to.address.as_deref());
            add("--dport", to);
            add("-s", self.from.address.as_deref());
            add("--sport", from);
        }
        text
    }
}
