//! What a host saw: one JSON object a line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a file of records says of itself in its first line.
pub const RECORD_VERSION: &str = "probe-result/v1";

/// One line of a result. A file starts with [`Record::Start`]; without [`Record::End`] the run was
/// interrupted, and what it did not probe is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// Who reports.
    Start(Start),
    /// One probe and what came of it.
    Probe(Probe),
    /// What answers on a port of this host.
    Listening(Listening),
    /// A probe's packet as the observer on its destination saw it.
    Seen(Seen),
    /// The task is done.
    End(End),
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// [`RECORD_VERSION`].
    pub portwright: String,
    /// What was done.
    pub task: Task,
    /// The host's name in the plan.
    pub host: String,
    /// When it began, RFC 3339 in UTC.
    pub time: String,
    /// [`super::plan_hash`] of the plan: results of another plan are not mixed in unnoticed.
    pub plan: String,
    /// Whether raw sockets could be opened.
    pub privileged: bool,
    /// How many probes were planned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub planned: Option<u64>,
}

/// What a host did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// `probe run`.
    Run,
    /// `probe listen`.
    Listen,
}

/// One probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Destination port, where the protocol has ports.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<u16>,
    /// What it means, as far as the source alone can tell.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: Evidence,
    /// How often it was sent.
    pub tries: u32,
    /// From the first packet of the pass that was answered to the answer, in microseconds.
    pub micros: u64,
    /// What it carried, so that the observer's [`Seen`] can be matched; absent without payload.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nonce: Option<String>,
}

/// What became of a probe. `facts/probe.md` has the table.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was answered by what listens.
    Open,
    /// The host answered that nothing listens: not filtered.
    Closed,
    /// A firewall said no; the evidence names who.
    Rejected,
    /// No answer at all, twice.
    Dropped,
    /// There is no way: no route, or nobody has the address.
    Unreachable,
    /// This host's own firewall or routes did not let it out.
    BlockedLocally,
    /// Nothing can be said.
    Unknown,
}

/// What was seen of one probe.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "saw", rename_all = "kebab-case")]
pub enum Evidence {
    /// The connection was established (SCTP: INIT-ACK).
    Connected,
    /// It was established and at once reset.
    ConnectedThenReset,
    /// A datagram or echo came back.
    Reply {
        /// Whether it carried the probe's nonce.
        nonce: bool,
    },
    /// A reset, or an SCTP ABORT: connection refused without an ICMP error in the queue.
    Reset,
    /// An ICMP error from the socket's error queue or a raw socket.
    Icmp {
        /// Who sent it.
        offender: IpAddr,
        /// ICMP or ICMPv6 type.
        icmp_type: u8,
        /// Its code.
        icmp_code: u8,
    },
    /// The kernel refused at once, nothing was sent.
    LocalError {
        /// The system call: `connect`, `send`, `bind`.
        call: String,
        /// The error's name, such as `EPERM`.
        errno: String,
    },
    /// Nothing came.
    Silence {
        /// How long was waited in the last pass, in milliseconds.
        waited: u64,
    },
    /// It could not be tried: no privilege, no resources after all retries, interrupted.
    NotTried {
        /// Why.
        why: String,
    },
}

/// What answers on a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listening {
    /// IP protocol number.
    pub protocol: u8,
    /// The port, where the protocol has ports.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<u16>,
    /// Whether it is our stub.
    pub state: SocketState,
    /// The address that it is bound to; `0.0.0.0` or `::` for all.
    pub address: IpAddr,
    /// The process that holds it, where it is not ours: name and id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub process: Option<String>,
    /// Why it is not our stub, where there is something to say: the error, what to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SocketState {
    /// Our stub answers.
    Stub,
    /// Something else has the port; the observer watches it.
    Taken,
    /// It could not be opened, and nobody is known to have it.
    Failed,
}

/// A probe's packet at its destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Source address as it arrived.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Destination port.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<u16>,
    /// How far it came.
    pub at: SeenAt,
    /// Its nonce.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nonce: Option<String>,
}

/// How far a packet came.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SeenAt {
    /// It arrived at the interface (AF_PACKET), in front of the host's firewall.
    Interface,
    /// It passed INPUT (a raw socket, or the stub itself).
    Accepted,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// How many probes were done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub done: Option<u64>,
    /// Why it ended early, where it did: interrupted, time to live.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cut_short: Option<String>,
    /// When it ended, RFC 3339 in UTC: only while a stub is up does a reset tell of a firewall.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time: Option<String>,
}
