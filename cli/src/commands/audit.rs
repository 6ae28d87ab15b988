//! `portwright audit`

use crate::exit::Exit;
use crate::findings::{Format, Selection};
use crate::input::{self, Stop, stop};
use crate::output;
use clap::Args;
use portwright::engine::{self, AuditRequest, Outcome, Request};
use portwright::report;

const EXAMPLES: &str = "\
Examples:
  portwright audit cp-1.iptables
  portwright audit cp-1.iptables cp-1.ip6tables cp-1.ipset --fail-on warning
  ssh cp-1 iptables-save | portwright audit - --ignore redundant
  portwright audit gateway.nft --format sarif > gateway.sarif

Several exports are those of one system: all of them apply, as in the kernel. `portwright explain`
lists the codes. Findings at --fail-on give exit code 1; an input that is unusable gives 2.";

/// Rule hygiene of one system: rules that never match, change nothing, contradict each other, are
/// classic mistakes, or permit too much. Needs no site
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Exports of one system; `-` is standard input
    #[arg(value_name = "EXPORT", required = true)]
    exports: Vec<String>,
    /// The host's addresses, as `ip -j addr` prints them
    #[arg(long, value_name = "FILE")]
    host_addresses: Option<String>,
    /// The host's routes, as `ip -j route show table all` prints them
    #[arg(long, value_name = "FILE")]
    host_routes: Option<String>,
    /// Format of the exports, when detection should not decide
    #[arg(long, value_name = "ID")]
    dialect: Option<String>,
    #[command(flatten)]
    findings: Selection,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let given = options.exports.iter();
    let given = given
        .chain(&options.host_addresses)
        .chain(&options.host_routes);
    if given.filter(|path| *path == "-").count() > 1 {
        return Err(stop("standard input `-` is given twice", "give a file"));
    }
    let read = |path: &Option<String>| path.as_deref().map(input::read).transpose();
    let answer = engine::call(&Request::Audit(AuditRequest {
        documents: input::read_all(&options.exports)?,
        dialect: options.dialect.clone(),
        addresses: read(&options.host_addresses)?,
        routes: read(&options.host_routes)?,
        select: options.findings.select.clone(),
        ignore: options.findings.ignore.clone(),
        today: Some(options.findings.today()),
        baseline: options.findings.baseline()?,
    }));
    output::diagnostics(&answer.diagnostics);
    let Some(Outcome::Audit(result)) = &answer.result else {
        if let Format::Json = options.findings.format {
            output::json(&answer)?;
        }
        return Ok(Exit::Unusable);
    };
    let text = || report::audit(result, output::stdout_is_coloured());
    options.findings.print(&answer, &result.findings, text)?;
    if options.findings.write_baseline(&result.findings)? {
        return Ok(Exit::of(&answer, Exit::Done));
    }
    let sum = &result.summary;
    let failing = options
        .findings
        .fail_on
        .count(sum.errors, sum.warnings, sum.notes);
    let exit = if failing > 0 {
        Exit::Findings
    } else {
        Exit::Done
    };
    Ok(Exit::of(&answer, exit))
}
