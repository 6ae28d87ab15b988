//! `portwright schema`

use crate::exit::Exit;
use crate::input::{Stop, stop};
use crate::output;
use clap::{Args, ValueEnum};
use portwright::probe::{Plan, Record};
use portwright::{catalog, engine, site};

/// JSON Schemas, for editors and generated types
#[derive(Args)]
#[command(after_help = "Example:\n  portwright schema site > site.schema.json")]
pub struct Options {
    /// What is described
    #[arg(value_enum)]
    of: Of,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Of {
    /// Portwright's site file
    Site,
    /// Requirement catalogues
    Catalog,
    /// Requests and answers of `portwright call`
    Engine,
    /// Packets of `portwright trace --packets`
    Packet,
    /// Plans of `portwright probe plan`
    ProbePlan,
    /// Lines of the results of `portwright probe run` and `portwright probe listen`
    ProbeResult,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let schema = match options.of {
        Of::Site => site::schema().to_value(),
        Of::Catalog => catalog::schema(),
        Of::Engine => engine::schema(),
        Of::Packet => schemars::schema_for!(engine::PacketInput).to_value(),
        Of::ProbePlan => schemars::schema_for!(Plan).to_value(),
        Of::ProbeResult => schemars::schema_for!(Record).to_value(),
    };
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|error| stop(format!("the schema cannot be written: {error}"), ""))?;
    output::data(&format!("{text}\n"))?;
    Ok(Exit::Done)
}
