//! Classic mistakes: a rule that names the wrong protocol for what it is evidently meant for.
//!
//! Material: public firewall code (see the errata): `4/tcp` for IP-in-IP, `ipip` meaning 94,
//! `4789/tcp` for VXLAN, WireGuard as TCP.

use crate::analysis::Finding;
use crate::analysis::audit::Audit;
use crate::analysis::audit::line::{Line, name};
use crate::diagnostic::mistake as codes;
use crate::firewall::{Action, Rule};
use crate::net::Protocol;
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
    tunnel(Protocol::UDP, 179, "BGP", "TCP 179"),
    tunnel(Protocol::TCP, 3784, "BFD", "UDP 3784"),
    tunnel(Protocol::TCP, 3785, "BFD echo", "UDP 3785"),
    tunnel(Protocol::UDP, 2379, "etcd", "TCP 2379"),
    tunnel(Protocol::UDP, 2380, "etcd", "TCP 2380"),
    tunnel(Protocol::UDP, 6443, "the Kubernetes API", "TCP 6443"),
    tunnel(Protocol::UDP, 10250, "kubelet", "TCP 10250"),
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

/// A finding about a line that names the wrong protocol.
pub(super) fn wrong_protocol(audit: &Audit<'_, '_>, line: &Line) -> Option<Finding> {
    let part = line.parts.first().copied()?;
    let rules = audit.subject.firewall.rules(part.family);
    let mistake = mistake_of(rules.rule(part.id)?)?;
    let message = format!(
        "this rule permits {}, which is not {}: that is {}{}",
        named(mistake),
        mistake.meant,
        mistake.right,
        mistake.because
    );
    let mut finding = Finding::new(&codes::WRONG_PROTOCOL, part.family, message);
    finding.rule = Some(part.id);
    finding.place(line.span, name(rules, part.id));
    finding.help = Some(format!("permit {} instead", mistake.right));
    Some(finding)
}

/// Whether a rule is a classic mistake: then what it permits is not also reported as excess.
pub(in crate::analysis) fn is_mistaken(rule: &Rule) -> bool {
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
