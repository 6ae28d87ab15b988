//! Sending from a given address of this host.

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike, sendmsg};
use socket2::Socket;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

/// Sends a datagram so that it comes from this address, which may be a secondary or virtual one.
/// `interface` is for link-local addresses; otherwise routes decide, as they do for a service.
///
/// # Errors
///
/// What the system says: `PermissionDenied` where rules of the host keep it back.
pub fn send_from(
    socket: &Socket,
    bytes: &[u8],
    from: IpAddr,
    to: SocketAddr,
    interface: u32,
) -> io::Result<()> {
    let slices = [IoSlice::new(bytes)];
    match (from, to) {
        (IpAddr::V4(from), SocketAddr::V4(to)) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: u32::from(from).to_be(),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            let control = [ControlMessage::Ipv4PacketInfo(&info)];
            send(socket, &slices, &control, &SockaddrIn::from(to))
        }
        (IpAddr::V6(from), SocketAddr::V6(to)) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr {
                    s6_addr: from.octets(),
                },
                ipi6_ifindex: if from.is_unicast_link_local() {
                    interface
                } else {
                    0
                },
            };
            let control = [ControlMessage::Ipv6PacketInfo(&info)];
            send(socket, &slices, &control, &SockaddrIn6::from(to))
        }
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn send<A: SockaddrLike>(
    socket: &Socket,
    slices: &[IoSlice<'_>],
    control: &[ControlMessage<'_>],
    to: &A,
) -> io::Result<()> {
    let flags = MsgFlags::MSG_DONTWAIT;
    sendmsg(socket.as_raw_fd(), slices, control, flags, Some(to))?;
    Ok(())
}
