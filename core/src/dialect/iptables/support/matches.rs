//! Matches.

use super::{MatchSupport, Support};

pub(super) const PORTS: &[&str] = &["--sport", "--source-port", "--dport", "--destination-port"];

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
    varying("account", RATE),
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
    stable("asn", BYTES),
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
    stable("dhcpmac", BYTES),
    stable("dscp", BYTES),
    stable("dst", BYTES),
    stable("ecn", BYTES),
    stable("esp", BYTES),
    stable("eui64", BYTES),
    stable("frag", BYTES),
    varying("fuzzy", RATE),
    stable("geoip", BYTES),
    varying("gradm", HOST),
    varying("hashlimit", RATE),
    stable("hbh", BYTES),
    varying("helper", FLOW),
    stable("hl", BYTES),
    full("icmp", &["--icmp-type"]),
    full("icmp6", &["--icmpv6-type"]),
    full("icmpv6", &["--icmpv6-type"]),
    varying("iface", HOST),
    stable("ipcomp", BYTES),
    varying("ipp2p", FLOW),
    full("iprange", &["--src-range", "--dst-range"]),
    stable("ipv4options", BYTES),
    stable("ipv6header", BYTES),
    varying("ipvs", FLOW),
    stable("l2tp", BYTES),
    varying("layer7", FLOW),
    stable("length", BYTES),
    stable("length2", BYTES),
    varying("limit", RATE),
    varying("lscan", RATE),
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
    varying("ndpi", FLOW),
    varying("nfacct", RATE),
    varying("nth", RATE),
    stable("osf", BYTES),
    stable("owner", HOST),
    stable("physdev", HOST),
    varying("pknock", RATE),
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
    stable("srh", BYTES),
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
    varying("unclean", BYTES),
    varying("weburl", FLOW),
];
