//! `cargo xtask …`: sets up, builds, tests and serves the project. The only place that installs
//! anything; every command is announced before it runs, and `--dry-run` runs none.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a build tool reads files, the environment, clocks and sockets"
)]

mod ansible;
mod bench;
mod counts;
mod docs;
mod fuzz;
mod python;
mod serve;
mod setup;
mod shell;
mod start;
mod steps;
mod test;
mod wasm;
mod web;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::shell::Shell;

/// Set up, build, test and serve Portwright.
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    after_help = "On a fresh machine: `cargo xtask start` or `cargo xtask test`."
)]
struct Args {
    #[command(subcommand)]
    task: Task,
    /// Print every command without running it
    #[arg(long, global = true)]
    dry_run: bool,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing, build, lint the example site and serve the calculator
    Start(start::Options),
    /// Install what is missing and run every test
    Test(test::Options),
    /// Run the tests as CI does: nothing may be skipped
    Ci(test::Options),
    /// Build the command-line program (release)
    Build,
    /// Build the static program and the Ansible collection that carries it into target/ansible
    Ansible(ansible::Options),
    /// Build the engine for WebAssembly into web/src/engine/pkg
    Wasm,
    /// Build the calculator into web/dist
    Web,
    /// Run the engine's benchmarks
    Bench(bench::Options),
    /// Fuzz every reader of texts from outside
    Fuzz(fuzz::Options),
    /// Generate JSON Schemas and TypeScript types
    Docs(docs::Options),
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    let mut shell = Shell::new(args.dry_run)?;
    match &args.task {
        Task::Start(options) => start::start(&shell, options)?,
        Task::Test(options) => return test::test(&shell, options),
        Task::Ci(options) => {
            shell.ci = true;
            return test::test(&shell, options);
        }
        Task::Build => start::build(&shell)?,
        Task::Ansible(options) => ansible::ansible(&shell, options)?,
        Task::Wasm => {
            setup::require(&shell, &[setup::WASM, setup::NODE])?;
            wasm::build(&shell)?;
        }
        Task::Web => {
            setup::require(&shell, &[setup::WASM, setup::NODE])?;
            wasm::build(&shell)?;
            web::build(&shell)?;
        }
        Task::Bench(options) => bench::bench(&shell, options)?,
        Task::Fuzz(options) => fuzz::fuzz(&shell, options)?,
        Task::Docs(options) => {
            setup::require(&shell, &[setup::NODE])?;
            docs::docs(&shell, options)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
