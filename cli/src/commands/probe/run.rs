//! `portwright probe run`

use crate::exit::Exit;
use crate::input::Stop;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  portwright probe run plan.json
  portwright probe run plan.json --from worker-1 -o worker-1.jsonl
  portwright probe run plan.json --json --rate 500 | tee results.jsonl

Without privileges TCP, UDP and, where the kernel allows ping sockets, echo requests are dialled;
SCTP and protocols without ports need CAP_NET_RAW, and are unknown without it.

Exit codes of this command:
  0    everything is open
  1    something is not
  2    usage error, or an unusable plan
  3    something is unknown (1 wins), or the run was interrupted (wins over 1)";

/// Dials what the plan says, from this host
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The plan, from `portwright probe plan`; `-` is standard input
    #[arg(value_name = "PLAN")]
    plan: String,
    /// Which host of the plan this is [default: the one with this machine's addresses]
    #[arg(long, value_name = "HOST")]
    from: Option<String>,
    /// Write results as they come, one JSON object a line, instead of a table
    #[arg(long)]
    json: bool,
    /// Write the results, one JSON object a line, to this file, too
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// How long to wait for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1.5", value_parser = seconds)]
    timeout: std::time::Duration,
    /// How long to wait the second time; under 3.1 s an address that nobody has looks dropped
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = seconds)]
    confirm: std::time::Duration,
    /// Packets a second at most; 0 for no limit. Lowered by itself when answers get lost
    #[arg(long, value_name = "N", default_value_t = 2000)]
    rate: u32,
    /// Probes under way at most
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = parallel)]
    parallel: usize,
    /// Number that decides the order [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Seconds with a fraction, at most an hour.
fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is no time, expected seconds between 0.05 and 3600");
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    if (0.05..=3600.0).contains(&seconds) {
        Ok(std::time::Duration::from_secs_f64(seconds))
    } else {
        Err(wrong())
    }
}

/// A number of probes.
fn parallel(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err(format!("`{text}` is no number between 1 and 1000000")),
    }
}

#[cfg(target_os = "linux")]
pub fn run(options: &Options) -> Result<Exit, Stop> {
    live::run(options)
}

#[cfg(not(target_os = "linux"))]
pub fn run(_: &Options) -> Result<Exit, Stop> {
    Err(crate::input::stop(
        "probes are dialled on Linux only: they read the error queues of its sockets",
        "run it on the Linux hosts that the plan is about",
    ))
}

#[cfg(target_os = "linux")]
mod live;
