//! `ipset save` and `ipset list`, plain and XML: the sets that iptables rules name.

mod change;
mod create;
mod elements;
mod list;
mod masks;
mod member;
mod nested;
mod product;
mod read;
mod save;
mod specific;
mod xml;

pub(in crate::dialect) use change::Changes;
pub(in crate::dialect) use member::{Direction, Membership, Question};
pub(in crate::dialect) use read::{detect, read};

use crate::net::Family;
use std::collections::BTreeMap;

/// All sets of one system, by name.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Sets {
    sets: BTreeMap<String, Set>,
    /// Elements so far, over all sets.
    count: usize,
}

/// One part of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// One address (or a range of them); no address is more specific than another.
    Ip,
    /// A network; the most specific one decides.
    Net,
    /// A protocol with port or ICMP kind.
    Port,
    /// An interface name.
    Iface,
    /// A packet mark.
    Mark,
    /// A MAC address.
    Mac,
}

/// What a set's elements look like.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Parts in the order of the flags.
    Parts(Vec<Part>),
    /// `bitmap:port`: TCP and UDP ports alike.
    Ports,
    /// `list:set`.
    List,
    /// Recognised by no rule of this module.
    Unknown(String),
}

/// One set.
#[derive(Debug)]
struct Set {
    kind: Kind,
    family: Family,
    /// Whether elements can expire at all.
    timeouts: bool,
    /// Whether elements without a timeout of their own get one.
    expires: bool,
    /// Whether a new element can never push out another: `forceadd`, which exports do not show,
    /// lets sets of type `hash` do so.
    bitmap: bool,
    /// Bits of addresses that count; all by default.
    mask: Option<u128>,
    /// Bits of marks that count.
    mark_mask: u32,
    /// Elements of all kinds but `list:set`.
    elements: Vec<elements::Element>,
    /// Members of a `list:set`, and whether they expire.
    members: Vec<(String, bool)>,
    /// Why membership cannot be told, where an element could not be read.
    damaged: Option<String>,
}
