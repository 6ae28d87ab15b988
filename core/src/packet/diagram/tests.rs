//! Diagrams against cubes: membership packet by packet, set laws, what is read out.

use super::*;
use crate::firewall::tests::{packet, small_cube};
use crate::net::Protocol;
use crate::packet::{Budget, Cube, MarkBits, PacketSet, Ranges};
use proptest::prelude::*;

const MOST: u32 = 100_000;

fn manager() -> Diagrams {
    Diagrams::new(Family::V4, MOST).expect("room for the empty manager")
}

fn cubes() -> impl Strategy<Value = Vec<Cube>> {
    prop::collection::vec(small_cube(), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Operations agree with those on cubes, for every packet and truth of the predicates.
    #[test]
    fn operations_agree_with_cubes(a in cubes(), b in cubes(), packets in prop::collection::vec(packet(), 20)) {
        let mut d = manager();
        let (x, y) = (d.from_cubes(&a).unwrap(), d.from_cubes(&b).unwrap());
        let (a, b) = (PacketSet::from(a), PacketSet::from(b));
        let (and, or, minus) = (d.and(x, y).unwrap(), d.or(x, y).unwrap(), d.minus(x, y).unwrap());
        let read = d.cubes(minus, 10_000);
        prop_assert!(read.complete);
        for packet in packets {
            for truth in 0u32..8 {
                let holds = |p: u32| truth >> p & 1 == 1;
                let (p, q) = (a.contains(&packet, holds), b.contains(&packet, holds));
                prop_assert_eq!(d.contains(x, &packet, holds), p);
                prop_assert_eq!(d.contains(and, &packet, holds), p && q);
                prop_assert_eq!(d.contains(or, &packet, holds), p || q);
                prop_assert_eq!(d.contains(minus, &packet, holds), p && !q);
                let held = read.cubes.iter().filter(|cube| cube.contains(&packet, holds)).count();
                prop_assert_eq!(held, usize::from(p && !q), "disjoint cubes");
            }
        }
        // Emptiness, equality and subsets as the cubes have them.
        let mut budget = Budget::new(1_000_000);
        prop_assert_eq!(minus.is_empty(), a.is_subset(&b, &mut budget).unwrap());
        prop_assert_eq!(x == y, a.equals(&b, &mut budget).unwrap());
        prop_assert_eq!(and.is_empty(), a.intersect(&b, &mut budget).unwrap().is_empty());
        // What is read out is the set.
        prop_assert_eq!(d.from_cubes(&read.cubes).unwrap(), minus);
        // And so is each pick a part of it.
        if let Some(one) = d.pick(minus) {
            let one = d.from_cube(&one).unwrap();
            prop_assert!(!one.is_empty() && d.minus(one, minus).unwrap().is_empty());
        } else {
            prop_assert!(minus.is_empty());
        }
    }

    /// Setting marks and forgetting what is unknown agree with doing so cube by cube.
    #[test]
    fn images_agree_with_cubes(a in cubes(), clear in 0u32..8, flip in 0u32..8) {
        let mut d = manager();
        let set = d.from_cubes(&a).unwrap();
        let marked = d.set_mark(set, Field::Mark, clear, flip).unwrap();
        let by_cube: Vec<Cube> = a.iter().cloned().map(|mut cube| {
            let care = cube.mark.care | clear;
            cube.mark = MarkBits { care, value: ((cube.mark.value & !clear) ^ flip) & care };
            cube
        }).collect();
        prop_assert_eq!(d.from_cubes(&by_cube).unwrap(), marked);
        let known = d.forget(set, &[Field::Mark], true).unwrap();
        let by_cube: Vec<Cube> = a.into_iter().map(|cube| Cube { mark: MarkBits::ANY, ..cube.without_assumptions() }).collect();
        prop_assert_eq!(d.from_cubes(&by_cube).unwrap(), known);
    }

    /// A collection changes no set that is still needed.
    #[test]
    fn collecting_keeps_what_is_needed(a in cubes(), b in cubes()) {
        let mut d = manager();
        let x = d.from_cubes(&a).unwrap();
        let y = d.from_cubes(&b).unwrap();
        let both = d.and(x, y).unwrap();
        d.keep(both);
        d.collect([y]);
        let x = d.from_cubes(&a).unwrap();
        prop_assert_eq!(d.from_cubes(&b).unwrap(), y);
        prop_assert_eq!(d.and(x, y).unwrap(), both);
        prop_assert_eq!(d.from_cube(&Cube::any(Family::V4)).unwrap(), d.any());
    }
}

#[test]
fn whole_sets_read_as_one_cube() {
    for family in Family::ALL {
        let mut d = Diagrams::new(family, MOST).expect("room");
        let any = Cube::any(family);
        let mut ssh = any.clone().with_protocol(Protocol::TCP);
        ssh.destination_port = Ranges::single(22);
        ssh.source = Ranges::of([(10, 20), (30, 40), (family.max(), family.max())]);
        ssh.in_interface = Ranges::of([(1, 5), (u128::MAX, u128::MAX)]);
        for cube in [any, ssh] {
            let set = d.from_cube(&cube).expect("small");
            assert_eq!(d.cubes(set, 9).cubes, [cube]);
        }
        assert!(d.cubes(Node::EMPTY, 9).cubes.is_empty());
    }
}

#[test]
fn impossible_icmp_is_no_packet() {
    let mut d = manager();
    let mut echo = Cube::any(Family::V4).with_protocol(Protocol::ICMP);
    let all = d.from_cube(&echo).expect("small");
    echo.source_port = Ranges::span(0, 255);
    echo.destination_port = Ranges::span(0, 255);
    assert_eq!(d.from_cube(&echo).expect("small"), all);
    echo.source_port = Ranges::span(256, 300);
    assert!(d.from_cube(&echo).expect("small").is_empty());
}

#[test]
fn limits_are_errors_and_readouts_say_so() {
    assert!(Diagrams::new(Family::V6, 10).is_err());
    let mut small = Diagrams::new(Family::V6, 300).expect("room for all packets");
    let mut scattered = Cube::any(Family::V6);
    scattered.source = Ranges::of((0..200u128).map(|n| (n << 90 | n, n << 90 | n)));
    assert_eq!(small.from_cube(&scattered), Err(OverBudget));

    let mut d = Diagrams::new(Family::V6, MOST).expect("room");
    let set = d.from_cube(&scattered).expect("room");
    assert_eq!(d.cubes(set, 1).cubes, [scattered.clone()]);
    let mut odd = scattered;
    odd.source = Ranges::of((0..5000u128).map(|n| (2 * n, 2 * n)));
    let set = d.from_cube(&odd).expect("room");
    let read = d.cubes(set, 10);
    assert!(!read.complete);
    let part = d.from_cubes(&read.cubes).expect("room");
    assert!(!part.is_empty() && d.minus(part, set).expect("room").is_empty());

    let many: Vec<Cube> = (0..1000)
        .map(|p| Cube::any(Family::V4).assuming(p))
        .collect();
    assert_eq!(manager().from_cubes(&many), Err(OverBudget));
}
