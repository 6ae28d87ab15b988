//! Firewall exports: one folder per format, and one table of them.
//!
//! A dialect knows its format by content ([`Dialect::detect`]), parses it line by line into a
//! spanned tree of its own shape, and lowers that tree into the [`Firewall`] model. Parsing never
//! fails as a whole: what is not understood makes the answers that depend on it *unknown*.

mod facts;
mod firewalld;
mod input;
mod ipset;
pub mod iptables;
mod lines;
pub mod nft;
mod notes;
mod routing;
mod ufw;

pub use facts::{HostFacts, Interface};
pub(in crate::dialect) use notes::Notes;
pub use routing::{Fib, FibEntry, RouteKind};

use crate::diagnostic::Diagnostic;
use crate::firewall::Firewall;
use crate::net::Family;
use crate::source::{SourceId, Sources};

/// One export format.
pub struct Dialect {
    /// Stable id, for example `iptables-save`.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// How well a text looks like this format: 0 not at all, 100 surely.
    pub detect: fn(&str) -> u8,
    /// What its texts hold and how they are read.
    reader: Reader,
}

/// What a dialect's texts hold.
enum Reader {
    /// Rules; takes all texts of this dialect together, after every set has been read.
    Rules(fn(&Context<'_>, &[SourceId], &mut Firewall, &mut Notes)),
    /// Sets that rules of other texts name.
    Sets(fn(&Sources, SourceId, &mut ipset::Sets, &mut Notes)),
}

/// What rules are read with.
struct Context<'a> {
    sources: &'a Sources,
    /// All exports of the system, of every dialect.
    exports: &'a [SourceId],
    host: &'a HostFacts,
    sets: &'a ipset::Sets,
}

/// Every format, in the order in which documentation lists them.
pub static DIALECTS: &[Dialect] = &[
    Dialect {
        id: "iptables-save",
        title: "iptables-save, ip6tables-save, iptables -S",
        detect: iptables::detect,
        reader: Reader::Rules(iptables::read),
    },
    Dialect {
        id: "ipset-save",
        title: "ipset save, ipset list",
        detect: ipset::detect,
        reader: Reader::Sets(ipset::read),
    },
    Dialect {
        id: "nft-list",
        title: "nft list ruleset, nftables configuration files",
        detect: nft::detect_text,
        reader: Reader::Rules(nft::read_text),
    },
    Dialect {
        id: "nft-json",
        title: "nft -j list ruleset",
        detect: nft::detect_json,
        reader: Reader::Rules(nft::read_json),
    },
    Dialect {
        id: "firewalld",
        title: "firewalld's files, firewall-cmd --list-all-zones, --list-all-policies",
        detect: firewalld::detect,
        reader: Reader::Rules(firewalld::read),
    },
    Dialect {
        id: "ufw",
        title: "ufw status, ufw's files",
        detect: ufw::detect,
        reader: Reader::Rules(ufw::read),
    },
];

/// Exports read and lowered.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The model.
    pub firewall: Firewall,
    /// What was not understood, contradictory or dangling.
    pub diagnostics: Vec<Diagnostic>,
    /// Which dialect each text was read as; none for a text that no dialect knows.
    pub dialects: Vec<(SourceId, Option<&'static str>)>,
}

/// Reads the exports of one system, in any order. `dialect` names the format when the user knows
/// better than detection; auxiliary texts (`ipset save`) are still detected.
#[must_use]
pub fn load(
    sources: &Sources,
    exports: &[SourceId],
    dialect: Option<&str>,
    host: &HostFacts,
) -> Loaded {
    let mut loaded = Loaded::default();
    let mut notes = Notes::default();
    let mut found: Vec<(&'static Dialect, SourceId)> = Vec::new();
    for &id in exports {
        let known = input::recognise(sources, id, dialect, &mut notes);
        loaded.dialects.push((id, known.map(|d| d.id)));
        found.extend(known.map(|d| (d, id)));
    }
    let mut sets = ipset::Sets::default();
    for (dialect, id) in &found {
        if let Reader::Sets(read) = dialect.reader {
            read(sources, *id, &mut sets, &mut notes);
        }
    }
    loaded.firewall.objects = sets.objects();
    let context = Context {
        sources,
        exports,
        host,
        sets: &sets,
    };
    for family in [Family::V4, Family::V6] {
        loaded.firewall.rules_mut(family).routing = host.routing(family);
    }
    for dialect in DIALECTS {
        let Reader::Rules(read) = dialect.reader else {
            continue;
        };
        let texts: Vec<SourceId> = found
            .iter()
            .filter(|(d, _)| d.id == dialect.id)
            .map(|&(_, id)| id)
            .collect();
        if !texts.is_empty() {
            read(&context, &texts, &mut loaded.firewall, &mut notes);
        }
    }
    loaded.diagnostics = notes.finish();
    loaded
}
