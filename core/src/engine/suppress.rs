//! Suppressions: `portwright:ignore PW203 reason="…" until=2027-01-31` in the comment of a rule, or
//! in a comment line before it.

use super::session::Session;
use crate::analysis::Finding;
use crate::diagnostic::{Code, code_by_id, hygiene, mistake, suppression};
use crate::firewall::Firewall;
use crate::net::Family;
use crate::source::{SourceId, Span};
use std::collections::BTreeSet;

const MARKER: &str = "portwright:ignore";

/// How comment lines of configuration languages begin.
const COMMENTS: &[&str] = &["#", "//", ";", "<!--"];

/// What is looked for and when.
pub(super) struct Judged<'j> {
    /// Ids of the codes that are reported.
    pub(super) wanted: &'j BTreeSet<&'static str>,
    /// Whether there is a site: some codes are only found with one, others only without.
    pub(super) with_site: bool,
    /// Today, `YYYY-MM-DD`; nothing expires without.
    pub(super) today: Option<&'j str>,
}

/// One suppression.
#[derive(Debug, Default, PartialEq, Eq)]
struct Directive {
    codes: Vec<&'static Code>,
    until: Option<String>,
    /// What is wrong with it.
    fault: Option<String>,
}

/// A suppression and the line that it is for.
struct Stands {
    directive: Directive,
    /// Where it is written.
    written: Span,
    target: Target,
}

enum Target {
    /// The rule whose comment it is.
    Rule(Span),
    /// The next line of the text.
    Line(SourceId, u32),
}

/// Takes out the findings that are suppressed, and adds those about suppressions. Gives how many
/// were taken out.
pub(super) fn suppress(
    session: &Session,
    firewall: &Firewall,
    texts: &[SourceId],
    judged: &Judged<'_>,
    findings: &mut Vec<Finding>,
) -> usize {
    let all = written(session, firewall, texts);
    if all.is_empty() {
        return 0;
    }
    let mut used = vec![false; all.len()];
    let before = findings.len();
    findings.retain(|finding| {
        let Some(place) = finding.places.first() else {
            return true;
        };
        let line = session.sources.position(place.span).line;
        let mut kept = true;
        for (one, used) in all.iter().zip(&mut used) {
            let here = match one.target {
                Target::Rule(span) => span == place.span,
                Target::Line(source, wanted) => source == place.span.source && line == wanted,
            };
            if here && one.directive.codes.contains(&finding.code) {
                *used = true;
                kept &= one.directive.is_over(judged.today);
            }
        }
        kept
    });
    let taken = before - findings.len();
    let told = all.iter().zip(used);
    findings.extend(told.filter_map(|(one, used)| about(one, used, judged)));
    taken
}

/// What there is to say of a suppression.
fn about(one: &Stands, used: bool, judged: &Judged<'_>) -> Option<Finding> {
    let directive = &one.directive;
    let (code, message, help) = if let Some(fault) = &directive.fault {
        let help = "write `portwright:ignore CODE reason=\"…\" until=YYYY-MM-DD`";
        (&suppression::MALFORMED, fault.clone(), help)
    } else if used && directive.is_over(judged.today) {
        let last = directive.until.as_deref().unwrap_or("");
        let message = format!("this suppression expired on {last}: what it hid is reported again");
        let help = "renew it with a new date, or remove it";
        (&suppression::EXPIRED, message, help)
    } else if !used && directive.codes.iter().any(|code| judged.may_find(code)) {
        let message = "this suppression hides nothing".to_owned();
        (&suppression::UNUSED, message, "remove it")
    } else {
        return None;
    };
    let mut finding = Finding::new(code, Family::V4, message);
    finding.place(one.written, "");
    finding.help = Some(help.into());
    Some(finding)
}

impl Judged<'_> {
    /// Whether such a finding could have been reported.
    fn may_find(&self, code: &Code) -> bool {
        let without_site = [
            &hygiene::OVER_WIDE,
            &mistake::EXPOSED,
            &mistake::LOOPBACK_PORT,
        ];
        let about_rules = code.id.starts_with("PW3") || code.id.starts_with("PW4");
        let found = if self.with_site {
            !without_site.iter().any(|other| other.id == code.id)
        } else {
            about_rules
        };
        found && self.wanted.contains(code.id)
    }
}

impl Directive {
    fn is_over(&self, today: Option<&str>) -> bool {
        matches!((&self.until, today), (Some(until), Some(today)) if until.as_str() < today)
    }

