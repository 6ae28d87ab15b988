//! `portwright compare`

use crate::exit::Exit;
use crate::input::{self, Stop, stop};
use crate::output;
use clap::{Args, ValueEnum};
use portwright::engine::{
    self, CompareRequest, CompareResult, Document, Outcome, Request, SystemInput,
};
use portwright::report;

const EXAMPLES: &str = "\
Examples:
  portwright compare before.iptables after.iptables
  portwright compare before.iptables after.nft --new-host-addresses addr.json
  portwright compare cp-1.iptables new.iptables \\
    --old-with cp-1.ip6tables --old-with cp-1.ipset --new-with new.ip6tables

Exports of one system belong together: give the first as OLD or NEW, the others (ip6tables, ipset,
nft) with --old-with and --new-with. The two systems may be in different formats.

Exit codes: 0 when both are proved to treat every packet alike, 1 when they differ, 3 when they may
differ in what is not modelled, or could not be compared in full.";

/// What two exports, of any formats, do differently: which packets are opened and closed
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Export as it was
    old: String,
    /// Export as it is to be
    new: String,
    /// Another export of the old system
    #[arg(long, value_name = "FILE")]
    old_with: Vec<String>,
    /// Another export of the new system
    #[arg(long, value_name = "FILE")]
    new_with: Vec<String>,
    /// The host's addresses, as `ip -j addr` prints them
    #[arg(long, value_name = "FILE")]
    host_addresses: Option<String>,
    /// The host's routes, as `ip -j route show table all` prints them
    #[arg(long, value_name = "FILE")]
    host_routes: Option<String>,
    /// The same for the new system, where it is another host [default: --host-addresses]
    #[arg(long, value_name = "FILE")]
    new_host_addresses: Option<String>,
    /// The same for the new system, where it is another host [default: --host-routes]
    #[arg(long, value_name = "FILE")]
    new_host_routes: Option<String>,
    /// Format of the old exports, when detection should not decide
    #[arg(long, value_name = "ID")]
    old_dialect: Option<String>,
    /// Format of the new exports, when detection should not decide
    #[arg(long, value_name = "ID")]
    new_dialect: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Exit with 0 although senders of denied packets are told something else (drop, reject)
    #[arg(long)]
    allow_answers: bool,
    /// Exit with 0 although something is unknown
    #[arg(long)]
    allow_unknown: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Differences with the two lines that decide
    Text,
    /// The engine's answer
    Json,
    /// A document for people
    Markdown,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let answer = engine::call(&Request::Compare(request(options)?));
    output::diagnostics(&answer.diagnostics);
    let Some(Outcome::Compare(result)) = &answer.result else {
        if let Format::Json = options.format {
            output::json(&answer)?;
        }
        return Ok(Exit::Unusable);
    };
    output::data(&match options.format {
        Format::Text => report::compare(result),
        Format::Json => engine::to_json(&answer),
        Format::Markdown => report::compare_markdown(result),
    })?;
    Ok(Exit::of(&answer, judge(result, options)))
}

/// Both systems, every file read once.
fn request(options: &Options) -> Result<CompareRequest, Stop> {
    let first = |path: &String, others: &[String]| {
        let mut all = vec![path.clone()];
        all.extend_from_slice(others);
        all
    };
    let old = first(&options.old, &options.old_with);
    let new = first(&options.new, &options.new_with);
    let facts = [
        &options.host_addresses,
        &options.host_routes,
        &options.new_host_addresses,
        &options.new_host_routes,
    ];
    let given = old.iter().chain(&new).chain(facts.into_iter().flatten());
    if given.filter(|path| *path == "-").count() > 1 {
        return Err(stop("standard input `-` is given twice", "give a file"));
    }
    let read = |path: &Option<String>| path.as_deref().map(input::read).transpose();
    let (addresses, routes) = (read(&options.host_addresses)?, read(&options.host_routes)?);
    let other = |path: &Option<String>, default: &Option<Document>| {
        Ok::<_, Stop>(read(path)?.or_else(|| default.clone()))
    };
    Ok(CompareRequest {
        new: SystemInput {
            documents: input::read_all(&new)?,
            dialect: options.new_dialect.clone(),
            addresses: other(&options.new_host_addresses, &addresses)?,
            routes: other(&options.new_host_routes, &routes)?,
        },
        old: SystemInput {
            documents: input::read_all(&old)?,
            dialect: options.old_dialect.clone(),
            addresses,
            routes,
        },
    })
}

fn judge(result: &CompareResult, options: &Options) -> Exit {
    let sum = &result.summary;
    let certain = sum.opened + sum.closed + sum.translated;
    if certain > 0 || sum.answers > 0 && !options.allow_answers {
        return Exit::Findings;
    }
    let open = result.hooks.is_empty()
        || result
            .hooks
            .iter()
            .any(|hook| matches!(hook.verdict.as_str(), "possibly-different" | "not-compared"));
    if open && !options.allow_unknown {
        Exit::Incomplete
    } else {
        Exit::Done
    }
}
