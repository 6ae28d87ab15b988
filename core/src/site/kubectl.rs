//! `kubectl get nodes -o json` (or `-o yaml`).

use super::merge::{Builder, Naming};
use super::read::Input;
use super::tree::Node;
use super::{Host, address};
use crate::diagnostic::{Diagnostic, requirement};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Whether a document is a Node or a list of them.
pub(super) fn detect(input: &Input<'_>) -> bool {
    input.documents.iter().any(|d| nodes(d).next().is_some())
}

/// The Node objects of a document.
fn nodes<'n>(document: &'n Node<'n>) -> impl Iterator<Item = &'n Node<'n>> {
    let kind = |node: &Node<'_>, kind| node.get("kind").and_then(Node::text) == Some(kind);
    // Items of a NodeList leave their kind out.
    let typed = kind(document, "NodeList");
    let items = document.get("items").map(Node::items).unwrap_or_default();
    let alone = std::iter::once(document).filter(move |node| kind(node, "Node"));
    alone.chain(items.iter().filter(move |node| typed || kind(node, "Node")))
}

/// Reads the nodes as one cluster, named after the file.
pub(super) fn read(builder: &mut Builder, input: &Input<'_>) {
    let mut hosts = Vec::new();
    for node in input.documents.iter().flat_map(nodes) {
        hosts.extend(host(builder, node));
    }
    let naming = Naming {
        name: input.stem,
        guessed: true,
        kind: None,
        kind_stated: false,
    };
    let cluster = builder.cluster_of(naming, &hosts, input.head());
    for mut host in hosts {
        host.cluster = Some(cluster);
        builder.host(host);
    }
}

fn host(builder: &mut Builder, node: &Node<'_>) -> Option<Host> {
    let metadata = node.get("metadata")?;
    let Some((name, name_node)) = metadata.get("name").and_then(|n| Some((n.text()?, n))) else {
        let message = "a Node without `metadata.name` is ignored";
        let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(node.span);
        builder.report(diagnostic.help("expected what `kubectl get nodes -o json` prints"));
        return None;
    };
    let list = node
        .get("status")
        .and_then(|status| status.get("addresses"));
    let list = list.map(Node::items).unwrap_or_default();
    let addresses: Vec<IpAddr> = list
        .iter()
        .filter(|a| a.get("type").and_then(Node::text) == Some("InternalIP"))
        .filter_map(|a| address::address(a.get("address")?.text()?))
        .take(16)
        .collect();
    if addresses.is_empty() {
        let message = format!("node `{name}` has no `InternalIP` in `status.addresses`");
        let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(name_node.span);
        builder.report(diagnostic.help("give its address in a Portwright site file"));
        builder.explained(name);
    }
    Some(Host {
        name: name.to_owned(),
        addresses,
        ssh_address: None,
        ssh_port: None,
        cluster: None,
        roles: roles(node, metadata),
        zone: None,
        span: name_node.span,
    })
}

/// Roles by label. A control-plane node without its usual taint runs workloads too.
fn roles(node: &Node<'_>, metadata: &Node<'_>) -> BTreeSet<String> {
    const PREFIX: &str = "node-role.kubernetes.io/";
    let mut roles = BTreeSet::new();
    for label in metadata
        .get("labels")
        .map(Node::entries)
        .unwrap_or_default()
    {
        let role = match label.key.strip_prefix(PREFIX) {
            Some("control-plane" | "master" | "controlplane") => "control-plane",
            Some("etcd") => "etcd",
            Some("worker" | "node") => "worker",
            _ => continue,
        };
        roles.insert(role.to_owned());
    }
    let taints = node.get("spec").and_then(|spec| spec.get("taints"));
    let reserved = taints
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .any(|taint| {
            let text = |key| taint.get(key).and_then(Node::text).unwrap_or("");
            text("key").starts_with(PREFIX) && text("effect").starts_with("No")
        });
    if !roles.contains("control-plane") && !roles.contains("etcd")
        || roles.contains("control-plane") && !reserved
    {
        roles.insert("worker".to_owned());
    }
    roles
}
