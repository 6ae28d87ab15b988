//! Probes that are one packet each way: all protocols but TCP.

use super::socket::{Attempt, ErrorQueue, Refused, Trouble, open, refused};
use super::way::{Way, Wire};
use super::{Own, Planned};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use portwright::probe::{Evidence, Nonce};
use socket2::{Protocol, Type};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// One packet out, one back.
pub trait Datagram {
    /// The kind of socket, the best first; others where the kernel does not give it.
    fn sockets(&self, ask: &Planned) -> &'static [(Type, i32)];

    /// The port to connect to, where the socket has ports.
    fn port(&self, ask: &Planned) -> u16 {
        ask.port.unwrap_or_default()
    }

    /// What to send.
    fn packet(&self, ask: &Planned, nonce: Nonce) -> Vec<u8>;

    /// What a packet from the target means; none where it is no answer to this probe.
    fn answer(&self, ask: &Planned, nonce: Nonce, packet: &[u8]) -> Option<Evidence>;

    /// Whether an ICMP error that quotes this is about this probe: raw sockets hear of their
    /// neighbours' errors, too.
    fn is_ours(&self, _ask: &Planned, _nonce: Nonce, _quote: &[u8]) -> bool {
        true
    }
}

impl<T: Datagram> Way for T {
    fn start(
        &self,
        ask: &Planned,
        nonce: Nonce,
        own: &Own,
        queue: &mut ErrorQueue,
    ) -> Attempt<Wire> {
        let mut refusal = Refused::from(Trouble::Never("no socket is known for it".into()));
        for &(kind, protocol) in self.sockets(ask) {
            match open(ask, own, kind, Some(Protocol::from(protocol))) {
                Ok(socket) => {
                    let target = own.target(ask, self.port(ask));
                    socket
                        .connect(&target)
                        .map_err(|error| refused("connect", &error))?;
                    let wire = Wire::new(socket);
                    self.again(ask, nonce, &wire, queue)?;
                    return Ok(wire);
                }
                Err(Refused::Trouble(Trouble::Never(why))) => {
                    refusal = Trouble::Never(why).into();
                }
                Err(other) => return Err(other),
            }
        }
        Err(refusal)
    }

    fn again(
        &self,
        ask: &Planned,
        nonce: Nonce,
        wire: &Wire,
        queue: &mut ErrorQueue,
    ) -> Attempt<()> {
        let packet = self.packet(ask, nonce);
        // An error that waits would be taken for one of this packet.
        if let Some(evidence) = error(self, ask, nonce, wire, queue) {
            return Err(Refused::Evidence(evidence));
        }
        let Err(problem) = wire.socket.send(&packet) else {
            return Ok(());
        };
        let queued = error(self, ask, nonce, wire, queue);
        match (problem.raw_os_error(), queued) {
            (Some(libc::EPERM), _) | (_, None) => Err(refused("send", &problem)),
            (_, Some(evidence)) => Err(Refused::Evidence(evidence)),
        }
    }

    fn read(
        &self,
        ask: &Planned,
        nonce: Nonce,
        wire: &Wire,
        _calm: bool,
        queue: &mut ErrorQueue,
    ) -> Option<Evidence> {
        if let Some(evidence) = error(self, ask, nonce, wire, queue) {
            return Some(evidence);
        }
        let mut buffer = [0; 2048];
        loop {
            match recv(wire.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    let packet = buffer.get(..length).unwrap_or_default();
                    let answer = self.answer(ask, nonce, packet);
                    if answer.is_some() {
                        return answer;
                    }
                }
                Err(Errno::EAGAIN) => return None,
                // The echo of an entry of the queue that decided nothing.
                Err(_) => return error(self, ask, nonce, wire, queue),
            }
        }
    }

    fn resends(&self) -> &'static [Duration] {
        // A second apart: the kernel of the target answers for a closed port once a second.
        const EACH_SECOND: [Duration; 3] = [
            Duration::from_secs(1),
            Duration::from_secs(2),
            Duration::from_secs(3),
        ];
        &EACH_SECOND
    }

    fn is_slow(&self, took: Duration) -> bool {
        took >= Duration::from_millis(1000)
    }
}

/// The first error of the queue that is about this probe.
fn error<T: Datagram + ?Sized>(
    way: &T,
    ask: &Planned,
    nonce: Nonce,
    wire: &Wire,
    queue: &mut ErrorQueue,
) -> Option<Evidence> {
    while let Some(entry) = queue.next(&wire.socket) {
        let quote = queue.quote.get(..entry.quoted).unwrap_or_default();
        if way.is_ours(ask, nonce, quote) {
            return Some(entry.evidence);
        }
    }
    None
}
