//! Targets.

use super::{Support, TargetSupport};

const fn target(name: &'static str, state: Support, note: &'static str) -> TargetSupport {
    TargetSupport { name, state, note }
}

const ASIDE: &str = "changes nothing that a verdict depends on";
const ADDON: &str = "comes with no kernel: an add-on decides";
const REWRITES: &str = "rewrites the packet or its tracking";

/// All targets that are recognised, by name.
pub const TARGETS: &[TargetSupport] = &[
    target("ACCEPT", Support::Full, ""),
    target("ACCOUNT", Support::NoEffect, ASIDE),
    target("AUDIT", Support::NoEffect, ASIDE),
    target("CHAOS", Support::NotModelled, ADDON),
    target("CHECKSUM", Support::NoEffect, ASIDE),
    target("CLASSIFY", Support::NoEffect, ASIDE),
    target(
        "CLUSTERIP",
        Support::NotModelled,
        "which host answers depends on a hash",
    ),
    target(
        "CONNMARK",
        Support::Conditional,
        "`--restore-mark` is unknown, the rest no effect",
    ),
    target("CONNSECMARK", Support::NoEffect, ASIDE),
    target("CT", Support::NotModelled, REWRITES),
    target("DELUDE", Support::NotModelled, ADDON),
    target("DNAT", Support::NotModelled, REWRITES),
    target("DNETMAP", Support::NotModelled, REWRITES),
    target("DNPT", Support::NotModelled, REWRITES),
    target("DROP", Support::Full, ""),
    target("DSCP", Support::NoEffect, ASIDE),
    target("ECHO", Support::NotModelled, ADDON),
    target("ECN", Support::NoEffect, ASIDE),
    target(
        "FLOWOFFLOAD",
        Support::NoEffect,
        "of the packet itself; later packets of the flow may pass the chains by",
    ),
    target("HL", Support::NoEffect, ASIDE),
    target("HMARK", Support::NotModelled, "sets the mark to a hash"),
    target("IDLETIMER", Support::NoEffect, ASIDE),
    target("IMQ", Support::NoEffect, ASIDE),
    target("IPMARK", Support::NotModelled, ADDON),
    target("LED", Support::NoEffect, ASIDE),
    target("LOG", Support::NoEffect, ASIDE),
    target("LOGMARK", Support::NoEffect, ASIDE),
    target("MARK", Support::Full, ""),
    target(
        "MASQUERADE",
        Support::Full,
        "accepts; the new source is seen by no filter rule",
    ),
    target("MIRROR", Support::NotModelled, ADDON),
    target("NETFLOW", Support::NoEffect, ASIDE),
    target(
        "NETMAP",
        Support::Conditional,
        "accepts in POSTROUTING and INPUT, else unknown",
    ),
    target("NFLOG", Support::NoEffect, ASIDE),
    target("NFQUEUE", Support::NotModelled, "a program decides"),
    target("NOTRACK", Support::NotModelled, REWRITES),
    target("PROTO", Support::NotModelled, REWRITES),
    target("QUEUE", Support::NotModelled, "a program decides"),
    target("RATEEST", Support::NoEffect, ASIDE),
    target("RAWDNAT", Support::NotModelled, REWRITES),
    target("RAWSNAT", Support::NotModelled, REWRITES),
    target("REDIRECT", Support::NotModelled, REWRITES),
    target("REJECT", Support::Full, ""),
    target("RETURN", Support::Full, ""),
    target("ROUTE", Support::NotModelled, ADDON),
    target("SAME", Support::NotModelled, REWRITES),
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
    target("SNPT", Support::NotModelled, REWRITES),
    target("SYNPROXY", Support::NotModelled, REWRITES),
    target("SYSRQ", Support::NotModelled, ADDON),
    target("TARPIT", Support::NotModelled, ADDON),
    target("TCPMSS", Support::NoEffect, ASIDE),
    target("TCPOPTSTRIP", Support::NoEffect, ASIDE),
    target("TEE", Support::NoEffect, ASIDE),
    target("TOS", Support::NoEffect, ASIDE),
    target("TPROXY", Support::NotModelled, REWRITES),
    target("TRACE", Support::NoEffect, ASIDE),
    target("TTL", Support::NoEffect, ASIDE),
    target("ULOG", Support::NoEffect, ASIDE),
];
