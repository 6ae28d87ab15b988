//! `cargo xtask test`: every test of the project, in order, counted.

use std::fmt::Write as _;
use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;

use crate::counts::{self, Counts};
use crate::setup::{self, BROWSER, KERNEL, NODE, Need, WASM};
use crate::shell::{Shell, Transcript, find_program};
use crate::{docs, wasm, web};

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Options {
    /// Run these tests only
    #[arg(long, value_enum, value_delimiter = ',', value_name = "GROUP")]
    only: Vec<Group>,
}

/// Tests that are worth running together while developing.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Formatting, lints and the tests of all crates but the kernel tests
    Rust,
    /// Live netfilter against the engine (root, Linux)
    Kernel,
    /// The engine in WebAssembly, run by Node.js
    Wasm,
    /// The calculator: types, unit tests, build, headless browser
    Web,
    /// Doc tests, and whether generated schemas and types are up to date
    Docs,
}

struct Step {
    name: &'static str,
    groups: &'static [Group],
    needs: &'static [Need],
    /// Reads the runner's totals; without it the step counts as one test.
    counts: Option<fn(&str) -> Counts>,
    run: fn(&Shell) -> Result<Transcript>,
}

const STEPS: &[Step] = &[
    Step {
        name: "cargo fmt",
        groups: &[Group::Rust],
        needs: &[],
        counts: None,
        run: |shell| shell.transcript(shell.cargo().args(["fmt", "--all", "--check"])),
    },
    Step {
        name: "cargo clippy",
        groups: &[Group::Rust],
        needs: &[],
        counts: None,
        run: clippy,
    },
    Step {
        name: "cargo tests",
        groups: &[Group::Rust],
        needs: &[],
        counts: Some(counts::rust),
        run: rust_tests,
    },
    Step {
        name: "doc tests",
        groups: &[Group::Docs],
        needs: &[],
        counts: Some(counts::rust),
        run: doc_tests,
    },
    Step {
        name: "kernel tests",
        groups: &[Group::Kernel],
        needs: &[KERNEL],
        counts: Some(counts::rust),
        run: kernel_tests,
    },
    Step {
        name: "npm packages",
        groups: &[Group::Wasm, Group::Web, Group::Docs],
        needs: &[NODE],
        counts: None,
        run: |shell| task(web::install(shell)),
    },
    Step {
        name: "generated files",
        groups: &[Group::Docs],
        needs: &[NODE],
        counts: None,
        run: |shell| task(docs::check(shell)),
    },
    Step {
        name: "wasm build",
        groups: &[Group::Wasm, Group::Web],
        needs: &[WASM, NODE],
        counts: None,
        run: |shell| task(wasm::build(shell)),
    },
    Step {
        name: "wasm in Node.js",
        groups: &[Group::Wasm],
        needs: &[WASM, NODE],
        counts: Some(counts::node),
        run: wasm_tests,
    },
    Step {
        name: "svelte-check",
        groups: &[Group::Web],
        needs: &[WASM, NODE],
        counts: None,
        run: svelte_check,
    },
    Step {
        name: "unit tests (web)",
        groups: &[Group::Web],
        needs: &[WASM, NODE],
        counts: Some(counts::vitest),
        run: unit_tests,
    },
    Step {
        name: "vite build",
        groups: &[Group::Web],
        needs: &[WASM, NODE],
        counts: None,
        run: |shell| task(web::build(shell)),
    },
    Step {
        name: "browser tests",
        groups: &[Group::Web],
        needs: &[WASM, NODE, BROWSER],
        counts: Some(counts::node),
        run: browser_tests,
    },
];

struct Outcome {
    name: &'static str,
    counts: Counts,
    time: Duration,
    /// Why the step failed or was skipped.
    reason: Option<String>,
}

impl Options {
    fn want(&self, step: &Step) -> bool {
        self.only.is_empty() || self.only.iter().any(|group| step.groups.contains(group))
    }
}

