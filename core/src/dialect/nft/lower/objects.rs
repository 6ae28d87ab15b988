//! Which named sets and maps there are, and which rules name them.

use super::support::is_generated;
use super::tables::title;
use crate::dialect::nft::syntax::{
    Element, Expr, ExprKind, Rule, Ruleset, Set, Statement, StatementKind, Table, Target, Verdict,
};
use crate::firewall::Object;
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};

/// The sets and maps of all rulesets.
pub(super) fn objects(rulesets: &[Ruleset]) -> BTreeMap<String, Object> {
    let tables = rulesets.iter().flat_map(|ruleset| &ruleset.tables);
    tables
        .flat_map(|table| {
            let mut uses = Uses::default();
            for chain in &table.chains {
                uses.open |= !chain.unreadable.is_empty();
                uses.rules(&chain.rules);
            }
            uses.open |= !table.unreadable.is_empty();
            table
                .sets
                .iter()
                .map(move |set| (name(table, set), uses.object(table, set)))
        })
        .collect()
}

/// A set as people name it. Names are a table's own.
fn name(table: &Table, set: &Set) -> String {
    format!("{}/{}", title(table), set.name)
}

/// What the rules of a table name.
#[derive(Default)]
struct Uses<'t> {
    /// The rules that look something up in a set.
    looked_up: BTreeMap<&'t str, BTreeSet<Span>>,
    /// Sets that rules fill.
    filled: BTreeSet<&'t str>,
    /// Whether something that could not be read may name any set.
    open: bool,
}

impl<'t> Uses<'t> {
    fn object(&self, table: &Table, set: &Set) -> Object {
        let filled = self.filled.contains(&*set.name);
        Object {
            kind: if set.data.is_some() { "map" } else { "set" },
            span: set.place.0,
            uses: self.looked_up.get(&*set.name).cloned().unwrap_or_default(),
            used_by_others: filled || self.open,
            empty: set.elements.is_empty() && set.unreadable.is_empty() && !filled,
            generated: is_generated(table.family, &table.name),
        }
    }

    fn rules(&mut self, rules: &'t [Rule]) {
        for rule in rules {
            self.statements(&rule.statements, rule.place.0);
        }
    }

    fn statements(&mut self, statements: &'t [Statement], line: Span) {
        for statement in statements {
            self.statement(&statement.kind, line);
        }
    }

    fn statement(&mut self, statement: &'t StatementKind, line: Span) {
        match statement {
            StatementKind::Match { left, right, .. } => self.all([left, right], line),
            StatementKind::Vmap { key, data } => self.all([key, data], line),
            StatementKind::Mangle { key, value } => self.all([key, value], line),
            StatementKind::UseObject { name, .. } => self.expr(name, line),
            StatementKind::Nat(nat) => self.all(nat.address.iter().chain(&nat.port), line),
            StatementKind::Tproxy { address, port, .. } => {
                self.all(address.iter().chain(port), line);
            }
            StatementKind::Queue { number, .. } => self.all(number, line),
            StatementKind::Dup { to, device } => self.all([to].into_iter().chain(device), line),
            StatementKind::Fwd {
                device, address, ..
            } => self.all([device].into_iter().chain(address), line),
            StatementKind::SetUpdate {
                set,
                element,
                statements,
                ..
            } => {
                self.filled.insert(set);
                self.element(element, line);
                self.statements(statements, line);
            }
            StatementKind::Meter {
                name,
                key,
                statements,
                ..
            } => {
                self.filled.insert(name);
                self.element(key, line);
                self.statements(statements, line);
            }
            StatementKind::Verdict(verdict) => self.verdict(verdict),
            StatementKind::Unreadable(_) => self.open = true,
            StatementKind::ResetTcpOption(_)
            | StatementKind::Counter(_)
            | StatementKind::Limit(_)
            | StatementKind::Quota(_)
            | StatementKind::Last
            | StatementKind::CtCount { .. }
            | StatementKind::Log(_)
            | StatementKind::Reject(_)
            | StatementKind::Notrack
            | StatementKind::FlowOffload(_)
            | StatementKind::Synproxy(_)
            | StatementKind::Xt(_) => {}
        }
    }

    /// Rules in the place of a chain have lines of their own.
    fn verdict(&mut self, verdict: &'t Verdict) {
        if let Verdict::Jump(Target::Rules(rules)) | Verdict::Goto(Target::Rules(rules)) = verdict {
            self.rules(rules);
        }
    }

    fn element(&mut self, element: &'t Element, line: Span) {
        self.all([&element.key].into_iter().chain(&element.data), line);
    }

    fn all(&mut self, all: impl IntoIterator<Item = &'t Expr>, line: Span) {
        for expr in all {
            self.expr(expr, line);
        }
    }

    fn expr(&mut self, expr: &'t Expr, line: Span) {
        match &expr.kind {
            ExprKind::SetRef(name) => {
                self.looked_up.entry(name).or_default().insert(line);
            }
            ExprKind::Map { key, data } => self.all([&**key, &**data], line),
            ExprKind::Binary { left, right, .. } => self.all([&**left, &**right], line),
            ExprKind::Range(low, high) => self.all([&**low, &**high], line),
            ExprKind::Prefix { value, .. } => self.expr(value, line),
            ExprKind::Hash { of: Some(of), .. } => self.expr(of, line),
            ExprKind::List(parts) | ExprKind::Concat(parts) => self.all(parts, line),
            ExprKind::Set(elements) => {
                for element in elements {
                    self.element(element, line);
                }
            }
            ExprKind::Verdict(verdict) => self.verdict(verdict),
            ExprKind::Unreadable(_) => self.open = true,
            _ => {}
        }
    }
}
