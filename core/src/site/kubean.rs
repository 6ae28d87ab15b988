//! Kubean: ConfigMaps that hold an Ansible inventory and Kubespray variables, and the `Cluster`
//! that refers to them.

use super::ansible;
use super::ansible_yaml;
use super::inventory::Inventory;
use super::merge::Builder;
use super::read::Input;
use super::tree::{self, Node, Tree};
use super::variables::Spelling;
use crate::diagnostic::{Diagnostic, input};
use crate::source::Span;

/// Data keys of an inventory and of variables.
const HOSTS: &[&str] = &["hosts.yml", "hosts.yaml"];
const VARS: &[&str] = &["group_vars.yml", "group_vars.yaml"];

/// Whether some document is Kubean's.
pub(super) fn detect(input: &Input<'_>) -> bool {
    input.documents.iter().any(|d| {
        data(d, HOSTS).is_some()
            || data(d, VARS).is_some()
            || text(d, "apiVersion").is_some_and(|v| v.starts_with("kubean.io/"))
    })
}

fn text<'n>(node: &'n Node<'n>, key: &str) -> Option<&'n str> {
    node.get(key)?.text()
}

fn data<'n>(node: &'n Node<'n>, keys: &[&str]) -> Option<&'n Node<'n>> {
    if text(node, "kind") != Some("ConfigMap") {
        return None;
    }
    let data = node.get("data")?;
    keys.iter().find_map(|key| data.get(key))
}

/// Name of an object and where it is written.
fn name<'n>(node: &'n Node<'n>) -> Option<(&'n str, Span)> {
    let name = node.get("metadata")?.get("name")?;
    Some((name.text()?, name.span))
}

/// Reads every inventory with the variables that belong to it.
pub(super) fn read(builder: &mut Builder, input: &Input<'_>) {
    let vars: Vec<(&Node<'_>, Tree<'_>)> = input
        .documents
        .iter()
        .filter_map(|d| Some((d, tree::parse_embedded(data(d, VARS)?, input.text))))
        .collect();
    let mut spelling = Spelling::default();
    for (_, tree) in &vars {
        for diagnostic in &tree.diagnostics {
            builder.report(diagnostic.clone());
        }
        for entry in tree.documents.iter().flat_map(Node::entries) {
            spelling.check(builder, &entry.key, entry.key_span);
        }
    }
    let hosts: Vec<&Node<'_>> = input
        .documents
        .iter()
        .filter(|d| data(d, HOSTS).is_some())
        .collect();
    if hosts.is_empty() {
        let message = "no ConfigMap with `hosts.yml` in this file, so it adds no hosts";
        let diagnostic = Diagnostic::new(&input::NOT_MODELLED, message).at(input.head());
        builder.report(diagnostic.help("give the file with the hosts ConfigMap as well"));
    }
    for config in &hosts {
        let only = hosts.len() == 1;
        let cluster = cluster_of(input.documents, config);
        let mut variables = variables_of(&vars, config, cluster, only);
        if only {
            variables.extend(input.variables);
        }
        inventory(builder, input, config, cluster, &variables);
    }
}

/// The `Cluster` whose `hostsConfRef` names this ConfigMap.
fn cluster_of<'n>(documents: &'n [Node<'n>], config: &Node<'_>) -> Option<&'n Node<'n>> {
    let (wanted, _) = name(config)?;
    documents.iter().find(|d| {
        text(d, "kind") == Some("Cluster")
            && reference(d, "hostsConfRef").is_some_and(|name| name == wanted)
    })
}

fn reference<'n>(cluster: &'n Node<'n>, key: &str) -> Option<&'n str> {
    cluster.get("spec")?.get(key)?.get("name")?.text()
}

/// Variables of the ConfigMap that the cluster refers to, or that is named alike, or that is the
/// only one.
fn variables_of<'n>(
    vars: &'n [(&Node<'n>, Tree<'n>)],
    config: &Node<'_>,
    cluster: Option<&Node<'_>>,
    only: bool,
) -> Vec<&'n Node<'n>> {
    let stem = |node: &Node<'_>, suffix: &str| {
        let (name, _) = name(node)?;
        Some(name.strip_suffix(suffix).unwrap_or(name).to_owned())
    };
    let wanted = cluster.and_then(|c| reference(c, "varsConfRef"));
    let found = vars.iter().find(|(node, _)| match wanted {
        Some(wanted) => name(node).is_some_and(|(name, _)| name == wanted),
        None => stem(node, "-vars-conf") == stem(config, "-hosts-conf"),
    });
    let found = found.or_else(|| vars.first().filter(|_| only && vars.len() == 1));
    found
        .into_iter()
        .flat_map(|(_, tree)| &tree.documents)
        .collect()
}

fn inventory(
    builder: &mut Builder,
    input: &Input<'_>,
    config: &Node<'_>,
    cluster: Option<&Node<'_>>,
    variables: &[&Node<'_>],
) {
    let Some(node) = data(config, HOSTS) else {
        return;
    };
    let tree = tree::parse_embedded(node, input.text);
    for diagnostic in &tree.diagnostics {
        builder.report(diagnostic.clone());
    }
    let mut inventory = Inventory::default();
    for document in &tree.documents {
        if ansible_yaml::is_inventory(document) {
            ansible_yaml::document_groups(builder, &mut inventory, document);
        } else if !document.is_null() {
            let message = "`hosts.yml` holds no Ansible inventory";
            let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(document.span);
            builder.report(diagnostic.help("expected groups with `hosts`, `children` and `vars`"));
        }
    }
    let named = cluster.and_then(name).or_else(|| {
        let (name, span) = name(config)?;
        Some((name.strip_suffix("-hosts-conf").unwrap_or(name), span))
    });
    let input = Input {
        variables,
        ..*input
    };
    ansible::finish(builder, &inventory, &input, named);
}
