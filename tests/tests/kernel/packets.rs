//! Random packets: half anywhere, half at the edges of what rules ask for.

use crate::flows;
use crate::observe::Probe;
use crate::random::{FLAGS, Generated, Hint, OTHERS, PORTS, address};
use crate::rig::{INTERFACES, ROUTES_V4, ROUTES_V6};
use portwright::firewall::Hook;
use portwright::net::{Family, Protocol};
use portwright::packet::{CtState, Fragment, IfName, Packet};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_xorshift::XorShiftRng;

/// This many packets for a ruleset.
pub fn packets(random: &mut XorShiftRng, generated: &Generated, count: usize) -> Vec<Probe> {
    let mut probes = Vec::new();
    // Some are impossible on the wire: addresses that routing refuses. Most are not.
    for _ in 0..count * 20 {
        if probes.len() == count {
            break;
        }
        let mut packet = anywhere(random, generated.ruleset.family);
        if random.random_bool(0.5)
            && let Some(hints) = generated.hints.choose(random)
        {
            for &hint in hints {
                aim(&mut packet, hint);
            }
            if random.random_bool(0.4) {
                nudge(random, &mut packet);
            }
        }
        let outgoing = random.random_bool(0.12);
        probes.extend(placed(random, packet, outgoing));
    }
    probes
}

fn anywhere(random: &mut XorShiftRng, family: Family) -> Packet {
    let icmp = if family == Family::V4 {
        Protocol::ICMP
    } else {
        Protocol::ICMPV6
    };
    let protocol = match random.random_range(0..10) {
        0..4 => Protocol::TCP,
        4..7 => Protocol::UDP,
        7 | 8 => icmp,
        _ => Protocol(*OTHERS.choose(random).unwrap()),
    };
    let port = |random: &mut XorShiftRng| {
        if random.random_bool(0.6) {
            *PORTS.choose(random).unwrap()
        } else {
            random.random()
        }
    };
    let states = [
        CtState::New,
        CtState::New,
        CtState::Established,
        CtState::EstablishedReply,
        CtState::Related,
        CtState::RelatedReply,
    ];
    let mut packet = Packet {
        family,
        protocol,
        source: address(random, family),
        destination: address(random, family),
        source_port: port(random),
        destination_port: port(random),
        flags: *[0x02, 0x10, 0x02].choose(random).unwrap(),
        state: *states.choose(random).unwrap(),
        in_interface: IfName::new(INTERFACES.choose(random).unwrap()).unwrap(),
        out_interface: IfName::NONE,
        mark: 0,
        conn_mark: 0,
        rare: Default::default(),
        fragment: Fragment::First,
    };
    if random.random_bool(0.2) {
        packet.flags = *FLAGS.choose(random).unwrap();
    }
    if protocol.is_icmp() {
        let kinds: &[(u16, u16)] = match family {
            Family::V4 => &[
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
            ],
            Family::V6 => &[
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
            ],
        };
        (packet.source_port, packet.destination_port) = *kinds.choose(random).unwrap();
    }
    packet
}

fn aim(packet: &mut Packet, hint: Hint) {
    match hint {
        Hint::Protocol(number) => {
            let was_icmp = packet.protocol.is_icmp();
            packet.protocol = Protocol(number);
            if packet.protocol.is_icmp() && !was_icmp {
                let echo = if number == 1 { 8 } else { 128 };
                (packet.source_port, packet.destination_port) = (echo, 0);
            }
        }
        Hint::Source(address) => packet.source = address,
        Hint::Destination(address) => packet.destination = address,
        Hint::SourcePort(port) if !packet.protocol.is_icmp() => packet.source_port = port,
        Hint::DestinationPort(port) if !packet.protocol.is_icmp() => packet.destination_port = port,
        Hint::Flags(flags) => packet.flags = flags,
        Hint::Icmp(kind, code) if packet.protocol.is_icmp() => {
            (packet.source_port, packet.destination_port) = (kind.into(), code.into());
        }
        Hint::In(name) if name != "lo" => packet.in_interface = IfName::new(name).unwrap(),
        Hint::State(at) => packet.state = CtState::ALL[at],
        _ => {}
    }
}

/// Moves one value by one.
fn nudge(random: &mut XorShiftRng, packet: &mut Packet) {
    let up = random.random_bool(0.5);
    let port = |port: u16| {
        if up {
            port.wrapping_add(1)
        } else {
            port.wrapping_sub(1)
        }
    };
    let address = |address: u128| {
        let moved = if up {
            address.wrapping_add(1)
        } else {
            address.wrapping_sub(1)
        };
        moved & packet.family.max()
    };
    match random.random_range(0..5) {
        0 => packet.source = address(packet.source),
        1 => packet.destination = address(packet.destination),
        2 if !packet.protocol.is_icmp() => packet.source_port = port(packet.source_port),
        3 if !packet.protocol.is_icmp() => packet.destination_port = port(packet.destination_port),
        4 => packet.flags ^= 1 << random.random_range(0..6),
        _ => {}
    }
}

/// Where routing sends a packet; none when routing refuses it.
fn placed(random: &mut XorShiftRng, mut packet: Packet, outgoing: bool) -> Option<Probe> {
    let ordinary = |address: u128| match packet.family {
        Family::V4 => !matches!(address >> 24, 0 | 127 | 224..),
        Family::V6 => matches!(address >> 120, 0x20 | 0xfd),
    };
    if !ordinary(packet.source) || !ordinary(packet.destination) {
        return None;
    }
    let local = route(packet.family, packet.destination).is_none();
    let hook = match (outgoing, local) {
        (true, true) => return None,
        (true, false) => Hook::Output,
        (false, true) => Hook::Input,
        (false, false) => Hook::Forward,
    };
    if hook == Hook::Output {
        packet.in_interface = IfName::NONE;
    }
    packet.out_interface = match hook {
        Hook::Input => IfName::NONE,
        _ => IfName::new(route(packet.family, packet.destination)?).unwrap(),
    };
    normalise(&mut packet);
    if !flows::can_have(&packet) || random.random_bool(0.1) {
        packet.state = CtState::New;
    }
    Some(Probe { hook, packet })
}

/// Fields that a protocol does not have are zero.
fn normalise(packet: &mut Packet) {
    if packet.protocol != Protocol::TCP {
        packet.flags = 0;
    }
    if packet.protocol.is_icmp() {
        packet.source_port &= 0xff;
        packet.destination_port &= 0xff;
    } else if !packet.protocol.has_ports() {
        (packet.source_port, packet.destination_port) = (0, 0);
    }
}

/// The interface that an address is behind; none for the host itself.
fn route(family: Family, address: u128) -> Option<&'static str> {
    let routes = if family == Family::V4 {
        ROUTES_V4
    } else {
        ROUTES_V6
    };
    let bits = family.max().count_ones();
    let covers = |&&(base, length, _): &&(u128, u32, Option<&'static str>)| {
        length == 0 || base >> (bits - length) == address >> (bits - length)
    };
    let best = routes
        .iter()
        .filter(covers)
        .max_by_key(|(_, length, _)| *length);
    best.and_then(|(_, _, interface)| *interface)
}
