//! Firewall exports: one folder per format, and one table of them.
//!
//! A dialect knows its format by content ([`Dialect::detect`]), parses it line by line into a
//! spanned tree of its own shape, and lowers that tree into the [`Firewall`] model. Parsing never
//! fails as a whole: what is not understood makes the answers that depend on it *unknown*.

use crate::diagnostic::Diagnostic;
use crate::firewall::Firewall;
use crate::source::{SourceId, Sources};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// One export format.
pub struct Dialect {
    /// Stable id, for example `iptables-save`.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// How well a text looks like this format: 0 not at all, 100 surely.
    pub detect: fn(&str) -> u8,
}

/// What is known of the host that the exports were taken from.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    /// Its own addresses. Incomplete unless `addresses_complete`.
    pub addresses: BTreeSet<IpAddr>,
    /// Directed broadcast addresses of its networks.
    pub broadcasts: BTreeSet<IpAddr>,
    /// Whether the lists above hold all there are (from `ip -j addr`), or only what the site says.
    pub addresses_complete: bool,
    /// Addresses that are certainly not its own: those of the site's other hosts.
    pub elsewhere: BTreeSet<IpAddr>,
}

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

/// Reads the exports of one system. `dialect` names the format when the user knows better than
/// detection; auxiliary texts (`ipset save`) are still detected.
pub type Load = fn(&Sources, &[SourceId], Option<&str>, &HostFacts) -> Loaded;
