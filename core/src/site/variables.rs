//! Kubespray variables: which catalogue parameter, network, VIP or party each one decides.

use super::known_variables::KNOWN;
use super::merge::Builder;
use super::tree::Node;
use super::{Vip, address, endpoint};
use crate::catalog::Scalar;
use crate::diagnostic::{Diagnostic, Severity, input, requirement};
use crate::net::PortRange;
use crate::source::Span;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;

/// Names in one site that are compared with the known ones.
const MAX_SPELLED: usize = 5_000;

/// A variable with its value.
#[derive(Clone, Copy)]
pub(super) struct Variable<'n> {
    /// Its name.
    pub name: &'n str,
    /// Where its name is written.
    pub span: Span,
    /// Its value.
    pub value: &'n Node<'n>,
}

/// What a variable's value is.
enum Kind {
    Switch,
    Port,
    Range,
    Word,
}

/// Variables that are a parameter each.
const PARAMETERS: &[(&str, &str, Kind)] = &[
    ("typha_enabled", "calico.typha", Kind::Switch),
    ("calico_wireguard_enabled", "calico.wireguard", Kind::Switch),
    (
        "calico_felix_prometheusmetricsenabled",
        "calico.metrics",
        Kind::Switch,
    ),
    (
        "cilium_enable_prometheus",
        "cilium.prometheus",
        Kind::Switch,
    ),
    ("cilium_enable_hubble", "cilium.hubble", Kind::Switch),
    (
        "cilium_enable_hubble_metrics",
        "cilium.hubble-metrics",
        Kind::Switch,
    ),
    ("enable_nodelocaldns", "nodelocaldns", Kind::Switch),
    ("kube_vip_enabled", "kube-vip", Kind::Switch),
    (
        "loadbalancer_apiserver_localhost",
        "api-load-balancer.localhost",
        Kind::Switch,
    ),
    ("kube_apiserver_port", "kube-apiserver.port", Kind::Port),
    (
        "kube_apiserver_node_port_range",
        "node-port-range",
        Kind::Range,
    ),
    ("metallb_port", "metallb.metrics-port", Kind::Port),
    (
        "metallb_memberlist_port",
        "metallb.memberlist-port",
        Kind::Port,
    ),
    ("metallb_protocol", "metallb.mode", Kind::Word),
    ("etcd_metrics_port", "etcd.metrics-port", Kind::Port),
    ("flannel_vxlan_port", "flannel.vxlan-port", Kind::Port),
    ("flannel_backend_type", "flannel.backend", Kind::Word),
    (
        "nodelocaldns_health_port",
        "nodelocaldns.health-port",
        Kind::Port,
    ),
    (
        "nodelocaldns_prometheus_port",
        "nodelocaldns.metrics-port",
        Kind::Port,
    ),
    (
        "loadbalancer_apiserver_healthcheck_port",
        "api-load-balancer.healthcheck-port",
        Kind::Port,
    ),
];

/// Variables that name parties, and the parties' role.
const PARTIES: &[(&str, &str)] = &[
    ("upstream_dns_servers", "dns-server"),
    ("nameservers", "dns-server"),
    ("ntp_servers", "ntp-server"),
    ("registry_host", "registry"),
    ("minio_address", "binary-repository"),
    ("files_repo", "binary-repository"),
    ("yum_repo", "os-repository"),
    ("debian_repo", "os-repository"),
    ("ubuntu_repo", "os-repository"),
];

/// Variables that hold pod (`true`) and service networks.
const NETWORKS: &[(&str, bool)] = &[
    ("kube_pods_subnet", true),
    ("kube_pods_subnet_ipv6", true),
    ("kube_service_addresses", false),
    ("kube_service_addresses_ipv6", false),
];

/// Whether Kubespray, Kubean or Ansible knows this variable.
pub(super) fn is_known(name: &str) -> bool {
    known().any(|known| known == name)
}

/// Whether a variable decides something here, beyond addresses of hosts.
pub(super) fn is_relevant(name: &str) -> bool {
    PARAMETERS.iter().any(|&(n, ..)| n == name)
        || PARTIES.iter().any(|&(n, _)| n == name)
        || NETWORKS.iter().any(|&(n, _)| n == name)
        || SPECIAL.contains(&name)
}

/// Variables that decide together with others.
const SPECIAL: &[&str] = &[
    "kube_network_plugin",
    "calico_network_backend",
    "calico_ipip_mode",
    "calico_vxlan_mode",
    "cilium_tunnel_mode",
    "cilium_encryption_enabled",
    "cilium_encryption_type",
    "metallb_enabled",
    "kube_vip_address",
    "loadbalancer_apiserver",
    "kube_vip_bgp_enabled",
];

