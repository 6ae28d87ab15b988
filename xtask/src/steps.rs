//! What there is to test.

use std::fs;

use anyhow::Result;
use clap::ValueEnum;

use crate::counts::{self, Counts};
use crate::setup::{BROWSER, CXX, KERNEL, NODE, Need, PYTHON, SSHD, WASM};
use crate::shell::{Shell, Transcript, find_program};
use crate::{ansible, docs, fuzz, wasm, web};

/// Tests that are worth running together while developing.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// Formatting, lints and the tests of all crates but the kernel tests
    Rust,
    /// Every reader against mutated texts, for a few seconds each
    Fuzz,
    /// Live netfilter against the engine, and live probes (root, Linux)
    Kernel,
    /// The Ansible collection, end to end over ssh, and the Kubernetes manifests
    Hosts,
    /// Live probes between network namespaces (root, Linux)
    Probe,
    /// The engine in WebAssembly, run by Node.js
    Wasm,
    /// The calculator: types, unit tests, build, headless browser
    Web,
    /// Doc tests, and whether generated schemas and types are up to date
    Docs,
}

/// One line of the table of results.
pub struct Step {
    /// Shown in the table.
    pub name: &'static str,
    /// Chosen by any one of these.
    pub groups: &'static [Group],
    /// Without these it is skipped, and in CI fails.
    pub needs: &'static [Need],
    /// Reads the runner's totals; without it the step counts as one test.
    pub counts: Option<fn(&str) -> Counts>,
    /// Runs it.
    pub run: fn(&Shell) -> Result<Transcript>,
}

/// Every test, in the order of running: the cheap and the basic first.
pub const STEPS: &[Step] = &[
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
        name: "fuzz targets",
        groups: &[Group::Fuzz],
        needs: &[CXX],
        counts: Some(counts::rust),
        run: fuzz::smoke,
    },
    Step {
        name: "kernel tests",
        groups: &[Group::Kernel],
        needs: &[KERNEL],
        counts: Some(counts::rust),
        run: kernel_tests,
    },
    Step {
        name: "collection",
        groups: &[Group::Hosts],
        needs: &[PYTHON],
        counts: None,
        run: ansible::check,
    },
    Step {
        name: "ansible tests",
        groups: &[Group::Hosts],
        needs: &[PYTHON, KERNEL, SSHD],
        counts: Some(counts::rust),
        run: ansible::end_to_end,
    },
    Step {
        name: "k8s manifests",
        groups: &[Group::Hosts],
        needs: &[PYTHON],
        counts: None,
        run: ansible::manifests,
    },
    Step {
        name: "probe tests",
        groups: &[Group::Kernel, Group::Probe],
        needs: &[KERNEL],
        counts: Some(counts::rust),
        run: probe_tests,
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
            "-E",
            "not (package(portwright-tests) & binary(kernel)) \
             and not (package(portwright-cli) & (binary(probe) | binary(ansible)))",
        ]);
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
        // `prove` asks it, too.
        "-p",
        "portwright-cli",
        "--test",
        "cli",
    ]))
}

fn probe_tests(shell: &Shell) -> Result<Transcript> {
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
        "portwright-cli",
        "--test",
        "probe",
    ]))
}

fn wasm_tests(shell: &Shell) -> Result<Transcript> {
    node_tests(
        shell,
        &[
            "../wasm/tests/node.test.mjs",
            "../wasm/tests/parity.test.mjs",
        ],
    )
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
