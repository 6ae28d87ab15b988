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
        "exact for MULTICAST; for the rest where the host's addresses are known; UNREACHABLE of IPv6 is unknown",
        &[
            "--src-type",
            "--dst-type",
            "--limit-iface-in",
            "--limit-iface-out",
        ],
    ),
    partly(
        "ah",
        "whether the header is there; what is in it is unknown",
        &[],
    ),
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
    full("connmark", &["--mark"]),
    partly(
        "conntrack",
        "what a packet and its state tell; `--ctexpire`, entries of ICMP errors and a part of `--ctstatus` depend on history",
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
    partly(
        "dscp",
        "unless rules rewrite it",
        &["--dscp", "--dscp-class"],
    ),
    partly(
        "dst",
        "whether the header is there; what is in it is unknown",
        &[],
    ),
    partly(
        "ecn",
        "unless rules rewrite it",
        &["--ecn-tcp-cwr", "--ecn-tcp-ece", "--ecn-ip-ect"],
    ),
    partly("esp", "the protocol; the SPI is unknown", &["--espspi"]),
    stable("eui64", BYTES),
    partly(
        "frag",
        "whether the header is there; what is in it is unknown",
        &[],
    ),
    varying("fuzzy", RATE),
    stable("geoip", BYTES),
    varying("gradm", HOST),
    varying("hashlimit", RATE),
    partly(
        "hbh",
        "whether the header is there; what is in it is unknown",
        &[],
    ),
    varying("helper", FLOW),
    partly("hl", "unless rules rewrite it", &[]),
    full("icmp", &["--icmp-type"]),
    full("icmp6", &["--icmpv6-type"]),
    full("icmpv6", &["--icmpv6-type"]),
    varying("iface", HOST),
    partly("ipcomp", "the protocol; the CPI is unknown", &[]),
    varying("ipp2p", FLOW),
    full("iprange", &["--src-range", "--dst-range"]),
    stable("ipv4options", BYTES),
    full("ipv6header", &["--header", "--soft"]),
    varying("ipvs", FLOW),
    stable("l2tp", BYTES),
    varying("layer7", FLOW),
    full("length", &["--length"]),
    stable("length2", BYTES),
    varying("limit", RATE),
    varying("lscan", RATE),
    full("mac", &["--mac-source"]),
    full("mark", &["--mark"]),
    partly("mh", "the protocol; the type is unknown", &["--mh-type"]),
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
    partly(
        "owner",
        "users and groups by number, `--socket-exists`; names are unknown",
        &[],
    ),
    stable("physdev", HOST),
    varying("pknock", RATE),
    full("pkttype", &["--pkt-type"]),
    partly(
        "policy",
        "whether IPsec protects a packet is one open question for each direction",
        &[],
    ),
    varying("psd", RATE),
    varying("quota", RATE),
    varying("quota2", RATE),
    varying("random", RATE),
    varying("rateest", RATE),
    stable("realm", HOST),
    varying("recent", RATE),
    partly(
        "rpfilter",
        "where the host's routes are known",
        &["--loose", "--validmark", "--accept-local", "--invert"],
    ),
    partly(
        "rt",
        "whether the header is there; what is in it is unknown",
        &[],
    ),
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
        "needs the export of the sets; counters, timeouts and changes by rules are unknown",
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
    partly("tos", "unless rules rewrite it", &["--tos"]),
    partly("ttl", "unless rules rewrite it", &[]),
    stable("u32", BYTES),
    full("udp", PORTS),
    full("udplite", PORTS),
    varying("unclean", BYTES),
    varying("weburl", FLOW),
];
