//! Echo of datagrams, from the address that they were sent to.

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike,
    SockaddrStorage, recvmsg, sendmsg,
};
use socket2::Socket;
use std::io::{self, IoSlice, IoSliceMut};
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
    answer: Source,
}

/// The address that an answer has to come from.
#[derive(Clone, Copy)]
enum Source {
    /// It was sent to one host.
    V4(libc::in_pktinfo),
    /// It was sent to one host.
    V6(libc::in6_pktinfo),
    /// It was sent to many: no answer.
    None,
}

/// Receives one; none when nothing waits, or when what came is not to be answered (too long).
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
    let info = message.cmsgs().ok().and_then(|mut all| {
        all.find_map(|one| match one {
            ControlMessageOwned::Ipv4PacketInfo(info) => Some(sent_to_v4(info)),
            ControlMessageOwned::Ipv6PacketInfo(info) => Some(sent_to_v6(info)),
            _ => None,
        })
    });
    let (Some(from), Some((to, answer)), false) = (from, info, long) else {
        return Ok(None);
    };
    Ok(Some(Datagram {
        from,
        to,
        payload: buffer.get(..length).unwrap_or_default(),
        answer,
    }))
}

/// Sends a datagram back to where it came from. Not if it was sent to many.
///
/// # Errors
///
/// What the system says: `PermissionDenied` where rules of the host keep the answer back.
pub fn echo(socket: &Socket, datagram: &Datagram<'_>) -> io::Result<()> {
    let slices = [IoSlice::new(datagram.payload)];
    let fd = socket.as_raw_fd();
    match (datagram.from, datagram.answer) {
        (SocketAddr::V4(from), Source::V4(info)) => {
            let control = [ControlMessage::Ipv4PacketInfo(&info)];
            send(fd, &slices, &control, &SockaddrIn::from(from))
        }
        (SocketAddr::V6(from), Source::V6(info)) => {
            let control = [ControlMessage::Ipv6PacketInfo(&info)];
            send(fd, &slices, &control, &SockaddrIn6::from(from))
        }
        _ => Ok(()),
    }
}

fn send<A: SockaddrLike>(
    fd: i32,
    slices: &[IoSlice<'_>],
    control: &[ControlMessage<'_>],
    to: &A,
) -> io::Result<()> {
    sendmsg(fd, slices, control, MsgFlags::MSG_DONTWAIT, Some(to))?;
    Ok(())
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = from.as_sockaddr_in().copied();
    let v6 = from.as_sockaddr_in6().copied();
    v4.map(|from| SocketAddrV4::from(from).into())
        .or_else(|| v6.map(|from| SocketAddrV6::from(from).into()))
}

fn sent_to_v4(info: libc::in_pktinfo) -> (IpAddr, Source) {
    let of = |address: libc::in_addr| Ipv4Addr::from(u32::from_be(address.s_addr));
    let (to, own) = (of(info.ipi_addr), of(info.ipi_spec_dst));
    // Only of a broadcast or multicast is the header's destination not the own address.
    let answer = if to == own {
        Source::V4(libc::in_pktinfo {
            // Routes decide, as they do for a service.
            ipi_ifindex: 0,
            ..info
        })
    } else {
        Source::None
    };
    (to.into(), answer)
}

fn sent_to_v6(info: libc::in6_pktinfo) -> (IpAddr, Source) {
    let to = Ipv6Addr::from(info.ipi6_addr.s6_addr);
    let answer = if to.is_multicast() {
        Source::None
    } else {
        Source::V6(libc::in6_pktinfo {
            ipi6_ifindex: if to.is_unicast_link_local() {
                info.ipi6_ifindex
            } else {
                0
            },
            ..info
        })
    };
    (to.into(), answer)
}
