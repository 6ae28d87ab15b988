//! `portwright probe listen`

use crate::exit::Exit;
use crate::input::Stop;
use clap::Args;

/// Answer on this host while others dial
#[derive(Args)]
pub struct Options {}

pub fn run(_options: &Options) -> Result<Exit, Stop> {
    Ok(Exit::Done)
}
