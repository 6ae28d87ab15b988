//! Interrupts, death, exhaustion, loss: never a false green, never a hang.

use crate::chain::{Chain, probes, records};
use crate::enabled;
use crate::lab::Lab;
use crate::program::{Ended, Folder, Running, User};
use crate::truth::{TCP, UDP};
use portwright::probe::{End, Record, SocketState, Verdict};
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

const SITE: &str = "\
portwright: site/v1
catalog: robust
hosts:
  - {name: a, addresses: [10.77.1.2, \"fd77:0:0:1::2\"], roles: source}
  - {name: b, addresses: [10.77.2.2, \"fd77:0:0:2::2\"], roles: target}
";

/// a must reach ports of b, of both protocols or of one.
fn catalog(protocols: &str, ports: &str) -> String {
    format!(
        "catalog: robust
version: \"1\"
title: {{en: Robust, zh: 健壮}}
roles:
  - {{id: source, kind: host, title: {{en: Source, zh: 源}}}}
  - {{id: target, kind: host, title: {{en: Target, zh: 目标}}}}
requirements:
  - id: robust.all
    title: {{en: Everything, zh: 全部}}
    from: source
    to: target
    scope: any-cluster
    protocol: [{protocols}]
    ports: \"{ports}\"
    citation: {{document: Robust}}
"
    )
}

/// What a run says, counted; every planned probe is there once, or it says that it was cut short.
fn counted(chain: &Chain<'_>) -> (BTreeMap<(u8, Verdict), usize>, End) {
    let records = records(&chain.folder.path("a.run"));
    assert!(matches!(records.first(), Some(Record::Start(_))));
    let Some(Record::End(end)) = records.last() else {
        panic!("no end: {:?}", records.last());
    };
    let seen = probes(&records);
    let planned = chain.planned("a");
    assert!(seen.keys().all(|probe| planned.contains(probe)));
    if end.cut_short.is_none() {
        assert_eq!(seen.len(), planned.len(), "probes made and planned");
    }
    let mut counts = BTreeMap::new();
    for probe in seen.values() {
        *counts.entry((probe.protocol, probe.verdict)).or_default() += 1;
    }
    (counts, end.clone())
}

/// A report that is not green says so by its exit code.
#[track_caller]
fn not_green(chain: &Chain<'_>, lab: &Lab) -> Ended {
    let report = chain.report(&lab.router, "");
    assert!(
        matches!(report.code, Some(1 | 3)),
        "the report ended with {:?}: {}{}",
        report.code,
        report.out,
        report.err
    );
    report
}

/// Drops what goes to these ports of b.
fn drop_at_b(lab: &Lab, ports: &str) {
    let rules = format!(
        "*filter\n-A INPUT -p tcp -m tcp --dport {ports} -j DROP\n\
         -A INPUT -p udp -m udp --dport {ports} -j DROP\nCOMMIT\n"
    );
    lab.host("b").filter(&rules, &rules);
}

#[test]
fn an_interrupted_run_keeps_what_it_has() {
    if !enabled() {
        return;
    }
    let (lab, folder) = (Lab::new(), Folder::new("interrupted"));
    drop_at_b(&lab, "3010:3299");
    let mut chain = Chain::plan(&folder, &lab.router, &catalog("tcp", "3000-3299"), SITE);
    chain.listen(lab.host("b"), User::Root);
    chain.up();
    let command = folder.program(User::Root, "probe run plan.json --from a -o a.run");
    let run = Running::start(&folder, lab.host("a"), command, "a-run");
    thread::sleep(Duration::from_millis(2500));
    run.signal("INT");
    let ended = run.end(Duration::from_secs(10));
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    let (counts, end) = counted(&chain);
    assert!(end.cut_short.is_some(), "{end:?}");
    // What was answered before is kept; nothing else is known, and that is said.
    assert_eq!(counts.get(&(TCP, Verdict::Open)), Some(&20), "{counts:?}");
    assert_eq!(counts.get(&(TCP, Verdict::Dropped)), None, "{counts:?}");
    assert!(ended.err.contains("580"), "{}", ended.err);
    chain.down();
    chain.results.push(folder.path("a.run"));
    let report = not_green(&chain, &lab);
    assert!(report.out.contains("unknown"), "{}", report.out);
}

#[test]
fn a_host_that_dies_is_not_green() {
    if !enabled() {
        return;
    }
    let (lab, folder) = (Lab::new(), Folder::new("death"));
    let mut chain = Chain::plan(
        &folder,
        &lab.router,
        &catalog("tcp, udp", "3000-3099"),
        SITE,
    );
    chain.listen(lab.host("b"), User::Root);
    chain.up();
    let command = folder.program(
        User::Root,
        "probe run plan.json --from a -o a.run --rate 100",
    );
    let run = Running::start(&folder, lab.host("a"), command, "a-run");
    thread::sleep(Duration::from_millis(1500));
    lab.router.ip("link set to-b down\n");
    run.end(Duration::from_secs(60));
    let (counts, _) = counted(&chain);
    let sum = |verdict| -> usize {
        let of = counts.iter().filter(|((_, v), _)| *v == verdict);
        of.map(|(_, count)| count).sum()
    };
    // 400 probes at 100 a second, and 1.5 s of life: what came before was open, the rest is not.
    let open = sum(Verdict::Open);
    assert!((50..=250).contains(&open), "{counts:?}");
    assert_eq!(
        sum(Verdict::Closed) + sum(Verdict::Rejected),
        0,
        "{counts:?}"
    );
    // What was open was seen by the stub: nothing was made up.
    chain.down();
    let seen = records(&folder.path("b.listen"))
        .iter()
        .filter(|record| matches!(record, Record::Seen(_)))
        .count();
    assert!(seen >= open, "{open} open, but the stubs saw {seen}");
    chain.results.push(folder.path("a.run"));
    not_green(&chain, &lab);
}

#[test]
fn few_descriptors_change_no_verdict() {
    if !enabled() {
        return;
    }
    let (lab, folder) = (Lab::new(), Folder::new("descriptors"));
    let mut chain = Chain::plan(
        &folder,
        &lab.router,
        &catalog("tcp, udp", "3000-3149"),
        SITE,
    );
    chain.listen(lab.host("b"), User::Root);
    chain.up();
    let command = folder.cramped(64, "probe run plan.json --from a -o a.run");
    let ended =
        Running::start(&folder, lab.host("a"), command, "a-run").end(Duration::from_secs(60));
    let (counts, _) = counted(&chain);
    let expected = BTreeMap::from([((TCP, Verdict::Open), 300), ((UDP, Verdict::Open), 300)]);
    assert_eq!(counts, expected, "{}", ended.err);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    chain.down();
}

#[test]
fn stubs_that_could_not_be_opened_are_told() {
    if !enabled() {
        return;
    }
    let (lab, folder) = (Lab::new(), Folder::new("stubs"));
    let mut chain = Chain::plan(
        &folder,
        &lab.router,
        &catalog("tcp, udp", "3000-3149"),
        SITE,
    );
    let command = folder.cramped(
        64,
        "probe listen plan.json --host b --ttl 5m -o b.listen --pid-file b.pid",
    );
    chain.start(lab.host("b"), command);
    chain.up();
    let ended = chain.run(&[lab.host("a")], User::Root);
    chain.down();
    let (mut stubs, mut failed) = (0, 0);
    for record in records(&folder.path("b.listen")) {
        if let Record::Listening(listening) = record {
            match listening.state {
                SocketState::Stub => stubs += 1,
                SocketState::Failed => failed += 1,
                SocketState::Taken => panic!("{listening:?}"),
            }
        }
    }
    assert!(stubs > 0 && failed > 0, "{stubs} stubs, {failed} failed");
    let (counts, _) = counted(&chain);
    let open: usize = counts
        .iter()
        .filter(|((_, verdict), _)| *verdict == Verdict::Open)
        .map(|(_, count)| count)
        .sum();
    assert!(open < 600, "{counts:?}: {}", ended[0].err);
    // A reset where no stub was is no firewall's.
    let bad = [Verdict::Rejected, Verdict::Dropped, Verdict::BlockedLocally];
    let bad = counts.keys().find(|(_, verdict)| bad.contains(verdict));
    assert_eq!(bad, None, "{counts:?}");
    let report = not_green(&chain, &lab);
    assert!(!report.out.contains("rejected"), "{}", report.out);
}

#[test]
fn when_everything_is_lost_nothing_is_open() {
    if !enabled() {
        return;
    }
    let (lab, folder) = (Lab::new(), Folder::new("lost"));
    let mut chain = Chain::plan(
        &folder,
        &lab.router,
        &catalog("tcp, udp", "3000-3099"),
        SITE,
    );
    chain.listen(lab.host("b"), User::Root);
    chain.up();
    let drop = "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n";
    lab.router.filter(drop, drop);
    let ended = chain.run(&[lab.host("a")], User::Root);
    assert!(ended[0].took < Duration::from_secs(30), "{:?}", ended[0]);
    let (counts, _) = counted(&chain);
    let expected = BTreeMap::from([
        ((TCP, Verdict::Dropped), 200),
        ((UDP, Verdict::Unknown), 200),
    ]);
    assert_eq!(counts, expected);
    chain.down();
    let report = not_green(&chain, &lab);
    assert_eq!(report.code, Some(1), "{}", report.out);
}

#[test]
fn without_stubs_silence_is_unknown() {
    if !enabled() {
        return;
    }
    let (lab, folder) = (Lab::new(), Folder::new("bare"));
    let mut chain = Chain::plan(
        &folder,
        &lab.router,
        &catalog("tcp, udp", "3000-3099"),
        SITE,
    );
    drop_at_b(&lab, "3050:3059");
    let ended = chain.run(&[lab.host("a")], User::Root);
    assert_ne!(ended[0].code, Some(0), "{}", ended[0].err);
    let (counts, _) = counted(&chain);
    assert_eq!(
        counts.get(&(TCP, Verdict::Closed)),
        Some(&180),
        "{counts:?}"
    );
    assert_eq!(
        counts.get(&(TCP, Verdict::Dropped)),
        Some(&20),
        "{counts:?}"
    );
    // The kernel of b answers a few datagrams a second; more than it answers cannot be known.
    let udp = |verdict| counts.get(&(UDP, verdict)).copied().unwrap_or_default();
    let (closed, unknown) = (udp(Verdict::Closed), udp(Verdict::Unknown));
    assert_eq!(closed + unknown, 200, "{counts:?}");
    assert!(closed >= 6 && unknown >= 20, "{counts:?}");
    not_green(&chain, &lab);
    let report = chain.report(&lab.router, "--format json");
    let report: serde_json::Value = serde_json::from_str(&report.out).expect("JSON");
    assert_eq!(report["result"]["summary"]["probes"]["open"], 0);
}
