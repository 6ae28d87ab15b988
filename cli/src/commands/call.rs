//! `portwright call`

use crate::exit::Exit;
use crate::input::{self, Stop};
use crate::output;
use clap::Args;
use portwright::engine::{self, Answer};

/// Answers a request in JSON, for programs that embed Portwright
///
/// The answer is byte for byte that of the WebAssembly module. Diagnostics are part of it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  echo '{\"operation\":\"explain\",\"code\":\"PW201\"}' | portwright call\n\n`portwright schema engine` describes requests and answers."
)]
pub struct Options {
    /// File with the request; `-` is standard input
    #[arg(default_value = "-")]
    file: String,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let request = input::read(&options.file)?;
    let json = engine::call_json(&request.text);
    output::data(&json)?;
    let answer = serde_json::from_str::<Answer>(&json);
    Ok(answer.map_or(Exit::Unusable, |answer| Exit::of(&answer, Exit::Done)))
}
