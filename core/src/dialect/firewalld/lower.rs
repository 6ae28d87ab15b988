//! From firewalld's chains to the model.

use super::draft::{ChainDraft, Does, Draft, Ruleset};
use crate::firewall::{Action, Base, Chain, ChainId, Firewall, Policy, Rule};
use crate::net::Family;
use std::collections::BTreeMap;

/// The table as `nft` shows it.
const TABLE: &str = "inet firewalld";

/// Moves the chains into the model, for both families.
pub(super) fn lower(rules: Ruleset, firewall: &mut Firewall) {
    for family in Family::ALL {
        let first = firewall.rules(family).chains.len();
        let names: BTreeMap<&str, ChainId> = (first..)
            .zip(&rules.chains)
            .map(|(at, chain)| {
                let id = ChainId(u32::try_from(at).unwrap_or(u32::MAX));
                (chain.name.as_str(), id)
            })
            .collect();
        let chains: Vec<Chain> = rules
            .chains
            .iter()
            .map(|chain| lower_chain(chain, family, &names))
            .collect();
        let into = firewall.rules_mut(family);
        into.exported = true;
        into.chains.extend(chains);
    }
}

fn lower_chain(draft: &ChainDraft, family: Family, names: &BTreeMap<&str, ChainId>) -> Chain {
    let base = draft.base.map(|(hook, priority, first_packets_only)| Base {
        hook,
        priority,
        policy: Policy::Accept,
        span: draft.span,
        first_packets_only,
    });
    Chain {
        table: TABLE.into(),
        name: draft.name.clone(),
        base,
        generated: false,
        rules: draft
            .rules
            .iter()
            .map(|(_, rule)| lower_rule(rule, family, names))
            .collect(),
        span: draft.span,
    }
}

fn lower_rule(draft: &Draft, family: Family, names: &BTreeMap<&str, ChainId>) -> Rule {
    let [v4, v6] = &draft.cubes;
    let cubes = match family {
        Family::V4 => v4,
        Family::V6 => v6,
    };
    let chain = |name: &str| names.get(name).copied();
    let lost = |name: &str| Action::Opaque {
        why: format!("chain `{name}` does not exist"),
    };
    let action = match &draft.does {
        Does::Accept | Does::Masquerade => Action::Accept,
        Does::Drop => Action::Drop,
        Does::Reject(with) => Action::Reject(with.clone()),
        Does::Jump(name) => chain(name).map_or_else(|| lost(name), Action::Jump),
        Does::Goto(name) => chain(name).map_or_else(|| lost(name), Action::Goto),
        Does::Continue => Action::Continue,
        Does::Mark { clear, flip } => Action::SetMark {
            clear: *clear,
            flip: *flip,
        },
        Does::Forward { .. } => Action::Opaque {
            why: "forwarding a port is not modelled".into(),
        },
        Does::Opaque(why) => Action::Opaque { why: why.clone() },
    };
    Rule {
        matches: cubes.iter().filter(|c| !c.is_empty()).cloned().collect(),
        action,
        span: draft.span,
        generated: draft.generated,
        comment: None,
    }
}
