//! Portwright's own site file (see `document`).

use super::document::{self, Document};
use super::merge::{Builder, Naming};
use super::read::Input;
use super::spanned::{self, Lenient, Problem, Spanned};
use super::tree::{Node, Value};
use super::{Accepted, ClusterKind, Guard, Host, Inventory, Party, Stand, Vip, Zone, address};
use crate::catalog::{OneOrMany, ProtocolSpec, Scalar};
use crate::diagnostic::{Diagnostic, input, requirement};
use crate::net::{PortRange, Prefix, Protocol};
use crate::source::{SourceId, Span};
use std::net::IpAddr;

/// Addresses of one host or VIP.
const MAX_ADDRESSES: usize = 64;

/// Whether this is a Portwright site file.
pub(super) fn detect(input: &Input<'_>) -> bool {
    input
        .documents
        .iter()
        .any(|d| d.entry("portwright").is_some())
}

/// Reads the first document of its kind.
pub(super) fn read(builder: &mut Builder, input: &Input<'_>) {
    for node in input.documents {
        if node.entry("portwright").is_none() {
            continue;
        }
        let mut node = node.clone();
        if let Some(document) = document(builder, &mut node) {
            Reader {
                builder,
                source: input.id,
            }
            .document(document);
        }
    }
}

/// Reads a document without the top-level entries that cannot be read.
fn document(builder: &mut Builder, node: &mut Node<'_>) -> Option<Document> {
    // Every round removes one entry; a file with more than this many wrong ones is no site file.
    for _ in 0..32 {
        let (result, skipped) = spanned::read::<Document>(node);
        let problem = match result {
            Ok(document) => {
                skipped.iter().for_each(|p| report(builder, p, node.span));
                return Some(document);
            }
            Err(problem) => problem,
        };
        report(builder, &problem, node.span);
        let at = problem.span?;
        let Value::Mapping(entries) = &mut node.value else {
            return None;
        };
        let count = entries.len();
        let inside = |span: Span| span.start <= at.start && at.end <= span.end;
        entries.retain(|e| e.key == "portwright" || !(inside(e.key_span) || inside(e.value.span)));
        if entries.len() == count {
            return None;
        }
    }
    None
}

fn report(builder: &mut Builder, problem: &Problem, whole: Span) {
    let diagnostic = Diagnostic::new(&input::SYNTAX, problem.message.clone());
    builder.report(
        diagnostic
            .at(problem.span.unwrap_or(whole))
            .help("this entry is not used; `portwright schema site` describes the format"),
    );
}

struct Reader<'b> {
    builder: &'b mut Builder,
    source: SourceId,
}

