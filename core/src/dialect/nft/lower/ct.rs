//! Connection tracking keys, as `nft_ct.c` gives them. Without an entry (invalid, untracked)
//! there is no value but that of `ct state`.

use super::Lowering;
use super::condition::{assuming, intersect};
use super::field::Field;
use super::key::{Leaf, of_protocol};
use super::place::Place;
use crate::dialect::nft::syntax::Hook;
use crate::net::Protocol;
use crate::packet::{Bits, ByteSet, CtState, Cube, FieldSet, IfName, Rare, changes};

const TRACKED: &[CtState] = &[
    CtState::New,
    CtState::Established,
    CtState::EstablishedReply,
    CtState::Related,
    CtState::RelatedReply,
];
const FORWARD: &[CtState] = &[CtState::New, CtState::Established, CtState::Related];
const REPLIES: &[CtState] = &[CtState::EstablishedReply, CtState::RelatedReply];
const RELATED: &[CtState] = &[CtState::Related, CtState::RelatedReply];

/// Bits of `ct status`.
mod status {
    pub(super) const EXPECTED: u128 = 1;
    pub(super) const SEEN_REPLY: u128 = 2;
    pub(super) const ASSURED: u128 = 4;
    pub(super) const CONFIRMED: u128 = 8;
    pub(super) const SNAT: u128 = 16;
    pub(super) const DNAT: u128 = 32;
}

/// The number by which `ct state` names a state.
fn number(state: CtState) -> u128 {
    match state {
        CtState::Invalid => 1,
        CtState::Established | CtState::EstablishedReply => 2,
        CtState::Related | CtState::RelatedReply => 4,
        CtState::New => 8,
        CtState::Untracked => 64,
    }
}

fn states(place: &Place<'_>, states: &[CtState]) -> Cube {
    Cube::any(place.family).with_states(states)
}

/// Packets with an entry.
pub(super) fn tracked(place: &Place<'_>) -> Cube {
    states(place, TRACKED)
}

/// Packets that come in by `lo`, which may keep the entry that they left with, and all others.
fn by_loopback(place: &Place<'_>) -> (Cube, Cube) {
    let any = Cube::any(place.family);
    let mut own = any.clone();
    own.in_interface = IfName::loopback();
    let mut outside = any;
    outside.in_interface = outside.in_interface.subtract(&own.in_interface);
    (own, outside)
}

pub(super) fn leaves(
    all: &mut Lowering<'_>,
    place: &Place<'_>,
    key: &str,
    reply: Option<bool>,
    bits: Option<u128>,
) -> Vec<Leaf> {
    if place.reach.early && place.reach.late {
        return vec![Leaf::open(Cube::any(place.family))];
    }
    if place.reach.early {
        return early(all, place, key);
    }
    let of = tracked(place);
    match (key, reply) {
        ("state", _) => vec![Leaf::Table(
            CtState::ALL
                .iter()
                .map(|&state| (number(state), vec![states(place, &[state])]))
                .collect(),
        )],
        ("direction", _) => vec![Leaf::Table(vec![
            (0, vec![states(place, FORWARD)]),
            (1, vec![states(place, REPLIES)]),
        ])],
        ("status", _) => status_leaf(all, place, bits),
        ("mark", _) => vec![Leaf::field(of, Field::ConnMark)],
        ("l3proto", _) => vec![Leaf::Table(vec![(place.nfproto(), vec![of])])],
        ("protocol", _) => with_errors(place, |of| vec![Leaf::field(of, Field::Protocol)]),
        ("saddr" | "daddr" | "proto-src" | "proto-dst", Some(reply)) => {
            let source = matches!(key, "saddr" | "proto-src");
            let port = key.starts_with("proto");
            with_errors(place, |of| tuple(all, of, reply, source, port))
        }
        _ => vec![Leaf::open(of)],
    }
}

