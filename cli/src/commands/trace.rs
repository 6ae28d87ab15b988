//! `portwright trace`

use crate::exit::Exit;
use crate::input::{self, STDIN, Stop, stop};
use crate::output;
use clap::{Args, ValueEnum};
use portwright::diagnostic::Severity;
use portwright::engine::{
    self, DiagnosticData, Document, Outcome, Place, Request, TraceRequest, TraceResult,
};
use portwright::report;

/// Packets that could not be read are reported up to this many.
const MOST_REPORTED: usize = 20;

const EXAMPLES: &str = "\
Examples:
  portwright trace cp-1.iptables 'in=eth0 tcp 10.0.0.5:40000 > 10.0.0.9:6443 state=new flags=syn'
  portwright trace cp-1.iptables cp-1.ip6tables cp-1.ipset --packets packets.jsonl
  echo '{\"src\":\"10.0.0.5\",\"dst\":\"10.0.0.9\",\"dport\":22}' | \
portwright trace cp-1.iptables --packets -

The last argument that is not an existing file is the packet. A packet has a protocol, source,
`>`, destination, and `in=`, `out=`, `hook=`, `state=`, `dir=`, `flags=`, `type=`, `code=`, `mark=`
or `fragment=`; `portwright schema packet` describes the objects that --packets takes.
When a verdict is unknown, the exit code is 3.";

/// One packet's way through every chain, rule by rule; or the verdicts of many packets
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Exports of one system, then the packet
    #[arg(value_name = "EXPORT… [PACKET]", required = true)]
    arguments: Vec<String>,
    /// Packets, one JSON object a line; the answers are JSON lines in the same order
    #[arg(long, value_name = "FILE.jsonl")]
    packets: Option<String>,
    /// The host's addresses, as `ip -j addr` prints them
    #[arg(long, value_name = "FILE")]
    host_addresses: Option<String>,
    /// The host's routes, as `ip -j route show table all` prints them
    #[arg(long, value_name = "FILE")]
    host_routes: Option<String>,
    /// Format of the exports, when detection should not decide
    #[arg(long, value_name = "ID")]
    dialect: Option<String>,
    /// Output format [default: text for one packet, jsonl for --packets]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Exit with 0 although a verdict is unknown
    #[arg(long)]
    allow_unknown: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Rule by rule, with the lines of the export
    Text,
    /// The engine's answer
    Json,
    /// One compact object a line: id, verdict, path, line, depends_on
    Jsonl,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let (exports, packet) = split(options)?;
    let given = exports.iter().chain(&options.packets);
    let given = given
        .chain(&options.host_addresses)
        .chain(&options.host_routes);
    if given.filter(|path| *path == "-").count() > 1 {
        return Err(stop("standard input `-` is given twice", "give a file"));
    }
    let read = |path: &Option<String>| path.as_deref().map(input::read).transpose();
    let request = TraceRequest {
        documents: input::read_all(&exports)?,
        dialect: options.dialect.clone(),
        addresses: read(&options.host_addresses)?,
        routes: read(&options.host_routes)?,
        packet,
        packets: read(&options.packets)?,
    };
    let packets = request.packets.clone();
    let answer = engine::call(&Request::Trace(request));
    output::diagnostics(&answer.diagnostics);
    let format = match (options.format, &options.packets) {
        (Some(format), _) => format,
        (None, Some(_)) => Format::Jsonl,
        (None, None) => Format::Text,
    };
    let Some(Outcome::Trace(result)) = &answer.result else {
        if let Format::Json = format {
            output::json(&answer)?;
        }
        return Ok(Exit::Unusable);
    };
    output::data(&match format {
        Format::Text => report::packets(result),
        Format::Json => engine::to_json(&answer),
        Format::Jsonl => result.packets.iter().map(report::json_line).collect(),
    })?;
    let unread = unread(packets.as_ref(), result);
    output::diagnostics(&unread);
    if !unread.is_empty() {
        return Ok(Exit::Unusable);
    }
    let unknown = result
        .packets
        .iter()
        .any(|packet| packet.verdict == "unknown");
    let exit = if unknown && !options.allow_unknown {
        Exit::Incomplete
    } else {
        Exit::Done
    };
    Ok(Exit::of(&answer, exit))
}

/// The exports, and the packet unless `--packets` is given.
fn split(options: &Options) -> Result<(Vec<String>, Option<String>), Stop> {
    if options.packets.is_some() {
        return Ok((options.arguments.clone(), None));
    }
    let (exports, packet) = input::exports_and_packet(&options.arguments, "or --packets")?;
    Ok((exports, Some(packet)))
}

/// What was wrong with packets that could not be read, with their lines.
fn unread(packets: Option<&Document>, result: &TraceResult) -> Vec<DiagnosticData> {
    let Some(document) = packets else {
        return Vec::new();
    };
    let lines = (1..).zip(document.text.lines());
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let errors = lines.zip(&result.packets);
    let mut errors = errors.filter_map(|((number, line), packet)| {
        let error = packet.error.as_ref()?;
        Some((number, line, error))
    });
    let mut found = Vec::new();
    for (number, line, error) in errors.by_ref().take(MOST_REPORTED) {
        let end = u32::try_from(line.chars().count()).unwrap_or(u32::MAX);
        found.push(wrong(
            format!("this packet cannot be read: {error}"),
            vec![Place {
                source: document.name.clone(),
                line: number,
                column: 1,
                end_line: number,
                end_column: end.saturating_add(1),
                excerpt: Some(line.chars().take(240).collect()),
                label: String::new(),
            }],
        ));
    }
    let more = errors.count();
    if more > 0 {
        let source = if document.name == STDIN {
            "input"
        } else {
            &document.name
        };
        let message = format!("{more} more packets of {source} cannot be read");
        found.push(wrong(message, Vec::new()));
    }
    found
}

fn wrong(message: String, places: Vec<Place>) -> DiagnosticData {
    let code = &portwright::diagnostic::input::SYNTAX;
    DiagnosticData {
        code: code.id.into(),
        name: code.name.into(),
        severity: Severity::Error,
        message,
        help: Some("`portwright schema packet` describes packets".into()),
        places,
    }
}
