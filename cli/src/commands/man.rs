//! `portwright man`

use crate::args::Cli;
use crate::exit::Exit;
use crate::input::{Stop, stop};
use crate::output;
use clap::{Args, CommandFactory as _};
use std::path::PathBuf;

/// Manual pages
#[derive(Args)]
#[command(
    after_help = "Examples:\n  portwright man | man -l -\n  portwright man lint | man -l -\n  portwright man --dir /usr/local/share/man/man1"
)]
pub struct Options {
    /// The command that the page is about; portwright itself without
    command: Option<String>,
    /// Write the pages of all commands into this directory
    #[arg(long, conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let mut command = Cli::command();
    if let Some(dir) = &options.dir {
        clap_mangen::generate_to(command, dir).map_err(|error| {
            let message = format!(
                "the pages cannot be written to `{}`: {error}",
                dir.display()
            );
            stop(message, "name a directory that exists")
        })?;
        return Ok(Exit::Done);
    }
    command.build();
    if let Some(name) = &options.command {
        let found = command.find_subcommand(name).cloned();
        command = found.ok_or_else(|| {
            stop(
                format!("there is no command `{name}`"),
                "`portwright help` lists the commands",
            )
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| stop(format!("the page cannot be written: {error}"), ""))?;
    output::data(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}
