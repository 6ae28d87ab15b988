//! Packets of probes that were seen: each told once, and not without end.

use super::record::Recorder;
use portwright::probe::{Record, Seen, SeenAt};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Sightings that are told. Everybody who can send packets can make more of them.
const MOST: usize = 500_000;

type Key = (IpAddr, IpAddr, u8, Option<u16>, SeenAt, Option<String>);

/// What was told already.
#[derive(Debug, Default)]
pub struct Sightings {
    told: BTreeSet<Key>,
    /// How many were not told because there were too many.
    pub unrecorded: u64,
}

impl Sightings {
    /// Tells a packet, unless an equal one was told.
    pub fn add(&mut self, seen: Seen, recorder: &mut Recorder) {
        let nonce = seen.nonce.clone();
        let key = (seen.from, seen.to, seen.protocol, seen.port, seen.at, nonce);
        if self.told.contains(&key) {
            return;
        }
        if self.told.len() >= MOST {
            self.unrecorded += 1;
            return;
        }
        self.told.insert(key);
        recorder.write(&Record::Seen(seen));
    }
}

/// The nonce in a payload: the 16 hexadecimal digits behind the first `pw-`.
pub fn nonce(payload: &[u8]) -> Option<String> {
    let at = payload.windows(3).position(|part| part == b"pw-")?;
    let digits = payload.get(at + 3..at + 19)?;
    let text = str::from_utf8(digits).ok()?;
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal.then(|| text.to_owned())
}
