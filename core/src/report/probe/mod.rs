//! What live probes say, as people and build servers read it.

mod html;
mod junit;
mod markdown;
mod svg;
mod text;

use crate::diagnostic::Severity;
use crate::engine::{ProbeFinding, ProbeFlow, ProbeReportResult};
use crate::probe::{Cell, Counts, Verdict};

/// A format of what live probes say.
#[derive(Debug)]
pub struct ProbeFormat {
    /// Its name on the command line.
    pub id: &'static str,
    /// Writes it; with `true`, ANSI escapes where the format has them.
    pub write: fn(&ProbeReportResult, bool) -> String,
}

/// Every format, beside JSON, which is the answer itself.
pub static PROBE_FORMATS: &[ProbeFormat] = &[
    ProbeFormat {
        id: "table",
        write: text::report,
    },
    ProbeFormat {
        id: "junit",
        write: |result, _| junit::report(result),
    },
    ProbeFormat {
        id: "markdown",
        write: |result, _| markdown::report(result),
    },
    ProbeFormat {
        id: "html",
        write: |result, _| html::report(result),
    },
    ProbeFormat {
        id: "svg",
        write: |result, _| svg::report(result),
    },
];

/// A report in the format of this name; none when there is no such format.
#[must_use]
pub fn probe(format: &str, result: &ProbeReportResult, colour: bool) -> Option<String> {
    let found = PROBE_FORMATS.iter().find(|known| known.id == format)?;
    Some((found.write)(result, colour))
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Open => "open",
        Verdict::Closed => "closed",
        Verdict::Rejected => "rejected",
        Verdict::Dropped => "dropped",
        Verdict::Unreachable => "unreachable",
        Verdict::BlockedLocally => "blocked locally",
        Verdict::Unknown => "unknown",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// What there is, without what there is not: `950 open, 14 dropped`.
fn counts(counts: &Counts) -> String {
    let all = [
        (counts.open, Verdict::Open),
        (counts.closed, Verdict::Closed),
        (counts.rejected, Verdict::Rejected),
        (counts.dropped, Verdict::Dropped),
        (counts.unreachable, Verdict::Unreachable),
        (counts.blocked_locally, Verdict::BlockedLocally),
        (counts.unknown, Verdict::Unknown),
    ];
    let some = all.iter().filter(|(count, _)| *count > 0);
    let some: Vec<String> = some
        .map(|(count, of)| format!("{count} {}", verdict(*of)))
        .collect();
    if some.is_empty() {
        "none".into()
    } else {
        some.join(", ")
    }
}

fn plural(count: u64, of: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {of}{s}")
}

/// The lines below a report: how many of what.
fn summary(result: &ProbeReportResult) -> Vec<String> {
    let sum = &result.summary;
    let mut lines = Vec::new();
    let flows = [
        (sum.flows_open, "open"),
        (sum.flows_blocked, "not met"),
        (sum.flows_unknown, "unknown"),
    ];
    let flows = flows.iter().filter(|(count, _)| *count > 0);
    let flows: Vec<String> = flows
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    lines.push(format!(
        "{}: {}",
        plural(result.flows.len() as u64, "flow"),
        flows.join(", ")
    ));
    lines.push(format!(
        "{}: {}",
        plural(sum.probes.planned, "probe"),
        counts(&sum.probes)
    ));
    let told = &sum.agreement;
    if told.agrees + told.stale_export + told.unexported_firewall > 0 {
        let all = [
            (told.agrees, "as they say"),
            (told.unexported_firewall, "blocked although they permit it"),
            (
                told.stale_export,
                "otherwise than its host's own export says",
            ),
            (told.not_predicted, "not decided by them"),
        ];
        let some = all.iter().filter(|(count, _)| *count > 0);
        let some: Vec<String> = some
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        lines.push(format!("against the exports: {}", some.join(", ")));
    }
    if sum.untested > 0 {
        let parts = plural(sum.untested as u64, "part");
        lines.push(format!("{parts} of flows cannot be dialled from any host"));
    }
    let silent: Vec<&str> = result
        .hosts
        .iter()
        .filter(|host| !host.ran && host.planned > 0)
        .map(|host| host.name.as_str())
        .collect();
    if !silent.is_empty() {
        lines.push(format!("no run from: {}", silent.join(", ")));
    }
    lines
}

/// Protocol and ports as they are required, not as they were sampled: `tcp/30000-32767`.
fn service(flow: &ProbeFlow) -> String {
    match (&flow.sampled_from, flow.service.split_once('/')) {
        (Some(all), Some((protocol, _))) => format!("{protocol}/{all}"),
        _ => flow.service.clone(),
    }
}

/// Why a requirement is one, in a line each.
fn reasons(finding: &ProbeFinding) -> Vec<String> {
    let all = finding.because.iter();
    all.map(|reason| match &reason.citation {
        Some(citation) => format!("{} ({citation})", reason.title),
        None => reason.title.clone(),
    })
    .collect()
}

/// Where a finding's line stands, and what it does.
fn place(finding: &ProbeFinding) -> Option<String> {
    let place = finding.places.first()?;
    let label = if place.label.is_empty() {
        String::new()
    } else {
        format!(": {}", place.label)
    };
    Some(format!("{}:{}{label}", place.source, place.line))
}

/// `cp-1 > cp-2`.
fn ends(result: &ProbeReportResult, cell: &Cell) -> (String, String) {
    let from = result.hosts.get(cell.from);
    let to = result.targets.get(cell.to);
    (
        from.map_or(String::new(), |host| host.name.clone()),
        to.map_or(String::new(), |target| target.name.clone()),
    )
}
