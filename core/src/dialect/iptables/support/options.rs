//! Options, by which a line is taken apart.

use super::matches::PORTS;

/// Whether an option names ports or flags, as the protocols' matches have them.
pub(in crate::dialect::iptables) fn is_port_option(option: &str) -> bool {
    PORTS.contains(&option) || matches!(option, "--tcp-flags" | "--syn" | "--icmp-type")
}

/// The match whose options `-p` makes available.
pub(in crate::dialect::iptables) fn match_of_protocol(protocol: &str) -> Option<&'static str> {
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
pub(in crate::dialect::iptables) fn long_name(option: &str) -> &str {
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
pub(in crate::dialect::iptables) fn is_base_option(long: &str) -> bool {
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
pub(in crate::dialect::iptables) fn takes_any_word(option: &str) -> bool {
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
