//! The symbolic walk against the interpreter, and both against hand-made cases.

use super::*;
use crate::net::{Family, Protocol};
use crate::packet::{
    Bits, Budget, ByteSet, CtState, Cube, FieldSet, Fragment, IfName, MarkBits, Packet, PacketSet,
    Ranges, Rare, RareValues, changes,
};
use crate::site::{Host, Site, Stand};
use crate::source::{Sources, Span};
use proptest::prelude::*;
use std::ops::ControlFlow;

fn span() -> Span {
    Span::new(Sources::default().add("t", ""), 0, 0)
}

pub(crate) fn rule(matches: Vec<Cube>, action: Action) -> Rule {
    Rule::new(matches, action, span())
}

pub(crate) fn changing(matches: Vec<Cube>, effect: Effect) -> Rule {
    let action = match &effect {
        Effect::Translate(_) => Action::Accept,
        _ => Action::Continue,
    };
    Rule {
        effects: [effect].into_iter().collect(),
        ..rule(matches, action)
    }
}

pub(crate) fn chain(name: &str, policy: Option<Policy>, rules: Vec<Rule>) -> Chain {
    Chain {
        table: "filter".into(),
        name: name.into(),
        base: policy.map(|policy| Base {
            hook: Hook::Input,
            priority: 0,
            order: 0,
            policy,
            span: span(),
            first_packets_only: false,
        }),
        devices: None,
        generated: false,
        rules,
        span: span(),
    }
}

/// A site of one host, where these firewalls stand.
pub(crate) fn site() -> Site {
    let mut site = Site::default();
    site.hosts.push(Host {
        name: "h".into(),
        addresses: Vec::new(),
        ssh_address: None,
        ssh_port: None,
        cluster: None,
        roles: Default::default(),
        zone: None,
        span: span(),
    });
    site
}

pub(crate) fn stand() -> Stand {
    Stand::Host("h".into())
}

/// A tiny world, so that boundaries and overlaps happen often.
pub(crate) fn small_cube() -> impl Strategy<Value = Cube> {
    let range = || (0u16..6, 0u16..6).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let wide = || prop_oneof![2 => Just(None), 3 => range().prop_map(Some)];
    let literal = prop_oneof![6 => Just(None), 1 => (0u32..3).prop_map(Some)];
    let mark = prop_oneof![4 => Just(MarkBits::ANY), 1 => (0u32..4, 1u32..4).prop_map(|(v, m)| MarkBits { care: m, value: v & m })];
    let rare = prop_oneof![6 => Just(None), 1 => (0u128..3).prop_map(Some)];
    (
        wide(),
        wide(),
        wide(),
        0u8..4,
        any::<u8>(),
        literal,
        mark,
        rare,
    )
        .prop_map(
            |(source, destination, port, protocol, state, unknown, mark, rare)| {
                let mut cube = Cube::any(Family::V4);
                let address = |r: (u16, u16)| Ranges::span(u128::from(r.0), u128::from(r.1));
                if let Some(r) = source {
                    cube.source = address(r);
                }
                if let Some(r) = destination {
                    cube.destination = address(r);
                }
                if protocol > 0 {
                    cube = cube.with_protocol(
                        [Protocol::ICMP, Protocol::TCP, Protocol::UDP][usize::from(protocol) - 1],
                    );
                }
                if let Some((lo, hi)) = port.filter(|_| protocol >= 1) {
                    cube.destination_port = Ranges::span(lo, hi);
                    cube.fragment = Bits(1 << Fragment::First as u8);
                }
                if state & 1 == 1 {
                    cube.state = Bits((state >> 1).max(1));
                }
                cube.mark = mark;
                match rare {
                    Some(0) => cube = cube.with_change(changes::DESTINATION, true),
                    Some(ttl) => cube = cube.with_rare(Rare::Ttl, &Ranges::span(ttl, 64)),
                    None => {}
                }
                match unknown {
                    Some(predicate) => cube.assuming(predicate),
                    None => cube,
                }
            },
        )
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => Just(Action::Accept),
        3 => Just(Action::Drop),
        1 => Just(Action::Reject(RejectWith::TcpReset)),
        1 => Just(Action::Return),
        2 => (1u32..4).prop_map(|c| Action::Jump(ChainId(c))),
        1 => (1u32..4).prop_map(|c| Action::Goto(ChainId(c))),
        1 => Just(Action::Continue),
        1 => Just(Action::Opaque { why: "test".into() }),
    ]
}

