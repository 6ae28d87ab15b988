//! What the rules of all exports together imply for each of them.

use super::tables::title;
use crate::diagnostic::{Diagnostic, Severity, input};
use crate::dialect::nft::syntax::{
    Base, ChainKind, Expr, ExprKind, Family, Hook, Rule, Ruleset, StatementKind, Table, Target,
    Verdict,
};
use crate::dialect::{Context, Notes};
use crate::firewall::{Effect, Firewall};
use crate::net;
use std::collections::BTreeSet;

/// What the rules of all exports together imply for each of them.
#[derive(Debug, Default)]
pub(super) struct Traits {
    /// Connection tracking puts fragments together before rules see them; by family.
    pub tracks: [bool; 2],
    /// Some rule translates addresses.
    pub translates: bool,
    /// Some rule tells connection tracking to leave packets alone.
    pub untracks: bool,
    /// Fields that rules change, as header and field.
    pub rewritten: BTreeSet<(&'static str, &'static str)>,
    /// Sets that rules add to or remove from, as family, table and name.
    pub changed_sets: BTreeSet<(Family, String, String)>,
}

/// A header field by one name for all that share its bits.
pub(super) fn header(protocol: &'static str, field: &'static str) -> (&'static str, &'static str) {
    match field {
        "dscp" | "ecn" => (protocol, "tos"),
        _ => (protocol, field),
    }
}

impl Traits {
    /// Looks at all rules.
    pub(super) fn of(rulesets: &[Ruleset], firewall: &Firewall) -> Self {
        let mut traits = Self::default();
        for family in [net::Family::V4, net::Family::V6] {
            let chains = &firewall.rules(family).chains;
            let rules = || chains.iter().flat_map(|chain| &chain.rules);
            traits.translates |= rules().any(|rule| rule.translation().is_some());
            traits.untracks |= rules().any(|rule| rule.effects.contains(&Effect::Untrack));
            let nat = chains
                .iter()
                .any(|c| c.base.is_some_and(|b| b.first_packets_only));
            if let Some(tracks) = traits.tracks.get_mut(family as usize) {
                *tracks |= nat;
            }
        }
        for table in rulesets.iter().flat_map(|ruleset| &ruleset.tables) {
            if table.dormant {
                continue;
            }
            for chain in &table.chains {
                if chain
                    .base
                    .as_ref()
                    .is_some_and(|b| b.kind == ChainKind::Nat)
                {
                    traits.tracked(table.family);
                }
                traits.rules(table, &chain.rules);
            }
        }
        traits
    }

    fn tracked(&mut self, family: Family) {
        let [v4, v6] = &mut self.tracks;
        *v4 |= matches!(family, Family::Ip | Family::Inet);
        *v6 |= matches!(family, Family::Ip6 | Family::Inet);
    }

    fn rules(&mut self, table: &Table, rules: &[Rule]) {
        for statement in rules.iter().flat_map(|rule| &rule.statements) {
            self.statement(table, &statement.kind);
        }
    }

    fn statement(&mut self, table: &Table, statement: &StatementKind) {
        let mut look = |expr: &Expr| {
            if asks_tracking(expr) {
                self.tracked(table.family);
            }
        };
        match statement {
            StatementKind::Match { left, .. } => look(left),
            StatementKind::Vmap { key, .. } => look(key),
            StatementKind::Mangle { key, value } => {
                look(key);
                look(value);
                match &key.kind {
                    ExprKind::Payload {
                        protocol, field, ..
                    } => {
                        self.rewritten.insert(header(protocol, field));
                    }
                    ExprKind::Meta(key) if *key != "mark" => {
                        self.rewritten.insert(("meta", key));
                    }
                    _ => {}
                }
            }
            StatementKind::CtCount { .. } => self.tracked(table.family),
            StatementKind::Nat(_) => {
                self.translates = true;
                self.tracked(table.family);
            }
            StatementKind::Notrack => self.untracks = true,
            StatementKind::SetUpdate {
                set, statements, ..
            } => {
                let key = (table.family, table.name.to_string(), set.to_string());
                self.changed_sets.insert(key);
                for inner in statements {
                    self.statement(table, &inner.kind);
                }
            }
            StatementKind::Verdict(
                Verdict::Jump(Target::Rules(rules)) | Verdict::Goto(Target::Rules(rules)),
            ) => self.rules(table, rules),
            _ => {}
        }
    }
}

