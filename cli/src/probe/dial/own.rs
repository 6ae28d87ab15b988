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
}
