//! The addresses of this machine, and which host of a plan that makes it.

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use portwright::probe::Plan;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

/// The addresses of this machine, with the numbers of their interfaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    interfaces: BTreeMap<IpAddr, u32>,
    addresses: Vec<IpAddr>,
}

impl Own {
    /// Asks the kernel, in the network namespace of this thread.
    ///
    /// # Errors
    ///
    /// Where the kernel does not say.
    pub fn here() -> io::Result<Self> {
        let mut interfaces = BTreeMap::new();
        for one in getifaddrs().map_err(io::Error::from)? {
            let Some(address) = one.address else { continue };
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
            let v6 = || address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip()));
            if let Some(address) = v4.or_else(v6) {
                let index = if_nametoindex(one.interface_name.as_str()).unwrap_or(0);
                interfaces.insert(address, index);
            }
        }
        Ok(Self {
            addresses: interfaces.keys().copied().collect(),
            interfaces,
        })
    }

    /// The interface of an address; none where this machine does not have it.
    #[must_use]
    pub fn interface(&self, address: IpAddr) -> Option<u32> {
        self.interfaces.get(&address).copied()
    }

    /// All of them, sorted.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// The name of the one host of the plan that has an address of this machine.
    ///
    /// # Errors
    ///
    /// Where no host has, or several have: what was found, and what to do.
    pub fn host<'p>(&self, plan: &'p Plan) -> Result<&'p str, (String, String)> {
        let here =
            |address: &&IpAddr| !address.is_loopback() && self.interface(**address).is_some();
        let matches: Vec<(&str, &IpAddr)> = plan
            .hosts
            .iter()
            .filter_map(|host| Some((host.name.as_str(), host.addresses.iter().find(here)?)))
            .collect();
        match matches.as_slice() {
            [(name, _)] => Ok(name),
            [] => {
                let own = self
                    .addresses
                    .iter()
                    .filter(|address| !address.is_loopback());
                let own: Vec<String> = own.map(ToString::to_string).collect();
                let message = format!(
                    "no host of the plan has an address of this machine ({})",
                    own.join(", ")
                );
                let help = "run it on a host of the plan, or say with --from which one this is";
                Err((message, help.into()))
            }
            several => {
                let hosts = several
                    .iter()
                    .map(|(name, address)| format!("`{name}` ({address})"));
                let hosts: Vec<String> = hosts.collect();
                let message = format!(
                    "several hosts of the plan have an address of this machine: {}",
                    hosts.join(", ")
                );
                Err((message, "say with --from which one this is".into()))
            }
        }
    }
}