fn asks_tracking(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Ct { .. } => true,
        ExprKind::Concat(parts) => parts.iter().any(asks_tracking),
        ExprKind::Binary { left, right, .. } => asks_tracking(left) || asks_tracking(right),
        ExprKind::Map { key, .. } => asks_tracking(key),
        _ => false,
    }
}

/// Tables that `iptables-nft` keeps in nftables and that an `iptables-save` of the same host gives
/// as well, and in full, are not counted twice.
pub(super) fn leave_out_copies(
    context: &Context<'_>,
    ruleset: &mut Ruleset,
    text: &str,
    notes: &mut Notes,
) {
    let saved = saved_tables(context);
    if saved.is_empty() {
        return;
    }
    ruleset.tables.retain(|table| {
        let command = match table.family {
            Family::Ip => "iptables",
            Family::Ip6 => "ip6tables",
            _ => return true,
        };
        let family = if command == "iptables" { "ip" } else { "ip6" };
        let warning = format!("table {family} {} is managed by {command}-nft", table.name);
        let managed = text.contains(&warning) || is_of_iptables(table);
        let copy = managed && saved.contains(&(command, table.name.to_string()));
        if copy {
            notes.push(
                Diagnostic::new(
                    &input::ASSUMED,
                    format!(
                        "table `{}` is taken from `{command}-save`, which says all of it",
                        title(table)
                    ),
                )
                .severity(Severity::Note)
                .at(table.place.0),
            );
        }
        !copy
    });
}

/// Whether a table looks as `iptables-nft` makes it: its own names, hooks and priorities, and a
/// counter in every rule. The kernel's trace and people name such a table without its family.
pub(super) fn is_of_iptables(table: &Table) -> bool {
    let of_family = matches!(table.family, Family::Ip | Family::Ip6);
    let bases = || table.chains.iter().filter(|chain| chain.base.is_some());
    of_family
        && bases().count() > 0
        && bases().all(|chain| {
            let base = chain.base.as_ref();
            base.is_some_and(|base| is_builtin(&table.name, &chain.name, base))
        })
        && table
            .chains
            .iter()
            .all(|chain| chain.rules.iter().all(counts))
}

fn counts(rule: &Rule) -> bool {
    rule.statements.iter().any(|statement| {
        matches!(
            statement.kind,
            StatementKind::Counter(_) | StatementKind::Xt(_)
        )
    })
}

fn is_builtin(table: &str, chain: &str, base: &Base) -> bool {
    let hook = match chain {
        "PREROUTING" => Hook::Prerouting,
        "INPUT" => Hook::Input,
        "FORWARD" => Hook::Forward,
        "OUTPUT" => Hook::Output,
        "POSTROUTING" => Hook::Postrouting,
        _ => return false,
    };
    let priority = match (table, hook) {
        ("raw", _) => -300,
        ("mangle", _) => -150,
        ("nat", Hook::Prerouting | Hook::Output) => -100,
        ("nat", _) => 100,
        ("filter", _) => 0,
        ("security", _) => 150,
        _ => return false,
    };
    base.hook == hook && base.priority == priority
}

/// Tables that exports of `iptables-nft` hold, by command.
fn saved_tables(context: &Context<'_>) -> BTreeSet<(&'static str, String)> {
    let mut found = BTreeSet::new();
    let sources = context
        .exports
        .iter()
        .filter_map(|&id| context.sources.get(id));
    for source in sources {
        let mut command = None;
        for line in source.text().lines() {
            if let Some(header) = line.strip_prefix("# Generated by ") {
                command = match header.split_whitespace().next() {
                    Some("iptables-save") if header.contains("nf_tables") => Some("iptables"),
                    Some("ip6tables-save") if header.contains("nf_tables") => Some("ip6tables"),
                    _ => None,
                };
            } else if let (Some(command), Some(table)) = (command, line.strip_prefix('*')) {
                found.insert((command, table.trim().to_owned()));
            }
        }
    }
    found
}
