//! Impossible interface: `-o` in INPUT, `-i` in OUTPUT.

use crate::analysis::Finding;
use crate::analysis::audit::line::name;
use crate::diagnostic::mistake as codes;
use crate::firewall::{Hook, RuleId, Rules};
use crate::net::Family;
use crate::packet::{Cube, IfName, Ranges};
use crate::source::Span;

/// A finding about a rule that asks for an interface which no packet has where it stands; none when
/// that is not why nothing arrives at it.
pub(in crate::analysis::audit) fn impossible_interface(
    rules: &Rules,
    span: Span,
    family: Family,
    at: RuleId,
) -> Option<Finding> {
    let (rule, chain) = (rules.rule(at)?, rules.chain(at.chain)?);
    let hook = chain.base?.hook;
    let lacks = |names: &Ranges<u128>| !names.contains(IfName::NONE.0) && !names.is_empty();
    let (side, lacking): (_, fn(&Cube) -> &Ranges<u128>) = match hook {
        Hook::Input | Hook::Prerouting => ("outgoing", |cube| &cube.out_interface),
        Hook::Output => ("incoming", |cube| &cube.in_interface),
        _ => return None,
    };
    if !rule.matches.iter().all(|cube| lacks(lacking(cube))) {
        return None;
    }
    let message = format!(
        "{} can never match: packets have no {side} interface at {hook}",
        name(rules, at)
    );
    let mut finding = Finding::new(&codes::IMPOSSIBLE_INTERFACE, family, message);
    finding.rule = Some(at);
    finding.place(span, "this rule");
    finding.help = Some(match side {
        "outgoing" => {
            "ask for the incoming interface, or move the rule to OUTPUT or FORWARD".into()
        }
        _ => "ask for the outgoing interface, or move the rule to INPUT or FORWARD".into(),
    });
    Some(finding)
}
