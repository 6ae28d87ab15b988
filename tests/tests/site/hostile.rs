//! Nothing makes the reader panic, hang, or point outside the text.

use super::{cases, inputs, read_texts};
use portwright::site::Read;
use portwright::source::Sources;
use proptest::prelude::*;

fn assert_sound(sources: &Sources, read: &Read) {
    let spans = read
        .diagnostics
        .iter()
        .flat_map(|d| d.labels.iter().map(|l| l.span));
    let spans = spans
        .chain(read.site.hosts.iter().map(|h| h.span))
        .chain(read.site.clusters.iter().map(|c| c.span))
        .chain(read.site.vips.iter().map(|v| v.span))
        .chain(read.site.parties.iter().map(|p| p.span));
    for span in spans {
        let text = sources.get(span.source).expect("source").text();
        let range = span.start as usize..span.end as usize;
        assert!(
            text.get(range).is_some(),
            "{span:?} of {} bytes",
            text.len()
        );
    }
    for host in &read.site.hosts {
        assert!(host.cluster.is_none_or(|c| c < read.site.clusters.len()));
    }
}

fn check(text: &str) {
    let (sources, read) = read_texts(&[("in.yaml", text)]);
    assert_sound(&sources, &read);
}

fn fixture_texts() -> Vec<String> {
    cases()
        .iter()
        .flat_map(|case| inputs(case).into_iter().map(|(_, text)| text))
        .collect()
}

#[test]
fn bombs() {
    let laughs: String = (1..30).fold("portwright: site/v1\na0: &a0 [x,x]\n".into(), |text, n| {
        let m = n - 1;
        format!("{text}a{n}: &a{n} [*a{m},*a{m},*a{m},*a{m},*a{m},*a{m},*a{m},*a{m},*a{m}]\n")
    });
    check(&laughs);
    check("portwright: site/v1\na: &a [*a]\n");
    check(&format!(
        "portwright: site/v1\nhosts: {}",
        "[".repeat(50_000)
    ));
    check(&"{\"a\":".repeat(50_000));
    check(&"- ".repeat(50_000));
    check(&"a:\n ".repeat(3_000));
    check("portwright: site/v1\nhosts: [{name: 'n[0:999999999]', address: 10.0.0.1}]");
    check("[kube_node]\nn[1:9999][1:9999][1:9999] ip=10.0.0.1\n");
    check(
        "portwright: site/v1\nroles: [{select: {regex: '(((((a{1,99}){1,99}){1,99}){1,99}){1,99})'}, add: x}]",
    );
    let cycle = "[a:children]\nb\n[b:children]\na\n[a]\nn1 ip=10.0.0.1\n";
    check(cycle);
}

#[test]
fn every_prefix_of_the_fixtures() {
    for text in fixture_texts() {
        let ends = text.char_indices().map(|(at, _)| at).step_by(7);
        for end in ends {
            check(text.get(..end).expect("boundary"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        check(&text);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn mutated_fixtures(
        pick in any::<prop::sample::Index>(),
        edits in proptest::collection::vec(
            (any::<prop::sample::Index>(), 0usize..4, "[-\\[\\]{}:,&*!|>'\"#\\n \\ta0.é]{0,3}"),
            1..6,
        ),
    ) {
        let texts = fixture_texts();
        let mut text: Vec<char> = pick.get(&texts).chars().collect();
        for (at, cut, new) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + cut).min(text.len());
            text.splice(at..end, new.chars());
        }
        check(&text.into_iter().collect::<String>());
    }
}
