//! What the kernel did with probes: which rules matched, who decided, what was answered.

use super::Fault;
use super::export::Export;
use super::flows;
use super::namespace::run;
use super::netlink::{Message, Socket, attribute, subsystem, text};
use super::numbering::{INET, Numbering, WATCHER};
use super::probe::Probe;
use super::rig::{ANSWERS, Rig};
use super::wire::{self, Answer};
use portwright::firewall::Hook;
use portwright::packet::CtState;

/// `NFNLGRP_NFTRACE`.
const TRACE_GROUP: i32 = 9;
/// `NFT_MSG_TRACE`.
const TRACE: u16 = subsystem::NFTABLES << 8 | 17;
/// `NFULNL_MSG_PACKET`.
const LOGGED: u16 = subsystem::ULOG << 8;
/// Probes that are under way together.
const BATCH: usize = 500;

/// What became of one probe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Every rule that matched and every policy that was applied, as `TABLE/CHAIN/NUMBER` (from
    /// 1) and `TABLE/CHAIN/policy`. Tables of nftables carry their family.
    pub steps: Vec<String>,
    /// What ended each base chain, as `trace --packets` writes it: with the verdict behind.
    pub path: Vec<String>,
    /// Whether it passed all base chains.
    pub survived: bool,
    /// What its sender was told.
    pub answer: Option<Answer>,
    /// Its conntrack state, where it got as far.
    pub state: Option<CtState>,
}

impl Seen {
    /// `accept`, `drop` or `reject`; `lost` where no rule decided: routing refused it, it waits
    /// for its other fragments, its time to live ended.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        if self.survived {
            return "accept";
        }
        match self.path.last().and_then(|last| last.rsplit_once(':')) {
            Some((_, "drop")) => "drop",
            Some((_, "reject")) => "reject",
            _ => "lost",
        }
    }
}

/// Sends probes and reads what became of them.
pub struct Observer {
    trace: Socket,
    log: Socket,
    numbering: Numbering,
}

impl Observer {
    /// Watches the current thread's namespace, from which these exports were taken.
    ///
    /// # Errors
    ///
    /// What the kernel or a program refused.
    pub fn new(exports: &[Export]) -> Result<Self, Fault> {
        let os = |error: std::io::Error| Fault::Failed(error.to_string());
        let trace = Socket::open().map_err(os)?;
        trace.join(TRACE_GROUP).map_err(os)?;
        let mut log = Socket::open().map_err(os)?;
        // Group 0 is where the legacy backend's trace goes.
        for group in [0, ANSWERS] {
            Rig::bind(&mut log, group).map_err(os)?;
        }
        Ok(Self {
            trace,
            log,
            numbering: Numbering::new(exports, &run("nft", &["-a", "list", "ruleset"], "")?),
        })
    }

    /// Sends probes and says what became of each, in their order.
    ///
    /// # Errors
    ///
    /// What the kernel refused to send.
    pub fn observe(&mut self, rig: &mut Rig, probes: &[Probe]) -> Result<Vec<Seen>, Fault> {
        let mut seen = Vec::new();
        for batch in probes.chunks(BATCH) {
            seen.extend(self.batch(rig, batch)?);
        }
        Ok(seen)
    }

    fn batch(&mut self, rig: &mut Rig, probes: &[Probe]) -> Result<Vec<Seen>, Fault> {
        let os = |what: &str, error: std::io::Error| Fault::Failed(format!("{what}: {error}"));
        let numbered = || (1u32..).zip(probes);
        flows::flush(&mut rig.control).map_err(|e| os("flushing flows", e))?;
        flows::insert(&mut rig.control, numbered()).map_err(|e| os("inserting flows", e))?;
        for (number, probe) in numbered() {
            let bytes = wire::bytes(probe, number);
            let sent = if probe.hook == Hook::Output {
                rig.originate(probe, &bytes)
            } else {
                rig.arrive(probe, &bytes)
            };
            sent.map_err(|e| os(&format!("sending {}", probe.to_json()), e))?;
        }
        rig.end_batch()
            .map_err(|e| os("sending the last packet", e))?;
        let mut seen = vec![Seen::default(); probes.len()];
        let mut current = None;
        let mut finished = false;
        while !finished {
            if !self.trace.wait(5_000).map_err(|e| os("waiting", e))? {
                return Err(Fault::Failed(
                    "the last packet of a batch was not seen".into(),
                ));
            }
            let numbering = &self.numbering;
            self.trace
                .receive(|message| {
                    finished |= traced(numbering, message, &mut current, &mut seen);
                })
                .map_err(|e| os("reading the trace", e))?;
        }
        let numbering = &self.numbering;
        self.log
            .receive(|message| logged(numbering, message, &mut seen))
            .map_err(|e| os("reading the log", e))?;
        Ok(seen)
    }
}

