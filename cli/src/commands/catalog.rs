//! `portwright catalog`

use crate::args::LanguageArg;
use crate::exit::Exit;
use crate::input::{Stop, stop};
use crate::{output, project};
use clap::{Args, Subcommand, ValueEnum};
use portwright::catalog::{self, builtin};
use portwright::engine::{self, Answer, CatalogRequest, Document, Outcome, Request};
use portwright::report;

/// Built-in and own requirement catalogues
#[derive(Args)]
#[command(
    after_help = "Examples:\n  portwright catalog list\n  portwright catalog show dce --format csv > dce.csv\n  portwright catalog check own.yaml"
)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The built-in catalogues
    #[command(after_help = "Example:\n  portwright catalog list --lang zh")]
    List {
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: ListFormat,
        /// Language of titles
        #[arg(long, value_enum, default_value = "en")]
        lang: LanguageArg,
    },
    /// A catalogue's parameters, roles and rows, values as published
    #[command(
        after_help = "Examples:\n  portwright catalog show dce\n  portwright catalog show kubernetes --format csv\n  portwright catalog show calico --format yaml > own.yaml"
    )]
    Show {
        /// Built-in catalogue, or a catalogue file of your own
        #[arg(value_name = "NAME|FILE")]
        name: String,
        /// Output format
        #[arg(long, value_enum, default_value = "table")]
        format: ShowFormat,
        /// Language of titles
        #[arg(long, value_enum, default_value = "en")]
        lang: LanguageArg,
    },
    /// Checks a catalogue file of your own
    #[command(after_help = "Example:\n  portwright catalog check own.yaml")]
    Check {
        /// The file; `-` is standard input
        file: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ListFormat {
    /// Padded columns
    Table,
    /// The engine's answer
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShowFormat {
    /// Padded columns
    Table,
    /// The rows
    Csv,
    /// The engine's answer
    Json,
    /// The catalogue file itself
    Yaml,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    match &options.command {
        Command::List { format, lang } => {
            let answer = ask(None, Vec::new(), *lang);
            if let ListFormat::Json = format {
                output::json(&answer)?;
            } else if let Some(Outcome::Catalog(result)) = &answer.result {
                output::data(&report::catalog_list(result))?;
            }
            Ok(Exit::of(&answer, Exit::Done))
        }
        Command::Show { name, format, lang } => show(name, *format, *lang),
        Command::Check { file } => check(file),
    }
}

fn ask(name: Option<String>, catalogs: Vec<Document>, language: LanguageArg) -> Answer {
    let answer = engine::call(&Request::Catalog(CatalogRequest {
        name,
        catalogs,
        language: language.into(),
    }));
    output::diagnostics(&answer.diagnostics);
    answer
}

fn show(given: &str, format: ShowFormat, lang: LanguageArg) -> Result<Exit, Stop> {
    let (name, own) = project::catalog(Some(given))?;
    let text = own.first().map(|document| document.text.clone());
    let answer = ask(Some(name.unwrap_or_else(|| given.into())), own, lang);
    let Some(Outcome::Catalog(result)) = &answer.result else {
        return Ok(Exit::Unusable);
    };
    output::data(&match format {
        ShowFormat::Table => report::catalog_table(result, lang.into()),
        ShowFormat::Csv => catalog::csv(&result.rows)
            .map_err(|error| stop(format!("the rows cannot be written as CSV: {error}"), ""))?,
        ShowFormat::Json => engine::to_json(&answer),
        ShowFormat::Yaml => text.unwrap_or_else(|| builtin::text(given).unwrap_or("").into()),
    })?;
    Ok(Exit::of(&answer, Exit::Done))
}

fn check(file: &str) -> Result<Exit, Stop> {
    let document = crate::input::read(file)?;
    let name = project::declared_name(&document).unwrap_or_else(|| file.into());
    let answer = ask(Some(name), vec![document], LanguageArg::En);
    if let Some(Outcome::Catalog(result)) = &answer.result {
        output::data(&report::catalog_list(result))?;
    }
    Ok(Exit::of(&answer, Exit::Done))
}
