//! Cost of packet sets where rules are wildcards: shadowing by diagram, equality of two lists.
#![allow(missing_docs, reason = "criterion's macros")]

mod generate;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use generate::Random;
use portwright::firewall::{
    Action, Ask, Base, Chain, ChainId, Firewall, Hook, MOST_NODES, Policy, Program, Rule, RuleId,
};
use portwright::net::{Family, Protocol};
use portwright::packet::diagram::Diagrams;
use portwright::packet::{Bound, Cube, OverBudget, Ranges};
use portwright::source::{Sources, Span};
use std::hint::black_box;

/// Cubes with four fields, each of them a wildcard in 40 % and negated in 10 % of them.
fn cubes(count: usize) -> Vec<Cube> {
    let mut random = Random::new(5);
    let mut all = Vec::new();
    while all.len() < count {
        let mut cube = Cube::any(Family::V4).with_protocol(Protocol::TCP);
        let mut address = || {
            let base = u128::from(0x0a00_0000 + random.below(1 << 12));
            let inside = Ranges::span(base & !0xf, base | 0xf);
            choose(random.below(10), inside, Ranges::span(0, Family::V4.max()))
        };
        cube.source = address();
        cube.destination = address();
        let mut port = || {
            let low = 100 * random.below(40) as u16;
            choose(
                random.below(10),
                Ranges::span(low, low + 50),
                Ranges::full(),
            )
        };
        cube.source_port = port();
        cube.destination_port = port();
        // Nothing that matches nearly everything: it would shadow the rest.
        let wide = |r: &Ranges<u128>| usize::from(r.hull().is_none_or(|(lo, _)| lo == 0));
        let open = |r: &Ranges<u16>| usize::from(r.hull().is_none_or(|(_, hi)| hi == u16::MAX));
        let wide = wide(&cube.source) + wide(&cube.destination);
        if wide + open(&cube.source_port) + open(&cube.destination_port) <= 2 {
            all.push(cube);
        }
    }
    all
}

fn choose<T: Bound>(kind: u32, inside: Ranges<T>, full: Ranges<T>) -> Ranges<T> {
    match kind {
        0..4 => full,
        4 => full.subtract(&inside),
        _ => inside,
    }
}

/// Rules that drop, a rule that takes all, and a wide one that it shadows.
fn firewall(rules: usize) -> (Firewall, Cube) {
    let span = Span::new(Sources::default().add("bench", ""), 0, 0);
    let rule = |cube: Cube| Rule::new(vec![cube], Action::Drop, span);
    let mut wide = Cube::any(Family::V4).with_protocol(Protocol::TCP);
    let all = wide.clone();
    wide.source = Ranges::span(0x0a00_0000, 0x0a00_000f);
    let list = cubes(rules).into_iter().chain([all, wide.clone()]);
    let mut firewall = Firewall::default();
    firewall.v4.chains.push(Chain {
        table: "filter".into(),
        name: "INPUT".into(),
        base: Some(Base {
            hook: Hook::Input,
            priority: 0,
            order: 0,
            policy: Policy::Drop,
            span,
            first_packets_only: false,
        }),
        devices: None,
        generated: false,
        rules: list.map(rule).collect(),
        span,
    });
    (firewall, wide)
}

fn shadowed(c: &mut Criterion) {
    let mut group = c.benchmark_group("algebra/wide-rule-shadowed-by-wildcards");
    group.sample_size(10);
    for rules in [500, 2_000] {
        let (firewall, wide) = firewall(rules);
        let program = Program::new(&firewall.v4, Family::V4);
        let at = RuleId {
            chain: ChainId(0),
            index: rules as u32 + 1,
        };
        group.bench_function(BenchmarkId::from_parameter(rules), |b| {
            let ask = || -> Result<usize, OverBudget> {
                let mut diagrams = Diagrams::new(Family::V4, MOST_NODES)?;
                let region = diagrams.from_cube(&wide)?;
                let ask = Ask::Reaching(at);
                let region = (&wide, region);
                let found = program.decide(&mut diagrams, Hook::Input, region, ask, |(), _| ());
                Ok(found?.parts.len())
            };
            b.iter(|| black_box(ask().expect("within the limit")));
        });
    }
    group.finish();
}

fn equality(c: &mut Criterion) {
    let mut group = c.benchmark_group("algebra/equal-unions-in-opposite-order");
    group.sample_size(10);
    for rules in [50, 200] {
        let cubes = cubes(rules);
        group.bench_function(BenchmarkId::from_parameter(rules), |b| {
            let equal = || -> Result<bool, OverBudget> {
                let mut diagrams = Diagrams::new(Family::V4, MOST_NODES)?;
                let there = diagrams.from_cubes(&cubes)?;
                let back = diagrams.from_cubes(cubes.iter().rev())?;
                Ok(there == back)
            };
            b.iter(|| assert!(equal().expect("within the limit")));
        });
    }
    group.finish();
}

criterion_group!(benches, shadowed, equality);
criterion_main!(benches);
