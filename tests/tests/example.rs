//! The example site: exactly its planted faults are found, every witness is what the interpreter
//! of single packets says too, and its passwords never come out.
#![expect(clippy::disallowed_methods, reason = "tests read files")]

use portwright::diagnostic::Severity;
use portwright::engine::{
    self, Answer, DetectRequest, Document, ExportInput, FindingData, LintRequest, Outcome, Request,
    ResolveRequest, SiteInput, TraceRequest, to_json,
};
use std::collections::BTreeSet;
use std::path::Path;

/// The day of the tests; everything that the example accepts is accepted until later.
const TODAY: &str = "2027-01-31";

/// A finding that the example's README explains.
struct Planted {
    host: &'static str,
    code: &'static str,
    severity: Severity,
    /// The line that the finding points at first, by what only this line says.
    line: &'static str,
    /// The requirement that is not met.
    requirement: Option<&'static str>,
    /// What the witness is sent to, and its fate.
    witness: Option<(&'static str, &'static str)>,
}

const PLANTED: &[Planted] = &[
    Planted {
        host: "g-master1",
        code: "PW203",
        severity: Severity::Error,
        line: "--comment \"etcd client\"",
        requirement: None,
        witness: Some(("> 10.16.10.11:2379 ", "accept")),
    },
    Planted {
        host: "g-master2",
        code: "PW201",
        severity: Severity::Error,
        line: ":INPUT DROP",
        requirement: Some("calico.bgp"),
        witness: Some(("> 10.16.10.12:179 ", "drop")),
    },
    Planted {
        host: "g-worker1",
        code: "PW201",
        severity: Severity::Error,
        line: ":INPUT DROP",
        requirement: Some("calico.ipip"),
        witness: Some((" 4 ", "drop")),
    },
    Planted {
        host: "g-worker1",
        code: "PW401",
        severity: Severity::Error,
        line: "-p ipip ",
        requirement: None,
        witness: None,
    },
    Planted {
        host: "edge-node1",
        code: "PW302",
        severity: Severity::Warning,
        line: "--comment \"nfs server\"",
        requirement: None,
        witness: Some((":111 ", "reject")),
    },
];

fn document(name: &str) -> Document {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/dce");
    let text = std::fs::read_to_string(folder.join(name));
    Document {
        name: name.into(),
        text: text.unwrap_or_else(|problem| panic!("{name}: {problem}")),
    }
}

fn site() -> SiteInput {
    let names = [
        "portwright.yaml",
        "cluster-config.yaml",
        "worker-cluster.yaml",
    ];
    SiteInput {
        documents: names.map(document).into(),
        ..SiteInput::default()
    }
}

/// The exports as `guards` in portwright.yaml names them.
fn exports() -> Vec<ExportInput> {
    let request = DetectRequest {
        site: Some(site()),
        ..DetectRequest::default()
    };
    let answer = engine::call(&Request::Detect(request));
    let Some(Outcome::Detect(detected)) = &answer.result else {
        panic!("{}", to_json(&answer));
    };
    let exports = detected.guards.iter().map(|guard| ExportInput {
        documents: guard.exports.iter().map(|name| document(name)).collect(),
        host: guard.host.clone(),
        ..ExportInput::default()
    });
    exports.collect()
}

fn lint() -> Answer {
    engine::call(&Request::Lint(LintRequest {
        site: site(),
        exports: exports(),
        today: Some(TODAY.into()),
        ..LintRequest::default()
    }))
}

fn findings(answer: &Answer) -> &[FindingData] {
    match &answer.result {
        Some(Outcome::Lint(result)) => &result.findings,
        _ => panic!("{}", to_json(answer)),
    }
}

/// The number of the only line of a host's rules that says this.
fn line_number(host: &str, says: &str) -> u32 {
    let rules = document(&format!("exports/{host}.iptables"));
    let hits: Vec<usize> = rules
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains(says))
        .map(|(at, _)| at + 1)
        .collect();
    let [only] = hits.as_slice() else {
        panic!(
            "`{says}` stands {} times in the rules of {host}",
            hits.len()
        );
    };
    u32::try_from(*only).expect("few lines")
}

