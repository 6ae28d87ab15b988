//! `portwright probe report`

use crate::exit::Exit;
use crate::input::Stop;
use clap::Args;

/// What the results say, against the plan and the exports
#[derive(Args)]
pub struct Options {}

pub fn run(_options: &Options) -> Result<Exit, Stop> {
    Ok(Exit::Done)
}
