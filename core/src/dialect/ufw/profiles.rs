//! Application profiles: names for ports (`/etc/ufw/applications.d`).

use crate::dialect::lines::lines;
use crate::source::{SourceId, Sources};
use std::collections::BTreeMap;

/// `NAME=PORTS` of the profiles that Debian 12 packages bring along: ufw 0.36.2 itself,
/// openssh-server, nginx, postfix, samba, bind9, cups, squid.
const BUILTIN: &str = include_str!("builtin-profiles.txt");

/// Ports by profile.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    given: BTreeMap<String, String>,
}

/// Whether a text is a file of profiles: sections with `ports=`.
pub(super) fn is_profiles(text: &str) -> bool {
    let mut section = false;
    for line in text.lines().map(str::trim).take(200) {
        section |= line.starts_with('[') && line.ends_with(']');
        if section && line.starts_with("ports=") {
            return true;
        }
    }
    false
}

impl Profiles {
    /// Takes in one file.
    pub(super) fn read(&mut self, sources: &Sources, id: SourceId) {
        let text = sources.get(id).map_or("", |source| source.text());
        let mut name: Option<&str> = None;
        for line in lines(text) {
            let line = line.text.trim();
            if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                name = Some(section);
            } else if let (Some(name), Some(ports)) = (name, line.strip_prefix("ports=")) {
                self.given.insert(name.to_owned(), ports.trim().to_owned());
            }
        }
    }

    /// Ports and protocols of a profile: `("80,443", Some("tcp"))`; none as protocol means both.
    pub(super) fn ports(&self, name: &str) -> Option<Vec<(String, Option<String>)>> {
        let given = self.given.get(name).map(String::as_str);
        let builtin = || {
            BUILTIN
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        let text = given.or_else(builtin)?;
        let parts = text.split('|').map(|part| match part.split_once('/') {
            Some((ports, protocol)) => (ports.to_owned(), Some(protocol.to_owned())),
            None => (part.to_owned(), None),
        });
        Some(parts.collect())
    }
}
