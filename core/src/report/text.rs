//! Diagnostics, findings and explanations for terminals, with source snippets.

use super::one_line;
use crate::diagnostic::Severity;
use crate::engine::{
    AuditResult, DiagnosticData, ExplainResult, FindingData, LintResult, Place, RequirementData,
};
use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet,
    normalize_untrusted_str,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// Columns that snippets may take.
const WIDTH: usize = 160;

/// Diagnostics one after the other; empty when there are none. With `colour`, ANSI escapes.
#[must_use]
pub fn diagnostics(all: &[DiagnosticData], colour: bool) -> String {
    let renderer = renderer(colour);
    let mut out = String::new();
    for one in all {
        let title = level(one.severity).primary_title(one.message.as_str());
        let title = if one.code.is_empty() {
            title
        } else {
            title.id(one.code.as_str())
        };
        let mut elements = places(&one.places);
        if let Some(help) = &one.help {
            let help = normalize_untrusted_str(help);
            elements.push(Level::HELP.message(help).into());
        }
        render(&mut out, &renderer, title.elements(elements));
    }
    out
}

/// The findings of a lint run, then the counts. With `colour`, ANSI escapes.
#[must_use]
pub fn lint(result: &LintResult, colour: bool) -> String {
    let renderer = renderer(colour);
    let requirements = result.requirements.iter();
    let requirements: BTreeMap<&str, &RequirementData> =
        requirements.map(|r| (r.id.as_str(), r)).collect();
    let mut out = String::new();
    findings(&mut out, &renderer, &result.findings, &requirements);
    for one in &result.exports {
        let line = format!(
            "{}: {} checked in {} ({}), {}, {} not modelled",
            one.guards,
            count(one.checked, "required flow"),
            one.documents.join(", "),
            one.dialects.join(", "),
            count(one.rules, "rule"),
            count(one.not_modelled.len(), "line")
        );
        out.push_str(&format!("{}\n", one_line(&line)));
    }
    let sum = &result.summary;
    out.push_str(&format!(
        "{} of {} permitted, {} unknown; {}, {}, {}\n",
        sum.permitted,
        count(sum.checked, "required flow"),
        sum.unknown,
        count(sum.errors, "error"),
        count(sum.warnings, "warning"),
        count(sum.notes, "note")
    ));
    out
}

/// The findings of an audit, then the counts. With `colour`, ANSI escapes.
#[must_use]
pub fn audit(result: &AuditResult, colour: bool) -> String {
    let mut out = String::new();
    let requirements = BTreeMap::new();
    findings(&mut out, &renderer(colour), &result.findings, &requirements);
    let export = &result.export;
    let sum = &result.summary;
    let line = format!(
        "{} ({}): {}, {} not modelled; {}, {}, {}",
        export.documents.join(", "),
        export.dialects.join(", "),
        count(export.rules, "rule"),
        count(export.not_modelled.len(), "line"),
        count(sum.errors, "error"),
        count(sum.warnings, "warning"),
        count(sum.notes, "note")
    );
    out.push_str(&format!("{}\n", one_line(&line)));
    out
}

fn findings(
    out: &mut String,
    renderer: &Renderer,
    all: &[FindingData],
    requirements: &BTreeMap<&str, &RequirementData>,
) {
    for one in all {
        let message = match one.guards.as_str() {
            "" => one.message.clone(),
            guards => format!("{guards}: {}", one.message),
        };
        let title = level(one.severity)
            .primary_title(message)
            .id(one.code.as_str());
        let elements = finding(one, requirements);
        render(out, renderer, title.elements(elements));
    }
}

fn count(number: usize, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {of}{plural}")
}

fn finding<'f>(
    finding: &'f FindingData,
    requirements: &BTreeMap<&str, &'f RequirementData>,
) -> Vec<Element<'f>> {
    let mut elements = places(&finding.places);
    let mut say = |level: Level<'f>, text: String| {
        elements.push(level.message(normalize_untrusted_str(&text)).into());
    };
    if !finding.packets.is_empty() {
        say(
            Level::NOTE,
            format!("packets: {}", finding.packets.join("; ")),
        );
    }
    for id in &finding.requirements {
        if let Some(one) = requirements.get(id.as_str()) {
            say(
                Level::NOTE,
                format!("required for {} ({})", one.title, one.citation),
            );
        }
    }
    for place in &finding.depends_on {
        let why = if place.label.is_empty() {
            "not modelled"
        } else {
            &place.label
        };
        let at = format!("{}:{}", place.source, place.line);
        say(Level::NOTE, format!("depends on {at}: {why}"));
    }
    if let Some(witness) = &finding.witness {
        let way = witness.path.join(" → ");
        let text = format!(
            "for example `{}`: {} ({way})",
            witness.packet, witness.verdict
        );
        say(Level::NOTE, text);
    }
    if let Some(fix) = &finding.fix {
        say(Level::HELP, fix.text.clone());
        if let (Some(place), false) = (&fix.place, fix.lines.is_empty()) {
            let word = if fix.replace {
                "replace"
            } else {
                "insert before"
            };
            let lines = fix.lines.join("\n");
            say(
                Level::HELP,
                format!("{word} {}:{}\n{lines}", place.source, place.line),
            );
        } else if !fix.lines.is_empty() {
            say(Level::HELP, format!("add\n{}", fix.lines.join("\n")));
        }
    }
    elements
}

