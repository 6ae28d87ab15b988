//! `portwright lint`

use crate::args::SiteArgs;
use crate::exit::Exit;
use crate::findings::{Format, Selection};
use crate::input::{self, Stop, stop};
use crate::output;
use crate::project::Project;
use crate::proof::{self, Question};
use clap::Args;
use portwright::engine::{
    self, ExportInput, LintRequest, LintResult, LintSummary, Outcome, Request,
};
use portwright::report;

const EXAMPLES: &str = "\
Examples:
  portwright lint clusterConfig.yaml --export master1=master1.iptables
  portwright lint site.yaml --export cp-1=cp-1.iptables --export cp-1=cp-1.ipset
  portwright lint site.yaml --between dmz,inner=gateway.iptables --fail-on warning
  portwright lint site.yaml --export cp-1=cp-1.iptables --prove
  portwright lint                      # portwright.yaml, with the exports under its guards

Findings at --fail-on give exit code 1, also when something is unknown (3 otherwise); an input
that is unusable gives 2 in every case.";

/// Required against permitted, and rule hygiene
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    #[command(flatten)]
    site: SiteArgs,
    /// Export and the host that it guards; guessed without HOST. Files of one host apply together.
    /// Without this and --between: the exports under `guards` of the site
    #[arg(long, value_name = "[HOST=]FILE")]
    export: Vec<String>,
    /// Export of a firewall between two zones of the site
    #[arg(long, value_name = "ZONE,ZONE=FILE")]
    between: Vec<String>,
    /// Format of the exports, when detection should not decide
    #[arg(long, value_name = "ID")]
    dialect: Option<String>,
    #[command(flatten)]
    findings: Selection,
    /// Exit with 0 although something is unknown
    #[arg(long)]
    allow_unknown: bool,
    /// Replays every finding's packet through the live Linux kernel and says whether it agrees; see
    /// `portwright prove`. What it says goes to standard error
    #[arg(long)]
    prove: bool,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    if options.prove {
        proof::begin()?;
    }
    let project = Project::read(&options.site)?;
    let mut exports = exports(options)?;
    if exports.is_empty() {
        exports = project.guarded(options.dialect.as_deref())?;
    }
    let guarded = exports.clone();
    let answer = engine::call(&Request::Lint(LintRequest {
        site: project.site,
        exports,
        select: options.findings.select.clone(),
        ignore: options.findings.ignore.clone(),
        today: Some(options.findings.today()),
        baseline: options.findings.baseline()?,
    }));
    output::diagnostics(&answer.diagnostics);
    let Some(Outcome::Lint(result)) = &answer.result else {
        if let Format::Json = options.findings.format {
            output::json(&answer)?;
        }
        return Ok(Exit::Unusable);
    };
    let text = || report::lint(result, output::stdout_is_coloured());
    options.findings.print(&answer, &result.findings, text)?;
    if options.findings.write_baseline(&result.findings)? {
        return Ok(Exit::of(&answer, Exit::Done));
    }
    if options.prove && prove(result, &guarded)? == Exit::Findings {
        return Ok(Exit::Findings);
    }
    Ok(Exit::of(&answer, judge(&result.summary, options)))
}

/// Replays the packets of findings, export by export; the worst of what the kernel says.
fn prove(result: &LintResult, exports: &[ExportInput]) -> Result<Exit, Stop> {
    let mut disagreed = false;
    for (export, known) in exports.iter().zip(&result.exports) {
        let numbered = result.findings.iter().enumerate();
        let own = numbered.filter(|(_, finding)| finding.guards == known.guards);
        let mut packets = Vec::new();
        for (at, finding) in own {
            packets.extend(proof::witnesses(std::slice::from_ref(finding), at + 1)?);
        }
        let proof = proof::prove(&Question {
            documents: export.documents.clone(),
            dialect: export.dialect.clone(),
            addresses: None,
            routes: None,
            backend: None,
            packets,
        })?;
        output::notice(&format!("{}:\n{}", known.guards, proof.text()));
        disagreed |= proof.exit() == Exit::Findings;
    }
    Ok(if disagreed {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// Findings win over what is unknown.
fn judge(summary: &LintSummary, options: &Options) -> Exit {
    let fail_on = options.findings.fail_on;
    let failing = fail_on.count(summary.errors, summary.warnings, summary.notes);
    if failing > 0 {
        Exit::Findings
    } else if summary.unknown > 0 && !options.allow_unknown {
        Exit::Incomplete
    } else {
        Exit::Done
    }
}

/// The exports of `--export` and `--between`, the files of one system together.
fn exports(options: &Options) -> Result<Vec<ExportInput>, Stop> {
    let hosts = options.export.iter().map(|text| {
        let (host, path) = host_and_file(text);
        Ok::<_, Stop>((host, None, path))
    });
    let zones = options.between.iter().map(|text| {
        let (zones, path) = zones_and_file(text)?;
        Ok((None, Some(zones), path))
    });
    let mut exports: Vec<ExportInput> = Vec::new();
    for one in hosts.chain(zones) {
        let (host, between, path) = one?;
        let document = input::read(path)?;
        let guarded = host.is_some() || between.is_some();
        let same = |one: &&mut ExportInput| guarded && one.host == host && one.between == between;
        match exports.iter_mut().find(same) {
            Some(one) => one.documents.push(document),
            None => exports.push(ExportInput {
                documents: vec![document],
                host,
                between,
                dialect: options.dialect.clone(),
            }),
        }
    }
    Ok(exports)
}

/// `HOST=FILE` or `FILE`. A `/` before the `=` belongs to a path.
fn host_and_file(text: &str) -> (Option<String>, &str) {
    match text.split_once('=') {
        Some((host, path)) if !host.contains('/') => (Some(host.into()), path),
        _ => (None, text),
    }
}

fn zones_and_file(text: &str) -> Result<([String; 2], &str), Stop> {
    let parts = text
        .split_once('=')
        .and_then(|(zones, path)| Some((zones.split_once(',')?, path)));
    let Some(((a, b), path)) = parts else {
        return Err(stop(
            format!("`--between {text}` is not understood"),
            "write `--between ZONE,ZONE=FILE`",
        ));
    };
    Ok(([a.into(), b.into()], path))
}
