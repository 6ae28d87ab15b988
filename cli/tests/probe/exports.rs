//! What the exports say against what the probes saw: one export is withheld, one is out of date, and
//! the router's firewall nobody ever exported.

use crate::chain::Chain;
use crate::lab::Lab;
use crate::planted::{CATALOG, SITE, SOURCES};
use crate::program::{Folder, User};
use crate::{enabled, plants};
use serde_json::Value;
use std::fmt::Write as _;

/// The findings of a report that compares with these hosts' exports.
fn findings(chain: &Chain<'_>, lab: &Lab, hosts: &[&str]) -> Vec<Value> {
    let mut options = "--format json".to_owned();
    for host in hosts {
        let _ = write!(
            options,
            " --export {host}={host}.iptables --export {host}={host}.ip6tables"
        );
    }
    let report = chain.report(&lab.router, &options);
    assert_eq!(report.code, Some(1), "{}", report.err);
    let mut answer: Value = serde_json::from_str(&report.out).expect("JSON");
    let findings = answer["result"]["findings"].take();
    findings.as_array().expect("findings").clone()
}

fn names(finding: &Value, key: &str) -> Vec<String> {
    let all = finding[key].as_array().expect("names").iter();
    all.map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}

/// Findings of one agreement, shown with what they are about.
fn of<'f>(all: &'f [Value], agreement: &str) -> Vec<&'f Value> {
    let of = all.iter().filter(|one| one["agreement"] == agreement);
    of.collect()
}

#[test]
fn exports_that_lack_or_lie_are_found() {
    if !enabled() {
        return;
    }
    let (lab, folder) = (Lab::new(), Folder::new("exports"));
    let _services = plants::all(&lab);
    // An export of a host without any table is no text at all.
    let open = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n";
    lab.host("e").filter(open, open);
    for name in SOURCES {
        let host = lab.host(name);
        folder.write(
            &format!("{name}.iptables"),
            &host.run("iptables-save", &[], ""),
        );
        folder.write(
            &format!("{name}.ip6tables"),
            &host.run("ip6tables-save", &[], ""),
        );
    }
    // Changed after it was exported.
    let rule = "-I INPUT -p tcp -m tcp --dport 3000 -j DROP";
    let words: Vec<&str> = rule.split(' ').collect();
    lab.host("b").run("iptables", &words, "");

    let mut chain = Chain::plan(&folder, &lab.router, CATALOG, SITE);
    for name in SOURCES {
        chain.listen(lab.host(name), User::Root);
    }
    chain.up();
    let sources = ["a", "c"].map(|name| lab.host(name));
    chain.run(&sources, User::Root);
    chain.down();

    let all = findings(&chain, &lab, &SOURCES);
    let stale = of(&all, "stale-export");
    assert!(
        stale.iter().any(|one| names(one, "to") == ["b"]
            && one["verdict"] == "dropped"
            && one["service"]
                .as_str()
                .is_some_and(|text| text.contains("3000"))),
        "{stale:#?}"
    );
    for one in &stale {
        assert_eq!(names(one, "to"), ["b"], "{one:#}");
        assert_eq!(one["blocked_by"]["host"], "b", "{one:#}");
    }
    // The router's, and nobody else's.
    let unexported = of(&all, "unexported-firewall");
    assert!(!unexported.is_empty());
    for one in &unexported {
        assert_eq!(names(one, "to"), ["e"], "{one:#}");
        assert_ne!(one["blocked_by"]["kind"], "target", "{one:#}");
    }
    let by_router = |one: &&&Value| one["blocked_by"]["address"] == "10.77.1.1";
    assert!(
        unexported.iter().any(|one| by_router(&one)),
        "{unexported:#?}"
    );

    // Without the export of b, b's firewall is one that nobody exported.
    let all = findings(&chain, &lab, &["a", "c", "d", "e"]);
    let unexported = of(&all, "unexported-firewall");
    let of_b = unexported
        .iter()
        .filter(|one| names(one, "to") == ["b"] && one["blocked_by"]["host"] == "b");
    for port in ["3001", "3002", "3003", "3004", "3005", "3006"] {
        let told = of_b
            .clone()
            .any(|one| covers(one["service"].as_str().unwrap_or_default(), port));
        assert!(told, "{port}: {unexported:#?}");
    }
    assert!(of(&all, "stale-export").is_empty(), "{all:#?}");
}

/// Whether `tcp/3001-3004,3006` has a port.
fn covers(service: &str, port: &str) -> bool {
    let number = |text: &str| text.trim().parse::<u16>().ok();
    let wanted = number(port);
    service
        .split(|c: char| !c.is_ascii_digit() && c != '-')
        .any(|part| match part.split_once('-') {
            Some((first, last)) => {
                (number(first)..=number(last)).contains(&wanted) && number(first).is_some()
            }
            None => number(part).is_some() && number(part) == wanted,
        })
}
