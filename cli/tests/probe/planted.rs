//! Every row of the verdict table, planted and found.

use crate::chain::{Chain, probes, records};
use crate::lab::Lab;
use crate::program::{Folder, User};
use crate::truth::{Rights, saw, truth};
use crate::{enabled, plants};
use portwright::probe::{Record, SocketState};
use std::fmt::Write as _;

pub const CATALOG: &str = include_str!("planted/catalog.yaml");
pub const SITE: &str = include_str!("planted/site.yaml");

/// Those that dial.
pub const SOURCES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// The whole chain among planted faults, and every probe and every cell of the report compared
/// with the truth.
fn check(test: &str, run: User, listen: User) {
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
    let sources = SOURCES.map(|name| lab.host(name));
    let ended = chain.run(&sources, run);
    chain.down();

    let mut wrong = String::new();
    for (name, ended) in SOURCES.iter().zip(&ended) {
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
    stubs(&folder, rights, &mut wrong);
    assert!(
        wrong.is_empty(),
        "{} differ:\n{wrong}",
        wrong.lines().count()
    );
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
    check("root", User::Root, User::Root);
}

#[test]
fn nobody_dials_where_root_listens() {
    check("nobody", User::Nobody, User::Root);
}

#[test]
fn nobody_dials_and_listens() {
    check("nobodies", User::Nobody, User::Nobody);
}
