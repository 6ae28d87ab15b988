//! Lines: rules of the model by what a person wrote.

use super::life::{Covering, Example, Life};
use super::redundant::is_verdict;
use super::{Audit, empty, shadowed, unreachable};
use crate::analysis::Finding;
use crate::firewall::{Firewall, RuleId, Rules};
use crate::net::Family;
use crate::source::Span;

/// One rule of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) family: Family,
    pub(super) id: RuleId,
}

/// One line with its parts, in their order.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) span: Span,
    pub(super) parts: Vec<Part>,
    /// Whether software wrote it.
    pub(super) generated: bool,
}

/// What is known of a line's parts that match nothing.
#[derive(Debug, Default)]
pub(super) struct Dead {
    /// Earlier rules decide all their packets.
    pub(super) covered: Vec<(Part, Covering)>,
    /// The same, and one of the earlier rules of its chain decides every packet.
    pub(super) behind: Vec<(Part, Covering)>,
    /// There are no packets in their match.
    pub(super) empty: Vec<Part>,
}

/// All lines, in the order of the texts.
pub(super) fn lines(firewall: &Firewall) -> Vec<Line> {
    let mut parts: Vec<(Span, Part)> = Vec::new();
    for family in Family::ALL {
        for (chain, rules) in firewall.rules(family).iter() {
            for (index, rule) in (0..).zip(&rules.rules) {
                let id = RuleId { chain, index };
                parts.push((rule.span, Part { family, id }));
            }
        }
    }
    parts.sort_unstable();
    let same = |a: &(Span, Part), b: &(Span, Part)| a.0 == b.0;
    let lines = parts.chunk_by(same).filter_map(|parts| {
        let (span, _) = *parts.first()?;
        let parts: Vec<Part> = parts.iter().map(|(_, part)| *part).collect();
        let generated = |part: &Part| firewall.rules(part.family).is_generated(part.id);
        Some(Line {
            span,
            generated: parts.iter().all(generated),
            parts,
        })
    });
    lines.collect()
}

/// `rule 3 of filter/INPUT`.
pub(in crate::analysis) fn name(rules: &Rules, id: RuleId) -> String {
    let number = rules.number(id);
    format!("rule {number} of {}", chain_name(rules, id.chain))
}

/// `filter/INPUT`.
pub(super) fn chain_name(rules: &Rules, id: crate::firewall::ChainId) -> String {
    let chain = rules.chain(id);
    chain.map_or(String::new(), |chain| {
        format!("{}/{}", chain.table, chain.name)
    })
}

/// A finding about a line, with its first place.
pub(super) fn about(
    code: &'static crate::diagnostic::Code,
    span: Span,
    part: Part,
    message: String,
) -> Finding {
    let mut finding = Finding::new(code, part.family, message);
    finding.rule = Some(part.id);
    finding.place(span, "this rule");
    finding
}

impl Audit<'_, '_> {
    /// Asks whether a line matches anything. Gives examples where it does; else notes what is
    /// found.
    pub(super) fn line(
        &mut self,
        line: &Line,
        behind: &unreachable::Behind,
    ) -> Option<Vec<(Part, Vec<Example>)>> {
        let mut dead = Dead::default();
        let mut live = Vec::new();
        for &part in &line.parts {
            let rule = self.part(part)?;
            if rule.matches.is_empty() {
                dead.empty.push(part);
                continue;
            }
            let examiner = self.examiner(part.family);
            if examiner.reach.of(part.id.chain).is_none() {
                continue;
            }
            if behind.before(part).is_some() {
                // Who decides them tells whether its author wanted something else.
                let asked =
                    is_verdict(&rule.action).then(|| examiner.covering(part.id, &rule.matches));
                let known = asked.and_then(Result::ok).flatten();
                dead.behind.push((part, known.unwrap_or_default()));
            } else {
                match examiner.life(part.id, &rule.matches) {
                    Life::Matched(examples) => live.push((part, examples)),
                    Life::Covered(covering) => dead.covered.push((part, covering)),
                    Life::Open => {
                        self.unchecked.push(line.span);
                        return None;
                    }
                }
            }
        }
        if !live.is_empty() {
            return Some(live);
        }
        let found = if dead.covered.is_empty() && dead.behind.is_empty() {
            let told = self.reported.contains(&line.span);
            (!told)
                .then(|| empty::describe(self.subject, line, &dead))
                .flatten()
        } else {
            self.dead.insert(line.span);
            shadowed::describe(self, line, &dead)
        };
        self.findings.extend(found);
        None
    }
}
