//! The command line's shape, and the options that commands share.

use crate::commands::{
    audit, call, catalog, compare, completions, explain, lint, man, probe, prove, resolve, schema,
    trace,
};
use crate::exit;
use clap::{Args, Parser, Subcommand, ValueEnum};
use portwright::catalog::{Mode, Scalar};
use portwright::engine::{Language, ParameterValue};

/// Proves which required network flows your firewalls permit.
#[derive(Parser)]
#[command(name = "portwright", version, after_help = exit::HELP, arg_required_else_help = true)]
pub struct Cli {
    /// When to use colour; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Every command.
#[derive(Subcommand)]
pub enum Command {
    Resolve(resolve::Options),
    Lint(lint::Options),
    Audit(audit::Options),
    Trace(trace::Options),
    Compare(compare::Options),
    Probe(probe::Options),
    Prove(prove::Options),
    Catalog(catalog::Options),
    Explain(explain::Options),
    Schema(schema::Options),
    Call(call::Options),
    Completions(completions::Options),
    Man(man::Options),
}

/// A site and how it is read.
#[derive(Args, Default)]
pub struct SiteArgs {
    /// Inventories and site files, which merge; `-` is standard input. Without any:
    /// portwright.yaml, found from the working directory upwards
    #[arg(value_name = "SITE")]
    pub sites: Vec<String>,
    /// Built-in catalogue, or a catalogue file of your own [default: the site's, else dce]
    #[arg(long, value_name = "NAME|FILE")]
    pub catalog: Option<String>,
    /// Parameter value that wins over the site's, for example cni=cilium
    #[arg(long, value_name = "PARAM=VALUE", value_parser = parameter)]
    pub set: Vec<ParameterValue>,
    /// How errata of the catalogue are applied [default: the site's, else as-published]
    #[arg(long, value_enum)]
    pub mode: Option<ModeArg>,
    /// Language of titles and reasons
    #[arg(long, value_enum, default_value = "en")]
    pub lang: LanguageArg,
}

/// How errata are applied.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ModeArg {
    /// The vendor's page is the contract
    AsPublished,
    /// Corrections of upstream documentation are applied
    LeastPrivilege,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::AsPublished => Self::AsPublished,
            ModeArg::LeastPrivilege => Self::LeastPrivilege,
        }
    }
}

/// Language of texts.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum LanguageArg {
    /// English
    #[default]
    En,
    /// Simplified Chinese
    Zh,
}

impl From<LanguageArg> for Language {
    fn from(language: LanguageArg) -> Self {
        match language {
            LanguageArg::En => Self::En,
            LanguageArg::Zh => Self::Zh,
        }
    }
}

/// `PARAM=VALUE`. `true`, `false` and numbers become what they look like.
fn parameter(text: &str) -> Result<ParameterValue, String> {
    let (id, value) = text
        .split_once('=')
        .filter(|(id, _)| !id.is_empty())
        .ok_or("expected PARAM=VALUE, for example cni=cilium")?;
    let value = match (value.parse(), value.parse()) {
        (Ok(flag), _) => Scalar::Bool(flag),
        (_, Ok(number)) => Scalar::Number(number),
        _ => Scalar::Text(value.into()),
    };
    let id = id.into();
    Ok(ParameterValue { id, value })
}
