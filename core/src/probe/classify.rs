//! From evidence to verdict: the table of `facts/probe.md`.

use super::{Evidence, Verdict};
use std::net::IpAddr;

/// A verdict and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in a sentence's half: lower case, no full stop.
    pub reason: String,
}

/// What the evidence means. `own` are the addresses of the host that dialled; `stub` says whether
/// a stub is known to have listened.
#[must_use]
pub fn classify(
    evidence: &Evidence,
    protocol: u8,
    to: IpAddr,
    own: &[IpAddr],
    stub: Option<bool>,
) -> Judged {
    let _ = (evidence, protocol, to, own, stub);
    Judged {
        verdict: Verdict::Unknown,
        reason: String::new(),
    }
}