#[test]
fn lint_finds_exactly_the_planted_faults() {
    let answer = lint();
    let found: BTreeSet<String> = findings(&answer)
        .iter()
        .map(|f| {
            let place = f.places.first().map(|p| (p.source.as_str(), p.line));
            format!("{} {} {:?} {place:?}", f.guards, f.code, f.severity)
        })
        .collect();
    let expected: BTreeSet<String> = PLANTED
        .iter()
        .map(|p| {
            let source = format!("exports/{}.iptables", p.host);
            let place = Some((source.as_str(), line_number(p.host, p.line)));
            format!("{} {} {:?} {place:?}", p.host, p.code, p.severity)
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(findings(&answer).len(), PLANTED.len());
    let Some(Outcome::Lint(result)) = &answer.result else {
        unreachable!("findings() has looked");
    };
    assert_eq!(result.summary.unknown, 0);
    assert_eq!(
        result.summary.permitted + 2,
        result.summary.checked,
        "two flows are denied"
    );
    for export in &result.exports {
        assert!(
            export.checked > 20,
            "{} is hardly asked anything",
            export.guards
        );
    }
    assert!(answer.diagnostics.is_empty(), "{}", to_json(&answer));
}

/// The finding of a planted fault.
fn finding_of<'a>(answer: &'a Answer, planted: &Planted) -> &'a FindingData {
    findings(answer)
        .iter()
        .find(|f| f.guards == planted.host && f.code == planted.code)
        .unwrap_or_else(|| panic!("no {} on {}", planted.code, planted.host))
}

#[test]
fn faults_name_the_requirement_that_they_break() {
    let answer = lint();
    for planted in PLANTED {
        let finding = finding_of(&answer, planted);
        let expected: Vec<&str> = planted.requirement.into_iter().collect();
        assert_eq!(finding.requirements, expected, "{}", finding.message);
    }
}

#[test]
fn the_interpreter_confirms_every_witness() {
    let answer = lint();
    let mut confirmed = 0;
    for planted in PLANTED {
        let finding = finding_of(&answer, planted);
        let witness = finding.witness.as_ref();
        assert_eq!(
            witness.is_some(),
            planted.witness.is_some(),
            "{}",
            finding.message
        );
        let (Some(witness), Some((to, fate))) = (witness, planted.witness) else {
            continue;
        };
        assert!(witness.packet.contains(to), "{}", witness.packet);
        assert_eq!(witness.verdict, fate);
        let guard = exports()
            .into_iter()
            .find(|e| e.host.as_deref() == Some(planted.host));
        let traced = engine::call(&Request::Trace(TraceRequest {
            documents: guard.expect("a guard").documents,
            packet: Some(witness.packet.clone()),
            ..TraceRequest::default()
        }));
        let Some(Outcome::Trace(result)) = &traced.result else {
            panic!("{}", to_json(&traced));
        };
        let verdicts: Vec<_> = result.packets.iter().map(|p| p.verdict.as_str()).collect();
        assert_eq!(verdicts, [fate], "{}", witness.packet);
        confirmed += 1;
    }
    assert_eq!(confirmed, 4);
}

/// The values of all keys that hold passwords.
fn passwords(documents: &[Document]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for text in documents.iter().map(|d| &d.text) {
        for key in ["ansiblePass: \"", "Password: \"", "ansible_password: \""] {
            let values = text
                .split(key)
                .skip(1)
                .filter_map(|rest| rest.split('"').next());
            all.extend(values.map(str::to_owned));
        }
    }
    all
}

#[test]
fn passwords_never_come_out() {
    let good = site();
    let secrets = passwords(&good.documents);
    assert_eq!(secrets.len(), 3, "nodes of two clusters and the registry");
    // Wrong where the secrets stand, so that diagnostics point at their lines.
    let broken = |from: &str, to: &str| {
        let documents = good.documents.iter().map(|d| Document {
            name: d.name.clone(),
            text: d.text.replace(from, to),
        });
        SiteInput {
            documents: documents.collect(),
            ..SiteInput::default()
        }
    };
    let sites = [
        good.clone(),
        broken("ip: 10.16.", "ip: 999.16."),
        broken("ansiblePass: \"", "ansiblePass: [\""),
        broken("ansible_password: \"", "ansible_password: "),
        broken(
            "externalImageRepo: \"https://",
            "externalImageRepo: \"https://robot:Hb9-example-only@",
        ),
    ];
    for site in sites {
        let requests = [
            Request::Resolve(ResolveRequest {
                site: site.clone(),
                pairs: true,
                ..ResolveRequest::default()
            }),
            Request::Lint(LintRequest {
                site: site.clone(),
                exports: exports(),
                ..LintRequest::default()
            }),
            Request::Detect(DetectRequest {
                documents: site.documents.clone(),
                site: Some(site),
            }),
        ];
        for request in &requests {
            let answer = engine::call(request);
            let shown = format!("{}{answer:?}{request:?}", to_json(&answer));
            for secret in &secrets {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}
