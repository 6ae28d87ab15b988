//! The live Linux kernel judges the dialects of Linux firewalls, the interpreter and the symbolic
//! walk.
//!
//! Rules are loaded into a network namespace and exported again; Portwright reads that export.
//! Crafted packets are sent through the namespace; the kernel's own trace says which rules
//! matched, and Portwright must say the same. Runs with `PORTWRIGHT_KERNEL=1` (as
//! `cargo xtask test` does), as root, on Linux.
//!
//! `PORTWRIGHT_KERNEL_SEED` and `PORTWRIGHT_KERNEL_RULESETS` choose the random rulesets.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures and settings, and use threads"
)]

mod draw;
mod facts;
mod hint;
mod iptables;
mod judge;
mod nft;
mod packets;
mod ruleset;
mod sensitivity;
mod tally;

use draw::Draw;
use iptables::Generated;
use judge::Judge;
use portwright::dialect::Loaded;
use portwright::net::Family;
use portwright_cli::kernel::{Export, Fault, Observer, Probe, Rig, Seen, Watch, in_namespace};
use ruleset::{HOST, Language};
use tally::Tally;

/// Random rulesets in one run; by their numbers they are of three languages and two families.
const RULESETS: u64 = 330;
/// Packets for each ruleset.
const PACKETS: usize = 200;
/// Of a hundred packets, how many must get a certain answer in each language.
const CERTAIN_AT_LEAST: usize = 99;

/// Whether the kernel may be asked; says so when not.
fn enabled() -> bool {
    let enabled = std::env::var("PORTWRIGHT_KERNEL").is_ok_and(|value| value == "1");
    if !enabled {
        eprintln!(
            "NOT RUN: the live kernel is asked only with PORTWRIGHT_KERNEL=1 (cargo xtask test)"
        );
    }
    enabled
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// What one ruleset and its packets gave.
struct Run {
    language: Language,
    exports: Vec<Export>,
    loaded: Loaded,
    probes: Vec<Probe>,
    seen: Vec<Seen>,
}

/// Loads a ruleset into a namespace of its own and sends packets through it.
fn run(
    language: Language,
    exports: &[Export],
    watch: Watch,
    probes: Vec<Probe>,
) -> Result<Run, Fault> {
    in_namespace(|| {
        let mut rig = Rig::new(&HOST)?;
        let exports = ruleset::reload(exports)?;
        let loaded = if language.is_read() {
            ruleset::read(&exports)?
        } else {
            Loaded::default()
        };
        rig.watch(watch)?;
        let seen = Observer::new(&exports)?.observe(&mut rig, &probes)?;
        Ok(Run {
            language,
            exports,
            loaded,
            probes,
            seen,
        })
    })
}

/// The random ruleset of a number, with its packets.
fn random_run(seed: u64) -> Run {
    let language = Language::ALL[(seed % 3) as usize];
    let family = Family::ALL[(seed / 3 % 2) as usize];
    let Generated {
        exports,
        hints,
        stateless,
    } = match language {
        Language::Nft => nft::generate(seed, &HOST),
        _ => iptables::generate(seed, family, language, &HOST),
    };
    let probes = random_packets(seed, family, language, &hints, stateless);
    let watch = Watch { stateless, mark: 0 };
    run(language, &exports, watch, probes).unwrap_or_else(|fault| {
        panic!(
            "PORTWRIGHT_KERNEL_SEED={seed} {}: {fault}\n{}",
            language.name(),
            texts(&exports)
        )
    })
}

fn random_packets(
    seed: u64,
    family: Family,
    language: Language,
    hints: &[hint::Hints],
    stateless: bool,
) -> Vec<Probe> {
    let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // nftables has tables for both families.
    let families: &[Family] = match language {
        Language::Nft => &Family::ALL,
        _ => &[family],
    };
    let share = PACKETS / families.len();
    let of = |&family: &Family| {
        let mut draw = Draw::new(seed ^ family as u64, family, &HOST);
        let fits = |hints: &&hint::Hints| {
            let other = |hint: &hint::Hint| matches!(hint, hint::Hint::Family(f) if *f != family);
            !hints.iter().any(other)
        };
        let hints: Vec<hint::Hints> = hints.iter().filter(fits).cloned().collect();
        packets::packets(&mut draw, &hints, share, stateless, language)
    };
    families.iter().flat_map(of).collect()
}

/// Exports as people read them.
fn texts(exports: &[Export]) -> String {
    let one = |export: &Export| format!("--- {:?}\n{}", export.kind, export.text);
    exports.iter().map(one).collect()
}

/// Judges every packet; what disagrees, as text for people.
fn judge(run: &Run) -> (Tally, Vec<String>) {
    let mut judge = Judge::new(&run.loaded.firewall, run.language);
    let judged = run
        .probes
        .iter()
        .zip(&run.seen)
        .map(|(probe, seen)| judge.judge(probe, seen));
    let faults = judged.filter_map(Result::err).collect();
    (judge.tally, faults)
}

/// Counts what the kernel did where Portwright cannot be asked yet.
fn count(run: &Run) -> Tally {
    let mut tally = Tally::default();
    for (probe, seen) in run.probes.iter().zip(&run.seen) {
        let counts = tally.at(run.language, probe.family, probe.hook);
        counts.probes += 1;
        let verdict = ["accept", "drop", "reject"];
        match verdict.iter().position(|v| *v == seen.verdict()) {
            Some(at) => counts.verdicts[at] += 1,
            None => counts.lost += 1,
        }
    }
    tally
}

#[test]
fn random_rulesets_and_packets() {
    if !enabled() {
        return;
    }
    let first = setting("PORTWRIGHT_KERNEL_SEED", 1);
    let number = setting("PORTWRIGHT_KERNEL_RULESETS", RULESETS);
    let mut total = Tally::default();
    let mut report = String::new();
    for seed in first..first + number {
        let run = random_run(seed);
        let (tally, faults) = if run.language.is_read() {
            judge(&run)
        } else {
            (count(&run), Vec::new())
        };
        total += tally;
        total.rulesets += 1;
        let title = format!("PORTWRIGHT_KERNEL_SEED={seed} {}", run.language.name());
        for diagnostic in &run.loaded.diagnostics {
            let line = &diagnostic.message;
            *total
                .reasons
                .entry(format!("diagnostic: {line}"))
                .or_default() += 0;
        }
        if let Some(fault) = faults.first() {
            report += &format!(
                "\n=== {title}: {} of {} packets, the first:\n{fault}{}",
                faults.len(),
                run.probes.len(),
                texts(&run.exports)
            );
        }
    }
    println!("{total}");
    assert!(
        report.is_empty(),
        "the kernel disagrees:\n{report}\n{total}"
    );
    for language in Language::ALL {
        let counts = total.of(language);
        let certain = counts.judged - counts.unknown;
        assert!(
            certain * 100 >= counts.judged * CERTAIN_AT_LEAST,
            "{}: {certain} of {} packets have a certain answer, expected {CERTAIN_AT_LEAST} in a hundred\n{total}",
            language.name(),
            counts.judged
        );
    }
    let counts = total.total();
    // A run that tells nothing must not pass.
    assert!(counts.lost * 20 < counts.probes, "{total}");
    assert!(
        counts.verdicts.iter().all(|&n| n * 50 > counts.probes),
        "{total}"
    );
    if number >= RULESETS {
        assert!(total.rulesets >= 300 && counts.probes >= 60_000, "{total}");
    }
}
