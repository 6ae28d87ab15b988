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
use super::observe::Observer;
use super::record::Recorder;
use super::seen::Sightings;
use open::{Refused, Stub};
use portwright::net::{Family, Protocol};
use portwright::probe::{Listening, Record, SocketState};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connections that are open at a time.
const MOST_CONNECTIONS: usize = 1024;
/// Descriptors that are no stubs: the event loop's, the observer's, and a few connections.
const RESERVED: usize = 24;

/// The open ports of a host, and what could not be opened.
pub struct Listener {
    stubs: Vec<Stub>,
    refused: Vec<Refused>,
    observer: Option<Observer>,
    sctp: BTreeSet<Service>,
    connections: usize,
    stopper: Arc<Stopper>,
    poll: mio::Poll,
    /// When the first port was opened.
    begun: Instant,
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
            observer: None,
            sctp: BTreeSet::new(),
            connections: 0,
            stopper,
            poll,
            begun: Instant::now(),
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
        this.observe(wanted);
        let left = limit.saturating_sub(in_use() + RESERVED / 2);
        this.connections = left.clamp(1, MOST_CONNECTIONS);
        Ok(this)
    }

    /// Opens the observer, and what only it can answer or see.
    fn observe(&mut self, wanted: &Wanted) {
        let kernel_has_sctp = Path::new("/proc/net/sctp").exists();
        let stubs: BTreeSet<_> = self.stubs.iter().map(|stub| stub.service).collect();
        let taken = self.refused.iter().map(|refused| refused.service);
        let unanswered = wanted.services.keys().filter(|s| !stubs.contains(s));
        // A port may be free on one address and taken on another.
        let unanswered: BTreeSet<_> = unanswered.copied().chain(taken).collect();
        let why = match Observer::open(wanted, &unanswered) {
            Ok(observer) => {
                self.observer = Some(observer);
                None
            }
            Err(error) => Some(format!("{error}: observing needs root or CAP_NET_RAW")),
        };
        for service in unanswered {
            if service.stub_port().is_some() {
                continue;
            }
            let mut refused = Refused {
                service,
                address: service.all_addresses(),
                state: SocketState::Taken,
                why: None,
            };
            match Protocol(service.protocol) {
                Protocol::ICMP | Protocol::ICMPV6 => {
                    refused.why = Some("the kernel answers".into());
                }
                Protocol::SCTP if kernel_has_sctp => {
                    refused.why = Some("the kernel's SCTP answers".into());
                }
                _ if why.is_some() => {
                    refused.state = SocketState::Failed;
                    refused.why.clone_from(&why);
                }
                Protocol::SCTP => {
                    self.sctp.insert(service);
                    continue;
                }
                _ => refused.why = Some("nobody answers; what arrives is observed".into()),
            }
            self.refused.push(refused);
        }
    }

    /// Whether there is an observer.
    pub fn is_privileged(&self) -> bool {
        self.observer.is_some()
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
            stubs: self.answered().map(|(service, _)| service).collect(),
            taken: refused().filter(taken).map(|r| r.service).collect(),
            failed: refused()
                .filter(|r| !taken(r))
                .map(|r| (r.service, r.address, why(r)))
                .collect(),
        }
    }

    /// What is answered, and on which address.
    fn answered(&self) -> impl Iterator<Item = (Service, IpAddr)> {
        let sockets = self.stubs.iter().map(|stub| (stub.service, stub.address));
        let sctp = self.sctp.iter().map(|one| (*one, one.all_addresses()));
        sockets.chain(sctp)
    }

    /// Writes what answers on each port, and who has those that are taken.
    pub fn record(&self, recorder: &mut Recorder) {
        let anybody = self.refused.iter().any(|r| r.state == SocketState::Taken);
        let owners = if anybody {
            Owners::read()
        } else {
            Owners::default()
        };
        let ours = self.answered();
        let ours = ours.map(|(service, address)| (service, address, SocketState::Stub, None, None));
        let others = self.refused.iter().map(|refused| {
            let (service, address) = (refused.service, refused.address);
            let (process, why) = match (refused.state, service.port) {
                (SocketState::Taken, Some(port)) if refused.why.is_none() => {
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

    /// Answers until it is stopped, or has lived so long. `dialling` are the addresses that the
    /// plan lets dial.
    ///
    /// # Errors
    ///
    /// Where records cannot be written, or the event loop fails.
    pub fn run(
        self,
        dialling: BTreeSet<IpAddr>,
        recorder: &mut Recorder,
        ttl: Duration,
    ) -> io::Result<Ended> {
        let until = self.begun + ttl;
        serve::serve(self, Sightings::new(dialling), recorder, until)
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
