//! Time and memory of other programs.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use wait4::Wait4 as _;

/// Runs at most, and the time after which none is added.
const RUNS: usize = 5;
const ENOUGH: Duration = Duration::from_secs(20);

/// What a program took.
#[derive(Clone, Debug)]
pub enum Measured {
    /// It came to its end.
    Done {
        /// The median of its runs.
        time: Duration,
        /// Most memory of a run, in bytes; 0 where it is not known.
        memory: u64,
    },
    /// It was stopped.
    Stopped(Duration),
    /// It was not run, or failed: why.
    Not(String),
}

impl Measured {
    /// The time, when it came to its end.
    pub fn time(&self) -> Option<Duration> {
        match self {
            Self::Done { time, .. } => Some(*time),
            _ => None,
        }
    }
}

/// Runs a program up to five times, its output in a file. `well` holds the exit codes that mean
/// that it did its work.
pub fn measure(
    command: &mut Command,
    output: &Path,
    limit: Duration,
    well: &[i32],
) -> Result<Measured> {
    let (mut times, mut most) = (Vec::new(), 0);
    let started = Instant::now();
    while times.len() < RUNS && (times.is_empty() || started.elapsed() < ENOUGH) {
        match once(command, output, limit, well)? {
            Measured::Done { time, memory } => {
                times.push(time);
                most = most.max(memory);
            }
            other => return Ok(other),
        }
    }
    Ok(Measured::Done {
        time: median(&mut times),
        memory: most,
    })
}

/// The middle one.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Runs a program once.
pub fn once(
    command: &mut Command,
    output: &Path,
    limit: Duration,
    well: &[i32],
) -> Result<Measured> {
    let open =
        || File::create(output).with_context(|| format!("cannot create `{}`", output.display()));
    command
        .stdin(Stdio::null())
        .stdout(open()?)
        .stderr(File::create(output.with_extension("err")).context("cannot create a log")?);
    // A group of its own, so that whatever it starts is stopped with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let name = command.get_program().display().to_string();
    let started = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run `{name}`"))?;
    let group = format!("-{}", child.id());
    let (done, is_done) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        let late = is_done.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        late && Command::new("kill")
            .args(["-KILL", "--", &group])
            .status()
            .is_ok()
    });
    let used = child
        .wait4()
        .with_context(|| format!("cannot wait for `{name}`"))?;
    let time = started.elapsed();
    let _ = done.send(());
    if watch.join().unwrap_or(false) {
        return Ok(Measured::Stopped(limit));
    }
    // Some programs end the same way when they refuse as when they have findings.
    let said_something = || fs::metadata(output).is_ok_and(|file| file.len() > 0);
    match used.status.code() {
        Some(code) if well.contains(&code) && (code == 0 || said_something()) => {
            Ok(Measured::Done {
                time,
                memory: own_memory(used.rusage.maxrss),
            })
        }
        Some(code) => {
            let errors = fs::read_to_string(output.with_extension("err")).unwrap_or_default();
            let why = errors.lines().last().map(str::to_owned);
            Ok(Measured::Not(
                why.unwrap_or_else(|| format!("exited with {code}")),
            ))
        }
        None => Ok(Measured::Not("was ended by a signal".to_owned())),
    }
}

/// The most memory that a program held, when it can be told: Linux counts what this process held
/// when it started the other as that one's own.
fn own_memory(most: u64) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let inherited = kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024;
    if most > inherited { most } else { 0 }
}
