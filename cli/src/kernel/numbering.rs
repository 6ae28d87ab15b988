//! Rules by their numbers: the kernel's trace names them by handles, or not quite.

use super::Fault;
use super::export::{Backend, Export, Kind, objects};
use portwright::net::Family;
use portwright::packet::CtState;
use serde_json::Value;
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

impl Numbering {
    /// Numbers the rules of the current namespace, of which these are the iptables exports and
    /// `json` is what nftables lists.
    pub(super) fn new(exports: &[Export], json: &str) -> Result<Self, Fault> {
        let mut numbering = Self::default();
        for export in exports {
            if let Kind::Iptables(family, backend) = export.kind {
                numbering.read_iptables(number(family), &export.text);
                if backend == Backend::Nft {
                    numbering.through_iptables.push(number(family));
                }
            }
        }
        numbering.read_nftables(json)?;
        Ok(numbering)
    }

    fn read_nftables(&mut self, json: &str) -> Result<(), Fault> {
        let mut last: BTreeMap<ChainKey, usize> = BTreeMap::new();
        for object in objects(json)? {
            let Some(rule) = object.get("rule") else {
                continue;
            };
            let text = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
            let family = match text("family").as_str() {
                "ip" => 2,
                "arp" => 3,
                "netdev" => 5,
                "bridge" => 7,
                "ip6" => 10,
                _ => INET,
            };
            let (table, chain) = (text("table"), text("chain"));
            let handle = rule["handle"].as_u64().unwrap_or_default();
            let key = (family, table.clone(), chain.clone());
            let number = last.entry(key.clone()).or_default();
            if family == INET && table == WATCHER && chain.starts_with("state") {
                self.states
                    .extend(CtState::ALL.get(*number).map(|state| (handle, *state)));
            }
            *number += 1;
            let target = self.targets.get(&key).and_then(|all| all.get(*number - 1));
            let expressions = rule["expr"].as_array().into_iter().flatten();
            let rejects = target.is_some_and(|target| target == "REJECT")
                || expressions
                    .clone()
                    .any(|one: &Value| one.get("reject").is_some());
            let name = format!("{}/{chain}/{number}", self.table(family, &table));
            self.handles
                .insert((family, table, handle), Place { name, rejects });
        }
        Ok(())
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
