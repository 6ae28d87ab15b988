//! Rulesets as a kernel takes them and gives them back.

use crate::rig::run;
use portwright::dialect::{HostFacts, Loaded, load};
use portwright::net::Family;
use portwright::source::Sources;

/// Which implementation holds the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// ip_tables.
    Legacy,
    /// nf_tables.
    Nft,
}

/// The backends.
pub const BACKENDS: [Backend; 2] = [Backend::Legacy, Backend::Nft];

/// Rules and the sets they name.
#[derive(Debug, Clone)]
pub struct Ruleset {
    /// Of which packets.
    pub family: Family,
    /// For `iptables-restore`, or as `iptables-save` gave it.
    pub rules: String,
    /// For `ipset restore`, or as `ipset save` gave it; empty where there are no sets.
    pub sets: String,
}

impl Backend {
    /// As the fixtures name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Nft => "nft",
        }
    }

    fn program(self, family: Family, what: &str) -> String {
        let six = if family == Family::V6 { "6" } else { "" };
        format!("ip{six}tables-{}-{what}", self.name())
    }
}

impl Ruleset {
    /// Loads it into the current namespace and exports it again.
    pub fn load(&self, backend: Backend) -> Result<Self, String> {
        let mut sets = String::new();
        if !self.sets.is_empty() {
            run("ipset", &["restore"], &self.sets)?;
            sets = run("ipset", &["save"], "")?;
        }
        // Waiting for the lock that all namespaces share.
        let restore: &[&str] = match backend {
            Backend::Legacy => &["-w", "30"],
            Backend::Nft => &[],
        };
        run(
            &backend.program(self.family, "restore"),
            restore,
            &self.rules,
        )?;
        let rules = run(&backend.program(self.family, "save"), &[], "")?;
        Ok(Self {
            family: self.family,
            rules,
            sets,
        })
    }

    /// Lets Portwright read it, together with what `ip` says of the current namespace.
    pub fn read(&self) -> Result<Loaded, String> {
        let mut sources = Sources::default();
        let mut exports = vec![sources.add("iptables-save", self.rules.as_str())];
        if !self.sets.is_empty() {
            exports.push(sources.add("ipset save", self.sets.as_str()));
        }
        let addresses = sources.add("ip -j addr", run("ip", &["-j", "addr"], "")?);
        let table = ["-j", "route", "show", "table", "all"];
        let routes = sources.add("ip -j route", run("ip", &table, "")?);
        let host = HostFacts::from_ip(&sources, Some(addresses), Some(routes))
            .map_err(|diagnostic| diagnostic.message)?;
        Ok(load(&sources, &exports, None, &host))
    }
}
