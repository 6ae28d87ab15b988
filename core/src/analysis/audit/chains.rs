//! Unused chains, and jumps to chains without rules.

use super::line::{Part, about, chain_name, name};
use super::reach::{Reach, target};
use crate::analysis::{Finding, Subject};
use crate::diagnostic::{Severity, hygiene as codes};
use crate::firewall::{Chain, ChainId, Rule, RuleId, Rules};
use crate::net::Family;
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Findings about chains of both families; a chain of an `inet` table is one chain.
pub(super) fn chains(subject: &Subject<'_>, v4: &Reach, v6: &Reach) -> Vec<Finding> {
    let mut used: BTreeSet<Span> = BTreeSet::new();
    let mut unused: BTreeMap<Span, (Family, ChainId)> = BTreeMap::new();
    let mut jumps: BTreeMap<Span, (Part, ChainId)> = BTreeMap::new();
    let mut useful: BTreeSet<Span> = BTreeSet::new();
    for (family, reach) in [(Family::V4, v4), (Family::V6, v6)] {
        let rules = subject.firewall.rules(family);
        let called = called(rules);
        for (id, chain) in rules.iter() {
            if chain.base.is_some() || reach.of(id).is_some() || called.contains(&id) {
                used.insert(chain.span);
            } else if !chain.generated {
                unused.entry(chain.span).or_insert((family, id));
            }
            for (index, rule) in (0..).zip(&chain.rules) {
                let at = RuleId { chain: id, index };
                match empty_target(rules, rule) {
                    Some(to) if !rules.is_generated(at) => {
                        jumps
                            .entry(rule.span)
                            .or_insert((Part { family, id: at }, to));
                    }
                    _ => {
                        useful.insert(rule.span);
                    }
                }
            }
        }
    }
    let unused = unused.into_iter().filter(|(span, _)| !used.contains(span));
    let jumps = jumps.into_iter().filter(|(span, _)| !useful.contains(span));
    let unused = unused.map(|(span, (family, id))| unused_chain(subject, span, family, id));
    let jumps = jumps.map(|(span, (part, to))| {
        let rules = subject.firewall.rules(part.family);
        let to = chain_name(rules, to);
        let message = format!("{} jumps to {to}, which has no rules", name(rules, part.id));
        let mut finding = about(&codes::EMPTY_CHAIN, span, part, message);
        finding.help = Some("fill the chain, or delete the jump".into());
        finding
    });
    unused.chain(jumps).collect()
}

/// Chains that any rule leads to, be it from a chain that is itself unused.
fn called(rules: &Rules) -> BTreeSet<ChainId> {
    let all = rules.iter().flat_map(|(id, chain)| {
        let targets = chain.rules.iter().filter_map(|rule| target(&rule.action));
        targets.filter(move |to| *to != id)
    });
    all.collect()
}

/// The chain that a rule leads to, when that has no rules. A goto is not for nothing: it leaves
/// the chain.
fn empty_target(rules: &Rules, rule: &Rule) -> Option<ChainId> {
    let crate::firewall::Action::Jump(to) = rule.action else {
        return None;
    };
    let chain: &Chain = rules.chain(to)?;
    (chain.rules.is_empty() && !chain.generated && chain.base.is_none()).then_some(to)
}

fn unused_chain(subject: &Subject<'_>, span: Span, family: Family, id: ChainId) -> Finding {
    let rules = subject.firewall.rules(family);
    let count = rules.chain(id).map_or(0, |chain| chain.rules.len());
    let chain = chain_name(rules, id);
    let (severity, message) = match count {
        0 => (
            Severity::Note,
            format!("no rule leads to chain {chain}, which is empty"),
        ),
        1 => (
            Severity::Warning,
            format!("no rule leads to chain {chain}: its rule has no effect"),
        ),
        many => (
            Severity::Warning,
            format!("no rule leads to chain {chain}: its {many} rules have no effect"),
        ),
    };
    let mut finding = Finding::new(&codes::UNUSED_CHAIN, family, message);
    finding.severity = severity;
    finding.place(span, "this chain");
    finding.help = Some("add a jump to it, or delete it".into());
    finding
}
