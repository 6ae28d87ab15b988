//! Excess: what a firewall permits and nobody requires.
//!
//! For each rule that permits (and each policy that does), the first packets that it matches,
//! less those that flows require and those that somebody accepted, are pushed through the chains;
//! what arrives at the rule and is permitted there is excess. Piece by piece; where the pieces
//! become too many, as one decision diagram.

use super::audit::is_mistaken;
use super::finding::Finding;
use super::point::Point;
use super::region::{Phase, Required, first_packets};
use crate::diagnostic::{Severity, coverage as codes};
use crate::firewall::{
    Action, Ask, ChainId, Decider, Dependency, End, Hook, MOST_NODES, Outcome, Policy, RuleId,
};
use crate::graph::RequirementGraph;
use crate::net::{Family, Protocol, Service};
use crate::packet::diagram::{Diagrams, Node};
use crate::packet::{Budget, ByteSet, Cube, FieldSet, Index, OverBudget, PacketSet, Ranges, Rare};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// More parts than this are not collected for one rule: the finding says that there are more.
const MOST_PARTS: usize = 256;

/// From this many sources on, an opening is to the world.
const WORLD: u128 = 1 << 24;

/// From this many sources on, an opening is wide.
const WIDE: u128 = 256;

/// What one question is about.
struct Question<'q, 'a> {
    point: &'q Point<'a>,
    hook: Hook,
    family: Family,
    /// First packets that flows require or that somebody accepted.
    wanted: Vec<Cube>,
    index: Index,
    /// First packets that could come.
    whole: Vec<Cube>,
    /// Ports of services that the catalogue knows on this host.
    services: ByProtocol,
}

type ByProtocol = BTreeMap<u8, Ranges<u16>>;

/// All excess at a point. `required` are the point's required packets.
#[must_use]
pub fn excess(
    graph: &RequirementGraph<'_>,
    point: &Point<'_>,
    required: &[Required],
    accepted: &[(Family, PacketSet)],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for family in Family::ALL {
        if !point.firewall.rules(family).exported {
            continue;
        }
        for &hook in point.hooks() {
            let question = Question::new(graph, point, hook, family, required, accepted);
            question.ask(&mut findings);
        }
    }
    findings
}

impl<'q, 'a> Question<'q, 'a> {
    fn new(
        graph: &'q RequirementGraph<'q>,
        point: &'q Point<'a>,
        hook: Hook,
        family: Family,
        required: &[Required],
        accepted: &[(Family, PacketSet)],
    ) -> Self {
        let here = |r: &&Required| r.family == family && r.hook == hook && r.phase == Phase::First;
        let mut services = ByProtocol::new();
        let mut wanted = Vec::new();
        for one in required.iter().filter(here) {
            // Which source port and interface a flow uses is not a matter of excess.
            let mut cube = one.cube.clone();
            // The protocol says which header is next.
            cube.extra = cube.extra.without(|field| field == Rare::NextHeader);
            cube.source_port = match graph.flows.get(one.flow).map(|flow| flow.service) {
                Some(Service::Icmp(_)) => cube.source_port,
                _ => Ranges::full(),
            };
            for protocol in cube.protocol.iter() {
                let ports = services.entry(protocol).or_insert_with(Ranges::empty);
                *ports = ports.union(&cube.destination_port);
            }
            wanted.push(cube);
        }
        let ours = accepted.iter().filter(|(f, _)| *f == family);
        wanted.extend(ours.flat_map(|(_, set)| set.cubes().iter().cloned()));
        Self {
            point,
            hook,
            family,
            index: Index::new(&wanted),
            wanted,
            whole: first_packets(point, graph, hook, family),
            services,
        }
    }

    fn ask(&self, findings: &mut Vec<Finding>) {
        let program = self.point.program(self.family);
        let bases: BTreeSet<ChainId> = program.course(self.hook).chains.iter().copied().collect();
        for (id, chain) in program.rules.iter() {
            for (index, rule) in (0..).zip(&chain.rules) {
                let at = RuleId { chain: id, index };
                let asked = rule.action == Action::Accept && !is_mistaken(rule);
                if asked && !program.rules.is_generated(at) {
                    findings.extend(self.by(Decider::Rule(at), &rule.matches));
                }
            }
            // An open OUTPUT policy is how hosts are run: what leaves them is not filtered there.
            let open = chain.base.is_some_and(|base| base.policy == Policy::Accept);
            if open && self.hook != Hook::Output && self.is_last_filter(id, &bases) {
                findings.extend(self.by(Decider::Policy(id), &[Cube::any(self.family)]));
            }
        }
    }