/// Before connection tracking has run every packet counts as invalid, unless a rule told it to
/// leave the packet alone. Only what the host sends to itself comes back with its entry.
fn early(all: &mut Lowering<'_>, place: &Place<'_>, key: &str) -> Vec<Leaf> {
    let (own, outside) = if place.reach.only(&[Hook::Output]) {
        (None, Cube::any(place.family))
    } else {
        let (own, outside) = by_loopback(place);
        (Some(own), outside)
    };
    if key != "state" {
        return own.map(Leaf::open).into_iter().collect();
    }
    let mut rows = Vec::new();
    if all.traits.untracks {
        let change = changes::UNTRACKED;
        rows.push((1, vec![outside.clone().with_change(change, false)]));
        rows.push((64, vec![outside.with_change(change, true)]));
    } else {
        rows.push((1, vec![outside]));
    }
    if let Some(own) = own {
        let why =
            "whether a packet on `lo` is tracked before connection tracking depends on who sent it";
        let kept = all.predicate("tracked on lo".into(), place.table.place.0, why.into());
        let own = std::slice::from_ref(&own);
        rows.push((1, assuming(own, kept, false)));
        for state in CtState::ALL {
            let with = intersect(own, &[states(place, &[state])]);
            rows.push((number(state), assuming(&with, kept, true)));
        }
    }
    vec![Leaf::Table(rows)]
}

/// `ct status`, as far as the bits that matter are determined.
fn status_leaf(all: &mut Lowering<'_>, place: &Place<'_>, bits: Option<u128>) -> Vec<Leaf> {
    let of = tracked(place);
    let Some(bits) = bits.filter(|bits| bits.count_ones() <= 6) else {
        return vec![Leaf::open(of)];
    };
    let mut rows = vec![(0, vec![of])];
    for place_of_bit in 0..u128::BITS {
        let bit = 1u128 << place_of_bit;
        if bits & bit == 0 {
            continue;
        }
        let [clear, set] = [false, true].map(|set| status_bit(all, place, bit, set));
        let mut next = Vec::new();
        for (value, cubes) in &rows {
            next.push((*value, intersect(cubes, &clear)));
            next.push((value | bit, intersect(cubes, &set)));
        }
        rows = next;
    }
    vec![Leaf::Table(rows)]
}

/// Packets whose entry has this bit, or does not.
fn status_bit(all: &mut Lowering<'_>, place: &Place<'_>, bit: u128, set: bool) -> Vec<Cube> {
    use CtState::{Established, EstablishedReply, New};
    let of = |list: &[CtState]| states(place, list);
    let translated = |all: &Lowering<'_>, change| {
        if all.traits.translates {
            vec![tracked(place).with_change(change, set)]
        } else if set {
            Vec::new()
        } else {
            vec![tracked(place)]
        }
    };
    let (yes, no): (&[CtState], &[CtState]) = match bit {
        status::SNAT => return translated(all, changes::SOURCE),
        status::DNAT => return translated(all, changes::DESTINATION),
        status::SEEN_REPLY => (&[Established, EstablishedReply], &[New]),
        status::EXPECTED | status::ASSURED => (&[], &[New]),
        status::CONFIRMED => (&[Established, EstablishedReply], &[]),
        _ => (&[], &[]),
    };
    let certain = of(if set { yes } else { no });
    let open: Vec<CtState> = TRACKED
        .iter()
        .copied()
        .filter(|state| !yes.contains(state) && !no.contains(state))
        .collect();
    let why = "this bit of `ct status` depends on the connection's history".to_owned();
    let text = format!("ct status bit {bit:#x}");
    let history = all.predicate(text, place.table.place.0, why);
    let mut cubes = assuming(&[of(&open)], history, set);
    cubes.push(certain);
    cubes.retain(|cube| !cube.is_empty());
    cubes
}

/// Leaves for packets with an entry; ICMP errors belong to that of another packet.
fn with_errors(place: &Place<'_>, own: impl FnOnce(Cube) -> Vec<Leaf>) -> Vec<Leaf> {
    let icmp = ByteSet::of(|number| Protocol(number).is_icmp());
    let not_icmp = icmp.complement();
    let mut errors = states(place, RELATED);
    errors.protocol = errors.protocol.and(&icmp);
    let mut leaves = vec![Leaf::open(errors)];
    let plain: Vec<CtState> = TRACKED
        .iter()
        .copied()
        .filter(|state| !RELATED.contains(state))
        .collect();
    leaves.extend(own(states(place, &plain)));
    let mut expected = states(place, RELATED);
    expected.protocol = expected.protocol.and(&not_icmp);
    let again = leaves.get(1..).unwrap_or(&[]).to_vec();
    for leaf in again {
        leaves.extend(moved(leaf, &expected));
    }
    leaves
}

