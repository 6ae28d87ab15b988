//! Portwright's answers beside the kernel's.

use crate::ruleset::{HOST, Language};
use crate::tally::Tally;
use portwright::engine::PacketInput;
use portwright::firewall::{
    Action, Chain, Decider, Effect, End, Firewall, Hook, Outcome, Program, RejectWith, Rule, Step,
    Traced, Verdict,
};
use portwright::net::{Family, Protocol};
use portwright::packet::{Budget, CtState, Cube, MarkBits, Packet, tcp_flags};
use portwright_cli::kernel::{Answer, Probe, SENDER, Seen, packet_type, wire_length};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::ControlFlow;

/// Most steps of a symbolic walk over all packets of a hook.
const WALK_BUDGET: u64 = 200_000;

/// One firewall under judgement.
pub struct Judge<'a> {
    firewall: &'a Firewall,
    language: Language,
    programs: [Program<'a>; 2],
    /// What a walk over all packets of a hook found, where it was affordable.
    walks: Vec<(Family, Hook, Option<Vec<Outcome>>)>,
    /// So far.
    pub tally: Tally,
    /// Whether an unknown verdict counts as a fault.
    pub certain: bool,
    /// Whether the order in which base chains were passed is not known.
    pub unordered: bool,
}

/// The packet that Portwright is asked about.
pub fn packet(probe: &Probe, seen: &Seen) -> Result<Packet, String> {
    let mut probe = probe.clone();
    probe.state = match seen.state {
        // Rules said so, not the packet: Portwright must find out.
        Some(CtState::Untracked) | None
            if probe.state == CtState::New || first_state(&probe) == CtState::Untracked =>
        {
            first_state(&probe)
        }
        Some(CtState::Untracked) | None => probe.state,
        Some(state) => state,
    };
    let mut fields = probe.to_json();
    // What is the rig's doing.
    fields["length"] = wire_length(&probe).into();
    if probe.hook != Hook::Output {
        let sender = probe.source_mac.unwrap_or(SENDER);
        fields["src_mac"] = sender.map(|byte| format!("{byte:02x}")).join(":").into();
        fields["pkt_type"] = packet_type(&probe, &HOST).into();
    } else {
        fields["uid"] = probe.uid.into();
    }
    let input: PacketInput = serde_json::from_value(fields).map_err(|e| e.to_string())?;
    input.packet().map(|(_, packet)| packet)
}

