//! `cargo xtask start`: from a fresh machine to a linted example and a calculator in the browser.

use std::env::consts::EXE_SUFFIX;
use std::net::SocketAddr;

use anyhow::{Result, bail};

use crate::setup::{self, NODE, WASM};
use crate::shell::Shell;
use crate::{serve, wasm, web};

/// The site that `start` lints.
const EXAMPLE: &str = "examples/dce";

/// Options of `cargo xtask start`.
#[derive(clap::Args)]
pub struct Options {
    /// Stop after the lint report
    #[arg(long)]
    no_serve: bool,
    /// Where to serve the calculator
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
}

/// Installs what is missing, builds, lints the example site, serves the calculator.
pub fn start(shell: &Shell, options: &Options) -> Result<()> {
    setup::require(shell, &[WASM, NODE])?;
    build(shell)?;
    wasm::build(shell)?;
    web::build(shell)?;
    lint_example(shell)?;
    if options.no_serve {
        Ok(())
    } else {
        serve::serve(shell, options.listen)
    }
}

/// Builds the command-line program.
pub fn build(shell: &Shell) -> Result<()> {
    shell.run(
        shell
            .cargo()
            .args(["build", "--locked", "--release", "-p", "portwright-cli"]),
    )
}

fn lint_example(shell: &Shell) -> Result<()> {
    let mut lint = shell.command(
        shell
            .target
            .join("release")
            .join(format!("portwright{EXE_SUFFIX}")),
    );
    match shell.status(lint.arg("lint").current_dir(shell.root.join(EXAMPLE)))? {
        Some(0) => Ok(()),
        Some(1) => {
            eprintln!("the report above is what the example is for: exit code 1 means findings");
            Ok(())
        }
        Some(code) => bail!(
            "`portwright lint` in {EXAMPLE} exited with {code}, not with 0 (clean) or 1 (findings)"
        ),
        None => bail!("`portwright lint` in {EXAMPLE} was ended by a signal"),
    }
}
