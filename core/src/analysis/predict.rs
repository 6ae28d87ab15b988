//! What a firewall does to single probes: packets of one flow between single addresses.

use super::coverage::{Answer, decider, fates};
use super::finding::{Finding, Note};
use super::point::Direction;
use super::region::{self, Phase, Required};
use super::{Fate, STEPS, Subject};
use crate::diagnostic::coverage as codes;
use crate::firewall::End;
use crate::net::{Family, PortRange, Protocol, Service, number};
use crate::packet::{ByteSet, Cube, PacketSet, Ranges, tcp_flags};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What is dialled.
#[derive(Debug, Clone)]
pub struct Dialled {
    /// IPv4 or IPv6.
    pub family: Family,
    /// To the host that the firewall guards, or from it.
    pub direction: Direction,
    /// IP protocol.
    pub protocol: Protocol,
    /// Destination ports; empty for protocols without ports.
    pub ports: Ranges<u16>,
    /// Type and code in this family, for ICMP.
    pub icmp: Option<(u8, u8)>,
    /// Who dials.
    pub sources: Ranges<u128>,
    /// Who is dialled.
    pub destinations: Ranges<u128>,
}

/// One of the probes.
#[derive(Debug, Clone, Copy)]
pub struct Single {
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// Destination port, where the protocol has ports.
    pub port: Option<u16>,
}

/// What becomes of one probe at one firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foretold {
    /// Permitted, denied, or it depends.
    pub fate: Fate,
    /// Where denied: whether the sender is told.
    pub rejects: bool,
    /// Where denied: the rule or policy.
    pub by: Option<Note>,
}

/// A firewall's answers about everything that is dialled through it in one direction for one flow.
#[derive(Debug)]
pub struct Prediction {
    family: Family,
    phases: Vec<(Required, Option<Answer>)>,
}

impl Prediction {
    /// Asks the firewall once; single probes are then looked up.
    #[must_use]
    pub fn of(
        subject: &Subject<'_>,
        dialled: &Dialled,
        bound: &BTreeMap<Protocol, Ranges<u16>>,
    ) -> Self {
        let service = match (dialled.icmp, dialled.ports.hull()) {
            (Some(_), _) => Service::Icmp(crate::net::IcmpKind::ECHO),
            (None, Some((lo, hi))) => Service::Ports(dialled.protocol, PortRange { lo, hi }),
            (None, None) => Service::Protocol(dialled.protocol),
        };
        let phases = region::phases(service).iter().map(|&phase| {
            let (hook, mut cube) = region::region(
                dialled.family,
                dialled.direction,
                phase,
                service,
                dialled.sources.clone(),
                dialled.destinations.clone(),
                bound,
            );
            narrow(&mut cube, dialled, phase);
            let one = Required {
                flow: 0,
                family: dialled.family,
                direction: dialled.direction,
                hook,
                phase,
                cube,
                unresolved: false,
            };
            let answer = fates(subject, &one).ok();
            (one, answer)
        });
        Self {
            family: dialled.family,
            phases: phases.collect(),
        }
    }

    /// What becomes of one probe. Denied means that no packet of its first exchange can pass;
    /// where only some can (by their source port, say), it depends.
    #[must_use]
    pub fn single(&self, subject: &Subject<'_>, probe: Single) -> Foretold {
        let mut worst = Foretold {
            fate: Fate::Permitted,
            rejects: false,
            by: None,
        };
        for (one, answer) in &self.phases {
            let Some(answer) = answer else {
                worst.fate = worst.fate.max(Fate::Unknown);
                continue;
            };
            if answer.denied.is_empty() && answer.undecided.is_empty() {
                continue;
            }
            let Some(cube) = of_probe(one, probe) else {
                continue;
            };
            let mut budget = subject.budget(STEPS);
            let part = PacketSet::from(vec![cube.clone()]);
            // With more packets than are listed, what is not listed may be denied, too.
            let denied = part.is_subset(&answer.denied, &mut budget);
            if denied == Ok(true) {
                let (rejects, by) = self.blame(subject, answer, &cube);
                return Foretold {
                    fate: Fate::Denied,
                    rejects,
                    by,
                };
            }
            let touched = cube.overlaps_any(answer.denied.cubes())
                || cube.overlaps_any(answer.undecided.cubes());
            if touched || answer.more || denied.is_err() {
                worst.fate = worst.fate.max(Fate::Unknown);
            }
        }
        worst
    }

    /// Who denies these packets.
    fn blame(&self, subject: &Subject<'_>, answer: &Answer, cube: &Cube) -> (bool, Option<Note>) {
        let rules = subject.firewall.rules(self.family);
        let denying = answer.outcomes.iter().filter(|outcome| {
            let denies = matches!(outcome.end, End::Drop | End::Reject);
            denies && outcome.cube.clone().without_assumptions().overlaps(cube)
        });
        let mut finding = Finding::new(&codes::MISSING, self.family, "");
        let mut rejects = false;
        for outcome in denying.take(1) {
            rejects = outcome.end == End::Reject;
            if let Some(&by) = outcome.via.last() {
                decider(&mut finding, rules, by, outcome.end);
            }
        }
        (rejects, finding.places.into_iter().next())
    }
}

/// Of a region only what a probe and its answer use: these ports, this kind of ICMP, the packets
/// of TCP's handshake.
fn narrow(cube: &mut Cube, dialled: &Dialled, phase: Phase) {
    if let Some((kind, code)) = dialled.icmp {
        let kind = match phase {
            Phase::Reply => region::answer(dialled.family, kind),
            _ => kind,
        };
        cube.source_port = Ranges::single(kind.into());
        cube.destination_port = Ranges::single(code.into());
    } else if !dialled.ports.is_empty() {
        match phase {
            Phase::Reply => cube.source_port = dialled.ports.clone(),
            _ => cube.destination_port = dialled.ports.clone(),
        }
    }
    if dialled.protocol == Protocol::TCP {
        use tcp_flags::{ACK, SYN};
        let flags = match phase {
            Phase::First => SYN,
            Phase::Later => ACK,
            Phase::Reply => SYN | ACK,
        };
        cube.flags = ByteSet::of(|set| set == flags);
    }
}

/// The packets of one probe.
fn of_probe(one: &Required, probe: Single) -> Option<Cube> {
    let mut cube = one.cube.clone();
    let (from, to) = (number(probe.from), number(probe.to));
    let (source, destination) = match one.phase {
        Phase::Reply => (to, from),
        _ => (from, to),
    };
    cube.source = Ranges::single(source).intersect(&cube.source);
    cube.destination = Ranges::single(destination).intersect(&cube.destination);
    if let Some(port) = probe.port {
        let field = match one.phase {
            Phase::Reply => &mut cube.source_port,
            _ => &mut cube.destination_port,
        };
        *field = Ranges::single(port).intersect(field);
    }
    (!cube.is_empty()).then_some(cube)
}
