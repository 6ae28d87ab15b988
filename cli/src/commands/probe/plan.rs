//! `portwright probe plan`

use crate::exit::Exit;
use crate::input::Stop;
use clap::Args;

/// Per host, what to listen on and what to dial
#[derive(Args)]
pub struct Options {}

pub fn run(_options: &Options) -> Result<Exit, Stop> {
    Ok(Exit::Done)
}
