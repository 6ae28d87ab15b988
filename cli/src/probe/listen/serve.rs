//! The event loop.

use super::limit::Limit;
use super::open::Stub;
use super::tcp::Connections;
use super::{Listener, Service, udp};
use crate::probe::observe::{self, Observer, sctp};
use crate::probe::record::Recorder;
use crate::probe::reply::send_from;
use crate::probe::seen::Sightings;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use portwright::probe::{Nonce, Seen, SeenAt};
use socket2::Socket;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const STOP: Token = Token(usize::MAX);
/// Tokens of the observer's sockets; there are fewer than 1024.
const OBSERVER: usize = usize::MAX - 1024;
/// Packets that the observer looks at in a turn.
const LOOKS: usize = 1024;
/// Datagrams or connections of one port that are taken in a turn, before others have theirs.
const TURN: usize = 64;
/// How long a port waits that has a connection for which there is no descriptor.
const SHORTAGE: Duration = Duration::from_millis(20);

/// Ends a listener from a signal handler or another thread.
pub struct Stopper {
    stop: AtomicBool,
    waker: Waker,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Whether its time to live was over; else it was stopped.
    pub expired: bool,
    /// Datagrams that were not answered because there were too many, or the same too often.
    pub unanswered: u64,
    /// Answers that the system did not send, and what it said first.
    pub unsent: Option<(u64, String)>,
    /// Packets that were not recorded, because there were too many.
    pub unrecorded: u64,
    /// Packets that came too fast for the observer.
    pub lost: u64,
}

impl Stopper {
    pub(super) fn new(poll: &Poll) -> io::Result<Self> {
        Ok(Self {
            stop: AtomicBool::new(false),
            waker: Waker::new(poll.registry(), STOP)?,
        })
    }

    /// Ends it soon.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        // It looks by itself when its time is over.
        let _ = self.waker.wake();
    }
}

struct Server<'a> {
    stubs: Vec<Stub>,
    connections: Connections,
    poll: Poll,
    limit: Limit,
    observer: Option<Observer>,
    sightings: Sightings,
    recorder: &'a mut Recorder,
    /// Ports that have something to read.
    ready: VecDeque<usize>,
    queued: Vec<bool>,
    /// Sockets of the observer that have something to read.
    watching: VecDeque<usize>,
    unsent: Option<(u64, String)>,
    /// SCTP services that are answered.
    sctp: BTreeSet<Service>,
    buffer: [u8; udp::LONGEST],
}

fn count(unsent: &mut Option<(u64, String)>, error: &io::Error) {
    let (count, _) = unsent.get_or_insert((0, error.to_string()));
    *count += 1;
}

/// How a port's turn ended.
enum Turn {
    /// Nothing more waits.
    Drained,
    /// It may have more.
    More,
    /// There is no descriptor for what waits.
    Short,
}

pub(super) fn serve(
    listener: Listener,
    sightings: Sightings,
    recorder: &mut Recorder,
    until: Instant,
) -> io::Result<Ended> {
    let Listener {
        stubs,
        connections,
        stopper,
        poll,
        observer,
        sctp,
        ..
    } = listener;
    for (at, stub) in stubs.iter().enumerate() {
        let fd = stub.socket.as_raw_fd();
        let source = &mut SourceFd(&fd);
        poll.registry()
            .register(source, Token(at), Interest::READABLE)?;
    }
    for (at, fd) in observer.iter().flat_map(Observer::descriptors).enumerate() {
        let source = &mut SourceFd(&fd);
        poll.registry()
            .register(source, Token(OBSERVER + at), Interest::READABLE)?;
    }
    let mut server = Server {
        connections: Connections::new(stubs.len(), connections),
        queued: vec![false; stubs.len()],
        stubs,
        poll,
        limit: Limit::new(Instant::now()),
        observer,
        sctp,
        sightings,
        watching: VecDeque::new(),
        recorder,
        ready: VecDeque::new(),
        unsent: None,
        buffer: [0; udp::LONGEST],
    };
    let expired = server.until(until, &stopper)?;
    Ok(Ended {
        expired,
        unanswered: server.limit.unanswered,
        unsent: server.unsent,
        unrecorded: server.sightings.unrecorded,
        lost: server.observer.as_ref().map_or(0, Observer::lost),
    })
}

