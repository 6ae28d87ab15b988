//! What a run has found: counted, and as a table for people, what is not open first.

use portwright::net::Protocol;
use portwright::probe::{Probe, Verdict, classify};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Rows of the table; what is more is counted.
const MOST_ROWS: usize = 200;
/// Kinds of results that are kept apart.
const MOST_KINDS: usize = 100_000;

/// Verdicts in the order of the table, the worst first.
const ORDER: [Verdict; 7] = [
    Verdict::Dropped,
    Verdict::Rejected,
    Verdict::BlockedLocally,
    Verdict::Unreachable,
    Verdict::Closed,
    Verdict::Unknown,
    Verdict::Open,
];

/// A verdict as the table calls it.
#[must_use]
pub fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Open => "open",
        Verdict::Closed => "closed",
        Verdict::Rejected => "rejected",
        Verdict::Dropped => "dropped",
        Verdict::Unreachable => "unreachable",
        Verdict::BlockedLocally => "blocked locally",
        Verdict::Unknown => "unknown",
    }
}

fn rank(verdict: Verdict) -> usize {
    ORDER
        .iter()
        .position(|one| *one == verdict)
        .unwrap_or(ORDER.len())
}

/// Results that differ in their ports only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    rank: usize,
    to: IpAddr,
    protocol: u8,
    from: IpAddr,
    reason: String,
}

/// Results, collected.
#[derive(Default)]
pub struct Results {
    counts: BTreeMap<usize, u64>,
    kinds: BTreeMap<Kind, Vec<u16>>,
    /// Results of kinds that there were too many of.
    left_out: u64,
}

impl Results {
    /// Adds one. `own` are the addresses of this host.
    pub fn add(&mut self, probe: &Probe, own: &[IpAddr]) {
        let rank = rank(probe.verdict);
        *self.counts.entry(rank).or_default() += 1;
        if probe.verdict == Verdict::Open {
            return;
        }
        let kind = Kind {
            rank,
            to: probe.to,
            protocol: probe.protocol,
            from: probe.from,
            reason: classify(&probe.evidence, probe.protocol, probe.to, own, None).reason,
        };
        let room = self.kinds.len() < MOST_KINDS;
        match self.kinds.entry(kind) {
            Entry::Occupied(ports) => ports.into_mut().extend(probe.port),
            Entry::Vacant(place) if room => {
                place.insert(probe.port.into_iter().collect());
            }
            Entry::Vacant(_) => self.left_out += 1,
        }
    }

    /// How many have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.counts.get(&rank(verdict)).copied().unwrap_or(0)
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The table, and the counts behind it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut rows: Vec<[String; 4]> = Vec::new();
        for (kind, ports) in self.kinds.iter().take(MOST_ROWS) {
            rows.push([
                name(ORDER[kind.rank.min(ORDER.len() - 1)]).into(),
                format!("{} → {}", kind.from, kind.to),
                service(kind.protocol, ports),
                kind.reason.clone(),
            ]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let [verdict, pair, service] = [0, 1, 2].map(|column| width(column).unwrap_or(0));
        let mut out = String::new();
        for [a, b, c, why] in &rows {
            let _ = writeln!(out, "{a:verdict$}  {b:pair$}  {c:service$}  {why}");
        }
        let more = self.kinds.len().saturating_sub(MOST_ROWS) as u64 + self.left_out;
        if more > 0 {
            let _ = writeln!(out, "… and {more} more");
        }
        if !out.is_empty() {
            out.push('\n');
        }
        let counts = self.counts.iter().rev();
        let counts = counts.map(|(rank, count)| {
            let verdict = ORDER[(*rank).min(ORDER.len() - 1)];
            format!("{count} {}", name(verdict))
        });
        let counts: Vec<String> = counts.collect();
        let _ = match self.total() {
            0 => writeln!(out, "nothing was probed"),
            1 => writeln!(out, "1 probe: {}", counts.join(", ")),
            total => writeln!(out, "{total} probes: {}", counts.join(", ")),
        };
        out
    }
}

/// Protocol and ports, in ranges; long lists are cut.
fn service(protocol: u8, ports: &[u16]) -> String {
    const MOST_RANGES: usize = 8;
    let protocol = Protocol(protocol);
    let name = protocol.name().map_or_else(
        || format!("protocol {}", protocol.0),
        |name| name.to_owned(),
    );
    let mut sorted = ports.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for port in sorted {
        match ranges.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(port) => *end = port,
            _ => ranges.push((port, port)),
        }
    }
    if ranges.is_empty() {
        return name;
    }
    let shown = ranges.iter().take(MOST_RANGES).map(|&(low, high)| {
        if low == high {
            low.to_string()
        } else {
            format!("{low}-{high}")
        }
    });
    let mut shown: Vec<String> = shown.collect();
    if ranges.len() > MOST_RANGES {
        shown.push("…".into());
    }
    format!("{name} {}", shown.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portwright::probe::Evidence;

    fn probe(port: u16, verdict: Verdict, evidence: Evidence) -> Probe {
        Probe {
            from: IpAddr::from([10, 0, 0, 1]),
            to: IpAddr::from([10, 0, 0, 2]),
            protocol: 6,
            port: Some(port),
            verdict,
            evidence,
            tries: 1,
            micros: 5,
            nonce: None,
        }
    }

    #[test]
    fn what_is_not_open_comes_first_and_by_whom() {
        let mut results = Results::default();
        let refused = Evidence::Icmp {
            offender: IpAddr::from([10, 0, 0, 254]),
            icmp_type: 3,
            icmp_code: 13,
        };
        for port in [22, 443] {
            results.add(&probe(port, Verdict::Open, Evidence::Connected), &[]);
        }
        for port in [2380, 2379, 9100] {
            results.add(&probe(port, Verdict::Rejected, refused.clone()), &[]);
        }
        let silent = Evidence::Silence { waited: 4000 };
        results.add(&probe(6443, Verdict::Dropped, silent), &[]);
        assert_eq!(
            results.text(),
            "dropped   10.0.0.1 → 10.0.0.2  tcp 6443            no answer within 4 s, twice\n\
             rejected  10.0.0.1 → 10.0.0.2  tcp 2379-2380,9100  10.0.0.254 refuses it: \
             communication administratively prohibited (ICMP 3/13)\n\
             \n\
             6 probes: 2 open, 3 rejected, 1 dropped\n"
        );
        assert_eq!(results.count(Verdict::Rejected), 3);
    }

    #[test]
    fn nothing() {
        assert_eq!(Results::default().text(), "nothing was probed\n");
    }
}
