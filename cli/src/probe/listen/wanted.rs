//! What a plan wants to answer on a host.

use portwright::net::{Family, PortRange, Protocol};
use portwright::probe::{PlanHost, Seen};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Ports times addresses of one host; a plan with more is a mistake, or hostile.
const MOST: usize = 4_000_000;

/// One thing that others dial: a protocol, in a family, and a port where the protocol has ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// IP protocol number.
    pub protocol: u8,
    /// Address family.
    pub family: Family,
    /// The port, where the protocol has ports.
    pub port: Option<u16>,
}

impl Service {
    /// The service that a packet is for.
    pub fn of(seen: &Seen) -> Self {
        Self {
            protocol: seen.protocol,
            family: Family::of(seen.to),
            port: seen.port,
        }
    }
}

/// What is to answer, and on which addresses others dial it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Services in order, with their addresses.
    pub services: BTreeMap<Service, BTreeSet<IpAddr>>,
    /// All addresses that are dialled.
    pub addresses: BTreeSet<IpAddr>,
}

impl Wanted {
    /// What this host has to answer.
    ///
    /// # Errors
    ///
    /// Ports that cannot be read, or too many of them: what was expected, where.
    pub fn of(host: &PlanHost) -> Result<Self, String> {
        let mut wanted = Self::default();
        let mut size = 0;
        for (at, listen) in host.listen.iter().enumerate() {
            let place = format!("host `{}`, listen[{at}]", host.name);
            let ports = ports(listen.protocol, &listen.ports)
                .map_err(|message| format!("{place}: {message}"))?;
            let count: usize = ports
                .iter()
                .map(|range| usize::from(range.hi - range.lo) + 1)
                .sum();
            size += count.max(1) * listen.addresses.len();
            if size > MOST {
                return Err(format!(
                    "{place}: more than {MOST} pairs of port and address are to answer on one \
                     host, expected fewer; sample the ranges (`probe plan --sample`)"
                ));
            }
            wanted.addresses.extend(&listen.addresses);
            let mut add = |port| {
                for &address in &listen.addresses {
                    let service = Service {
                        protocol: listen.protocol,
                        family: Family::of(address),
                        port,
                    };
                    wanted.services.entry(service).or_default().insert(address);
                }
            };
            if ports.is_empty() {
                add(None);
            }
            for port in ports.iter().flat_map(|range| range.lo..=range.hi) {
                add(Some(port));
            }
        }
        Ok(wanted)
    }
}

/// Reads `22,2379-2380`.
fn ports(protocol: u8, text: &str) -> Result<Vec<PortRange>, String> {
    let has_ports = Protocol(protocol).has_ports();
    if text.is_empty() && !has_ports {
        return Ok(Vec::new());
    }
    if !has_ports {
        return Err(format!("protocol {protocol} has no ports, found `{text}`"));
    }
    let range = |part: &str| match PortRange::parse(part) {
        Some(range) if range.lo > 0 => Ok(range),
        _ => Err(format!(
            "expected ports from 1 to 65535 such as `22,2379-2380`, found `{part}`"
        )),
    };
    text.split(',').map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portwright::probe::Listen;

    fn wanted(protocol: u8, ports: &str) -> Result<Wanted, String> {
        Wanted::of(&PlanHost {
            name: "cp".into(),
            addresses: Vec::new(),
            cluster: None,
            roles: Vec::new(),
            zone: None,
            listen: vec![Listen {
                protocol,
                ports: ports.into(),
                addresses: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
            }],
            dial: Vec::new(),
        })
    }

    #[test]
    fn ports_are_read() {
        let found = wanted(6, "22,2379-2380,22").unwrap();
        let found: Vec<_> = found.services.keys().map(|s| (s.family, s.port)).collect();
        let ports = [22, 2379, 2380].map(Some);
        let expected = [Family::V4, Family::V6].map(|family| ports.map(|port| (family, port)));
        assert_eq!(found, expected.concat());
        assert_eq!(wanted(4, "").unwrap().services.len(), 2);
    }

    #[test]
    fn wrong_ports_are_told() {
        for (protocol, ports, part) in [
            (6, "", "found ``"),
            (6, "0", "found `0`"),
            (6, "22,x", "found `x`"),
            (17, "9-1", "found `9-1`"),
            (4, "22", "protocol 4 has no ports, found `22`"),
        ] {
            let error = wanted(protocol, ports).unwrap_err();
            assert!(error.starts_with("host `cp`, listen[0]: "), "{error}");
            assert!(error.contains(part), "{error}");
        }
    }
}
