//! Several programs at the same work, taking turns: what slows the machine slows all of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::bench::measure::{Measured, median, once};

/// How often each does it.
const ROUNDS: usize = 5;

/// What one did.
pub struct Took {
    /// Who: a program and how it was called.
    pub who: &'static str,
    /// The median of its runs.
    pub time: Duration,
    /// Most memory of a run, in bytes.
    pub memory: u64,
    /// What it found wrong, in all its runs.
    pub wrong: u64,
}

/// One that takes part.
pub struct Runner<'r> {
    /// Who.
    pub who: &'static str,
    /// Its command.
    pub command: Command,
    /// Where its output goes.
    pub output: PathBuf,
    /// Exit codes that mean that it did its work.
    pub well: &'static [i32],
    /// How many of its answers are wrong.
    pub judge: &'r dyn Fn(&Path) -> Result<u64>,
}

/// Runs all of them in turn, five times.
pub fn rounds(mut runners: Vec<Runner<'_>>, limit: Duration) -> Result<Vec<Took>> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); runners.len()];
    let mut took: Vec<Took> = runners
        .iter()
        .map(|runner| Took {
            who: runner.who,
            time: Duration::ZERO,
            memory: 0,
            wrong: 0,
        })
        .collect();
    for round in 1..=ROUNDS {
        for ((runner, times), took) in runners.iter_mut().zip(&mut times).zip(&mut took) {
            eprint!("… {round}: {}", runner.who);
            match once(&mut runner.command, &runner.output, limit, runner.well)? {
                Measured::Done { time, memory } => {
                    times.push(time);
                    took.memory = took.memory.max(memory);
                    let wrong = (runner.judge)(&runner.output)?;
                    took.wrong += wrong;
                    eprintln!(" {:.2} s, {wrong} wrong", time.as_secs_f64());
                }
                Measured::Stopped(limit) => bail!("{} did not end in {limit:?}", runner.who),
                Measured::Not(why) => bail!(
                    "{} {why}: see `{}`",
                    runner.who,
                    runner.output.with_extension("err").display()
                ),
            }
        }
    }
    for (took, times) in took.iter_mut().zip(&mut times) {
        took.time = median(times);
    }
    Ok(took)
}
