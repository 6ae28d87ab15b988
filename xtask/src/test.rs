//! `cargo xtask test`: every test of the project, in order, counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::counts::Counts;
use crate::setup::{self, Need};
use crate::shell::{Shell, Transcript};
use crate::steps::{Group, STEPS, Step};

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Options {
    /// Run these tests only
    #[arg(long, value_enum, value_delimiter = ',', value_name = "GROUP")]
    only: Vec<Group>,
}

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
    let chosen: Vec<&Step> = STEPS.iter().filter(|step| options.want(step)).collect();
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
        Some(why) => (Counts::SKIPPED, Some(why)),
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
        Err(error) => return (Counts::FAILED, Some(format!("{error:#}"))),
    };
    let mut counts = match step.counts {
        Some(read) => read(&transcript.text),
        None if transcript.success => Counts::PASSED,
        None => Counts::FAILED,
    };
    // A runner that did not get as far as its totals.
    if !transcript.success && counts.failed == 0 {
        counts.failed = 1;
    }
    let reason = if counts.failed > 0 {
        Some("see the output above".to_owned())
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
        let _ = writeln!(
            text,
            "{state:<8}{:<18}{seconds:>7.1} s   {}",
            outcome.name, outcome.counts
        );
    }
    // Once for each reason: one missing tool can be the reason of many steps.
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for outcome in outcomes {
        if let Some(reason) = &outcome.reason {
            reasons.entry(reason).or_default().push(outcome.name);
        }
    }
    for (reason, names) in reasons {
        let _ = writeln!(text, "{}: {reason}", names.join(", "));
    }
    text
}
