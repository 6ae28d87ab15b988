//! The least that finds open ports: non-blocking connections and epoll, no retries, no error queue,
//! no records. `cargo xtask bench --probe` holds `portwright probe run` against it.
//!
//! `connect scan ADDRESS FIRST-LAST IN-FLIGHT MILLISECONDS` prints how many ports were open, closed
//! and silent; `connect serve PORT…` listens on ports until it is ended.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it measures time, and uses sockets"
)]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["scan", address, range, in_flight, millis] => {
            let (first, last) = range.split_once('-').ok_or("expected FIRST-LAST")?;
            linux::scan(
                address.parse()?,
                first.parse()?..=last.parse()?,
                in_flight.parse()?,
                std::time::Duration::from_millis(millis.parse()?),
            )
        }
        ["serve", ref ports @ ..] => linux::serve(ports),
        _ => {
            Err("expected `scan ADDRESS FIRST-LAST IN-FLIGHT MILLISECONDS` or `serve PORT…`".into())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod linux {
    use std::error::Error;
    use std::net::IpAddr;
    use std::ops::RangeInclusive;
    use std::time::Duration;

    pub fn scan(
        _: IpAddr,
        _: RangeInclusive<u16>,
        _: usize,
        _: Duration,
    ) -> Result<(), Box<dyn Error>> {
        Err("only Linux has epoll".into())
    }

    pub fn serve(_: &[&str]) -> Result<(), Box<dyn Error>> {
        Err("only Linux has epoll".into())
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Token};
    use socket2::{Domain, Socket, Type};
    use std::collections::VecDeque;
    use std::error::Error;
    use std::io;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
    use std::ops::RangeInclusive;
    use std::os::fd::AsRawFd as _;
    use std::thread;
    use std::time::{Duration, Instant};

    #[derive(Default)]
    struct Counts {
        open: u32,
        closed: u32,
        silent: u32,
    }

    /// Connects to every port, so many at a time.
    pub fn scan(
        address: IpAddr,
        ports: RangeInclusive<u16>,
        in_flight: usize,
        timeout: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(1024);
        let mut slots: Vec<Option<Socket>> = Vec::new();
        slots.resize_with(in_flight, || None);
        let mut free: Vec<usize> = (0..in_flight).collect();
        // Slots in the order of their deadlines; one that was used again has a later one, too.
        let mut waiting: VecDeque<(Instant, usize, u16)> = VecDeque::new();
        let mut port_of = vec![0; in_flight];
        let mut ports = ports.fuse();
        let mut counts = Counts::default();
        loop {
            while let Some(slot) = free.pop() {
                let Some(port) = ports.next() else {
                    free.push(slot);
                    break;
                };
                let socket = Socket::new(
                    Domain::for_address((address, port).into()),
                    Type::STREAM,
                    None,
                )?;
                socket.set_nonblocking(true)?;
                match socket.connect(&SocketAddr::new(address, port).into()) {
                    Ok(()) => counts.open += 1,
                    Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
                        poll.registry().register(
                            &mut SourceFd(&socket.as_raw_fd()),
                            Token(slot),
                            Interest::WRITABLE,
                        )?;
                        slots[slot] = Some(socket);
                        port_of[slot] = port;
                        waiting.push_back((Instant::now() + timeout, slot, port));
                        continue;
                    }
                    Err(_) => counts.closed += 1,
                }
                free.push(slot);
            }
            if free.len() == in_flight {
                break;
            }
            poll.poll(&mut events, Some(Duration::from_millis(10)))?;
            for event in &events {
                let slot = event.token().0;
                if let Some(socket) = slots[slot].take() {
                    match socket.take_error()? {
                        None => counts.open += 1,
                        Some(_) => counts.closed += 1,
                    }
                    free.push(slot);
                }
            }
            let now = Instant::now();
            while let Some(&(deadline, slot, port)) = waiting.front() {
                if deadline > now {
                    break;
                }
                waiting.pop_front();
                if port_of[slot] == port && slots[slot].take().is_some() {
                    counts.silent += 1;
                    free.push(slot);
                }
            }
        }
        let Counts {
            open,
            closed,
            silent,
        } = counts;
        println!("{open} open, {closed} closed, {silent} silent");
        Ok(())
    }

    /// Accepts on these ports.
    pub fn serve(ports: &[&str]) -> Result<(), Box<dyn Error>> {
        let mut poll = Poll::new()?;
        let mut listeners = Vec::new();
        for port in ports {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port.parse()?))?;
            listener.set_nonblocking(true)?;
            poll.registry().register(
                &mut SourceFd(&listener.as_raw_fd()),
                Token(listeners.len()),
                Interest::READABLE,
            )?;
            listeners.push(listener);
        }
        println!("ready");
        let mut events = Events::with_capacity(1024);
        loop {
            poll.poll(&mut events, None)?;
            for event in &events {
                accept(&listeners[event.token().0]);
            }
        }
    }

    fn accept(listener: &TcpListener) {
        loop {
            match listener.accept() {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // Out of descriptors: those that are open close soon.
                Err(_) => thread::yield_now(),
            }
        }
    }
}
