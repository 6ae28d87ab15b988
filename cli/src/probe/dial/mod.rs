//! Dials what a plan asks for: one thread, thousands of probes under way, every answer with its
//! evidence.
//!
//! [`dial`] is the door. `engine` decides when something is sent and when silence is believed;
//! `pace` how fast; `refusers` whose silence must be asked again. A protocol is a
//! [`way::Way`].

mod datagram;
mod engine;
mod icmp;
mod job;
mod own;
mod pace;
mod proto;
mod refusers;
pub mod results;
mod sctp;
mod socket;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;
mod way;

pub use own::Own;

use crate::probe::descriptors;
use job::Pass;
use portwright::probe::{Planned, Probe};
use std::io;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long the first pass waits.
    pub timeout: Duration,
    /// How long the second does, for those that were silent. More than 3.1 s, or an address that
    /// nobody has behind a router looks like a packet that is dropped.
    pub confirm: Duration,
    /// Packets a second; none without a limit. It is lowered when answers get lost.
    pub rate: Option<u32>,
    /// Decides the order, and the nonces.
    pub seed: u64,
    /// Probes under way at most; fewer where the system does not give as many descriptors.
    pub parallel: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(1500),
            confirm: Duration::from_millis(4000),
            rate: Some(2000),
            seed: 1,
            parallel: 10_000,
        }
    }
}

impl Settings {
    /// How long a pass waits.
    fn wait(&self, pass: Pass) -> Duration {
        match pass {
            Pass::First => self.timeout,
            Pass::Confirm | Pass::Mute => self.confirm,
            // For two or three more words of who refuses once a second.
            Pass::Again => self.timeout.max(Duration::from_millis(2200)),
        }
    }
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Probes that have a result.
    pub done: u64,
    /// The lowest rate, in packets a second, where answers were lost at a higher one.
    pub lowered_to: Option<u32>,
    /// Whether it was stopped before it was done.
    pub cut_short: bool,
    /// Silent probes that somebody may have refused who answers only once a second, too many to
    /// wait for.
    pub in_doubt: u64,
}

/// Where results go.
pub trait Sink {
    /// A probe has its result.
    ///
    /// # Errors
    ///
    /// Where it cannot be kept; that ends the run.
    fn probe(&mut self, probe: &Probe) -> io::Result<()>;

    /// Nothing is to be done for a moment.
    ///
    /// # Errors
    ///
    /// Where results cannot be kept; that ends the run.
    fn idle(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&Probe)> Sink for F {
    fn probe(&mut self, probe: &Probe) -> io::Result<()> {
        self(probe);
        Ok(())
    }
}

/// Whether this process may open raw sockets.
#[must_use]
pub fn is_privileged() -> bool {
    let raw = Some(socket2::Protocol::from(libc::IPPROTO_RAW));
    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::RAW, raw).is_ok()
}

/// Dials everything and hands each result over as it comes, in the order in which they come.
/// Every probe has exactly one, unless `stop` becomes true before it is known.
///
/// # Errors
///
/// Where a result could not be handed over, or the system fails.
pub fn dial(
    asks: impl Iterator<Item = Planned>,
    settings: &Settings,
    own: &Own,
    stop: &AtomicBool,
    sink: &mut dyn Sink,
) -> io::Result<Summary> {
    engine::Engine::new(asks, settings, own, sink)?.run(stop)
}

fn way_of(protocol: u8) -> &'static dyn way::Way {
    match protocol {
        6 => &tcp::Tcp,
        17 => &udp::Udp,
        1 | 58 => &icmp::Echo,
        132 => &sctp::Sctp,
        _ => &proto::Raw,
    }
}

/// Descriptors that are not for probes.
const RESERVE: u64 = 8;

/// How many probes may be under way, if the system gives descriptors for so many.
fn room(wanted: usize) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").map_or(32, |all| all.count() as u64);
    let taken = open + RESERVE;
    let limit = descriptors::raise(wanted as u64 + taken);
    let room = usize::try_from(limit.saturating_sub(taken)).unwrap_or(wanted);
    room.clamp(1, wanted.max(1))
}
