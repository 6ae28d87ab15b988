//! The observer's sockets.

use super::filter;
use crate::probe::listen::Service;
use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use portwright::net::Family;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsRawFd;

/// Bytes of packets that wait to be looked at.
const QUEUE: usize = 8 << 20;

/// Where a socket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// In front of the host's firewall.
    Interface,
    /// Behind INPUT.
    Accepted {
        /// Address family.
        family: Family,
        /// IP protocol number.
        protocol: u8,
    },
}

/// One of the observer's sockets.
pub struct Watch {
    /// Where it stands.
    pub stand: Stand,
    /// It does not block.
    pub socket: Socket,
}

/// A packet that a socket was given.
pub struct Arrived<'a> {
    /// Its bytes: from the header of IP on, behind that of IPv6 for [`Arrived::addresses`].
    pub bytes: &'a [u8],
    /// Source and destination, where the bytes do not hold them.
    pub addresses: Option<(IpAddr, IpAddr)>,
}

/// Sees what arrives for these services.
///
/// # Errors
///
/// `PermissionDenied` without CAP_NET_RAW.
pub fn at_interface(services: &[Service]) -> io::Result<Watch> {
    // Before all else, also before rules at the interface's ingress. The number is in the
    // network's order.
    let everything = i32::from((libc::ETH_P_ALL as u16).to_be());
    let socket = Socket::new(
        Domain::PACKET,
        Type::DGRAM,
        Some(Protocol::from(everything)),
    )?;
    prepare(&socket, &filter::at_interface(services))?;
    Ok(Watch {
        stand: Stand::Interface,
        socket,
    })
}

/// Sees what INPUT let pass of these services, which are of one family and protocol.
///
/// # Errors
///
/// `PermissionDenied` without CAP_NET_RAW.
pub fn accepted(family: Family, protocol: u8, services: &[Service]) -> io::Result<Watch> {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let number = Protocol::from(i32::from(protocol));
    let socket = Socket::new(domain, Type::RAW, Some(number))?;
    if family == Family::V6 {
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    }
    prepare(&socket, &filter::accepted(services))?;
    Ok(Watch {
        stand: Stand::Accepted { family, protocol },
        socket,
    })
}

fn prepare(socket: &Socket, program: &[socket2::SockFilter]) -> io::Result<()> {
    // What came before the filter is looked at like all else.
    socket.attach_filter(program)?;
    socket.set_nonblocking(true)?;
    if setsockopt(socket, sockopt::RcvBufForce, &QUEUE).is_err() {
        socket.set_recv_buffer_size(QUEUE)?;
    }
    Ok(())
}

impl Watch {
    /// Takes a packet.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when none waits.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<Arrived<'a>>> {
        let behind = matches!(
            self.stand,
            Stand::Accepted {
                family: Family::V6,
                ..
            }
        );
        let mut control = cmsg_space!(libc::in6_pktinfo);
        let mut slices = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let length = message.bytes;
        let addresses = if behind {
            let from = message.address.as_ref().and_then(|at| at.as_sockaddr_in6());
            let to = message.cmsgs().ok().and_then(|mut all| {
                all.find_map(|one| match one {
                    ControlMessageOwned::Ipv6PacketInfo(info) => Some(info.ipi6_addr.s6_addr),
                    _ => None,
                })
            });
            match (from.map(|at| IpAddr::from(at.ip())), to) {
                (Some(from), Some(to)) => Some((from, Ipv6Addr::from(to).into())),
                _ => return Ok(None),
            }
        } else {
            None
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        Ok(Some(Arrived { bytes, addresses }))
    }

    /// Packets that there was no room for.
    pub fn lost(&self) -> u64 {
        let mut info = [0_u32; libc::SK_MEMINFO_DROPS as usize + 1];
        let mut length = size_of_val(&info) as libc::socklen_t;
        // SAFETY: the pointers are to live values, and the length is that of the array.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                info.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        match info.last() {
            Some(&drops) if result == 0 => drops.into(),
            _ => 0,
        }
    }
}
