//! Duplicate: a rule that stands in its chain twice.

use super::line::{Line, Part, about, name};
use super::redundant::is_verdict;
use super::shadowed::is_unmarked;
use crate::analysis::{Finding, Subject};
use crate::diagnostic::hygiene as codes;
use crate::firewall::{Rule, RuleId};
use crate::net::Family;
use crate::packet::Cube;
use crate::source::Span;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Lines that repeat an earlier line of the same chain, with that line's rule.
pub(super) fn duplicates(subject: &Subject<'_>, lines: &[Line]) -> BTreeMap<Span, Part> {
    let mut earlier: BTreeMap<Part, Part> = BTreeMap::new();
    for family in Family::ALL {
        for (chain, listed) in subject.firewall.rules(family).iter() {
            let mut known: FxHashMap<&[Cube], Vec<(u32, &Rule)>> = FxHashMap::default();
            for (index, rule) in (0..).zip(&listed.rules) {
                if !is_verdict(&rule.action) || !plain(rule) {
                    continue;
                }
                let same = known.entry(&rule.matches).or_default();
                let part = |index| Part {
                    family,
                    id: RuleId { chain, index },
                };
                let first = same
                    .iter()
                    .find(|(_, other)| other.action == rule.action && other.span != rule.span);
                if let Some((first, _)) = first {
                    earlier.insert(part(index), part(*first));
                }
                same.push((index, rule));
            }
        }
    }
    if earlier.is_empty() {
        return BTreeMap::new();
    }
    let span = |part: Part| Some(subject.firewall.rules(part.family).rule(part.id)?.span);
    let repeats = lines.iter().filter_map(|line| {
        let of = |part: &Part| earlier.get(part).copied();
        let first = line.parts.first().and_then(of)?;
        // Every part has to repeat the same line.
        let all = line.parts.iter().all(|part| {
            let other = of(part).and_then(span);
            other.is_some() && other == span(first)
        });
        all.then_some((line.span, first))
    });
    repeats.collect()
}

/// Whether the packets of a rule are the same wherever in its chain it stands: rules between may
/// set marks.
fn plain(rule: &Rule) -> bool {
    !rule.matches.is_empty() && rule.effects.is_empty() && rule.matches.iter().all(is_unmarked)
}

/// A finding about the later of the two.
pub(super) fn describe(subject: &Subject<'_>, line: &Line, first: Part) -> Option<Finding> {
    let part = line.parts.first().copied()?;
    let rules = subject.firewall.rules(part.family);
    let message = format!("{} repeats {}", name(rules, part.id), name(rules, first.id));
    let mut finding = about(&codes::DUPLICATE, line.span, part, message);
    if let Some(rule) = rules.rule(first.id) {
        finding.place(rule.span, "this is the first");
    }
    finding.help = Some("delete one of them".into());
    Some(finding)
}
