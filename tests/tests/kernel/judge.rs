//! Portwright's answers beside the kernel's.

use crate::observe::{Probe, Seen};
use crate::rig::ROUTES_V6;
use crate::wire::{self, Answer};
use portwright::firewall::{
    Action, Decider, End, Firewall, Hook, Outcome, Program, RejectWith, Step, Traced, Verdict,
    trace,
};
use portwright::net::{Family, Protocol};
use portwright::packet::{Budget, Cube, Fragment, IfName, MarkBits, Packet, tcp_flags};
use serde_json::json;
use std::fmt::Write as _;
use std::ops::{AddAssign, ControlFlow};

/// Most steps of a symbolic walk over all packets of a hook.
const WALK_BUDGET: u64 = 200_000;

/// How Portwright did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Score {
    /// Probes judged.
    pub probes: usize,
    /// Probes whose verdict Portwright calls unknown.
    pub unknown: usize,
    /// Probes that were also looked up in a symbolic walk over all packets.
    pub in_walks: usize,
    /// Verdicts of the kernel: accept, drop, reject.
    pub verdicts: [usize; 3],
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.probes += other.probes;
        self.unknown += other.unknown;
        self.in_walks += other.in_walks;
        for (mine, more) in self.verdicts.iter_mut().zip(other.verdicts) {
            *mine += more;
        }
    }
}

/// Every rule that matched and every policy that was applied, as the observer names them.
fn steps(firewall: &Firewall, packet: &Packet, traced: &Traced) -> Vec<String> {
    let rules = firewall.rules(packet.family);
    let place = |id| {
        rules
            .chain(id)
            .map(|chain| format!("{}/{}", chain.table, chain.name))
    };
    let name = |step: &Step| match *step {
        Step::Match(id) => Some(format!("{}/{}", place(id.chain)?, id.index + 1)),
        Step::Decided(Decider::Policy(id), _) => Some(format!("{}/policy", place(id)?)),
        _ => None,
    };
    traced.steps.iter().filter_map(name).collect()
}

/// The kernel's verdict, given what Portwright's rule that decided would answer.
fn verdict(seen: &Seen) -> &'static str {
    match seen {
        Seen { survived: true, .. } => "accept",
        Seen {
            answer: Some(_), ..
        } => "reject",
        _ => "drop",
    }
}

/// Whether a packet must not be answered, so that a reject looks like a drop.
fn never_answered(probe: &Probe) -> bool {
    let packet = &probe.packet;
    probe.hook == Hook::Output
        || packet.fragment == Fragment::Later
        || (packet.protocol == Protocol::TCP && packet.flags & tcp_flags::RST != 0)
        || wire::is_icmp_error(packet)
        // A type that the kernel does not know may be an error.
        || (packet.protocol == Protocol::ICMP && packet.source_port > 18)
        || is_to_many(packet)
        || fails_checksum(packet)
        // The first address of a routed network is a subnet-router anycast address (RFC 4291).
        || (packet.family == Family::V6 && ROUTES_V6.iter().any(|route| route.0 == packet.source))
}

/// Whether the destination is a broadcast or multicast address, or the source no single host.
fn is_to_many(packet: &Packet) -> bool {
    match packet.family.address(packet.destination) {
        std::net::IpAddr::V4(address) => address.is_multicast() || address.octets()[3] == 255,
        std::net::IpAddr::V6(address) => address.is_multicast(),
    }
}

/// IPv6 answers a packet of any other protocol only when its bytes sum up as UDP's would.
fn fails_checksum(packet: &Packet) -> bool {
    let summed = [
        Protocol::TCP,
        Protocol::UDP,
        Protocol::UDPLITE,
        Protocol::ICMPV6,
    ];
    packet.family == Family::V6 && !summed.contains(&packet.protocol)
}

fn agrees(probe: &Probe, seen: &Seen, traced: &Traced, firewall: &Firewall) -> bool {
    match traced.verdict {
        Verdict::Accept => seen.survived,
        Verdict::Drop => !seen.survived && seen.answer.is_none(),
        Verdict::Reject if seen.survived => false,
        Verdict::Reject => match (seen.answer, rejects_with(firewall, probe, traced)) {
            (None, _) => never_answered(probe),
            (Some(Answer::Reset), Some(RejectWith::TcpReset)) => true,
            (Some(Answer::Error), Some(RejectWith::Icmp(_))) => true,
            _ => false,
        },
        Verdict::Unknown => true,
    }
}

fn rejects_with<'a>(
    firewall: &'a Firewall,
    probe: &Probe,
    traced: &Traced,
) -> Option<&'a RejectWith> {
    let Some(Step::Decided(Decider::Rule(id), _)) = traced.steps.last() else {
        return None;
    };
    match &firewall.rules(probe.packet.family).rule(*id)?.action {
        Action::Reject(with) => Some(with),
        _ => None,
    }
}

/// One firewall under judgement.
pub struct Judge<'a> {
    firewall: &'a Firewall,
    programs: [Program<'a>; 2],
    /// What a walk over all packets of a hook found, where it was affordable.
    walks: Vec<(Hook, Option<Vec<Outcome>>)>,
    /// So far.
    pub score: Score,
}

impl<'a> Judge<'a> {
    /// Judges this one.
    pub fn new(firewall: &'a Firewall) -> Self {
        Self {
            firewall,
            programs: [
                Program::new(&firewall.v4, Family::V4),
                Program::new(&firewall.v6, Family::V6),
            ],
            walks: Vec::new(),
            score: Score::default(),
        }
    }