/// Installs what is missing, runs every step in spite of failures, and counts. The totals are the
/// last line, so a failure is told by the exit code alone.
pub fn test(shell: &Shell, options: &Options) -> Result<ExitCode> {
    let chosen: Vec<&Step> = STEPS
        .iter()
        .filter(|step| {
            options.want(step) && (step.groups != [Group::Kernel] || has_kernel_tests(shell))
        })
        .collect();
    let needs: Vec<Need> = chosen
        .iter()
        .flat_map(|step| step.needs.iter().copied())
        .collect();
    if let Err(error) = setup::install(shell, &needs) {
        eprintln!("error: {error:#}");
    }
    let outcomes: Vec<Outcome> = chosen.iter().map(|step| run(shell, step)).collect();
    if shell.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let mut total = Counts::default();
    outcomes.iter().for_each(|outcome| total += outcome.counts);
    println!("\n{}\n{total}", table(&outcomes));
    Ok(if total.failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn run(shell: &Shell, step: &Step) -> Outcome {
    println!("\n=== {} ===", step.name);
    let started = Instant::now();
    let (mut counts, mut reason) = match step.needs.iter().find_map(|need| need.unmet(shell)) {
        Some(why) => (
            Counts {
                skipped: 1,
                ..Counts::default()
            },
            Some(why),
        ),
        None => judge(step, (step.run)(shell)),
    };
    if shell.ci && counts.failed == 0 && counts.skipped > 0 {
        counts.failed += std::mem::take(&mut counts.skipped);
        reason = Some(format!(
            "CI skips nothing, but: {}",
            reason.as_deref().unwrap_or("tests were skipped")
        ));
    }
    if let Some(reason) = &reason {
        let what = if counts.failed > 0 {
            "FAILED"
        } else {
            "SKIPPED"
        };
        println!("!!! {what}: {}: {reason}", step.name);
    }
    Outcome {
        name: step.name,
        counts,
        time: started.elapsed(),
        reason,
    }
}

fn judge(step: &Step, result: Result<Transcript>) -> (Counts, Option<String>) {
    let transcript = match result {
        Ok(transcript) => transcript,
        Err(error) => {
            return (
                Counts {
                    failed: 1,
                    ..Counts::default()
                },
                Some(format!("{error:#}")),
            );
        }
    };
    let mut counts = match step.counts {
        Some(read) => read(&transcript.text),
        None => Counts {
            passed: u64::from(transcript.success),
            ..Counts::default()
        },
    };
    // A runner that did not get as far as its totals.
    if !transcript.success && counts.failed == 0 {
        counts.failed = 1;
    }
    let reason = if counts.failed > 0 {
        Some("see its output above".to_owned())
    } else if counts.skipped > 0 {
        Some("some of its tests are marked as ignored".to_owned())
    } else {
        None
    };
    (counts, reason)
}

fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let state = match outcome.counts {
            Counts { failed: 1.., .. } => "FAILED",
            Counts {
                skipped: 1..,
                passed: 0,
                ..
            } => "SKIPPED",
            _ => "ok",
        };
        let seconds = outcome.time.as_secs_f64();
        let counts = outcome.counts.to_string();
        let reason = outcome
            .reason
            .as_ref()
            .map(|reason| format!("  ({reason})"))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "{state:<8}{:<18}{seconds:>7.1} s   {counts}{reason}",
            outcome.name
        );
    }
    text
}

fn task(result: Result<()>) -> Result<Transcript> {
    result.map(|()| Transcript {
        success: true,
        text: String::new(),
    })
}

fn clippy(shell: &Shell) -> Result<Transcript> {
    shell.transcript(shell.cargo().args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn rust_tests(shell: &Shell) -> Result<Transcript> {
    let mut cargo = shell.cargo();
    if has_nextest() {
        cargo.args([
            "nextest",
            "run",
            "--locked",
            "--workspace",
            "--no-fail-fast",
        ]);
        if has_kernel_tests(shell) {
            cargo.args(["-E", "not (package(portwright-tests) & binary(kernel))"]);
        }
    } else {
        cargo.args([
            "test",
            "--locked",
            "--workspace",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
        ]);
    }
    shell.transcript(&mut cargo)
}

fn doc_tests(shell: &Shell) -> Result<Transcript> {
    shell.transcript(shell.cargo().args([
        "test",
        "--locked",
        "--workspace",
        "--doc",
        "--no-fail-fast",
    ]))
}

fn kernel_tests(shell: &Shell) -> Result<Transcript> {
    let mut cargo = shell.cargo();
    cargo.env("PORTWRIGHT_KERNEL", "1").args(if has_nextest() {
        ["nextest", "run"].as_slice()
    } else {
        &["test"]
    });
    shell.transcript(cargo.args([
        "--locked",
        "--no-fail-fast",
        "-p",
        "portwright-tests",
        "--test",
        "kernel",
    ]))
}

fn wasm_tests(shell: &Shell) -> Result<Transcript> {
    node_tests(shell, &["../wasm/tests/node.test.mjs"])
}

fn svelte_check(shell: &Shell) -> Result<Transcript> {
    let mut node = web::node(shell);
    node.args([
        "node_modules/svelte-check/bin/svelte-check",
        "--tsconfig",
        "./tsconfig.json",
        "--fail-on-warnings",
    ]);
    shell.transcript(&mut node)
}

fn unit_tests(shell: &Shell) -> Result<Transcript> {
    shell.transcript(
        web::node(shell)
            .env("NO_COLOR", "1")
            .args(["node_modules/vitest/vitest.mjs", "run"]),
    )
}

fn browser_tests(shell: &Shell) -> Result<Transcript> {
    let mut files: Vec<String> = Vec::new();
    for entry in fs::read_dir(shell.root.join("web/tests"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") {
            files.push(format!("tests/{name}"));
        }
    }
    files.sort();
    node_tests(shell, &files.iter().map(String::as_str).collect::<Vec<_>>())
}

fn node_tests(shell: &Shell, files: &[&str]) -> Result<Transcript> {
    let mut node = web::node(shell);
    if let Some(browser) = web::browser() {
        node.env("CHROMIUM", browser);
    }
    shell.transcript(
        node.env("NO_COLOR", "1")
            .args(["--test", "--test-reporter=spec"])
            .args(files),
    )
}

fn has_nextest() -> bool {
    find_program("cargo-nextest").is_some()
}

fn has_kernel_tests(shell: &Shell) -> bool {
    ["tests/tests/kernel.rs", "tests/tests/kernel/main.rs"]
        .iter()
        .any(|file| shell.root.join(file).exists())
}
