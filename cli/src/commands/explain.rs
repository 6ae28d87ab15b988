//! `portwright explain`

use crate::exit::Exit;
use crate::input::Stop;
use crate::output;
use clap::{Args, ValueEnum};
use portwright::engine::{self, ExplainRequest, Outcome, Request};
use portwright::report;

/// What a finding means, why it matters, how to fix it
#[derive(Args)]
#[command(
    after_help = "Examples:\n  portwright explain\n  portwright explain PW201\n  portwright explain excess"
)]
pub struct Options {
    /// A code's id or name; all codes without
    code: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For reading
    Text,
    /// The engine's answer
    Json,
}

pub fn run(options: Options) -> Result<Exit, Stop> {
    let answer = engine::call(&Request::Explain(ExplainRequest { code: options.code }));
    output::diagnostics(&answer.diagnostics);
    if let Format::Json = options.format {
        output::json(&answer)?;
    } else if let Some(Outcome::Explain(result)) = &answer.result {
        output::data(&report::explanations(result))?;
    }
    Ok(Exit::of(&answer, Exit::Done))
}
