//! Evaluation by diagrams against the walk and the interpreter, and where the walk gives up.

use super::tests::{chain, outcomes, packet, rule, settled, small_cube};
use super::*;
use crate::net::{Family, Protocol};
use crate::packet::diagram::Diagrams;
use crate::packet::{Budget, Cube, MarkBits, OverBudget, Ranges};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

fn manager() -> Diagrams {
    Diagrams::new(Family::V4, MOST_NODES).expect("room for the empty manager")
}

/// All deciders so far, by their order: enough to tell ways of these small firewalls apart.
fn way(so_far: u64, by: Decider) -> u64 {
    let number = match by {
        Decider::Rule(id) => 10 * u64::from(id.chain.0) + u64::from(id.index) + 2,
        Decider::Policy(id) => 100 + u64::from(id.0),
    };
    so_far * 1000 + number
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// For every fate, decider and way, the diagrams hold the packets that the walk's pieces hold.
    #[test]
    fn decides_as_the_walk_does(firewall in settled(), cube in small_cube()) {
        let program = Program::new(&firewall.v4, Family::V4);
        let mut d = manager();
        let region = d.from_cube(&cube).unwrap();
        let decision = program.decide(&mut d, Hook::Input, (&cube, region), Ask::Fates, way).unwrap();
        let pieces = outcomes(&firewall, cube);
        let mut keys = BTreeSet::new();
        for piece in &pieces {
            keys.insert((piece.end, piece.via.last().copied(), piece.via.iter().fold(0, |w, &by| way(w, by))));
        }
        let found: BTreeSet<_> = decision.parts.iter().map(|p| (p.end, p.by, p.class)).collect();
        prop_assert_eq!(&found, &keys);
        for part in &decision.parts {
            let same = |o: &&Outcome| (o.end, o.via.last().copied(), o.via.iter().fold(0, |w, &by| way(w, by))) == (part.end, part.by, part.class);
            let cubes = pieces.iter().filter(same).map(|o| &o.cube);
            prop_assert_eq!(d.from_cubes(cubes).unwrap(), part.packets);
        }
    }

    /// Every packet's fate is the interpreter's.
    #[test]
    fn decides_as_the_interpreter_does(firewall in settled(), packets in prop::collection::vec(packet(), 12)) {
        let program = Program::new(&firewall.v4, Family::V4);
        let zero = MarkBits { care: u32::MAX, value: 0 };
        let whole = Cube { mark: zero, conn_mark: zero, ..Cube::any(Family::V4) };
        let mut d = manager();
        let region = d.from_cube(&whole).unwrap();
        let decision = program.decide(&mut d, Hook::Input, (&whole, region), Ask::Fates, |(), _| ()).unwrap();
        for packet in packets {
            let mut ends = BTreeSet::new();
            for truth in 0u32..8 {
                let holds = |p: u32| truth >> p & 1 == 1;
                let holding: Vec<_> = decision.parts.iter().filter(|p| d.contains(p.packets, &packet, holds)).collect();
                prop_assert_eq!(holding.len(), 1);
                ends.insert(match holding[0].end {
                    End::Accept => Verdict::Accept,
                    End::Drop => Verdict::Drop,
                    End::Reject => Verdict::Reject,
                    _ => Verdict::Unknown,
                });
            }
            let only = ends.first().copied().filter(|_| ends.len() == 1);
            prop_assert_eq!(trace(&firewall, Hook::Input, &packet).verdict, only.unwrap_or(Verdict::Unknown));
        }
    }

    /// Which rules are matched is what the walk to each of them finds.
    #[test]
    fn matched_rules_are_those_that_the_walk_reaches(firewall in settled()) {
        let program = Program::new(&firewall.v4, Family::V4);
        let whole = Cube::any(Family::V4);
        let mut d = manager();
        let region = d.any();
        let sweep = program.decide(&mut d, Hook::Input, (&whole, region), Ask::Matched, |(), _| ()).unwrap();
        for (chain, data) in firewall.v4.iter() {
            for (index, rule) in (0..).zip(&data.rules) {
                let at = RuleId { chain, index };
                let walked = walk_reaches(&program, at, &rule.matches, &mut Budget::new(1_000_000));
                prop_assert_eq!(walked, Ok(sweep.matched.contains(&at)));
                let region = d.any();
                let asked = program.decide(&mut d, Hook::Input, (&whole, region), Ask::Reaching(at), |(), _| ()).unwrap();
                prop_assert_eq!(asked.parts.iter().any(|p| p.end == End::Reached), sweep.matched.contains(&at));
            }
        }
    }
}

