//! No twin: a rule for both families in spirit that stands in IPv4 only.

use crate::analysis::Finding;
use crate::analysis::audit::Audit;
use crate::analysis::audit::line::{Part, about, name};
use crate::diagnostic::{Severity, mistake as codes};
use crate::firewall::{Action, Hook, RuleId, Rules, Verdict};
use crate::net::Family;
use crate::packet::{CtState, Cube, Ranges};

/// Findings about rules without addresses whose packets IPv6 treats the other way.
pub(super) fn twins(audit: &Audit<'_, '_>) -> Vec<Finding> {
    let firewall = audit.subject.firewall;
    let exported = firewall.v4.exported && firewall.v6.exported;
    // Where IPv6 lets nothing in, that is meant.
    if !exported || audit.permits.at(Family::V6, Hook::Input).is_empty() {
        return Vec::new();
    }
    let rules = &firewall.v4;
    let bases = rules.iter().filter(|(_, chain)| {
        let filters = chain.base.is_some_and(|base| base.hook == Hook::Input);
        filters && !chain.generated
    });
    let all = bases.flat_map(|(chain, listed)| {
        let ids = (0..).map(move |index| RuleId { chain, index });
        ids.zip(&listed.rules)
    });
    let named = all.filter(|(id, rule)| {
        let shared = audit.dead.contains(&rule.span) || rules.is_generated(*id);
        !shared && rule.matches.iter().all(is_service)
    });
    let found = named.filter_map(|(id, _)| lacks_twin(audit, rules, id));
    found.collect()
}

/// Ports, whatever the addresses.
fn is_service(cube: &Cube) -> bool {
    let any = Cube::any(Family::V4);
    let mut protocols = cube.protocol.iter();
    cube.source == any.source
        && cube.destination == any.destination
        && cube.unknown.is_empty()
        && !cube.destination_port.is_full()
        && cube.state.contains(CtState::New as u8)
        && protocols.all(|p| crate::net::Protocol(p).has_ports())
}

fn lacks_twin(audit: &Audit<'_, '_>, rules: &Rules, id: RuleId) -> Option<Finding> {
    let rule = rules.rule(id)?;
    let wanted = match rule.action {
        Action::Accept => Verdict::Accept,
        Action::Drop => Verdict::Drop,
        Action::Reject(_) => Verdict::Reject,
        _ => return None,
    };
    let own = rule.matches.first()?.clone().with_states(&[CtState::New]);
    let here = audit.v4.example(Hook::Input, id, &own)?;
    if here.verdict != wanted {
        return None;
    }
    let any = Cube::any(Family::V6);
    let twin = Cube {
        source: Ranges::single(0x2001_0db8 << 96 | 7),
        destination: any.destination,
        ..own
    };
    let packet = twin.witness(Family::V6)?;
    let unknowns = &audit.subject.firewall.unknowns;
    let there = audit
        .v6
        .program
        .trace(unknowns, Hook::Input, &packet)
        .verdict;
    let permits = |verdict| verdict == Verdict::Accept;
    if there == Verdict::Unknown || permits(there) == permits(wanted) {
        return None;
    }
    let part = Part {
        family: Family::V4,
        id,
    };
    let (does, severity) = match wanted {
        Verdict::Accept => (
            "permits packets of IPv4 that are denied in IPv6",
            Severity::Note,
        ),
        _ => (
            "denies packets of IPv4 that are permitted in IPv6",
            Severity::Warning,
        ),
    };
    let message = format!("{} {does}", name(rules, id));
    let mut finding = about(&codes::NO_TWIN, rule.span, part, message);
    finding.severity = severity;
    finding.hook = Some(Hook::Input);
    finding.witness = Some(packet);
    finding.help = Some("add the same rule for IPv6, unless the difference is meant".into());
    Some(finding)
}
