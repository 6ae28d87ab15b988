//! Where a rule stands, and what that says about the packets that reach it.

use crate::dialect::nft::syntax::{
    self, Chain, Element, ExprKind, Hook, Rule, Set, SetData, StatementKind, Table, Target, Verdict,
};
use crate::firewall::ChainId;
use crate::net::Family;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Priority of connection tracking before routing and at output.
const CONNTRACK: i32 = -200;

/// Which packets reach a chain.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach {
    hooks: Vec<Hook>,
    /// From a base chain that runs before connection tracking.
    pub early: bool,
    /// From one that runs behind it.
    pub late: bool,
}

/// Where a rule stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'t> {
    /// Its table.
    pub table: &'t Table,
    /// What people call the table.
    pub title: &'t str,
    /// The packets that are looked at: an `inet` table is lowered once for each family.
    pub family: Family,
    /// How packets come to its chain.
    pub reach: &'t Reach,
    /// Chains of the table.
    pub chains: &'t FxHashMap<&'t str, ChainId>,
    /// Named sets and maps of the table.
    pub sets: &'t FxHashMap<&'t str, &'t Set>,
}

impl Reach {
    /// Whether packets come to it from any of these hooks.
    pub(super) fn any(&self, hooks: &[Hook]) -> bool {
        self.hooks.iter().any(|hook| hooks.contains(hook))
    }

    /// Whether packets come to it, and from none but these hooks.
    pub(super) fn only(&self, hooks: &[Hook]) -> bool {
        !self.hooks.is_empty() && self.hooks.iter().all(|hook| hooks.contains(hook))
    }
}

impl Place<'_> {
    /// `meta nfproto` of the packets.
    pub(super) fn nfproto(&self) -> u128 {
        match self.family {
            Family::V4 => 2,
            Family::V6 => 10,
        }
    }

    /// The number by which Ethernet names the family.
    pub(super) fn ether_type(&self) -> u128 {
        match self.family {
            Family::V4 => 0x0800,
            Family::V6 => 0x86dd,
        }
    }

    /// Whether an explicit family (`dnat ip to`) is that of the packets; it is when unsaid.
    pub(super) fn is(&self, family: Option<syntax::Family>) -> bool {
        match family {
            Some(syntax::Family::Ip) => self.family == Family::V4,
            Some(syntax::Family::Ip6) => self.family == Family::V6,
            _ => true,
        }
    }
}

/// Whether a base chain runs before connection tracking.
fn is_early(base: &syntax::Base) -> bool {
    match base.hook {
        Hook::Ingress => true,
        Hook::Prerouting | Hook::Output => {
            base.kind != syntax::ChainKind::Nat && base.priority <= CONNTRACK
        }
        _ => false,
    }
}

/// How packets come to each chain of a table.
pub(super) fn reach(table: &Table) -> BTreeMap<&str, Reach> {
    let by_name: FxHashMap<&str, &Chain> = table
        .chains
        .iter()
        .map(|chain| (&*chain.name, chain))
        .collect();
    let sets: FxHashMap<&str, &Set> = table.sets.iter().map(|set| (&*set.name, set)).collect();
    let calls: FxHashMap<&str, Vec<&str>> = table
        .chains
        .iter()
        .map(|chain| {
            let mut found = Vec::new();
            called(&chain.rules, &sets, &mut found);
            found.sort_unstable();
            found.dedup();
            (&*chain.name, found)
        })
        .collect();
    let mut all: BTreeMap<&str, Reach> = BTreeMap::new();
    for chain in &table.chains {
        let Some(base) = &chain.base else {
            continue;
        };
        let early = is_early(base);
        let mut open = vec![&*chain.name];
        while let Some(name) = open.pop() {
            let reach = all.entry(name).or_default();
            let known =
                reach.hooks.contains(&base.hook) && (if early { reach.early } else { reach.late });
            if known || !by_name.contains_key(name) {
                continue;
            }
            if !reach.hooks.contains(&base.hook) {
                reach.hooks.push(base.hook);
            }
            reach.early |= early;
            reach.late |= !early;
            open.extend(calls.get(name).into_iter().flatten());
        }
    }
    all
}

fn called<'t>(rules: &'t [Rule], sets: &FxHashMap<&str, &'t Set>, out: &mut Vec<&'t str>) {
    for statement in rules.iter().flat_map(|rule| &rule.statements) {
        match &statement.kind {
            StatementKind::Verdict(verdict) => target(verdict, sets, out),
            StatementKind::Vmap { data, .. } => match &data.kind {
                ExprKind::Set(elements) => elements_call(elements, sets, out),
                ExprKind::SetRef(name) => {
                    let set = sets.get(&**name);
                    if let Some(set) = set.filter(|s| s.data == Some(SetData::Verdict)) {
                        elements_call(&set.elements, sets, out);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
}

fn elements_call<'t>(
    elements: &'t [Element],
    sets: &FxHashMap<&str, &'t Set>,
    out: &mut Vec<&'t str>,
) {
    for element in elements {
        if let Some(data) = &element.data
            && let ExprKind::Verdict(verdict) = &data.kind
        {
            target(verdict, sets, out);
        }
    }
}

fn target<'t>(verdict: &'t Verdict, sets: &FxHashMap<&str, &'t Set>, out: &mut Vec<&'t str>) {
    if let Verdict::Jump(to) | Verdict::Goto(to) = verdict {
        match to {
            Target::Chain(name) => out.push(name),
            Target::Rules(rules) => called(rules, sets, out),
        }
    }
}
