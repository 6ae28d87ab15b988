//! What is claimed about random firewalls, against every packet of a small world, one by one.

use super::*;
use crate::analysis::Subject;
use crate::firewall::tests::{chain, rule, small_cube};
use crate::firewall::{
    Action, ChainId, Firewall, Hook, Policy, RejectWith, Rule, RuleId, Step, World,
};
use crate::packet::{CtState, Cube, Fragment, IfName, Packet, Rare, RareValues};
use crate::source::Sources;
use proptest::prelude::*;

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Accept),
        4 => Just(Action::Drop),
        1 => Just(Action::Reject(RejectWith::TcpReset)),
        1 => Just(Action::Return),
        2 => Just(Action::Jump(ChainId(1))),
        1 => Just(Action::Goto(ChainId(1))),
        1 => Just(Action::Continue),
        1 => Just(Action::Opaque { why: "test".into() }),
    ]
}

fn rules(lead_on: bool) -> impl Strategy<Value = Vec<Rule>> {
    let one =
        (prop::collection::vec(small_cube(), 1..3), action()).prop_map(move |(matches, action)| {
            match action {
                Action::Jump(_) | Action::Goto(_) if !lead_on => rule(matches, Action::Drop),
                action => rule(matches, action),
            }
        });
    prop::collection::vec(one, 0..7)
}

/// INPUT with a chain that it may lead to; every rule has a line of its own.
fn firewall() -> impl Strategy<Value = Firewall> {
    let policy = prop_oneof![Just(Policy::Accept), Just(Policy::Drop)];
    (rules(true), rules(false), policy).prop_map(|(input, other, policy)| {
        let mut firewall = Firewall::default();
        firewall.v4.chains = vec![
            chain("INPUT", Some(policy), input),
            chain("other", None, other),
        ];
        for number in 0..3 {
            firewall.unknown(firewall.v4.chains[0].span, format!("predicate {number}"));
        }
        let source = Sources::default().add("t", "");
        let lines = firewall
            .v4
            .chains
            .iter_mut()
            .flat_map(|chain| &mut chain.rules);
        for (at, rule) in lines.enumerate() {
            rule.span = Span::new(source, at + 1, at + 2);
        }
        firewall
    })
}

/// One value of each kind that no cube tells apart.
fn kinds<T: Copy>(
    values: impl IntoIterator<Item = T>,
    cubes: &[&Cube],
    has: impl Fn(&Cube, T) -> bool,
) -> Vec<T> {
    let mut seen: BTreeSet<Vec<bool>> = BTreeSet::new();
    let kind = |&value: &T| cubes.iter().map(|cube| has(cube, value)).collect();
    let all = values.into_iter();
    all.filter(|value| seen.insert(kind(value))).collect()
}

/// Every packet that the rules tell apart.
fn packets(firewall: &Firewall) -> Vec<Packet> {
    let rules = firewall.v4.chains.iter().flat_map(|chain| &chain.rules);
    let cubes: Vec<&Cube> = rules.flat_map(|rule| &rule.matches).collect();
    let protocols = kinds(0..=u8::MAX, &cubes, |cube, p| cube.protocol.contains(p));
    let sources = kinds(0..9, &cubes, |cube, a| cube.source.contains(a));
    let destinations = kinds(0..9, &cubes, |cube, a| cube.destination.contains(a));
    let ports = kinds(0..9, &cubes, |cube, p| cube.destination_port.contains(p));
    let states = kinds(CtState::ALL, &cubes, |cube, s| cube.state.contains(s as u8));
    let ttls = kinds([1, 2, 64, 65], &cubes, |cube, ttl| {
        let wanted = cube.extra.get(Rare::Ttl);
        wanted.is_none_or(|wanted| wanted.contains(ttl))
    });
    let marks = kinds(0..4, &cubes, |cube, m| cube.mark.contains(m));
    let mut all = Vec::new();
    for &protocol in &protocols {
        for (&source, &destination) in sources
            .iter()
            .flat_map(|s| destinations.iter().map(move |d| (s, d)))
        {
            for (&destination_port, &state) in ports
                .iter()
                .flat_map(|p| states.iter().map(move |s| (p, s)))
            {
                let marked = marks
                    .iter()
                    .flat_map(|m| ttls.iter().map(move |t| (*m, *t)));
                all.extend(marked.map(|(mark, ttl)| {
                    let mut rare = RareValues::default();
                    rare.set(Rare::Ttl, ttl);
                    Packet {
                        family: Family::V4,
                        protocol: crate::net::Protocol(protocol),
                        source,
                        destination,
                        source_port: 0,
                        destination_port,
                        flags: 0,
                        state,
                        in_interface: IfName::new("eth0").expect("a name"),
                        out_interface: IfName::NONE,
                        mark,
                        conn_mark: 0,
                        fragment: Fragment::First,
                        rare,
                    }
                }));
            }
        }
    }
    all
}

