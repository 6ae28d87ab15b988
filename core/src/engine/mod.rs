//! The facade: the only door for the command line, the WASM wrapper and embedders. Plain data in,
//! plain data out.
//!
//! ```
//! use portwright::engine::{self, Document, Outcome, Request, ResolveRequest, SiteInput};
//!
//! let site = "portwright: site/v1\nclusters:\n- name: a\n  hosts:\n  \
//!     - {name: cp, address: 10.0.0.1, roles: [control-plane]}\n  \
//!     - {name: w, address: 10.0.0.2, roles: [worker]}\n";
//! let documents = vec![Document { name: "site.yaml".into(), text: site.into() }];
//! let site = SiteInput { documents, ..SiteInput::default() };
//! let answer = engine::call(&Request::Resolve(ResolveRequest { site, ..Default::default() }));
//! let Some(Outcome::Resolve(resolved)) = answer.result else { panic!("{answer:?}") };
//! assert!(resolved.flows.iter().any(|flow| flow.ports == "6443"));
//! ```

mod answer;
mod audit;
mod baseline;
mod browse;
mod compare;
mod context;
mod describe;
mod detect;
mod fingerprint;
mod lint;
mod packet;
mod probe_finding;
mod probe_plan;
mod probe_report;
mod probe_sockets;
mod request;
mod resolve;
mod session;
mod suppress;
mod trace;

pub use answer::*;
pub use baseline::{Baseline, KnownFinding};
pub use packet::{PacketInput, parse_packet};
pub use probe_plan::{ProbePlanRequest, ProbePlanResult, read_plan};
pub use probe_report::{
    BlockedBy, ProbeFinding, ProbeFlow, ProbeHost, ProbeReportRequest, ProbeReportResult,
    ProbeSummary, ProbeTarget,
};
pub use probe_sockets::{
    HostSockets, ProbeSocketsRequest, ProbeSocketsResult, SocketData, SocketEvidence,
    SocketFinding, SocketOwner,
};
pub use request::*;

use session::Session;

/// Answers a request. The same request gives the same answer, byte for byte, on every platform.
#[must_use]
pub fn call(request: &Request) -> Answer {
    let mut session = Session::default();
    let result = match request {
        Request::Resolve(request) => resolve::resolve(&mut session, request).map(Outcome::Resolve),
        Request::Lint(request) => lint::lint(&mut session, request).map(Outcome::Lint),
        Request::Audit(request) => audit::audit(&mut session, request).map(Outcome::Audit),
        Request::Trace(request) => trace::trace(&mut session, request).map(Outcome::Trace),
        Request::Compare(request) => compare::compare(&mut session, request).map(Outcome::Compare),
        Request::Catalog(request) => browse::catalog(&mut session, request).map(Outcome::Catalog),
        Request::Detect(request) => Some(Outcome::Detect(detect::detect(&mut session, request))),
        Request::Explain(request) => browse::explain(&mut session, request).map(Outcome::Explain),
        Request::ProbePlan(request) => {
            probe_plan::plan(&mut session, request).map(Outcome::ProbePlan)
        }
        Request::ProbeReport(request) => {
            probe_report::report(&mut session, request).map(Outcome::ProbeReport)
        }
        Request::ProbeSockets(request) => {
            probe_sockets::sockets(&mut session, request).map(Outcome::ProbeSockets)
        }
    };
    session.answer(result)
}

/// Answers a request given as JSON, in JSON: pretty-printed, with a final newline. A request that
/// cannot be read is answered with a failure that says why.
#[must_use]
pub fn call_json(request: &str) -> String {
    let answer = match serde_json::from_str(request) {
        Ok(request) => call(&request),
        Err(problem) => session::unreadable_request(&problem),
    };
    to_json(&answer)
}

/// An answer as JSON: pretty-printed, with a final newline.
#[must_use]
pub fn to_json(answer: &Answer) -> String {
    // Plain data with string keys: serialisation has no way to fail.
    let mut json = serde_json::to_string_pretty(answer).unwrap_or_default();
    json.push('\n');
    json
}

/// The JSON Schema of requests and answers, for editors and for generated types.
#[must_use]
pub fn schema() -> serde_json::Value {
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Engine {
        /// What the engine is asked.
        request: Request,
        /// What it answers.
        answer: Answer,
    }
    let mut schema = schemars::schema_for!(Engine).to_value();
    spell_out_references(&mut schema);
    schema
}

/// Writes `{$ref, properties, …}` (a tagged variant) as `{allOf: [{$ref}, {properties, …}]}`, and
/// `{$ref, description}` alike: the same meaning, and the generator of TypeScript types does not
/// lose or repeat what is referred to.
fn spell_out_references(schema: &mut serde_json::Value) {
    use serde_json::{Value, json};
    match schema {
        Value::Array(items) => items.iter_mut().for_each(spell_out_references),
        Value::Object(object) => {
            object.values_mut().for_each(spell_out_references);
            if object.len() < 2 {
                return;
            }
            let Some(reference) = object.remove("$ref") else {
                return;
            };
            let mut parts = vec![json!({ "$ref": reference })];
            if object.contains_key("properties") {
                let description = object.remove("description");
                parts.push(Value::Object(std::mem::take(object)));
                object.extend(description.map(|text| ("description".to_owned(), text)));
            }
            object.insert("allOf".into(), parts.into());
        }
        _ => {}
    }
}
