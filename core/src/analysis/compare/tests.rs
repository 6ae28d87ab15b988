//! Comparisons against the interpreter, packet by packet, and laws.

use super::*;
use crate::firewall::tests::{
    chain, changing, deciding, effect, firewall, packet, rule, small_cube, translation,
};
use crate::firewall::{Action, Effect, Policy, RejectWith, Rule, Translation, Verdict, trace};
use crate::net::Protocol;
use crate::packet::{ByteSet, FieldSet, Ranges, Rare};
use crate::source::Span;
use proptest::prelude::*;

/// Little enough work that everything is left to diagrams.
const BY_DIAGRAMS: Effort = Effort {
    steps: 0,
    read: 10_000,
    ..EFFORT
};

fn span() -> Span {
    Span::new(Sources::default().add("t", ""), 0, 0)
}

/// The predicates of a generated firewall are the same in every one. Rules without effect go: the
/// interpreter asks them too, about values that only the kernel knows.
fn known(mut firewall: Firewall) -> Firewall {
    for chain in &mut firewall.v4.chains {
        chain.rules.retain(Rule::has_effect);
    }
    for (number, unknown) in firewall.unknowns.iter_mut().enumerate() {
        unknown.question = number.to_string();
    }
    firewall.v4.exported = true;
    firewall
}

/// Translations leave the kernel no choice: what it chooses is open to diagrams throughout.
fn settled(firewall: &Firewall) -> Firewall {
    let mut firewall = firewall.clone();
    let rules = firewall.v4.chains.iter_mut().flat_map(|c| &mut c.rules);
    for effect in rules.flat_map(|rule| &mut rule.effects) {
        if let Effect::Translate(to) = effect {
            let first = |set: &Ranges<u128>| set.hull().map(|(lo, _)| Ranges::single(lo));
            to.destination = to.destination.as_ref().and_then(first);
        }
    }
    firewall
}

#[derive(Debug, Clone)]
enum Edit {
    Insert(usize, usize, Rule),
    Delete(usize, usize),
    Swap(usize, usize),
    Policy,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let action = prop_oneof![
        Just(Action::Accept),
        Just(Action::Drop),
        Just(Action::Reject(RejectWith::TcpReset)),
        Just(Action::Reject(RejectWith::Icmp("host-prohibited".into()))),
        Just(Action::Return),
        Just(Action::Jump(ChainId(3))),
        Just(Action::Opaque { why: "new".into() }),
    ];
    let matches = || prop::collection::vec(small_cube(), 1..3);
    let deciding = (matches(), action).prop_map(|(m, a)| rule(m, a));
    let marking = (matches(), effect()).prop_map(|(m, e)| changing(m, e));
    let new = prop_oneof![4 => deciding, 1 => marking];
    let translating = (small_cube(), translation()).prop_map(|(cube, effect)| {
        let mut cube = cube;
        let ports = ByteSet::of(|number| Protocol(number).has_ports());
        cube.protocol = cube.protocol.and(&ports);
        changing(vec![cube], effect)
    });
    let edit = prop_oneof![
        3 => (prop_oneof![4 => 0usize..5, 1 => Just(6)], 0usize..6, new).prop_map(|(c, at, r)| Edit::Insert(c, at, r)),
        1 => (0usize..3, translating).prop_map(|(at, r)| Edit::Insert(5, at, r)),
        3 => (0usize..7, 0usize..6).prop_map(|(c, at)| Edit::Delete(c, at)),
        2 => (0usize..7, 0usize..6).prop_map(|(c, at)| Edit::Swap(c, at)),
        1 => Just(Edit::Policy),
    ];
    prop::collection::vec(edit, 0..4)
}

fn edited(firewall: &Firewall, edits: &[Edit]) -> Firewall {
    let mut new = firewall.clone();
    for edit in edits {
        match edit {
            Edit::Insert(chain, at, rule) => {
                // Calls lead to later chains only: no circles.
                let calls = matches!(rule.action, Action::Jump(_));
                let rules = &mut new.v4.chains[if calls { *chain % 3 } else { *chain }].rules;
                rules.insert(*at.min(&rules.len()), rule.clone());
            }
            Edit::Delete(chain, at) => {
                let rules = &mut new.v4.chains[*chain].rules;
                if *at < rules.len() {
                    rules.remove(*at);
                }
            }
            Edit::Swap(chain, at) => {
                let rules = &mut new.v4.chains[*chain].rules;
                if at + 1 < rules.len() {
                    rules.swap(*at, at + 1);
                }
            }
            Edit::Policy => {
                if let Some(base) = &mut new.v4.chains[0].base {
                    base.policy = match base.policy {
                        Policy::Accept => Policy::Drop,
                        Policy::Drop => Policy::Accept,
                    };
                }
            }
        }
    }
    new
}

