//! Reading a plan.

use super::{PLAN_VERSION, Plan};
use crate::diagnostic::{Diagnostic, input};
use crate::fnv::fingerprint;
use crate::net::{Family, Protocol};
use crate::source::{SourceId, Sources, Span};
use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

/// Flows that a plan may have.
const MOST_FLOWS: usize = 1 << 16;

/// Pairs of addresses that a plan may dial, over all flows.
const MOST_PAIRS: u64 = 200_000_000;

/// Problems that are told of one plan.
const MOST_PROBLEMS: usize = 20;

/// What results say of the plan that they are for: a hash of what it says, however it is laid out.
/// Of a text that is no plan, of its bytes.
#[must_use]
pub fn plan_hash(text: &str) -> String {
    match serde_json::from_str::<Plan>(text) {
        Ok(plan) => plan.hash(),
        Err(_) => fingerprint(&[text]),
    }
}

impl Plan {
    /// See [`plan_hash`].
    #[must_use]
    pub fn hash(&self) -> String {
        // Plain data with string keys: serialisation has no way to fail.
        let text = serde_json::to_string(self).unwrap_or_default();
        fingerprint(&[&text])
    }
}

/// Reads a plan and checks that it is whole: what refers to something refers to something there.
///
/// # Errors
/// What is wrong with it, with places.
pub fn read_plan(sources: &Sources, id: SourceId) -> Result<Plan, Vec<Diagnostic>> {
    let text = sources.get(id).map_or("", |source| source.text());
    version(sources, id, text)?;
    let plan: Plan = serde_json::from_str(text).map_err(|problem| {
        vec![
            syntax(sources, id, &problem)
                .help("`portwright probe plan SITE -o FILE` writes plans; `portwright schema probe-plan` describes them"),
        ]
    })?;
    let problems = Check::of(&plan);
    if problems.is_empty() {
        return Ok(plan);
    }
    let places = Places::new(text);
    let located = problems.into_iter().take(MOST_PROBLEMS);
    Err(located
        .map(|problem| {
            let (start, end) = places.find(&problem.path);
            let at = Span::new(id, start, end);
            Diagnostic::new(problem.code, problem.message)
                .at(at)
                .help(problem.help)
        })
        .collect())
}

/// What serde says, without the place in its text, at the place.
pub(super) fn syntax(sources: &Sources, id: SourceId, problem: &serde_json::Error) -> Diagnostic {
    let said = problem.to_string();
    let place = format!(" at line {} column {}", problem.line(), problem.column());
    let said = said.strip_suffix(&place).unwrap_or(&said);
    let line = u32::try_from(problem.line()).unwrap_or(u32::MAX);
    let span = sources.line_span(id, line.max(1));
    // serde counts bytes from 1, and stands behind what it read.
    let column = u32::try_from(problem.column().saturating_sub(1)).unwrap_or(u32::MAX);
    let start = span.start.saturating_add(column).min(span.end);
    let at = Span {
        start,
        end: start,
        ..span
    };
    Diagnostic::new(&input::SYNTAX, said.to_owned()).at(at)
}

/// Says what is wrong where a text is no plan of this version.
fn version(sources: &Sources, id: SourceId, text: &str) -> Result<(), Vec<Diagnostic>> {
    #[derive(Deserialize)]
    struct Head {
        portwright: Option<String>,
        operation: Option<IgnoredAny>,
    }
    let name = sources.name(id);
    let head = Span::new(id, 0, 0);
    let wrong = |message: String, help: &str| {
        Err(vec![
            Diagnostic::new(&input::UNKNOWN_FORMAT, message)
                .at(head)
                .help(help),
        ])
    };
    let read: Head = match serde_json::from_str(text) {
        Ok(read) => read,
        Err(problem) if problem.is_data() => {
            return wrong(
                format!(
                    "`{name}` is not a probe plan, expected a JSON object with `\"portwright\": \"{PLAN_VERSION}\"`"
                ),
                "make one: `portwright probe plan SITE -o FILE`",
            );
        }
        Err(problem) => {
            let help = "make a plan: `portwright probe plan SITE -o FILE`";
            return Err(vec![syntax(sources, id, &problem).help(help)]);
        }
    };
    match read.portwright.as_deref() {
        Some(PLAN_VERSION) => Ok(()),
        Some(other) => {
            let other: String = other.chars().take(60).collect();
            wrong(
                format!("`{name}` says that it is `{other}`, expected `{PLAN_VERSION}`"),
                "make the plan with this version of portwright, or use the version that made it",
            )
        }
        None if read.operation.is_some() => wrong(
            format!("`{name}` is a request or an answer of the engine, expected a probe plan"),
            "take the plan out of it: its `plan`",
        ),
        None => wrong(
            format!(
                "`{name}` does not say what it is, expected `\"portwright\": \"{PLAN_VERSION}\"`"
            ),
            "make a plan: `portwright probe plan SITE -o FILE`",
        ),
    }
}

/// A step from a value to one inside it.
#[derive(Debug, Clone, Copy)]
enum Step {
    Key(&'static str),
    At(usize),
}

fn under(path: &[Step], more: &[Step]) -> Vec<Step> {
    [path, more].concat()
}

struct Problem {
    code: &'static crate::diagnostic::Code,
    path: Vec<Step>,
    message: String,
    help: &'static str,
}

struct Check {
    problems: Vec<Problem>,
}

impl Check {
    fn of(plan: &Plan) -> Vec<Problem> {
        let mut check = Self {
            problems: Vec::new(),
        };
        check.flows(plan);
        check.targets(plan);
        check.hosts(plan);
        for (at, one) in plan.untested.iter().enumerate() {
            let path = [Step::Key("untested"), Step::At(at), Step::Key("flow")];
            check.within(&path, "flow", one.flow, plan.flows.len());
        }
        check.problems
    }

