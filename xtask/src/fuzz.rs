//! `cargo xtask fuzz`: coverage-guided fuzzing of every reader, on stable Rust.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::setup;
use crate::shell::{Shell, Transcript};

/// What cargo-fuzz asks of the compiler, as far as stable Rust has it: coverage, no sanitizer
/// (the engine forbids unsafe code).
const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Seconds for each target among the tests.
const MOMENT: u32 = 3;
/// Longest time for one input, in seconds.
const TIMEOUT: u32 = 10;
/// Most memory, in MiB.
const MEMORY: u32 = 2048;
/// Seconds for making a failing input smaller.
const MINIMISING: u32 = 20;
/// Lines of the fuzzer's log that show a failure.
const TAIL: usize = 60;
/// Longest input in bytes: faults show in small ones.
const LONGEST: u32 = 4096;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub struct Options {
    /// Only these targets; all without
    targets: Vec<String>,
    /// Time for each target
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u32,
    /// List the targets
    #[arg(long)]
    list: bool,
}

/// A target and the folders of texts that it starts from.
struct Target {
    name: String,
    seeds: Vec<PathBuf>,
}

/// Fuzzes the targets that were asked for, one after the other.
pub fn fuzz(shell: &Shell, options: &Options) -> Result<()> {
    setup::require(shell, &[setup::CXX])?;
    let program = build(shell)?;
    if shell.dry_run {
        return Ok(());
    }
    let mut targets = targets(shell, &program)?;
    if options.list {
        targets
            .iter()
            .for_each(|target| println!("{}", target.name));
        return Ok(());
    }
    for name in &options.targets {
        if !targets.iter().any(|target| target.name == *name) {
            bail!("there is no fuzz target `{name}`: `cargo xtask fuzz --list` shows them");
        }
    }
    if !options.targets.is_empty() {
        targets.retain(|target| options.targets.contains(&target.name));
    }
    let mut failed = Vec::new();
    for target in &targets {
        if !run(shell, &program, target, options.seconds)? {
            failed.push(target.name.as_str());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("these targets found something: {}", failed.join(", "))
}

/// Each target for a moment: what `cargo xtask test` does.
pub fn smoke(shell: &Shell) -> Result<Transcript> {
    let program = build(shell)?;
    let targets = if shell.dry_run {
        Vec::new()
    } else {
        targets(shell, &program)?
    };
    let mut failed = 0;
    for target in &targets {
        failed += usize::from(!run(shell, &program, target, MOMENT)?);
    }
    let passed = targets.len() - failed;
    Ok(Transcript {
        success: failed == 0,
        text: format!("test result: {passed} passed; {failed} failed"),
    })
}

fn build(shell: &Shell) -> Result<PathBuf> {
    let version = shell.query(shell.command("rustc").arg("-vV"));
    let version = version.context("cannot run `rustc -vV`")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("`rustc -vV` names no host")?;
    // With a target named, build scripts and macros are spared the flags.
    shell.run(
        shell
            .cargo()
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
            .args(["build", "--locked", "--profile", "fuzz", "--target", host])
            .args(["-p", "portwright-tests", "--features", "fuzz"])
            .args(["--bin", "portwright-fuzz"]),
    )?;
    Ok(shell
        .target
        .join(host)
        .join("fuzz")
        .join(format!("portwright-fuzz{}", env::consts::EXE_SUFFIX)))
}

fn targets(shell: &Shell, program: &Path) -> Result<Vec<Target>> {
    let list = shell.query(shell.command(program).env_remove("PORTWRIGHT_FUZZ"));
    let list = list.context("the fuzzer does not list its targets")?;
    let fixtures = shell.root.join("tests/fixtures");
    let target = |line: &str| {
        let mut words = line.split('\t');
        let name = words.next().unwrap_or("").to_owned();
        let own = [fixtures.join(&name), fixtures.join("fuzz").join(&name)];
        let shared = words
            .filter(|folder| !folder.is_empty())
            .map(|folder| fixtures.join(folder));
        let mut seeds: Vec<PathBuf> = own.into_iter().chain(shared).collect();
        seeds.retain(|folder| folder.is_dir());
        seeds.dedup();
        Target { name, seeds }
    };
    Ok(list.lines().map(target).collect())
}

/// Runs one target; whether it found nothing.
fn run(shell: &Shell, program: &Path, target: &Target, seconds: u32) -> Result<bool> {
    // Kept from run to run; what is worth keeping for good goes to tests/fixtures/fuzz.
    let work = shell.target.join("fuzz");
    let corpus = work.join("corpus").join(&target.name);
    let found = work.join("found").join(&target.name);
    for folder in [&corpus, &found] {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    let mut arguments = vec![
        format!("-max_total_time={seconds}"),
        format!("-max_len={LONGEST}"),
        format!("-artifact_prefix={}/", found.display()),
        "-print_final_stats=1".to_owned(),
        corpus.display().to_string(),
    ];
    let seeds = target.seeds.iter().map(|folder| folder.display());
    arguments.extend(seeds.map(|folder| folder.to_string()));
    let log = work.join(format!("{}.log", target.name));
    let fuzzer = Fuzzer {
        program,
        name: &target.name,
        log: &log,
    };
    let passed = fuzzer.run(shell, &arguments)?;
    let text = fs::read_to_string(&log).unwrap_or_default();
    if passed {
        let runs = text
            .lines()
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        println!(
            "{}: {} inputs, nothing found",
            target.name,
            runs.unwrap_or("?").trim()
        );
        return Ok(true);
    }
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines.len().saturating_sub(TAIL);
    eprintln!("{}", lines.get(tail..).unwrap_or_default().join("\n"));
    let artifact = |line: &str| {
        line.split("Test unit written to ")
            .nth(1)
            .map(str::to_owned)
    };
    if let Some(artifact) = text.lines().find_map(artifact) {
        let small = found.join("minimised");
        fuzzer.run(
            shell,
            &[
                "-minimize_crash=1".to_owned(),
                format!("-max_total_time={MINIMISING}"),
                format!("-exact_artifact_path={}", small.display()),
                artifact.clone(),
            ],
        )?;
        eprintln!(
            "{name} fails on `{artifact}`, made smaller in `{}`: keep that one in tests/fixtures/fuzz/{name} once it is corrected",
            small.display(),
            name = target.name,
        );
    }
    Ok(false)
}

/// The fuzzer for one target, its output in a log.
struct Fuzzer<'f> {
    program: &'f Path,
    name: &'f str,
    log: &'f Path,
}

impl Fuzzer<'_> {
    /// Whether it ended without finding anything.
    fn run(&self, shell: &Shell, arguments: &[String]) -> Result<bool> {
        let log = fs::File::create(self.log)
            .with_context(|| format!("cannot create `{}`", self.log.display()))?;
        let mut command = shell.command(self.program);
        command
            .env("PORTWRIGHT_FUZZ", self.name)
            .arg(format!("-timeout={TIMEOUT}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .args(arguments)
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(shell.status(&mut command)? == Some(0))
    }
}
