//! The addresses of this machine.

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

/// The addresses of this machine, with the numbers of their interfaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    interfaces: BTreeMap<IpAddr, u32>,
    addresses: Vec<IpAddr>,
    /// The one of a family, where there is but one that is not of the loopback.
    only: Vec<IpAddr>,
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
        let addresses: Vec<IpAddr> = interfaces.keys().copied().collect();
        let outward = |v6| {
            let fits = move |a: &&IpAddr| !a.is_loopback() && a.is_ipv6() == v6;
            addresses.iter().filter(fits)
        };
        let only = [false, true].map(|v6| {
            let mut all = outward(v6);
            all.next().filter(|_| all.next().is_none()).copied()
        });
        Ok(Self {
            only: only.into_iter().flatten().collect(),
            addresses,
            interfaces,
        })
    }

    /// The interface of an address; none where this machine does not have it.
    #[must_use]
    pub fn interface(&self, address: IpAddr) -> Option<u32> {
        self.interfaces.get(&address).copied()
    }

    /// Whether the kernel has no other address to send from than this one.
    #[must_use]
    pub fn is_only(&self, address: IpAddr) -> bool {
        self.only.contains(&address)
    }

    /// All of them, sorted.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }
}
