//! From a site to what is probed, as data.

use super::context::Context;
use super::resolve::{find_host, group_title, requirements_data};
use super::session::Session;
use super::{DiagnosticData, Document, SiteInput};
use crate::diagnostic::{Diagnostic, input};
use crate::graph::RequirementGraph;
use crate::probe::{self, Making, Plan, PlanReason, Sample};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// See [`super::Request::ProbePlan`].
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProbePlanRequest {
    /// The site.
    pub site: SiteInput,
    /// Only what this host dials, who must listen for that, and what it is to listen on itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Which ports of ranges are dialled: `all`, or some of `first`, `last`, `ends`, `random=N`,
    /// `seed=S` with commas; `ends,random=3` without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
}

/// What to dial and where to listen.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ProbePlanResult {
    /// The plan: what `portwright probe listen`, `run` and `report` read.
    pub plan: Plan,
    /// What its results refer to it by.
    pub hash: String,
    /// How many probes it asks for, over all hosts.
    pub probes: u64,
}

pub(super) fn plan(session: &mut Session, request: &ProbePlanRequest) -> Option<ProbePlanResult> {
    let sample = match request.sample.as_deref().map(str::parse::<Sample>) {
        None => Sample::default(),
        Some(Ok(sample)) => sample,
        Some(Err(problem)) => {
            session.report([Diagnostic::new(&input::SYNTAX, problem)]);
            return None;
        }
    };
    let context = Context::new(session, &request.site)?;
    let graph = RequirementGraph::new(&context.site, &context.catalog, &context.settings);
    let host = match &request.host {
        None => None,
        Some(name) => Some(find_host(session, &context, name)?),
    };
    let plan = probe::make(&Making {
        graph: &graph,
        sample: &sample,
        host,
        title: &|group| group_title(&context, group),
        reason: &|at| {
            let known = requirements_data(&context, [at]).pop()?;
            Some(PlanReason {
                requirement: known.id,
                title: known.title,
                citation: Some(known.citation),
            })
        },
    });
    let counts = plan.hosts.iter().map(|host| plan.count(host));
    Some(ProbePlanResult {
        probes: counts.fold(0, u64::saturating_add),
        hash: plan.hash(),
        plan,
    })
}

/// Reads a plan.
///
/// # Errors
/// What is wrong with it, with lines and columns.
pub fn read_plan(document: &Document) -> Result<Plan, Vec<DiagnosticData>> {
    let mut session = Session::default();
    let ids = session.add_quotable(std::slice::from_ref(document));
    let Some(&id) = ids.first() else {
        return Err(Vec::new());
    };
    probe::read_plan(&session.sources, id).map_err(|problems| {
        session.report(problems);
        session.answer(None).diagnostics
    })
}
