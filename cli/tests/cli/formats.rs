//! `resolve` and `catalog` in every format.

use super::{check, command, finished, run};
use std::process::{Command, Stdio};

const FULL: &str = "../../../../tests/fixtures/site/portwright/full/site.yaml";
const MERGE: &str = "../../../../tests/fixtures/site/merge/global-and-worker";

fn sites() -> [String; 3] {
    let parts = [
        "a-clusterConfig.yaml",
        "b-kubean.yml",
        "c-nodes.json",
        "d-site.yaml",
    ];
    let merged: Vec<String> = parts.iter().map(|part| format!("{MERGE}/{part}")).collect();
    [
        FULL.to_owned(),
        merged.join(" "),
        "portwright.yaml --catalog mini.yaml".to_owned(),
    ]
}

/// Every format of every site, twice: the same bytes, nothing coloured, a result.
#[test]
fn deterministic() {
    for site in sites() {
        for format in ["table", "json", "csv", "markdown", "dot", "mermaid"] {
            for layout in ["flow", "host", "role", "boundary"] {
                let arguments = format!("resolve {site} --format {format} --group-by {layout}");
                let first = run(&arguments);
                assert!(!first.out.contains('\u{1b}'), "{arguments}");
                assert!(first.out.lines().count() >= 2, "{arguments}: {first:#?}");
                assert_eq!(first, run(&arguments), "{arguments}");
            }
        }
    }
}

/// Every flow and every pair of the answer is a row of the CSV.
#[test]
fn csv_has_every_flow() {
    for site in sites() {
        for pairs in ["", " --pairs"] {
            let json = run(&format!("resolve {site}{pairs} --format json"));
            let answer: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
            let of = if pairs.is_empty() { "flows" } else { "pairs" };
            let count = answer["result"][of].as_array().expect("a list").len();
            let sheet = run(&format!("resolve {site}{pairs} --format csv")).out;
            assert_eq!(sheet.lines().count(), count + 1, "{site}{pairs}");
        }
    }
}

#[test]
fn a_small_sheet() {
    let sheet = run("resolve --catalog mini.yaml --format csv --group-by host");
    let wanted = "host,direction,family,from,from_addresses,to,to_addresses,protocol,ports,need,why,citation,assumed,erratum\r\n\
        cp,in,ipv4,worker,10.0.0.2/32,control-plane,10.0.0.1/32,tcp,6443,required,API server,\"Mini platform manual, Ports\",,\r\n\
        w1,out,ipv4,worker,10.0.0.2/32,control-plane,10.0.0.1/32,tcp,6443,required,API server,\"Mini platform manual, Ports\",,\r\n";
    assert_eq!(sheet.out, wanted);
    check(
        "resolve --catalog mini.yaml --lang zh --format markdown",
        0,
        "| API 服务 |",
    );
    check(
        "resolve --catalog mini.yaml --group-by boundary",
        0,
        "a (zone rack) → a\n",
    );
    check(
        "resolve --catalog mini.yaml --group-by role",
        0,
        "worker → control-plane\n",
    );
    check(
        "resolve --catalog mini.yaml --host nobody",
        2,
        "the nearest name is",
    );
    check(
        "resolve --catalog nothing",
        2,
        "neither a built-in catalogue nor a file",
    );
}

/// With `--host`, sections of other hosts are not shown.
#[test]
fn one_host() {
    let sheet = run(&format!(
        "resolve {FULL} --host m1 --group-by host --format csv"
    ));
    assert!(sheet.out.lines().count() > 10, "{sheet:#?}");
    for line in sheet.out.lines().skip(1) {
        assert!(line.starts_with("m1,"), "{line}");
    }
}

#[test]
fn diagrams() {
    for site in sites() {
        let dot = run(&format!("resolve {site} --format dot")).out;
        assert!(
            dot.starts_with("digraph portwright {\n") && dot.ends_with("}\n"),
            "{dot}"
        );
        let open = dot.matches('{').count();
        assert_eq!(open, dot.matches('}').count(), "{dot}");
        graphviz(&dot);
        let mermaid = run(&format!("resolve {site} --format mermaid")).out;
        let mut depth = 0_i32;
        for line in mermaid.lines().skip(1) {
            let line = line.trim();
            let quotes = line.matches('"').count();
            if line == "end" {
                depth -= 1;
                continue;
            }
            depth += i32::from(line.starts_with("subgraph "));
            assert_eq!(quotes, 2, "{line}");
            let shape = line.starts_with("subgraph c") || line.contains(" -->|\"");
            assert!(
                shape || (line.starts_with('g') && line.ends_with("\"]")),
                "{line}"
            );
        }
        assert!(
            mermaid.starts_with("flowchart LR\n") && depth == 0,
            "{mermaid}"
        );
        let arrows = |text: &str, arrow: &str| text.matches(arrow).count();
        assert_eq!(arrows(&dot, " -> "), arrows(&mermaid, " -->|"));
    }
}

/// Asks Graphviz itself, where it is installed.
fn graphviz(text: &str) {
    if Command::new("dot")
        .arg("-V")
        .stderr(Stdio::null())
        .status()
        .is_err()
    {
        return;
    }
    let run = super::feed(Command::new("dot").arg("-Tcanon"), text.as_bytes());
    assert_eq!(run.code, 0, "{run:#?}");
}

#[test]
fn catalogues() {
    check("catalog list", 0, "kubernetes");
    check("catalog show mini.yaml --lang zh", 0, "API 服务");
    check("catalog show mini.yaml --format yaml", 0, "catalog: mini\n");
    check("catalog show nothing", 2, "the built-in ones are");
    check("catalog check mini.yaml", 0, "Mini platform");
    check("catalog check portwright.yaml", 2, "error");
    check("explain", 0, "PW203");
    check("explain excess", 0, "Fix it by narrowing the rule");
    check("explain PW999", 2, "there is no code `PW999`");
    let csv = run("catalog show dce --format csv").out;
    assert!(csv.lines().count() > 50, "{csv}");
    for schema in ["site", "catalog", "engine", "packet"] {
        let run = run(&format!("schema {schema}"));
        let json: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
        assert!(json["$schema"].is_string(), "{schema}");
    }
}

#[test]
fn colour_only_when_asked() {
    let arguments =
        "lint portwright.yaml --catalog mini.yaml --export cp=exports/cp-denies.iptables";
    let coloured = |command: &mut Command| {
        let run = finished(command.stdin(Stdio::null()).output().expect("runs"));
        assert_eq!(run.code, 1);
        run.out.contains('\u{1b}')
    };
    let always = format!("{arguments} --color always");
    assert!(coloured(&mut command(&always)));
    assert!(!coloured(&mut command(arguments)));
    assert!(!coloured(&mut command(&format!(
        "{arguments} --color never"
    ))));
    assert!(!coloured(command(arguments).env("NO_COLOR", "1")));
    // Data never carries colour.
    let json = run("resolve --catalog mini.yaml --format json --color always");
    assert!(!json.out.contains('\u{1b}'));
}
