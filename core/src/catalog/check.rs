//! Whether catalogues that are joined are consistent.

use super::join::File;
use super::{
    Condition, Correction, OneOrMany, Parameter, PortSpec, ProtocolSpec, Requirement, Role,
    RoleKind, Scalar, Text,
};
use crate::diagnostic::{Diagnostic, requirement};
use crate::source::{Sources, Span};
use std::collections::BTreeMap;

/// Everything that breaks the catalogue rules, in file order.
pub(super) fn check(sources: &Sources, files: &[File]) -> Vec<Diagnostic> {
    let mut checker = Checker {
        sources,
        parameters: BTreeMap::new(),
        roles: BTreeMap::new(),
        problems: Vec::new(),
        place: None,
    };
    checker.names(files);
    for file in files {
        checker.document(file);
    }
    checker.rival_defaults(files);
    checker.problems
}

struct Checker<'a> {
    sources: &'a Sources,
    parameters: BTreeMap<&'a str, &'a Parameter>,
    roles: BTreeMap<&'a str, &'a Role>,
    problems: Vec<Diagnostic>,
    /// Where what is being checked begins.
    place: Option<Span>,
}

impl<'a> Checker<'a> {
    fn problem(&mut self, message: String, help: &str) {
        let problem = Diagnostic::new(&requirement::BAD_CATALOG, message).help(help);
        self.problems.push(match self.place {
            Some(span) => problem.at(span),
            None => problem,
        });
    }

    fn at(&mut self, file: &File, key: &str, value: &str) {
        self.place = Some(file.find(self.sources, key, value));
    }

    /// Collects parameters and roles; ids are unique over all catalogues.
    fn names(&mut self, files: &'a [File]) {
        let mut requirements = BTreeMap::new();
        for file in files {
            let name = file.document.catalog.as_str();
            for parameter in &file.document.parameters {
                self.at(file, "id", &parameter.id);
                let other = self.parameters.insert(&parameter.id, parameter).is_some();
                self.id("parameter", &parameter.id, other);
            }
            for role in &file.document.roles {
                self.at(file, "id", &role.id);
                let other = self.roles.insert(&role.id, role).is_some();
                self.id("role", &role.id, other);
            }
            for requirement in &file.document.requirements {
                self.at(file, "id", &requirement.id);
                let other = requirements.insert(&requirement.id, name).is_some();
                self.id("requirement", &requirement.id, other);
            }
        }
    }

    fn id(&mut self, what: &str, id: &str, taken: bool) {
        if taken {
            self.problem(
                format!("the {what} `{id}` exists twice"),
                "give each its own id; ids are shared by all catalogues that are joined",
            );
        }
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if id.is_empty() || !id.chars().all(fits) {
            self.problem(
                format!(
                    "`{id}` is no id for a {what}, expected lower-case letters, digits, `.` and `-`"
                ),
                "write it like `calico.wireguard-v6`",
            );
        }
    }

    fn document(&mut self, file: &File) {
        let document = &file.document;
        self.at(file, "catalog", &document.catalog);
        self.id("catalogue", &document.catalog, false);
        self.text("the catalogue", &document.title);
        for (id, value) in &document.defaults {
            self.default(id, value);
        }
        for parameter in &document.parameters {
            self.at(file, "id", &parameter.id);
            self.parameter(parameter);
        }
        for role in &document.roles {
            self.at(file, "id", &role.id);
            self.role(role);
        }
        for requirement in &document.requirements {
            self.at(file, "id", &requirement.id);
            self.requirement(requirement);
        }
    }

    fn text(&mut self, what: &str, text: &Text) {
        for (language, text) in [("English", &text.en), ("Chinese", &text.zh)] {
            if text.trim().is_empty() {
                self.problem(
                    format!("{what} has no text in {language}"),
                    "write both `en` and `zh`",
                );
            }
        }
    }

    fn default(&mut self, id: &str, value: &Scalar) {
        match self.parameters.get(id) {
            None => self.problem(
                format!("`defaults` names the parameter `{id}`, which does not exist"),
                "correct the id, or add the catalogue that has it to `uses`",
            ),
            Some(parameter) if parameter.accept(value).is_none() => {
                let expected = parameter.expected();
                self.problem(
                    format!("the parameter `{id}` does not take `{value}`, expected {expected}"),
                    "correct the value in `defaults`",
                );
            }
            Some(_) => {}
        }
    }

