//! Cost of checking one export against a site: it should follow the number of rules.
#![allow(missing_docs, reason = "criterion's macros")]

mod generate;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portwright::engine::{
    self, Document, ExportInput, LintRequest, Request, SiteInput, TraceRequest,
};
use std::hint::black_box;

fn document(name: &str, text: String) -> Document {
    Document {
        name: name.into(),
        text,
    }
}

fn lint(c: &mut Criterion) {
    let mut group = c.benchmark_group("lint/rules");
    group.sample_size(10);
    for rules in [1_000, 10_000, 100_000] {
        let documents = vec![document("site.yaml", generate::site(20))];
        let export = document("h0.iptables", generate::export(rules));
        let request = Request::Lint(LintRequest {
            site: SiteInput {
                documents,
                ..SiteInput::default()
            },
            exports: vec![ExportInput {
                documents: vec![export],
                host: Some("h0".into()),
                ..ExportInput::default()
            }],
            ..LintRequest::default()
        });
        group.throughput(Throughput::Elements(rules.into()));
        group.bench_with_input(
            BenchmarkId::from_parameter(rules),
            &request,
            |b, request| {
                b.iter(|| black_box(engine::call(request)));
            },
        );
    }
    group.finish();
}

fn trace(c: &mut Criterion) {
    let mut group = c.benchmark_group("trace/packets-through-300-rules");
    group.sample_size(10);
    for packets in [10_000, 100_000] {
        let lines = generate::packets(packets);
        let request = Request::Trace(TraceRequest {
            documents: vec![document("h0.iptables", generate::export(300))],
            packets: Some(document("packets.jsonl", lines)),
            ..TraceRequest::default()
        });
        group.throughput(Throughput::Elements(packets.into()));
        group.bench_with_input(
            BenchmarkId::from_parameter(packets),
            &request,
            |b, request| {
                b.iter(|| black_box(engine::call(request)));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, lint, trace);
criterion_main!(benches);