/// Every world: each truth of the three predicates.
fn worlds() -> impl Iterator<Item = Vec<(u32, bool)>> {
    (0..8u32).map(|bits| (0..3).map(|p| (p, bits >> p & 1 == 1)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// A rule said to match nothing is matched by no packet, one said to be redundant changes no
    /// fate when it goes, and a rule of which neither is said is matched by some packet.
    #[test]
    fn claims_hold_for_every_packet(firewall in firewall()) {
        let subject = Subject::new(&firewall);
        let findings = audit(&subject, Needs::Unknown);
        let program = subject.program(Family::V4);
        let mut matched = BTreeSet::new();
        let redundant: Vec<RuleId> = findings
            .iter()
            .filter(|finding| finding.code == &codes::REDUNDANT)
            .filter_map(|finding| finding.rule)
            .collect();
        let without: Vec<_> = redundant.iter().map(|&id| program.without(vec![id])).collect();
        for packet in packets(&firewall) {
            for world in worlds() {
                let run = program.trace_in_world(Hook::Input, &packet, &mut World::of(world.iter().copied()));
                let (verdict, steps) = run.expect("no circle");
                matched.extend(steps.iter().filter_map(|step| match step {
                    Step::Match(id) => Some(*id),
                    _ => None,
                }));
                for (less, id) in without.iter().zip(&redundant) {
                    let then = less.trace_in_world(Hook::Input, &packet, &mut World::of(world.iter().copied()));
                    prop_assert_eq!(then.map(|(v, _)| v), Some(verdict), "without {:?}", id);
                }
            }
        }
        prop_assert!(findings.iter().all(|finding| finding.code != &codes::NOT_CHECKED));
        let dead_codes = [
            &codes::SHADOWED, &codes::CONTRADICTED, &codes::UNREACHABLE, &codes::DUPLICATE, &codes::EMPTY_MATCH,
        ];
        let said: BTreeSet<Span> = findings
            .iter()
            .filter(|finding| dead_codes.contains(&finding.code))
            .flat_map(|finding| match finding.code == &codes::UNREACHABLE {
                true => finding.places.iter().map(|place| place.span).collect(),
                false => finding.places.first().map(|place| place.span).into_iter().collect::<Vec<_>>(),
            })
            .collect();
        // What stands behind what is not modelled may be matched.
        let mut rules = firewall.v4.chains.iter().flat_map(|chain| &chain.rules);
        let opaque = rules.any(|rule| matches!(rule.action, Action::Opaque { .. }));
        let used = firewall.v4.chains[0].rules.iter().any(|rule| reach::target(&rule.action).is_some());
        for (chain, listed) in firewall.v4.iter() {
            for (index, rule) in (0..).zip(&listed.rules) {
                let id = RuleId { chain, index };
                let dead_chain = !used && chain == ChainId(1);
                let told = said.contains(&rule.span) || dead_chain;
                // The rule that decides everything before unreachable ones is named there, too.
                let stops = findings.iter().any(|f| f.places.get(1).is_some_and(|p| p.span == rule.span));
                if matched.contains(&id) {
                    prop_assert!(!said.contains(&rule.span) || stops, "{:?} is matched", id);
                } else if !opaque {
                    // Jumps that no packet takes leave a chain without packets.
                    prop_assert!(told, "{:?} is not matched: {:?}", id, findings);
                }
            }
        }
    }
}
