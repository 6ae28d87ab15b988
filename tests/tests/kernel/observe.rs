//! What the kernel did with probes: which rules matched, who decided, what was answered.

use crate::flows;
use crate::netlink::{Message, Socket, attribute, subsystem, text};
use crate::rig::{ANSWERS, Rig, run};
use crate::wire::{self, Answer};
use portwright::firewall::Hook;
use portwright::packet::{CtState, Packet};
use serde_json::Value;
use std::collections::BTreeMap;

/// `NFNLGRP_NFTRACE`.
const TRACE_GROUP: i32 = 9;
/// `NFT_MSG_TRACE`.
const TRACE: u16 = subsystem::NFTABLES << 8 | 17;
/// `NFULNL_MSG_PACKET`.
const LOGGED: u16 = subsystem::ULOG << 8;
/// `NFPROTO_INET`: the family of the watching table.
const INET: u8 = 1;

/// The states in the order of the watching table's rules.
const STATES: [CtState; 7] = CtState::ALL;

/// A packet to send.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Where routing sends it.
    pub hook: Hook,
    /// The packet. Its state says which flow there should be.
    pub packet: Packet,
}

/// What became of one probe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Every rule that matched and every policy that was applied, as `TABLE/CHAIN/NUMBER` (from
    /// 1) and `TABLE/CHAIN/policy`.
    pub steps: Vec<String>,
    /// Whether it passed all base chains.
    pub survived: bool,
    /// What its sender was told.
    pub answer: Option<Answer>,
    /// Its conntrack state, where it got as far.
    pub state: Option<CtState>,
}

/// Names rules by their numbers.
#[derive(Default)]
struct Numbering {
    /// Of nf_tables: by family, table and handle.
    handles: BTreeMap<(u8, String, u64), String>,
    /// Of the legacy backend: how many rules a chain has, by table and chain.
    counts: BTreeMap<(String, String), usize>,
    /// The handles of the rules that note the state, and what they note.
    states: BTreeMap<u64, CtState>,
}

/// Sends probes and reads what became of them.
pub struct Observer {
    trace: Socket,
    log: Socket,
    numbering: Numbering,
}

impl Observer {
    /// Watches the current thread's namespace, into which a ruleset was loaded that exports as
    /// `legacy` (empty when the nf_tables backend holds it).
    pub fn new(legacy: &str) -> Result<Self, String> {
        let trace = Socket::open().map_err(|e| e.to_string())?;
        trace.join(TRACE_GROUP).map_err(|e| e.to_string())?;
        let mut log = Socket::open().map_err(|e| e.to_string())?;
        // Group 0 is where the legacy backend's trace goes.
        for group in [0, ANSWERS] {
            Rig::bind(&mut log, group).map_err(|e| e.to_string())?;
        }
        let mut numbering = Numbering::default();
        numbering.read_nftables(&run("nft", &["-j", "list", "ruleset"], "")?)?;
        numbering.read_legacy(legacy);
        Ok(Self {
            trace,
            log,
            numbering,
        })
    }

    /// Sends probes and says what became of each, in their order.
    pub fn observe(&mut self, rig: &mut Rig, probes: &[Probe]) -> Result<Vec<Seen>, String> {
        let mut seen = Vec::new();
        for batch in probes.chunks(500) {
            seen.extend(self.batch(rig, batch)?);
        }
        Ok(seen)
    }