    fn problem(&mut self, path: &[Step], message: String, help: &'static str) {
        self.add(&input::SYNTAX, path, message, help);
    }

    fn add(
        &mut self,
        code: &'static crate::diagnostic::Code,
        path: &[Step],
        message: String,
        help: &'static str,
    ) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem {
                code,
                path: path.to_vec(),
                message,
                help,
            });
        }
    }

    fn within(&mut self, path: &[Step], what: &str, at: usize, count: usize) {
        if at >= count {
            let message = format!("there is no {what} {at}: the plan has {count}, counted from 0");
            self.problem(path, message, "make the plan anew");
        }
    }

    fn flows(&mut self, plan: &Plan) {
        if plan.flows.len() > MOST_FLOWS {
            let message = format!("a plan has at most {MOST_FLOWS} flows");
            self.add(
                &input::LIMIT,
                &[Step::Key("flows")],
                message,
                "plan for one host at a time: `--host`",
            );
        }
        for (at, flow) in plan.flows.iter().enumerate().take(MOST_FLOWS) {
            let here = [Step::Key("flows"), Step::At(at)];
            self.within(
                &under(&here, &[Step::Key("to")]),
                "target",
                flow.to,
                plan.targets.len(),
            );
            self.ports(&here, flow.protocol, flow.ports.is_empty());
        }
    }

    fn ports(&mut self, path: &[Step], protocol: u8, none: bool) {
        let portful = Protocol(protocol).has_ports();
        if portful == none {
            let has = if portful { "needs" } else { "has no" };
            let message = format!("protocol {protocol} {has} ports");
            let help = "give `ports` for TCP, UDP and SCTP, and only for them";
            self.problem(path, message, help);
        }
    }

    fn targets(&mut self, plan: &Plan) {
        for (at, group) in plan.targets.iter().enumerate() {
            let sorted = group.members.is_sorted_by(|a, b| a.address < b.address);
            if !sorted {
                let path = [Step::Key("targets"), Step::At(at), Step::Key("members")];
                let message = "the members are not sorted by address, each once".into();
                self.problem(&path, message, "sort them, IPv4 first");
            }
        }
    }

    fn hosts(&mut self, plan: &Plan) {
        let mut names = BTreeSet::new();
        let mut pairs = 0_u64;
        let sizes: BTreeMap<usize, u64> = plan
            .targets
            .iter()
            .enumerate()
            .map(|(at, group)| (at, group.members.len() as u64))
            .collect();
        for (at, host) in plan.hosts.iter().enumerate() {
            let here = [Step::Key("hosts"), Step::At(at)];
            if !names.insert(&host.name) {
                let message = format!("there are two hosts `{}`", host.name);
                self.problem(&here, message, "rename one");
            }
            for (number, listen) in host.listen.iter().enumerate() {
                let path = under(&here, &[Step::Key("listen"), Step::At(number)]);
                self.ports(&path, listen.protocol, listen.ports.is_empty());
            }
            let mut last = None;
            for (number, dial) in host.dial.iter().enumerate() {
                let path = under(&here, &[Step::Key("dial"), Step::At(number)]);
                let Some(flow) = plan.flows.get(dial.flow) else {
                    self.within(
                        &under(&path, &[Step::Key("flow")]),
                        "flow",
                        dial.flow,
                        plan.flows.len(),
                    );
                    continue;
                };
                if last.is_some_and(|last| last >= dial.flow) {
                    let message =
                        "what a host dials is not in the order of the flows, each once".into();
                    self.problem(&path, message, "sort it");
                }
                last = Some(dial.flow);
                if dial
                    .from
                    .iter()
                    .any(|&from| Family::of(from) != flow.family)
                {
                    let message = format!("an address is not of the family of flow {}", dial.flow);
                    self.problem(
                        &path,
                        message,
                        "an IPv4 flow is dialled from an IPv4 address",
                    );
                }
                let size = sizes.get(&flow.to).copied().unwrap_or(0);
                pairs = pairs.saturating_add(size.saturating_mul(dial.from.len() as u64));
            }
        }
        if pairs > MOST_PAIRS {
            let message = format!(
                "the plan dials {pairs} pairs of addresses, at most {MOST_PAIRS} are possible"
            );
            self.add(
                &input::LIMIT,
                &[Step::Key("hosts")],
                message,
                "plan for some hosts at a time: `--host`",
            );
        }
    }
}

/// Where in the text the values stand.
struct Places<'t>(Option<ast::Value<'t>>);

impl<'t> Places<'t> {
    fn new(text: &'t str) -> Self {
        let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
        Self(parsed.ok().and_then(|parsed| parsed.value))
    }

    /// Start and end of a value in bytes; of the one around it where it is not there.
    fn find(&self, path: &[Step]) -> (usize, usize) {
        let Some(mut value) = self.0.as_ref() else {
            return (0, 0);
        };
        for step in path {
            let inner = match (step, value) {
                (Step::Key(key), ast::Value::Object(object)) => {
                    let mut all = object.properties.iter();
                    let found = all.find(|property| property.name.as_str() == *key);
                    found.map(|property| &property.value)
                }
                (Step::At(at), ast::Value::Array(array)) => array.elements.get(*at),
                _ => None,
            };
            match inner {
                Some(inner) => value = inner,
                None => break,
            }
        }
        let range = value.range();
        (range.start, range.end)
    }
}