/// What rules may do in a chain that is not about address translation.
pub(crate) fn effect() -> impl Strategy<Value = Effect> {
    let bits = || (0u32..4, 0u32..4);
    prop_oneof![
        2 => bits().prop_map(|(clear, flip)| Effect::SetMark { clear, flip }),
        1 => bits().prop_map(|(clear, flip)| Effect::SetConnMark { clear, flip }),
        1 => bits().prop_map(|(clear, care)| Effect::MarkFromConn { clear, care }),
        1 => bits().prop_map(|(clear, care)| Effect::ConnFromMark { clear, care }),
        1 => Just(Effect::Untrack),
    ]
}

/// Destinations up to 3 are local, above that there are two interfaces.
pub(crate) fn translation() -> impl Strategy<Value = Effect> {
    let some = |from: u128| prop_oneof![Just(None), (from..7).prop_map(Some)];
    let translation = (some(0), some(0), any::<bool>(), any::<bool>());
    translation.prop_map(|(source, destination, port, wide)| {
        let last = |at: u128| if wide { at + 1 } else { at };
        Effect::Translate(Box::new(Translation {
            source: source.map(Ranges::single),
            source_port: None,
            destination: destination.map(|at| Ranges::span(at, last(at))),
            destination_port: port.then(|| Ranges::single(2)),
        }))
    })
}

fn routing() -> Routing {
    let route = |destinations, name| Route {
        destinations,
        by: IfName::new(name),
        metric: 0,
    };
    Routing {
        local: Ranges::span(0, 3),
        elsewhere: Ranges::span(4, 6),
        routes: vec![route((4, 4), "eth1"), route((0, 5), "eth0")],
    }
}

pub(crate) fn firewall() -> impl Strategy<Value = Firewall> {
    let rules = || {
        let matches = || prop::collection::vec(small_cube(), 1..3);
        let deciding = (matches(), action()).prop_map(|(m, a)| rule(m, a));
        let with_effect = (matches(), effect()).prop_map(|(m, e)| changing(m, e));
        let one = prop_oneof![8 => deciding, 2 => with_effect];
        prop::collection::vec(one, 0..6)
    };
    let before = || {
        let one = (small_cube(), translation()).prop_map(|(mut cube, effect)| {
            // Ports are translated for protocols that have them.
            let ports = ByteSet::of(|number| Protocol(number).has_ports());
            cube.protocol = cube.protocol.and(&ports);
            changing(vec![cube], effect)
        });
        prop::collection::vec(one, 0..3)
    };
    let policy = prop_oneof![Just(Policy::Accept), Just(Policy::Drop)];
    (
        policy,
        rules(),
        rules(),
        rules(),
        rules(),
        rules(),
        before(),
        rules(),
    )
        .prop_map(|(policy, base, a, b, c, nat, before, through)| {
            // Only calls to later chains: no circles.
            let forward = |at: u32, mut rules: Vec<Rule>| {
                for rule in &mut rules {
                    if let Action::Jump(to) | Action::Goto(to) = &mut rule.action {
                        to.0 = at + 1 + to.0 % 3;
                        if to.0 > 3 {
                            rule.action = Action::Return;
                        }
                    }
                }
                rules
            };
            let mut firewall = Firewall::default();
            for _ in 0..3 {
                firewall.unknown(span(), "test");
            }
            let mut nat = chain("nat", Some(Policy::Accept), forward(2, nat));
            if let Some(base) = &mut nat.base {
                base.priority = 100;
                base.first_packets_only = true;
            }
            let mut dnat = chain("dnat", Some(Policy::Accept), before);
            if let Some(base) = &mut dnat.base {
                base.hook = Hook::Prerouting;
                base.priority = -100;
                base.first_packets_only = true;
            }
            let mut through = chain("FORWARD", Some(policy), forward(0, through));
            if let Some(base) = &mut through.base {
                base.hook = Hook::Forward;
            }
            firewall.v4.routing = routing();
            firewall.v4.chains = vec![
                chain("INPUT", Some(policy), forward(0, base)),
                chain("a", None, forward(1, a)),
                chain("b", None, forward(2, b)),
                chain("c", None, forward(3, c)),
                nat,
                dnat,
                through,
            ];
            firewall
        })
}

/// Firewalls that leave nothing to chance: where the kernel chooses, diagrams give up.
pub(crate) fn settled() -> impl Strategy<Value = Firewall> {
    firewall().prop_map(|mut firewall| {
        let rules = firewall.v4.chains.iter_mut().flat_map(|c| &mut c.rules);
        for effect in rules.flat_map(|rule| &mut rule.effects) {
            if let Effect::Translate(to) = effect {
                let first = |set: &Ranges<u128>| set.hull().map(|(lo, _)| Ranges::single(lo));
                to.destination = to.destination.as_ref().and_then(first);
            }
        }
        firewall
    })
}

