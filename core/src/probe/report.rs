//! What a report holds.

use super::{Blame, PortList, Target, Verdict};
use crate::analysis::Note;
use crate::diagnostic::{Code, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// How many probes came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProbeCounts")]
pub struct Counts {
    /// All of them.
    pub planned: u64,
    /// Answered by what listens.
    pub open: u64,
    /// Nothing listens; not filtered.
    pub closed: u64,
    /// A firewall refused.
    pub rejected: u64,
    /// No answer where there would be one.
    pub dropped: u64,
    /// No way there.
    pub unreachable: u64,
    /// Not let out by its own host.
    pub blocked_locally: u64,
    /// Not tested, or the test says nothing.
    pub unknown: u64,
}

impl Counts {
    pub(super) fn add(&mut self, verdict: Verdict) {
        self.planned = self.planned.saturating_add(1);
        let of = match verdict {
            Verdict::Open => &mut self.open,
            Verdict::Closed => &mut self.closed,
            Verdict::Rejected => &mut self.rejected,
            Verdict::Dropped => &mut self.dropped,
            Verdict::Unreachable => &mut self.unreachable,
            Verdict::BlockedLocally => &mut self.blocked_locally,
            Verdict::Unknown => &mut self.unknown,
        };
        *of = of.saturating_add(1);
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (own, other) in [
            (&mut self.planned, other.planned),
            (&mut self.open, other.open),
            (&mut self.closed, other.closed),
            (&mut self.rejected, other.rejected),
            (&mut self.dropped, other.dropped),
            (&mut self.unreachable, other.unreachable),
            (&mut self.blocked_locally, other.blocked_locally),
            (&mut self.unknown, other.unknown),
        ] {
            *own = own.saturating_add(other);
        }
    }

    /// The worst that came of them: what is blocked, then what is not reached, closed, unknown;
    /// open only when all are. Unknown where there are none.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let order = [
            (self.blocked_locally, Verdict::BlockedLocally),
            (self.rejected, Verdict::Rejected),
            (self.dropped, Verdict::Dropped),
            (self.unreachable, Verdict::Unreachable),
            (self.closed, Verdict::Closed),
            (self.unknown, Verdict::Unknown),
            (self.open, Verdict::Open),
        ];
        let worst = order.iter().find(|(count, _)| *count > 0);
        worst.map_or(Verdict::Unknown, |(_, verdict)| *verdict)
    }
}

/// Whether the world agrees with the exports.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProbeAgreement")]
pub enum Agreement {
    /// It does what they say.
    Agrees,
    /// No export speaks of it, what they say depends on something that is not known, or what came
    /// of it is no matter of firewalls.
    NotPredicted,
    /// It was not tested.
    NotTested,
    /// They deny what is open, or permit what the same host blocks: out of date.
    StaleExport,
    /// They permit what is blocked: a firewall that nobody exported.
    UnexportedFirewall,
}

/// How many probes agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProbeAgreements")]
pub struct Agreements {
    /// See [`Agreement::Agrees`].
    pub agrees: u64,
    /// See [`Agreement::NotPredicted`].
    pub not_predicted: u64,
    /// See [`Agreement::NotTested`].
    pub not_tested: u64,
    /// See [`Agreement::StaleExport`].
    pub stale_export: u64,
    /// See [`Agreement::UnexportedFirewall`].
    pub unexported_firewall: u64,
}

impl Agreements {
    pub(super) fn add(&mut self, agreement: Agreement) {
        let of = match agreement {
            Agreement::Agrees => &mut self.agrees,
            Agreement::NotPredicted => &mut self.not_predicted,
            Agreement::NotTested => &mut self.not_tested,
            Agreement::StaleExport => &mut self.stale_export,
            Agreement::UnexportedFirewall => &mut self.unexported_firewall,
        };
        *of = of.saturating_add(1);
    }
}

/// One field of the matrix source host × target × flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProbeCell")]
pub struct Cell {
    /// Position of the flow in the plan.
    pub flow: usize,
    /// Position of the source host in the plan.
    pub from: usize,
    /// Position in the report's targets.
    pub to: usize,
    /// The worst that came of its probes.
    pub verdict: Verdict,
    /// How many of them came to what.
    pub probes: Counts,
    /// Whether the exports agree.
    pub agreement: Agreement,
}

/// How much a host contributed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostPart {
    /// Whether it reported a run.
    pub ran: bool,
    /// Whether that was whole.
    pub complete: bool,
    /// Probes that it was to send.
    pub planned: u64,
    /// Probes that it told something of.
    pub done: u64,
    /// Whether it listened.
    pub listened: bool,
    /// Whether it observed, too.
    pub observed: bool,
}

/// What is the matter with some probes.
#[derive(Debug, Clone)]
pub struct Found {
    /// Which kind.
    pub code: &'static Code,
    /// How much it matters.
    pub severity: Severity,
    /// What became of them.
    pub verdict: Verdict,
    /// Where they were stopped.
    pub blame: Blame,
    /// Whether exports agree.
    pub agreement: Agreement,
    /// Positions of the flows.
    pub flows: BTreeSet<usize>,
    /// Positions of source hosts.
    pub from: BTreeSet<usize>,
    /// Positions in the report's targets.
    pub to: BTreeSet<usize>,
    /// Whether there are more than were gathered.
    pub more: bool,
    /// The ports.
    pub ports: PortList,
    /// How many probes.
    pub probes: u64,
    /// One of them.
    pub example: Option<Example>,
    /// Why, in a sentence's half.
    pub reason: String,
    /// The line of an export that decides.
    pub note: Option<Note>,
    /// Hosts whose exports permit it.
    pub permitted_by: Vec<usize>,
}

/// One probe.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// IP protocol.
    pub protocol: u8,
    /// Destination port.
    pub port: Option<u16>,
}

/// The report.
#[derive(Debug)]
pub struct Reported {
    /// Every planned probe once.
    pub counts: Counts,
    /// The same, by agreement.
    pub agreements: Agreements,
    /// One for each host of the plan.
    pub hosts: Vec<HostPart>,
    /// One for each flow of the plan: all probes that it needs.
    pub flows: Vec<Counts>,
    /// Who was to be dialled, by address.
    pub targets: Vec<Target>,
    /// By source, flow and target.
    pub cells: Vec<Cell>,
    /// How many more there are.
    pub cells_not_listed: u64,
    /// What is the matter: what matters most first.
    pub found: Vec<Found>,
    /// How many more there are.
    pub found_not_listed: u64,
}
