//! Loopback port: a port opened to others that only the host itself uses.

use super::exposed::effective;
use crate::analysis::Finding;
use crate::analysis::audit::Audit;
use crate::analysis::audit::line::{Line, about, name};
use crate::diagnostic::mistake as codes;
use crate::firewall::Hook;
use crate::net::Protocol;
use crate::packet::{ByteSet, Cube, Ranges};

/// Ports that only processes of the host ask, and what listens there.
const LOCAL: &[(u16, &str)] = &[
    (10248, "kubelet's health check"),
    (10249, "kube-proxy's metrics"),
    (10257, "kube-controller-manager"),
    (10259, "kube-scheduler"),
    (2381, "etcd's metrics, without encryption"),
];

/// The same where the comment speaks of Cilium: the numbers are others' too.
const CILIUM: &[u16] = &[4251, 6060, 6061, 6062, 9878, 9879, 9890, 9891, 9893, 9901];

/// A finding about a line that opens such a port.
pub(super) fn loopback(audit: &Audit<'_, '_>, line: &Line) -> Option<Finding> {
    let rule = audit.part(*line.parts.first()?)?;
    let comment = rule.comment.as_deref().unwrap_or("").to_lowercase();
    let of_cilium = comment.contains("cilium");
    let service = |cube: &Cube| {
        let single = |port: u16| cube.destination_port == Ranges::single(port);
        let known = LOCAL.iter().find(|(port, _)| single(*port));
        let cilium = CILIUM.iter().find(|port| of_cilium && single(**port));
        known
            .copied()
            .or_else(|| cilium.map(|&port| (port, "Cilium's own")))
    };
    let tcp = ByteSet::single(Protocol::TCP.0);
    let wanted = |cube: &Cube| cube.protocol == tcp && service(cube).is_some();
    let found = effective(audit, line, &[Hook::Input], wanted)?;
    let (port, service) = service(&found.cube)?;
    let rules = audit.subject.firewall.rules(found.part.family);
    let message = format!(
        "{} opens port {port} ({service}), which only the host itself uses",
        name(rules, found.part.id)
    );
    let mut finding = about(&codes::LOOPBACK_PORT, line.span, found.part, message);
    finding.hook = Some(found.hook);
    finding.packets = vec![found.cube].into();
    finding.witness = Some(found.packet);
    finding.help = Some("delete it, unless something outside scrapes its metrics".into());
    Some(finding)
}