/// Handles one trace message; whether it is about the packet that ends a batch.
fn traced(
    numbering: &Numbering,
    message: &Message<'_>,
    current: &mut Option<usize>,
    seen: &mut [Seen],
) -> bool {
    if message.kind != TRACE {
        return false;
    }
    let all = message.attributes;
    // Only the first message of each base chain shows the packet.
    if let Some(number) = attribute(all, 8).and_then(wire::number) {
        if number == 0 {
            return true;
        }
        *current = usize::try_from(number - 1).ok();
    }
    let (Some(table), Some(chain)) = (text(all, 1), text(all, 2)) else {
        return false;
    };
    // The kernel does not find the headers of a later fragment of IPv6. It begins where the
    // packet before it ended: they are handled one after the other.
    let begins = table == WATCHER && matches!(chain, "first" | "sent");
    if begins && attribute(all, 3).is_some() && attribute(all, 8).is_none() {
        *current = Some(current.map_or(0, |before| before + 1));
    }
    let Some(entry) = current.and_then(|at| seen.get_mut(at)) else {
        return false;
    };
    let handle = attribute(all, 3)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u64::from_be_bytes);
    let family = message.family();
    if family == INET && table == WATCHER {
        entry.survived |= handle.is_some() && chain.starts_with("end");
        entry.state = handle.and_then(|h| numbering.state(h)).or(entry.state);
        return false;
    }
    let is_policy = attribute(all, 4) == Some(&[0, 0, 0, 1]);
    if let Some(handle) = handle {
        let place = numbering.rule(family, table, handle);
        let name = place.map_or_else(
            || format!("{}/{chain}/handle {handle}", numbering.table(family, table)),
            |place| place.name.clone(),
        );
        let code = attribute(all, 5).and_then(|verdict| code(attribute(verdict, 1)));
        let verdict = match code {
            Some(1) => Some("accept"),
            Some(0) if place.is_some_and(|place| place.rejects) => Some("reject"),
            Some(0) => Some("drop"),
            _ => None,
        };
        entry.path.extend(verdict.map(|v| format!("{name}:{v}")));
        entry.steps.push(name);
    } else if is_policy {
        let name = format!("{}/{chain}/policy", numbering.table(family, table));
        let verdict = if code(attribute(all, 16)) == Some(0) {
            "drop"
        } else {
            "accept"
        };
        entry.path.push(format!("{name}:{verdict}"));
        entry.steps.push(name);
    }
    false
}

fn code(value: Option<&[u8]>) -> Option<u32> {
    value?.try_into().ok().map(u32::from_be_bytes)
}

/// Handles one logged packet: a legacy trace, or an answer.
fn logged(numbering: &Numbering, message: &Message<'_>, seen: &mut [Seen]) {
    let Some(payload) = attribute(message.attributes, 9).filter(|_| message.kind == LOGGED) else {
        return;
    };
    let at = |number: u32| usize::try_from(number).ok()?.checked_sub(1);
    if message.resource() == ANSWERS {
        if let Some((number, answer)) = wire::answered(payload)
            && let Some(entry) = at(number).and_then(|at| seen.get_mut(at))
        {
            entry.answer = Some(answer);
        }
        return;
    }
    let step = text(message.attributes, 10)
        .and_then(|prefix| prefix.strip_prefix("TRACE: "))
        .and_then(|place| numbering.legacy_step(message.family(), place.trim_end()));
    if let Some(step) = step
        && let Some(entry) = wire::number(payload)
            .and_then(at)
            .and_then(|at| seen.get_mut(at))
    {
        let verdict = step.verdict.map(|v| format!("{}:{v}", step.name));
        entry.path.extend(verdict);
        entry.steps.push(step.name);
    }
}
