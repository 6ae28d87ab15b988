//! Direct rules: handed to iptables as they are. With the nftables backend they stand in the
//! tables of iptables, before firewalld's own chains.

use super::config::{Config, Direct, DirectKind};
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::Notes;
use crate::dialect::iptables::assemble::Assembly;
use crate::net::Family;
use crate::source::Span;
use std::collections::BTreeMap;

/// The tables of iptables and their built-in chains.
const BUILTIN: &[(&str, &[&str])] = &[
    ("raw", &["PREROUTING", "OUTPUT"]),
    (
        "mangle",
        &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
    ),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ("security", &["INPUT", "FORWARD", "OUTPUT"]),
];

/// One table's lines.
#[derive(Default)]
struct Table<'c> {
    chains: Vec<(&'c str, Span)>,
    /// By chain: rules in the order of their priorities.
    rules: BTreeMap<&'c str, Vec<(i32, &'c str, Span)>>,
    /// Command lines, without `-t TABLE`.
    commands: Vec<(String, Span)>,
}

/// The direct rules as lines of iptables; none when there are none.
pub(super) fn lines(config: &Config, notes: &mut Notes) -> Option<Assembly> {
    let mut tables: BTreeMap<(Family, &str), Table<'_>> = BTreeMap::new();
    for direct in &config.direct {
        let Some(family) = direct.family else {
            notes.push(
                Diagnostic::new(&input::NOT_MODELLED, "rules of ebtables are not modelled")
                    .at(direct.span)
                    .help("they matter only to packets that a bridge passes on"),
            );
            continue;
        };
        take(direct, family, &mut tables, notes);
    }
    if tables.is_empty() {
        return None;
    }
    let mut assembly = Assembly::default();
    for ((family, name), table) in &tables {
        assembly.table(*family, name);
        write(name, table, &mut assembly);
    }
    Some(assembly)
}

fn take<'c>(
    direct: &'c Direct,
    family: Family,
    tables: &mut BTreeMap<(Family, &'c str), Table<'c>>,
    notes: &mut Notes,
) {
    let span = direct.span;
    match &direct.what {
        DirectKind::Chain { table, chain } => {
            let table = tables.entry((family, table)).or_default();
            table.chains.push((chain, span));
        }
        DirectKind::Rule {
            table,
            chain,
            priority,
            arguments,
        } => {
            let built_in = chain
                .strip_suffix("_direct")
                .filter(|name| is_builtin(table, name));
            let chain = built_in.unwrap_or(chain);
            let rules = tables.entry((family, table)).or_default();
            let rules = rules.rules.entry(chain).or_default();
            let at = rules.partition_point(|(known, ..)| known <= priority);
            rules.insert(at, (*priority, arguments, span));
        }
        DirectKind::Passthrough { arguments } => {
            let (table, command) = table_of(arguments);
            let Some(table) = BUILTIN.iter().map(|(name, _)| *name).find(|n| *n == table) else {
                notes.push(
                    Diagnostic::new(&input::SYNTAX, format!("iptables has no table `{table}`"))
                        .at(span),
                );
                return;
            };
            let table = tables.entry((family, table)).or_default();
            table.commands.push((command, span));
        }
    }
}

fn is_builtin(table: &str, chain: &str) -> bool {
    BUILTIN
        .iter()
        .any(|(name, chains)| *name == table && chains.contains(&chain))
}

/// The table that a command line names, and the command line without it.
fn table_of(arguments: &str) -> (&str, String) {
    let mut words = arguments.split_ascii_whitespace();
    let mut table = "filter";
    let mut rest: Vec<&str> = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "-t" | "--table" => table = words.next().unwrap_or(""),
            _ => rest.push(word),
        }
    }
    (table, rest.join(" "))
}

fn write(name: &str, table: &Table<'_>, assembly: &mut Assembly) {
    let builtin = BUILTIN.iter().find(|(known, _)| *known == name);
    let first = table
        .chains
        .iter()
        .map(|(_, span)| *span)
        .chain(table.rules.values().flatten().map(|(.., span)| *span))
        .chain(table.commands.iter().map(|(_, span)| *span))
        .next();
    let Some(first) = first else {
        return;
    };
    for chain in builtin.map_or(&[][..], |(_, chains)| chains) {
        assembly.assumed(&format!(":{chain} ACCEPT"), first);
    }
    for (chain, span) in &table.chains {
        assembly.made(&format!(":{chain} -"), *span);
    }
    for (chain, rules) in &table.rules {
        for (_, arguments, span) in rules {
            assembly.made(&format!("-A {chain} {arguments}"), *span);
        }
    }
    for (command, span) in &table.commands {
        assembly.made(command, *span);
    }
}
