//! Exports: loaded with the program that belongs to them, and taken again.

use super::Fault;
use super::namespace::run;
use portwright::net::Family;

/// Which implementation of iptables holds rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    /// ip_tables.
    Legacy,
    /// nf_tables.
    Nft,
}

/// What an export is a list of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Sets, for `ipset restore`.
    Ipset,
    /// For `iptables-restore` or `ip6tables-restore`.
    Iptables(Family, Backend),
    /// For `nft -f`.
    Nft,
    /// For `nft -j -f`.
    NftJson,
}

/// A text that a kernel's state can be restored from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// What it is a list of.
    pub kind: Kind,
    /// The text.
    pub text: String,
}

impl Backend {
    /// As programs name it.
    #[must_use]
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

/// Loads exports into the current namespace, sets first.
///
/// # Errors
///
/// What the program says that refused one.
pub fn restore(exports: &[Export]) -> Result<(), Fault> {
    let mut ordered: Vec<&Export> = exports.iter().collect();
    ordered.sort_by_key(|export| export.kind);
    for export in ordered {
        let text = export.text.as_str();
        match export.kind {
            Kind::Ipset => run("ipset", &["restore"], text)?,
            Kind::Iptables(family, backend) => {
                // Waiting for the lock, which other namespaces may share.
                let wait: &[&str] = match backend {
                    Backend::Legacy => &["-w", "30"],
                    Backend::Nft => &[],
                };
                run(&backend.program(family, "restore"), wait, text)?
            }
            Kind::Nft => run("nft", &["-f", "-"], text)?,
            Kind::NftJson => run("nft", &["-j", "-f", "-"], text)?,
        };
    }
    Ok(())
}

/// Takes the export of this kind from the current namespace. Of nftables, only tables that are
/// in none of the `others`.
///
/// # Errors
///
/// What the program says.
pub fn save(kind: Kind, others: &[Kind]) -> Result<Export, Fault> {
    let text = match kind {
        Kind::Ipset => run("ipset", &["save"], "")?,
        Kind::Iptables(family, backend) => run(&backend.program(family, "save"), &[], "")?,
        Kind::NftJson => listing_json()?,
        Kind::Nft => native_tables(others)?,
    };
    Ok(Export { kind, text })
}

fn native_tables(others: &[Kind]) -> Result<String, Fault> {
    let held = |family: Family| others.contains(&Kind::Iptables(family, Backend::Nft));
    if !held(Family::V4) && !held(Family::V6) {
        return run("nft", &["list", "ruleset"], "");
    }
    let listed = run("nft", &["list", "tables"], "")?;
    let mut text = String::new();
    for line in listed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, family, name] = words[..] else {
            continue;
        };
        let is_iptables = match family {
            "ip" => held(Family::V4),
            "ip6" => held(Family::V6),
            _ => false,
        };
        if !is_iptables {
            text += &run("nft", &["list", "table", family, name], "")?;
        }
    }
    Ok(text)
}

/// Everything that nf_tables holds in the current namespace, as `nft -j list ruleset` prints it.
///
/// # Errors
///
/// What the program says.
pub fn listing_json() -> Result<String, Fault> {
    run("nft", &["-j", "list", "ruleset"], "")
}

/// What `ip -j addr` and `ip -j route show table all` say of the current namespace.
///
/// # Errors
///
/// What the program says.
pub fn host_facts() -> Result<[String; 2], Fault> {
    let addresses = run("ip", &["-j", "addr"], "")?;
    let routes = run("ip", &["-j", "route", "show", "table", "all"], "")?;
    Ok([addresses, routes])
}
