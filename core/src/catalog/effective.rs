//! What a requirement asks for in a mode and with given parameter values.

use super::{Erratum, Mode, OneOrMany, PortSpec, ProtocolSpec, Requirement, Scalar};
use crate::net::{IcmpKind, PortRange, Protocol, Service};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The services of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Services {
    /// These.
    Fixed(Vec<Service>),
    /// These protocols on the port that the site gave the external party with.
    Endpoint {
        /// Protocols with ports.
        protocols: Vec<Protocol>,
        /// The port where the site gave none.
        default: u16,
    },
}

/// Why a requirement has no services. A checked catalogue with values of
/// [`super::Catalog::values`] never has this problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A protocol name that is not `tcp`, `udp`, `sctp` or `icmp`.
    #[error("unknown protocol `{0}`, expected `tcp`, `udp`, `sctp`, `icmp` or a number")]
    Protocol(String),
    /// A text that is no port or port range.
    #[error("`{0}` is not a port or a port range such as `30000-32767`")]
    Ports(String),
    /// A parameter without a value that is a port or range.
    #[error("the parameter `{0}` has no value that is a port or a port range")]
    Parameter(String),
    /// The port of an external party beside fixed ports.
    #[error("an endpoint's port cannot stand in a list of ports")]
    Endpoint,
}

impl Requirement {
    /// The requirement as this mode sees it: itself as published, or with its correction. None
    /// where `least-privilege` does not open it at all.
    #[must_use]
    pub fn in_mode(&self, mode: Mode) -> Option<Cow<'_, Self>> {
        let correction = match (mode, &self.erratum) {
            (
                Mode::LeastPrivilege,
                Some(Erratum {
                    correction: Some(correction),
                    ..
                }),
            ) => correction,
            _ => return Some(Cow::Borrowed(self)),
        };
        if correction.drop {
            return None;
        }
        let mut corrected = self.clone();
        if let Some(from) = &correction.from {
            corrected.from = from.clone();
        }
        if let Some(to) = &correction.to {
            corrected.to = to.clone();
        }
        if let Some(protocol) = &correction.protocol {
            corrected.protocol = protocol.clone();
        }
        if let Some(ports) = &correction.ports {
            corrected.ports = Some(ports.clone());
        }
        if let Some(when) = &correction.when {
            corrected.when = Some(match &self.when {
                Some(published) => published.and(when),
                None => when.clone(),
            });
        }
        if let Some(need) = correction.need {
            corrected.need = need;
        }
        if let Some(title) = &correction.title {
            corrected.title = title.clone();
        }
        Some(Cow::Owned(corrected))
    }

    /// Whether its condition holds for these parameter values.
    #[must_use]
    pub fn applies(&self, values: &BTreeMap<String, Scalar>) -> bool {
        self.when.as_ref().is_none_or(|when| when.holds(values))
    }

    /// Its services with these parameter values: one for each protocol and port range. An echo
    /// reply beside an echo request is no service of its own: it is the answer to the request,
    /// and a stateful filter would call it invalid without one.
    ///
    /// # Errors
    ///
    /// Only in catalogues that were not checked, or with values that were not.
    pub fn services(&self, values: &BTreeMap<String, Scalar>) -> Result<Services, ServiceError> {
        let protocols = protocols(&self.protocol)?;
        if let Some(PortSpec::Endpoint(endpoint)) = &self.ports {
            return Ok(Services::Endpoint {
                protocols,
                default: endpoint.endpoint,
            });
        }
        let mut ranges = Vec::new();
        if let Some(ports) = &self.ports {
            port_ranges(ports, values, &mut ranges)?;
        }
        let mut services = Vec::new();
        for protocol in protocols {
            if protocol.has_ports() {
                services.extend(ranges.iter().map(|&range| Service::Ports(protocol, range)));
            } else if protocol.is_icmp() {
                services.extend(self.icmp_requests().map(Service::Icmp));
            } else {
                services.push(Service::Protocol(protocol));
            }
        }
        Ok(Services::Fixed(services))
    }

    fn icmp_requests(&self) -> impl Iterator<Item = IcmpKind> {
        let kinds = self.icmp.iter().flat_map(OneOrMany::iter);
        let echo = kinds.clone().any(|one| one.kind == IcmpKind::ECHO.kind);
        kinds
            .filter(move |one| !(echo && one.kind == 0))
            .map(|one| IcmpKind {
                kind: one.kind,
                code: one.code,
            })
    }
}

impl ProtocolSpec {
    /// The protocol that it names.
    ///
    /// # Errors
    ///
    /// For names other than `tcp`, `udp`, `sctp` and `icmp`. `ipip` is deliberately not a name:
    /// it is 94 in /etc/protocols and 4 in people's minds.
    pub fn protocol(&self) -> Result<Protocol, ServiceError> {
        match self {
            Self::Number(number) => Ok(Protocol(*number)),
            Self::Name(name) => match name.as_str() {
                "tcp" => Ok(Protocol::TCP),
                "udp" => Ok(Protocol::UDP),
                "sctp" => Ok(Protocol::SCTP),
                "icmp" => Ok(Protocol::ICMP),
                _ => Err(ServiceError::Protocol(name.clone())),
            },
        }
    }
}

impl Scalar {
    /// The port or port range that it says; port 0 is none.
    #[must_use]
    pub fn port_range(&self) -> Option<PortRange> {
        let range = match self {
            Self::Bool(_) => None,
            Self::Number(number) => u16::try_from(*number).ok().map(PortRange::single),
            Self::Text(text) => PortRange::parse(text),
        };
        range.filter(|range| range.lo > 0)
    }
}

fn protocols(specs: &OneOrMany<ProtocolSpec>) -> Result<Vec<Protocol>, ServiceError> {
    specs.iter().map(ProtocolSpec::protocol).collect()
}

fn port_ranges(
    spec: &PortSpec,
    values: &BTreeMap<String, Scalar>,
    ranges: &mut Vec<PortRange>,
) -> Result<(), ServiceError> {
    match spec {
        PortSpec::Number(0) => return Err(ServiceError::Ports("0".into())),
        PortSpec::Number(port) => ranges.push(PortRange::single(*port)),
        PortSpec::Range(text) => ranges.push(
            PortRange::parse(text)
                .filter(|range| range.lo > 0)
                .ok_or_else(|| ServiceError::Ports(text.clone()))?,
        ),
        PortSpec::List(list) => {
            for one in list {
                port_ranges(one, values, ranges)?;
            }
        }
        PortSpec::Parameter { parameter } => ranges.push(
            values
                .get(parameter)
                .and_then(Scalar::port_range)
                .ok_or_else(|| ServiceError::Parameter(parameter.clone()))?,
        ),
        PortSpec::Endpoint(_) => return Err(ServiceError::Endpoint),
    }
    Ok(())
}
