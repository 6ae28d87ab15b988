//! `clusterConfig.yaml` of the DCE installer, `provision.daocloud.io/v1alpha3` and `v1alpha4`.

use super::merge::{Builder, Naming};
use super::read::Input;
use super::tree::{self, Node, Value};
use super::variables::{self, Spelling, Variable};
use super::{ClusterKind, Host, Vip, address, endpoint};
use crate::catalog::Scalar;
use crate::diagnostic::{Diagnostic, Severity, input, requirement};
use crate::source::Span;
use std::collections::BTreeSet;

/// Keys of `spec`. Those without effect on what must be reachable are known all the same.
const KEYS: &[&str] = &[
    "clusterName",
    "bootstrapNode",
    "bootstrap",
    "tinderKind",
    "loadBalancer",
    "privateKeyPath",
    "masterNodes",
    "workerNodes",
    "ntpServer",
    "persistentVolume",
    "fullPackagePath",
    "osRepos",
    "imagesAndCharts",
    "binaries",
    "addonPackage",
    "addonOfflinePackage",
    "externalMiddlewares",
    "kubeanConfig",
    "network",
    "auditConfig",
    "cri",
];

/// Ports of the bootstrap node and the parameters that they set.
const BOOTSTRAP_PORTS: &[(&str, &str)] = &[
    ("registryPort", "registry.port"),
    ("minioServerPort", "minio.port"),
    ("minioConsolePort", "minio.console-port"),
    ("chartmuseumPort", "chartmuseum.port"),
];

/// Sections that name repositories: section, key without `external…Type`, role.
const REPOSITORIES: &[(&str, &str, &str)] = &[
    ("imagesAndCharts", "externalImageRepo", "registry"),
    ("imagesAndCharts", "externalChartRepo", "chart-repository"),
    ("binaries", "externalRepository", "binary-repository"),
    (
        "binaries",
        "externalRepositoryEndpoint",
        "binary-repository",
    ),
    ("osRepos", "externalRepoEndpoint", "os-repository"),
    ("osRepos", "externalRepoURL", "os-repository"),
    ("osRepos", "externalRepoURLs", "os-repository"),
];

/// Sections of `externalMiddlewares`, the keys that hold endpoints in them, and the role.
const MIDDLEWARES: &[(&str, &[&str], &str)] = &[
    ("database", &["dataSourceName", "endpoint"], "database"),
    ("elasticsearch", &["endpoint", "endpoints"], "elasticsearch"),
    ("kafka", &["brokers", "endpoint"], "kafka"),
    ("S3Storage", &["endpoint"], "object-storage"),
];

/// Values of a section's `type`.
const TYPES: &[&str] = &["official-service", "builtin", "external", "none"];

/// Whether one of the documents is a ClusterConfig, or looks like one without its header.
pub(super) fn detect(input: &Input<'_>) -> bool {
    input.documents.iter().any(is_config)
}

fn is_config(node: &Node<'_>) -> bool {
    let text = |key| node.get(key).and_then(Node::text);
    text("kind") == Some("ClusterConfig")
        || text("apiVersion").is_some_and(|v| v.starts_with("provision.daocloud.io/"))
        || node.entry("masterNodes").is_some()
}

/// Reads every ClusterConfig of the file.
pub(super) fn read(builder: &mut Builder, input: &Input<'_>) {
    for root in input.documents.iter().filter(|node| is_config(node)) {
        let spec = root.get("spec").filter(|spec| spec.is_mapping());
        let mut reader = Reader {
            builder,
            outer: input.text,
            root,
            spec,
            cluster: 0,
        };
        reader.read(input);
    }
}

struct Reader<'b, 'n> {
    builder: &'b mut Builder,
    outer: &'n str,
    root: &'n Node<'n>,
    spec: Option<&'n Node<'n>>,
    cluster: usize,
}

