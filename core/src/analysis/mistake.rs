//! Classic mistakes: a rule that names the wrong protocol for what it is evidently meant for.
//!
//! Material: public firewall code (see the errata): `4/tcp` for IP-in-IP, `ipip` meaning 94,
//! `4789/tcp` for VXLAN, WireGuard as TCP.

use super::Subject;
use super::finding::Finding;
use super::hygiene::name;
use crate::diagnostic::mistake as codes;
use crate::firewall::{Action, Hook, Rule, RuleId, Rules};
use crate::net::{Family, Protocol};
use crate::packet::{ByteSet, Cube, IfName, Ranges};
use crate::source::Span;

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
pub fn mistakes(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for family in Family::ALL {
        let rules = subject.firewall.rules(family);
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
                let number = index.saturating_add(1);
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

/// A finding about a rule that asks for an interface which no packet has where it stands; none when
/// that is not why nothing arrives at it.
pub(super) fn impossible_interface(
    rules: &Rules,
    span: Span,
    family: Family,
    at: RuleId,
) -> Option<Finding> {
    let (rule, chain) = (rules.rule(at)?, rules.chain(at.chain)?);
    let hook = chain.base?.hook;
    let lacks = |names: &Ranges<u128>| !names.contains(IfName::NONE.0) && !names.is_empty();
    let (side, lacking): (_, fn(&Cube) -> &Ranges<u128>) = match hook {
        Hook::Input | Hook::Prerouting => ("outgoing", |cube| &cube.out_interface),
        Hook::Output => ("incoming", |cube| &cube.in_interface),
        _ => return None,
    };
    if !rule.matches.iter().all(|cube| lacks(lacking(cube))) {
        return None;
    }
    let message = format!(
        "{} can never match: packets have no {side} interface at {hook}",
        name(rules, at)
    );
    let mut finding = Finding::new(&codes::IMPOSSIBLE_INTERFACE, family, message);
    finding.rule = Some(at);
    finding.place(span, "this rule");
    finding.help = Some(match side {
        "outgoing" => {
            "ask for the incoming interface, or move the rule to OUTPUT or FORWARD".into()
        }
        _ => "ask for the outgoing interface, or move the rule to INPUT or FORWARD".into(),
    });
    Some(finding)
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