/// Firewalls whose rules only decide; in half of them chains are returned from, too.
pub(crate) fn deciding() -> impl Strategy<Value = Firewall> {
    (firewall(), any::<bool>()).prop_map(|(mut firewall, returns)| {
        for rule in firewall.v4.chains.iter_mut().flat_map(|c| &mut c.rules) {
            rule.effects.clear();
            for cube in &mut rule.matches {
                cube.extra = cube.extra.without(Rare::is_history);
            }
            let decides = matches!(
                rule.action,
                Action::Accept | Action::Drop | Action::Reject(_) | Action::Jump(_)
            );
            if !decides && !returns {
                rule.action = Action::Drop;
            }
        }
        firewall
    })
}

fn with_ttl(ttl: u128) -> RareValues {
    let mut values = RareValues::default();
    values.set(Rare::Ttl, ttl);
    values
}

pub(crate) fn packet() -> impl Strategy<Value = Packet> {
    (
        0u128..7,
        0u128..7,
        0u16..7,
        0usize..4,
        0usize..7,
        0u8..2,
        0u128..4,
    )
        .prop_map(
            |(source, destination, port, protocol, state, fragment, ttl)| Packet {
                family: Family::V4,
                protocol: [Protocol::ICMP, Protocol::TCP, Protocol::UDP, Protocol(47)][protocol],
                source,
                destination,
                source_port: 3,
                destination_port: port,
                flags: 2,
                state: CtState::ALL[state],
                in_interface: IfName::NONE,
                out_interface: IfName::NONE,
                mark: 0,
                conn_mark: 0,
                rare: with_ttl(ttl),
                fragment: [Fragment::First, Fragment::Later][usize::from(fragment)],
            },
        )
}

pub(crate) fn outcomes(firewall: &Firewall, cube: Cube) -> Vec<Outcome> {
    let program = Program::new(&firewall.v4, Family::V4);
    let mut all = Vec::new();
    let mut budget = Budget::new(1_000_000);
    let done = program.walk(Hook::Input, cube, &mut budget, |outcome| {
        all.push(outcome);
        ControlFlow::Continue(())
    });
    assert_eq!(done, Ok(()));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// For every packet and every truth of the unknown predicates, exactly one outcome of the
    /// symbolic walk holds the packet; over all truths, its ends agree with the interpreter.
    #[test]
    fn walk_agrees_with_the_interpreter(firewall in firewall(), packets in prop::collection::vec(packet(), 12)) {
        let mut whole = Cube::any(Family::V4);
        whole.mark = MarkBits { care: u32::MAX, value: 0 };
        whole.conn_mark = whole.mark;
        let all = outcomes(&firewall, whole);
        for packet in packets {
            let mut ends = std::collections::BTreeSet::new();
            for truth in 0u32..8 {
                let holding: Vec<_> = all.iter().filter(|o| o.cube.contains(&packet, |p| truth >> p & 1 == 1)).collect();
                // What depends on the kernel's choice may be in several pieces, all of which say so.
                let chosen = holding.iter().all(|o| o.end == End::Depends);
                prop_assert!(holding.len() == 1 || chosen && !holding.is_empty(), "{:?} {:#?}", packet, holding);
                ends.insert(match holding[0].end {
                    End::Accept => Verdict::Accept,
                    End::Drop => Verdict::Drop,
                    End::Reject => Verdict::Reject,
                    _ => Verdict::Unknown,
                });
            }
            let traced = trace(&firewall, Hook::Input, &packet);
            let expected = if ends.len() == 1 { *ends.first().unwrap_or(&Verdict::Unknown) } else { Verdict::Unknown };
            let indexed = Program::new(&firewall.v4, Family::V4).trace(&firewall.unknowns, Hook::Input, &packet);
            prop_assert_eq!(&indexed, &traced);
            prop_assert_eq!(traced.verdict, expected, "{:?} {:?}", packet, ends);
            prop_assert_eq!(traced.depends_on.is_empty(), expected != Verdict::Unknown);
        }
    }

    /// Set laws on cubes, packet by packet.
    #[test]
    fn sets_obey_the_laws(a in prop::collection::vec(small_cube(), 0..4), b in prop::collection::vec(small_cube(), 0..4), packets in prop::collection::vec(packet(), 20)) {
        let mut budget = Budget::new(1_000_000);
        let (a, b) = (PacketSet::from(a), PacketSet::from(b));
        let and = a.intersect(&b, &mut budget).unwrap();
        let minus = a.subtract(&b, &mut budget).unwrap();
        for packet in packets {
            for truth in 0u32..8 {
                let holds = |p: u32| truth >> p & 1 == 1;
                let (x, y) = (a.contains(&packet, holds), b.contains(&packet, holds));
                prop_assert_eq!(and.contains(&packet, holds), x && y);
                prop_assert_eq!(minus.contains(&packet, holds), x && !y);
                prop_assert_eq!(minus.cover().contains(&packet, holds), x && !y);
            }
        }
        // A = (A ∩ B) ∪ (A \ B); (A \ B) ∩ B = ∅; A ⊆ B ⇔ A \ B = ∅.
        prop_assert!(a.equals(&and.clone().union(minus.clone()), &mut budget).unwrap());
        prop_assert!(minus.intersect(&b, &mut budget).unwrap().is_empty());
        prop_assert_eq!(a.is_subset(&b, &mut budget).unwrap(), minus.is_empty());
        prop_assert!(a.equals(&a.cover(), &mut budget).unwrap());
        if let Some(witness) = minus.without_assumptions().witness(Family::V4) {
            let possible = (0u32..8).any(|t| minus.contains(&witness, |p| t >> p & 1 == 1));
            prop_assert!(possible, "{:?}", witness);
        }
    }

    /// The pieces of a difference are disjoint.
    #[test]
    fn differences_are_disjoint(a in small_cube(), b in small_cube(), packet in packet()) {
        let mut parts = Vec::new();
        a.subtract(&b, &mut parts);
        for truth in 0u32..8 {
            let count = parts.iter().filter(|c| c.contains(&packet, |p| truth >> p & 1 == 1)).count();
            prop_assert!(count <= 1);
        }
        prop_assert!(parts.iter().all(|part| !part.is_empty() && part.is_subset(&a)));
    }
}

