//! ufw's files and status against what the real ufw put into a kernel, and against hostile input.
//!
//! Each case under `fixtures/ufw` holds the files (`etc/`), what `ufw status` printed of them and
//! the rules that ufw 0.36.2 put into a kernel (`kernel.rules`, `kernel6.rules`, as
//! `iptables-save` shows them; both backends occur).
#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures from the file system"
)]

use portwright::dialect::{DIALECTS, HostFacts, Loaded, load};
use portwright::firewall::{Action, Chain, Firewall, Rule};
use portwright::net::Family;
use portwright::packet::{Cube, Rare};
use portwright::source::{Source, Sources};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ufw");
    let mut cases: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

fn load_files(case: &Path, names: &[&str], dialect: &str) -> (Sources, Loaded) {
    let mut sources = Sources::default();
    let ids: Vec<_> = names
        .iter()
        .map(|name| sources.add(*name, fs::read_to_string(case.join(name)).unwrap()))
        .collect();
    let loaded = load(&sources, &ids, None, &HostFacts::default());
    for (id, found) in &loaded.dialects {
        assert_eq!(
            *found,
            Some(dialect),
            "{} {}",
            case.display(),
            sources.name(*id)
        );
    }
    (sources, loaded)
}

const FILES: &[&str] = &[
    "etc/user.rules",
    "etc/user6.rules",
    "etc/before.rules",
    "etc/before6.rules",
    "etc/after.rules",
    "etc/after6.rules",
    "etc/default-ufw",
    "etc/ufw.conf",
];

/// A rule without its places and without the numbers of its predicates.
fn plain(firewall: &Firewall, family: Family, rule: &Rule) -> (Vec<Cube>, usize, String) {
    let chain = |id| firewall.rules(family).chain(id).unwrap().name.clone();
    let does = match &rule.action {
        Action::Jump(id) => format!("jump {}", chain(*id)),
        Action::Goto(id) => format!("goto {}", chain(*id)),
        other => format!("{other:?}"),
    };
    let assumed = rule.matches.iter().map(|cube| cube.unknown.iter().count());
    let assumed = assumed.sum();
    // ufw's files do not say which backend will load them, and only iptables-nft looks no further
    // than an authentication header.
    let cubes = rule.matches.iter().map(|cube| Cube {
        extra: cube.extra.without(|field| field == Rare::ExtensionHeaders),
        ..cube.clone().without_assumptions()
    });
    // The same match for packets with and without the header is one.
    let mut cubes: Vec<Cube> = cubes.collect();
    cubes.dedup();
    (cubes, assumed, does)
}

fn chains(loaded: &Loaded, family: Family) -> BTreeMap<&str, &Chain> {
    let all = loaded.firewall.rules(family).iter();
    all.filter(|(_, chain)| chain.table == "filter")
        .map(|(_, chain)| (chain.name.as_str(), chain))
        .collect()
}

/// What differs between two readings of one firewall. Where `verdicts_only`, rules that only log
/// are left aside.
fn differences(ours: &Loaded, kernel: &Loaded, verdicts_only: bool, from: &str) -> String {
    let mut report = String::new();
    for family in Family::ALL {
        let (mine, theirs) = (chains(ours, family), chains(kernel, family));
        let names = |of: &BTreeMap<&str, &Chain>| {
            of.keys().map(|name| (*name).to_owned()).collect::<Vec<_>>()
        };
        if names(&mine) != names(&theirs) {
            report += &format!(
                "{from} {family:?}: chains {:?} {:?}\n",
                names(&mine),
                names(&theirs)
            );
            continue;
        }
        // A status says nothing of log levels, and ufw fills the chains of `limit` in IPv6 only
        // where the kernel can do it.
        let aside = |name: &str| name.contains("logging") || name.contains("user-limit");
        for (name, chain) in mine
            .iter()
            .filter(|(name, _)| !verdicts_only || !aside(name))
        {
            let other = theirs[name];
            let policy = |chain: &Chain| chain.base.map(|base| (base.hook, base.policy));
            let list = |loaded: &Loaded, chain: &Chain| -> Vec<_> {
                let rules = chain.rules.iter();
                let rules = rules.filter(|rule| !verdicts_only || rule.has_effect());
                rules
                    .map(|rule| plain(&loaded.firewall, family, rule))
                    .collect()
            };
            let (a, b) = (list(ours, chain), list(kernel, other));
            if policy(chain) != policy(other) || a != b {
                let at = a.iter().zip(&b).position(|(a, b)| a != b);
                let at = at.unwrap_or(a.len().min(b.len()));
                report += &format!(
                    "{from} {family:?} {name}: {} and {} rules, policies {:?} {:?}, first at {at}\n  ours {:?}\n  kernel {:?}\n",
                    a.len(),
                    b.len(),
                    policy(chain),
                    policy(other),
                    a.get(at),
                    b.get(at),
                );
            }
        }
    }
    report
}

fn kernel(case: &Path) -> Loaded {
    load_files(case, &["kernel.rules", "kernel6.rules"], "iptables-save").1
}