/// The same leaf for packets of other states and protocols.
fn moved(leaf: Leaf, to: &Cube) -> Option<Leaf> {
    let change = |of: Cube| {
        let replies = Bits(states_of(REPLIES));
        let forward = Bits(states_of(FORWARD));
        let mut cube = Cube {
            protocol: of.protocol.and(&to.protocol),
            ..of.clone()
        };
        let wanted = if of.state.meets(&forward) && of.state.meets(&replies) {
            to.state
        } else if of.state.meets(&replies) {
            to.state.and(&replies)
        } else {
            to.state.and(&forward)
        };
        cube.state = wanted;
        (!cube.is_empty()).then_some(cube)
    };
    Some(match leaf {
        Leaf::Field { of, field, shape } => Leaf::Field {
            of: change(of)?,
            field,
            shape,
        },
        Leaf::Open { of, values } => Leaf::Open {
            of: change(of)?,
            values,
        },
        Leaf::Table(rows) => Leaf::Table(
            rows.into_iter()
                .map(|(value, cubes)| (value, cubes.into_iter().filter_map(change).collect()))
                .collect(),
        ),
    })
}

fn states_of(list: &[CtState]) -> u8 {
    list.iter().fold(0, |bits, &state| bits | 1 << state as u8)
}

/// An end of the connection's tuple. The reply's tuple is the packet's own turned round, whatever
/// was translated; the original one is what the packet was before.
fn tuple(all: &Lowering<'_>, of: Cube, reply: bool, source: bool, port: bool) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let mut of = of;
    if port {
        let mut portless = of.clone();
        of.protocol = of.protocol.and(&ByteSet::of(|p| Protocol(p).has_ports()));
        portless.protocol = portless.protocol.and(&of.protocol.complement());
        leaves.push(Leaf::open(portless));
    }
    for replies in [false, true] {
        let wanted = Bits(states_of(if replies { REPLIES } else { FORWARD }));
        let mut packets = of.clone();
        packets.state = packets.state.and(&wanted);
        // Packets in the tuple's direction have its source as theirs.
        let own_source = source == (replies == reply);
        let field = match (port, own_source) {
            (false, true) => Field::Source,
            (false, false) => Field::Destination,
            (true, true) => Field::SourcePort,
            (true, false) => Field::DestinationPort,
        };
        let (change, original) = match field {
            Field::Source => (changes::SOURCE, Rare::OriginalSource),
            Field::SourcePort => (changes::SOURCE, Rare::OriginalSourcePort),
            Field::Destination => (changes::DESTINATION, Rare::OriginalDestination),
            _ => (changes::DESTINATION, Rare::OriginalDestinationPort),
        };
        if reply || replies || !all.traits.translates {
            leaves.push(Leaf::field(packets, field));
            continue;
        }
        let untouched = packets.clone().with_change(change, false);
        leaves.push(Leaf::field(untouched, field));
        let translated = packets.with_change(change, true);
        leaves.push(Leaf::field(translated, Field::Rare(original)));
    }
    leaves
}

/// Packets that connection tracking found to belong to nothing: a later `notrack` marks them.
pub(super) fn invalid(place: &Place<'_>) -> Cube {
    states(place, &[CtState::Invalid])
}

/// Packets of protocols with ports, and all others.
pub(super) fn by_ports(place: &Place<'_>) -> (Cube, Cube) {
    let mut ports = Cube::any(place.family);
    let mut others = ports.clone();
    ports.protocol = ByteSet::of(|p| Protocol(p).has_ports());
    others.protocol = ports.protocol.complement();
    (ports, others)
}

/// Packets that `reject with tcp reset` refuses.
pub(super) fn tcp(place: &Place<'_>) -> Cube {
    of_protocol(place, Protocol::TCP)
}
