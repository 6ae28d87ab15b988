//! What the engine needs to know of a protocol.

use super::socket::{Attempt, ErrorQueue};
use super::{Own, Planned};
use portwright::probe::{Evidence, Nonce};
use socket2::Socket;
use std::time::Duration;

/// How probes of one protocol are sent and what their answers look like.
pub trait Way {
    /// Sends the first packet.
    ///
    /// # Errors
    ///
    /// Where it could not be sent; what the kernel says against it may be the answer.
    fn start(
        &self,
        ask: &Planned,
        nonce: Nonce,
        own: &Own,
        queue: &mut ErrorQueue,
    ) -> Attempt<Wire>;

    /// Sends it once more.
    ///
    /// # Errors
    ///
    /// As for the first.
    fn again(&self, _: &Planned, _: Nonce, _: &Wire, _: &mut ErrorQueue) -> Attempt<()> {
        Ok(())
    }

    /// What came back, when the socket says that something did. `calm`: it can be written to and
    /// no error waits.
    fn read(
        &self,
        ask: &Planned,
        nonce: Nonce,
        wire: &Wire,
        calm: bool,
        queue: &mut ErrorQueue,
    ) -> Option<Evidence>;

    /// When, after the first packet, it is sent again.
    fn resends(&self) -> &'static [Duration];

    /// Whether an answer after this time was one to a repetition: the first packet was lost.
    fn is_slow(&self, took: Duration) -> bool;
}

/// A probe under way.
pub struct Wire {
    /// Connected, not blocking.
    pub socket: Socket,
}

impl Wire {
    /// A probe that this socket has sent.
    pub fn new(socket: Socket) -> Self {
        Self { socket }
    }
}