#[test]
fn files_give_the_rules_that_ufw_puts_into_the_kernel() {
    let mut report = String::new();
    for case in cases() {
        let kernel = kernel(&case);
        let (sources, ours) = load_files(&case, FILES, "ufw");
        assert_eq!(ours.diagnostics, [], "{}", case.display());
        report += &differences(&ours, &kernel, false, &case.display().to_string());
        // Every rule points at a line that says it.
        for chain in chains(&ours, Family::V4).values() {
            for rule in &chain.rules {
                let text = sources.slice(rule.span);
                assert!(
                    rule.generated || text.starts_with("-A ufw") || text.starts_with("-I ufw"),
                    "{text}"
                );
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn status_gives_the_same_verdicts() {
    let mut report = String::new();
    for case in cases() {
        let kernel = kernel(&case);
        for status in ["status.txt", "numbered.txt", "verbose.txt"] {
            let (sources, ours) = load_files(&case, &[status, "etc/default-ufw"], "ufw");
            let from = format!("{} {status}", case.display());
            report += &differences(&ours, &kernel, true, &from);
            for (_, chain) in ours
                .firewall
                .v4
                .iter()
                .filter(|(_, c)| c.name == "ufw-user-input")
            {
                for rule in &chain.rules {
                    let text = sources.slice(rule.span);
                    let verbs = ["ALLOW", "DENY", "REJECT", "LIMIT"];
                    assert!(verbs.iter().any(|verb| text.contains(verb)), "{text}");
                }
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn what_is_not_given_is_taken_as_shipped_and_said() {
    let case = cases()
        .into_iter()
        .find(|c| c.ends_with("basics-nft"))
        .unwrap();
    let (_, ours) = load_files(&case, &["etc/user.rules", "etc/user6.rules"], "ufw");
    let report = differences(&ours, &kernel(&case), false, "user.rules alone");
    assert!(report.is_empty(), "{report}");
    let said: Vec<&str> = ours.diagnostics.iter().map(|d| d.code.id).collect();
    assert_eq!(said, ["PW008", "PW008"]);
}

fn one(name: &str, text: &str) -> Loaded {
    let mut sources = Sources::default();
    let id = sources.add(name, text);
    let loaded = load(&sources, &[id], Some("ufw"), &HostFacts::default());
    let end = sources.get(id).map_or(0, |s: &Source| s.text().len());
    for label in loaded.diagnostics.iter().flat_map(|d| &d.labels) {
        assert!(label.span.end as usize <= end, "{:?}", label.span);
    }
    loaded
}

#[test]
fn an_inactive_ufw_denies_nothing_and_says_so() {
    let loaded = one("status.txt", "Status: inactive\n");
    assert!(loaded.firewall.v4.exported && loaded.firewall.v4.chains.is_empty());
    assert!(loaded.diagnostics[0].message.contains("not active"));
}

#[test]
fn what_cannot_be_read_is_unknown() {
    let head = "Status: active\n\nTo                         Action      From\n--                         ------      ----\n";
    let cases = [
        (
            "Nobody Knows               ALLOW       Anywhere\n",
            "profile `Nobody Knows`",
        ),
        (
            "22/tcp                     PERMIT      Anywhere\n",
            "expected `ALLOW`",
        ),
    ];
    for (row, expected) in cases {
        let loaded = one("status.txt", &format!("{head}{row}"));
        let all = loaded.firewall.v4.iter();
        let opaque = all
            .flat_map(|(_, chain)| &chain.rules)
            .any(|rule| matches!(rule.action, Action::Opaque { .. }));
        assert!(opaque, "{row}");
        let said = loaded
            .diagnostics
            .iter()
            .any(|d| d.message.contains(expected));
        assert!(said, "{row} {:?}", loaded.diagnostics);
    }
}

#[test]
fn hostile_input_is_bounded() {
    let long = "22/tcp ALLOW Anywhere\n".repeat(20_000);
    let texts = [
        format!("Status: active\n\nTo Action From\n{long}"),
        "Status: active\nTo Action From\n[ ALLOW\n( ALLOW (\n on  ALLOW on \n/ ALLOW /\n\u{e9} ALLOW \u{e9}\n".to_owned(),
        ":ufw-user-input - [0:0]\n-A\n*\n*filter\n-A ufw-user-input -j\n".to_owned(),
        "*filter\n:ufw-user-input - [0:0]\n-A ufw-user-input \"open\n".to_owned(),
        "[a]\nports=\n[b]\nports=|||///\n".to_owned(),
        "ENABLED=yes\nDEFAULT_INPUT_POLICY=\"\n".to_owned(),
    ];
    for text in texts {
        let _ = one("hostile", &text);
    }
}

#[test]
fn every_text_is_recognised_by_its_own_dialect_only() {
    for case in cases() {
        for name in FILES
            .iter()
            .chain(&["status.txt", "numbered.txt", "verbose.txt"])
        {
            let text = fs::read_to_string(case.join(name)).unwrap();
            let best = DIALECTS.iter().max_by_key(|d| (d.detect)(&text)).unwrap();
            assert_eq!(best.id, "ufw", "{} {name}", case.display());
        }
    }
}
