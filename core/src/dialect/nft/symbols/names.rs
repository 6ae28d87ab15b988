//! Names of fixed numbers, by the type of the field they are compared with (`nft describe`).

/// `ct_state`.
pub(super) const CT_STATE: &[(&str, u64)] = &[
    ("invalid", 0x1),
    ("new", 0x8),
    ("established", 0x2),
    ("related", 0x4),
    ("untracked", 0x40),
];

/// `ct_status`.
pub(super) const CT_STATUS: &[(&str, u64)] = &[
    ("expected", 0x1),
    ("seen-reply", 0x2),
    ("assured", 0x4),
    ("confirmed", 0x8),
    ("snat", 0x10),
    ("dnat", 0x20),
    ("dying", 0x200),
];

/// `ct_dir`.
pub(super) const CT_DIR: &[(&str, u64)] = &[("original", 0), ("reply", 1)];

/// `ct_event`.
pub(super) const CT_EVENT: &[(&str, u64)] = &[
    ("new", 0x1),
    ("related", 0x2),
    ("destroy", 0x4),
    ("reply", 0x8),
    ("assured", 0x10),
    ("protoinfo", 0x20),
    ("helper", 0x40),
    ("mark", 0x80),
    ("seqadj", 0x100),
    ("secmark", 0x200),
    ("label", 0x400),
];

/// `tcp_flag`.
pub(super) const TCP_FLAG: &[(&str, u64)] = &[
    ("fin", 0x1),
    ("syn", 0x2),
    ("rst", 0x4),
    ("psh", 0x8),
    ("ack", 0x10),
    ("urg", 0x20),
    ("ecn", 0x40),
    ("cwr", 0x80),
];

/// `dscp`.
pub(super) const DSCP: &[(&str, u64)] = &[
    ("cs0", 0x0),
    ("cs1", 0x8),
    ("cs2", 0x10),
    ("cs3", 0x18),
    ("cs4", 0x20),
    ("cs5", 0x28),
    ("cs6", 0x30),
    ("cs7", 0x38),
    ("df", 0x0),
    ("be", 0x0),
    ("lephb", 0x1),
    ("af11", 0xa),
    ("af12", 0xc),
    ("af13", 0xe),
    ("af21", 0x12),
    ("af22", 0x14),
    ("af23", 0x16),
    ("af31", 0x1a),
    ("af32", 0x1c),
    ("af33", 0x1e),
    ("af41", 0x22),
    ("af42", 0x24),
    ("af43", 0x26),
    ("va", 0x2c),
    ("ef", 0x2e),
];

/// `ecn`.
pub(super) const ECN: &[(&str, u64)] = &[("not-ect", 0), ("ect1", 1), ("ect0", 2), ("ce", 3)];

/// `icmp_type`.
pub(super) const ICMP_TYPE: &[(&str, u64)] = &[
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("source-quench", 4),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
    ("info-request", 15),
    ("info-reply", 16),
    ("address-mask-request", 17),
    ("address-mask-reply", 18),
];

/// `icmp_code`.
pub(super) const ICMP_CODE: &[(&str, u64)] = &[
    ("net-unreachable", 0),
    ("host-unreachable", 1),
    ("prot-unreachable", 2),
    ("port-unreachable", 3),
    ("net-prohibited", 9),
    ("host-prohibited", 10),
    ("admin-prohibited", 13),
    ("frag-needed", 4),
];

/// `icmpv6_type`.
pub(super) const ICMPV6_TYPE: &[(&str, u64)] = &[
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("mld-listener-query", 130),
    ("mld-listener-report", 131),
    ("mld-listener-done", 132),
    ("mld-listener-reduction", 132),
    ("nd-router-solicit", 133),
    ("nd-router-advert", 134),
    ("nd-neighbor-solicit", 135),
    ("nd-neighbor-advert", 136),
    ("nd-redirect", 137),
    ("router-renumbering", 138),
    ("ind-neighbor-solicit", 141),
    ("ind-neighbor-advert", 142),
    ("mld2-listener-report", 143),
];

