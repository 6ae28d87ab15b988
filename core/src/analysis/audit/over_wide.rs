//! Over-wide: a rule that permits much more than any need.

use super::Audit;
use super::life::untranslated;
use super::line::{Line, Part, about, name};
use crate::analysis::region::is_workload;
use crate::diagnostic::{Severity, hygiene as codes};
use crate::firewall::{Action, Hook, Verdict};
use crate::net::{Family, Protocol};
use crate::packet::show::{addresses, ports};
use crate::packet::{CtState, Cube, IfName, Ranges};

/// Prefixes this wide (IPv4, IPv6) are no network of one's own.
const WIDE: [u32; 2] = [8, 16];

/// So many ports are no service.
const MANY_PORTS: u32 = 10_000;

/// How wide.
struct Width {
    severity: Severity,
    what: String,
}

impl Audit<'_, '_> {
    /// Notes that a line permits too much, with a packet that proves it.
    pub(super) fn over_wide(&mut self, line: &Line) {
        for &part in &line.parts {
            let Some(rule) = self.part(part) else {
                continue;
            };
            if rule.action != Action::Accept {
                continue;
            }
            let examiner = self.examiner(part.family);
            let Some(entries) = examiner.reach.of(part.id.chain) else {
                continue;
            };
            let hooks = [Hook::Input, Hook::Forward];
            let found = hooks.iter().find_map(|hook| {
                let entry = entries.get(hook).filter(|entry| entry.hull.is_none())?;
                let mut cubes =
                    untranslated(examiner.program, *hook, &rule.matches, entry).into_iter();
                cubes.find_map(|cube| {
                    let width = width(&cube, *hook, part.family)?;
                    let packets = examiner.permitted(*hook, part, &cube)?;
                    Some((*hook, width, cube, packets))
                })
            });
            if let Some((hook, width, cube, packet)) = found {
                let rules = self.subject.firewall.rules(part.family);
                let message = format!("{} permits {}", name(rules, part.id), width.what);
                let mut finding = about(&codes::OVER_WIDE, line.span, part, message);
                finding.severity = width.severity;
                finding.hook = Some(hook);
                finding.packets = vec![cube].into();
                finding.witness = Some(packet);
                finding.help =
                    Some("name the sources, the protocol and the ports that are needed".into());
                self.findings.push(finding);
                return;
            }
        }
    }
}

impl super::life::Examiner<'_, '_> {
    /// One of a few packets spread over a cube, when the rule permits all of them: then it is not
    /// only wide as it stands, but in effect.
    fn permitted(&self, hook: Hook, part: Part, cube: &Cube) -> Option<crate::packet::Packet> {
        let mut first = None;
        for sample in samples(cube, part.family) {
            let example = self.example(hook, part.id, &sample)?;
            if example.verdict != Verdict::Accept {
                return None;
            }
            first.get_or_insert(example.packet);
        }
        first
    }
}

/// First packets from both ends of a cube's sources, to low and high ports.
fn samples(cube: &Cube, family: Family) -> Vec<Cube> {
    let first = cube.clone().with_states(&[CtState::New]);
    let (lo, hi) = cube.source.hull().unwrap_or((0, family.max()));
    let third = (hi - lo) / 3;
    let sources = [lo + third / 2, lo + third, lo + third * 2];
    let sources = sources.map(|source| Ranges::single(source).intersect(&cube.source));
    let (low, high) = cube.destination_port.hull().unwrap_or((0, u16::MAX));
    let middle = low + (high - low) / 2;
    let ports =
        [middle, high - 1].map(|port| Ranges::single(port).intersect(&cube.destination_port));
    let protocols = [Protocol::TCP, Protocol::UDP];
    let protocols = protocols.iter().filter(|p| cube.protocol.contains(p.0));
    let mut all = Vec::new();
    for protocol in protocols {
        for source in &sources {
            for destination_port in &ports {
                all.push(Cube {
                    source: source.clone(),
                    destination_port: destination_port.clone(),
                    ..first.clone().with_protocol(*protocol)
                });
            }
        }
    }
    all
}

fn width(cube: &Cube, hook: Hook, family: Family) -> Option<Width> {
    let new = cube.state.contains(CtState::New as u8);
    if !new || !cube.unknown.is_empty() {
        return None;
    }
    let tcp_or_udp = [Protocol::TCP, Protocol::UDP]
        .iter()
        .any(|p| cube.protocol.contains(p.0));
    let all_ports = u32::from(u16::MAX) + 1;
    let open = cube.destination_port.intervals().iter();
    let open: u32 = open.map(|(lo, hi)| u32::from(hi - lo) + 1).sum();
    if !tcp_or_udp || open < MANY_PORTS || !cube.source_port.is_full() || is_harmless(cube, hook) {
        return None;
    }
    let any_source = bits(&cube.source, family) == 0;
    let wide_source = bits(&cube.source, family) <= wide(family);
    let from = match any_source {
        true => "any source".to_owned(),
        false => format!("all of {}", addresses(&cube.source, family)),
    };
    let narrowed = !interfaces(cube, hook);
    let what = match (cube.protocol.len(), open == all_ports) {
        (256, true) => format!("every packet from {from}"),
        (_, true) => format!("every port from {from}"),
        _ => format!(
            "{open} ports ({}) from {from}",
            ports(&cube.destination_port)
        ),
    };
    let severity = match (any_source, open == all_ports) {
        (true, true) if !narrowed => Severity::Warning,
        (true, _) => Severity::Note,
        (false, true) if wide_source && !narrowed => Severity::Note,
        _ => return None,
    };
    // Through a router to chosen networks is what routers are for.
    let aimed = hook == Hook::Forward && (narrowed || bits(&cube.destination, family) > 0);
    (!aimed).then_some(Width { severity, what })
}

fn wide(family: Family) -> u32 {
    match family {
        Family::V4 => WIDE[0],
        Family::V6 => WIDE[1],
    }
}

/// Length of the prefix that has about as many addresses as a set.
fn bits(set: &Ranges<u128>, family: Family) -> u32 {
    let each = set.intervals().iter().map(|(lo, hi)| hi - lo);
    let size = each.fold(0, u128::saturating_add);
    size.leading_zeros()
        .saturating_sub(family.max().leading_zeros())
}

/// Whether it applies to every interface.
fn interfaces(cube: &Cube, hook: Hook) -> bool {
    let real = Ranges::full().subtract(&Ranges::single(IfName::NONE.0));
    let less = Ranges::full().subtract(&IfName::loopback());
    let all = |names: &Ranges<u128>| real.intersect(&less).is_subset(names);
    all(&cube.in_interface) && (hook == Hook::Input || all(&cube.out_interface))
}

/// From the host itself, or from what runs on it.
fn is_harmless(cube: &Cube, hook: Hook) -> bool {
    let local = |names: &Ranges<u128>| names.is_subset(&IfName::loopback()) || is_workload(names);
    local(&cube.in_interface) || hook == Hook::Forward && local(&cube.out_interface)
}
