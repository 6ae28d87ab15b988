//! Ansible inventories in YAML form.

use super::ansible;
use super::inventory::{Inventory, Var};
use super::merge::{self, Builder};
use super::read::Input;
use super::tree::{Entry, Node, Value};
use super::{address, variables};
use crate::diagnostic::{Diagnostic, input};
use std::borrow::Cow;

/// Keys of a group.
const KEYS: &[&str] = &["hosts", "children", "vars"];

/// Whether some document is a mapping of groups.
pub(super) fn detect(input: &Input<'_>) -> bool {
    input.documents.iter().any(is_inventory)
}

/// A mapping with at least one group; every group has only the keys of groups.
pub(super) fn is_inventory(node: &Node<'_>) -> bool {
    let group = |entry: &Entry<'_>| {
        let keys = entry.value.entries();
        !keys.is_empty() && keys.iter().all(|e| KEYS.contains(&e.key.as_ref()))
    };
    let entries = node.entries();
    entries.iter().any(group)
        && entries
            .iter()
            .all(|e| group(e) || e.value.is_null() || e.key == "_meta")
}

/// Reads the inventory. Further documents that hold variables are its group variables.
pub(super) fn read(builder: &mut Builder, input: &Input<'_>) {
    let variables: Vec<&Node<'_>> = input
        .documents
        .iter()
        .filter(|d| !is_inventory(d) && variables_only(d))
        .chain(input.variables.iter().copied())
        .collect();
    let mut inventory = Inventory::default();
    for document in input.documents.iter().filter(|d| is_inventory(d)) {
        document_groups(builder, &mut inventory, document);
    }
    let input = Input {
        variables: &variables,
        ..*input
    };
    ansible::finish(builder, &inventory, &input, None);
}

/// Whether a document is a mapping of Kubespray variables and nothing else.
pub(super) fn variables_only(node: &Node<'_>) -> bool {
    node.entries()
        .iter()
        .any(|entry| variables::is_known(&entry.key))
}

/// Reads the groups of one document.
pub(super) fn document_groups<'a>(
    builder: &mut Builder,
    inventory: &mut Inventory<'a>,
    document: &Node<'a>,
) {
    let mut reader = Reader { builder, inventory };
    for entry in document.entries() {
        reader.group(entry, None);
    }
}

struct Reader<'b, 'i, 'a> {
    builder: &'b mut Builder,
    inventory: &'i mut Inventory<'a>,
}

impl<'a> Reader<'_, '_, 'a> {
    fn wrong(&mut self, entry: &Entry<'_>, what: &str, expected: &str) {
        let message = format!(
            "`{}` of {what} must be {expected}, found {}",
            entry.key,
            entry.value.kind()
        );
        let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(entry.value.span);
        self.builder
            .report(diagnostic.help("end each host and group name with a colon"));
    }

    /// Recursion is bounded by the tree's depth.
    fn group(&mut self, entry: &Entry<'a>, parent: Option<usize>) {
        let group = self.inventory.group(entry.key.clone());
        if let Some(parent) = parent {
            self.inventory.nest(parent, group);
        }
        let what = format!("group `{}`", entry.key);
        for part in entry.value.entries() {
            match (part.key.as_ref(), &part.value.value) {
                (_, Value::Null) => {}
                ("hosts", Value::Mapping(hosts)) => {
                    for host in hosts {
                        if !self.host(group, host) {
                            return;
                        }
                    }
                }
                ("children", Value::Mapping(children)) => {
                    for child in children {
                        self.group(child, Some(group));
                    }
                }
                ("vars", Value::Mapping(vars)) => {
                    for var in vars {
                        let var = variable(var);
                        self.inventory.group_var(self.builder, group, var);
                    }
                }
                ("hosts" | "children" | "vars", _) => self.wrong(part, &what, "a mapping"),
                _ => {
                    let message = format!("`{}` is no key of {what}; it is ignored", part.key);
                    let diagnostic =
                        Diagnostic::new(&input::UNKNOWN_KEY, message).at(part.key_span);
                    let help = "a group has `hosts`, `children` and `vars`";
                    self.builder.report(diagnostic.help(help));
                }
            }
        }
    }

    /// A host or a range of hosts; false when there are too many.
    fn host(&mut self, group: usize, entry: &Entry<'a>) -> bool {
        let names = if address::is_pattern(&entry.key) {
            match address::expand(&entry.key) {
                Some(names) => names.into_iter().map(Cow::Owned).collect(),
                None => {
                    let message = format!("the range in `{}` is empty or too long", entry.key);
                    let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(entry.key_span);
                    self.builder
                        .report(diagnostic.help("write it as `node[1:3]`"));
                    return true;
                }
            }
        } else {
            vec![entry.key.clone()]
        };
        if !entry.value.is_mapping() && !entry.value.is_null() {
            let what = format!("host `{}`", entry.key);
            let message = format!(
                "{what} must have a mapping of variables, found {}",
                entry.value.kind()
            );
            let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(entry.value.span);
            self.builder
                .report(diagnostic.help("write `variable: value` lines under it"));
        }
        for name in names {
            if self.inventory.machines.len() > merge::MAX_HOSTS {
                let message = format!("more than {} hosts; the rest is not read", merge::MAX_HOSTS);
                let diagnostic = Diagnostic::new(&input::LIMIT, message).at(entry.key_span);
                self.builder.report(diagnostic);
                return false;
            }
            let machine = self.inventory.machine(name, entry.key_span);
            self.inventory.join(group, machine);
            for var in entry.value.entries() {
                let var = variable(var);
                self.inventory.host_var(self.builder, machine, var);
            }
        }
        true
    }
}

/// A variable of a mapping.
pub(super) fn variable<'a>(entry: &Entry<'a>) -> Var<'a> {
    Var {
        name: entry.key.clone(),
        span: entry.key_span,
        value: entry.value.clone(),
    }
}
