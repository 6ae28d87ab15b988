//! JUnit's XML: a suite for each flow, a case for each source and target. What is unknown is
//! skipped, never passed.

use super::{counts, ends, verdict};
use crate::engine::{ProbeFinding, ProbeReportResult};
use crate::probe::{Cell, Verdict};
use crate::report::findings::junit::{Case, End, suites_text};
use std::collections::BTreeMap;

pub(super) fn report(result: &ProbeReportResult) -> String {
    let mut by_flow: BTreeMap<&str, Vec<&ProbeFinding>> = BTreeMap::new();
    for one in &result.findings {
        for flow in &one.flows {
            by_flow.entry(flow).or_default().push(one);
        }
    }
    let mut suites: Vec<(String, Vec<Case>)> = result
        .flows
        .iter()
        .map(|flow| {
            let untested = flow.untested.iter().map(|why| Case {
                name: "what no host can dial".into(),
                end: End::Skipped(why.clone()),
            });
            (flow.id.clone(), untested.collect())
        })
        .collect();
    for cell in &result.cells {
        let Some((id, cases)) = suites.get_mut(cell.flow) else {
            continue;
        };
        let findings = by_flow.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        cases.push(case(result, cell, findings));
    }
    if result.cells_not_listed > 0 {
        let why = format!("{} more pairs are not listed", result.cells_not_listed);
        let end = End::Skipped(why);
        let name = "pairs that are not listed".to_owned();
        suites.push((name.clone(), vec![Case { name, end }]));
    }
    suites.retain(|(_, cases)| !cases.is_empty());
    suites_text(&suites)
}

fn case(result: &ProbeReportResult, cell: &Cell, findings: &[&ProbeFinding]) -> Case {
    let (from, to) = ends(result, cell);
    let mut about = findings.iter().filter(|one| {
        one.verdict == cell.verdict && one.from.contains(&from) && one.to.contains(&to)
    });
    let about = about.next();
    let message = about.map_or_else(
        || verdict(cell.verdict).to_owned(),
        |one| one.message.clone(),
    );
    Case {
        name: format!("{from} > {to}"),
        end: match cell.verdict {
            Verdict::Open => End::Passed,
            Verdict::Unknown => End::Skipped(message),
            other => End::Failed {
                kind: verdict(other).into(),
                message,
                text: about.map_or_else(
                    || counts(&cell.probes),
                    |one| format!("{}\n{}\n{}", counts(&cell.probes), one.reason, one.fix),
                ),
            },
        },
    }
}
