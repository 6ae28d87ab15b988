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

use crate::firewall::Object;
use crate::net::Family;
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Where it is created.
    span: Span,
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

impl Sets {
    /// What rules can name.
    pub(in crate::dialect) fn objects(&self) -> BTreeMap<String, Object> {
        let members = self.sets.values().flat_map(|set| &set.members);
        let held: BTreeSet<&str> = members.map(|(name, _)| name.as_str()).collect();
        let all = self.sets.iter().map(|(name, set)| {
            let object = Object {
                kind: "set",
                span: set.span,
                uses: BTreeSet::new(),
                used_by_others: held.contains(name.as_str()),
                empty: set.elements.is_empty() && set.members.is_empty() && set.damaged.is_none(),
                generated: is_generated(name),
            };
            (name.clone(), object)
        });
        all.collect()
    }
}

/// Beginnings of the names of sets that software keeps: Calico, kube-proxy, kube-router, Docker,
/// fail2ban, CrowdSec, Weave, firewalld's own.
const GENERATED: &[&str] = &[
    "KUBE-",
    "cali",
    "crowdsec",
    "docker",
    "f2b-",
    "fail2ban-",
    "felix-",
    "kube-router-",
    "weave-",
];

fn is_generated(name: &str) -> bool {
    GENERATED.iter().any(|start| name.starts_with(start))
}
