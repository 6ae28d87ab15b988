//! Source port: a rule that permits first packets by the port they come from.

use super::exposed::effective;
use crate::analysis::Finding;
use crate::analysis::audit::Audit;
use crate::analysis::audit::line::{Line, about, name};
use crate::diagnostic::mistake as codes;
use crate::firewall::Hook;
use crate::packet::show::ports;
use crate::packet::{CtState, Cube};

/// More source ports than this are no service.
const FEW: u32 = 64;

/// A finding about a line that takes a source port for a destination port.
pub(super) fn source_port(audit: &Audit<'_, '_>, line: &Line) -> Option<Finding> {
    let found = effective(audit, line, &[Hook::Input, Hook::Forward], by_source_port)?;
    let rules = audit.subject.firewall.rules(found.part.family);
    let from = ports(&found.cube.source_port);
    let message = format!(
        "{} permits first packets to every port when they come from port {from}: whoever sends chooses that port",
        name(rules, found.part.id)
    );
    let mut finding = about(&codes::SOURCE_PORT, line.span, found.part, message);
    finding.hook = Some(found.hook);
    finding.witness = Some(found.packet);
    finding.packets = vec![found.cube].into();
    finding.help = Some(format!(
        "for the service on port {from} match the destination port; for its answers match the state ESTABLISHED"
    ));
    Some(finding)
}

fn by_source_port(cube: &Cube) -> bool {
    let intervals = cube.source_port.intervals().iter();
    let count: u32 = intervals.map(|(lo, hi)| u32::from(hi - lo) + 1).sum();
    let mut protocols = cube.protocol.iter();
    count <= FEW
        && cube.destination_port.is_full()
        && cube.state.contains(CtState::New as u8)
        && cube.flags.contains(crate::packet::tcp_flags::SYN)
        && protocols.all(|p| crate::net::Protocol(p).has_ports())
}