    /// Compares the answers for one probe; both, for people, where they disagree.
    pub fn judge(&mut self, mut probe: Probe, seen: &Seen) -> Result<(), String> {
        probe.packet.state = seen.state.unwrap_or(probe.packet.state);
        let traced = trace(self.firewall, probe.hook, &probe.packet);
        let ours = steps(self.firewall, &probe.packet, &traced);
        let known = traced.verdict != Verdict::Unknown;
        self.score.probes += 1;
        self.score.unknown += usize::from(!known);
        self.score.verdicts[["accept", "drop", "reject"]
            .iter()
            .position(|v| *v == verdict(seen))
            .unwrap()] += 1;
        let mut faults = String::new();
        if !agrees(&probe, seen, &traced, self.firewall) {
            let _ = writeln!(faults, "verdicts differ");
        }
        if known && ours != seen.steps {
            let _ = writeln!(faults, "ways differ");
        }
        let family = probe.packet.family as usize;
        let single = walk(
            &self.programs[family],
            probe.hook,
            Cube::packet(&probe.packet),
            u64::MAX,
        );
        let single = single.unwrap_or_default();
        if !walk_agrees(&single.iter().collect::<Vec<_>>(), &traced) {
            let _ = writeln!(
                faults,
                "the walk of this one packet differs: {}",
                ends(&single)
            );
        }
        if let Some(found) = self.lookup(&probe) {
            if !walk_agrees(&found, &traced) {
                let _ = writeln!(faults, "the walk of all packets differs for this one");
            }
            self.score.in_walks += 1;
        }
        if faults.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{faults}packet: {}\nkernel: {} {:?} via {}\nours:   {:?} via {}\n",
            json(&probe),
            verdict(seen),
            seen.answer,
            seen.steps.join(" > "),
            traced.verdict,
            ours.join(" > "),
        ))
    }

    /// The outcomes of the walk over all packets in which this one is.
    fn lookup(&mut self, probe: &Probe) -> Option<Vec<&Outcome>> {
        let family = probe.packet.family;
        if !self.walks.iter().any(|(hook, _)| *hook == probe.hook) {
            let mut all = Cube::any(family);
            all.mark = MarkBits {
                care: u32::MAX,
                value: 0,
            };
            let outcomes = walk(
                &self.programs[family as usize],
                probe.hook,
                all,
                WALK_BUDGET,
            );
            self.walks.push((probe.hook, outcomes));
        }
        let (_, outcomes) = self.walks.iter().find(|(hook, _)| *hook == probe.hook)?;
        let holds = |outcome: &&Outcome| {
            let cube = outcome.cube.clone().without_assumptions();
            cube.contains(&probe.packet, |_| true)
        };
        Some(outcomes.as_ref()?.iter().filter(holds).collect())
    }
}

/// Everything that becomes of a cube; none when it costs too much.
fn walk(program: &Program<'_>, hook: Hook, cube: Cube, budget: u64) -> Option<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    let mut budget = Budget::new(budget);
    let walked = program.walk(hook, cube, &mut budget, |outcome| {
        outcomes.push(outcome);
        ControlFlow::Continue(())
    });
    walked.is_ok().then_some(outcomes)
}

/// Whether the outcomes that a packet is in say what its trace says.
fn walk_agrees(outcomes: &[&Outcome], traced: &Traced) -> bool {
    let expected = match traced.verdict {
        Verdict::Accept => End::Accept,
        Verdict::Drop => End::Drop,
        Verdict::Reject => End::Reject,
        Verdict::Unknown => {
            // Something it depends on must show: several ends, or one that depends.
            let first = outcomes.first().map(|outcome| outcome.end);
            return outcomes
                .iter()
                .any(|o| o.end == End::Depends || Some(o.end) != first);
        }
    };
    let deciders = |step: &Step| match step {
        Step::Decided(by, _) => Some(*by),
        _ => None,
    };
    let via: Vec<Decider> = traced.steps.iter().filter_map(deciders).collect();
    match outcomes {
        // Without assumptions there is one outcome only.
        [one] => one.end == expected && one.via.as_slice() == via,
        several => {
            !several.is_empty()
                && several
                    .iter()
                    .all(|o| o.end == expected && !o.cube.unknown.is_empty())
        }
    }
}

fn ends(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let _ = write!(text, "{:?} via {:?}; ", outcome.end, outcome.via);
    }
    text
}

/// A probe as `portwright trace --packets` takes it.
pub fn json(probe: &Probe) -> String {
    let packet = &probe.packet;
    let name =
        |interface: IfName| (interface != IfName::NONE).then(|| interface.to_string().into());
    let letters = tcp_flags::LETTERS
        .iter()
        .filter(|(_, bit)| packet.flags & bit != 0);
    let icmp = packet.protocol.is_icmp();
    let ports = packet.protocol.has_ports();
    let mut fields = json!({
        "hook": probe.hook.to_string(),
        "src": packet.family.address(packet.source),
        "dst": packet.family.address(packet.destination),
        "proto": packet.protocol.0,
        "ct_state": packet.state.name(),
    });
    let mut set = |key: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            fields[key] = value;
        }
    };
    set("sport", ports.then(|| packet.source_port.into()));
    set("dport", ports.then(|| packet.destination_port.into()));
    set("icmp_type", icmp.then(|| packet.source_port.into()));
    set("icmp_code", icmp.then(|| packet.destination_port.into()));
    let is_tcp = packet.protocol == Protocol::TCP;
    set(
        "tcp_flags",
        is_tcp.then(|| {
            letters
                .map(|(letter, _)| *letter)
                .collect::<String>()
                .into()
        }),
    );
    set("ct_dir", packet.state.is_reply().then(|| "reply".into()));
    set("iface_in", name(packet.in_interface));
    set("iface_out", name(packet.out_interface));
    set(
        "fragment",
        (packet.fragment == Fragment::Later).then(|| "later".into()),
    );
    fields.to_string()
}
