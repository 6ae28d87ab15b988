//! Roles, protocols, ports and conditions of one requirement or correction.

use super::Checker;
use crate::catalog::{Condition, OneOrMany, PortSpec, ProtocolSpec, RoleKind, Scalar};

impl Checker<'_> {
    pub(super) fn ends(&mut self, what: &str, from: &OneOrMany<String>, to: &OneOrMany<String>) {
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
    pub(super) fn service(
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

    pub(super) fn condition(&mut self, what: &str, condition: &Condition) {
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
}
