//! For terminals: first what is broken, who does it and what to do, then the counts.

use super::{place, reasons, severity, summary};
use crate::diagnostic::Severity;
use crate::engine::{ProbeFinding, ProbeReportResult};
use crate::probe::Verdict;
use crate::report::one_line;

/// Reasons that are told of one finding.
const MOST_REASONS: usize = 3;

/// Names of hosts that are listed of one finding.
const MOST_NAMES: usize = 12;

pub(super) fn report(result: &ProbeReportResult, colour: bool) -> String {
    let mut out = String::new();
    let (unknown, broken): (Vec<_>, Vec<_>) = result
        .findings
        .iter()
        .partition(|one| one.verdict == Verdict::Unknown);
    for one in broken.into_iter().chain(unknown) {
        finding(&mut out, one, colour);
    }
    if result.findings_not_listed > 0 {
        let more = result.findings_not_listed;
        out.push_str(&format!(
            "{more} more probes have something the matter and are not listed\n\n"
        ));
    }
    for line in summary(result) {
        out.push_str(&format!("{}\n", one_line(&line)));
    }
    out
}

fn finding(out: &mut String, one: &ProbeFinding, colour: bool) {
    let paint = match (colour, one.severity) {
        (false, _) => ("", ""),
        (_, Severity::Error) => ("\u{1b}[1;31m", "\u{1b}[0m"),
        (_, Severity::Warning) => ("\u{1b}[1;33m", "\u{1b}[0m"),
        (_, Severity::Note) => ("\u{1b}[1;36m", "\u{1b}[0m"),
    };
    out.push_str(&format!(
        "{}{}[{}]{}: {}\n",
        paint.0,
        severity(one.severity),
        one.code,
        paint.1,
        one_line(&one.message)
    ));
    let mut say = |what: &str, text: &str| {
        out.push_str(&format!("  {what:<5} {}\n", one_line(text)));
    };
    if one.from.len() > 3 {
        say("from", &named(&one.from));
    }
    if one.to.len() > 3 {
        say("to", &named(&one.to));
    }
    if let (Some(example), false) = (&one.example, one.verdict == Verdict::Unknown) {
        say("seen", &format!("{example}: {}", one.reason));
    }
    if let Some(place) = place(one) {
        say("line", &place);
        if let Some(text) = one
            .places
            .first()
            .and_then(|place| place.excerpt.as_deref())
        {
            say("", text.trim());
        }
    }
    let why = reasons(one);
    for reason in why.iter().take(MOST_REASONS) {
        say("for", reason);
    }
    if why.len() > MOST_REASONS {
        say("", &format!("and {} more", why.len() - MOST_REASONS));
    }
    say("do", &one.fix);
    out.push('\n');
}

fn named(names: &[String]) -> String {
    let shown = names.get(..MOST_NAMES).unwrap_or(names).join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown}, … +{more}"),
    }
}
