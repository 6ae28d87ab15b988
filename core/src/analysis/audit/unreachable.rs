//! Unreachable: rules behind one that decides every packet.

use super::Audit;
use super::line::{Part, about, chain_name, name};
use crate::diagnostic::hygiene as codes;
use crate::firewall::{Action, ChainId, Rule, RuleId};
use crate::net::Family;
use std::collections::BTreeMap;

/// Rules named in one finding.
const MOST_NAMED: usize = 8;

/// The first rule of each chain that decides every packet that can be in it.
#[derive(Debug)]
pub(super) struct Behind(BTreeMap<(Family, ChainId), u32>);

impl Behind {
    /// The rule of its chain that stands before a part and takes everything.
    pub(super) fn before(&self, part: Part) -> Option<RuleId> {
        let chain = part.id.chain;
        let &index = self.0.get(&(part.family, chain))?;
        (index < part.id.index).then_some(RuleId { chain, index })
    }
}

/// Looks for them.
pub(super) fn behind(audit: &Audit<'_, '_>) -> Behind {
    let mut found = BTreeMap::new();
    for (family, examiner) in [(Family::V4, &audit.v4), (Family::V6, &audit.v6)] {
        for (id, chain) in examiner.program.rules.iter() {
            let Some(entries) = examiner.reach.of(id) else {
                continue;
            };
            let takes_all = |rule: &Rule| {
                ends(&rule.action)
                    && entries.values().all(|entry| {
                        let mut all = entry.all().iter();
                        all.all(|cube| rule.matches.iter().any(|wide| cube.is_subset(wide)))
                    })
            };
            if let Some(index) = chain.rules.iter().position(takes_all) {
                found.insert((family, id), u32::try_from(index).unwrap_or(u32::MAX));
            }
        }
    }
    Behind(found)
}

/// Whether no packet that a rule matches comes to the next one.
fn ends(action: &Action) -> bool {
    matches!(
        action,
        Action::Accept | Action::Drop | Action::Reject(_) | Action::Return | Action::Goto(_)
    )
}

impl Audit<'_, '_> {
    /// One finding for all rules behind one that decides everything, as far as they are not
    /// findings of their own.
    pub(super) fn unreachable(&mut self, behind: &Behind) {
        for (&(family, chain), &stop) in &behind.0 {
            let rules = self.subject.firewall.rules(family);
            let Some(listed) = rules.chain(chain) else {
                continue;
            };
            let rest = (0..).zip(&listed.rules).skip(stop as usize + 1);
            let left: Vec<(u32, &Rule)> = rest
                .filter(|&(index, rule)| {
                    let id = RuleId { chain, index };
                    self.dead.contains(&rule.span)
                        && !rules.is_generated(id)
                        && !self.reported.contains(&rule.span)
                })
                .collect();
            let Some(&(first, rule)) = left.first() else {
                continue;
            };
            let by = RuleId { chain, index: stop };
            let part = Part {
                family,
                id: RuleId {
                    chain,
                    index: first,
                },
            };
            let place = chain_name(rules, chain);
            let message = match left.len() {
                1 => format!(
                    "rule {} of {place} can never match: {} decides every packet",
                    rule.number,
                    name(rules, by)
                ),
                many => format!(
                    "{many} rules of {place} can never match: {} decides every packet before them",
                    name(rules, by)
                ),
            };
            let mut finding = about(&codes::UNREACHABLE, rule.span, part, message);
            if let Some(stop) = rules.rule(by) {
                finding.place(
                    stop.span,
                    format!("{} decides every packet", name(rules, by)),
                );
            }
            for (_, rule) in left.iter().skip(1).take(MOST_NAMED) {
                finding.place(rule.span, "this rule, too");
            }
            finding.help = Some(format!(
                "move {} behind them, or delete them",
                name(rules, by)
            ));
            self.reported.extend(left.iter().map(|(_, rule)| rule.span));
            self.findings.push(finding);
        }
    }
}