/// `icmpv6_code`.
pub(super) const ICMPV6_CODE: &[(&str, u64)] = &[
    ("no-route", 0),
    ("admin-prohibited", 1),
    ("addr-unreachable", 3),
    ("port-unreachable", 4),
    ("policy-fail", 5),
    ("reject-route", 6),
];

/// `icmpx_code`.
pub(super) const ICMPX_CODE: &[(&str, u64)] = &[
    ("port-unreachable", 1),
    ("admin-prohibited", 3),
    ("no-route", 0),
    ("host-unreachable", 2),
];

/// `pkt_type`.
pub(super) const PKT_TYPE: &[(&str, u64)] = &[
    ("host", 0),
    ("unicast", 0),
    ("broadcast", 1),
    ("multicast", 2),
    ("other", 3),
];

/// `fib_addrtype`.
pub(super) const FIB_ADDRTYPE: &[(&str, u64)] = &[
    ("unspec", 0),
    ("unicast", 1),
    ("local", 2),
    ("broadcast", 3),
    ("anycast", 4),
    ("multicast", 5),
    ("blackhole", 6),
    ("unreachable", 7),
    ("prohibit", 8),
];

/// `arp_op`.
pub(super) const ARP_OP: &[(&str, u64)] = &[
    ("request", 1),
    ("reply", 2),
    ("rrequest", 3),
    ("rreply", 4),
    ("inrequest", 8),
    ("inreply", 9),
    ("nak", 10),
];

/// `ether_type`.
pub(super) const ETHER_TYPE: &[(&str, u64)] = &[
    ("ip", 0x800),
    ("arp", 0x806),
    ("ip6", 0x86dd),
    ("8021q", 0x8100),
    ("8021ad", 0x88a8),
    ("vlan", 0x8100),
];

/// `igmp_type`.
pub(super) const IGMP_TYPE: &[(&str, u64)] = &[
    ("membership-query", 17),
    ("membership-report-v1", 18),
    ("membership-report-v2", 22),
    ("membership-report-v3", 34),
    ("leave-group", 23),
];

/// `mh_type`.
pub(super) const MH_TYPE: &[(&str, u64)] = &[
    ("binding-refresh-request", 0),
    ("home-test-init", 1),
    ("careof-test-init", 2),
    ("home-test", 3),
    ("careof-test", 4),
    ("binding-update", 5),
    ("binding-acknowledgement", 6),
    ("binding-error", 7),
    ("fast-binding-update", 8),
    ("fast-binding-acknowledgement", 9),
    ("fast-binding-advertisement", 10),
    ("experimental-mobility-header", 11),
    ("home-agent-switch-message", 12),
];

/// `dccp_pkttype`.
pub(super) const DCCP_PKTTYPE: &[(&str, u64)] = &[
    ("request", 0),
    ("response", 1),
    ("data", 2),
    ("ack", 3),
    ("dataack", 4),
    ("closereq", 5),
    ("close", 6),
    ("reset", 7),
    ("sync", 8),
    ("syncack", 9),
];

/// `day`.
pub(super) const DAY: &[(&str, u64)] = &[
    ("Sunday", 0),
    ("Monday", 1),
    ("Tuesday", 2),
    ("Wednesday", 3),
    ("Thursday", 4),
    ("Friday", 5),
    ("Saturday", 6),
];

/// `iface_type`.
pub(super) const IFACE_TYPE: &[(&str, u64)] = &[
    ("ether", 0x1),
    ("ppp", 0x200),
    ("ipip", 0x300),
    ("ipip6", 0x301),
    ("loopback", 0x304),
    ("sit", 0x308),
    ("ipgre", 0x30a),
];

/// `nf_proto`.
pub(super) const NF_PROTO: &[(&str, u64)] = &[("ipv4", 2), ("ipv6", 10)];