/// What the interpreter says when it is known which predicates hold.
#[derive(Debug, PartialEq)]
struct Said {
    verdict: Verdict,
    answer: Option<RejectWith>,
    translations: Vec<Translation>,
}

fn said(firewall: &Firewall, packet: &Packet, truth: u32) -> Said {
    let mut known = firewall.clone();
    for chain in &mut known.v4.chains {
        for rule in &mut chain.rules {
            let holds = |(p, holds): (u32, bool)| (truth >> p & 1 == 1) == holds;
            rule.matches.retain(|cube| cube.unknown.iter().all(holds));
            for cube in &mut rule.matches {
                cube.unknown = Default::default();
            }
        }
    }
    let traced = trace(&known, Hook::Input, packet);
    let decided = traced.steps.iter().filter_map(|step| match step {
        crate::firewall::Step::Decided(Decider::Rule(id), _) => known.v4.rule(*id),
        _ => None,
    });
    let decided: Vec<&Rule> = decided.collect();
    let verdict = traced.verdict;
    let last = decided.last().filter(|_| verdict == Verdict::Reject);
    let translations = decided.iter().filter(|_| verdict == Verdict::Accept);
    Said {
        verdict,
        answer: last.and_then(|rule| match &rule.action {
            Action::Reject(with) => Some(with.clone()),
            _ => None,
        }),
        translations: translations
            .filter_map(|rule| rule.translation().cloned())
            .collect(),
    }
}

/// How two answers of the interpreter differ; the second says whether one is open.
fn kind(old: &Said, new: &Said) -> (Option<Kind>, bool) {
    use Verdict::{Accept, Unknown};
    match (old.verdict, new.verdict) {
        (Unknown, Unknown) => (Some(Kind::Undetermined), true),
        (Unknown, Accept) => (Some(Kind::Opened), true),
        (Unknown, _) | (Accept, Unknown) => (Some(Kind::Closed), true),
        (_, Unknown) => (Some(Kind::Opened), true),
        (Accept, Accept) => ((old != new).then_some(Kind::Translated), false),
        (_, Accept) => (Some(Kind::Opened), false),
        (Accept, _) => (Some(Kind::Closed), false),
        _ => ((old != new).then_some(Kind::Answer), false),
    }
}

const KINDS: [Kind; 5] = [
    Kind::Opened,
    Kind::Closed,
    Kind::Translated,
    Kind::Answer,
    Kind::Undetermined,
];

fn reported(found: &Comparison, packet: &Packet, kind: Kind, possible: bool) -> bool {
    found.differences.iter().any(|difference| {
        difference.hook == Hook::Input
            && (difference.kind, difference.possible) == (kind, possible)
            && difference
                .packets
                .iter()
                .any(|cube| cube.contains(packet, |_| false))
    })
}

/// Checks everything that is said about the packets at INPUT.
fn agrees(
    old: &Firewall,
    new: &Firewall,
    packets: &[Packet],
    effort: Effort,
) -> Result<(), TestCaseError> {
    let found = compare_within(effort, &Sources::default(), old, new);
    prop_assert!(
        found
            .hooks
            .iter()
            .all(|hook| hook.not_compared.is_empty() && !hook.more)
    );
    let witnesses = found.differences.iter();
    let witnesses = witnesses.filter(|difference| difference.hook == Hook::Input);
    for difference in witnesses.clone() {
        prop_assert!(!difference.more);
        let holds = difference
            .packets
            .iter()
            .any(|cube| cube.contains(&difference.witness, |_| false));
        prop_assert!(holds, "{difference:#?}");
        for side in &difference.side {
            prop_assert_eq!(difference.possible || side.depends_on.is_empty(), true);
        }
    }
    let mut all: Vec<Packet> = witnesses.map(|difference| difference.witness).collect();
    all.extend(packets);
    for mut packet in all {
        // What is left open does not matter.
        if packet.rare.get(Rare::Ttl).is_none() {
            packet.rare.set(Rare::Ttl, 64);
        }
        let answers =
            (0u32..8).map(|truth| kind(&said(old, &packet, truth), &said(new, &packet, truth)));
        let answers: Vec<_> = answers.collect();
        for kind in KINDS {
            let certain = answers.iter().all(|&answer| answer == (Some(kind), false));
            let some = answers.iter().any(|&(found, _)| found == Some(kind));
            let said = [false, true].map(|possible| reported(&found, &packet, kind, possible));
            prop_assert_eq!(
                said[0],
                certain,
                "{:?} {} {:?} {:#?}",
                kind,
                packet,
                answers,
                found.differences
            );
            // Both may meet the same rule that is not modelled, and nothing after it differs.
            if kind != Kind::Undetermined || said[1] {
                prop_assert_eq!(
                    said[1],
                    some && !certain,
                    "{:?} {} {:?} {:#?}",
                    kind,
                    packet,
                    answers,
                    found.differences
                );
            }
        }
    }
    Ok(())
}

