//! Echo of datagrams, from the address that they were sent to.

use crate::probe::reply::send_from;
use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use socket2::Socket;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

/// Longest datagram that is answered: what an Ethernet frame carries.
pub const LONGEST: usize = 1500;

/// A datagram that arrived.
pub struct Datagram<'a> {
    /// Its sender.
    pub from: SocketAddr,
    /// The address that it was sent to.
    pub to: IpAddr,
    /// What it carries.
    pub payload: &'a [u8],
    /// Whether it was sent to this host alone.
    single: bool,
    /// Number of the interface that it came in by.
    interface: u32,
}

/// Receives one; none when what came is not to be answered (too long).
///
/// # Errors
///
/// What the system says; `WouldBlock` when nothing waits.
pub fn receive<'a>(
    socket: &Socket,
    buffer: &'a mut [u8; LONGEST],
) -> io::Result<Option<Datagram<'a>>> {
    let mut control = cmsg_space!(libc::in6_pktinfo);
    let mut slices = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut control),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let length = message.bytes;
    let long = message.flags.contains(MsgFlags::MSG_TRUNC);
    let from = message.address.as_ref().and_then(address);
    let way = message.cmsgs().ok().and_then(|mut all| {
        all.find_map(|one| match one {
            ControlMessageOwned::Ipv4PacketInfo(info) => Some(way_v4(info)),
            ControlMessageOwned::Ipv6PacketInfo(info) => Some(way_v6(info)),
            _ => None,
        })
    });
    let (Some(from), Some((to, single, interface)), false) = (from, way, long) else {
        return Ok(None);
    };
    Ok(Some(Datagram {
        from,
        to,
        payload: buffer.get(..length).unwrap_or_default(),
        single,
        interface,
    }))
}

/// Sends a datagram back to where it came from. Not if it was sent to many.
///
/// # Errors
///
/// What the system says: `PermissionDenied` where rules of the host keep the answer back.
pub fn echo(socket: &Socket, datagram: &Datagram<'_>) -> io::Result<()> {
    let Datagram {
        from,
        to,
        payload,
        single,
        interface,
    } = *datagram;
    if !single {
        return Ok(());
    }
    send_from(socket, payload, to, from, interface)
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = from.as_sockaddr_in().copied();
    let v6 = from.as_sockaddr_in6().copied();
    v4.map(|from| SocketAddrV4::from(from).into())
        .or_else(|| v6.map(|from| SocketAddrV6::from(from).into()))
}

/// Destination, whether it is one host's, and the interface.
fn way_v4(info: libc::in_pktinfo) -> (IpAddr, bool, u32) {
    let of = |address: libc::in_addr| Ipv4Addr::from(u32::from_be(address.s_addr));
    let (to, own) = (of(info.ipi_addr), of(info.ipi_spec_dst));
    // Only of a broadcast or multicast is the header's destination not the own address.
    (to.into(), to == own, info.ipi_ifindex.unsigned_abs())
}

fn way_v6(info: libc::in6_pktinfo) -> (IpAddr, bool, u32) {
    let to = Ipv6Addr::from(info.ipi6_addr.s6_addr);
    (to.into(), !to.is_multicast(), info.ipi6_ifindex)
}
