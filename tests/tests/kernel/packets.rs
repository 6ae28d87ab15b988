//! Random packets: half anywhere, half at the edges of what rules ask for.

use crate::draw::{Draw, FLAGS, INTERFACES, LENGTHS, MACS, OTHERS, PORTS, TOS, TTLS, UIDS};
use crate::hint::{Hints, nudge};
use crate::ruleset::Language;
use portwright::firewall::Hook;
use portwright::net::{Family, Protocol};
use portwright::packet::{CtState, Fragment};
use portwright_cli::kernel::{Header, Probe, Way, can_have};
use rand::RngExt;

/// Types and codes of ICMP that packets have.
const ICMP: [(u16, u16); 11] = [
    (8, 0),
    (8, 0),
    (0, 0),
    (3, 3),
    (3, 4),
    (11, 0),
    (13, 0),
    (14, 0),
    (8, 3),
    (5, 0),
    (200, 7),
];
/// The same for IPv6.
const ICMPV6: [(u16, u16); 12] = [
    (128, 0),
    (128, 0),
    (129, 0),
    (1, 4),
    (1, 3),
    (2, 0),
    (3, 0),
    (135, 0),
    (136, 0),
    (143, 0),
    (128, 1),
    (200, 7),
];

/// Packets for rules that ask for this; fragments only where no connection tracking collects them,
/// and later ones only through the legacy backend: nf_tables may read their data as ports.
pub fn packets(
    draw: &mut Draw<'_>,
    hints: &[Hints],
    count: usize,
    stateless: bool,
    language: Language,
) -> Vec<Probe> {
    let mut probes = Vec::new();
    // Some are impossible on the wire: addresses that routing refuses. Most are not.
    for _ in 0..count * 20 {
        if probes.len() == count {
            break;
        }
        let mut probe = anywhere(draw);
        if stateless && draw.chance(0.2) {
            let parts = match language {
                Language::Legacy => [Fragment::First, Fragment::Later],
                _ => [Fragment::First; 2],
            };
            probe.fragment = Some(draw.pick(&parts));
        }
        if !hints.is_empty() && draw.chance(0.5) {
            for hint in draw.pick(hints) {
                hint.aim(&mut probe);
            }
            if draw.chance(0.4) {
                nudge(draw, &mut probe);
            }
        }
        probes.extend(placed(draw, probe, stateless));
    }
    probes
}

fn anywhere(draw: &mut Draw<'_>) -> Probe {
    let icmp = draw.icmp().1;
    let (source, destination) = (draw.address(), draw.address());
    let hook = if draw.chance(0.12) {
        Hook::Output
    } else {
        Hook::Input
    };
    let mut probe = Probe::new(hook, draw.family, source, destination);
    probe.protocol = Protocol(match draw.between(0, 9) {
        0..4 => 6,
        4..7 => 17,
        7 | 8 => icmp,
        _ => draw.pick(&OTHERS),
    });
    probe.source_port = port(draw);
    probe.destination_port = port(draw);
    probe.flags = draw.pick(&[0x02, 0x10, 0x02]);
    probe.state = draw.pick(&[
        CtState::New,
        CtState::New,
        CtState::New,
        CtState::Established,
        CtState::EstablishedReply,
        CtState::Related,
        CtState::RelatedReply,
    ]);
    draw.pick(&INTERFACES[..4])
        .clone_into(&mut probe.in_interface);
    if draw.chance(0.2) {
        probe.flags = draw.pick(&FLAGS);
    }
    if draw.chance(0.15) {
        probe.ttl = draw.pick(&TTLS);
    }
    if draw.chance(0.15) {
        probe.tos = draw.pick(&TOS);
    }
    if draw.chance(0.1) {
        probe.length = draw.pick(&LENGTHS);
    }
    if draw.chance(0.1) {
        probe.source_mac = Some(draw.pick(&MACS));
    }
    if draw.chance(0.3) {
        probe.uid = draw.pick(&UIDS);
    }
    if probe.protocol.is_icmp() {
        (probe.source_port, probe.destination_port) = match draw.family {
            Family::V4 => draw.pick(&ICMP),
            Family::V6 => draw.pick(&ICMPV6),
        };
    }
    if draw.family == Family::V6 && draw.chance(0.1) {
        let first = draw.pick(&Header::ALL);
        probe.headers.push(first);
    }
    probe
}

fn port(draw: &mut Draw<'_>) -> u16 {
    if draw.chance(0.6) {
        draw.pick(&PORTS)
    } else {
        draw.random.random()
    }
}

/// Where routing sends a packet; none when routing refuses it, or nothing would be learned.
fn placed(draw: &mut Draw<'_>, mut probe: Probe, stateless: bool) -> Option<Probe> {
    let host = draw.host;
    let family = probe.family;
    let way = host.way(family, probe.destination);
    if !is_ordinary(family, probe.source)
        || host.way(family, probe.source) == Way::Broadcast
        || !(way == Way::Broadcast || is_ordinary(family, probe.destination))
    {
        return None;
    }
    probe.hook = match (probe.hook, &way) {
        (Hook::Output, Way::Out(_)) => Hook::Output,
        (Hook::Output, _) | (_, Way::Nowhere) => return None,
        (_, Way::Local | Way::Broadcast) => Hook::Input,
        (_, Way::Out(_)) => Hook::Forward,
    };
    if probe.hook == Hook::Output {
        probe.in_interface.clear();
        probe.source_mac = None;
        probe.headers.clear();
        probe.fragment = None;
    } else {
        probe.uid = 0;
    }
    if let Way::Out(name) = way {
        probe.out_interface = name;
    }
    // What is refused before any rule, or behind, says nothing: ends of life, waiting fragments.
    if probe.hook == Hook::Forward && probe.ttl < 2 {
        probe.ttl = 64;
    }
    if probe.hook != Hook::Forward || !stateless {
        probe.fragment = None;
        probe.headers.retain(|&header| header != Header::Fragment);
    }
    probe.headers.sort_unstable();
    probe.normalise();
    if stateless || !can_have(&probe) || draw.chance(0.1) {
        probe.state = CtState::New;
    }
    Some(probe)
}

/// Whether an address is a single host's, as routing sees it.
fn is_ordinary(family: Family, address: u128) -> bool {
    match family {
        Family::V4 => !matches!(address >> 24, 0 | 127 | 224..),
        Family::V6 => matches!(address >> 120, 0x20 | 0x2a | 0xfd),
    }
}