impl Server<'_> {
    /// Whether the time was over; else it was stopped.
    fn until(&mut self, until: Instant, stopper: &Stopper) -> io::Result<bool> {
        let mut events = Events::with_capacity(1024);
        let mut short = false;
        loop {
            let now = Instant::now();
            if stopper.stop.load(Ordering::SeqCst) {
                return Ok(false);
            }
            if now >= until {
                return Ok(true);
            }
            let next = self.connections.expire(now);
            let idle = self.ready.is_empty();
            let wait = match (idle, short) {
                _ if !self.watching.is_empty() => Duration::ZERO,
                (true, _) => next.unwrap_or(until).min(until).duration_since(now),
                (false, true) => SHORTAGE,
                (false, false) => Duration::ZERO,
            };
            // The poll counts in milliseconds; what is less must not become a busy wait.
            let wait = if wait.is_zero() {
                wait
            } else {
                wait.max(Duration::from_millis(1))
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                self.note(event.token());
            }
            short = self.turns();
            self.look();
            self.recorder.flush()?;
        }
    }

    fn note(&mut self, token: Token) {
        match self.queued.get_mut(token.0) {
            Some(queued) => {
                if !std::mem::replace(queued, true) {
                    self.ready.push_back(token.0);
                }
            }
            None if token == STOP => {}
            None if token.0 >= OBSERVER => {
                let at = token.0 - OBSERVER;
                if !self.watching.contains(&at) {
                    self.watching.push_back(at);
                }
            }
            None => self.connections.ready(token),
        }
    }

    /// A turn for every port that is ready. Says whether descriptors ran short.
    fn turns(&mut self) -> bool {
        let mut short = false;
        for _ in 0..self.ready.len() {
            let Some(at) = self.ready.pop_front() else {
                break;
            };
            let Some(stub) = self.stubs.get(at) else {
                continue;
            };
            let turn = if i32::from(stub.service.protocol) == libc::IPPROTO_TCP {
                self.accept(at)
            } else {
                self.echo(at)
            };
            match turn {
                Turn::Drained => {
                    if let Some(queued) = self.queued.get_mut(at) {
                        *queued = false;
                    }
                }
                Turn::More => self.ready.push_back(at),
                Turn::Short => {
                    short = true;
                    self.ready.push_back(at);
                }
            }
        }
        short
    }

    /// A turn for every socket of the observer that is ready.
    fn look(&mut self) {
        let Some(observer) = &mut self.observer else {
            return;
        };
        for _ in 0..self.watching.len() {
            let Some(at) = self.watching.pop_front() else {
                break;
            };
            let (limit, sctp, unsent) = (&mut self.limit, &self.sctp, &mut self.unsent);
            let answer = |socket: &Socket, seen: &Seen, body: &[u8]| {
                if !sctp.contains(&Service::of(seen)) {
                    return;
                }
                let to = SocketAddr::new(seen.from, 0);
                let allowed = limit.allows(Instant::now(), to, body);
                let Some(bytes) = sctp::init_ack(body).filter(|_| allowed) else {
                    return;
                };
                if let Err(error) = send_from(socket, &bytes, seen.to, to, 0) {
                    count(unsent, &error);
                }
            };
            let turn = observer.turn(at, LOOKS, &mut self.sightings, self.recorder, answer);
            if let observe::Turn::More = turn {
                self.watching.push_back(at);
            }
        }
    }

    fn accept(&mut self, at: usize) -> Turn {
        let Some(stub) = self.stubs.get(at) else {
            return Turn::Drained;
        };
        for _ in 0..TURN {
            let (socket, from) = match stub.socket.accept() {
                Ok(accepted) => accepted,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => return Turn::Drained,
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                        if self.connections.drop_oldest() {
                            continue;
                        }
                        return Turn::Short;
                    }
                    // That connection is gone; there may be others.
                    _ => continue,
                },
            };
            let to = socket.local_addr().ok().and_then(|to| to.as_socket());
            if let (Some(from), Some(to)) = (from.as_socket(), to) {
                let seen = Seen {
                    from: from.ip(),
                    to: to.ip(),
                    protocol: stub.service.protocol,
                    port: stub.service.port,
                    at: SeenAt::Accepted,
                    nonce: None,
                };
                self.sightings.add(seen, self.recorder);
            }
            // One that cannot be watched is closed.
            let _ = self
                .connections
                .add(self.poll.registry(), socket, Instant::now());
        }
        Turn::More
    }

    fn echo(&mut self, at: usize) -> Turn {
        let Some(stub) = self.stubs.get(at) else {
            return Turn::Drained;
        };
        let now = Instant::now();
        for _ in 0..TURN {
            let datagram = match udp::receive(&stub.socket, &mut self.buffer) {
                Ok(Some(datagram)) => datagram,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Drained,
                // Too long, or an error of an earlier answer.
                Ok(None) | Err(_) => continue,
            };
            let seen = Seen {
                from: datagram.from.ip(),
                to: datagram.to,
                protocol: stub.service.protocol,
                port: stub.service.port,
                at: SeenAt::Accepted,
                nonce: Nonce::find(stub.service.protocol, stub.service.port, datagram.payload)
                    .map(|nonce| nonce.to_string()),
            };
            self.sightings.add(seen, self.recorder);
            if !self.limit.allows(now, datagram.from, datagram.payload) {
                continue;
            }
            if let Err(error) = udp::echo(&stub.socket, &datagram) {
                count(&mut self.unsent, &error);
            }
        }
        Turn::More
    }
}
