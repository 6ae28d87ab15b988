//! What listens on a host, from the kernel's own lists, from `ss` or from `nmap`; and what a plan
//! says of it.

mod compare;
mod nmap;
mod proc;
mod required;
mod ss;

pub use compare::{Finding, Held, Standing, compare};
pub use required::{Required, required};

use crate::diagnostic::{Diagnostic, input};
use crate::net::{Family, Protocol};
use crate::source::{SourceId, Sources, Span};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Sockets of one text; a host with more is no host.
const MOST_SOCKETS: usize = 300_000;
/// Characters kept of a process's name.
const NAME: usize = 64;

/// The addresses that a socket is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// All of one family.
    All(Family),
    /// All of both: an IPv6 socket that takes IPv4 too.
    Both,
    /// All of IPv6, and of IPv4 too unless the socket is set otherwise: the text does not say.
    Unsaid,
    /// One.
    One(IpAddr),
}

/// Something that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// IP protocol number.
    pub protocol: u8,
    /// The port, where the protocol has ports.
    pub port: Option<u16>,
    /// Where it is bound.
    pub bound: Bound,
    /// Who has it.
    pub holder: Holder,
    /// Where the text says so.
    pub span: Span,
}

/// Who has a socket.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Name of the process.
    pub process: Option<String>,
    /// Its number.
    pub pid: Option<u32>,
    /// The socket's inode, as `/proc` gives it.
    pub inode: Option<u64>,
    /// The network namespace, where it is not the host's own.
    pub namespace: Option<String>,
}

/// What one text says of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The host's addresses where the text is about hosts by address (`nmap`); else empty.
    pub addresses: Vec<IpAddr>,
    /// What listens.
    pub listeners: Vec<Listener>,
    /// What is known not to listen, seen from outside: protocol, port, address.
    pub closed: BTreeSet<(u8, u16, IpAddr)>,
    /// Protocols and families of which it lists everything.
    pub complete: BTreeSet<(u8, Family)>,
}

/// The protocol numbers that lists of sockets name.
fn protocol(name: &str) -> Option<Protocol> {
    Some(match name {
        "tcp" | "mptcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "udplite" => Protocol::UDPLITE,
        "sctp" => Protocol::SCTP,
        "dccp" => Protocol::DCCP,
        _ => return None,
    })
}

/// Reads a text: `/proc/net/tcp` and its siblings, `ss -tulpn` with or without header, or
/// `nmap -oX`.
pub fn read(sources: &Sources, id: SourceId) -> (Vec<Reading>, Vec<Diagnostic>) {
    let text = sources.get(id).map_or("", |source| source.text());
    let start = text.trim_start();
    let (readings, diagnostics) = if start.starts_with('<') {
        nmap::read(sources, id)
    } else if start.starts_with("sl ") {
        let (reading, diagnostics) = proc::read(sources, id);
        (vec![reading], diagnostics)
    } else {
        let (reading, diagnostics) = ss::read(sources, id);
        (vec![reading], diagnostics)
    };
    (readings, diagnostics)
}

fn too_many(id: SourceId) -> Diagnostic {
    let message = format!("more than {MOST_SOCKETS} sockets, the others are not read");
    Diagnostic::new(&input::LIMIT, message)
        .at(Span::new(id, 0, 0))
        .help("give the sockets that listen: `ss -H -tulpn`")
}

fn name(text: &str) -> String {
    let visible = text.chars().filter(|c| !c.is_control());
    visible.take(NAME).collect()
}

impl Bound {
    /// All addresses of a family.
    fn all(family: Family) -> Self {
        Self::All(family)
    }

    /// One address, or all of its family.
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Self::all(Family::V4),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Self::all(Family::V6),
            IpAddr::V6(v6) => Self::One(v6.to_ipv4_mapped().map_or(address, IpAddr::V4)),
            IpAddr::V4(_) => Self::One(address),
        }
    }

    /// Whether what is sent to this address arrives there.
    #[must_use]
    pub fn covers(self, address: IpAddr) -> bool {
        match self {
            Self::One(own) => own == address,
            _ => self.has(Family::of(address)),
        }
    }

    /// Whether it takes anything of a family.
    #[must_use]
    pub fn has(self, family: Family) -> bool {
        match self {
            Self::All(own) => own == family,
            Self::Both | Self::Unsaid => true,
            Self::One(own) => Family::of(own) == family,
        }
    }

    /// Whether nobody outside reaches it.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        matches!(self, Self::One(address) if address.is_loopback())
    }

    /// Whether it is bound to all addresses.
    #[must_use]
    pub fn is_all(self) -> bool {
        !matches!(self, Self::One(_))
    }
}

/// As `ss` writes it.
impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All(Family::V4) => f.write_str("0.0.0.0"),
            Self::All(Family::V6) | Self::Unsaid => f.write_str("::"),
            Self::Both => f.write_str("*"),
            Self::One(address) => address.fmt(f),
        }
    }
}
