//! `portwright probe report`

use crate::exit::Exit;
use crate::findings::FailOn;
use crate::input::{self, Stop, stop};
use crate::output;
use clap::{Args, ValueEnum};
use portwright::engine::{
    self, ExportInput, Outcome, ProbeReportRequest, ProbeReportResult, Request,
};
use portwright::report;

const EXAMPLES: &str = "\
Examples:
  portwright probe report plan.json results/*.jsonl
  portwright probe report plan.json results/*.jsonl --export cp-1=cp-1.iptables
  portwright probe report plan.json results/*.jsonl --format html > report.html
  portwright probe report plan.json results/*.jsonl --format junit > probe.xml

Exit code 0: everything required is open. 1: something is not. 3: something is unknown, because it
was not tested or its test says nothing; also what no host of the site can dial.";

/// What the results say, against the plan and the exports
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The plan, as `portwright probe plan` wrote it
    #[arg(value_name = "PLAN")]
    plan: String,
    /// What `portwright probe run` and `portwright probe listen` wrote, of all hosts
    #[arg(value_name = "RESULT")]
    results: Vec<String>,
    /// Export of a host's firewall, to compare with. Files of one host apply together
    #[arg(long, value_name = "HOST=FILE")]
    export: Vec<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Severity that fails
    #[arg(long, value_enum, default_value = "error")]
    fail_on: FailOn,
    /// Exit with 0 although something is unknown
    #[arg(long)]
    allow_unknown: bool,
    /// Exit with 0 although no host of the site can dial some flows
    #[arg(long)]
    allow_untested: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// What is broken, who does it and what to do; then counts
    Table,
    /// The engine's answer, with the matrix
    Json,
    /// JUnit's XML, for build servers: a case for each source and target
    Junit,
    /// Tables
    Markdown,
    /// One page with tables and the heat map
    Html,
    /// The heat map: source by target and service
    Svg,
}

impl Format {
    fn id(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Svg => "svg",
        }
    }
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let answer = engine::call(&Request::ProbeReport(ProbeReportRequest {
        plan: Some(input::read(&options.plan)?),
        results: input::read_all(&options.results)?,
        exports: exports(&options.export)?,
    }));
    output::diagnostics(&answer.diagnostics);
    if options.format == Format::Json {
        output::data(&engine::to_json(&answer))?;
    }
    let Some(Outcome::ProbeReport(result)) = &answer.result else {
        return Ok(Exit::Unusable);
    };
    let coloured = output::stdout_is_coloured();
    if let Some(text) = report::probe(options.format.id(), result, coloured) {
        output::data(&text)?;
    }
    Ok(Exit::of(&answer, judge(result, options)))
}

/// What is blocked wins over what is unknown.
fn judge(result: &ProbeReportResult, options: &Options) -> Exit {
    let sum = &result.summary;
    // What was not tested fails by being unknown, not by its severity.
    let severity = |severity| {
        let of = result.findings.iter();
        let of = of.filter(|one| one.severity == severity && one.name != "not-tested");
        of.count()
    };
    use portwright::diagnostic::Severity;
    let failing = options.fail_on.count(
        severity(Severity::Error),
        severity(Severity::Warning),
        severity(Severity::Note),
    );
    let untested = sum.untested > 0 && !options.allow_untested;
    if failing > 0 {
        Exit::Findings
    } else if (sum.probes.unknown > 0 || untested) && !options.allow_unknown {
        Exit::Incomplete
    } else {
        Exit::Done
    }
}

/// Exports, the files of one host together.
fn exports(given: &[String]) -> Result<Vec<ExportInput>, Stop> {
    let mut exports: Vec<ExportInput> = Vec::new();
    for text in given {
        let Some((host, path)) = text.split_once('=') else {
            return Err(stop(
                format!("`--export {text}` does not say which host it guards"),
                "write `--export HOST=FILE`",
            ));
        };
        let document = input::read(path)?;
        match exports
            .iter_mut()
            .find(|one| one.host.as_deref() == Some(host))
        {
            Some(one) => one.documents.push(document),
            None => exports.push(ExportInput {
                documents: vec![document],
                host: Some(host.into()),
                ..ExportInput::default()
            }),
        }
    }
    Ok(exports)
}
