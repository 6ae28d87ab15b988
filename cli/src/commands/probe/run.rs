//! `portwright probe run`

use crate::exit::Exit;
use crate::input::Stop;
use clap::Args;

/// Dial what the plan says, from this host
#[derive(Args)]
pub struct Options {}

pub fn run(_options: &Options) -> Result<Exit, Stop> {
    Ok(Exit::Done)
}