    /// Policies matter at the hook itself, in the chain that filters there: chains without any
    /// denying rule (mangle, nat) pass packets on and permit nothing by themselves.
    fn is_last_filter(&self, id: ChainId, bases: &BTreeSet<ChainId>) -> bool {
        let rules = self.point.firewall.rules(self.family);
        let filters = |id: &&ChainId| {
            let base = rules.chain(**id).and_then(|chain| chain.base);
            base.is_some_and(|base| {
                base.hook == self.hook && !base.first_packets_only && base.priority >= 0
            })
        };
        bases.iter().find(filters) == Some(&id)
    }

    /// What this rule or policy permits and nobody wants.
    fn by(&self, by: Decider, matches: &[Cube]) -> Option<Finding> {
        let mut budget = self.point.budget();
        let mut found = Vec::new();
        let mut more = false;
        let mut result = self.collect(by, matches, &mut budget, &mut found, &mut more);
        if result.is_err()
            && let Ok(whole) = self
                .point
                .hand_over()
                .and_then(|()| self.decide(by, matches))
        {
            (found, more) = whole;
            result = Ok(());
        }
        if found.is_empty() {
            return result.is_err().then(|| self.too_complex(by));
        }
        Some(self.finding(by, &found, more || result.is_err()))
    }

    fn collect(
        &self,
        by: Decider,
        matches: &[Cube],
        budget: &mut Budget,
        found: &mut Vec<Outcome>,
        more: &mut bool,
    ) -> Result<(), OverBudget> {
        let program = self.point.program(self.family);
        for (cube, whole) in matches
            .iter()
            .flat_map(|m| self.whole.iter().map(move |w| (m, w)))
        {
            let Some(candidate) = cube.intersect(whole) else {
                continue;
            };
            for part in self.unwanted(candidate, budget)? {
                program.walk(self.hook, part, budget, |outcome| {
                    if outcome.end == End::Accept && self.permits(&outcome) == Some(by) {
                        found.push(outcome);
                    }
                    *more = found.len() >= MOST_PARTS;
                    if *more {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })?;
                if *more {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The same as `collect` by diagrams: exact, and whether there is more than was read out.
    fn decide(&self, by: Decider, matches: &[Cube]) -> Result<(Vec<Outcome>, bool), OverBudget> {
        let program = self.point.program(self.family);
        let mut found = Vec::new();
        let mut more = false;
        for (cube, whole) in matches
            .iter()
            .flat_map(|m| self.whole.iter().map(move |w| (m, w)))
        {
            let Some(candidate) = cube.intersect(whole) else {
                continue;
            };
            let mut diagrams = Diagrams::new(self.family, MOST_NODES)?;
            let unwanted = self.unwanted_set(&candidate, &mut diagrams)?;
            let region = (&candidate, unwanted);
            let next = |so_far, decider| self.permits_so_far(by, so_far, decider);
            let decision = program.decide(&mut diagrams, self.hook, region, Ask::Fates, next)?;
            let ours = |part: &&crate::firewall::Decided<Option<bool>>| {
                part.end == End::Accept && part.class == Some(true)
            };
            for part in decision.parts.iter().filter(ours) {
                let room = MOST_PARTS.saturating_sub(found.len());
                more |= room == 0;
                let read = diagrams.cubes(part.packets, room.max(1));
                more |= !read.complete;
                found.extend(read.cubes.into_iter().take(room).map(|cube| Outcome {
                    cube,
                    end: End::Accept,
                    via: SmallVec::from_iter([by]),
                }));
            }
        }
        Ok((found, more))
    }

    fn unwanted_set(&self, cube: &Cube, diagrams: &mut Diagrams) -> Result<Node, OverBudget> {
        let mut near = Vec::new();
        self.index.overlapping(cube, &mut near);
        let near = near.iter().filter_map(|&at| self.wanted.get(at as usize));
        let wanted = diagrams.from_cubes(near)?;
        let all = diagrams.from_cube(cube)?;
        diagrams.minus(all, wanted)
    }

    /// Whether this decider is the one that permits, as [`Question::permits`] finds it, after one
    /// more base chain. None: nobody so far.
    fn permits_so_far(&self, by: Decider, so_far: Option<bool>, decider: Decider) -> Option<bool> {
        match decider {
            Decider::Rule(_) => Some(decider == by),
            Decider::Policy(_) if self.is_here(decider) => so_far.or(Some(decider == by)),
            Decider::Policy(_) => so_far,
        }
    }

    /// The packets of a cube that nobody wants.
    fn unwanted(&self, cube: Cube, budget: &mut Budget) -> Result<Vec<Cube>, OverBudget> {
        let mut near = Vec::new();
        self.index.overlapping(&cube, &mut near);
        let mut left = vec![cube];
        for at in near {
            let Some(wanted) = self.wanted.get(at as usize) else {
                continue;
            };
            let mut rest = Vec::with_capacity(left.len());
            for cube in &left {
                budget.step()?;
                cube.subtract(wanted, &mut rest);
            }
            left = rest;
        }
        Ok(left)
    }

    /// Who permits a packet: the decider at this hook's filter; a rule rather than a policy.
    fn permits(&self, outcome: &Outcome) -> Option<Decider> {
        let mut deciders = outcome.via.iter().filter(|by| self.is_here(**by));
        let rule = deciders.clone().rfind(|by| matches!(by, Decider::Rule(_)));
        rule.or_else(|| deciders.next()).copied()
    }

    /// Whether a decider permits at this hook's filter.
    fn is_here(&self, by: Decider) -> bool {
        let rules = self.point.firewall.rules(self.family);
        let base = match by {
            Decider::Policy(id) => rules.chain(id).and_then(|chain| chain.base),
            // A rule's own chain may be a user chain: any base may have called it.
            Decider::Rule(_) => return true,
        };
        base.is_some_and(|base| {
            base.hook == self.hook && !base.first_packets_only && base.priority >= 0
        })
    }

    fn finding(&self, by: Decider, found: &[Outcome], more: bool) -> Finding {
        let cubes: Vec<Cube> = found
            .iter()
            .map(|o| o.cube.clone().without_assumptions())
            .collect();
        let worst = cubes.iter().max_by_key(|cube| self.exposure(cube));
        let exposure = worst.map_or((Severity::Note, false), |cube| self.exposure(cube));
        let packets =
            PacketSet::from(cubes.iter().map(|c| self.plain(c)).collect::<Vec<_>>()).cover();
        let subject = worst.map_or(String::new(), |cube| self.subject(cube));
        let mut message = format!("{subject} and nobody requires it");
        if more {
            message.push_str(" (and more)");
        }
        let mut finding = Finding::new(&codes::EXCESS, self.family, message);
        finding.severity = exposure.0;
        finding.hook = Some(self.hook);
        finding.witness = worst.and_then(|cube| cube.witness(self.family));
        finding.packets = packets;
        self.locate(&mut finding, by);
        let unknowns = &self.point.firewall.unknowns;
        let depends: BTreeSet<Dependency> = found
            .iter()
            .flat_map(|outcome| outcome.cube.unknown.iter())
            .filter_map(|(predicate, _)| unknowns.get(predicate as usize))
            .map(|unknown| Dependency {
                span: unknown.span,
                why: unknown.why.clone(),
            })
            .collect();
        finding.depends_on = depends.into_iter().collect();
        finding.help = Some(
            "narrow it to what is required, or record it under `accepted` in the site with a reason and a date".into(),
        );
        finding
    }

    fn locate(&self, finding: &mut Finding, by: Decider) {
        let rules = self.point.firewall.rules(self.family);
        match by {
            Decider::Rule(id) => {
                finding.rule = Some(id);
                if let (Some(rule), Some(chain)) = (rules.rule(id), rules.chain(id.chain)) {
                    let number = rule.number;
                    finding.place(
                        rule.span,
                        format!("rule {number} of {}/{} permits it", chain.table, chain.name),
                    );
                }
            }
            Decider::Policy(id) => {
                finding.policy = Some(id);
                if let Some(chain) = rules.chain(id) {
                    let span = chain.base.map_or(chain.span, |base| base.span);
                    finding.place(
                        span,
                        format!("the policy of {}/{} permits it", chain.table, chain.name),
                    );
                }
            }
        }
    }

    /// The cube without what every first packet has, for reading.
    fn plain(&self, cube: &Cube) -> Cube {
        let any = Cube::any(self.family);
        // The host's own and loopback addresses, which no other machine sends from, are not worth
        // a word when all the world but a few is meant.
        let never = self
            .whole
            .first()
            .map(|whole| any.source.subtract(&whole.source));
        let wider = never.map_or(cube.source.clone(), |never| cube.source.union(&never));
        let world = cube.source.intervals().iter().map(|(lo, hi)| hi - lo).max();
        let source = if world >= Some(WORLD) {
            wider
        } else {
            cube.source.clone()
        };
        Cube {
            source,
            state: any.state,
            flags: any.flags,
            fragment: any.fragment,
            mark: any.mark,
            conn_mark: any.conn_mark,
            extra: any.extra,
            in_interface: any.in_interface,
            out_interface: any.out_interface,
            source_port: if cube.protocol.iter().all(|p| Protocol(p).is_icmp()) {
                cube.source_port.clone()
            } else {
                any.source_port
            },
            ..cube.clone()
        }
    }

    /// How much it matters, and whether it opens a service of the platform itself.
    fn exposure(&self, cube: &Cube) -> (Severity, bool) {
        let far = if self.hook == Hook::Output {
            &cube.destination
        } else {
            &cube.source
        };
        let peers = far.intervals().iter().fold(0u128, |sum, (lo, hi)| {
            sum.saturating_add((hi - lo).saturating_add(1))
        });
        let internal = self.services.iter().any(|(&protocol, ports)| {
            cube.protocol.contains(protocol) && ports.overlaps(&cube.destination_port)
        });
        let severity = match (peers, internal && self.hook != Hook::Output) {
            (WORLD.., true) => Severity::Error,
            (WIDE.., _) => Severity::Warning,
            _ => Severity::Note,
        };
        (severity, internal)
    }

    fn subject(&self, cube: &Cube) -> String {
        let (severity, internal) = self.exposure(cube);
        let mut shown = cube.clone();
        if internal && severity == Severity::Error {
            // Say which of the platform's services is open, not all ports of the rule.
            for (&protocol, ports) in &self.services {
                if cube.protocol.contains(protocol) && ports.overlaps(&cube.destination_port) {
                    shown.destination_port = cube.destination_port.intersect(ports);
                    shown.protocol = shown.protocol.and(&ByteSet::single(protocol));
                    break;
                }
            }
        }
        format!("{} is permitted", self.plain(&shown).describe(self.family))
    }

    fn too_complex(&self, by: Decider) -> Finding {
        let message = "what this rule permits beyond what is required is too complex to decide";
        let mut finding = Finding::new(&codes::UNKNOWN, self.family, message);
        finding.severity = Severity::Note;
        finding.hook = Some(self.hook);
        self.locate(&mut finding, by);
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::super::STEPS;
    use super::*;
    use crate::firewall::tests;
    use crate::packet::MarkBits;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Both ways find the same excess, by every rule and policy.
        #[test]
        fn diagrams_agree_with_the_walk(firewall in tests::settled(), wanted in prop::collection::vec(tests::small_cube(), 0..3)) {
            let site = tests::site();
            let point = Point::new(&site, &tests::stand(), &firewall).unwrap();
            let mark = MarkBits { care: u32::MAX, value: 0 };
            let question = Question {
                point: &point,
                hook: Hook::Input,
                family: Family::V4,
                index: Index::new(&wanted),
                wanted,
                whole: vec![Cube { mark, conn_mark: mark, ..Cube::any(Family::V4) }],
                services: ByProtocol::new(),
            };
            let any = [Cube::any(Family::V4)];
            for (id, chain) in firewall.v4.iter() {
                let rules = (0..).zip(&chain.rules).map(|(index, rule)| {
                    (Decider::Rule(RuleId { chain: id, index }), rule.matches.as_slice())
                });
                for (by, matches) in rules.chain([(Decider::Policy(id), any.as_slice())]) {
                    let (mut found, mut more) = (Vec::new(), false);
                    let mut budget = Budget::new(STEPS);
                    prop_assert!(question.collect(by, matches, &mut budget, &mut found, &mut more).is_ok());
                    let whole = question.decide(by, matches).unwrap();
                    if more || whole.1 {
                        continue;
                    }
                    let mut d = Diagrams::new(Family::V4, MOST_NODES).unwrap();
                    let pieces = d.from_cubes(found.iter().map(|o| &o.cube)).unwrap();
                    prop_assert_eq!(d.from_cubes(whole.0.iter().map(|o| &o.cube)).unwrap(), pieces);
                }
            }
        }
    }
}