    fn parameter(&mut self, parameter: &Parameter) {
        self.text(
            &format!("the parameter `{}`", parameter.id),
            &parameter.title,
        );
        let default = &parameter.default;
        let fits = if parameter.values.is_empty() {
            default.port_range().is_some()
        } else {
            parameter.values.contains(default)
        };
        if !fits {
            self.problem(
                format!(
                    "the default `{default}` of the parameter `{}` is not allowed, expected {}",
                    parameter.id,
                    parameter.expected()
                ),
                "correct the default, or add it to `values`",
            );
        }
    }

    fn role(&mut self, role: &Role) {
        self.text(&format!("the role `{}`", role.id), &role.title);
        if role.any_address && role.kind != RoleKind::External {
            self.problem(
                format!("the role `{}` is any address but not external", role.id),
                "use `any_address` only with `kind: external`",
            );
        }
        let Some(fallback) = &role.fallback else {
            return;
        };
        let hosts = role.kind == RoleKind::Host
            && self
                .roles
                .get(fallback.as_str())
                .is_some_and(|other| other.kind == RoleKind::Host && other.fallback.is_none());
        if !hosts {
            self.problem(
                format!(
                    "the role `{}` falls back to `{fallback}`, expected both to be roles of hosts, the second without a fallback of its own",
                    role.id
                ),
                "correct `fallback`, or add the catalogue that has the role to `uses`",
            );
        }
    }

    fn requirement(&mut self, one: &Requirement) {
        let what = format!("the requirement `{}`", one.id);
        self.text(&what, &one.title);
        if let Some(assumed) = &one.assumed {
            self.text(&format!("what {what} assumes"), assumed);
        }
        if one.citation.document.trim().is_empty() {
            self.problem(
                format!("{what} cites no document"),
                "say where it is published in `citation.document`",
            );
        }
        self.ends(&what, &one.from, &one.to);
        self.service(
            &what,
            &one.protocol,
            one.ports.as_ref(),
            one.icmp.is_some(),
            &one.to,
        );
        if let Some(when) = &one.when {
            self.condition(&what, when);
        }
        let Some(erratum) = &one.erratum else {
            return;
        };
        self.text(&format!("the erratum of {what}"), &erratum.note);
        if erratum.source.trim().is_empty() {
            self.problem(
                format!("the erratum of {what} has no source"),
                "name the upstream page in `erratum.source`",
            );
        }
        if let Some(correction) = &erratum.correction {
            self.correction(one, correction);
        }
    }

    fn correction(&mut self, one: &Requirement, correction: &Correction) {
        let what = format!("the correction of `{}`", one.id);
        if let Some(title) = &correction.title {
            self.text(&what, title);
        }
        if let Some(when) = &correction.when {
            self.condition(&what, when);
        }
        let changes = correction.from.is_some()
            || correction.to.is_some()
            || correction.protocol.is_some()
            || correction.ports.is_some()
            || correction.when.is_some()
            || correction.need.is_some();
        if correction.drop == changes && (changes || correction.title.is_none()) {
            self.problem(
                format!("{what} must either drop the row or change it"),
                "use `drop` alone (with `title` if the title is wrong), or name what changes",
            );
        }
        let from = correction.from.as_ref().unwrap_or(&one.from);
        let to = correction.to.as_ref().unwrap_or(&one.to);
        let protocol = correction.protocol.as_ref().unwrap_or(&one.protocol);
        let ports = correction.ports.as_ref().or(one.ports.as_ref());
        self.ends(&what, from, to);
        self.service(&what, protocol, ports, one.icmp.is_some(), to);
    }

    fn ends(&mut self, what: &str, from: &OneOrMany<String>, to: &OneOrMany<String>) {
        for (end, roles) in [("from", from), ("to", to)] {
            if roles.iter().len() == 0 {
                self.problem(format!("{what} has an empty `{end}`"), "name a role");
            }
            for role in roles.iter() {
                match self.roles.get(role.as_str()) {
                    None => self.problem(
                        format!("{what} names the role `{role}`, which does not exist"),
                        "correct the id, or add the catalogue that has it to `uses`",
                    ),
                    Some(known) if known.kind == RoleKind::Vip && end == "from" => self.problem(
                        format!("{what} comes from the VIP `{role}`, but VIPs only receive"),
                        "name the role of the hosts that connect",
                    ),
                    Some(_) => {}
                }
            }
        }
    }

