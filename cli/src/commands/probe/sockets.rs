//! `portwright probe sockets`

use crate::exit::Exit;
use crate::input::Stop;
use clap::Args;

/// What listens on this host, against what should
#[derive(Args)]
pub struct Options {}

pub fn run(_options: &Options) -> Result<Exit, Stop> {
    Ok(Exit::Done)
}