#[test]
fn a_goto_returns_where_its_caller_would() {
    // facts/netfilter.md: goto b, falls off b, back in INPUT (the rest of a is skipped).
    let tcp = |port| {
        let mut cube = Cube::any(Family::V4).with_protocol(Protocol::TCP);
        cube.destination_port = Ranges::single(port);
        cube
    };
    let mut firewall = Firewall::default();
    firewall.v4.chains = vec![
        chain(
            "INPUT",
            Some(Policy::Drop),
            vec![
                rule(vec![Cube::any(Family::V4)], Action::Jump(ChainId(1))),
                rule(vec![tcp(7)], Action::Accept),
            ],
        ),
        chain(
            "a",
            None,
            vec![
                rule(vec![tcp(7)], Action::Goto(ChainId(2))),
                rule(vec![tcp(7)], Action::Drop),
            ],
        ),
        chain("b", None, vec![rule(vec![tcp(99)], Action::Drop)]),
    ];
    let found = outcomes(&firewall, tcp(7));
    let accepted = Decider::Rule(RuleId {
        chain: ChainId(0),
        index: 1,
    });
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].end, found[0].via.last()),
        (End::Accept, Some(&accepted))
    );
}

#[test]
fn circles_are_unknown_not_endless() {
    let all = || vec![Cube::any(Family::V4)];
    let mut firewall = Firewall::default();
    firewall.v4.chains = vec![
        chain(
            "INPUT",
            Some(Policy::Drop),
            vec![rule(all(), Action::Jump(ChainId(1)))],
        ),
        chain("a", None, vec![rule(all(), Action::Goto(ChainId(2)))]),
        chain("b", None, vec![rule(all(), Action::Goto(ChainId(1)))]),
    ];
    assert_eq!(circular_jumps(&firewall.v4).len(), 2);
    let found = outcomes(&firewall, Cube::any(Family::V4));
    assert_eq!(
        found.iter().map(|o| o.end).collect::<Vec<_>>(),
        [End::Depends]
    );
}

#[test]
fn marks_set_on_the_way_are_seen_later() {
    let marked = Cube {
        mark: MarkBits {
            care: 0xff,
            value: 5,
        },
        ..Cube::any(Family::V4)
    };
    let udp = Cube::any(Family::V4).with_protocol(Protocol::UDP);
    let mut firewall = Firewall::default();
    firewall.v4.chains = vec![chain(
        "INPUT",
        Some(Policy::Accept),
        vec![
            changing(
                vec![udp],
                Effect::SetMark {
                    clear: u32::MAX,
                    flip: 5,
                },
            ),
            rule(vec![marked], Action::Drop),
        ],
    )];
    let whole = Cube {
        mark: MarkBits {
            care: u32::MAX,
            value: 0,
        },
        ..Cube::any(Family::V4)
    };
    for outcome in outcomes(&firewall, whole) {
        let udp = outcome.cube.protocol == ByteSet::single(17);
        assert_eq!(outcome.end == End::Drop, udp);
        assert!(udp || !outcome.cube.protocol.meets(&ByteSet::single(17)));
        assert_eq!(outcome.cube.mark.value, 0);
    }
}