    /// Ports go with tcp, udp and sctp and with nothing else; types and codes with icmp.
    fn service(
        &mut self,
        what: &str,
        protocols: &OneOrMany<ProtocolSpec>,
        ports: Option<&PortSpec>,
        icmp: bool,
        to: &OneOrMany<String>,
    ) {
        if protocols.iter().len() == 0 {
            self.problem(format!("{what} has an empty `protocol`"), "name a protocol");
        }
        for spec in protocols.iter() {
            let protocol = match spec.protocol() {
                Ok(protocol) => protocol,
                Err(error) => {
                    self.problem(format!("{what}: {error}"), "IP-in-IP is protocol 4");
                    continue;
                }
            };
            let numbered = matches!(spec, ProtocolSpec::Number(_));
            if numbered && (protocol.has_ports() || protocol.is_icmp()) {
                self.problem(
                    format!(
                        "{what} names protocol {} by number, expected its name",
                        protocol.0
                    ),
                    "write `tcp`, `udp`, `sctp` or `icmp`; other protocols have numbers only",
                );
            } else if protocol.has_ports() != ports.is_some() {
                let fault = if protocol.has_ports() {
                    "needs"
                } else {
                    "has no"
                };
                self.problem(
                    format!("{what}: the protocol {protocol} {fault} ports"),
                    "give `ports` with tcp, udp and sctp, and with nothing else",
                );
            } else if protocol.is_icmp() != icmp {
                let fault = if icmp { "has no" } else { "needs an" };
                self.problem(
                    format!("{what}: the protocol {protocol} {fault} ICMP type"),
                    "give `icmp` with the protocol `icmp`, and with nothing else",
                );
            }
        }
        if let Some(ports) = ports {
            self.ports(what, ports, false, to);
        }
    }

    fn ports(&mut self, what: &str, ports: &PortSpec, nested: bool, to: &OneOrMany<String>) {
        match ports {
            PortSpec::Number(0) => self.problem(format!("{what} names port 0"), "ports start at 1"),
            PortSpec::Number(_) => {}
            PortSpec::Range(text) => {
                if Scalar::Text(text.clone()).port_range().is_none() {
                    self.problem(
                        format!("{what}: `{text}` is not a port range"),
                        "write the lower port first: `30000-32767`",
                    );
                }
            }
            PortSpec::List(list) if list.is_empty() || nested => self.problem(
                format!("{what} has an empty or nested list of ports"),
                "list ports and ranges: `[179, 3784-3785]`",
            ),
            PortSpec::List(list) => {
                for one in list {
                    self.ports(what, one, true, to);
                }
            }
            PortSpec::Parameter { parameter } => {
                let known = self.parameters.get(parameter.as_str());
                if !known.is_some_and(|known| known.values.is_empty()) {
                    self.problem(
                        format!(
                            "{what} takes its port from `{parameter}`, which is no port parameter"
                        ),
                        "name a parameter without `values`, whose default is a port or a range",
                    );
                }
            }
            PortSpec::Endpoint(endpoint) => {
                let external = to.iter().all(|role| {
                    let role = self.roles.get(role.as_str());
                    role.is_none_or(|role| role.kind == RoleKind::External)
                });
                if nested || !external || endpoint.endpoint == 0 {
                    self.problem(
                        format!("{what} uses `endpoint` where no external party has a port"),
                        "use it alone, only towards external roles, with a default port from 1",
                    );
                }
            }
        }
    }

    fn condition(&mut self, what: &str, condition: &Condition) {
        let mut faults = Vec::new();
        condition.visit(&mut |id, values| match self.parameters.get(id) {
            None => faults.push(format!(
                "{what} depends on the parameter `{id}`, which does not exist"
            )),
            Some(parameter) => faults.extend(
                values
                    .iter()
                    .filter(|value| !parameter.values.contains(value))
                    .map(|value| {
                        format!("{what} depends on `{id}` being `{value}`, which is not one of its values")
                    }),
            ),
        });
        for fault in faults {
            self.problem(
                fault,
                "correct the condition, or add the value to the parameter",
            );
        }
    }

    /// Two used catalogues that set different defaults need a user that decides.
    fn rival_defaults(&mut self, files: &[File]) {
        let Some((root, used)) = files.split_first() else {
            return;
        };
        let mut set: BTreeMap<&str, (&str, &Scalar)> = BTreeMap::new();
        for file in used {
            for (id, value) in &file.document.defaults {
                let name = file.document.catalog.as_str();
                let (other, rival) = *set.entry(id).or_insert((name, value));
                let nested = files
                    .iter()
                    .any(|one| uses_and_sets(one, id, name) || uses_and_sets(one, id, other));
                if rival != value && !nested {
                    self.at(root, "catalog", &root.document.catalog);
                    self.problem(
                        format!("`{other}` and `{name}` set different defaults for `{id}`: `{rival}` and `{value}`"),
                        "decide in the `defaults` of the catalogue that uses both",
                    );
                }
            }
        }
    }
}

/// Whether this catalogue uses that one and sets the default itself.
fn uses_and_sets(file: &File, id: &str, used: &str) -> bool {
    file.document.uses.iter().any(|name| name == used) && file.document.defaults.contains_key(id)
}
