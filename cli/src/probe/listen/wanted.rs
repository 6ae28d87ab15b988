//! What a plan wants to answer on a host.

use portwright::net::Family;
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
    /// Too many pairs of port and address: what was expected, where.
    pub fn of(host: &PlanHost) -> Result<Self, String> {
        let mut wanted = Self::default();
        let mut size = 0;
        for (at, listen) in host.listen.iter().enumerate() {
            let place = format!("host `{}`, listen[{at}]", host.name);
            let count = usize::try_from(listen.ports.count()).unwrap_or(MOST);
            size += count.max(1) * listen.addresses.len();
            if size > MOST {
                return Err(format!(
                    "{place}: more than {MOST} pairs of port and address are to answer on one \
                     host, expected fewer; sample the ranges (`probe plan --sample`)"
                ));
            }
            wanted.addresses.extend(&listen.addresses);
            for port in listen.each_port() {
                for &address in &listen.addresses {
                    let service = Service {
                        protocol: listen.protocol,
                        family: Family::of(address),
                        port,
                    };
                    wanted.services.entry(service).or_default().insert(address);
                }
            }
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portwright::probe::Listen;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn wanted(protocol: u8, ports: &str, addresses: usize) -> Result<Wanted, String> {
        let v4 = (1..=addresses as u32).map(|number| Ipv4Addr::from(number << 8 | 1).into());
        let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
        Wanted::of(&PlanHost {
            name: "cp".into(),
            addresses: Vec::new(),
            cluster: None,
            roles: Vec::new(),
            zone: None,
            listen: vec![Listen {
                protocol,
                ports: ports.parse().unwrap(),
                addresses: v4.chain([v6]).collect(),
            }],
            dial: Vec::new(),
        })
    }

    #[test]
    fn each_port_in_each_family() {
        let found = wanted(6, "22,2379-2380", 2).unwrap();
        assert!(
            found
                .services
                .values()
                .map(BTreeSet::len)
                .eq([2, 2, 2, 1, 1, 1])
        );
        let found: Vec<_> = found.services.keys().map(|s| (s.family, s.port)).collect();
        let ports = [22, 2379, 2380].map(Some);
        let expected = [Family::V4, Family::V6].map(|family| ports.map(|port| (family, port)));
        assert_eq!(found, expected.concat());
        assert_eq!(wanted(4, "", 1).unwrap().services.len(), 2);
    }

    #[test]
    fn too_many_are_refused() {
        assert!(wanted(6, "1-65535", 20).is_ok());
        let error = wanted(6, "1-65535", 100).unwrap_err();
        assert!(error.starts_with("host `cp`, listen[0]: "), "{error}");
    }
}
