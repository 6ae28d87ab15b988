//! TCP: `connect` by the kernel, so that its own OUTPUT rules apply and its errors are told.

use super::socket::{Attempt, ErrorQueue, open, refused};
use super::way::{Way, Wire};
use super::{Own, Planned};
use nix::errno::Errno;
use portwright::probe::{Evidence, Nonce};
use socket2::{Socket, Type};
use std::time::Duration;

/// TCP connections.
pub struct Tcp;

impl Way for Tcp {
    fn start(&self, ask: &Planned, _: Nonce, own: &Own, queue: &mut ErrorQueue) -> Attempt<Wire> {
        let socket = open(ask, own, Type::STREAM, None)?;
        match socket.connect(&own.target(ask, ask.port.unwrap_or_default())) {
            Ok(()) => Ok(Wire::new(socket)),
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(Wire::new(socket)),
            // Reading the queue first: an error with an entry has an author.
            Err(error) => match queue.next(&socket) {
                Some(entry) => Err(super::socket::Refused::Evidence(entry.evidence)),
                None => Err(refused("connect", &error)),
            },
        }
    }

    fn read(
        &self,
        _: &Planned,
        _: Nonce,
        wire: &Wire,
        calm: bool,
        queue: &mut ErrorQueue,
    ) -> Option<Evidence> {
        if calm {
            return Some(connected(&wire.socket));
        }
        // The queue first: reading it clears the error, and on a fast link the socket waits on in
        // SYN_SENT although its answer is there.
        if let Some(entry) = queue.next(&wire.socket) {
            return Some(entry.evidence);
        }
        match wire.socket.take_error() {
            // An entry that decided nothing woke us.
            Ok(None) => None,
            Ok(Some(error)) | Err(error) => {
                failed(Errno::from_raw(error.raw_os_error().unwrap_or(0)))
            }
        }
    }

    fn resends(&self) -> &'static [Duration] {
        // The kernel does, after one and three seconds.
        &[]
    }

    fn is_slow(&self, took: Duration) -> bool {
        // Its first repetition was what was answered.
        took >= Duration::from_millis(950)
    }
}

/// A reset when it is closed leaves no connection behind, here or there.
fn connected(socket: &Socket) -> Evidence {
    let _ = socket.set_linger(Some(Duration::ZERO));
    Evidence::Connected
}

/// An error without an entry in the queue.
fn failed(errno: Errno) -> Option<Evidence> {
    match errno {
        Errno::ECONNREFUSED => Some(Evidence::Reset),
        Errno::ECONNRESET | Errno::EPIPE => Some(Evidence::ConnectedThenReset),
        // The kernel gave up; so do we when our own time is over.
        Errno::ETIMEDOUT => None,
        errno => Some(Evidence::LocalError {
            call: "receive".into(),
            errno: format!("{errno:?}"),
        }),
    }
}
