//! Empty match: a rule whose own conditions exclude each other.

use super::line::{Dead, Line, about, name};
use crate::analysis::{Finding, Subject};
use crate::diagnostic::hygiene as codes;

/// A finding about a line all of whose parts match no packet.
pub(super) fn describe(subject: &Subject<'_>, line: &Line, dead: &Dead) -> Option<Finding> {
    // The other parts stand in chains that nothing leads to; that is told of the chain.
    if dead.empty.len() < line.parts.len() {
        return None;
    }
    let part = line.parts.first().copied()?;
    let rules = subject.firewall.rules(part.family);
    let object = subject.firewall.objects.iter();
    let empty = object
        .filter(|(_, object)| object.empty && object.uses.contains(&line.span))
        .map(|(name, object)| (object.kind, name.as_str()))
        .next();
    let why = match empty {
        Some((kind, name)) => format!("{kind} `{name}` is empty"),
        None => "its conditions exclude each other".to_owned(),
    };
    let message = format!("{} matches no packet: {why}", name(rules, part.id));
    let mut finding = about(&codes::EMPTY_MATCH, line.span, part, message);
    finding.help = Some(match empty {
        Some(_) => "fill the set, or delete the rule".into(),
        None => "correct the condition that is wrong, or delete the rule".into(),
    });
    if empty.is_some() {
        // Sets are often filled while the firewall runs.
        finding.severity = crate::diagnostic::Severity::Note;
    }
    Some(finding)
}
