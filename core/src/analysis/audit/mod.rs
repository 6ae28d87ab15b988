//! What is wrong with rules whatever is required: those that never match, change nothing, or are
//! for nothing; classic mistakes; and, where nobody says what is needed, what permits too much.
//!
//! A *line* is what a person wrote: one rule of the kernel, which may be several of the model (one
//! for each family of an `inet` table, one for each element of a verdict map). Findings are about
//! lines: a line is dead only when all its parts are.

mod chains;
mod duplicate;
mod empty;
mod life;
mod line;
mod listed;
mod mistake;
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
use mistake::Permits;

pub(in crate::analysis) use mistake::is_mistaken;
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
    /// What rules permit.
    permits: Permits,
}

/// Whether it is known what has to be permitted. Then excess tells exactly what is too much, and
/// the rules of thumb are silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A site says it.
    Known,
    /// Nobody does.
    Unknown,
}

/// All findings about a firewall's rules.
#[must_use]
pub fn audit(subject: &Subject<'_>, needs: Needs) -> Vec<Finding> {
    let mut audit = Audit {
        subject,
        v4: Examiner::new(subject, subject.program(Family::V4)),
        v6: Examiner::new(subject, subject.program(Family::V6)),
        findings: Vec::new(),
        dead: BTreeSet::new(),
        reported: subject.firewall.remarks.iter().map(|r| r.span).collect(),
        unchecked: Vec::new(),
        permits: Permits::default(),
    };
    let lines = line::lines(subject.firewall);
    let duplicates = duplicate::duplicates(subject, &lines);
    let behind = unreachable::behind(&audit);
    let mut live = Vec::new();
    for line in lines.iter().filter(|line| !line.generated) {
        if let Some(first) = duplicates.get(&line.span) {
            audit.dead.insert(line.span);
            audit.reported.insert(line.span);
            let found = duplicate::describe(subject, line, *first);
            audit.findings.extend(found);
        } else if let Some(examples) = audit.line(line, &behind) {
            live.push((line, examples));
        }
    }
    for (line, examples) in live {
        let idle = audit.redundant(line, &examples);
        if !idle {
            audit.partly(line);
        }
        audit.permits.note(audit.subject, &examples);
        let found = mistake::of_line(&audit, line, needs);
        if found.is_empty() && !idle && needs == Needs::Unknown {
            audit.over_wide(line);
        }
        audit.findings.extend(found);
    }
    audit.unreachable(&behind);
    let mut findings = std::mem::take(&mut audit.findings);
    findings.extend(not_checked(&audit));
    findings.extend(chains::chains(subject, &audit.v4.reach, &audit.v6.reach));
    findings.extend(sets::sets(subject.firewall));
    findings.extend(mistake::of_system(&audit));
    findings
}

impl<'s, 'a> Audit<'s, 'a> {
    /// What answers questions about a family.
    fn asked(&self, family: Family) -> &Examiner<'s, 'a> {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

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
