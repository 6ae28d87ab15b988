//! Live checks: what to dial and where to listen, what an answer means, and what all of it says
//! about the firewalls.
//!
//! Nothing here sends a packet: a native program probes and writes what it saw as [`Record`]s.
//! `docs/probe.md` walks through both. Three documents with versions of their own:
//!
//! - [`Plan`]: made from a site's flows. One file for all hosts; each takes its own part.
//! - [`Record`]s, one JSON object a line: what a host saw when it dialled or listened.
//! - the report, made from both and, where given, from the exports of the firewalls between.

mod classify;
mod foresee;
mod gather;
mod icmp;
mod judge;
mod make;
mod payload;
mod plan;
mod ports;
mod read;
mod reconcile;
mod record;
mod report;
mod results;
mod sample;
pub mod sockets;
mod walk;

pub use classify::{Judged, classify};
pub use foresee::Exported;
pub use icmp::{Meaning, meaning};
pub use judge::Blame;
pub use make::{Making, make};
pub use payload::{Nonce, payload, sctp_parameter};
pub use plan::{
    Dial, Listen, PLAN_VERSION, Plan, PlanFlow, PlanHost, PlanReason, Target, TargetGroup, Untested,
};
pub use ports::PortList;
pub use read::{plan_hash, read_plan};
pub use reconcile::{Evaluation, evaluate};
pub use record::{
    End, Evidence, Listening, Probe, RECORD_VERSION, Record, Seen, SeenAt, SocketState, Start,
    Task, Verdict,
};
pub use report::{Agreement, Agreements, Cell, Counts, Example, Found, HostPart, Reported};
pub use sample::Sample;
pub use walk::{Pair, Planned};
