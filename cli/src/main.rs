//! `portwright`: proves which required network flows your firewalls permit.
//!
//! The command line only translates: it reads files, asks the engine, and shows the answer.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_types,
    reason = "the command line is where files are read"
)]

mod args;
mod commands;
mod crash;
mod exit;
mod findings;
mod input;
mod output;
mod project;
mod proof;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    crash::install();
    #[cfg(target_os = "linux")]
    if let Some(arguments) =
        portwright_cli::ansible::called(&std::env::args_os().collect::<Vec<_>>())
    {
        return portwright_cli::ansible::run(arguments);
    }
    let cli = args::Cli::parse();
    output::colour(cli.color);
    match commands::run(cli.command) {
        Ok(exit) => exit.into(),
        Err(stop) => {
            output::diagnostics(&stop);
            exit::Exit::Unusable.into()
        }
    }
}
