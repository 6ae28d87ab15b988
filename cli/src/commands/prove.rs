//! `portwright prove`

use crate::args::SiteArgs;
use crate::exit::Exit;
use crate::input::{self, Stop, stop};
use crate::output;
use crate::project::Project;
use crate::proof::{self, Question};
use clap::{Args, ValueEnum};
use portwright::engine::{
    self, Document, ExportInput, LintRequest, Outcome, PacketInput, Request, parse_packet,
};

const EXAMPLES: &str = "\
Examples:
  portwright prove cp-1.iptables 'in=eth0 tcp 10.0.0.5:40000 > 10.0.0.9:6443 state=new flags=syn'
  portwright prove cp-1.iptables cp-1.ipset --packets packets.jsonl --format json
  portwright prove cp-1.nft --site site.yaml --host cp-1 --finding 2
  portwright lint site.yaml --export cp-1=cp-1.iptables --prove

The exports are loaded into a network namespace of their own (root, or a user who may make
namespaces), whose addresses and routes are those of --host-addresses and --host-routes, or those
that the packets need. The packets are sent through it. Nothing reaches the outside, and nothing
of this system's own rules is touched.

Exit codes of this command:
  0    the kernel agrees: same verdict, same deciding rules
  1    the kernel disagrees
  2    not possible here: not Linux, no permission, a program is not installed, a wrong input
  3    the verdict is unknown to Portwright; the kernel's is shown";

/// Asks the live Linux kernel whether it agrees: exports loaded, packets sent, rules compared
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Exports of one system, then the packet
    #[arg(value_name = "EXPORT… [PACKET]", required = true)]
    arguments: Vec<String>,
    /// Packets, one JSON object a line
    #[arg(long, value_name = "FILE.jsonl")]
    packets: Option<String>,
    /// Site whose findings are to be proved; with --finding one of them
    #[arg(long, value_name = "SITE")]
    site: Vec<String>,
    /// Host of the site that the exports guard; guessed without
    #[arg(long, value_name = "NAME", requires = "site")]
    host: Option<String>,
    /// Number of the finding, in the order in which `lint` lists them [default: all of them]
    #[arg(long, value_name = "N", requires = "site")]
    finding: Option<usize>,
    /// The host's addresses, as `ip -j addr` prints them
    #[arg(long, value_name = "FILE")]
    host_addresses: Option<String>,
    /// The host's routes, as `ip -j route show table all` prints them
    #[arg(long, value_name = "FILE")]
    host_routes: Option<String>,
    /// Which implementation of iptables loads the rules [default: as the export's header says]
    #[arg(long, value_enum)]
    backend: Option<Backend>,
    /// Format of the exports, when detection should not decide
    #[arg(long, value_name = "ID")]
    dialect: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// An implementation of iptables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// ip_tables
    Legacy,
    /// nf_tables
    Nft,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Both answers, packet for packet
    Text,
    /// The same as data
    Json,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    proof::begin()?;
    let (exports, packet) = split(options)?;
    let read = |path: &Option<String>| path.as_deref().map(input::read).transpose();
    let question = Question {
        documents: input::read_all(&exports)?,
        dialect: options.dialect.clone(),
        addresses: read(&options.host_addresses)?,
        routes: read(&options.host_routes)?,
        backend: options.backend,
        packets: Vec::new(),
    };
    let packets = match (&options.packets, packet) {
        (Some(path), _) => lines(&input::read(path)?)?,
        (None, Some(text)) => vec![one(text)?],
        (None, None) => witnesses(options, &question.documents)?,
    };
    let proof = proof::prove(&Question {
        packets,
        ..question
    })?;
    output::data(&match options.format {
        Format::Text => proof.text(),
        Format::Json => proof.json(),
    })?;
    Ok(proof.exit())
}

/// The exports, and the packet where one is among the arguments.
fn split(options: &Options) -> Result<(Vec<String>, Option<String>), Stop> {
    if options.packets.is_some() || !options.site.is_empty() {
        return Ok((options.arguments.clone(), None));
    }
    let others = "--packets, or --site with --finding";
    let (exports, packet) = input::exports_and_packet(&options.arguments, others)?;
    Ok((exports, Some(packet)))
}

/// A packet, called what it is.
fn one(text: String) -> Result<(String, PacketInput), Stop> {
    let input = parse_packet(&text).map_err(|problem| stop(problem, ""))?;
    Ok((text, input))
}

/// Packets of a file, a JSON object a line.
fn lines(document: &Document) -> Result<Vec<(String, PacketInput)>, Stop> {
    let all = (1..).zip(document.text.lines());
    let packets = all.filter(|(_, line)| !line.trim().is_empty());
    packets
        .map(|(number, line)| {
            let input = serde_json::from_str(line).map_err(|problem| {
                stop(
                    format!(
                        "line {number} of `{}` is no packet: {problem}",
                        document.name
                    ),
                    "`portwright schema packet` describes packets",
                )
            })?;
            Ok((line.to_owned(), input))
        })
        .collect()
}

/// The witnesses of a site's findings about these exports, or of one of them.
fn witnesses(
    options: &Options,
    documents: &[Document],
) -> Result<Vec<(String, PacketInput)>, Stop> {
    let site = SiteArgs {
        sites: options.site.clone(),
        ..SiteArgs::default()
    };
    let export = ExportInput {
        documents: documents.to_vec(),
        host: options.host.clone(),
        between: None,
        dialect: options.dialect.clone(),
    };
    let answer = engine::call(&Request::Lint(LintRequest {
        site: Project::read(&site)?.site,
        exports: vec![export],
        ..LintRequest::default()
    }));
    output::diagnostics(&answer.diagnostics);
    let Some(Outcome::Lint(result)) = answer.result else {
        return Err(Vec::new());
    };
    if let Some(wanted) = options.finding {
        let finding = wanted.checked_sub(1).and_then(|at| result.findings.get(at));
        let Some(finding) = finding else {
            return Err(stop(
                format!(
                    "there is no finding {wanted}: there are {}",
                    result.findings.len()
                ),
                "`portwright lint` lists them",
            ));
        };
        if finding.witness.is_none() {
            return Err(stop(
                format!(
                    "finding {wanted} ({} {}) is about no packet that could be sent",
                    finding.code, finding.name
                ),
                "it is about the rules themselves",
            ));
        }
        return proof::witnesses(std::slice::from_ref(finding), wanted);
    }
    proof::witnesses(&result.findings, 1)
}
