//! Classic mistakes: a rule that names the wrong protocol for what it is evidently meant for.
//!
//! Material: public firewall code (see the errata): `4/tcp` for IP-in-IP, `ipip` meaning 94,
//! `4789/tcp` for VXLAN, WireGuard as TCP.

use super::finding::Finding;
use super::point::Point;
use crate::diagnostic::mistake as codes;
use crate::firewall::{Action, Rule, RuleId};
use crate::net::{Family, Protocol};
use crate::packet::{ByteSet, Ranges};

/// A mistake that a rule's match gives away.
struct Mistake {
    /// The protocol that the rule names.
    protocol: Protocol,
    /// The only destination port that it names; none for a rule without ports.
    port: Option<u16>,
    /// What it was meant for.
    meant: &'static str,
    /// What is right.
    right: &'static str,
    /// Where the mistake comes from; may be empty.
    because: &'static str,
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        protocol: Protocol::IPIP_94,
        port: None,
        meant: "IP-in-IP (Calico IPIP)",
        right: "IP protocol 4 (`-p 4`, `ipencap`)",
        because: "; `ipip` in /etc/protocols is 94, which nothing uses",
    },
    tunnel(
        Protocol::TCP,
        4,
        "IP-in-IP (Calico IPIP)",
        "IP protocol 4 (`-p 4`), which is no port",
    ),
    tunnel(
        Protocol::UDP,
        4,
        "IP-in-IP (Calico IPIP)",
        "IP protocol 4 (`-p 4`), which is no port",
    ),
    tunnel(Protocol::TCP, 4789, "VXLAN", "UDP 4789"),
    tunnel(Protocol::TCP, 8472, "VXLAN", "UDP 8472"),
    tunnel(Protocol::TCP, 6081, "Geneve", "UDP 6081"),
    tunnel(Protocol::TCP, 51820, "WireGuard", "UDP 51820"),
    tunnel(Protocol::TCP, 51821, "WireGuard", "UDP 51821"),
    tunnel(Protocol::TCP, 51871, "WireGuard (Cilium)", "UDP 51871"),
];

const fn tunnel(
    protocol: Protocol,
    port: u16,
    meant: &'static str,
    right: &'static str,
) -> Mistake {
    Mistake {
        protocol,
        port: Some(port),
        meant,
        right,
        because: "",
    }
}

/// All such rules of a firewall.
#[must_use]
pub fn mistakes(point: &Point<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for family in Family::ALL {
        let rules = point.firewall.rules(family);
        for (chain_id, chain) in rules.iter() {
            for (index, rule) in (0..).zip(&chain.rules) {
                let id = RuleId {
                    chain: chain_id,
                    index,
                };
                let Some(mistake) = mistake_of(rule).filter(|_| !rules.is_generated(id)) else {
                    continue;
                };
                let message = format!(
                    "this rule permits {}, which is not {}: that is {}{}",
                    named(mistake),
                    mistake.meant,
                    mistake.right,
                    mistake.because
                );
                let mut finding = Finding::new(&codes::WRONG_PROTOCOL, family, message);
                finding.rule = Some(id);
                let number = rule.number;
                finding.place(
                    rule.span,
                    format!("rule {number} of {}/{}", chain.table, chain.name),
                );
                finding.help = Some(format!("permit {} instead", mistake.right));
                findings.push(finding);
            }
        }
    }
    findings
}

/// Whether a rule is a classic mistake: then what it permits is not also reported as excess.
pub(super) fn is_mistaken(rule: &Rule) -> bool {
    mistake_of(rule).is_some()
}

fn mistake_of(rule: &Rule) -> Option<&'static Mistake> {
    if rule.action != Action::Accept || rule.matches.is_empty() {
        return None;
    }
    MISTAKES.iter().find(|mistake| {
        rule.matches.iter().all(|cube| {
            let ports = match mistake.port {
                Some(port) => cube.destination_port == Ranges::single(port),
                None => true,
            };
            ports && cube.protocol == ByteSet::single(mistake.protocol.0)
        })
    })
}

fn named(mistake: &Mistake) -> String {
    match mistake.port {
        Some(port) => format!("{} port {port}", mistake.protocol),
        None => format!("IP protocol {}", mistake.protocol.0),
    }
}
