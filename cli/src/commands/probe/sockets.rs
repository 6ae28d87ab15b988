//! `portwright probe sockets`

use crate::args::SiteArgs;
use crate::exit::Exit;
use crate::findings::FailOn;
use crate::input::{self, Stop};
use crate::output;
use crate::project::Project;
use clap::{Args, ValueEnum};
use portwright::engine::{
    self, Document, Outcome, ProbeSocketsRequest, Request, SocketEvidence, SocketOwner,
};
use portwright::probe::{PLAN_VERSION, Plan};
use portwright::report;

#[cfg(target_os = "linux")]
#[path = "sockets/here.rs"]
mod here;

const EXAMPLES: &str = "\
Examples:
  portwright probe sockets plan.json
  portwright probe sockets clusterConfig.yaml --host cp-1 --before
  ssh cp-1 ss -H -tulpn | portwright probe sockets plan.json --from cp-1=-
  nmap -oX scan.xml 10.0.0.0/24; portwright probe sockets plan.json --from scan.xml

Without --from it looks at this machine. Evidence from elsewhere is `ss -tulpn`, a file of /proc/net
(named as there), or the XML of nmap, which says by address whose it is. As root it names the
processes of all users.";

/// What listens on this host, against what should
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// A plan of `probe plan`, or inventories and site files
    #[command(flatten)]
    site: SiteArgs,
    /// Which host this is [default: the one that has an address of this machine]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// What was seen elsewhere, instead of this machine: `ss -tulpn`, `nmap -oX`, /proc/net
    #[arg(long, value_name = "[HOST=]FILE")]
    from: Vec<String>,
    /// Nothing is installed yet: a required port that something has is a conflict
    #[arg(long)]
    before: bool,
    /// Processes that may have required ports before the installation
    #[arg(
        long,
        value_name = "PROCESS,…",
        value_delimiter = ',',
        default_value = "sshd,systemd,chronyd,ntpd,systemd-timesyn"
    )]
    expect: Vec<String>,
    /// List sockets of other network namespaces, those of containers, too
    #[arg(long, conflicts_with = "from")]
    all_namespaces: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Severity that fails
    #[arg(long, value_enum, default_value = "error")]
    fail_on: FailOn,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The sockets, then what is not as it should be
    Text,
    /// The engine's answer
    Json,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let mut request = ProbeSocketsRequest {
        host: options.host.clone(),
        before: options.before,
        expected: options.expect.clone(),
        ..ProbeSocketsRequest::default()
    };
    match plan(&options.site)? {
        Some(plan) => request.plan = Some(plan),
        None => request.site = Some(Project::read(&options.site)?.site),
    }
    if options.from.is_empty() {
        let found = here::look(&request, options.all_namespaces)?;
        request.evidence = found.evidence;
        request.owners = found.owners;
        request.host = Some(found.host);
    } else {
        request.evidence = evidence(&options.from)?;
    }
    let answer = engine::call(&Request::ProbeSockets(request));
    output::diagnostics(&answer.diagnostics);
    let Some(Outcome::ProbeSockets(result)) = &answer.result else {
        if let Format::Json = options.format {
            output::data(&engine::to_json(&answer))?;
        }
        return Ok(Exit::Unusable);
    };
    output::data(&match options.format {
        Format::Text => report::sockets(result, output::stdout_is_coloured()),
        Format::Json => engine::to_json(&answer),
    })?;
    let [errors, warnings, notes] = result.counts;
    let failing = options.fail_on.count(errors, warnings, notes);
    let exit = if failing > 0 {
        Exit::Findings
    } else {
        Exit::Done
    };
    Ok(Exit::of(&answer, exit))
}

/// The plan, if that is what is given instead of a site.
fn plan(site: &SiteArgs) -> Result<Option<Document>, Stop> {
    let [path] = site.sites.as_slice() else {
        return Ok(None);
    };
    if path == "-" {
        return Ok(None);
    }
    let document = input::read(path)?;
    let head: String = document.text.chars().take(4096).collect();
    let is_plan = head.trim_start().starts_with('{') && head.contains(PLAN_VERSION);
    Ok(is_plan.then_some(document))
}

fn evidence(from: &[String]) -> Result<Vec<SocketEvidence>, Stop> {
    let parts = from.iter().map(|one| match one.split_once('=') {
        Some((host, path)) if !std::path::Path::new(one).exists() => {
            (Some(host.to_owned()), path.to_owned())
        }
        _ => (None, one.clone()),
    });
    let (hosts, paths): (Vec<_>, Vec<_>) = parts.unzip();
    let documents = input::read_all(&paths)?;
    let all = documents.into_iter().zip(hosts);
    Ok(all
        .map(|(document, host)| SocketEvidence {
            document,
            host,
            namespace: None,
        })
        .collect())
}

/// What was found on this machine.
struct Found {
    host: String,
    evidence: Vec<SocketEvidence>,
    owners: Vec<SocketOwner>,
}

/// The plan of a request, whatever it is made from.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux has /proc")
)]
fn planned(request: &ProbeSocketsRequest) -> Result<Plan, Stop> {
    if let Some(document) = &request.plan {
        return engine::read_plan(document);
    }
    let request = Request::ProbePlan(engine::ProbePlanRequest {
        site: request.site.clone().unwrap_or_default(),
        ..engine::ProbePlanRequest::default()
    });
    let answer = engine::call(&request);
    match answer.result {
        Some(Outcome::ProbePlan(result)) => Ok(result.plan),
        _ => Err(answer.diagnostics),
    }
}

#[cfg(not(target_os = "linux"))]
mod here {
    use super::*;

    pub fn look(_: &ProbeSocketsRequest, _: bool) -> Result<Found, Stop> {
        Err(input::stop(
            "only on Linux can this machine be looked at",
            "give what was seen elsewhere: `--from FILE`",
        ))
    }
}
