//! Which process has a port.

use crate::probe::processes::Processes;
use procfs::net::{TcpState, tcp, tcp6, udp, udp6};
use std::net::{IpAddr, SocketAddr};

/// A socket that is bound: its address, and the number of its inode.
type Bound = (SocketAddr, u64);

/// The sockets of this network namespace, and the processes that hold them.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    tcp: Vec<Bound>,
    udp: Vec<Bound>,
    processes: Processes,
}

impl Owners {
    /// Reads `/proc`.
    pub fn read() -> Self {
        let mut this = Self::default();
        for entries in [tcp(), tcp6()] {
            let listening = entries.unwrap_or_default().into_iter();
            let listening = listening.filter(|entry| entry.state == TcpState::Listen);
            this.tcp
                .extend(listening.map(|entry| (entry.local_address, entry.inode)));
        }
        for entries in [udp(), udp6()] {
            let bound = entries.unwrap_or_default().into_iter();
            this.udp
                .extend(bound.map(|entry| (entry.local_address, entry.inode)));
        }
        this.processes = Processes::read();
        this
    }

    /// The process that has a port on an address.
    ///
    /// # Errors
    ///
    /// Why it is not known.
    pub fn of(&self, protocol: u8, address: IpAddr, port: u16) -> Result<String, String> {
        let bound = if i32::from(protocol) == libc::IPPROTO_TCP {
            &self.tcp
        } else {
            &self.udp
        };
        // Closest first: the address itself, all of its family, all of both.
        let rank = |at: SocketAddr| match at.ip() {
            ip if ip == address => Some(0),
            ip if ip.is_unspecified() && ip.is_ipv4() == address.is_ipv4() => Some(1),
            ip if ip.is_unspecified() && ip.is_ipv6() => Some(2),
            IpAddr::V6(ip) if ip.to_ipv4_mapped().map(IpAddr::from) == Some(address) => Some(3),
            _ => None,
        };
        let holder = bound
            .iter()
            .filter(|(at, _)| at.port() == port)
            .filter_map(|&(at, inode)| Some((rank(at)?, inode)))
            .min();
        let Some((_, inode)) = holder else {
            return Err("no socket of this network namespace has it now".into());
        };
        match self.processes.by_inode.get(&inode) {
            Some(process) => Ok(format!("{} (pid {})", process.name, process.pid)),
            None if self.processes.hidden => Err("whose it is only root can see".into()),
            None => Err(
                "no process here has it: the kernel's own socket, or a process of \
                         another process namespace"
                    .into(),
            ),
        }
    }
}
