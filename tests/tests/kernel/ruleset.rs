//! Rulesets as a kernel takes them and gives them back, and as Portwright reads them.

use portwright::dialect::{DIALECTS, HostFacts, Loaded, load};
use portwright::net::Family;
use portwright::source::Sources;
use portwright_cli::kernel::{Backend, Export, Fault, Host, Kind, host_facts, restore, save};
use std::path::PathBuf;
use std::sync::LazyLock;

/// What a ruleset is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// iptables with the legacy backend.
    Legacy,
    /// iptables with the nf_tables backend.
    IptablesNft,
    /// nftables.
    Nft,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Legacy, Self::IptablesNft, Self::Nft];

    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "iptables-legacy",
            Self::IptablesNft => "iptables-nft",
            Self::Nft => "nft",
        }
    }

    /// The kind of export of a family.
    pub fn kind(self, family: Family) -> Kind {
        match self {
            Self::Legacy => Kind::Iptables(family, Backend::Legacy),
            Self::IptablesNft => Kind::Iptables(family, Backend::Nft),
            Self::Nft => Kind::Nft,
        }
    }

    /// Whether Portwright reads it yet.
    pub fn is_read(self) -> bool {
        self != Self::Nft || DIALECTS.iter().any(|dialect| dialect.id == "nft-list")
    }
}

/// The host of all tests but those that say otherwise.
pub static HOST: LazyLock<Host> = LazyLock::new(|| {
    let read = |name: &str| {
        let path = fixtures().join("host").join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    Host::from_ip(&read("addr.json"), &read("route.json")).expect("the host of the tests is read")
});

/// Where the kernel's fixtures are.
pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/kernel")
}

/// Loads exports into the current namespace and takes them again: what is judged is what an
/// administrator would export.
pub fn reload(exports: &[Export]) -> Result<Vec<Export>, Fault> {
    restore(exports)?;
    let kinds: Vec<Kind> = exports.iter().map(|export| export.kind).collect();
    let saved = kinds.iter().map(|&kind| save(kind, &kinds));
    saved.collect()
}

/// Lets Portwright read exports, with what `ip` says of the current namespace.
pub fn read(exports: &[Export]) -> Result<Loaded, Fault> {
    let mut sources = Sources::default();
    let ids: Vec<_> = exports
        .iter()
        .map(|export| sources.add(format!("{:?}", export.kind), export.text.as_str()))
        .collect();
    let [addresses, routes] = host_facts()?;
    let addresses = sources.add("ip -j addr", addresses);
    let routes = sources.add("ip -j route show table all", routes);
    let facts = HostFacts::from_ip(&sources, Some(addresses), Some(routes));
    let facts = facts.map_err(|diagnostic| Fault::Failed(diagnostic.message))?;
    Ok(load(&sources, &ids, None, &facts))
}
