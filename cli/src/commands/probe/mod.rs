//! `portwright probe`

mod listen;
mod plan;
mod report;
mod run;
mod sockets;

use crate::exit::Exit;
use crate::input::Stop;
use clap::{Args, Subcommand};

/// Check live: plan, listen, run, report
#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Plan(plan::Options),
    Listen(listen::Options),
    Run(run::Options),
    Report(report::Options),
    Sockets(sockets::Options),
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    match &options.command {
        Command::Plan(options) => plan::run(options),
        Command::Listen(options) => listen::run(options),
        Command::Run(options) => run::run(options),
        Command::Report(options) => report::run(options),
        Command::Sockets(options) => sockets::run(options),
    }
}
