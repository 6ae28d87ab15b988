//! Tables in Markdown, for tickets and comments.

use super::{counts, place, reasons, service, severity, summary, verdict};
use crate::engine::ProbeReportResult;
use crate::probe::Verdict;
use crate::report::markdown::escape;

/// What is the matter, then the flows that are not open.
pub(super) fn report(result: &ProbeReportResult) -> String {
    let mut out = String::from("# Live probes\n\n");
    for line in summary(result) {
        out.push_str(&format!("- {}\n", escape(&line)));
    }
    if !result.findings.is_empty() {
        out.push_str("\n## What is the matter\n\n| severity | code | what | seen | line | required for | what to do |\n| --- | --- | --- | --- | --- | --- | --- |\n");
    }
    for one in &result.findings {
        let seen = one.example.as_ref().map_or(String::new(), |example| {
            format!("{example}: {}", one.reason)
        });
        out.push_str(&format!(
            "| {} | {} {} | {} | {} | {} | {} | {} |\n",
            severity(one.severity),
            escape(&one.code),
            escape(&one.name),
            escape(&one.message),
            escape(&seen),
            escape(&place(one).unwrap_or_default()),
            escape(&reasons(one).join("; ")),
            escape(&one.fix)
        ));
    }
    let flows: Vec<_> = result
        .flows
        .iter()
        .filter(|flow| flow.verdict != Verdict::Open)
        .collect();
    if !flows.is_empty() {
        out.push_str("\n## Flows that are not open throughout\n\n| from | to | service | verdict | probes |\n| --- | --- | --- | --- | --- |\n");
    }
    for flow in flows {
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            escape(&flow.from),
            escape(&flow.to),
            escape(&service(flow)),
            verdict(flow.verdict),
            escape(&counts(&flow.probes))
        ));
    }
    out
}
