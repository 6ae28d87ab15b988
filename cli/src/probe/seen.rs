//! Packets of probes that were seen: each told once, and not without end.

use super::record::Recorder;
use portwright::probe::{Record, Seen, SeenAt};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Sightings that are told. Everybody who can send packets can make more of them.
const MOST: usize = 500_000;

type Key = (IpAddr, IpAddr, u8, Option<u16>, SeenAt, Option<String>);

/// Sightings from addresses that the plan does not know: probes whose source was translated, and
/// everybody else who uses the services.
const MOST_STRANGERS: usize = 20_000;

/// What was told already.
#[derive(Debug, Default)]
pub struct Sightings {
    known: BTreeSet<IpAddr>,
    told: BTreeSet<Key>,
    strangers: usize,
    /// How many were not told because there were too many.
    pub unrecorded: u64,
}

impl Sightings {
    /// Nothing was told. `known` are the addresses that dial.
    pub fn new(known: BTreeSet<IpAddr>) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }

    /// Tells a packet, unless an equal one was told.
    pub fn add(&mut self, seen: Seen, recorder: &mut Recorder) {
        let nonce = seen.nonce.clone();
        let key = (seen.from, seen.to, seen.protocol, seen.port, seen.at, nonce);
        if self.told.contains(&key) {
            return;
        }
        let stranger = !self.known.contains(&seen.from);
        if self.told.len() >= MOST || stranger && self.strangers >= MOST_STRANGERS {
            // That of a stranger is no answer that anybody waits for.
            self.unrecorded += u64::from(!stranger);
            return;
        }
        self.strangers += usize::from(stranger);
        self.told.insert(key);
        recorder.write(&Record::Seen(seen));
    }
}