    /// Reads what stands behind the marker.
    fn read(text: &str) -> Self {
        let mut directive = Self::default();
        let mut reason = None;
        // Exports escape quotes inside of comments.
        let text = text.replace("\\\"", "\"");
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let end = rest
                .find(|c: char| c == '=' || c == ',' || c.is_whitespace())
                .unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            let Some(value) = behind.strip_prefix('=') else {
                directive.code(word);
                rest = behind.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
                continue;
            };
            let (value, behind) = quoted(value);
            match word {
                "reason" => reason = Some(value.to_owned()),
                "until" => directive.day(value),
                other => directive.fail(format!("`{other}` is not known here")),
            }
            rest = behind.trim_start();
        }
        if directive.codes.is_empty() {
            directive.fail("this suppression names no code".into());
        }
        if reason.is_none_or(|reason| reason.trim().is_empty()) {
            directive.fail("this suppression gives no reason".into());
        }
        directive
    }

    fn code(&mut self, word: &str) {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        if word.is_empty() {
            return;
        }
        match code_by_id(word) {
            Some(code) => self.codes.push(code),
            None => self.fail(format!("there is no code `{word}`")),
        }
    }

    fn day(&mut self, text: &str) {
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if shape {
            self.until = Some(text.to_owned());
        } else {
            self.fail(format!(
                "`{text}` is no day, expected one such as 2027-01-31"
            ));
        }
    }

    fn fail(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }
}

/// The value at the beginning of a text, with or without quotes, and what stands behind it.
fn quoted(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some((value, behind)) = text
            .strip_prefix(quote)
            .and_then(|inside| inside.split_once(quote))
        {
            return (value, behind);
        }
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    text.split_at(end)
}

/// All suppressions, in the order of the texts.
fn written(session: &Session, firewall: &Firewall, texts: &[SourceId]) -> Vec<Stands> {
    let mut all: Vec<Stands> = Vec::new();
    let rules = Family::ALL
        .iter()
        .flat_map(|&family| &firewall.rules(family).chains);
    let mut seen = BTreeSet::new();
    for rule in rules.flat_map(|chain| &chain.rules) {
        let behind = rule
            .comment
            .as_ref()
            .and_then(|text| text.split_once(MARKER));
        if let Some((_, text)) = behind
            && seen.insert(rule.span)
        {
            all.push(Stands {
                directive: Directive::read(text),
                written: rule.span,
                target: Target::Rule(rule.span),
            });
        }
    }
    for &id in texts {
        let Some(source) = session
            .sources
            .get(id)
            .filter(|s| s.text().contains(MARKER))
        else {
            continue;
        };
        let is_comment = |line: &str| COMMENTS.iter().any(|start| line.starts_with(start));
        let count = u32::try_from(source.line_count()).unwrap_or(u32::MAX);
        for number in 1..=count {
            let line = source.line(number).trim();
            let Some((_, text)) = line.split_once(MARKER).filter(|_| is_comment(line)) else {
                continue;
            };
            let next = (number.saturating_add(1)..=count)
                .find(|&next| !is_comment(source.line(next).trim()));
            all.push(Stands {
                directive: Directive::read(text.trim_end_matches("-->")),
                written: session.sources.line_span(id, number),
                target: Target::Line(id, next.unwrap_or(count)),
            });
        }
    }
    all.sort_by_key(|one| one.written);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read() {
        for (text, codes, until, fault) in [
            (
                " PW203 reason=\"why not\" until=2027-01-31",
                "PW203",
                Some("2027-01-31"),
                None,
            ),
            (
                " PW301,redundant reason=\\\"a b\\\"",
                "PW301 PW304",
                None,
                None,
            ),
            (" PW301 PW302 reason='x'", "PW301 PW302", None, None),
            (" PW301 reason=word", "PW301", None, None),
            (" PW301", "PW301", None, Some("no reason")),
            (" reason=x", "", None, Some("no code")),
            (" PW999 reason=x", "", None, Some("`PW999`")),
            (
                " PW301 reason=x until=tomorrow",
                "PW301",
                None,
                Some("`tomorrow`"),
            ),
            (
                " PW301 reason=x untill=2027-01-31",
                "PW301",
                None,
                Some("`untill`"),
            ),
        ] {
            let read = Directive::read(text);
            let ids: Vec<_> = read.codes.iter().map(|code| code.id).collect();
            assert_eq!(ids.join(" "), codes, "{text}");
            assert_eq!(read.until.as_deref(), until, "{text}");
            match fault {
                None => assert_eq!(read.fault, None, "{text}"),
                Some(part) => assert!(read.fault.is_some_and(|f| f.contains(part)), "{text}"),
            }
        }
    }

    #[test]
    fn the_last_day_counts() {
        let read = Directive::read(" PW301 reason=x until=2027-01-31");
        for (today, over) in [
            (None, false),
            (Some("2027-01-31"), false),
            (Some("2027-02-01"), true),
        ] {
            assert_eq!(read.is_over(today), over, "{today:?}");
        }
    }
}
