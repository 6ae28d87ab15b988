//! Sockets of probes: bound to the plan's source, with the queue of ICMP errors switched on.

use super::{Own, Planned};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use portwright::probe::{Evidence, meaning};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsRawFd;

/// Why a probe could not be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Something that runs out and comes back: file descriptors, ports, memory.
    Again(Errno),
    /// It will never go, and this is why.
    Never(String),
}

/// What comes of an attempt to send.
pub type Attempt<T> = Result<T, Refused>;

/// An attempt that did not end in a packet under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It could not be tried.
    Trouble(Trouble),
    /// The kernel's refusal is the answer.
    Evidence(Evidence),
}

impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// Whether an error says that something has run out, which says nothing about firewalls.
fn is_shortage(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EMFILE
            | Errno::ENFILE
            | Errno::EADDRNOTAVAIL
            | Errno::EADDRINUSE
            | Errno::ENOBUFS
            | Errno::ENOMEM
            | Errno::EAGAIN
            | Errno::EINTR
    )
}

/// What an error of a system call means for a probe.
pub fn refused(call: &str, error: &io::Error) -> Refused {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
    if is_shortage(errno) {
        Trouble::Again(errno).into()
    } else {
        Refused::Evidence(Evidence::LocalError {
            call: call.into(),
            errno: format!("{errno:?}"),
        })
    }
}

/// Opens a socket from the probe's source, connected to nothing yet.
pub fn open(ask: &Planned, own: &Own, kind: Type, protocol: Option<Protocol>) -> Attempt<Socket> {
    let v6 = ask.to.is_ipv6();
    let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, kind.nonblocking(), protocol).map_err(|e| no_socket(&e))?;
    let recverr = if v6 {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)
    } else {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)
    };
    recverr
        .map_err(|errno| Trouble::Never(format!("the error queue is not to be had: {errno}")))?;
    // Without it a port is taken for each source address alone, and runs out; where the kernel
    // does not know it, that is all.
    let _ = setsockopt(&socket, sockopt::IpBindAddressNoPort, &true);
    let source = own.socket_address(ask.from, 0);
    socket.bind(&source).map_err(|e| refused("bind", &e))?;
    Ok(socket)
}

/// A socket that the kernel does not give, for want of rights or of means.
fn no_socket(error: &io::Error) -> Refused {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
    match errno {
        Errno::EPERM | Errno::EACCES => {
            Trouble::Never("it needs the privilege CAP_NET_RAW, for example root".into()).into()
        }
        errno if is_shortage(errno) => Trouble::Again(errno).into(),
        errno => Trouble::Never(format!("the kernel has no such socket ({errno:?})")).into(),
    }
}

impl Own {
    /// Where a packet from one of the host's addresses, or to one beside it, goes: link-local
    /// addresses need an interface.
    pub fn socket_address(&self, address: IpAddr, port: u16) -> SockAddr {
        self.scoped(address, address, port)
    }

    /// Where a probe goes.
    pub fn target(&self, ask: &Planned, port: u16) -> SockAddr {
        self.scoped(ask.to, ask.from, port)
    }

    fn scoped(&self, address: IpAddr, beside: IpAddr, port: u16) -> SockAddr {
        match address {
            IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                let index = self.interface(beside).unwrap_or(0);
                SocketAddr::V6(SocketAddrV6::new(v6, port, 0, index)).into()
            }
            _ => SocketAddr::new(address, port).into(),
        }
    }
}

/// One entry of an error queue.
pub struct Queued {
    /// What it says.
    pub evidence: Evidence,
    /// Bytes of the probe's packet that it quotes, as far as they were kept.
    pub quoted: usize,
}

/// Reads error queues.
pub struct ErrorQueue {
    control: Vec<u8>,
    /// What an entry quotes of the packet it is about.
    pub quote: [u8; 576],
}

impl Default for ErrorQueue {
    fn default() -> Self {
        let control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
        Self {
            control,
            quote: [0; 576],
        }
    }
}

impl ErrorQueue {
    /// The next entry that decides something; none where the queue has no more. What says nothing
    /// about firewalls (fragmentation needed, redirects) is passed over.
    pub fn next(&mut self, socket: &Socket) -> Option<Queued> {
        loop {
            let mut parts = [IoSliceMut::new(&mut self.quote)];
            let message = recvmsg::<SockaddrStorage>(
                socket.as_raw_fd(),
                &mut parts,
                Some(&mut self.control),
                MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
            )
            .ok()?;
            let quoted = message.bytes;
            let entry = message
                .cmsgs()
                .ok()
                .and_then(|all| all.filter_map(entry).next());
            if let Some(evidence) = entry {
                return Some(Queued { evidence, quoted });
            }
        }
    }
}

fn entry(message: ControlMessageOwned) -> Option<Evidence> {
    let (error, offender) = match message {
        ControlMessageOwned::Ipv4RecvErr(error, Some(offender)) => {
            let address = Ipv4Addr::from(u32::from_be(offender.sin_addr.s_addr));
            (error, IpAddr::V4(address))
        }
        ControlMessageOwned::Ipv6RecvErr(error, Some(offender)) => {
            let address = Ipv6Addr::from(offender.sin6_addr.s6_addr);
            (error, IpAddr::V6(address))
        }
        _ => return None,
    };
    let icmp = matches!(
        error.ee_origin,
        libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6
    );
    let decides = icmp && meaning(offender, error.ee_type, error.ee_code).is_some();
    decides.then_some(Evidence::Icmp {
        offender,
        icmp_type: error.ee_type,
        icmp_code: error.ee_code,
    })
}
