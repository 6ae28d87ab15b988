//! Opening a port the way a service would: on all addresses where that is free, else on each.

use super::wanted::Service;
use nix::sys::socket::{setsockopt, sockopt};
use portwright::net::Family;
use portwright::probe::SocketState;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Connections that wait to be accepted, for each port.
const BACKLOG: i32 = 256;
/// Bytes of datagrams that wait to be answered, for each port; used only while they wait.
const UDP_QUEUE: usize = 1 << 20;

/// What to do where descriptors do not suffice.
const MORE_FILES: &str = "raise it (`ulimit -n`), or run it as root";

/// An open port.
pub struct Stub {
    /// What it answers.
    pub service: Service,
    /// The address that it is bound to.
    pub address: IpAddr,
    /// Its socket; it does not block.
    pub socket: Socket,
}

/// An address on which a port is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What was to be answered.
    pub service: Service,
    /// Where.
    pub address: IpAddr,
    /// [`SocketState::Taken`] or [`SocketState::Failed`].
    pub state: SocketState,
    /// What the system said, and what to do where that is known.
    pub why: Option<String>,
}

/// Opens a TCP or UDP port. Addresses that nobody has now may come here later.
pub fn open(
    service: Service,
    port: u16,
    addresses: &BTreeSet<IpAddr>,
) -> (Vec<Stub>, Vec<Refused>) {
    let all: IpAddr = match service.family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    };
    match bound(service, SocketAddr::new(all, port)) {
        Ok(socket) => return (vec![Stub::new(service, all, socket)], Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
        Err(error) => return (Vec::new(), vec![because(service, all, &error)]),
    }
    let (mut stubs, mut refused) = (Vec::new(), Vec::new());
    for &address in addresses {
        match bound(service, SocketAddr::new(address, port)) {
            Ok(socket) => stubs.push(Stub::new(service, address, socket)),
            Err(error) => refused.push(because(service, address, &error)),
        }
    }
    (stubs, refused)
}

impl Stub {
    fn new(service: Service, address: IpAddr, socket: Socket) -> Self {
        Self {
            service,
            address,
            socket,
        }
    }
}

/// Whether an error is about this process or system, so that other ports fail alike.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

impl Refused {
    /// There is no descriptor left for it.
    pub fn beyond(service: Service, address: IpAddr, limit: usize) -> Self {
        Self {
            service,
            address,
            state: SocketState::Failed,
            why: Some(format!(
                "the limit of {limit} open files is reached: {MORE_FILES}"
            )),
        }
    }
}

fn because(service: Service, address: IpAddr, error: &io::Error) -> Refused {
    let (state, why) = match error.raw_os_error() {
        Some(libc::EADDRINUSE) => (SocketState::Taken, None),
        Some(libc::EACCES) => {
            let help = "ports below `sysctl net.ipv4.ip_unprivileged_port_start` need root or the \
                        capability CAP_NET_BIND_SERVICE";
            (SocketState::Failed, Some(format!("{error}: {help}")))
        }
        _ if is_exhausted(error) => (SocketState::Failed, Some(format!("{error}: {MORE_FILES}"))),
        _ => (SocketState::Failed, Some(error.to_string())),
    };
    Refused {
        service,
        address,
        state,
        why,
    }
}

fn bound(service: Service, at: SocketAddr) -> io::Result<Socket> {
    let domain = match service.family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let tcp = i32::from(service.protocol) == libc::IPPROTO_TCP;
    let (kind, protocol) = if tcp {
        (Type::STREAM, Protocol::TCP)
    } else {
        (Type::DGRAM, Protocol::UDP)
    };
    let socket = Socket::new(domain, kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    match service.family {
        Family::V4 => socket.set_freebind_v4(true)?,
        Family::V6 => {
            socket.set_only_v6(true)?;
            socket.set_freebind_v6(true)?;
        }
    }
    if tcp {
        // Connections of an earlier service that linger are in nobody's way. UDP has none, and
        // there the option would take datagrams from a service that set it too.
        socket.set_reuse_address(true)?;
    } else {
        match service.family {
            Family::V4 => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
            Family::V6 => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
        // As much as an unprivileged process gets.
        socket.set_recv_buffer_size(UDP_QUEUE)?;
    }
    socket.bind(&SockAddr::from(at))?;
    if tcp {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}
