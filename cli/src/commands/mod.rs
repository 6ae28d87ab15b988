//! One file for each command.

pub mod audit;
pub mod call;
pub mod catalog;
pub mod compare;
pub mod completions;
pub mod explain;
pub mod lint;
pub mod man;
pub mod probe;
pub mod prove;
pub mod resolve;
pub mod schema;
pub mod trace;

use crate::args::Command;
use crate::exit::Exit;
use crate::input::Stop;

/// Runs a command. What it has to say is written; how it ended is returned.
pub fn run(command: Command) -> Result<Exit, Stop> {
    match command {
        Command::Resolve(options) => resolve::run(&options),
        Command::Lint(options) => lint::run(&options),
        Command::Audit(options) => audit::run(&options),
        Command::Trace(options) => trace::run(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Probe(options) => probe::run(&options),
        Command::Prove(options) => prove::run(&options),
        Command::Catalog(options) => catalog::run(&options),
        Command::Explain(options) => explain::run(options),
        Command::Schema(options) => schema::run(&options),
        Command::Call(options) => call::run(&options),
        Command::Completions(options) => completions::run(&options),
        Command::Man(options) => man::run(&options),
    }
}