/// What codes mean: one in full, several as a list.
#[must_use]
pub fn explanations(result: &ExplainResult) -> String {
    let mut out = String::new();
    if let [one] = result.codes.as_slice() {
        out.push_str(&format!(
            "{} {} ({}): {}\n\n{}",
            one.id,
            one.name,
            severity(one.severity),
            one.summary,
            one.explanation
        ));
        return out;
    }
    for one in &result.codes {
        out.push_str(&format!(
            "{}  {:<18}{:<9}{}\n",
            one.id,
            one.name,
            severity(one.severity),
            one.summary
        ));
    }
    out
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Note => Level::NOTE,
        Severity::Warning => Level::WARNING,
        Severity::Error => Level::ERROR,
    }
}

fn renderer(colour: bool) -> Renderer {
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.term_width(WIDTH)
}

fn render(out: &mut String, renderer: &Renderer, group: Group<'_>) {
    out.push_str(renderer.render(&[group]).trim_end());
    out.push_str("\n\n");
}

/// A snippet for each place that may be quoted, else only where it is.
fn places<'p>(places: &'p [Place]) -> Vec<Element<'p>> {
    let mut elements = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let Some(excerpt) = &place.excerpt else {
            let origin = Origin::path(one_line(&place.source))
                .line(number_of(place.line))
                .char_column(number_of(place.column));
            elements.push(origin.into());
            if !place.label.is_empty() {
                let label = normalize_untrusted_str(&place.label);
                elements.push(Level::NOTE.message(label).into());
            }
            continue;
        };
        let kind = if number == 0 {
            AnnotationKind::Primary
        } else {
            AnnotationKind::Context
        };
        let label = (!place.label.is_empty()).then(|| normalize_untrusted_str(&place.label));
        let snippet: Snippet<'p, Annotation<'p>> = Snippet::source(excerpt.as_str())
            .line_start(number_of(place.line))
            .path(one_line(&place.source))
            .annotation(kind.span(range(place, excerpt)).label(label));
        elements.push(snippet.into());
    }
    elements
}

fn number_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The bytes of the excerpt that the place means; a place of several lines means its first line.
fn range(place: &Place, excerpt: &str) -> Range<usize> {
    let byte = |column: u32| {
        let before = number_of(column).saturating_sub(1);
        let at = excerpt.char_indices().nth(before);
        at.map_or(excerpt.len(), |(at, _)| at)
    };
    let start = byte(place.column);
    let end = if place.end_line > place.line {
        excerpt.len()
    } else {
        byte(place.end_column)
    };
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(excerpt: Option<&str>, column: u32, end_column: u32) -> DiagnosticData {
        DiagnosticData {
            code: "PW003".into(),
            name: "syntax".into(),
            severity: Severity::Error,
            message: "what is `x`".into(),
            help: Some("leave it out".into()),
            places: vec![Place {
                source: "a.rules".into(),
                line: 7,
                column,
                end_line: 7,
                end_column,
                excerpt: excerpt.map(Into::into),
                label: "here".into(),
            }],
        }
    }

    #[test]
    fn snippets_point_at_characters() {
        for (excerpt, column, end_column, wanted) in [
            (
                Some("-A INPUT x"),
                10,
                11,
                "7 | -A INPUT x\n  |          ^ here",
            ),
            (Some("节点 x"), 4, 5, "7 | 节点 x\n  |      ^ here"),
            (Some("short"), 90, 95, "7 | short"),
            (Some(""), 1, 1, "7 |"),
            (None, 3, 4, "--> a.rules:7:3"),
        ] {
            let text = diagnostics(&[diagnostic(excerpt, column, end_column)], false);
            assert!(text.contains(wanted), "{text}");
            assert!(text.starts_with("error[PW003]: what is `x`\n"), "{text}");
            assert!(text.contains("help: leave it out"), "{text}");
        }
    }

    #[test]
    fn escapes_of_terminals_do_not_pass() {
        let mut one = diagnostic(Some("\u{1b}[31mred"), 1, 2);
        one.message = "\u{1b}]0;title\u{7}".into();
        one.help = Some("\u{1b}[2J".into());
        if let Some(place) = one.places.first_mut() {
            place.label = "\u{1b}[1m".into();
            place.source = "\u{1b}[7m".into();
        }
        let text = diagnostics(&[one], false);
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }
}
