//! What rules do not do: those that never match, change nothing, or are for nothing. Needs no
//! site.
//!
//! A *line* is what a person wrote: one rule of the kernel, which may be several of the model (one
//! for each family of an `inet` table, one for each element of a verdict map). Findings are about
//! lines: a line is dead only when all its parts are.

mod chains;
mod duplicate;
mod empty;
mod life;
mod line;
mod over_wide;
mod partly;
mod reach;
mod redundant;
mod sets;
mod shadowed;
mod unreachable;

#[cfg(test)]
mod tests;

use super::Subject;
use super::finding::Finding;
use crate::diagnostic::hygiene as codes;
use crate::net::Family;
use crate::source::Span;
use life::Examiner;
use line::Part;

pub(in crate::analysis) use line::name;
use std::collections::BTreeSet;

/// What is asked of every line.
struct Audit<'s, 'a> {
    subject: &'s Subject<'a>,
    v4: Examiner<'s, 'a>,
    v6: Examiner<'s, 'a>,
    findings: Vec<Finding>,
    /// Lines that never match: what they would decide is no reason to remove others.
    dead: BTreeSet<Span>,
    /// Those of them that a finding is about.
    reported: BTreeSet<Span>,
    /// Lines about which something was too complex to decide.
    unchecked: Vec<Span>,
}

/// All hygiene findings about a firewall.
#[must_use]
pub fn hygiene(subject: &Subject<'_>) -> Vec<Finding> {
    let mut audit = Audit {
        subject,
        v4: Examiner::new(subject, subject.program(Family::V4)),
        v6: Examiner::new(subject, subject.program(Family::V6)),
        findings: Vec::new(),
        dead: BTreeSet::new(),
        reported: BTreeSet::new(),
        unchecked: Vec::new(),
    };
    let lines = line::lines(subject.firewall);
    let duplicates = duplicate::duplicates(subject, &lines);
    let behind = unreachable::behind(&audit);
    let mut live = Vec::new();
    for line in &lines {
        if line.generated {
            continue;
        }
        if let Some(first) = duplicates.get(&line.span) {
            audit.dead.insert(line.span);
            audit.reported.insert(line.span);
            audit
                .findings
                .extend(duplicate::describe(subject, line, *first));
        } else if let Some(examples) = audit.line(line, &behind) {
            live.push((line, examples));
        }
    }
    for (line, examples) in live {
        if !audit.redundant(line, &examples) {
            audit.partly(line);
            audit.over_wide(line);
        }
    }
    audit.unreachable(&behind);
    let mut findings = std::mem::take(&mut audit.findings);
    findings.extend(not_checked(&audit));
    findings.extend(chains::chains(subject, &audit.v4.reach, &audit.v6.reach));
    findings.extend(sets::sets(subject.firewall));
    findings
}

impl<'s, 'a> Audit<'s, 'a> {
    fn examiner(&mut self, family: Family) -> &mut Examiner<'s, 'a> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    fn part(&self, part: Part) -> Option<&'a crate::firewall::Rule> {
        self.subject.firewall.rules(part.family).rule(part.id)
    }
}

/// Says how many lines there are about which something is not claimed.
fn not_checked(audit: &Audit<'_, '_>) -> Option<Finding> {
    let mut lines = audit.unchecked.clone();
    lines.sort_unstable();
    lines.dedup();
    let first = lines.first()?;
    let message = match lines.len() {
        1 => "whether this rule does anything is too complex to decide".to_owned(),
        many => format!("whether {many} rules do anything is too complex to decide"),
    };
    let mut finding = Finding::new(&codes::NOT_CHECKED, Family::V4, message);
    finding.place(*first, "the first of them");
    Some(finding)
}