impl Reader<'_> {
    fn document(&mut self, document: Document) {
        let site = &mut self.builder.site;
        site.catalog = site.catalog.take().or(document.catalog);
        site.mode = site.mode.or(document.mode);
        for (id, value) in document.parameters {
            let span = value.span(self.source);
            self.builder.parameter(None, &id, value.value, span);
        }
        for path in document.inventories {
            self.builder.site.inventories.push(Inventory {
                span: path.span(self.source),
                path: path.value,
            });
        }
        let each = |zone: Lenient<_>| zone.0;
        for zone in document.zones.into_iter().filter_map(each) {
            self.zone(zone);
        }
        for cluster in document.clusters.into_iter().filter_map(|c| c.0) {
            self.cluster(cluster);
        }
        for host in document.hosts.into_iter().filter_map(|h| h.0) {
            self.hosts(host, None);
        }
        for vip in document.vips.into_iter().filter_map(|v| v.0) {
            self.vip(vip);
        }
        for party in document.external.into_iter().filter_map(|e| e.0) {
            self.external(party);
        }
        for guard in document.guards.into_iter().filter_map(|g| g.0) {
            self.guard(guard);
        }
        for accepted in document.accepted.into_iter().filter_map(|a| a.0) {
            self.accepted(accepted);
        }
        for roles in document.roles.into_iter().filter_map(|r| r.0) {
            let span = roles.value.select.span(self.source);
            let add = roles.value.add.iter().cloned().collect();
            if let Some(selector) = self.selector(roles.value.select) {
                self.builder.pending.roles(selector, add, span);
            }
        }
    }

    fn zone(&mut self, zone: Spanned<document::Zone>) {
        let span = zone.span(self.source);
        let prefixes = self.prefixes(zone.value.prefixes.as_ref());
        let name = zone.value.name;
        if let Some(known) = self.builder.zone_index(&name) {
            let first = self.builder.site.zones.get(known).map_or(span, |z| z.span);
            let message = format!("zone `{name}` is declared twice");
            let diagnostic = Diagnostic::new(&requirement::CONTRADICTION, message)
                .label(span, "here")
                .label(first, "this one is used");
            self.builder.report(diagnostic.help("join the two"));
            return;
        }
        self.builder.zone(Zone {
            name,
            prefixes,
            span,
        });
    }

    fn cluster(&mut self, cluster: Spanned<document::Cluster>) {
        let name_span = cluster.value.name.span(self.source);
        let cluster = cluster.value;
        let naming = Naming {
            name: &cluster.name.value,
            guessed: false,
            kind: cluster.kind.map(|kind| match kind {
                document::Kind::Global => ClusterKind::Global,
                document::Kind::Worker => ClusterKind::Worker,
            }),
            kind_stated: cluster.kind.is_some(),
        };
        let index = self.builder.cluster(naming, name_span);
        for (id, value) in cluster.parameters {
            let span = value.span(self.source);
            self.builder.parameter(Some(index), &id, value.value, span);
        }
        for (networks, pods) in [
            (cluster.pod_networks, true),
            (cluster.service_networks, false),
        ] {
            let span = networks.as_ref().map_or(name_span, |n| n.span(self.source));
            for prefix in self.prefixes(networks.as_ref()) {
                self.builder.network(index, pods, prefix, span);
            }
        }
        for host in cluster.hosts.into_iter().filter_map(|h| h.0) {
            self.hosts(host, Some(index));
        }
    }

    /// One host, or as many as its name's range says.
    fn hosts(&mut self, host: Spanned<document::Host>, cluster: Option<usize>) {
        let span = host.span(self.source);
        let host = host.value;
        let name_span = host.name.span(self.source);
        let Some(names) = address::expand(&host.name.value) else {
            let message = format!("the range in `{}` is empty or too long", host.name.value);
            let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(name_span);
            self.builder
                .report(diagnostic.help("write it as `node[01:40]`"));
            return;
        };
        let ssh = host.ssh_address.as_ref();
        let ssh_address = ssh.and_then(|text| self.addresses(Some(text), None).into_iter().next());
        let rows = self.address_rows(&host, names.len());
        let given = host.address.is_some() || host.addresses.is_some();
        for (number, name) in names.into_iter().enumerate() {
            if given && rows.is_empty() {
                // Why there is none has been said where it is written.
                self.builder.explained(&name);
            }
            let row = rows.iter().map(|column| match column.as_slice() {
                [only] => Some(*only),
                several => several.get(number).copied(),
            });
            let added = self.builder.host(Host {
                name,
                addresses: row.flatten().collect(),
                ssh_address,
                ssh_port: host.ssh_port.as_ref().map(|port| port.value),
                cluster,
                roles: host
                    .roles
                    .iter()
                    .flat_map(OneOrMany::iter)
                    .cloned()
                    .collect(),
                zone: host.zone.clone(),
                span,
            });
            if added.is_none() {
                return;
            }
        }
    }

    /// A column of addresses for each address that the host has: one for all of `count` hosts
    /// (only when there is one), or one for each.
    fn address_rows(&mut self, host: &document::Host, count: usize) -> Vec<Vec<IpAddr>> {
        let mut columns = Vec::new();
        for (text, span) in texts(host.address.as_ref(), host.addresses.as_ref(), self.source) {
            let expanded = address::expand(text).unwrap_or_default();
            let parsed: Option<Vec<IpAddr>> =
                expanded.iter().map(|t| address::address(t)).collect();
            match parsed {
                Some(column) if column.len() == count => columns.push(column),
                Some(column) if !column.is_empty() => {
                    let name = &host.name.value;
                    let message = format!(
                        "`{name}` stands for {count} hosts, `{text}` for {} addresses",
                        column.len()
                    );
                    let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(span);
                    self.builder
                        .report(diagnostic.help("give ranges of the same length"));
                }
                _ => self.not_an_address(&host.name.value, text, span),
            }
            if columns.len() > MAX_ADDRESSES {
                let message = format!("more than {MAX_ADDRESSES} addresses for one host");
                self.builder
                    .report(Diagnostic::new(&input::LIMIT, message).at(span));
                break;
            }
        }
        columns
    }

    fn not_an_address(&mut self, name: &str, text: &str, span: Span) {
        let message = format!("`{text}` is not an address of `{name}`");
        let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(span);
        self.builder
            .report(diagnostic.help("give an IPv4 or IPv6 address; names are not resolved"));
    }

    fn addresses(
        &mut self,
        one: Option<&Spanned<String>>,
        many: Option<&Spanned<OneOrMany<String>>>,
    ) -> Vec<IpAddr> {
        let mut found = Vec::new();
        for (text, span) in texts(one, many, self.source).take(MAX_ADDRESSES) {
            match address::address(text) {
                Some(address) if !found.contains(&address) => found.push(address),
                Some(_) => {}
                None => {
                    let message = format!("`{text}` is not an address");
                    let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
                    self.builder
                        .report(diagnostic.help("give an IPv4 or IPv6 address"));
                }
            }
        }
        found
    }

    fn prefixes(&mut self, list: Option<&Spanned<OneOrMany<String>>>) -> Vec<Prefix> {
        let mut found = Vec::new();
        for (text, span) in texts(None, list, self.source) {
            match address::prefix(text) {
                Some(prefix) => found.push(prefix),
                None => {
                    let message = format!("`{text}` is not a prefix");
                    let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
                    self.builder
                        .report(diagnostic.help("write it as `10.0.0.0/24` or `10.0.0.1`"));
                }
            }
        }
        found
    }

    fn ports(&mut self, list: Option<Spanned<OneOrMany<Scalar>>>) -> Vec<PortRange> {
        let Some(list) = list else {
            return Vec::new();
        };
        let span = list.span(self.source);
        let mut found = Vec::new();
        for value in list.value.iter() {
            let text = super::merge::word(value);
            match PortRange::parse(&text) {
                Some(range) => found.push(range),
                None => {
                    let message = format!("`{text}` is not a port");
                    let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
                    self.builder
                        .report(diagnostic.help("write it as `443` or `30000-32767`"));
                }
            }
        }
        found
    }

    /// The cluster that something belongs to; says so when it does not exist.
    fn cluster_named(&mut self, name: Option<&Spanned<String>>) -> Option<usize> {
        let name = name?;
        let index = self.builder.cluster_index(&name.value);
        if index.is_none() {
            let message = format!("no cluster is named `{}`", name.value);
            let diagnostic = Diagnostic::new(&requirement::EMPTY_SELECTOR, message);
            self.builder.report(
                diagnostic
                    .at(name.span(self.source))
                    .help("declare it under `clusters`, or correct the name"),
            );
        }
        index
    }

    fn vip(&mut self, vip: Spanned<document::Vip>) {
        let span = vip.span(self.source);
        let vip = vip.value;
        let addresses = self.addresses(vip.address.as_ref(), vip.addresses.as_ref());
        if addresses.is_empty() && vip.address.is_none() && vip.addresses.is_none() {
            let message = format!("the VIP `{}` has no address", vip.role);
            let diagnostic = Diagnostic::new(&requirement::NO_ADDRESS, message).at(span);
            self.builder.report(diagnostic.help("add `address`"));
        }
        let cluster = self.cluster_named(vip.cluster.as_ref());
        self.builder.vip(Vip {
            name: vip.name.unwrap_or_else(|| vip.role.clone()),
            role: vip.role,
            addresses,
            cluster,
            owner_role: vip.owners.unwrap_or_else(|| "node".into()),
            span,
        });
    }

    fn external(&mut self, party: Spanned<document::External>) {
        let span = party.span(self.source);
        let party = party.value;
        let prefixes = self.prefixes(party.addresses.as_ref());
        let ports = self.ports(party.ports);
        let cluster = self.cluster_named(party.cluster.as_ref());
        self.builder.party(Party {
            name: party.name.unwrap_or_else(|| party.role.clone()),
            role: party.role,
            prefixes,
            ports,
            cluster,
            span,
        });
    }

    fn selector(&mut self, selector: Spanned<document::Selector>) -> Option<super::Selector> {
        let span = selector.span(self.source);
        match self.builder.pending.selector(selector.value, span) {
            Ok(selector) => Some(selector),
            Err(diagnostic) => {
                self.builder.report(diagnostic);
                None
            }
        }
    }

    fn guard(&mut self, guard: Spanned<document::Guard>) {
        let span = guard.span(self.source);
        let guard = guard.value;
        let exports: Vec<String> = guard.export.iter().cloned().collect();
        let zones = guard.between.as_ref().map(|b| b.value.as_slice());
        match (guard.host, zones) {
            (Some(host), None) => {
                if let Some(selector) = self.selector(host) {
                    self.builder.pending.guard(selector, exports, span);
                }
            }
            (None, Some([a, b])) => {
                for zone in [a, b] {
                    self.builder.pending.zone(zone.clone(), span);
                }
                self.builder.site.guards.push(Guard {
                    exports,
                    stands: Stand::Between(a.clone(), b.clone()),
                    span: Some(span),
                });
            }
            _ => {
                let message = "a guard needs either `host` or `between` with two zones";
                let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
                self.builder
                    .report(diagnostic.help("write `host: NAME` or `between: [zone-a, zone-b]`"));
            }
        }
    }

    fn accepted(&mut self, accepted: Spanned<document::Accepted>) {
        let span = accepted.span(self.source);
        let accepted = accepted.value;
        let errors = self.builder.errors;
        let host_span = accepted.host.as_ref().map(|h| h.span(self.source));
        let host = accepted.host.and_then(|host| self.selector(host));
        let from = self.prefixes(accepted.from.as_ref());
        let to = self.prefixes(accepted.to.as_ref());
        let ports = self.ports(accepted.ports);
        let protocol = self.protocol(accepted.protocol);
        let expires = self.date(accepted.expires);
        // A part that is wrong would make the acceptance wider than its author wanted.
        if self.builder.errors > errors {
            return;
        }
        if let (Some(host), Some(span)) = (&host, host_span) {
            self.builder.pending.check(host.clone(), span);
        }
        self.builder.site.accepted.push(Accepted {
            host,
            from,
            to,
            protocol,
            ports,
            reason: accepted.reason,
            expires,
            span,
        });
    }

    fn protocol(&mut self, protocol: Option<Spanned<ProtocolSpec>>) -> Option<Protocol> {
        let protocol = protocol?;
        let span = protocol.span(self.source);
        match &protocol.value {
            ProtocolSpec::Number(number) => Some(Protocol(*number)),
            ProtocolSpec::Name(name) => {
                let found = Protocol::parse(name);
                if found.is_none() {
                    let message = format!("`{name}` is not a protocol");
                    let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
                    self.builder
                        .report(diagnostic.help("write `tcp`, `udp`, … or a number up to 255"));
                }
                found
            }
        }
    }

    fn date(&mut self, date: Option<Spanned<String>>) -> Option<String> {
        let date = date?;
        let span = date.span(self.source);
        if is_date(&date.value) {
            return Some(date.value);
        }
        let message = format!("`{}` is not a date", date.value);
        let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
        self.builder
            .report(diagnostic.help("write it as `2027-01-31`"));
        None
    }
}

/// Texts of a single value (with commas) and of a list, with the places of the two keys.
fn texts<'a>(
    one: Option<&'a Spanned<String>>,
    many: Option<&'a Spanned<OneOrMany<String>>>,
    source: SourceId,
) -> impl Iterator<Item = (&'a str, Span)> {
    let one = one
        .into_iter()
        .map(move |t| (t.value.as_str(), t.span(source)));
    let many = many.into_iter().flat_map(move |list| {
        let span = list.span(source);
        list.value.iter().map(move |t| (t.as_str(), span))
    });
    one.chain(many)
        .flat_map(|(text, span)| text.split(',').map(move |t| (t.trim(), span)))
}

/// Whether a text is a day of the calendar.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let shape = (year.len(), month.len(), day.len()) == (4, 2, 2);
    let numbers = [year, month, day].map(|p| p.parse::<u32>().ok());
    let [Some(year), Some(month), Some(day)] = numbers else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    shape && (1..=days).contains(&day)
}
