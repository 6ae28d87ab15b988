//! The live Linux kernel judges the iptables dialect, the interpreter and the symbolic walk.
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

mod flows;
mod judge;
mod netlink;
mod observe;
mod packets;
mod random;
mod rig;
mod ruleset;
mod wire;

use judge::{Judge, Score};
use observe::{Observer, Probe, Seen};
use portwright::dialect::Loaded;
use portwright::firewall::Action;
use portwright::net::Family;
use rand::SeedableRng;
use rand_xorshift::XorShiftRng;
use rig::Rig;
use ruleset::{BACKENDS, Backend, Ruleset};

/// Rulesets in one run, half of them IPv6, each with both backends.
const RULESETS: u64 = 100;
/// Packets for each ruleset and backend.
const PACKETS: usize = 200;

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
    export: Ruleset,
    loaded: Loaded,
    probes: Vec<Probe>,
    seen: Vec<Seen>,
}

/// Loads a ruleset into a namespace of its own and sends packets through it.
fn run(ruleset: &Ruleset, backend: Backend, probes: Vec<Probe>) -> Result<Run, String> {
    let ruleset = ruleset.clone();
    rig::in_namespace(move || {
        let mut rig = Rig::new(true)?;
        let export = ruleset.load(backend)?;
        let loaded = export.read()?;
        let legacy = if backend == Backend::Legacy {
            export.rules.as_str()
        } else {
            ""
        };
        let seen = Observer::new(legacy)?.observe(&mut rig, &probes)?;
        Ok(Run {
            export,
            loaded,
            probes,
            seen,
        })
    })
}

/// One random ruleset with its packets, through one backend.
fn random_run(seed: u64, backend: Backend) -> Run {
    let family = if seed.is_multiple_of(2) {
        Family::V4
    } else {
        Family::V6
    };
    let generated = random::generate(seed, family);
    let mut random = XorShiftRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let probes = packets::packets(&mut random, &generated, PACKETS);
    run(&generated.ruleset, backend, probes).unwrap_or_else(|fault| {
        let Ruleset { rules, sets, .. } = &generated.ruleset;
        panic!("seed {seed} {backend:?}: {fault}\n{sets}{rules}")
    })
}

/// Judges every packet; what disagrees, as text for people.
fn judge(run: &Run) -> (Score, Vec<String>) {
    let mut judge = Judge::new(&run.loaded.firewall);
    let judged = run
        .probes
        .iter()
        .zip(&run.seen)
        .map(|(probe, seen)| judge.judge(*probe, seen));
    let faults = judged.filter_map(Result::err).collect();
    (judge.score, faults)
}

#[test]
fn random_rulesets_and_packets() {
    if !enabled() {
        return;
    }
    let first = setting("PORTWRIGHT_KERNEL_SEED", 1);
    let count = setting("PORTWRIGHT_KERNEL_RULESETS", RULESETS);
    let mut total = Score::default();
    let mut report = String::new();
    for seed in first..first + count {
        for backend in BACKENDS {
            let run = random_run(seed, backend);
            for diagnostic in &run.loaded.diagnostics {
                report += &format!("seed {seed} {backend:?}: {}\n", diagnostic.message);
            }
            let (score, faults) = judge(&run);
            total += score;
            if let Some(fault) = faults.first() {
                let Ruleset { rules, sets, .. } = &run.export;
                report += &format!(
                    "\n=== PORTWRIGHT_KERNEL_SEED={seed} {backend:?}: {} of {} packets, the first:\n{fault}--- ipset save\n{sets}--- iptables-save\n{rules}",
                    faults.len(),
                    run.probes.len(),
                );
            }
        }
    }
    eprintln!("{total:?}");
    assert!(report.is_empty(), "the kernel disagrees:\n{report}");
    // The generator uses nothing that is documented as not modelled.
    assert_eq!(total.unknown, 0, "{total:?}");
    let probes = usize::try_from(count).unwrap() * BACKENDS.len() * PACKETS;
    assert_eq!(total.probes, probes, "{total:?}");
    assert!(total.in_walks * 2 > total.probes, "{total:?}");
    assert!(
        total.verdicts.iter().all(|&n| n * 50 > total.probes),
        "{total:?}"
    );
}

/// A model that is wrong in one place must be noticed: else this oracle is blind.
#[test]
fn a_wrong_model_is_noticed() {
    if !enabled() {
        return;
    }
    let mut wrong = 0;
    let mut noticed = 0;
    for seed in 1_000..1_020 {
        let mut run = random_run(seed, BACKENDS[seed as usize / 2 % 2]);
        assert_eq!(judge(&run).1, [""; 0], "seed {seed}");
        // Rules that some packet met: turning another one round cannot show.
        let firewall = run.loaded.firewall.clone();
        for family in [Family::V4, Family::V6] {
            for (id, chain) in firewall.rules(family).iter() {
                for (at, rule) in chain.rules.iter().enumerate() {
                    let step = format!("{}/{}/{}", chain.table, chain.name, at + 1);
                    let met = run.seen.iter().any(|seen| seen.steps.contains(&step));
                    let flipped = match rule.action {
                        Action::Accept => Action::Drop,
                        Action::Drop | Action::Reject(_) => Action::Accept,
                        _ => continue,
                    };
                    if !met {
                        continue;
                    }
                    let place =
                        &mut run.loaded.firewall.rules_mut(family).chains[id.0 as usize].rules[at];
                    let right = std::mem::replace(&mut place.action, flipped);
                    wrong += 1;
                    noticed += usize::from(!judge(&run).1.is_empty());
                    run.loaded.firewall.rules_mut(family).chains[id.0 as usize].rules[at].action =
                        right;
                }
            }
        }
    }
    eprintln!("{noticed} of {wrong} wrong models were noticed");
    assert!(wrong > 50, "{wrong}");
    assert_eq!(noticed, wrong);
}