fn known() -> impl Iterator<Item = &'static str> {
    let parameters = PARAMETERS.iter().map(|&(name, ..)| name);
    let parties = PARTIES.iter().map(|&(name, _)| name);
    let networks = NETWORKS.iter().map(|&(name, _)| name);
    parameters
        .chain(parties)
        .chain(networks)
        .chain(KNOWN.split_whitespace())
}

/// The candidate that a word is probably meant to be; none when it is one of them or like none.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    if !(4..=64).contains(&word.len()) {
        return None;
    }
    let allowed = if word.len() < 10 { 1 } else { 2 };
    candidates
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= allowed)
        .map(|candidate| (strsim::osa_distance(candidate, word), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min()
        .filter(|&(distance, _)| distance > 0)
        .map(|(_, candidate)| candidate)
}

/// Finds misspelt variables; each name is looked at once.
#[derive(Default)]
pub(super) struct Spelling {
    seen: FxHashSet<String>,
}

impl Spelling {
    /// Says so when a name is unknown but like a known one.
    pub fn check(&mut self, builder: &mut Builder, name: &str, span: Span) {
        if self.seen.len() >= MAX_SPELLED || self.seen.contains(name) {
            return;
        }
        self.seen.insert(name.to_owned());
        let Some(meant) = nearest(name, known()) else {
            return;
        };
        let message = format!("the variable `{name}` has no effect: it is misspelt");
        builder.report(
            Diagnostic::new(&requirement::MISSPELT, message)
                .at(span)
                .help(format!("write `{meant}`")),
        );
    }
}

/// Applies variables to a cluster. With `defaults`, Kubespray's own defaults hold for what the
/// variables leave unsaid about Calico.
pub(super) fn apply(
    builder: &mut Builder,
    cluster: usize,
    variables: &[Variable<'_>],
    defaults: bool,
) {
    let mut apply = Apply {
        builder,
        cluster,
        all: variables.iter().map(|v| (v.name, *v)).collect(),
    };
    apply.plugin(defaults);
    apply.cilium();
    apply.load_balancers();
    apply.parameters();
    apply.networks();
    apply.parties();
}

struct Apply<'b, 'n> {
    builder: &'b mut Builder,
    cluster: usize,
    all: BTreeMap<&'n str, Variable<'n>>,
}

impl<'n> Apply<'_, 'n> {
    /// A variable's text; templates are not evaluated.
    fn text(&mut self, name: &str) -> Option<(&'n str, Span)> {
        let variable = *self.all.get(name)?;
        let text = variable.value.text()?;
        if text.is_empty() {
            return None;
        }
        if text.contains("{{") || text.contains("{%") {
            self.template(variable);
            return None;
        }
        Some((text, variable.value.span))
    }

    fn template(&mut self, variable: Variable<'_>) {
        let message = format!(
            "the variable `{}` is a template, which is not evaluated",
            variable.name
        );
        let diagnostic = Diagnostic::new(&input::NOT_MODELLED, message).at(variable.value.span);
        let help = "write its value out, or set the parameter in a Portwright site file";
        self.builder.report(diagnostic.help(help));
    }

    fn switch(&mut self, name: &str) -> Option<(bool, Span)> {
        let (_, span) = self.text(name)?;
        let value = self.all.get(name).and_then(|v| v.value.switch());
        if value.is_none() {
            self.wrong(name, span, "`true` or `false`");
        }
        value.map(|value| (value, span))
    }

    fn wrong(&mut self, name: &str, span: Span, expected: &str) {
        let message = format!("the variable `{name}` must be {expected}; it is not used");
        self.builder.report(
            Diagnostic::new(&input::SYNTAX, message)
                .at(span)
                .help("correct its value"),
        );
    }

    fn set(&mut self, id: &str, value: Scalar, span: Span) {
        let cluster = Some(self.cluster);
        self.builder.parameter(cluster, id, value, span);
    }

    fn word(&mut self, id: &str, value: &str, span: Span) {
        self.set(id, Scalar::Text(value.to_owned()), span);
    }

    fn plugin(&mut self, defaults: bool) {
        let plugin = self.text("kube_network_plugin");
        if let Some((plugin, span)) = plugin {
            cni(self.builder, self.cluster, plugin, span);
        }
        let calico = match plugin {
            Some((plugin, span)) => plugin.eq_ignore_ascii_case("calico").then_some(span),
            None if defaults && !self.all.contains_key("kube_network_plugin") => {
                self.default_plugin()
            }
            None => None,
        };
        self.calico(calico.filter(|_| defaults));
    }

    /// Kubespray installs Calico when its variables name no other plugin. Without any variables,
    /// they are more likely in a file that was not given.
    fn default_plugin(&mut self) -> Option<Span> {
        let span = self.all.values().next().map(|variable| variable.span);
        match span {
            Some(span) => {
                let calico = Scalar::Text("calico".into());
                self.builder
                    .parameter_default(self.cluster, "cni", calico, span);
            }
            None => self.builder.no_plugin.push(self.cluster),
        }
        span
    }

    /// Backend, IPIP mode and VXLAN mode decide together. `default` is where the plugin is chosen,
    /// when Kubespray's defaults hold: backend vxlan, IPIP `Never`, VXLAN `Always`.
    fn calico(&mut self, default: Option<Span>) {
        let backend = self.text("calico_network_backend");
        let ipip = self.mode("calico_ipip_mode");
        let vxlan = self.mode("calico_vxlan_mode");
        let given = [
            backend.map(|(_, s)| s),
            ipip.map(|(_, s)| s),
            vxlan.map(|(_, s)| s),
        ];
        let Some(span) = given.into_iter().flatten().next().or(default) else {
            return;
        };
        if let Some((backend, span)) = backend {
            self.set("calico.bgp", Scalar::Bool(backend == "bird"), span);
        } else if default.is_some() {
            let bgp = Scalar::Bool(false);
            self.builder
                .parameter_default(self.cluster, "calico.bgp", bgp, span);
        }
        let on = |mode: Option<(bool, Span)>| mode.map(|(on, _)| on);
        let value = match (on(ipip), on(vxlan), backend.map(|(backend, _)| backend)) {
            (Some(true), Some(true), _) => {
                self.both_tunnels(ipip, vxlan);
                return;
            }
            (Some(true), ..) => "ipip",
            (_, Some(true), _) | (_, None, Some("vxlan")) => "vxlan",
            (Some(false), Some(false), _) | (_, _, Some("none")) => "none",
            (_, Some(false), _) if default.is_some() => "none",
            (_, None, _) if default.is_some() => {
                let vxlan = Scalar::Text("vxlan".into());
                self.builder
                    .parameter_default(self.cluster, "calico.encapsulation", vxlan, span);
                return;
            }
            _ => return,
        };
        self.word("calico.encapsulation", value, span);
    }

    /// Whether a mode (`Always`, `CrossSubnet`, `Never`) uses the tunnel at all.
    fn mode(&mut self, name: &str) -> Option<(bool, Span)> {
        let (mode, span) = self.text(name)?;
        match mode.to_ascii_lowercase().as_str() {
            "always" | "crosssubnet" => Some((true, span)),
            "never" => Some((false, span)),
            _ => {
                self.wrong(name, span, "`Always`, `CrossSubnet` or `Never`");
                None
            }
        }
    }

    fn both_tunnels(&mut self, ipip: Option<(bool, Span)>, vxlan: Option<(bool, Span)>) {
        let message = "calico_ipip_mode and calico_vxlan_mode exclude each other, and both are on";
        let mut diagnostic = Diagnostic::new(&requirement::CONTRADICTION, message);
        for (_, span) in [ipip, vxlan].into_iter().flatten() {
            diagnostic = diagnostic.at(span);
        }
        self.builder
            .report(diagnostic.help("set one of them to `Never`; until then neither is assumed"));
    }

    fn cilium(&mut self) {
        if let Some((mode, span)) = self.text("cilium_tunnel_mode") {
            let mode = match mode {
                "disabled" => "none",
                other => other,
            };
            self.word("cilium.tunnel", mode, span);
        }
        match self.switch("cilium_encryption_enabled") {
            Some((false, span)) => self.word("cilium.encryption", "none", span),
            Some((true, span)) => {
                // Kubespray's default type.
                let (kind, span) = self
                    .text("cilium_encryption_type")
                    .unwrap_or(("ipsec", span));
                self.word("cilium.encryption", kind, span);
            }
            None => {}
        }
    }

    fn load_balancers(&mut self) {
        if let Some((true, span)) = self.switch("metallb_enabled") {
            self.word("load-balancer", "metallb", span);
        }
        if let Some((true, span)) = self.switch("kube_vip_bgp_enabled") {
            self.word("kube-vip.mode", "bgp", span);
        }
        if let Some((text, span)) = self.text("kube_vip_address") {
            self.api_vip("kube_vip_address", text, span);
        }
        let Some(balancer) = self.all.get("loadbalancer_apiserver").map(|v| v.value) else {
            return;
        };
        let node = balancer.get("address");
        if let Some((text, span)) = node.and_then(|n| Some((n.text()?, n.span))) {
            self.api_vip("loadbalancer_apiserver", text, span);
        }
    }

    fn api_vip(&mut self, name: &str, text: &str, span: Span) {
        let Some(address) = address::address(text) else {
            let message =
                format!("`{name}` holds no address, so the API server's VIP is not known");
            let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message);
            self.builder
                .report(diagnostic.at(span).help("give an IPv4 or IPv6 address"));
            return;
        };
        self.builder.vip(Vip {
            name: "api-vip".into(),
            role: "api-vip".into(),
            addresses: vec![address],
            cluster: Some(self.cluster),
            owner_role: "control-plane".into(),
            span,
        });
    }

    fn parameters(&mut self) {
        for (name, id, kind) in PARAMETERS {
            match kind {
                Kind::Switch => {
                    if let Some((value, span)) = self.switch(name) {
                        self.set(id, Scalar::Bool(value), span);
                    }
                }
                Kind::Word => {
                    if let Some((value, span)) = self.text(name) {
                        self.word(id, value, span);
                    }
                }
                Kind::Port => {
                    if let Some((text, span)) = self.text(name) {
                        match address::port(text) {
                            Some(port) => self.set(id, Scalar::Number(port.into()), span),
                            None => self.wrong(name, span, "a port"),
                        }
                    }
                }
                Kind::Range => {
                    if let Some((text, span)) = self.text(name) {
                        match PortRange::parse(text) {
                            Some(range) => self.word(id, &range.to_string(), span),
                            None => self.wrong(name, span, "a range such as `30000-32767`"),
                        }
                    }
                }
            }
        }
        if let Some(variable) = self.all.get("etcd_metrics_port").copied() {
            // Set at all, it makes etcd serve its metrics beyond loopback.
            if !variable.value.is_null() {
                self.set(
                    "etcd.metrics-exposed",
                    Scalar::Bool(true),
                    variable.value.span,
                );
            }
        }
    }

    fn networks(&mut self) {
        for &(name, pods) in NETWORKS {
            if let Some((text, span)) = self.text(name) {
                networks(self.builder, self.cluster, pods, text, span);
            }
        }
    }

    fn parties(&mut self) {
        for &(name, role) in PARTIES {
            let Some(variable) = self.all.get(name).copied() else {
                continue;
            };
            let items = variable.value.one_or_many();
            if items
                .iter()
                .any(|i| i.text().is_some_and(|t| t.contains("{{")))
            {
                // `files_repo: "{{ minio_address }}/kubean"` repeats what another variable says.
                self.template(variable);
                continue;
            }
            endpoint::party(self.builder, Some(self.cluster), role, variable.value);
        }
    }
}

