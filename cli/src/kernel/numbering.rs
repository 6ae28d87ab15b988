//! Rules by their numbers: the kernel's trace names them by handles, or not quite.

use super::export::{Backend, Export, Kind};
use portwright::net::Family;
use portwright::packet::CtState;
use std::collections::BTreeMap;

/// `NFPROTO_INET`: the family of the watching table.
pub(super) const INET: u8 = 1;
/// Name of the watching table.
pub(super) const WATCHER: &str = "oracle";

/// Family, table and chain.
type ChainKey = (u8, String, String);

/// Names rules by their numbers.
#[derive(Default)]
pub(super) struct Numbering {
    /// Of nf_tables: by family, table and handle.
    handles: BTreeMap<(u8, String, u64), Place>,
    /// Of iptables, whichever backend: the targets of each chain's rules.
    targets: BTreeMap<ChainKey, Vec<String>>,
    /// Of iptables: policies of base chains.
    policies: BTreeMap<ChainKey, String>,
    /// The handles of the rules that note the state, and what they note.
    states: BTreeMap<u64, CtState>,
    /// Families whose tables in nf_tables are iptables'.
    through_iptables: Vec<u8>,
}

/// A rule's place.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `TABLE/CHAIN/NUMBER`.
    pub(super) name: String,
    /// Whether it is a rule that rejects.
    pub(super) rejects: bool,
}

/// What a line of the legacy trace says.
pub(super) struct Step {
    /// `TABLE/CHAIN/NUMBER` or `TABLE/CHAIN/policy`.
    pub(super) name: String,
    /// The verdict, where it ends a base chain.
    pub(super) verdict: Option<&'static str>,
}

/// `NFPROTO_*` of a family.
fn number(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}

/// `NFPROTO_*` of a table's family.
fn family_number(name: &str) -> u8 {
    match name {
        "ip" => 2,
        "arp" => 3,
        "netdev" => 5,
        "bridge" => 7,
        "ip6" => 10,
        _ => INET,
    }
}

impl Numbering {
    /// Numbers the rules of the current namespace, of which these are the iptables exports and
    /// `listing` is what nftables lists, with handles.
    pub(super) fn new(exports: &[Export], listing: &str) -> Self {
        let mut numbering = Self::default();
        for export in exports {
            if let Kind::Iptables(family, backend) = export.kind {
                numbering.read_iptables(number(family), &export.text);
                if backend == Backend::Nft {
                    numbering.through_iptables.push(number(family));
                }
            }
        }
        numbering.read_nftables(listing);
        numbering
    }

    /// Reads `nft -a list ruleset`. (What `nft -j` prints is broken where a table has flags.)
    fn read_nftables(&mut self, listing: &str) {
        let mut table = (INET, String::new());
        let mut chain: Option<(String, usize)> = None;
        for line in listing.lines().map(str::trim) {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["table", family, name, "{", ..] => {
                    table = (family_number(family), name.to_owned());
                }
                ["chain", name, "{", ..] => chain = Some((name.to_owned(), 0)),
                ["}"] => chain = None,
                _ => {}
            }
            let handle = line
                .rsplit_once("# handle ")
                .filter(|_| words[0] != "chain");
            if let (Some((name, number)), Some((rule, handle))) = (&mut chain, handle) {
                *number += 1;
                let place = (name.clone(), *number);
                self.add_rule(&table, &place, rule, handle.parse().unwrap_or_default());
            }
        }
    }

    fn add_rule(&mut self, table: &(u8, String), place: &(String, usize), rule: &str, handle: u64) {
        let (family, name) = table;
        let (chain, number) = place;
        if *family == INET && name == WATCHER && chain.starts_with("state") {
            let state = CtState::ALL.get(number - 1);
            self.states.extend(state.map(|state| (handle, *state)));
        }
        let key = (*family, name.clone(), chain.clone());
        let target = self.targets.get(&key).and_then(|all| all.get(number - 1));
        // Every second part stands in quotes.
        let mut plain = rule.split('"').step_by(2).flat_map(|part| part.split(' '));
        let rejects =
            target.is_some_and(|target| target == "REJECT") || plain.any(|word| word == "reject");
        let path = format!("{}/{chain}/{number}", self.table(*family, name));
        self.handles.insert(
            (*family, name.clone(), handle),
            Place {
                name: path,
                rejects,
            },
        );
    }

    /// A table as paths name it.
    pub(super) fn table(&self, family: u8, table: &str) -> String {
        if self.through_iptables.contains(&family) {
            return table.to_owned();
        }
        let family = match family {
            2 => "ip",
            3 => "arp",
            5 => "netdev",
            7 => "bridge",
            10 => "ip6",
            _ => "inet",
        };
        format!("{family} {table}")
    }

    /// A rule of nf_tables.
    pub(super) fn rule(&self, family: u8, table: &str, handle: u64) -> Option<&Place> {
        self.handles.get(&(family, table.to_owned(), handle))
    }

    /// The state that a rule of the watching table notes.
    pub(super) fn state(&self, handle: u64) -> Option<CtState> {
        self.states.get(&handle).copied()
    }

    fn read_iptables(&mut self, family: u8, export: &str) {
        let mut table = String::new();
        for line in export.lines() {
            if let Some(name) = line.strip_prefix('*') {
                name.clone_into(&mut table);
            }
            let Some(rest) = line.strip_prefix(':').or(line.strip_prefix("-A ")) else {
                continue;
            };
            let mut words = rest.split(' ');
            let chain = words.next().unwrap_or_default().to_owned();
            let key = (family, table.clone(), chain);
            if line.starts_with(':') {
                let policy = words.next().unwrap_or_default();
                self.policies.insert(key.clone(), policy.to_owned());
                self.targets.entry(key).or_default();
                continue;
            }
            let target = target(rest).unwrap_or_default().to_owned();
            self.targets.entry(key).or_default().push(target);
        }
    }

    /// Reads `filter:INPUT:rule:3`; none at the end of a user chain. An unconditional rule calls
    /// itself a policy or a return: the number of rules tells it from these.
    pub(super) fn legacy_step(&self, family: u8, place: &str) -> Option<Step> {
        let mut parts = place.rsplitn(3, ':');
        let number: usize = parts.next()?.parse().ok()?;
        let kind = parts.next()?;
        let (table, chain) = parts.next()?.split_once(':')?;
        let key = (family, table.to_owned(), chain.to_owned());
        let targets = self.targets.get(&key)?;
        if let Some(target) = targets.get(number.checked_sub(1)?) {
            return Some(Step {
                name: format!("{table}/{chain}/{number}"),
                verdict: match target.as_str() {
                    "ACCEPT" | "DNAT" | "SNAT" | "MASQUERADE" | "REDIRECT" | "NETMAP" => {
                        Some("accept")
                    }
                    "DROP" => Some("drop"),
                    "REJECT" => Some("reject"),
                    _ => None,
                },
            });
        }
        (kind == "policy").then(|| Step {
            name: format!("{table}/{chain}/policy"),
            verdict: match self.policies.get(&key).map(String::as_str) {
                Some("DROP") => Some("drop"),
                _ => Some("accept"),
            },
        })
    }
}

/// What stands behind `-j` or `-g`, outside quotes.
fn target(rule: &str) -> Option<&str> {
    let mut quoted = false;
    let mut words = rule.split(' ');
    while let Some(word) = words.next() {
        if !quoted && matches!(word, "-j" | "-g") {
            return words.next();
        }
        let quotes = word.replace("\\\"", "").matches('"').count();
        quoted ^= quotes % 2 == 1;
    }
    None
}
