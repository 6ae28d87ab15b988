//! Cost of resolving a site: it should follow the number of hosts, not of pairs.
#![allow(missing_docs, reason = "criterion's macros")]

mod generate;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use portwright::catalog::{Catalog, Mode};
use portwright::engine::{self, Document, Request, ResolveRequest, SiteInput};
use portwright::graph::{RequirementGraph, Settings};
use portwright::source::Sources;
use std::collections::BTreeMap;
use std::hint::black_box;

const SIZES: [u32; 3] = [1_000, 10_000, 100_000];

fn flows(c: &mut Criterion) {
    let mut group = c.benchmark_group("resolve/flows");
    group.sample_size(10);
    for hosts in SIZES {
        let mut sources = Sources::default();
        let id = sources.add("site.yaml", generate::site(hosts));
        let site = portwright::site::read(&sources, &[id]).site;
        let catalog = Catalog::load(&mut sources, "dce", &[]).expect("the built-in catalogue");
        let values = catalog.values(&BTreeMap::new()).expect("defaults");
        let settings = Settings {
            mode: Mode::AsPublished,
            clusters: vec![values.clone(); site.clusters.len()],
            site: values,
        };
        group.throughput(Throughput::Elements(hosts.into()));
        group.bench_with_input(BenchmarkId::from_parameter(hosts), &hosts, |b, _| {
            b.iter(|| {
                black_box(
                    RequirementGraph::new(&site, &catalog, &settings)
                        .flows
                        .len(),
                )
            });
        });
    }
    group.finish();
}

fn whole(c: &mut Criterion) {
    let mut group = c.benchmark_group("resolve/from-text-to-answer");
    group.sample_size(10);
    for hosts in SIZES {
        let documents = vec![Document {
            name: "site.yaml".into(),
            text: generate::site(hosts),
        }];
        let site = SiteInput {
            documents,
            ..SiteInput::default()
        };
        let request = Request::Resolve(ResolveRequest {
            site,
            ..ResolveRequest::default()
        });
        group.throughput(Throughput::Elements(hosts.into()));
        group.bench_with_input(
            BenchmarkId::from_parameter(hosts),
            &request,
            |b, request| {
                b.iter(|| black_box(engine::call(request)));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, flows, whole);
criterion_main!(benches);