/// What connection tracking says of a packet that belongs to no flow (facts of the kernel, with
/// `nf_conntrack_tcp_loose`).
fn first_state(probe: &Probe) -> CtState {
    let tracked = match probe.protocol {
        Protocol::TCP => {
            let flags = probe.flags & 0x3f & !tcp_flags::PSH;
            let flags = flags & !tcp_flags::URG;
            // PSH and URG do not matter; any other flag beside one of these two does.
            flags == tcp_flags::ACK || flags == tcp_flags::SYN
        }
        Protocol::ICMP => matches!(probe.source_port, 8 | 13 | 15 | 17),
        Protocol::ICMPV6 => match probe.source_port {
            130..=136 | 143 | 151 | 152 => return CtState::Untracked,
            kind => matches!(kind, 128 | 139),
        },
        _ => true,
    };
    if tracked {
        CtState::New
    } else {
        CtState::Invalid
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
    let number = |id| rules.rule(id).map(|rule| rule.number);
    let name = |step: &Step| match *step {
        Step::Match(id) => Some(format!("{}/{}", place(id.chain)?, number(id)?)),
        Step::Decided(Decider::Policy(id), _) => Some(format!("{}/policy", place(id)?)),
        _ => None,
    };
    let mut names: Vec<String> = traced.steps.iter().filter_map(name).collect();
    // Several rules of the model may be parts of one of the kernel's.
    names.dedup();
    names
}

/// What ended each base chain, as the observer names it.
fn path(firewall: &Firewall, packet: &Packet, traced: &Traced) -> Vec<String> {
    let rules = firewall.rules(packet.family);
    let chain = |id| {
        let chain = rules.chain(id);
        chain.map_or(String::new(), |c| format!("{}/{}", c.table, c.name))
    };
    let ends = traced.steps.iter().filter_map(|step| match step {
        Step::Decided(by, verdict) => {
            let verdict = format!("{verdict:?}").to_lowercase();
            Some(match *by {
                Decider::Rule(id) => {
                    let number = rules.rule(id).map_or(0, |rule| rule.number);
                    format!("{}/{number}:{verdict}", chain(id.chain))
                }
                Decider::Policy(id) => format!("{}/policy:{verdict}", chain(id)),
            })
        }
        _ => None,
    });
    ends.collect()
}

/// Whether a sender who was told something was told what the rule says.
fn answer_agrees(firewall: &Firewall, packet: &Packet, traced: &Traced, seen: &Seen) -> bool {
    let Some(answer) = seen.answer else {
        // Many packets must not be answered; the rule that decided is compared anyhow.
        return true;
    };
    let Some(Step::Decided(Decider::Rule(id), Verdict::Reject)) = traced.steps.last() else {
        return false;
    };
    let rule = firewall.rules(packet.family).rule(*id);
    matches!(
        (answer, rule.map(|rule| &rule.action)),
        (Answer::Reset, Some(Action::Reject(RejectWith::TcpReset)))
            | (Answer::Error(..), Some(Action::Reject(RejectWith::Icmp(_))))
    )
}

impl<'a> Judge<'a> {
    /// Judges this one, which was read from exports in this language.
    pub fn new(firewall: &'a Firewall, language: Language) -> Self {
        let programs = [
            Program::new(&firewall.v4, Family::V4),
            Program::new(&firewall.v6, Family::V6),
        ];
        Self {
            firewall,
            language,
            programs,
            walks: Vec::new(),
            tally: Tally::default(),
            certain: false,
            unordered: false,
        }
    }

    /// Compares the answers for one probe; both, for people, where they disagree.
    pub fn judge(&mut self, probe: &Probe, seen: &Seen) -> Result<(), String> {
        let packet = packet(probe, seen).map_err(|e| format!("{}: {e}\n", probe.to_json()))?;
        let family = packet.family as usize;
        let traced = self.programs[family].trace(&self.firewall.unknowns, probe.hook, &packet);
        let faults = self.faults(probe, &packet, &traced, seen);
        let verdict = ["accept", "drop", "reject"];
        let verdict = verdict.iter().position(|v| *v == seen.verdict());
        let unknown = traced.verdict == Verdict::Unknown;
        for dependency in traced.depends_on.iter().filter(|_| unknown) {
            let why = self.tally.reasons.entry(dependency.why.clone());
            *why.or_default() += 1;
        }
        let counts = self.tally.at(self.language, packet.family, probe.hook);
        counts.probes += 1;
        counts.judged += 1;
        counts.unknown += usize::from(unknown);
        match verdict {
            Some(at) => counts.verdicts[at] += 1,
            None => counts.lost += 1,
        }
        if faults.is_empty() {
            return Ok(());
        }
        counts.mismatches += 1;
        Err(format!(
            "{faults}packet: {}\nkernel: {} {:?} ({:?}) via {}\n        all: {}\nours:   {:?} via {}\n        all: {}\n{}",
            probe.to_json(),
            seen.verdict(),
            seen.answer,
            seen.state,
            seen.path.join(" > "),
            seen.steps.join(" > "),
            traced.verdict,
            path(self.firewall, &packet, &traced).join(" > "),
            steps(self.firewall, &packet, &traced).join(" > "),
            traced
                .depends_on
                .iter()
                .map(|d| format!("        depends on {}\n", d.why))
                .collect::<String>(),
        ))
    }

    fn faults(&mut self, probe: &Probe, packet: &Packet, traced: &Traced, seen: &Seen) -> String {
        let mut faults = String::new();
        let mut ours = [
            steps(self.firewall, packet, traced),
            path(self.firewall, packet, traced),
        ];
        let mut theirs = [seen.steps.clone(), seen.path.clone()];
        // What only logs or counts, and may match or not, is on no certain way.
        let idle = self.idle(packet.family);
        ours[0].retain(|step| !idle.contains(step));
        theirs[0].retain(|step| !idle.contains(step));
        if self.unordered {
            ours.iter_mut().for_each(|list| list.sort());
            theirs.iter_mut().for_each(|list| list.sort());
        }
        if self.language == Language::Nft && !traced.steps_are_certain {
            // Which rules without a say in the verdict matched is open then.
            ours[0].clear();
            theirs[0].clear();
        }
        let known = traced.verdict != Verdict::Unknown;
        let verdict = format!("{:?}", traced.verdict).to_lowercase();
        if known && seen.verdict() == "lost" {
            if !ours[0].starts_with(&theirs[0]) {
                faults += "ways differ up to where the kernel lost it\n";
            }
        } else if known {
            if verdict != seen.verdict() {
                faults += "verdicts differ\n";
            }
            if traced.way_depends_on.is_empty() && ours != theirs {
                faults += "ways differ\n";
            }
            if !answer_agrees(self.firewall, packet, traced, seen) {
                faults += "the sender was told otherwise\n";
            }
        } else if self.certain {
            faults += "no certain answer\n";
        }
        let program = &self.programs[packet.family as usize];
        let single = walk(program, probe.hook, Cube::packet(packet), u64::MAX).unwrap_or_default();
        if !walk_agrees(&single.iter().collect::<Vec<_>>(), traced) {
            let _ = writeln!(
                faults,
                "the walk of this one packet differs: {}",
                ends(&single)
            );
        }
        let mut looked_up = false;
        if let Some(found) = self.lookup(probe.hook, packet) {
            looked_up = true;
            if !walk_agrees(&found, traced) {
                let found = found.into_iter().cloned().collect::<Vec<_>>();
                let _ = writeln!(
                    faults,
                    "the walk of all packets differs for this one: {}",
                    ends(&found)
                );
            }
        }
        self.tally.in_walks += usize::from(looked_up);
        faults
    }

    /// Rules on which no verdict depends by themselves, as the observer names them: without effect
    /// and with a match that is not modelled, or about marks of connections, which packets without
    /// one do not have. Of nftables all without a verdict: one that changes a packet may break off
    /// behind that, and the kernel lists a rule only when its last statement has run.
    fn idle(&self, family: Family) -> BTreeSet<String> {
        let rules = self.firewall.rules(family);
        let of_chain = |chain: &Chain| {
            let idle = chain.rules.iter().filter(|rule| {
                let open = rule.matches.iter().any(|cube| !cube.unknown.is_empty());
                let marks = rule.effects.iter().any(|effect| {
                    matches!(
                        effect,
                        Effect::SetConnMark { .. }
                            | Effect::MarkFromConn { .. }
                            | Effect::ConnFromMark { .. }
                    )
                });
                let native = self.language == Language::Nft;
                let idle = marks || native || open && rule.effects.is_empty();
                rule.action == Action::Continue && idle
            });
            let name = |rule: &Rule| format!("{}/{}/{}", chain.table, chain.name, rule.number);
            idle.map(name).collect::<Vec<_>>()
        };
        rules.chains.iter().flat_map(of_chain).collect()
    }

    /// The outcomes of the walk over all packets in which this one is.
    fn lookup(&mut self, hook: Hook, packet: &Packet) -> Option<Vec<&Outcome>> {
        let family = packet.family;
        let same =
            |entry: &&(Family, Hook, Option<Vec<Outcome>>)| (entry.0, entry.1) == (family, hook);
        if !self.walks.iter().any(|entry| same(&entry)) {
            let mut all = Cube::any(family);
            let unmarked = MarkBits {
                care: u32::MAX,
                value: 0,
            };
            (all.mark, all.conn_mark) = (unmarked, unmarked);
            let outcomes = walk(&self.programs[family as usize], hook, all, WALK_BUDGET);
            self.walks.push((family, hook, outcomes));
        }
        let (.., outcomes) = self.walks.iter().find(same)?;
        let one = Cube::packet(packet);
        let holds = |outcome: &&Outcome| {
            let cube = outcome.cube.clone().without_assumptions();
            cube.overlaps(&one)
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
