//! `portwright probe listen`

use crate::exit::Exit;
use crate::input::Stop;
use clap::Args;
use std::time::Duration;

#[cfg(target_os = "linux")]
#[path = "listen/work.rs"]
mod work;

/// Longest time to live.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

const EXAMPLES: &str = "\
Examples:
  portwright probe listen plan.json
  portwright probe listen plan.json --host cp-1 --ttl 1h -o cp-1.listen.jsonl
  portwright probe listen plan.json -o cp-1.listen.jsonl --pid-file /run/pw.pid --detach
  portwright probe listen --stop /run/pw.pid

Ports that a service has already are left alone; as root, what arrives there is observed. It ends
by itself when its time to live is over, and at once on SIGINT or SIGTERM; nothing of it is left.
With --detach the command returns when every port is open; --stop returns when all are closed, and
does nothing where nothing runs. When a port could not be opened, the exit code is 3.";

/// Answer on this host's ports while others dial
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "read where ports can be answered on")
)]
pub struct Options {
    /// The plan, as `portwright probe plan` writes it; `-` is standard input
    #[arg(value_name = "PLAN", required_unless_present = "stop")]
    plan: Option<String>,
    /// Which host of the plan this is [default: the one that has an address of this machine]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// How long to answer, for example 90s, 10m or 1h
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    ttl: Duration,
    /// Where the records go, one JSON object a line [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// File that holds the process's number from when all is up to its end
    #[arg(long, value_name = "FILE")]
    pid_file: Option<String>,
    /// Go on in the background, once all is up
    #[arg(long, requires_all = ["output", "pid_file"])]
    detach: bool,
    /// Be the process in the background
    #[arg(long, hide = true, conflicts_with = "detach")]
    detached: bool,
    /// End the one that has this pid file, and wait until it has ended
    #[arg(long, value_name = "PID-FILE", conflicts_with_all = ["plan", "detach", "pid_file"])]
    stop: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let expected = "expected a time such as 90s, 10m or 1h, at most 24h";
    let duration: jiff::SignedDuration = text.parse().map_err(|_| expected)?;
    let duration = Duration::try_from(duration).map_err(|_| expected)?;
    if duration.is_zero() || duration > LONGEST {
        return Err(expected.into());
    }
    Ok(duration)
}

#[cfg(target_os = "linux")]
pub fn run(options: &Options) -> Result<Exit, Stop> {
    work::run(options)
}

#[cfg(not(target_os = "linux"))]
pub fn run(_: &Options) -> Result<Exit, Stop> {
    Err(crate::input::stop(
        "ports are answered on Linux only",
        "run it on the Linux hosts that the plan is about",
    ))
}
