//! The binary as Ansible calls a module: one argument, a file of parameters.

use super::command;
use std::fs;
use std::path::PathBuf;

/// A file that goes with the test.
struct Parameters(PathBuf);

impl Parameters {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("portwright-module-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).expect("written");
        Self(path)
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What the module answers to these parameters.
fn answer(name: &str, text: &str) -> serde_json::Value {
    let parameters = Parameters::new(name, text);
    let output = command("").arg(&parameters.0).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("one JSON object")
}

const PLAN: &str = r#"{"portwright":"probe-plan/v1","catalog":"c","catalog_version":"1","sample":"all","hosts":[{"name":"a","addresses":["127.0.0.1"],"roles":[],"listen":[{"protocol":6,"ports":"7","addresses":["127.0.0.1"]}],"dial":[]}],"targets":[],"flows":[]}"#;

#[test]
fn parameters_decide() {
    let plan = serde_json::to_string(PLAN).expect("a string");
    for (name, text, failed, changed, part) in [
        (
            "listen",
            format!(r#"{{"action":"listen","plan":{plan},"host":"a","_ansible_check_mode":true}}"#),
            false,
            true,
            "would answer for 10m on tcp 7",
        ),
        (
            "run",
            format!(r#"{{"action":"run","plan":{plan},"host":"a","_ansible_check_mode":true}}"#),
            false,
            false,
            "would send 0 probes from `a`",
        ),
        (
            "host",
            format!(r#"{{"action":"run","plan":{plan},"host":"b","_ansible_check_mode":true}}"#),
            true,
            false,
            "no host `b`, expected one of a",
        ),
        (
            "plan",
            r#"{"action":"run","plan":"{}","host":"a","_ansible_check_mode":true}"#.into(),
            true,
            false,
            "portwright",
        ),
        (
            "unknown",
            r#"{"action":"stop","ttl":1,"_ansible_check_mode":true}"#.into(),
            true,
            false,
            "unknown field `ttl`",
        ),
        (
            "collect",
            r#"{"action":"collect","_ansible_check_mode":true}"#.into(),
            false,
            false,
            "would ask",
        ),
    ] {
        let answer = answer(name, &text);
        assert_eq!(answer["failed"], failed, "{answer}");
        assert_eq!(answer["changed"], changed, "{answer}");
        let msg = answer["msg"].as_str().unwrap_or_default();
        assert!(msg.contains(part), "{msg}");
    }
}

#[test]
fn another_file_is_no_call_of_ansible() {
    let file = Parameters::new("other", r#"{"action":"stop"}"#);
    let output = command("").arg(&file.0).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}
