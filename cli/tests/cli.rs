//! The binary as its users run it: exit codes, streams, formats, bad input.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures and write temporary files"
)]

#[cfg(target_os = "linux")]
#[path = "cli/ansible.rs"]
mod ansible;
#[path = "cli/compare.rs"]
mod compare;
#[path = "cli/example.rs"]
mod example;
#[path = "cli/formats.rs"]
mod formats;
#[path = "cli/inputs.rs"]
mod inputs;
#[path = "cli/lint.rs"]
mod lint;
#[path = "cli/prove.rs"]
mod prove;
#[path = "cli/shell.rs"]
mod shell;
#[path = "cli/trace.rs"]
mod trace;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a run gave.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    code: i32,
    out: String,
    err: String,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The binary in the folder of the small project; arguments are split at blanks.
fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portwright"));
    command
        .args(arguments.split_whitespace())
        .current_dir(fixtures().join("project"))
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE");
    command
}

fn finished(output: Output) -> Run {
    Run {
        code: output.status.code().expect("an exit code"),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn run(arguments: &str) -> Run {
    finished(
        command(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("runs"),
    )
}

fn run_with(arguments: &str, input: &[u8]) -> Run {
    feed(&mut command(arguments), input)
}

fn feed(command: &mut Command, input: &[u8]) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    // A command that does not read its input closes the pipe.
    let _ = child.stdin.take().expect("piped").write_all(input);
    finished(child.wait_with_output().expect("ends"))
}

/// Runs, and checks the exit code and a part of either stream.
fn check(arguments: &str, code: i32, wanted: &str) {
    let run = run(arguments);
    assert_eq!(run.code, code, "{arguments}: {run:#?}");
    assert!(
        run.out.contains(wanted) || run.err.contains(wanted),
        "{arguments}: no `{wanted}` in {run:#?}"
    );
}

/// A temporary file with this content.
fn temporary(name: &str, content: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("writes");
    path
}
