//! `trace`: one packet in words, many as JSON lines.

use super::{check, run, run_with};

const CP: &str = "trace exports/cp.iptables";

#[test]
fn json_lines() {
    let run = run(&format!("{CP} --packets ../packets.jsonl"));
    let wanted = [
        r#"{"id":"api","verdict":"accept","path":["filter/INPUT/2:accept"],"line":6}"#,
        r#"{"id":2,"verdict":"drop","path":["filter/INPUT/policy:drop"],"line":2}"#,
        r#"{"verdict":"accept","path":["filter/INPUT/1:accept"],"line":5}"#,
        "",
    ];
    assert_eq!(run.out, wanted.join("\n"));
    assert_eq!((run.code, run.err.as_str()), (0, ""));
}

#[test]
fn what_is_unknown_depends_on_lines() {
    let packets = br#"{"id":1,"src":"10.0.0.2","dst":"10.0.0.1","dport":6443}"#;
    let unknown = "trace exports/cp-unknown.iptables --packets -";
    let run = run_with(unknown, packets);
    assert_eq!(run.code, 3, "{run:#?}");
    let start = r#"{"id":1,"verdict":"unknown","path":["filter/INPUT/policy:drop"],"line":2,"depends_on":[{"line":6,"why":""#;
    assert!(run.out.starts_with(start), "{run:#?}");
    assert!(!run.out.contains("source"), "{run:#?}");
    let set = b"create peers hash:ip family inet hashsize 1024 maxelem 65536\nadd peers 10.0.0.2\n";
    let set = super::temporary("traced.ipset", set);
    let two = format!("{unknown} {} --allow-unknown", set.display());
    let two = run_with(&two, packets);
    assert_eq!(two.code, 0, "{two:#?}");
    assert!(
        two.out
            .contains(r#""source":"exports/cp-unknown.iptables"}]}"#),
        "{two:#?}"
    );
}

/// Answers stay in step with the packets, and the messages name the lines.
#[test]
fn packets_that_are_none() {
    let packets = b"{\"src\":\"10.0.0.2\",\"dst\":\"10.0.0.1\"}\n\nnonsense\n{\"id\":3,\"src\":\"fd00::1\",\"dst\":\"10.0.0.1\"}\n";
    let run = run_with(&format!("{CP} --packets -"), packets);
    assert_eq!(run.code, 2);
    let verdicts: Vec<serde_json::Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let verdicts: Vec<_> = verdicts
        .iter()
        .map(|v| v["verdict"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(verdicts, ["drop", "unknown", "unknown"]);
    assert!(run.err.contains("<stdin>:3:1"), "{run:#?}");
    assert!(run.err.contains("<stdin>:4:1"), "{run:#?}");
    assert!(run.err.contains("not of one family"), "{run:#?}");
}

#[test]
fn one_packet() {
    let packet = "tcp 10.0.0.2:40000 > 10.0.0.1:6443";
    let one = |arguments: &[&str]| {
        let mut command = super::command("trace exports/cp.iptables");
        super::finished(command.args(arguments).output().expect("runs"))
    };
    let text = one(&[packet]);
    assert_eq!(text.code, 0, "{text:#?}");
    for wanted in [
        "accept by line 6\n",
        "filter/INPUT/2 → accept  exports/cp.iptables:6  -A INPUT -s 10.0.0.2/32",
    ] {
        assert!(text.out.contains(wanted), "{text:#?}");
    }
    let json = one(&[packet, "--format", "json"]);
    let answer: portwright::engine::Answer = serde_json::from_str(&json.out).expect("an answer");
    assert_eq!(portwright::engine::to_json(&answer), json.out);
    let wrong = one(&["tcp 10.0.0.2 10.0.0.1"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("is not a packet"), "{wrong:#?}");
}

#[test]
fn usage() {
    for (arguments, wanted) in [
        ("trace exports/cp.iptables", "there is no packet to trace"),
        ("trace nothing-here", "there is no export to trace"),
        ("trace", "required"),
        ("trace - --packets -", "standard input `-` is given twice"),
        (
            "trace exports --packets ../packets.jsonl",
            "`exports` is a directory",
        ),
        ("trace mini.yaml --packets ../packets.jsonl", "error"),
        (
            "trace exports/cp.iptables --packets ../packets.jsonl --host-addresses mini.yaml",
            "error",
        ),
    ] {
        check(arguments, 2, wanted);
    }
}
