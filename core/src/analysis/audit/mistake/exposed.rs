//! Exposed: a service that must not be open to everyone.

use crate::analysis::Finding;
use crate::analysis::audit::Audit;
use crate::analysis::audit::life::untranslated;
use crate::analysis::audit::line::{Line, Part, about, name};
use crate::analysis::region::is_workload;
use crate::diagnostic::{Severity, mistake as codes};
use crate::firewall::{Action, Hook, Verdict};
use crate::net::{Family, Protocol};
use crate::packet::{CtState, Cube, IfName, Packet, Ranges};

/// Rules that open more ports than this name no service.
const FEW: u32 = 1_000;

/// Ports of services, what listens there, and how much it matters that everyone can reach it.
const SENSITIVE: &[(u16, &str, Severity)] = &[
    (2379, "etcd", Severity::Error),
    (2380, "etcd", Severity::Error),
    (2381, "etcd metrics", Severity::Error),
    (10250, "kubelet", Severity::Error),
    (10255, "kubelet without authentication", Severity::Error),
    (2375, "Docker without authentication", Severity::Error),
    (2376, "Docker", Severity::Warning),
    (23, "telnet", Severity::Warning),
    (111, "rpcbind", Severity::Warning),
    (445, "SMB", Severity::Warning),
    (873, "rsync", Severity::Warning),
    (1433, "SQL Server", Severity::Warning),
    (1521, "Oracle", Severity::Warning),
    (2049, "NFS", Severity::Warning),
    (3306, "MySQL", Severity::Warning),
    (3389, "RDP", Severity::Warning),
    (5432, "PostgreSQL", Severity::Warning),
    (5900, "VNC", Severity::Warning),
    (6379, "Redis", Severity::Warning),
    (9200, "Elasticsearch", Severity::Warning),
    (9300, "Elasticsearch", Severity::Warning),
    (10249, "kube-proxy metrics", Severity::Warning),
    (10257, "kube-controller-manager", Severity::Warning),
    (10259, "kube-scheduler", Severity::Warning),
    (11211, "memcached", Severity::Warning),
    (27017, "MongoDB", Severity::Warning),
];

/// What a line permits in effect.
pub(super) struct Effective {
    pub(super) part: Part,
    pub(super) hook: Hook,
    pub(super) cube: Cube,
    /// One of its first packets, which the line permits.
    pub(super) packet: Packet,
}

/// A part of what a line permits that `wanted` picks, with a first packet that the interpreter
/// says is permitted by this very rule.
pub(super) fn effective(
    audit: &Audit<'_, '_>,
    line: &Line,
    hooks: &[Hook],
    wanted: impl Fn(&Cube) -> bool,
) -> Option<Effective> {
    line.parts.iter().find_map(|&part| {
        let rule = audit.part(part)?;
        if rule.action != Action::Accept {
            return None;
        }
        let examiner = audit.asked(part.family);
        let entries = examiner.reach.of(part.id.chain)?;
        hooks.iter().find_map(|&hook| {
            let entry = entries.get(&hook).filter(|entry| entry.hull.is_none())?;
            untranslated(examiner.program, hook, &rule.matches, entry)
                .into_iter()
                .find_map(|cube| {
                    if !wanted(&cube) || is_local(&cube, hook) {
                        return None;
                    }
                    let first = cube.clone().with_states(&[CtState::New]);
                    let example = examiner.example(hook, part.id, &first)?;
                    (example.verdict == Verdict::Accept).then_some(Effective {
                        part,
                        hook,
                        cube,
                        packet: example.packet,
                    })
                })
        })
    })
}

/// A finding about a line that opens a sensitive service to everyone.
pub(super) fn exposed(audit: &Audit<'_, '_>, line: &Line) -> Option<Finding> {
    let part = line.parts.first()?;
    let wanted = |cube: &Cube| {
        let intervals = cube.destination_port.intervals().iter();
        let open: u32 = intervals.map(|(lo, hi)| u32::from(hi - lo) + 1).sum();
        cube.protocol.contains(Protocol::TCP.0)
            && open <= FEW
            && everyone(&cube.source, part.family)
            && worst(cube).is_some()
    };
    let found = effective(audit, line, &[Hook::Input], wanted)?;
    let (port, service, severity) = worst(&found.cube)?;
    let rules = audit.subject.firewall.rules(found.part.family);
    let message = format!(
        "{} opens {service} (port {port}) to every address",
        name(rules, found.part.id)
    );
    let mut finding = about(&codes::EXPOSED, line.span, found.part, message);
    finding.severity = *severity;
    finding.hook = Some(found.hook);
    finding.packets = vec![found.cube].into();
    finding.witness = Some(found.packet);
    finding.help = Some("name the addresses that need it".into());
    Some(finding)
}

/// The most sensitive service that a cube opens.
fn worst(cube: &Cube) -> Option<&'static (u16, &'static str, Severity)> {
    let open = SENSITIVE.iter();
    let open = open.filter(|(port, ..)| cube.destination_port.contains(*port));
    open.rev().max_by_key(|(.., severity)| *severity)
}

/// Whether these are all addresses of a family, but for a few.
pub(super) fn everyone(addresses: &Ranges<u128>, family: Family) -> bool {
    let others = Ranges::span(0, family.max()).subtract(addresses);
    let each = others.intervals().iter().map(|(lo, hi)| hi - lo);
    each.fold(0, u128::saturating_add) <= family.max() / 4
}

/// From the host itself, or from what runs on it.
fn is_local(cube: &Cube, hook: Hook) -> bool {
    let local = |names: &Ranges<u128>| names.is_subset(&IfName::loopback()) || is_workload(names);
    local(&cube.in_interface) || hook == Hook::Forward && local(&cube.out_interface)
}
