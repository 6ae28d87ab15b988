//! Every row of the verdict table, planted and found.

use crate::chain::{Chain, probes, records};
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::program::{Folder, User};
use crate::truth::{Rights, saw, truth};
use crate::{enabled, plants};
use portwright::probe::{Evidence, Record, SocketState, Verdict};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub const CATALOG: &str = include_str!("planted/catalog.yaml");
pub const SITE: &str = include_str!("planted/site.yaml");

/// Those that dial.
pub const SOURCES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// The whole chain among planted faults, and every probe and every cell of the report compared
/// with the truth.
fn check(test: &str, run: User, listen: User, dialers: &[&str], together: bool) {
    if !enabled() {
        return;
    }
    let lab = Lab::new();
    let _services = plants::all(&lab);
    let folder = Folder::new(test);
    let rights = Rights {
        run: run == User::Root,
        listen: listen == User::Root,
    };
    let mut chain = Chain::plan(&folder, &lab.router, CATALOG, SITE);
    for name in SOURCES {
        chain.listen(lab.host(name), listen);
    }
    chain.up();
    let sources: Vec<_> = dialers.iter().map(|name| lab.host(name)).collect();
    let turns = if together { sources.len() } else { 1 };
    let turns = sources.chunks(turns);
    let ended: Vec<_> = turns.flat_map(|some| chain.run(some, run)).collect();
    chain.down();

    let mut wrong = String::new();
    for (name, ended) in dialers.iter().zip(&ended) {
        println!(
            "{name}: {:?} after {:.1?}: {}",
            ended.code, ended.took, ended.err
        );
        let records = records(&folder.path(&format!("{name}.run")));
        let Some(Record::Start(start)) = records.first() else {
            panic!("{name}: the first record is {:?}", records.first());
        };
        assert_eq!((start.host.as_str(), start.privileged), (*name, rights.run));
        let Some(Record::End(end)) = records.last() else {
            panic!("{name}: the last record is {:?}", records.last());
        };
        assert_eq!(end.cut_short, None, "{name}");
        let seen = probes(&records);
        let planned = chain.planned(name);
        assert_eq!(seen.len(), planned.len(), "{name}: probes planned and made");
        for probe in planned {
            let expected = truth(&probe, rights);
            let Some(got) = seen.get(&probe) else {
                let _ = writeln!(wrong, "{name}: {probe:?} was not made");
                continue;
            };
            if got.verdict != expected.run || !saw(&probe, expected.saw, &got.evidence) {
                let _ = writeln!(
                    wrong,
                    "{name}: {probe:?}: {:?} by {:?}, not {expected:?}",
                    got.verdict, got.evidence
                );
            }
        }
    }
    let told = dialers
        .iter()
        .flat_map(|name| records(&folder.path(&format!("{name}.run"))));
    let hung_up = told.filter(|record| {
        matches!(record, Record::Probe(probe) if probe.evidence == Evidence::ConnectedThenReset)
    });
    if hung_up.count() == 0 {
        wrong += "nobody saw a connection that was reset at once\n";
    }
    stubs(&folder, rights, &mut wrong);
    cells(&chain, &lab.router, rights, dialers, &mut wrong);
    assert!(
        wrong.is_empty(),
        "{} differ:\n{wrong}",
        wrong.lines().count()
    );
}

/// Every cell of the report, source host × target × flow: how many probes came to what.
fn cells(
    chain: &Chain<'_>,
    anywhere: &Namespace,
    rights: Rights,
    dialers: &[&str],
    wrong: &mut String,
) {
    let report = chain.report(anywhere, "--format json");
    let answer: Value = serde_json::from_str(&report.out).expect("JSON");
    let answer = &answer["result"];
    let cells = answer["cells"].as_array().expect("cells");
    assert_eq!(answer["cells_not_listed"], 0);
    let mut told = BTreeMap::new();
    for cell in cells {
        let at = |list: &str, key: &str| {
            let number = cell[key].as_u64().expect("a position");
            answer[list][number as usize].clone()
        };
        let flow = at("flows", "flow")["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let from = at("hosts", "from")["name"]
            .as_str()
            .expect("a name")
            .to_owned();
        let to = at("targets", "to")["address"]
            .as_str()
            .expect("an address")
            .to_owned();
        let counts = cell["probes"].as_object().expect("counts");
        let counts = counts.iter().filter(|(what, _)| *what != "planned");
        let counts: BTreeMap<String, u64> = counts
            .filter_map(|(what, count)| Some((what.replace('_', "-"), count.as_u64()?)))
            .filter(|(_, count)| *count > 0)
            .collect();
        assert!(told.insert((flow, from, to), counts).is_none());
    }
    let mut expected: BTreeMap<_, BTreeMap<String, u64>> = BTreeMap::new();
    for source in SOURCES {
        for (flow, probe) in chain.asked(source) {
            // Who did not dial knows nothing.
            let verdict = if dialers.contains(&source) {
                truth(&probe, rights).report
            } else {
                Verdict::Unknown
            };
            let verdict = serde_json::to_value(verdict).expect("a name");
            let key = (flow, source.to_owned(), probe.to.to_string());
            let counts = expected.entry(key).or_default();
            *counts
                .entry(verdict.as_str().expect("a name").into())
                .or_default() += 1;
        }
    }
    for (key, counts) in &expected {
        let got = told.get(key);
        if got != Some(counts) {
            let _ = writeln!(wrong, "report: {key:?}: {got:?}, not {counts:?}");
        }
    }
    assert_eq!(told.len(), expected.len(), "cells");
    // Much is blocked, and that wins.
    assert_eq!(report.code, Some(1), "{}", report.err);
}

/// What the stubs say of the ports that services have.
fn stubs(folder: &Folder, rights: Rights, wrong: &mut String) {
    for name in SOURCES {
        for record in records(&folder.path(&format!("{name}.listen"))) {
            let Record::Listening(listening) = record else {
                continue;
            };
            let raw = listening.port.is_none() || listening.protocol == crate::truth::SCTP;
            let service = name == "d" && matches!(listening.port, Some(3014..=3016));
            let expected = match (service, raw) {
                (true, _) => SocketState::Taken,
                (_, true) if !rights.listen => continue,
                _ => SocketState::Stub,
            };
            if !raw && listening.state != expected {
                let _ = writeln!(wrong, "{name}: {listening:?} is not {expected:?}");
            }
            let ours = std::process::id().to_string();
            let told = listening.process.as_deref().unwrap_or_default();
            if service && rights.listen && !told.contains(&ours) {
                let _ = writeln!(wrong, "{name}: {listening:?} does not name process {ours}");
            }
        }
    }
}

#[test]
fn root_dials_and_listens() {
    check("root", User::Root, User::Root, &SOURCES, true);
}

#[test]
fn nobody_dials_where_root_listens() {
    check("nobody", User::Nobody, User::Root, &SOURCES, true);
}

#[test]
fn nobody_dials_and_listens() {
    check("nobodies", User::Nobody, User::Nobody, &SOURCES, true);
}

/// One after the other: while a host dials another, it has raw sockets towards it itself, and its
/// kernel does not say to that one that it speaks no SCTP.
#[test]
fn root_dials_where_nobody_listens() {
    check("rooted", User::Root, User::Nobody, &["a", "b"], false);
}
