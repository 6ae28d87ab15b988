//! Stubs: they answer on a host's ports as long as nothing else does, so that others can dial.
//!
//! One thread, one event loop. A stub answers only while the process lives and never longer than
//! its time to live; when it ends, nothing of it is left.

mod limit;
mod open;
mod owner;
mod serve;
mod tcp;
mod udp;
mod wanted;

pub use owner::Owners;
pub use serve::{Ended, Stopper};
pub use wanted::{Service, Wanted};

use super::descriptors;
use super::record::Recorder;
use open::{Refused, Stub};
use portwright::net::Family;
use portwright::probe::{Listening, Record, SocketState};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// Connections that are open at a time.
const MOST_CONNECTIONS: usize = 1024;
/// Descriptors that are no stubs: the event loop's, the observer's, and a few connections.
const RESERVED: usize = 24;

/// The open ports of a host, and what could not be opened.
pub struct Listener {
    stubs: Vec<Stub>,
    refused: Vec<Refused>,
    connections: usize,
    stopper: Arc<Stopper>,
    poll: mio::Poll,
}

/// What answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Ports that are answered, by protocol, family and port.
    pub stubs: BTreeSet<Service>,
    /// Ports that something else has, on one address at least.
    pub taken: BTreeSet<Service>,
    /// Ports that could not be opened, with the reason.
    pub failed: Vec<(Service, IpAddr, String)>,
}

impl Listener {
    /// Opens every port that is free.
    ///
    /// # Errors
    ///
    /// Where the system gives no event loop. A port that cannot be opened is no error:
    /// [`Listener::summary`] has it.
    pub fn open(wanted: &Wanted) -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let stopper = Arc::new(Stopper::new(&poll)?);
        let mut services: Vec<_> = wanted
            .services
            .iter()
            .filter_map(|(service, addresses)| Some((service.stub_port()?, *service, addresses)))
            .collect();
        // Where not all can be opened, the low ports of both families count more than a range.
        services.sort_by_key(|(port, service, _)| (*port, *service));
        let need = services.len() + MOST_CONNECTIONS + RESERVED;
        let limit = descriptors::raise(need as u64);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let room = limit.saturating_sub(RESERVED + in_use());
        let mut this = Self {
            stubs: Vec::new(),
            refused: Vec::new(),
            connections: 0,
            stopper,
            poll,
        };
        for (port, service, addresses) in services {
            if this.stubs.len() >= room {
                let address = service.all_addresses();
                this.refused.push(Refused::beyond(service, address, limit));
                continue;
            }
            let (stubs, refused) = open::open(service, port, addresses);
            this.stubs.extend(stubs);
            this.refused.extend(refused);
        }
        let left = limit.saturating_sub(in_use() + RESERVED / 2);
        this.connections = left.clamp(1, MOST_CONNECTIONS);
        Ok(this)
    }

    /// Ends [`Listener::run`] from another thread.
    pub fn stopper(&self) -> Arc<Stopper> {
        Arc::clone(&self.stopper)
    }

    /// What answers.
    pub fn summary(&self) -> Summary {
        let taken = |r: &&Refused| r.state == SocketState::Taken;
        let why = |r: &Refused| r.why.clone().unwrap_or_default();
        let refused = || self.refused.iter();
        Summary {
            stubs: self.stubs.iter().map(|stub| stub.service).collect(),
            taken: refused().filter(taken).map(|r| r.service).collect(),
            failed: refused()
                .filter(|r| !taken(r))
                .map(|r| (r.service, r.address, why(r)))
                .collect(),
        }
    }

    /// Writes what answers on each port, and who has those that are taken.
    pub fn record(&self, recorder: &mut Recorder) {
        let anybody = self.refused.iter().any(|r| r.state == SocketState::Taken);
        let owners = if anybody {
            Owners::read()
        } else {
            Owners::default()
        };
        let ours = self.stubs.iter().map(|stub| {
            let (service, address) = (stub.service, stub.address);
            (service, address, SocketState::Stub, None, None)
        });
        let others = self.refused.iter().map(|refused| {
            let (service, address) = (refused.service, refused.address);
            let (process, why) = match (refused.state, service.port) {
                (SocketState::Taken, Some(port)) => {
                    match owners.of(service.protocol, address, port) {
                        Ok(process) => (Some(process), None),
                        Err(why) => (None, Some(why)),
                    }
                }
                _ => (None, refused.why.clone()),
            };
            (service, address, refused.state, process, why)
        });
        let mut all: Vec<_> = ours.chain(others).collect();
        all.sort_by_key(|(service, address, ..)| (*service, *address));
        for (service, address, state, process, why) in all {
            recorder.write(&Record::Listening(Listening {
                protocol: service.protocol,
                port: service.port,
                state,
                address,
                process,
                why,
            }));
        }
    }

    /// Answers until it is stopped, or until this moment.
    ///
    /// # Errors
    ///
    /// Where records cannot be written, or the event loop fails.
    pub fn run(self, recorder: &mut Recorder, until: Instant) -> io::Result<Ended> {
        serve::serve(self, recorder, until)
    }
}

impl Service {
    /// The port of a stub: TCP and UDP have one.
    fn stub_port(self) -> Option<u16> {
        let protocol = i32::from(self.protocol);
        let stub = protocol == libc::IPPROTO_TCP || protocol == libc::IPPROTO_UDP;
        self.port.filter(|_| stub)
    }

    /// The address that stands for all of its family.
    fn all_addresses(self) -> IpAddr {
        match self.family {
            Family::V4 => std::net::Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

/// Open files of this process.
fn in_use() -> usize {
    fs::read_dir("/proc/self/fd").map_or(RESERVED, Iterator::count)
}
