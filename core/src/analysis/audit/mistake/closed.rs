//! What must pass for permitted connections to work: their later packets and answers, ICMP errors
//! that tell the size of packets, and in IPv6 neighbour discovery.

use crate::analysis::Finding;
use crate::analysis::audit::Audit;
use crate::analysis::audit::shadowed::decides;
use crate::diagnostic::{Code, mistake as codes};
use crate::firewall::{Decider, Hook, Step, Verdict};
use crate::net::{Family, Protocol};
use crate::packet::{CtState, Fragment, IfName, Packet, Rare, RareValues, tcp_flags};

/// Hooks whose policy may close a system, and what they are called in messages.
const HOOKS: [(Hook, &str); 3] = [
    (Hook::Input, "to this host"),
    (Hook::Output, "from this host"),
    (Hook::Forward, "through this host"),
];

/// Something that is denied although it belongs to what is permitted.
struct Denied {
    hook: Hook,
    packet: Packet,
    by: Decider,
}

/// Findings about a system that permits connections, and not what they need.
pub(super) fn closed(audit: &Audit<'_, '_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for family in Family::ALL {
        for (hook, way) in HOOKS {
            let opened = opened(audit, family, hook);
            let answers = opened
                .iter()
                .filter(|first| first.protocol == Protocol::TCP);
            if let Some(denied) = answers
                .clone()
                .find_map(|first| no_answer(audit, hook, first))
            {
                let message = format!(
                    "connections {way} are permitted, but their {} are not",
                    if denied.packet.state.is_reply() {
                        "answers"
                    } else {
                        "later packets"
                    }
                );
                findings.extend(tell(
                    audit,
                    &codes::NO_REPLIES,
                    &denied,
                    message,
                    "permit the states ESTABLISHED and RELATED before everything else",
                ));
                continue;
            }
            if let Some(denied) = answers
                .clone()
                .find_map(|first| no_size(audit, hook, first))
            {
                let what = match family {
                    Family::V4 => "`fragmentation needed` (ICMP type 3, code 4)",
                    Family::V6 => "`packet too big` (ICMPv6 type 2)",
                };
                let message = format!(
                    "connections {way} are permitted, but {what} is not: large packets get lost without notice"
                );
                findings.extend(tell(
                    audit,
                    &codes::PATH_MTU,
                    &denied,
                    message,
                    "permit the state RELATED, or at least this message",
                ));
            }
        }
        if family == Family::V6 {
            findings.extend(no_neighbours(audit));
        }
    }
    findings
}

/// First packets that are permitted at a hook: examples of its rules, and one that no rule names.
fn opened(audit: &Audit<'_, '_>, family: Family, hook: Hook) -> Vec<Packet> {
    let mut all = audit.permits.at(family, hook).to_vec();
    if hook == Hook::Output && audit.subject.firewall.rules(family).exported {
        let other = plain(family, hook);
        if fate(audit, hook, &other).is_some_and(|(verdict, _)| verdict == Verdict::Accept) {
            all.push(other);
        }
    }
    all
}

/// A first packet to a web server.
fn plain(family: Family, hook: Hook) -> Packet {
    let device = IfName::new("eth0").unwrap_or(IfName::NONE);
    let (source, destination) = match family {
        Family::V4 => (0xc633_6402, 0xc633_6407),
        Family::V6 => (0x2001_0db8 << 96 | 2, 0x2001_0db8 << 96 | 7),
    };
    let out = hook == Hook::Output;
    Packet {
        family,
        protocol: Protocol::TCP,
        source,
        destination,
        source_port: 40_000,
        destination_port: 443,
        flags: tcp_flags::SYN,
        state: CtState::New,
        in_interface: if out { IfName::NONE } else { device },
        out_interface: if out { device } else { IfName::NONE },
        mark: 0,
        conn_mark: 0,
        fragment: Fragment::First,
        rare: usual(),
    }
}

/// What nobody looks at, as ordinary packets have it.
fn usual() -> RareValues {
    let mut rare = RareValues::default();
    rare.set(Rare::Ttl, 64);
    rare
}

/// What becomes of a packet, and who decides; none when that is unknown.
fn fate(audit: &Audit<'_, '_>, hook: Hook, packet: &Packet) -> Option<(Verdict, Option<Decider>)> {
    let program = audit.subject.program(packet.family);
    let traced = program.trace(&audit.subject.firewall.unknowns, hook, packet);
    let by = traced.steps.iter().rev().find_map(|step| match step {
        Step::Decided(by, _) => Some(*by),
        _ => None,
    });
    (traced.verdict != Verdict::Unknown).then_some((traced.verdict, by))
}

