//! `portwright completions`

use crate::args::Cli;
use crate::exit::Exit;
use crate::input::Stop;
use crate::output;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Completions for a shell
#[derive(Args)]
#[command(
    after_help = "Example:\n  portwright completions bash > /etc/bash_completion.d/portwright"
)]
pub struct Options {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut Cli::command(),
        "portwright",
        &mut script,
    );
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
