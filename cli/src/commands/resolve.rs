//! `portwright resolve`

use crate::args::SiteArgs;
use crate::exit::Exit;
use crate::input::Stop;
use crate::output;
use crate::project::Project;
use clap::{Args, ValueEnum};
use portwright::engine::{self, Outcome, Request, ResolveRequest};
use portwright::report::{self, Layout};

const EXAMPLES: &str = "\
Examples:
  portwright resolve clusterConfig.yaml
  portwright resolve clusterConfig.yaml --host master1 --group-by host
  portwright resolve inventory.ini --set cni=cilium --mode least-privilege --format csv > flows.csv
  portwright resolve clusterConfig.yaml --format dot | dot -Tsvg > flows.svg";

/// Who must reach whom on what, and why
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    #[command(flatten)]
    site: SiteArgs,
    /// Only flows from or to this host
    #[arg(long)]
    host: Option<String>,
    /// What rows are gathered under; table, csv and markdown only
    #[arg(long, value_enum, default_value = "flow")]
    group_by: GroupBy,
    /// One row for each pair of addresses
    #[arg(long)]
    pairs: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum GroupBy {
    /// Nothing: one row for each flow
    Flow,
    /// Every host, inbound and outbound
    Host,
    /// Pairs of roles
    Role,
    /// Pairs of clusters and zones
    Boundary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Padded columns
    Table,
    /// The engine's answer
    Json,
    /// For spreadsheets
    Csv,
    /// GitHub Flavored Markdown
    Markdown,
    /// Graphviz
    Dot,
    /// Mermaid flowchart
    Mermaid,
}

impl Format {
    fn id(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
            Self::Dot => "dot",
            Self::Mermaid => "mermaid",
        }
    }
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let project = Project::read(&options.site)?;
    let answer = engine::call(&Request::Resolve(ResolveRequest {
        site: project.site,
        host: options.host.clone(),
        pairs: options.pairs,
    }));
    output::diagnostics(&answer.diagnostics);
    if options.format == Format::Json {
        output::json(&answer)?;
    } else if let Some(Outcome::Resolve(result)) = &answer.result {
        let layout = Layout {
            group_by: match options.group_by {
                GroupBy::Flow => report::GroupBy::Flow,
                GroupBy::Host => report::GroupBy::Host,
                GroupBy::Role => report::GroupBy::Role,
                GroupBy::Boundary => report::GroupBy::Boundary,
            },
            pairs: options.pairs,
            language: options.site.lang.into(),
            host: options.host.as_deref(),
        };
        if let Some(text) = report::resolve(options.format.id(), result, layout) {
            output::data(&text)?;
        }
    }
    Ok(Exit::of(&answer, Exit::Done))
}
