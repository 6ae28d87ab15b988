//! The JSON of `ansible-inventory --list`.

use super::ansible;
use super::ansible_yaml::variable;
use super::inventory::Inventory;
use super::merge::{self, Builder};
use super::read::Input;
use super::tree::{Node, Value};
use crate::diagnostic::{Diagnostic, input};

/// Whether the document has `_meta.hostvars`, or groups with lists of hosts or children.
pub(super) fn detect(input: &Input<'_>) -> bool {
    let [document] = input.documents else {
        return false;
    };
    document
        .get("_meta")
        .is_some_and(|meta| meta.entry("hostvars").is_some())
        || document.entries().iter().any(|entry| {
            ["hosts", "children"].iter().any(|key| {
                matches!(
                    entry.value.get(key).map(|v| &v.value),
                    Some(Value::Sequence(_))
                )
            })
        }) && input.text.trim_start().starts_with('{')
}

/// Reads the inventory.
pub(super) fn read(builder: &mut Builder, input: &Input<'_>) {
    let mut inventory = Inventory::default();
    for document in input.documents {
        let vars = document.get("_meta").and_then(|meta| meta.get("hostvars"));
        for host in vars.map(Node::entries).unwrap_or_default() {
            let machine = inventory.machine(host.key.clone(), host.key_span);
            for entry in host.value.entries() {
                inventory.host_var(builder, machine, variable(entry));
            }
        }
        groups(builder, &mut inventory, document);
    }
    ansible::finish(builder, &inventory, input, None);
}

fn groups<'a>(builder: &mut Builder, inventory: &mut Inventory<'a>, document: &Node<'a>) {
    for entry in document.entries().iter().filter(|e| e.key != "_meta") {
        let group = inventory.group(entry.key.clone());
        for host in entry
            .value
            .get("hosts")
            .map(Node::items)
            .unwrap_or_default()
        {
            let Value::Scalar(name) = &host.value else {
                let message = format!(
                    "a host of group `{}` must be a name, found {}",
                    entry.key,
                    host.kind()
                );
                let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(host.span);
                builder.report(diagnostic.help("expected what `ansible-inventory --list` prints"));
                continue;
            };
            if inventory.machines.len() > merge::MAX_HOSTS {
                let message = format!("more than {} hosts; the rest is not read", merge::MAX_HOSTS);
                builder.report(Diagnostic::new(&input::LIMIT, message).at(host.span));
                return;
            }
            let machine = inventory.machine(name.text.clone(), host.span);
            inventory.join(group, machine);
        }
        for child in entry
            .value
            .get("children")
            .map(Node::items)
            .unwrap_or_default()
        {
            if let Value::Scalar(name) = &child.value {
                let child = inventory.group(name.text.clone());
                inventory.nest(group, child);
            }
        }
        for var in entry
            .value
            .get("vars")
            .map(Node::entries)
            .unwrap_or_default()
        {
            inventory.group_var(builder, group, variable(var));
        }
    }
}
