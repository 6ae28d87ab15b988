//! What is understood of statements, and what software writes tables of its own.

use crate::dialect::iptables::{MATCHES, Support, TARGETS};
use crate::dialect::nft::syntax::{ExprKind, Family, ObjectKind, SetOp, StatementKind};

/// A statement or expression and how well it is understood. One that is not in the tables is
/// unrecognised: the rest of its rule is *unknown*, with a diagnostic.
#[derive(Debug, Clone, Copy)]
pub struct NftSupport {
    /// As nft(8) writes it.
    pub name: &'static str,
    /// How well.
    pub state: Support,
    /// Conditions and reasons.
    pub note: &'static str,
}

const fn row(name: &'static str, state: Support, note: &'static str) -> NftSupport {
    NftSupport { name, state, note }
}

/// Statements by name.
pub static STATEMENTS: &[NftSupport] = &[
    row(
        "accept, drop, return, continue, jump, goto",
        Support::Full,
        "",
    ),
    row("comment", Support::NoEffect, "kept with the rule"),
    row("counter, last, log", Support::NoEffect, ""),
    row(
        "ct count",
        Support::NotModelled,
        "depends on other connections",
    ),
    row(
        "ct helper/timeout/expectation/event/label/zone set",
        Support::NoEffect,
        "states are taken as connection tracking gives them",
    ),
    row(
        "ct mark set",
        Support::Conditional,
        "from constants, marks and maps",
    ),
    row(
        "dnat, snat",
        Support::Conditional,
        "ranges: one of several values, nobody knows which",
    ),
    row("dup", Support::NoEffect, "sends a copy"),
    row(
        "flow add",
        Support::NoEffect,
        "later packets of the flow may bypass the rules",
    ),
    row("fwd", Support::NotModelled, "hands the frame to a device"),
    row("limit", Support::NotModelled, "depends on earlier packets"),
    row(
        "masquerade, redirect",
        Support::Conditional,
        "exact where the host's addresses are given",
    ),
    row(
        "meta mark set",
        Support::Conditional,
        "from constants, marks and maps; numgen and hashes up to 64 values",
    ),
    row(
        "meta priority/nftrace/pkttype set",
        Support::NoEffect,
        "what was set is unknown to later matches",
    ),
    row("meter", Support::NotModelled, "depends on earlier packets"),
    row("notrack", Support::Full, ""),
    row(
        "payload set",
        Support::Conditional,
        "addresses, ports and protocol: not modelled; other fields are unknown then",
    ),
    row(
        "queue",
        Support::NotModelled,
        "hands the packet to a program",
    ),
    row("quota", Support::NotModelled, "depends on earlier packets"),
    row("reject", Support::Full, ""),
    row(
        "set add, update",
        Support::NotModelled,
        "goes on unless the set is full",
    ),
    row(
        "set delete",
        Support::NoEffect,
        "the set's members are unknown then",
    ),
    row(
        "synproxy",
        Support::NotModelled,
        "answers in the server's place",
    ),
    row(
        "tproxy",
        Support::NotModelled,
        "hands the packet to a local socket",
    ),
    row("vmap", Support::Full, ""),
    row(
        "xt match, xt target",
        Support::NotModelled,
        "nft does not say what they do: give iptables-save as well",
    ),
];

/// Expressions by name.
pub static EXPRESSIONS: &[NftSupport] = &[
    row("arp …", Support::Full, "no IP packet has it"),
    row(
        "ct bytes, packets, expiration, helper, zone, label, id, avgpkt",
        Support::NotModelled,
        "depends on the connection's history",
    ),
    row(
        "ct mark, l3proto, protocol, direction, state",
        Support::Full,
        "",
    ),
    row(
        "ct original/reply saddr, daddr, proto-src, proto-dst",
        Support::Conditional,
        "not of ICMP errors",
    ),
    row(
        "ct status",
        Support::Conditional,
        "snat, dnat; other bits as far as the state determines them",
    ),
    row(
        "dccp type, dccp option",
        Support::NotModelled,
        "depends on bytes that the packet model does not hold",
    ),
    row("ether saddr, ether type", Support::Full, ""),
    row("exthdr … exists", Support::Full, "except rt0, rt2 and srh"),
    row(
        "exthdr fields",
        Support::NotModelled,
        "depends on bytes that the packet model does not hold",
    ),
    row(
        "fib",
        Support::Conditional,
        "exact where the host's addresses and routes are given",
    ),
    row("icmp, icmpv6 type, code", Support::Full, ""),
    row(
        "ip option, tcp option, sctp chunk",
        Support::NotModelled,
        "depends on bytes that the packet model does not hold",
    ),
    row(
        "ip saddr, daddr, protocol, ttl, dscp, ecn, length, version, frag-off",
        Support::Conditional,
        "frag-off: first fragments against later ones",
    ),
    row(
        "ip6 saddr, daddr, nexthdr, hoplimit, dscp, ecn, length, version",
        Support::Full,
        "",
    ),
    row(
        "ipsec, osf, rt, socket",
        Support::NotModelled,
        "depends on the host's routing, sockets or hardware",
    ),
    row(
        "jhash, symhash, numgen",
        Support::Conditional,
        "which value is open; some value it is",
    ),
    row(
        "meta cpu, cgroup, time, day, hour, iifgroup, iiftype, priority",
        Support::NotModelled,
        "depends on the host or on time",
    ),
    row(
        "meta iif, oif, iifname, oifname",
        Support::Full,
        "by number: unknown",
    ),
    row(
        "meta mark, l4proto, nfproto, protocol, length, pkttype",
        Support::Full,
        "",
    ),
    row(
        "meta skuid, skgid",
        Support::Conditional,
        "where the host sends",
    ),
    row(
        "raw payload (@nh, @th, @ll)",
        Support::Conditional,
        "where it is, or is part of, a field that is modelled",
    ),
    row(
        "tcp, udp, udplite, sctp, dccp, th sport, dport",
        Support::Full,
        "th: unknown for protocols without ports",
    ),
    row("tcp flags", Support::Full, ""),
    row(
        "other header fields",
        Support::NotModelled,
        "depends on bytes that the packet model does not hold",
    ),
];

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