fn denied(audit: &Audit<'_, '_>, hook: Hook, packet: Packet) -> Option<Denied> {
    let (verdict, by) = fate(audit, hook, &packet)?;
    let denied = matches!(verdict, Verdict::Drop | Verdict::Reject);
    let by = by.filter(|_| denied)?;
    Some(Denied { hook, packet, by })
}

/// A later packet of a connection, or an answer, that is denied.
fn no_answer(audit: &Audit<'_, '_>, hook: Hook, first: &Packet) -> Option<Denied> {
    let later = Packet {
        state: CtState::Established,
        flags: tcp_flags::ACK,
        ..*first
    };
    denied(audit, hook, later).or_else(|| {
        let answer = Packet {
            state: CtState::EstablishedReply,
            flags: tcp_flags::SYN | tcp_flags::ACK,
            ..back(first)
        };
        denied(audit, opposite(hook), answer)
    })
}

/// An ICMP error about a packet of a connection that is denied: about the packets that go out.
fn no_size(audit: &Audit<'_, '_>, hook: Hook, first: &Packet) -> Option<Denied> {
    let (protocol, kind, code) = match first.family {
        Family::V4 => (Protocol::ICMP, 3, 4),
        Family::V6 => (Protocol::ICMPV6, 2, 0),
    };
    let error = |packet: Packet, state| Packet {
        protocol,
        source_port: kind,
        destination_port: code,
        flags: 0,
        state,
        ..packet
    };
    match hook {
        Hook::Input => denied(audit, hook, error(*first, CtState::Related)),
        Hook::Output => denied(
            audit,
            Hook::Input,
            error(back(first), CtState::RelatedReply),
        ),
        _ => denied(audit, hook, error(*first, CtState::Related))
            .or_else(|| denied(audit, hook, error(back(first), CtState::RelatedReply))),
    }
}

/// The same packet the other way.
fn back(packet: &Packet) -> Packet {
    Packet {
        source: packet.destination,
        destination: packet.source,
        source_port: packet.destination_port,
        destination_port: packet.source_port,
        in_interface: packet.out_interface,
        out_interface: packet.in_interface,
        ..*packet
    }
}

fn opposite(hook: Hook) -> Hook {
    match hook {
        Hook::Input => Hook::Output,
        Hook::Output => Hook::Input,
        other => other,
    }
}

/// Neighbour discovery that is denied where IPv6 is used: whoever permits connections needs it.
fn no_neighbours(audit: &Audit<'_, '_>) -> Option<Finding> {
    let used = audit.permits.at(Family::V6, Hook::Input);
    let device = used.first()?.in_interface;
    let router = 0xfe80 << 112 | 1;
    let solicited = 0xff02 << 112 | 0x1_ff00_0001;
    let mut local = usual();
    // RFC 4861: neighbours send with this.
    local.set(Rare::Ttl, 255);
    let asked = [(135, solicited), (136, 0xfe80 << 112 | 2)];
    let denied = asked.into_iter().find_map(|(kind, destination)| {
        let packet = Packet {
            protocol: Protocol::ICMPV6,
            source: router,
            destination,
            source_port: kind,
            destination_port: 0,
            flags: 0,
            state: CtState::Untracked,
            in_interface: device,
            rare: local,
            ..plain(Family::V6, Hook::Input)
        };
        denied(audit, Hook::Input, packet)
    })?;
    let message = format!(
        "neighbour discovery (ICMPv6 type {}) is not permitted: IPv6 does not work without it",
        denied.packet.source_port
    );
    let help = "permit ICMPv6 types 133 to 136; conntrack calls them UNTRACKED, not NEW";
    tell(audit, &codes::NEIGHBOUR_DISCOVERY, &denied, message, help)
}

fn tell(
    audit: &Audit<'_, '_>,
    code: &'static Code,
    denied: &Denied,
    message: String,
    help: &str,
) -> Option<Finding> {
    let family = denied.packet.family;
    let rules = audit.subject.firewall.rules(family);
    let chain = match denied.by {
        Decider::Rule(id) => id.chain,
        Decider::Policy(id) => id,
    };
    if rules.chain(chain)?.generated {
        return None;
    }
    let (span, text) = decides(rules, denied.by)?;
    let mut finding = Finding::new(code, family, message);
    finding.hook = Some(denied.hook);
    finding.witness = Some(denied.packet);
    finding.place(span, text.replace("decides them", "denies it"));
    finding.help = Some(help.into());
    Some(finding)
}
