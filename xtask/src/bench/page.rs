//! docs/performance.md.

use std::fmt::Write as _;
use std::fs;

use super::measure::Measured;
use super::rows::{Agreement, Results};
use crate::shell::Shell;

/// The whole page.
pub fn page(shell: &Shell, versions: &[String], timeout: u64, results: &Results) -> String {
    let mut page = format!(
        "# Performance\n\n\
         Measured, never asserted in tests. This page is written by\n\n\
         ```console\n$ cargo xtask bench --peers\n```\n\n\
         which installs the peers from PyPI and runs all programs one after the other on the same\n\
         generated files (`core/benches/generate/`, the same on every machine). Times are those of whole\n\
         processes, from start to the last byte of output; the median of up to five runs. Memory is the\n\
         most that the process held, – where that is not known. A program is stopped after {timeout} s; larger files of that kind are\n\
         then not tried.\n\n\
         {}; {}. {}.\n",
        machine(shell),
        today(shell),
        versions.join(", "),
    );
    audits(&mut page, results);
    agreements(&mut page, &results.agreements);
    compares(&mut page, results);
    own(&mut page, results);
    page.push_str(
        "\n## Inside the engine\n\n\
         `cargo xtask bench` (without `--peers`) runs the criterion benchmarks of `core/benches`: resolving,\n\
         linting, tracing and the packet-set algebra without the start of a process. The size of the engine in\n\
         WebAssembly is printed by `cargo xtask wasm`.\n",
    );
    page
}

fn audits(page: &mut String, results: &Results) {
    page.push_str(
        "\n## Parsing and auditing one export\n\n\
         `portwright audit`, the same request in WebAssembly (Node.js; the call alone), `fwshift audit`, and\n\
         `aclgen --shade_check` of aerleon on an equivalent policy (it cannot read exports, and looks for\n\
         shadowing by a single rule only). *sparse*: hosts and networks to services, few wildcards.\n\
         *wildcards*: each of source, destination and both ports is open in 4 rules of 10. *kube-proxy*: a\n\
         chain for each service and endpoint, as kube-proxy writes them (about so many rules); fwshift reads\n\
         of it the few rules of FORWARD only.\n\n\
         | file | rules | Portwright | memory | WebAssembly | fwshift | memory | aerleon | memory | fwshift ÷ Portwright |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in &results.audits {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.kind.name(),
            number(row.rules),
            time(&row.portwright),
            memory(&row.portwright),
            time(&row.wasm),
            time(&row.fwshift),
            memory(&row.fwshift),
            time(&row.aerleon),
            memory(&row.aerleon),
            ratio(&row.fwshift, &row.portwright),
        );
    }
}

fn agreements(page: &mut String, all: &[Agreement]) {
    if all.is_empty() {
        return;
    }
    page.push_str(
        "\n### Do they agree?\n\n\
         Rules that can never match, in the same files; behind each peer's number, how many of its rules\n\
         Portwright finds too. aerleon misses those that only several rules together cover.\n\n\
         | file | rules | Portwright | fwshift | aerleon |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    let peer = |found: Option<(usize, usize)>| {
        found.map_or("–".to_owned(), |(all, both)| format!("{all} ({both})"))
    };
    for row in all {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            row.kind.name(),
            number(row.rules),
            row.portwright,
            peer(row.fwshift),
            peer(row.aerleon),
        );
    }
}

fn compares(page: &mut String, results: &Results) {
    page.push_str(
        "\n## Comparing two exports\n\n\
         One rule (or service) in a hundred changed: `portwright compare`, `fwshift compare`.\n\n\
         | files | rules | Portwright | memory | fwshift | memory | fwshift ÷ Portwright |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in &results.compares {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.kind.name(),
            number(row.rules),
            time(&row.portwright),
            memory(&row.portwright),
            time(&row.fwshift),
            memory(&row.fwshift),
            ratio(&row.fwshift, &row.portwright),
        );
    }
}

fn own(page: &mut String, results: &Results) {
    page.push_str(
        "\n## What no peer does\n\n\
         Resolving a site of so many hosts into its flows (clusters of 1,000); checking an export of so many\n\
         rules against a site of 20 hosts with the whole DCE catalogue (two thirds of the rules are findings,\n\
         the expensive case, each with a traced witness); tracing so many packets through 300 rules.\n\n\
         | work | number | time | memory |\n| --- | ---: | ---: | ---: |\n",
    );
    let mut rows: Vec<_> = results.own.iter().collect();
    rows.sort_by_key(|(what, ..)| *what);
    for (what, size, measured) in rows {
        let _ = writeln!(
            page,
            "| {what} | {} | {} | {} |",
            number(*size),
            time(measured),
            memory(measured)
        );
    }
}

fn time(measured: &Measured) -> String {
    match measured {
        Measured::Done { time, .. } => {
            let seconds = time.as_secs_f64();
            match seconds {
                ..0.1 => format!("{:.1} ms", seconds * 1e3),
                ..1.0 => format!("{:.0} ms", seconds * 1e3),
                ..10.0 => format!("{seconds:.2} s"),
                _ => format!("{seconds:.1} s"),
            }
        }
        Measured::Stopped(limit) => format!("stopped at {} s", limit.as_secs()),
        Measured::Not(why) => why.clone(),
    }
}

fn memory(measured: &Measured) -> String {
    match measured {
        Measured::Done { memory: 0, .. } => "–".to_owned(),
        Measured::Done { memory, .. } => format!("{} MiB", memory.div_ceil(1 << 20)),
        _ => "–".to_owned(),
    }
}

/// How many times as long; at least that, where it was stopped.
fn ratio(slow: &Measured, quick: &Measured) -> String {
    let (least, slow) = match slow {
        Measured::Done { time, .. } => ("", *time),
        Measured::Stopped(limit) => ("> ", *limit),
        Measured::Not(_) => return "–".to_owned(),
    };
    quick.time().map_or("–".to_owned(), |quick| {
        format!("{least}{:.0} ×", slow.as_secs_f64() / quick.as_secs_f64())
    })
}

/// With thousands parted.
pub fn number(number: u32) -> String {
    let digits = number.to_string();
    let mut parted = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            parted.push(',');
        }
        parted.push(digit);
    }
    parted
}

/// What it runs on.
pub fn machine(shell: &Shell) -> String {
    let field = |path: &str, name: &str| {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
        .map_or(String::new(), |kib| {
            format!(", {} GiB", kib.div_ceil(1 << 20))
        });
    let system = shell
        .query(shell.command("uname").arg("-sr"))
        .unwrap_or_default();
    let rustc = shell
        .query(shell.command("rustc").arg("--version"))
        .unwrap_or_default();
    let rustc: Vec<_> = rustc.split(' ').take(2).collect();
    format!(
        "{model}, {cores} cores{memory}, {system}, {}",
        rustc.join(" ")
    )
}

/// The date, as people sort it.
pub fn today(shell: &Shell) -> String {
    shell
        .query(shell.command("date").arg("+%Y-%m-%d"))
        .unwrap_or_default()
}
