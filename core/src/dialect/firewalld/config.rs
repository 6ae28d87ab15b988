//! What firewalld's files say, in firewalld's own shape.

use super::tree::Fault;
use crate::net::{Family, PortRange, Protocol};
use crate::source::Span;
use std::collections::BTreeMap;

/// Everything that one host's files say.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// By name.
    pub zones: BTreeMap<String, Zone>,
    /// By name.
    pub policies: BTreeMap<String, Policy>,
    /// Whether a listing said what all policies are.
    pub policies_complete: bool,
    /// By name; those of the files only.
    pub services: BTreeMap<String, Service>,
    /// By name.
    pub ipsets: BTreeMap<String, IpSet>,
    /// The families that a type of the administrator's is for; by name.
    pub icmptypes: BTreeMap<String, Vec<Family>>,
    /// By name.
    pub helpers: BTreeMap<String, Helper>,
    /// Rules handed to iptables as they are.
    pub direct: Vec<Direct>,
    /// `firewalld.conf`.
    pub settings: Settings,
    /// What belongs to no zone and could not be read: it may concern any packet.
    pub damage: Vec<Fault>,
    /// The first text.
    pub anywhere: Option<Span>,
}

/// `firewalld.conf`, as far as packets notice.
#[derive(Debug)]
pub(super) struct Settings {
    /// The zone of everything that no zone claims.
    pub default_zone: Option<(String, Span)>,
    /// Whether iptables holds the rules, not nftables.
    pub iptables: Option<Span>,
    /// Whether IPv6 packets must come by the interface that answers leave by; none: unsaid.
    pub rpfilter: Option<(bool, Span)>,
    /// Whether IPv6 destinations that hold private IPv4 addresses are rejected.
    pub rfc3964: bool,
    /// Whether denied packets are logged.
    pub log_denied: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_zone: None,
            iptables: None,
            rpfilter: None,
            rfc3964: true,
            log_denied: false,
        }
    }
}

/// A value and the element that says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At<T> {
    /// The value.
    pub value: T,
    /// Where it is said.
    pub span: Span,
}

/// What happens to packets that no rule of a zone or policy decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// `default` in zones: like reject, but forwarding and ICMP differ.
    Default,
    /// `CONTINUE`, in policies.
    Continue,
    /// `ACCEPT`.
    Accept,
    /// `%%REJECT%%` in zones, `REJECT` in policies.
    Reject,
    /// `DROP`.
    Drop,
}

/// A zone.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    /// Its start tag or heading.
    pub span: Span,
    /// Rank of a text that says it: what `/etc` says replaces what `/usr` says.
    pub rank: u8,
    /// Target.
    pub target: Target,
    /// Interface names; `+` at the end stands for any rest.
    pub interfaces: Vec<At<String>>,
    /// Addresses, networks, MAC addresses, `ipset:NAME`.
    pub sources: Vec<At<Peer>>,
    /// Services, ports and all that policies have too.
    pub contents: Contents,
    /// ICMP blocks permit, and all other ICMP is rejected.
    pub inversion: Option<Span>,
    /// Whether packets may pass between its own interfaces and sources.
    pub forward: Option<Span>,
    /// Order of zones that claim the same packets (firewalld 2).
    pub priority: i32,
}

/// A policy between zones.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// Its start tag or heading.
    pub span: Span,
    /// As in [`Zone`].
    pub rank: u8,
    /// Target.
    pub target: Target,
    /// Negative: before zones.
    pub priority: i32,
    /// Names of zones, `HOST`, `ANY`.
    pub ingress: Vec<At<String>>,
    /// The same.
    pub egress: Vec<At<String>>,
    /// Services, ports and so on.
    pub contents: Contents,
}

/// What zones and policies have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    /// Names.
    pub services: Vec<At<String>>,
    /// Destination ports.
    pub ports: Vec<At<Port>>,
    /// Protocols.
    pub protocols: Vec<At<Protocol>>,
    /// Whether sources are rewritten.
    pub masquerade: Option<Span>,
    /// Ports sent elsewhere.
    pub forward_ports: Vec<At<ForwardPort>>,
    /// Source ports.
    pub source_ports: Vec<At<Port>>,
    /// Names of ICMP types.
    pub icmp_blocks: Vec<At<String>>,
    /// Rich rules.
    pub rules: Vec<At<Rich>>,
    /// What could not be read.
    pub damage: Vec<Fault>,
    /// What firewalld itself refuses and passes over.
    pub refused: Vec<Fault>,
}