fn entered() -> impl Strategy<Value = Vec<Packet>> {
    let eth = crate::packet::IfName::new("eth0").unwrap_or_default();
    let entered = packet().prop_map(move |packet| Packet {
        in_interface: eth,
        ..packet
    });
    prop::collection::vec(entered, 8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    /// Every packet that differs is in a region of its kind, and no other packet is.
    #[test]
    fn regions_are_exact(old in firewall(), edits in edits(), packets in entered()) {
        let old = known(old);
        let new = edited(&old, &edits);
        agrees(&old, &new, &packets, EFFORT)?;
        agrees(&settled(&old), &settled(&new), &packets, BY_DIAGRAMS)?;
    }

    /// The same where packets stay what they are, and so much is settled by one side alone.
    #[test]
    fn regions_of_mere_decisions_are_exact(old in deciding(), edits in edits(), packets in entered()) {
        let old = known(old);
        let new = edited(&old, &edits);
        agrees(&old, &new, &packets, EFFORT)?;
    }

    /// The same for firewalls that have nothing to do with each other.
    #[test]
    fn regions_of_strangers_are_exact(old in firewall(), new in firewall(), packets in entered()) {
        let (old, new) = (known(old), known(new));
        agrees(&old, &new, &packets, EFFORT)?;
        agrees(&settled(&old), &settled(&new), &packets, BY_DIAGRAMS)?;
    }

    #[test]
    fn nothing_differs_from_itself(one in firewall()) {
        let mut one = one;
        one.v4.exported = true;
        let found = compare(&Sources::default(), &one, &one);
        prop_assert!(found.differences.is_empty(), "{:#?}", found.differences);
    }

    /// What is opened one way is closed the other way.
    #[test]
    fn the_other_way_round(old in firewall(), edits in edits(), packets in entered()) {
        let old = known(old);
        let new = edited(&old, &edits);
        let there = compare(&Sources::default(), &old, &new);
        let back = compare(&Sources::default(), &new, &old);
        let mirrored = [Kind::Closed, Kind::Opened, Kind::Translated, Kind::Answer, Kind::Undetermined];
        for packet in packets {
            for possible in [false, true] {
                for (kind, mirror) in KINDS.into_iter().zip(mirrored) {
                    prop_assert_eq!(
                        reported(&there, &packet, kind, possible),
                        reported(&back, &packet, mirror, possible)
                    );
                }
            }
        }
    }

    /// The order of rules that no packet matches both of does not matter.
    #[test]
    fn disjoint_rules_may_be_reordered(cubes in prop::collection::vec(small_cube(), 2..8), drops in any::<u8>()) {
        let mut disjoint: Vec<Cube> = Vec::new();
        for cube in cubes {
            let cube = cube.without_assumptions();
            if !cube.overlaps_any(&disjoint) {
                disjoint.push(cube);
            }
        }
        let rules = disjoint.into_iter().enumerate().map(|(at, cube)| {
            rule(vec![cube], if drops >> at & 1 == 1 { Action::Drop } else { Action::Accept })
        });
        let rules: Vec<Rule> = rules.collect();
        let list = |rules| {
            let mut firewall = Firewall::default();
            firewall.v4.exported = true;
            firewall.v4.chains = vec![chain("INPUT", Some(Policy::Drop), rules)];
            firewall
        };
        let mut reversed = rules.clone();
        reversed.reverse();
        let found = compare(&Sources::default(), &list(rules), &list(reversed));
        prop_assert!(found.differences.is_empty());
        prop_assert!(found.hooks.iter().all(|hook| hook.not_compared.is_empty()));
    }
}

fn tcp(port: u16) -> Cube {
    let mut cube = Cube::any(Family::V4).with_protocol(Protocol::TCP);
    cube.destination_port = Ranges::single(port);
    cube.fragment = crate::packet::Bits(1);
    cube
}

fn list(rules: Vec<Rule>) -> Firewall {
    let mut firewall = Firewall::default();
    firewall.v4.exported = true;
    firewall.v4.chains = vec![chain("INPUT", Some(Policy::Drop), rules)];
    firewall
}

#[test]
fn who_decides_is_no_difference() {
    let old = list(vec![rule(vec![tcp(22)], Action::Accept)]);
    let drop = rule(vec![tcp(23)], Action::Drop);
    let new = list(vec![drop, rule(vec![tcp(22)], Action::Accept)]);
    let found = compare(&Sources::default(), &old, &new);
    assert!(found.differences.is_empty(), "{found:#?}");
    assert_eq!(found.hooks.len(), HOOKS.len());
}

#[test]
fn both_lines_are_named() {
    let mut wide = tcp(22);
    wide.destination_port = Ranges::span(1, 1024);
    let old = list(vec![
        rule(vec![tcp(22)], Action::Accept),
        rule(vec![wide.clone()], Action::Reject(RejectWith::TcpReset)),
    ]);
    let new = list(vec![rule(vec![wide], Action::Accept)]);
    let found = compare(&Sources::default(), &old, &new);
    let [one] = found.differences.as_slice() else {
        panic!("{found:#?}");
    };
    assert_eq!((one.kind, one.possible), (Kind::Opened, false));
    let by = |index| {
        Some(Decider::Rule(RuleId {
            chain: ChainId(0),
            index,
        }))
    };
    assert_eq!([one.side[0].by, one.side[1].by], [by(1), by(0)]);
    let [cube] = one.packets.as_slice() else {
        panic!("{one:#?}");
    };
    assert_eq!(cube.destination_port, Ranges::of([(1, 21), (23, 1024)]));
    assert_eq!(one.side[0].witness.verdict, Verdict::Reject);
    assert_eq!(one.side[1].witness.verdict, Verdict::Accept);
}

#[test]
fn a_chain_by_another_name_is_the_same() {
    let with_name = |name: &str| {
        let mut firewall = list(vec![rule(vec![tcp(1)], Action::Jump(ChainId(1)))]);
        let called = chain(name, None, vec![rule(vec![tcp(1)], Action::Accept)]);
        firewall.v4.chains.push(called);
        firewall
    };
    let [old, new] = ["a", "b"].map(with_name);
    let plan = Plan::new(&Sources::default(), [&old, &new], Family::V4);
    assert!(
        plan.hooks
            .iter()
            .all(|(_, _, alignment)| alignment.is_same())
    );
}

/// Every rule has a rate of its own, unless it is the same rule.
#[test]
fn a_rule_that_moves_takes_its_rate_along_only_where_it_stays_in_line() {
    let limited = |port: u16, number: u32| rule(vec![tcp(port).assuming(number)], Action::Accept);
    let with = |ports: &[u16]| {
        let rules = (0..)
            .zip(ports)
            .map(|(number, &port)| limited(port, number));
        let mut firewall = list(rules.collect());
        for _ in ports {
            firewall.unknown(span(), "match `limit` is not modelled");
        }
        firewall
    };
    let found = compare(&Sources::default(), &with(&[1, 2, 3]), &with(&[2, 3]));
    let [one] = found.differences.as_slice() else {
        panic!("{found:#?}");
    };
    assert_eq!((one.kind, one.possible), (Kind::Closed, true));
    assert_eq!(
        one.packets,
        [tcp(1).intersect(&one.packets[0])]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
    );
    assert_eq!(one.side[0].depends_on.len(), 1);
    assert_eq!(found.alike.len(), 1, "same place, same reason");
}

#[test]
fn what_costs_too_much_is_named() {
    let rules = (0..40u16).map(|n| {
        let mut cube = tcp(n);
        cube.source = Ranges::span(u128::from(n), 3 * u128::from(n));
        rule(
            vec![cube],
            if n % 2 == 0 {
                Action::Drop
            } else {
                Action::Accept
            },
        )
    });
    let old = list(rules.collect());
    let mut new = old.clone();
    new.v4.chains[0].rules.reverse();
    new.v4.chains[0].base.as_mut().expect("a base chain").policy = Policy::Accept;
    let effort = Effort {
        steps: 5,
        steps_per_hook: 5,
        nodes: 400,
        read: 16,
    };
    let found = compare_within(effort, &Sources::default(), &old, &new);
    let left: Vec<Hook> = found
        .hooks
        .iter()
        .filter(|hook| !hook.not_compared.is_empty())
        .map(|hook| hook.hook)
        .collect();
    assert_eq!(left, [Hook::Input]);
    assert!(
        !compare(&Sources::default(), &old, &new)
            .differences
            .is_empty()
    );
}
