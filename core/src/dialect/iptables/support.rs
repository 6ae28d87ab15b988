//! What is understood of every match and target: one table each.

use std::fmt;

/// How well a match or target is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Exactly.
    Full,
    /// Exactly under the conditions that the note names, else *unknown*.
    Conditional,
    /// Recognised: packets may match or not, so answers that depend on it are *unknown*.
    NotModelled,
    /// Recognised: has no effect on a verdict.
    NoEffect,
}

/// A match and how well it is understood. One that is not in the table is the fifth state:
/// unrecognised, *unknown* with a diagnostic.
#[derive(Debug, Clone, Copy)]
pub struct MatchSupport {
    /// Name behind `-m`.
    pub name: &'static str,
    /// How well.
    pub state: Support,
    /// Conditions and reasons.
    pub note: &'static str,
    /// Options by which an option is known to belong to this match; empty: not listed.
    options: &'static [&'static str],
    /// Whether the same packet gets the same answer every time: then two rules with the same
    /// text share one predicate.
    pub stable: bool,
}

/// A target and how well it is understood.
#[derive(Debug, Clone, Copy)]
pub struct TargetSupport {
    /// Name behind `-j`.
    pub name: &'static str,
    /// How well.
    pub state: Support,
    /// Conditions and reasons.
    pub note: &'static str,
}

const PORTS: &[&str] = &["--sport", "--source-port", "--dport", "--destination-port"];

const fn full(name: &'static str, options: &'static [&'static str]) -> MatchSupport {
    MatchSupport {
        name,
        state: Support::Full,
        note: "",
        options,
        stable: true,
    }
}

const fn partly(
    name: &'static str,
    note: &'static str,
    options: &'static [&'static str],
) -> MatchSupport {
    MatchSupport {
        name,
        state: Support::Conditional,
        note,
        options,
        stable: true,
    }
}

const fn stable(name: &'static str, note: &'static str) -> MatchSupport {
    MatchSupport {
        name,
        state: Support::NotModelled,
        note,
        options: &[],
        stable: true,
    }
}

const fn varying(name: &'static str, note: &'static str) -> MatchSupport {
    MatchSupport {
        name,
        state: Support::NotModelled,
        note,
        options: &[],
        stable: false,
    }
}

const BYTES: &str = "depends on bytes that the packet model does not hold";
const RATE: &str = "depends on earlier packets or on time";
const HOST: &str = "depends on the host's routing, sockets or hardware";
const FLOW: &str = "depends on the connection's history";

/// All matches that are recognised, by name.
pub const MATCHES: &[MatchSupport] = &[
    partly(
        "addrtype",
        "exact for MULTICAST; for the rest where the host's addresses are known",
        &[
            "--src-type",
            "--dst-type",
            "--limit-iface-in",
            "--limit-iface-out",
        ],
    ),
    stable("ah", BYTES),
    stable("bpf", BYTES),
    stable("cgroup", HOST),
    varying("cluster", FLOW),
    MatchSupport {
        name: "comment",
        state: Support::NoEffect,
        note: "kept with the rule",
        options: &["--comment"],
        stable: true,
    },
    varying("condition", HOST),
    varying("connbytes", FLOW),
    varying("connlabel", FLOW),
    varying("connlimit", RATE),
    varying("connmark", FLOW),
    partly(
        "conntrack",
        "state and direction; the other options and the states SNAT and DNAT are unknown",
        &[
            "--ctstate",
            "--ctdir",
            "--ctproto",
            "--ctorigsrc",
            "--ctorigdst",
            "--ctreplsrc",
            "--ctrepldst",
            "--ctorigsrcport",
            "--ctorigdstport",
            "--ctreplsrcport",
            "--ctrepldstport",
            "--ctstatus",
            "--ctexpire",
        ],
    ),
    varying("cpu", HOST),
    partly(
        "dccp",
        "ports; packet types and options are unknown",
        &[
            "--sport",
            "--source-port",
            "--dport",
            "--destination-port",
            "--dccp-types",
            "--dccp-option",
        ],
    ),
    stable("devgroup", HOST),
    stable("dscp", BYTES),
    stable("dst", BYTES),
    stable("ecn", BYTES),
    stable("esp", BYTES),
    stable("eui64", BYTES),
    stable("frag", BYTES),
    varying("fuzzy", RATE),
    stable("geoip", BYTES),
    varying("hashlimit", RATE),
    stable("hbh", BYTES),
    varying("helper", FLOW),
    stable("hl", BYTES),
    full("icmp", &["--icmp-type"]),
    full("icmp6", &["--icmpv6-type"]),
    full("icmpv6", &["--icmpv6-type"]),
    stable("ipcomp", BYTES),
    full("iprange", &["--src-range", "--dst-range"]),
    stable("ipv6header", BYTES),
    varying("ipvs", FLOW),
    varying("layer7", FLOW),
    stable("length", BYTES),
    varying("limit", RATE),
    stable("mac", BYTES),
    full("mark", &["--mark"]),
    stable("mh", BYTES),
    full(
        "multiport",
        &[
            "--sports",
            "--source-ports",
            "--dports",
            "--destination-ports",
            "--ports",
            "--port",
        ],
    ),
    varying("nfacct", RATE),
    varying("nth", RATE),
    stable("osf", BYTES),
    stable("owner", HOST),
    stable("physdev", HOST),
    stable("pkttype", HOST),
    stable("policy", HOST),
    varying("psd", RATE),
    varying("quota", RATE),
    varying("quota2", RATE),
    varying("random", RATE),
    varying("rateest", RATE),
    stable("realm", HOST),
    varying("recent", RATE),
    stable("rpfilter", HOST),
    stable("rt", BYTES),
    partly(
        "sctp",
        "ports; chunk types are unknown",
        &[
            "--sport",
            "--source-port",
            "--dport",
            "--destination-port",
            "--chunk-types",
        ],
    ),
    partly(
        "set",
        "needs the `ipset save` export; counters and MAC sets are unknown",
        &[
            "--match-set",
            "--set",
            "--return-nomatch",
            "--update-counters",
            "--update-subcounters",
            "--packets-eq",
            "--packets-lt",
            "--packets-gt",
            "--bytes-eq",
            "--bytes-lt",
            "--bytes-gt",
        ],
    ),
    varying("socket", HOST),
    full("state", &["--state"]),
    varying("statistic", RATE),
    stable("string", BYTES),
    partly(
        "tcp",
        "ports and flags; TCP options are unknown",
        &[
            "--sport",
            "--source-port",
            "--dport",
            "--destination-port",
            "--tcp-flags",
            "--syn",
            "--tcp-option",
        ],
    ),
    stable("tcpmss", BYTES),
    varying("time", RATE),
    stable("tos", BYTES),
    stable("ttl", BYTES),
    stable("u32", BYTES),
    full("udp", PORTS),
    full("udplite", PORTS),
];