/// A protocol with a range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Port {
    /// Protocol.
    pub protocol: Protocol,
    /// Ports.
    pub ports: PortRange,
}

/// Ports sent elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ForwardPort {
    /// Which.
    pub port: Port,
    /// New ports; the same when absent.
    pub to_port: Option<PortRange>,
    /// New destination; the host itself when absent.
    pub to_address: Option<std::net::IpAddr>,
}

/// One end of a packet's way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    /// Addresses of a family, inclusive.
    Addresses(Family, u128, u128),
    /// A MAC address.
    Mac(u64),
    /// A set.
    Set(String),
}

/// A peer, or everything but it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Match {
    /// Which.
    pub peer: Peer,
    /// Everything but it.
    pub invert: bool,
}

/// A rich rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rich {
    /// Negative: before all else in the zone. Positive: after.
    pub priority: i32,
    /// Family, where it is named.
    pub family: Option<Family>,
    /// Source.
    pub source: Option<Match>,
    /// Destination.
    pub destination: Option<Match>,
    /// What it is about.
    pub element: Subject,
    /// Whether it logs.
    pub log: bool,
    /// Whether it audits.
    pub audit: bool,
    /// What happens.
    pub action: Option<Action>,
    /// `limit value=…` of the action.
    pub limit: Option<String>,
}

/// What a rich rule is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// Source and destination alone.
    Nothing,
    /// A service.
    Service(String),
    /// Destination ports.
    Port(Port),
    /// Source ports.
    SourcePort(Port),
    /// A protocol.
    Protocol(Protocol),
    /// Rejects an ICMP type.
    IcmpBlock(String),
    /// An ICMP type.
    IcmpType(String),
    /// Rewrites sources.
    Masquerade,
    /// Sends ports elsewhere.
    ForwardPort(ForwardPort),
    /// Changes a TCP option: no verdict.
    MssClamp,
}

/// What a rich rule does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    /// Accepts.
    Accept,
    /// Rejects; the name of the answer.
    Reject(Option<String>),
    /// Drops.
    Drop,
    /// `meta mark set (mark & clear-mask) ^ value`: mask and value.
    Mark(Option<u32>, u32),
}

/// A service.
#[derive(Debug, Clone, Default)]
pub(super) struct Service {
    /// Destination ports.
    pub ports: Vec<Port>,
    /// Protocols.
    pub protocols: Vec<Protocol>,
    /// Source ports.
    pub source_ports: Vec<Port>,
    /// Destination by family.
    pub destinations: Vec<(Family, Peer)>,
    /// Other services.
    pub includes: Vec<String>,
    /// Connection tracking helpers.
    pub helpers: Vec<String>,
    /// Helpers in the old way of writing.
    pub modules: Vec<String>,
    /// What could not be read.
    pub damage: Vec<Fault>,
    /// As in [`Zone`].
    pub rank: u8,
}

/// A connection tracking helper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Helper {
    /// Kernel module.
    pub module: String,
    /// Ports that it listens to.
    pub ports: Vec<Port>,
}

/// An ipset.
#[derive(Debug, Clone)]
pub(super) struct IpSet {
    /// As in [`Zone`].
    pub rank: u8,
    /// For example `hash:net,port`.
    pub kind: String,
    /// Family of its addresses.
    pub family: Family,
    /// Entries.
    pub entries: Vec<At<String>>,
    /// Why membership cannot be told.
    pub damage: Option<String>,
}

/// A rule of `direct.xml`.
#[derive(Debug, Clone)]
pub(super) struct Direct {
    /// Its element.
    pub span: Span,
    /// Family; none: ebtables.
    pub family: Option<Family>,
    /// What it says.
    pub what: DirectKind,
}

/// Kinds of direct configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DirectKind {
    /// A chain in a table.
    Chain {
        /// Table.
        table: String,
        /// Chain.
        chain: String,
    },
    /// A rule in a chain.
    Rule {
        /// Table.
        table: String,
        /// Chain.
        chain: String,
        /// Order.
        priority: i32,
        /// Arguments.
        arguments: String,
    },
    /// A whole command line.
    Passthrough {
        /// Arguments.
        arguments: String,
    },
}
