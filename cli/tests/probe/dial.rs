//! A plain client, to see that what was planted is there: blocking sockets, nothing clever.

use nix::errno::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// How a TCP connection ends: `open`, `timeout`, or the name of the error.
pub fn tcp(to: IpAddr, port: u16, millis: u64) -> String {
    let to = SocketAddr::new(to, port);
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(to),
        socket2::Type::STREAM,
        None,
    )
    .expect("a socket");
    match socket.connect_timeout(&to.into(), Duration::from_millis(millis)) {
        Ok(()) => "open".into(),
        Err(error) => named(&error),
    }
}

/// How a datagram ends: `answer`, `timeout`, or the name of the error.
pub fn udp(to: IpAddr, port: u16, millis: u64) -> String {
    let any: IpAddr = if to.is_ipv6() {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((any, 0)).expect("a socket");
    let talk = || {
        socket.connect((to, port))?;
        socket.set_read_timeout(Some(Duration::from_millis(millis)))?;
        socket.send(b"?")?;
        socket.recv(&mut [0; 64])
    };
    match talk() {
        Ok(_) => "answer".into(),
        Err(error) => named(&error),
    }
}

fn named(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        None | Some(libc::EAGAIN | libc::EINPROGRESS) => "timeout".into(),
        Some(number) => format!("{:?}", Errno::from_raw(number)),
    }
}
