//! External parties of several files: one names them, another gives their addresses.

use super::Party;
use crate::diagnostic::{Diagnostic, requirement};
use crate::net::Prefix;
use rustc_hash::{FxHashMap, FxHashSet};

/// What identifies a party.
type Key = (String, String);

fn key(party: &Party) -> Key {
    (party.name.clone(), party.role.clone())
}

/// Gives parties without addresses those that another file states for the same name and role, and
/// reports the parties that stay without.
pub(super) fn finish(parties: &mut Vec<Party>) -> Vec<Diagnostic> {
    let mut known: FxHashMap<Key, Vec<Prefix>> = FxHashMap::default();
    let mut with_ports: FxHashSet<Key> = FxHashSet::default();
    for party in parties.iter() {
        if !party.prefixes.is_empty() {
            known
                .entry(key(party))
                .or_insert_with(|| party.prefixes.clone());
        }
        if !party.ports.is_empty() {
            with_ports.insert(key(party));
        }
    }
    let mut resolved: FxHashSet<Key> = FxHashSet::default();
    for party in parties.iter_mut().filter(|party| party.prefixes.is_empty()) {
        if let Some(prefixes) = known.get(&key(party)) {
            party.prefixes.clone_from(prefixes);
            resolved.insert(key(party));
        }
    }
    // The statement that only gave the addresses would otherwise ask for the usual port as well.
    parties.retain(|party| {
        let only_addresses = party.ports.is_empty() && resolved.contains(&key(party));
        !(only_addresses && with_ports.contains(&key(party)))
    });
    join(parties);
    parties
        .iter()
        // Web clients may be anywhere unless the site narrows them.
        .filter(|party| party.prefixes.is_empty() && party.role != "web-client")
        .map(unresolved)
        .collect()
}

/// One party that several files or clusters name, with the same role and addresses (or, without
/// addresses, the same name), is one party.
fn join(parties: &mut Vec<Party>) {
    let mut joined: Vec<Party> = Vec::with_capacity(parties.len());
    let mut at: FxHashMap<(String, String, Vec<Prefix>), usize> = FxHashMap::default();
    for party in parties.drain(..) {
        let mut prefixes = party.prefixes.clone();
        prefixes.sort_unstable();
        let name = if prefixes.is_empty() {
            party.name.clone()
        } else {
            String::new()
        };
        let next = joined.len();
        let first = *at
            .entry((party.role.clone(), name, prefixes))
            .or_insert(next);
        let Some(known) = joined.get_mut(first) else {
            joined.push(party);
            continue;
        };
        for port in party.ports {
            if !known.ports.contains(&port) {
                known.ports.push(port);
            }
        }
        if known.cluster != party.cluster {
            known.cluster = None;
        }
    }
    *parties = joined;
}

fn unresolved(party: &Party) -> Diagnostic {
    let message = format!("`{}` ({}) has no address", party.name, party.role);
    Diagnostic::new(&requirement::UNRESOLVED, message)
        .at(party.span)
        .help(format!(
            "give them in a Portwright site file: `external: [{{name: {}, role: {}, addresses: […]}}]`",
            party.name, party.role
        ))
}
