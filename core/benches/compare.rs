//! Cost of comparing two exports that differ in one rule of a hundred: it should follow the
//! difference, and reading both.
#![allow(missing_docs, reason = "criterion's macros")]

mod generate;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portwright::engine::{self, CompareRequest, Document, Outcome, Request, SystemInput};
use std::hint::black_box;

fn system(name: &str, text: String) -> SystemInput {
    let name = name.into();
    SystemInput {
        documents: vec![Document { name, text }],
        ..SystemInput::default()
    }
}

/// The export with one rule of a hundred deleted, moved, or given another target or source.
fn edited(export: &str) -> String {
    let mut random = generate::Random::new(11);
    let mut lines: Vec<String> = export.lines().map(str::to_owned).collect();
    let rules = lines.iter().filter(|line| line.starts_with("-A")).count();
    let first = lines
        .iter()
        .position(|line| line.starts_with("-A"))
        .unwrap_or(0);
    for _ in 0..rules / 100 {
        let at =
            first + 2 + random.below(u32::try_from(lines.len() - first - 8).unwrap_or(1)) as usize;
        match random.below(4) {
            0 => {
                lines.remove(at);
            }
            1 => {
                let line = lines.remove(at);
                lines.insert(first + 2, line);
            }
            2 if lines[at].ends_with("ACCEPT") => lines[at] = lines[at].replace("ACCEPT", "DROP"),
            2 => lines[at] = lines[at].replace("DROP", "ACCEPT"),
            _ => lines[at] = lines[at].replace("172.", "173."),
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn compare(c: &mut Criterion) {
    let mut group = c.benchmark_group("compare/rules");
    group.sample_size(10);
    for rules in [1_000, 10_000, 100_000] {
        let export = generate::export(rules);
        let request = Request::Compare(CompareRequest {
            new: system("new", edited(&export)),
            old: system("old", export),
        });
        let answer = engine::call(&request);
        let Some(Outcome::Compare(result)) = &answer.result else {
            panic!("the exports are not compared: {:?}", answer.diagnostics);
        };
        assert!(result.hooks.iter().all(|hook| hook.not_compared.is_empty()));
        assert!(result.summary.opened > 0 && result.summary.closed > 0);
        group.throughput(Throughput::Elements(rules.into()));
        let name = BenchmarkId::from_parameter(rules);
        group.bench_with_input(name, &request, |b, request| {
            b.iter(|| black_box(engine::call(request)));
        });
    }
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);
