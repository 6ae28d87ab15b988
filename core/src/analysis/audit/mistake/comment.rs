//! Swapped ports: a comment that names the other of 10257 and 10259.

use crate::analysis::Finding;
use crate::analysis::audit::Audit;
use crate::analysis::audit::line::{Line, about, name};
use crate::diagnostic::mistake as codes;
use crate::packet::Ranges;

/// Ports with the service that listens there, and a word of the service that does not.
const SWAPPED: &[(u16, &str, &str)] = &[
    (10257, "kube-controller-manager", "scheduler"),
    (10259, "kube-scheduler", "controller"),
];

/// A finding about a line whose comment names the other service.
pub(super) fn swapped(audit: &Audit<'_, '_>, line: &Line) -> Option<Finding> {
    let part = line.parts.first().copied()?;
    let rules = audit.subject.firewall.rules(part.family);
    let rule = rules.rule(part.id)?;
    let comment = rule.comment.as_ref()?.to_lowercase();
    let (port, service, _) = SWAPPED.iter().find(|(port, service, other)| {
        let single = Ranges::single(*port);
        let mut cubes = rule.matches.iter();
        let right = service.split_once('-').map_or(*service, |(_, word)| word);
        cubes.all(|cube| cube.destination_port == single)
            && comment.contains(other)
            && !comment.contains(right)
    })?;
    let message = format!(
        "{} is commented otherwise, but port {port} is {service}",
        name(rules, part.id)
    );
    let mut finding = about(&codes::SWAPPED_PORTS, line.span, part, message);
    finding.help = Some("10259 is kube-scheduler, 10257 is kube-controller-manager: correct the comment or the port".into());
    Some(finding)
}
