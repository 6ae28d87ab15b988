//! Targets.

use super::{Support, TargetSupport};

const fn target(name: &'static str, state: Support, note: &'static str) -> TargetSupport {
    TargetSupport { name, state, note }
}

const ASIDE: &str = "changes nothing that a verdict depends on";
const CHOICE: &str = "one address and port exactly; of several the kernel chooses one";
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
    target("CONNMARK", Support::Full, ""),
    target("CONNSECMARK", Support::NoEffect, ASIDE),
    target(
        "CT",
        Support::Conditional,
        "`--notrack` exactly; zones, helpers and timeouts change nothing for the packet itself",
    ),
    target("DELUDE", Support::NotModelled, ADDON),
    target("DNAT", Support::Conditional, CHOICE),
    target("DNETMAP", Support::NotModelled, REWRITES),
    target("DNPT", Support::NotModelled, REWRITES),
    target("DROP", Support::Full, ""),
    target(
        "DSCP",
        Support::Conditional,
        "accepted; later matches on this field are unknown",
    ),
    target("ECHO", Support::NotModelled, ADDON),
    target(
        "ECN",
        Support::Conditional,
        "accepted; later matches on this field are unknown",
    ),
    target(
        "FLOWOFFLOAD",
        Support::NoEffect,
        "of the packet itself; later packets of the flow may pass the chains by",
    ),
    target(
        "HL",
        Support::Conditional,
        "accepted; later matches on this field are unknown",
    ),
    target("HMARK", Support::NotModelled, "sets the mark to a hash"),
    target("IDLETIMER", Support::NoEffect, ASIDE),
    target("IMQ", Support::NoEffect, ASIDE),
    target("IPMARK", Support::NotModelled, ADDON),
    target("LED", Support::NoEffect, ASIDE),
    target("LOG", Support::NoEffect, ASIDE),
    target("LOGMARK", Support::NoEffect, ASIDE),
    target("MARK", Support::Full, ""),
    target("MASQUERADE", Support::Conditional, CHOICE),
    target("MIRROR", Support::NotModelled, ADDON),
    target("NETFLOW", Support::NoEffect, ASIDE),
    target(
        "NETMAP",
        Support::Conditional,
        "address by address up to 256; beyond, one of the new ones",
    ),
    target("NFLOG", Support::NoEffect, ASIDE),
    target("NFQUEUE", Support::NotModelled, "a program decides"),
    target("NOTRACK", Support::Full, ""),
    target("PROTO", Support::NotModelled, REWRITES),
    target("QUEUE", Support::NotModelled, "a program decides"),
    target("RATEEST", Support::NoEffect, ASIDE),
    target("RAWDNAT", Support::NotModelled, REWRITES),
    target("RAWSNAT", Support::NotModelled, REWRITES),
    target(
        "REDIRECT",
        Support::Conditional,
        "needs the host's addresses, and one port",
    ),
    target("REJECT", Support::Full, ""),
    target("RETURN", Support::Full, ""),
    target("ROUTE", Support::NotModelled, ADDON),
    target("SAME", Support::NotModelled, REWRITES),
    target("SECMARK", Support::NoEffect, ASIDE),
    target(
        "SET",
        Support::Conditional,
        "matches on that set are unknown as far as it may have changed; `--map-mark` is unknown",
    ),
    target("SNAT", Support::Conditional, CHOICE),
    target("SNPT", Support::NotModelled, REWRITES),
    target("SYNPROXY", Support::NotModelled, REWRITES),
    target("SYSRQ", Support::NotModelled, ADDON),
    target("TARPIT", Support::NotModelled, ADDON),
    target("TCPMSS", Support::NoEffect, ASIDE),
    target("TCPOPTSTRIP", Support::NoEffect, ASIDE),
    target("TEE", Support::NoEffect, ASIDE),
    target(
        "TOS",
        Support::Conditional,
        "accepted; later matches on this field are unknown",
    ),
    target("TPROXY", Support::NotModelled, REWRITES),
    target("TRACE", Support::NoEffect, ASIDE),
    target(
        "TTL",
        Support::Conditional,
        "accepted; later matches on this field are unknown",
    ),
    target("ULOG", Support::NoEffect, ASIDE),
];
