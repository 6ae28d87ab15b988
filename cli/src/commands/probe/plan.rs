//! `portwright probe plan`

use crate::args::SiteArgs;
use crate::exit::Exit;
use crate::input::{Stop, stop};
use crate::output;
use crate::project::Project;
use clap::Args;
use portwright::engine::{self, Outcome, ProbePlanRequest, ProbePlanResult, Request};
use portwright::probe::Sample;

const EXAMPLES: &str = "\
Examples:
  portwright probe plan clusterConfig.yaml -o plan.json
  portwright probe plan clusterConfig.yaml --host worker7 -o plan.json
  portwright probe plan site.yaml --sample all -o plan.json
  portwright probe plan site.yaml --sample ends,random=20,seed=7 -o plan.json

The plan is one JSON document for all hosts: each takes its own part. `portwright schema probe-plan`
describes it. Flows that no host of the site can dial (their source is outside, or their target is no
single address) are in it as `untested`, with why.";

/// Per host, what to listen on and what to dial
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    #[command(flatten)]
    site: SiteArgs,
    /// Only what this host dials, who must listen for that, and what it is to listen on itself
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Which ports of ranges are dialled: `all`, or some of `first`, `last`, `ends`, `random=N`,
    /// `seed=S` with commas
    #[arg(long, value_name = "WHICH", default_value_t = Sample::default())]
    sample: Sample,
    /// Write the plan to this file, not to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
}

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let project = Project::read(&options.site)?;
    let answer = engine::call(&Request::ProbePlan(ProbePlanRequest {
        site: project.site,
        host: options.host.clone(),
        sample: Some(options.sample.to_string()),
    }));
    output::diagnostics(&answer.diagnostics);
    let Some(Outcome::ProbePlan(result)) = &answer.result else {
        return Ok(Exit::Unusable);
    };
    let mut text = serde_json::to_string_pretty(&result.plan)
        .map_err(|error| stop(format!("the plan cannot be written: {error}"), ""))?;
    text.push('\n');
    match &options.output {
        None => output::data(&text)?,
        Some(path) => output::file(path, &text)?,
    }
    output::notice(&summary(result));
    Ok(Exit::of(&answer, Exit::Done))
}

/// What was planned, for people.
fn summary(result: &ProbePlanResult) -> String {
    let plan = &result.plan;
    let dialling = plan.hosts.iter().filter(|host| !host.dial.is_empty());
    let listening = plan.hosts.iter().filter(|host| !host.listen.is_empty());
    let mut text = format!(
        "{} flows: {} hosts dial {} probes, {} hosts listen; ranges of ports: {}\n",
        plan.flows.len(),
        dialling.count(),
        result.probes,
        listening.count(),
        plan.sample
    );
    if !plan.untested.is_empty() {
        let count = plan.untested.len();
        let parts = if count == 1 { "part" } else { "parts" };
        text.push_str(&format!(
            "{count} {parts} of flows cannot be dialled from any host: see `untested` in the plan\n"
        ));
    }
    text
}
