//! What is understood of statements, and what software writes tables of its own.

use crate::dialect::iptables::{MATCHES, Support, TARGETS};
use crate::dialect::nft::syntax::{ExprKind, Family, ObjectKind, SetOp, StatementKind};

/// What a statement without a rule of its own does to a verdict.
pub(super) enum Effect {
    /// Nothing.
    None,
    /// May decide, in a way that is not modelled.
    Decides(&'static str),
}

/// Statements that are not lowered one by one.
pub(super) fn of_statement(statement: &StatementKind) -> Effect {
    match statement {
        StatementKind::Tproxy { .. } => Effect::Decides("tproxy"),
        StatementKind::Queue { .. } => Effect::Decides("queue"),
        StatementKind::Fwd { .. } => Effect::Decides("fwd"),
        StatementKind::Synproxy(_) => Effect::Decides("synproxy"),
        _ => Effect::None,
    }
}

/// Whether it depends on earlier packets if the rule goes on behind a statement, and what it is
/// called then.
pub(super) fn depends_on_history(statement: &StatementKind) -> Option<&'static str> {
    match statement {
        StatementKind::Limit(_) => Some("`limit`"),
        StatementKind::Quota(_) => Some("`quota`"),
        StatementKind::CtCount { .. } => Some("`ct count`"),
        StatementKind::UseObject { kind, .. } => match kind {
            ObjectKind::Limit => Some("`limit name`"),
            ObjectKind::Quota => Some("`quota name`"),
            ObjectKind::Synproxy => Some("`synproxy name`"),
            _ => None,
        },
        // A full set refuses elements, and the rule ends.
        StatementKind::SetUpdate {
            op: SetOp::Delete, ..
        } => None,
        StatementKind::SetUpdate { .. } => Some("whether the set takes the element"),
        StatementKind::Meter { .. } => Some("`meter`"),
        _ => None,
    }
}

/// `KEY set`: what changes nothing that rules look at, or what is looked at as not known then.
pub(super) fn is_harmless_change(key: &ExprKind) -> bool {
    match key {
        ExprKind::Meta(key) => matches!(
            *key,
            "priority" | "nftrace" | "pkttype" | "secmark" | "cgroup" | "rtclassid"
        ),
        ExprKind::Ct { .. } => true,
        ExprKind::TcpOption { .. } | ExprKind::RawTcpOption { .. } => true,
        ExprKind::Exthdr { .. } | ExprKind::IpOption { .. } => true,
        ExprKind::Payload {
            protocol, field, ..
        } => match *protocol {
            "ip" | "ip6" => !matches!(
                *field,
                "saddr" | "daddr" | "protocol" | "nexthdr" | "frag-off" | "version" | "hdrlength"
            ),
            "ether" | "vlan" => true,
            _ => !matches!(*field, "sport" | "dport" | "flags" | "type" | "code"),
        },
        _ => false,
    }
}

/// Whether software marks its rules in others' chains with such a comment: Calico's Felix writes
/// `cali:` and a hash.
pub(super) fn is_generated_comment(comment: &str) -> bool {
    comment.starts_with("cali:")
}

/// Tables that software writes and keeps: kube-proxy, Calico, Cilium, Docker, libvirt, Podman,
/// fail2ban, CrowdSec.
const GENERATED: &[(Option<Family>, &str)] = &[
    (None, "kube-proxy"),
    (None, "calico"),
    (None, "cilium"),
    (None, "docker-bridges"),
    (None, "libvirt_network"),
    (None, "netavark"),
    (None, "f2b-table"),
    (None, "crowdsec"),
    (None, "crowdsec6"),
];

/// Whether software writes a table.
pub(super) fn is_generated(family: Family, name: &str) -> bool {
    GENERATED
        .iter()
        .any(|(of, known)| *known == name && of.is_none_or(|of| of == family))
}

/// Whether an iptables extension is known to have no effect on a verdict.
pub(super) fn is_without_effect(name: &str, is_match: bool) -> bool {
    if is_match {
        MATCHES
            .iter()
            .any(|row| row.name == name && matches!(row.state, Support::NoEffect))
    } else {
        TARGETS
            .iter()
            .any(|row| row.name == name && matches!(row.state, Support::NoEffect))
    }
}
