//! Late invalid: invalid packets are dropped behind rules that permit them.

use crate::analysis::Finding;
use crate::analysis::audit::Audit;
use crate::analysis::audit::line::{Line, about, name};
use crate::diagnostic::mistake as codes;
use crate::firewall::{Action, RuleId, Verdict};
use crate::packet::{Bits, CtState, Cube, IfName, Ranges};

/// Earlier rules that are asked whether they permit invalid packets.
const MOST: usize = 32;

/// A finding about a line that drops invalid packets, and an earlier one that permits some.
pub(super) fn late(audit: &Audit<'_, '_>, line: &Line) -> Option<Finding> {
    let part = line.parts.first().copied()?;
    let rule = audit.part(part)?;
    let invalid = Bits(1 << CtState::Invalid as u8);
    let drops = matches!(rule.action, Action::Drop | Action::Reject(_));
    if !drops || !rule.matches.iter().all(|cube| cube.state == invalid) {
        return None;
    }
    let rules = audit.subject.firewall.rules(part.family);
    let chain = rules.chain(part.id.chain)?;
    let (hook, _) = audit
        .asked(part.family)
        .reach
        .of(part.id.chain)?
        .first_key_value()?;
    let others = Ranges::full().subtract(&IfName::loopback());
    let own = rule.matches.first()?;
    let earlier = (0..part.id.index).zip(&chain.rules);
    let earlier = earlier.filter(|(_, rule)| rule.action == Action::Accept && !rule.generated);
    let (id, before, packet) = earlier.take(MOST).find_map(|(index, before)| {
        let id = RuleId { index, ..part.id };
        before.matches.iter().find_map(|cube| {
            let mut cube: Cube = cube.intersect(own)?;
            cube.in_interface = cube.in_interface.intersect(&others);
            let example = audit.asked(part.family).example(*hook, id, &cube)?;
            let permitted = example.verdict == Verdict::Accept;
            permitted.then_some((id, before, example.packet))
        })
    })?;
    let message = format!(
        "{} drops invalid packets too late: {} has permitted some of them",
        name(rules, part.id),
        name(rules, id)
    );
    let mut finding = about(&codes::LATE_INVALID, line.span, part, message);
    finding.place(before.span, format!("{} permits them", name(rules, id)));
    finding.hook = Some(*hook);
    finding.witness = Some(packet);
    finding.help = Some("move it to the top, behind the rule for established connections".into());
    Some(finding)
}
