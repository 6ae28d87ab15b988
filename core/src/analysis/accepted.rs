//! Excess that somebody has accepted: in the site, with a reason and a last day.

use crate::net::{Family, bounds};
use crate::packet::{Bits, Cube, FieldSet, Fragment, PacketSet, Ranges};
use crate::site::{Accepted, Site};

/// The accepted entries that hold today, for one enforcement point.
#[derive(Debug)]
pub struct AcceptedList<'a> {
    entries: Vec<&'a Accepted>,
    /// Positions in the site's list of entries whose last day is over.
    pub expired: Vec<usize>,
}

impl<'a> AcceptedList<'a> {
    /// The entries for this host (or boundary). Dates compare as text: `YYYY-MM-DD` sorts as
    /// time does. Without `today` nothing expires.
    #[must_use]
    pub fn new(site: &'a Site, guards: &str, today: Option<&str>) -> Self {
        let mut entries = Vec::new();
        let mut expired = Vec::new();
        for (at, entry) in site.accepted.iter().enumerate() {
            if !entry.host.as_ref().is_none_or(|host| host.matches(guards)) {
                continue;
            }
            let over = today.zip(entry.expires.as_deref());
            if over.is_some_and(|(today, last)| last < today) {
                expired.push(at);
            } else {
                entries.push(entry);
            }
        }
        Self { entries, expired }
    }

    /// The packets that are accepted.
    #[must_use]
    pub fn packets(&self, family: Family) -> PacketSet {
        let cubes = self.entries.iter().filter_map(|entry| cube(entry, family));
        PacketSet::from(cubes.collect::<Vec<_>>())
    }
}

fn cube(entry: &Accepted, family: Family) -> Option<Cube> {
    let mut cube = Cube::any(family);
    for (prefixes, field) in [
        (&entry.from, &mut cube.source),
        (&entry.to, &mut cube.destination),
    ] {
        if prefixes.is_empty() {
            continue;
        }
        let of_family = prefixes.iter().filter(|p| Family::of_prefix(p) == family);
        *field = Ranges::of(of_family.map(bounds));
    }
    if let Some(protocol) = entry.protocol {
        let icmp = protocol.is_icmp() && family == Family::V6;
        let protocol = if icmp {
            crate::net::Protocol::ICMPV6
        } else {
            protocol
        };
        cube = cube.with_protocol(protocol);
    }
    if !entry.ports.is_empty() {
        let ported = crate::packet::ByteSet::of(|p| crate::net::Protocol(p).has_ports());
        cube.protocol = cube.protocol.and(&ported);
        cube.destination_port = Ranges::of(entry.ports.iter().map(|r| (r.lo, r.hi)));
        cube.fragment = Bits(1 << Fragment::First as u8);
    }
    (!cube.is_empty()).then_some(cube)
}