/// Adds pod or service networks; several are separated by commas (dual stack).
pub(super) fn networks(builder: &mut Builder, cluster: usize, pods: bool, text: &str, span: Span) {
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        match address::prefix(part) {
            Some(prefix) => builder.network(cluster, pods, prefix, span),
            None => {
                let message = format!("`{part}` is not a network");
                let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
                builder.report(diagnostic.help("write it as `10.233.64.0/18`"));
            }
        }
    }
}

/// Sets the CNI. Products that no catalogue describes are `other`.
pub(super) fn cni(builder: &mut Builder, cluster: usize, text: &str, span: Span) {
    const KNOWN: &[&str] = &["calico", "cilium", "flannel", "spiderpool", "none"];
    let word = text.to_ascii_lowercase();
    let value = if KNOWN.contains(&word.as_str()) {
        word.as_str()
    } else if let Some(meant) = nearest(&word, KNOWN.iter().copied()) {
        let message = format!("`{text}` is no network plugin");
        let diagnostic = Diagnostic::new(&input::UNKNOWN_KEY, message).at(span);
        builder.report(diagnostic.help(format!("write `{meant}`; it is taken for that here")));
        meant
    } else {
        let message = format!(
            "the network plugin `{text}` has no catalogue, so its own ports are not checked"
        );
        let diagnostic = Diagnostic::new(&input::NOT_MODELLED, message).at(span);
        let help = "add its requirements in a catalogue file";
        builder.report(diagnostic.severity(Severity::Warning).help(help));
        "other"
    };
    let value = Scalar::Text(value.to_owned());
    builder.parameter(Some(cluster), "cni", value, span);
}
