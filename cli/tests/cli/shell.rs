//! Help, completions, manual pages, `call`, closed pipes.

use super::{check, command, run, run_with};
use std::process::Stdio;

const COMMANDS: [&str; 13] = [
    "resolve",
    "lint",
    "audit",
    "trace",
    "catalog",
    "catalog list",
    "catalog show",
    "catalog check",
    "explain",
    "schema",
    "call",
    "completions",
    "man",
];

#[test]
fn help_has_an_example() {
    for name in COMMANDS {
        let run = run(&format!("{name} --help"));
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}");
        assert!(run.out.contains(&format!("portwright {name}")), "{name}");
        assert!(run.out.contains("Example"), "{name}: {}", run.out);
    }
    check("--help", 0, "Exit codes:");
    check("", 2, "Usage:");
    check("nonsense", 2, "unrecognized subcommand");
}

#[test]
fn completions_and_pages() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        check(&format!("completions {shell}"), 0, "allow-unknown");
    }
    check("man", 0, ".TH portwright 1");
    check("man lint", 0, "allow\\-unknown");
    check("man nothing", 2, "there is no command `nothing`");
}

/// The answer is byte for byte what the facade gives; the exit code follows it.
#[test]
fn call() {
    for (request, code) in [
        (r#"{"operation":"explain","code":"PW201"}"#, 0),
        (r#"{"operation":"catalog"}"#, 0),
        (r#"{"operation":"explain","code":"PW999"}"#, 2),
        (r#"{"operation":"resolve"}"#, 2),
        (r#"{"operation":"nothing"}"#, 2),
        ("nonsense", 2),
    ] {
        let run = run_with("call", request.as_bytes());
        assert_eq!(run.out, portwright::engine::call_json(request), "{request}");
        assert_eq!((run.code, run.err.as_str()), (code, ""), "{request}");
    }
}

/// `portwright … | head` is no failure.
#[test]
fn closed_pipe() {
    let mut child = command("schema engine")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    drop(child.stdout.take());
    let run = super::finished(child.wait_with_output().expect("ends"));
    assert_eq!((run.code, run.err.as_str()), (0, ""));
}