fn walk_reaches(
    program: &Program<'_>,
    at: RuleId,
    matches: &[Cube],
    budget: &mut Budget,
) -> Result<bool, OverBudget> {
    let mut reached = false;
    for cube in matches.iter().flat_map(|cube| program.origins(cube)) {
        program.walk_to(Hook::Input, at, cube, budget, |outcome| {
            reached |= outcome.end == End::Reached;
            if reached {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
    }
    Ok(reached)
}

/// Of four fields each is a wildcard in 40 % of the rules, and negated in some: most rules
/// overlap, and each cuts what is left into many pieces. In the middle one rule takes all, so that
/// all pieces of later ones must be followed to tell that they are shadowed; the last four are wide.
fn wildcards(rules: u32, seed: u64) -> Firewall {
    let mut state = seed;
    let mut below = |bound: u32| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % u64::from(bound)) as u32
    };
    let mut list = Vec::new();
    while list.len() < rules as usize {
        let mut cube = Cube::any(Family::V4).with_protocol(Protocol::TCP);
        let mut narrow = 0;
        for field in 0..4 {
            let kind = below(10);
            let host = u32::MAX >> (24 + below(4) * 2);
            let base = 0x0a00_0000 | below(1 << 12);
            let low = 100 * below(40) as u16;
            let ports = Ranges::span(low, low + 50 * below(3) as u16);
            let addresses = Ranges::span((base & !host).into(), (base | host).into());
            narrow += u32::from(kind > 4);
            let pick = |full: Ranges<u128>, inside: Ranges<u128>| match kind {
                0..4 => full,
                4 => full.subtract(&inside),
                _ => inside,
            };
            let all = Ranges::span(0, Family::V4.max());
            let pick_port = match kind {
                0..4 => Ranges::full(),
                4 => Ranges::full().subtract(&ports),
                _ => ports,
            };
            match field {
                0 => cube.source = pick(all, addresses),
                1 => cube.destination = pick(all, addresses),
                2 => cube.source_port = pick_port,
                _ => cube.destination_port = pick_port,
            }
        }
        if narrow >= 2 {
            let action = [Action::Accept, Action::Drop][below(2) as usize].clone();
            list.push(rule(vec![cube], action));
        }
        if list.len() == rules as usize / 2 {
            let all = Cube::any(Family::V4).with_protocol(Protocol::TCP);
            list.push(rule(vec![all], Action::Accept));
        }
    }
    for network in 0..4 {
        let mut wide = Cube::any(Family::V4).with_protocol(Protocol::TCP);
        let first = 0x0a00_0000 + network * 1024;
        wide.source = Ranges::span(first, first + 15);
        list.push(rule(vec![wide], Action::Drop));
    }
    let mut firewall = Firewall::default();
    firewall.v4.chains = vec![chain("INPUT", Some(Policy::Drop), list)];
    firewall
}

/// Whether earlier rules cover all of a rule: one of them alone, or piece by piece without limit.
fn covered(cube: &Cube, earlier: &[&Cube]) -> bool {
    if earlier.iter().any(|other| cube.is_subset(other)) {
        return true;
    }
    let mut open = vec![(cube.clone(), 0)];
    let mut parts = Vec::new();
    while let Some((piece, from)) = open.pop() {
        let cutter = earlier
            .iter()
            .enumerate()
            .skip(from)
            .find(|(_, cut)| piece.overlaps(cut));
        let Some((at, cut)) = cutter else {
            return false;
        };
        piece.subtract(cut, &mut parts);
        open.extend(parts.drain(..).map(|part| (part, at + 1)));
    }
    true
}

/// Whether any packet of a rule arrives at it, by one diagram of the rule's own packets.
fn decide_reaches(program: &Program<'_>, at: RuleId, cube: &Cube) -> Result<bool, OverBudget> {
    let mut d = manager();
    let region = d.from_cube(cube)?;
    let ask = Ask::Reaching(at);
    let asked = program.decide(&mut d, Hook::Input, (cube, region), ask, |(), _| ())?;
    Ok(asked.parts.iter().any(|part| part.end == End::Reached))
}

/// Where the walk is over a budget, a diagram decides, and as a reference without any limit does.
#[test]
fn a_list_of_wildcards_is_decided_exactly() {
    let firewall = wildcards(2_000, 11);
    let program = Program::new(&firewall.v4, Family::V4);
    let rules = &firewall.v4.chains[0].rules;
    let all: Vec<&Cube> = rules.iter().flat_map(|rule| &rule.matches).collect();
    let mut over = 0;
    let mut answers = BTreeSet::new();
    for index in (0..2_000).step_by(97).chain(2_000..2_004) {
        let at = RuleId {
            chain: ChainId(0),
            index,
        };
        let (earlier, rest) = all.split_at(index as usize);
        let cube = rest[0];
        let mut budget = Budget::new(10_000);
        let walked = walk_reaches(&program, at, std::slice::from_ref(cube), &mut budget);
        let decided = decide_reaches(&program, at, cube);
        let slow = !covered(cube, earlier);
        assert_eq!(decided, Ok(slow));
        over += u32::from(walked == Err(OverBudget));
        answers.insert(slow);
    }
    assert!(over > 0 && answers.len() == 2, "{over} over, {answers:?}");
}