const fn target(name: &'static str, state: Support, note: &'static str) -> TargetSupport {
    TargetSupport { name, state, note }
}

const ASIDE: &str = "changes nothing that a verdict depends on";
const REWRITES: &str = "rewrites the packet or its tracking";

/// All targets that are recognised, by name.
pub const TARGETS: &[TargetSupport] = &[
    target("ACCEPT", Support::Full, ""),
    target("AUDIT", Support::NoEffect, ASIDE),
    target("CHECKSUM", Support::NoEffect, ASIDE),
    target("CLASSIFY", Support::NoEffect, ASIDE),
    target(
        "CONNMARK",
        Support::Conditional,
        "`--restore-mark` is unknown, the rest no effect",
    ),
    target("CONNSECMARK", Support::NoEffect, ASIDE),
    target("CT", Support::NotModelled, REWRITES),
    target("DNAT", Support::NotModelled, REWRITES),
    target("DROP", Support::Full, ""),
    target("DSCP", Support::NoEffect, ASIDE),
    target("ECN", Support::NoEffect, ASIDE),
    target("HL", Support::NoEffect, ASIDE),
    target("HMARK", Support::NotModelled, "sets the mark to a hash"),
    target("IDLETIMER", Support::NoEffect, ASIDE),
    target("LED", Support::NoEffect, ASIDE),
    target("LOG", Support::NoEffect, ASIDE),
    target("MARK", Support::Full, ""),
    target(
        "MASQUERADE",
        Support::Full,
        "accepts; the new source is seen by no filter rule",
    ),
    target(
        "NETMAP",
        Support::Conditional,
        "accepts in POSTROUTING and INPUT, else unknown",
    ),
    target("NFLOG", Support::NoEffect, ASIDE),
    target("NFQUEUE", Support::NotModelled, "a program decides"),
    target("NOTRACK", Support::NotModelled, REWRITES),
    target("QUEUE", Support::NotModelled, "a program decides"),
    target("RATEEST", Support::NoEffect, ASIDE),
    target("REDIRECT", Support::NotModelled, REWRITES),
    target("REJECT", Support::Full, ""),
    target("RETURN", Support::Full, ""),
    target("SECMARK", Support::NoEffect, ASIDE),
    target(
        "SET",
        Support::Conditional,
        "no effect here; matches on that set become unknown",
    ),
    target(
        "SNAT",
        Support::Full,
        "accepts; the new source is seen by no filter rule",
    ),
    target("SYNPROXY", Support::NotModelled, REWRITES),
    target("TCPMSS", Support::NoEffect, ASIDE),
    target("TCPOPTSTRIP", Support::NoEffect, ASIDE),
    target("TEE", Support::NoEffect, ASIDE),
    target("TOS", Support::NoEffect, ASIDE),
    target("TPROXY", Support::NotModelled, REWRITES),
    target("TRACE", Support::NoEffect, ASIDE),
    target("TTL", Support::NoEffect, ASIDE),
    target("ULOG", Support::NoEffect, ASIDE),
];