impl<'n> Reader<'_, 'n> {
    /// A key of `spec`, or of the top level, where some vendor examples have it.
    fn get(&self, key: &str) -> Option<&'n Node<'n>> {
        let spec = self.spec.and_then(|spec| spec.get(key));
        spec.or_else(|| self.root.get(key))
            .filter(|node| !node.is_null())
    }

    fn text(&self, key: &str) -> Option<&'n str> {
        self.get(key).and_then(Node::text)
    }

    fn read(&mut self, input: &Input<'_>) {
        self.keys();
        let metadata = self.root.get("metadata").and_then(|m| m.get("name"));
        let stated = self
            .text("clusterName")
            .or_else(|| metadata.and_then(Node::text));
        let stated = stated.filter(|name| !name.is_empty());
        let name_span = self.get("clusterName").or(metadata).map(|node| node.span);
        let naming = Naming {
            name: stated.unwrap_or(input.stem),
            guessed: stated.is_none(),
            kind: Some(ClusterKind::Global),
            kind_stated: false,
        };
        let hosts = self.nodes();
        let span = name_span.unwrap_or_else(|| input.head());
        self.cluster = self.builder.cluster_of(naming, &hosts, span);
        for mut host in hosts {
            host.cluster = Some(self.cluster);
            self.builder.host(host);
        }
        self.bootstrap();
        self.bootstrap_ports();
        self.load_balancer();
        self.network();
        self.kubean_config();
        if let Some(servers) = self.get("ntpServer") {
            self.party("ntp-server", servers);
        }
        self.repositories();
        self.middlewares();
    }

    fn warn(&mut self, message: String, span: Span, help: impl Into<String>) {
        let diagnostic = Diagnostic::new(&input::UNKNOWN_KEY, message).at(span);
        self.builder.report(diagnostic.help(help));
    }

    /// Unknown keys, and keys beside `spec` that belong into it.
    fn keys(&mut self) {
        const TOP: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];
        for entry in self.root.entries() {
            let key = entry.key.as_ref();
            if KEYS.contains(&key) {
                let message = format!("`{key}` belongs under `spec`; it is used all the same");
                self.warn(message, entry.key_span, "move it under `spec`");
            } else if !TOP.contains(&key) {
                self.unknown(key, entry.key_span);
            }
        }
        for entry in self.spec.map(Node::entries).unwrap_or_default() {
            if !KEYS.contains(&entry.key.as_ref()) {
                self.unknown(&entry.key, entry.key_span);
            }
        }
    }

    fn unknown(&mut self, key: &str, span: Span) {
        let help = match variables::nearest(key, KEYS.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`"),
            None => "remove it, or check its spelling".into(),
        };
        let message = format!("`{key}` is no key of a ClusterConfig; it is ignored");
        self.warn(message, span, help);
    }

    /// Masters and workers. Without workers, the masters carry the load as well.
    fn nodes(&mut self) -> Vec<Host> {
        let masters = self.get("masterNodes").map(Node::items).unwrap_or_default();
        let workers = self.get("workerNodes").map(Node::items).unwrap_or_default();
        for key in ["masterNodes", "workerNodes"] {
            if let Some(node) = self.get(key)
                && !matches!(node.value, Value::Sequence(_))
            {
                let message = format!("`{key}` must be a list, found {}", node.kind());
                let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(node.span);
                self.builder
                    .report(diagnostic.help("write `- nodeName: …` lines under it"));
            }
        }
        let mut roles = vec!["control-plane", "etcd"];
        if workers.is_empty() {
            roles.push("worker");
        }
        let masters = masters.iter().map(|node| (node, roles.as_slice()));
        let workers = workers.iter().map(|node| (node, ["worker"].as_slice()));
        masters
            .chain(workers)
            .filter_map(|(node, roles)| self.host(node, roles))
            .collect()
    }

    fn host(&mut self, node: &'n Node<'n>, roles: &[&str]) -> Option<Host> {
        let ip = node.get("ip");
        let name = node
            .get("nodeName")
            .and_then(Node::text)
            .filter(|n| !n.is_empty());
        // The installer takes the address for a name that is not given.
        let Some(name) = name.or_else(|| ip.and_then(Node::text)) else {
            let message = "a node needs `nodeName` and `ip`; this one is ignored";
            let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(node.span);
            self.builder
                .report(diagnostic.help("add `nodeName: NAME` and `ip: ADDRESS`"));
            return None;
        };
        let mut addresses = Vec::new();
        match ip.and_then(Node::text) {
            Some(text) => {
                for part in text.split(',').take(16) {
                    match address::address(part) {
                        Some(address) => addresses.push(address),
                        None => {
                            self.no_address(name, part.trim(), ip.map_or(node.span, |n| n.span));
                        }
                    }
                }
            }
            None => {
                let message = format!("node `{name}` has no `ip`");
                let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(node.span);
                self.builder
                    .report(diagnostic.help("add `ip: ADDRESS`; names are not resolved"));
                self.builder.explained(name);
            }
        }
        Some(Host {
            name: name.to_owned(),
            addresses,
            ssh_address: None,
            ssh_port: node
                .get("ansibleSSHPort")
                .and_then(|port| self.port("ansibleSSHPort", port)),
            cluster: None,
            roles: roles
                .iter()
                .map(|&role| role.to_owned())
                .collect::<BTreeSet<_>>(),
            zone: None,
            span: node.get("nodeName").or(ip).map_or(node.span, |n| n.span),
        })
    }

    fn no_address(&mut self, name: &str, text: &str, span: Span) {
        let message = format!("`ip` of node `{name}` is `{text}`, which is not an address");
        let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(span);
        self.builder
            .report(diagnostic.help("give an IPv4 or IPv6 address; names are not resolved"));
        self.builder.explained(name);
    }

    fn port(&mut self, key: &str, node: &Node<'_>) -> Option<u16> {
        let text = node.text().filter(|text| !text.is_empty())?;
        let port = address::port(text);
        if port.is_none() {
            let message = format!("`{key}` is `{text}`, which is not a port");
            let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(node.span);
            self.builder
                .report(diagnostic.help("give a number from 1 to 65535"));
        }
        port
    }

    fn bootstrap(&mut self) {
        let node = self.get("bootstrapNode");
        let text = node.and_then(Node::text).unwrap_or("auto");
        let span = node.map_or(self.root.span, |node| node.span);
        let Some(address) = address::address(text) else {
            let why = if text == "auto" {
                "`bootstrapNode` is `auto`, the machine that runs the installer".to_owned()
            } else {
                format!("`bootstrapNode` is `{text}`, and names are not resolved")
            };
            let message = format!("the bootstrap node's address is not known: {why}");
            let start = Span {
                end: span.start,
                ..span
            };
            self.builder.no_bootstrap.push(
                Diagnostic::new(&requirement::NO_ADDRESS, message)
                    .severity(Severity::Warning)
                    .at(if node.is_some() { span } else { start })
                    .help(
                        "write its address there, or declare a host with the role `bootstrap` in \
                         a Portwright site file; until then no flow to or from it is checked",
                    ),
            );
            return;
        };
        if let Some(host) = self.builder.host_by_address(address) {
            // All-in-one: the bootstrap node is one of the cluster's own.
            if let Some(host) = self.builder.site.hosts.get_mut(host) {
                host.roles.insert("bootstrap".into());
            }
            return;
        }
        self.builder.host(Host {
            name: "bootstrap".into(),
            addresses: vec![address],
            ssh_address: None,
            ssh_port: None,
            cluster: None,
            roles: BTreeSet::from(["bootstrap".to_owned()]),
            zone: None,
            span,
        });
    }

    /// `bootstrap`, or `tinderKind` as all v1alpha3 and some v1alpha4 documents call it.
    fn bootstrap_ports(&mut self) {
        for section in ["bootstrap", "tinderKind"] {
            let Some(section) = self.get(section) else {
                continue;
            };
            for &(key, id) in BOOTSTRAP_PORTS {
                let Some(node) = section.get(key) else {
                    continue;
                };
                if let Some(port) = self.port(key, node) {
                    let value = Scalar::Number(port.into());
                    self.builder.parameter(None, id, value, node.span);
                }
            }
        }
    }

    fn load_balancer(&mut self) {
        let Some(section) = self.get("loadBalancer") else {
            return;
        };
        let kind = section.get("type");
        let mut node_port = false;
        if let Some((text, node)) = kind.and_then(|node| Some((node.text()?, node))) {
            const WORDS: &[(&str, &str)] = &[
                ("nodeport", "node-port"),
                ("metallb", "metallb"),
                ("cloudlb", "cloud-lb"),
            ];
            let word = text.to_ascii_lowercase().replace('-', "");
            let names = WORDS.iter().map(|&(name, _)| name);
            let meant = variables::nearest(&word, names);
            if let Some(meant) = meant {
                let message = format!("`{text}` is no type of load balancer; taken for `{meant}`");
                self.warn(
                    message,
                    node.span,
                    "write `NodePort`, `metallb` or `cloudLB`",
                );
            }
            let meant = meant.unwrap_or(&word);
            match WORDS.iter().find(|(name, _)| *name == meant) {
                Some((_, value)) => {
                    node_port = *value == "node-port";
                    let value = Scalar::Text((*value).to_owned());
                    let cluster = Some(self.cluster);
                    self.builder
                        .parameter(cluster, "load-balancer", value, node.span);
                }
                None => {
                    let message = format!("`{text}` is no type of load balancer; it is ignored");
                    self.warn(
                        message,
                        node.span,
                        "write `NodePort`, `metallb` or `cloudLB`",
                    );
                }
            }
        }
        for (key, role) in [
            ("istioGatewayVip", "istio-gateway-vip"),
            ("insightVip", "insight-vip"),
        ] {
            if let Some(entry) = section.entry(key) {
                self.vip(key, role, &entry.value, entry.key_span, node_port);
            }
        }
    }

    fn vip(&mut self, key: &str, role: &str, node: &Node<'_>, key_span: Span, node_port: bool) {
        let Some(text) = node.text().filter(|text| !text.is_empty()) else {
            return;
        };
        if node_port {
            let message = format!("`{key}` has no effect with load balancer type `NodePort`");
            self.warn(message, key_span, "remove it, or set the type to `metallb`");
            return;
        }
        let mut addresses = Vec::new();
        for part in text.split(',').take(16) {
            // Usually written as `10.0.0.10/32`.
            match address::address(part) {
                Some(address) => addresses.push(address),
                None => {
                    let part = part.trim();
                    let message = format!("`{key}` is `{part}`, which is not an address");
                    let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message);
                    let help = "write one address, for example `10.0.0.10/32`";
                    self.builder.report(diagnostic.at(node.span).help(help));
                }
            }
        }
        if !addresses.is_empty() {
            self.builder.vip(Vip {
                name: role.to_owned(),
                role: role.to_owned(),
                addresses,
                cluster: Some(self.cluster),
                owner_role: "node".into(),
                span: node.span,
            });
        }
    }

    fn network(&mut self) {
        let Some(section) = self.get("network") else {
            return;
        };
        if let Some(node) = section.get("cni")
            && let Some(text) = node.text()
        {
            variables::cni(self.builder, self.cluster, text, node.span);
        }
        for (key, pods) in [("clusterCIDR", true), ("serviceCIDR", false)] {
            if let Some(node) = section.get(key)
                && let Some(text) = node.text()
            {
                variables::networks(self.builder, self.cluster, pods, text, node.span);
            }
        }
    }

    /// Kubespray variables, as a string or as a mapping.
    fn kubean_config(&mut self) {
        let Some(node) = self.get("kubeanConfig") else {
            return;
        };
        if node.is_mapping() {
            self.kubespray(node);
            return;
        }
        let tree = tree::parse_embedded(node, self.outer);
        for diagnostic in tree.diagnostics {
            self.builder.report(diagnostic);
        }
        for document in &tree.documents {
            if !document.is_mapping() && !document.is_null() {
                let message = format!(
                    "`kubeanConfig` must hold variables, found {}",
                    document.kind()
                );
                let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(document.span);
                self.builder
                    .report(diagnostic.help("write `variable: value` lines"));
            }
            self.kubespray(document);
        }
    }

    fn kubespray(&mut self, node: &Node<'_>) {
        let mut spelling = Spelling::default();
        let variables: Vec<Variable<'_>> = node
            .entries()
            .iter()
            .map(|entry| Variable {
                name: &entry.key,
                span: entry.key_span,
                value: &entry.value,
            })
            .collect();
        for variable in &variables {
            spelling.check(self.builder, variable.name, variable.span);
        }
        variables::apply(self.builder, self.cluster, &variables, false);
    }

    fn party(&mut self, role: &str, node: &Node<'_>) {
        endpoint::party(self.builder, None, role, node);
    }

    /// A section's `type`, with a warning when it is misspelt.
    fn external(&mut self, name: &str, section: &Node<'_>) -> bool {
        let Some(node) = section.get("type") else {
            // Without a type, an endpoint that is given is meant.
            return true;
        };
        let text = node.text().unwrap_or("");
        if TYPES.contains(&text) {
            return text == "external";
        }
        let meant = variables::nearest(text, TYPES.iter().copied());
        let message = match meant {
            Some(meant) => format!("`{text}` is no type of `{name}`; taken for `{meant}`"),
            None => format!("`{text}` is no type of `{name}`; it is ignored"),
        };
        let help = "write `official-service`, `builtin` or `external`";
        self.warn(message, node.span, help);
        meant == Some("external")
    }

    fn repositories(&mut self) {
        for name in ["osRepos", "imagesAndCharts", "binaries"] {
            let Some(section) = self.get(name) else {
                continue;
            };
            if !self.external(name, section) {
                continue;
            }
            for &(of, key, role) in REPOSITORIES {
                if of == name
                    && let Some(node) = section.get(key)
                {
                    self.party(role, node);
                }
            }
        }
    }

    fn middlewares(&mut self) {
        let Some(section) = self.get("externalMiddlewares") else {
            return;
        };
        for entry in section.entries() {
            let known = MIDDLEWARES.iter().find(|(name, ..)| *name == entry.key);
            match known {
                Some((_, keys, role)) => self.endpoints(&entry.value, keys, role),
                None => {
                    let message = format!("`{}` is no known external middleware", entry.key);
                    let help = "declare it under `external` in a Portwright site file";
                    self.warn(message, entry.key_span, help);
                }
            }
        }
    }

    /// Endpoints anywhere below a middleware: components differ in how they nest them.
    fn endpoints(&mut self, node: &Node<'_>, keys: &[&str], role: &str) {
        for item in node.items() {
            self.endpoints(item, keys, role);
        }
        for entry in node.entries() {
            if keys.contains(&entry.key.as_ref()) {
                self.party(role, &entry.value);
            } else {
                self.endpoints(&entry.value, keys, role);
            }
        }
    }
}