    fn batch(&mut self, rig: &mut Rig, probes: &[Probe]) -> Result<Vec<Seen>, String> {
        let os = |what: &str, error: std::io::Error| format!("{what}: {error}");
        let numbered = || (1u32..).zip(probes);
        flows::flush(&mut rig.control).map_err(|e| os("flushing flows", e))?;
        flows::insert(
            &mut rig.control,
            numbered().map(|(n, probe)| (n, &probe.packet)),
        )
        .map_err(|e| os("inserting flows", e))?;
        for (number, probe) in numbered() {
            let bytes = wire::bytes(&probe.packet, number);
            let sent = if probe.hook == Hook::Output {
                rig.originate(&probe.packet, &bytes)
            } else {
                let name = probe.packet.in_interface.to_string();
                rig.arrive(&name, probe.packet.family, &bytes)
            };
            sent.map_err(|e| os(&format!("sending {probe:?}"), e))?;
        }
        rig.arrive("eth0", portwright::net::Family::V4, &wire::sentinel())
            .map_err(|e| os("sending the last packet", e))?;
        let mut seen = vec![Seen::default(); probes.len()];
        let mut current = None;
        let mut finished = false;
        while !finished {
            if !self.trace.wait(5_000).map_err(|e| os("waiting", e))? {
                return Err("the last packet of a batch was not seen".into());
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
    let Some(entry) = current.and_then(|at| seen.get_mut(at)) else {
        return false;
    };
    let handle = attribute(all, 3)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u64::from_be_bytes);
    let is_policy = attribute(all, 4).is_some_and(|kind| kind == [0, 0, 0, 1]);
    match (message.family() == INET && table == "oracle", handle) {
        (true, Some(handle)) => {
            entry.survived |= chain.starts_with("end");
            entry.state = numbering.states.get(&handle).copied().or(entry.state);
        }
        (false, Some(handle)) => {
            let key = (message.family(), table.to_owned(), handle);
            let name = numbering.handles.get(&key);
            entry
                .steps
                .push(name.cloned().unwrap_or_else(|| format!("{key:?}")));
        }
        (false, None) if is_policy => entry.steps.push(format!("{table}/{chain}/policy")),
        _ => {}
    }
    false
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
        .and_then(|place| numbering.legacy_step(place.trim_end()));
    if let Some(step) = step
        && let Some(entry) = wire::number(payload)
            .and_then(at)
            .and_then(|at| seen.get_mut(at))
    {
        entry.steps.push(step);
    }
}

impl Numbering {
    fn read_nftables(&mut self, json: &str) -> Result<(), String> {
        let listed: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
        let mut last: BTreeMap<(u8, String, String), usize> = BTreeMap::new();
        for rule in listed["nftables"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|o| o.get("rule"))
        {
            let text = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
            let family = match text("family").as_str() {
                "ip" => 2,
                "ip6" => 10,
                _ => INET,
            };
            let (table, chain) = (text("table"), text("chain"));
            let handle = rule["handle"].as_u64().unwrap_or_default();
            let number = last
                .entry((family, table.clone(), chain.clone()))
                .or_default();
            if family == INET && chain.starts_with("state") {
                self.states.insert(handle, STATES[*number]);
            }
            *number += 1;
            self.handles.insert(
                (family, table.clone(), handle),
                format!("{table}/{chain}/{number}"),
            );
        }
        Ok(())
    }

    fn read_legacy(&mut self, export: &str) {
        let mut table = String::new();
        for line in export.lines() {
            if let Some(name) = line.strip_prefix('*') {
                name.clone_into(&mut table);
            }
            let chain = line.strip_prefix(':').or(line.strip_prefix("-A "));
            if let Some(chain) = chain.and_then(|rest| rest.split(' ').next()) {
                let count = self
                    .counts
                    .entry((table.clone(), chain.to_owned()))
                    .or_default();
                *count += usize::from(line.starts_with("-A"));
            }
        }
    }

    /// Reads `filter:INPUT:rule:3`; none at the end of a user chain. An unconditional rule calls
    /// itself a policy or a return: the number of rules tells it from these.
    fn legacy_step(&self, place: &str) -> Option<String> {
        let mut parts = place.rsplitn(3, ':');
        let number: usize = parts.next()?.parse().ok()?;
        let kind = parts.next()?;
        let (table, chain) = parts.next()?.split_once(':')?;
        let count = *self.counts.get(&(table.to_owned(), chain.to_owned()))?;
        match kind {
            _ if number <= count => Some(format!("{table}/{chain}/{number}")),
            "policy" => Some(format!("{table}/{chain}/policy")),
            _ => None,
        }
    }
}