/// The beginnings of chain names that software writes and rewrites by itself. Chains of `ufw` and
/// `firewalld` are not here: they say what the administrator told these programs.
const GENERATED: &[&str] = &[
    "KUBE-",
    "cali-",
    "CILIUM_",
    "OLD_CILIUM_",
    "DOCKER",
    "f2b-",
    "fail2ban-",
    "FLANNEL-",
    "CNI-",
    "LIBVIRT_",
    "NETAVARK",
    "PODMAN-",
    "WEAVE-",
    "ANTREA-",
    "ISTIO_",
];

/// Chains with such a name that the administrator writes all the same.
const OWN: &[&str] = &["DOCKER-USER"];

/// Whether software, not a person, writes the chain of this name.
pub(super) fn is_generated(chain: &str) -> bool {
    !OWN.contains(&chain) && GENERATED.iter().any(|prefix| chain.starts_with(prefix))
}

/// Whether software marks its rules in the administrator's chains with such a comment: Calico's
/// Felix writes `cali:` and a hash.
pub(super) fn is_generated_comment(comment: &str) -> bool {
    comment.starts_with("cali:")
}

/// The table's row of a match.
pub(super) fn of_match(name: &str) -> Option<&'static MatchSupport> {
    MATCHES
        .binary_search_by(|row| row.name.cmp(name))
        .ok()
        .and_then(|at| MATCHES.get(at))
}

/// The table's row of a target.
pub(super) fn of_target(name: &str) -> Option<&'static TargetSupport> {
    TARGETS
        .binary_search_by(|row| row.name.cmp(name))
        .ok()
        .and_then(|at| TARGETS.get(at))
}

/// Whether a match has an option; none where its options are not listed.
pub(super) fn has_option(name: &str, option: &str) -> Option<bool> {
    let row = of_match(name)?;
    (!row.options.is_empty()).then(|| row.options.contains(&option))
}

/// Whether an option names ports or flags, as the protocols' matches have them.
pub(super) fn is_port_option(option: &str) -> bool {
    PORTS.contains(&option) || matches!(option, "--tcp-flags" | "--syn" | "--icmp-type")
}

/// The match whose options `-p` makes available.
pub(super) fn match_of_protocol(protocol: &str) -> Option<&'static str> {
    Some(match protocol {
        "tcp" | "6" => "tcp",
        "udp" | "17" => "udp",
        "udplite" | "136" => "udplite",
        "sctp" | "132" => "sctp",
        "dccp" | "33" => "dccp",
        "icmp" | "1" => "icmp",
        "icmpv6" | "ipv6-icmp" | "58" => "icmp6",
        _ => return None,
    })
}

/// The long form of an option of `iptables` itself; others as they are.
pub(super) fn long_name(option: &str) -> &str {
    match option {
        "-s" | "--src" => "--source",
        "-d" | "--dst" => "--destination",
        "-i" => "--in-interface",
        "-o" => "--out-interface",
        "-p" | "--proto" => "--protocol",
        "-f" => "--fragment",
        "-m" => "--match",
        "-j" => "--jump",
        "-g" => "--goto",
        "-c" => "--set-counters",
        "-4" => "--ipv4",
        "-6" => "--ipv6",
        other => other,
    }
}

/// Whether an option (long form) belongs to `iptables` itself.
pub(super) fn is_base_option(long: &str) -> bool {
    matches!(
        long,
        "--source"
            | "--destination"
            | "--in-interface"
            | "--out-interface"
            | "--protocol"
            | "--fragment"
            | "--set-counters"
            | "--ipv4"
            | "--ipv6"
    )
}

/// Whether an option takes the next word whatever it looks like: `--comment -j`.
pub(super) fn takes_any_word(option: &str) -> bool {
    matches!(
        option,
        "--comment"
            | "--log-prefix"
            | "--nflog-prefix"
            | "--ulog-prefix"
            | "--string"
            | "--hex-string"
            | "--name"
    )
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Conditional => "under conditions",
            Self::NotModelled => "recognised, not modelled",
            Self::NoEffect => "known to have no effect",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_for_binary_search() {
        assert!(MATCHES.is_sorted_by(|a, b| a.name < b.name));
        assert!(TARGETS.is_sorted_by(|a, b| a.name < b.name));
    }
}
