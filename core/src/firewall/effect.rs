//! What rules do to packets, on whole cubes, and back again.

use super::model::{Effect, RuleId, Translation};
use crate::net::Family;
use crate::packet::{Bits, Bound, CtState, Cube, IfName, MarkBits, Packet, Ranges, Rare, changes};
use smallvec::SmallVec;

/// More unknown bits of a connection mark than this are not told apart.
const MOST_BITS: u32 = 6;

/// Cubes that one became.
pub(super) type Parts = SmallVec<[Cube; 1]>;

/// Does what a rule does to every packet of a cube; none where the packet model cannot say it.
pub(super) fn apply(cube: Cube, effects: &[Effect]) -> Option<Parts> {
    let mut parts = Parts::from_elem(cube, 1);
    for effect in effects {
        let mut next = Parts::new();
        for cube in parts {
            one(cube, effect, &mut next)?;
        }
        parts = next;
    }
    Some(parts)
}

fn one(mut cube: Cube, effect: &Effect, out: &mut Parts) -> Option<()> {
    match effect {
        Effect::SetMark { clear, flip } => cube.mark = marked(cube.mark, *clear, *flip),
        Effect::SetConnMark { clear, flip } => {
            cube.conn_mark = marked(cube.conn_mark, *clear, *flip);
        }
        Effect::MarkFromConn { clear, care } => {
            for (conn_mark, bits) in known_bits(cube.conn_mark, *care)? {
                let mark = marked(cube.mark, *clear, bits);
                let cube = cube.clone();
                out.push(Cube {
                    conn_mark,
                    mark,
                    ..cube
                });
            }
            return Some(());
        }
        Effect::ConnFromMark { clear, care } => {
            for (mark, bits) in known_bits(cube.mark, *care)? {
                let conn_mark = marked(cube.conn_mark, *clear, bits);
                let cube = cube.clone();
                out.push(Cube {
                    conn_mark,
                    mark,
                    ..cube
                });
            }
            return Some(());
        }
        Effect::Untrack => untrack(&mut cube),
        Effect::Translate(translation) => {
            // What has these addresses and ports already is not translated, and does not count as.
            let Some(same) = translation.unchanged(&cube) else {
                translate(&mut cube, translation);
                out.push(cube);
                return Some(());
            };
            let mut others = Vec::new();
            cube.subtract(&same, &mut others);
            for other in &mut others {
                translate(other, translation);
            }
            out.extend(others);
            out.extend(cube.intersect(&same));
            return Some(());
        }
    }
    out.push(cube);
    Some(())
}

/// `(mark & !clear) ^ flip`, as far as the bits are known.
fn marked(mark: MarkBits, clear: u32, flip: u32) -> MarkBits {
    let care = mark.care | clear;
    MarkBits {
        care,
        value: ((mark.value & !clear) ^ flip) & care,
    }
}

/// The marks of a set by the values of these bits.
fn known_bits(mark: MarkBits, care: u32) -> Option<Vec<(MarkBits, u32)>> {
    let open = care & !mark.care;
    if open.count_ones() > MOST_BITS {
        return None;
    }
    let mut all = vec![mark];
    for bit in (0..u32::BITS).filter(|bit| open >> bit & 1 == 1) {
        all = all
            .into_iter()
            .flat_map(|mark| {
                [0, 1u32 << bit].map(|value| MarkBits {
                    care: mark.care | 1 << bit,
                    value: mark.value | value,
                })
            })
            .collect();
    }
    let with_bits = |mark: MarkBits| (mark, mark.value & care);
    Some(all.into_iter().map(with_bits).collect())
}

fn untrack(cube: &mut Cube) {
    if changes_of(cube) & changes::UNTRACKED != 0 {
        return;
    }
    let states = CtState::ALL
        .iter()
        .filter(|&&state| cube.state.contains(state as u8));
    let numbers = states.map(|&state| (state as u128, state as u128));
    cube.extra = cube.extra.with(Rare::OriginalState, &Ranges::of(numbers));
    cube.state = Bits(1 << CtState::Untracked as u8);
    change(cube, changes::UNTRACKED);
}

fn translate(cube: &mut Cube, to: &Translation) {
    if to.source.is_some() || to.source_port.is_some() {
        cube.extra = cube.extra.with(Rare::OriginalSource, &cube.source);
        cube.extra = cube
            .extra
            .with(Rare::OriginalSourcePort, &wide(&cube.source_port));
        change(cube, changes::SOURCE);
        if let Some(source) = &to.source {
            cube.source = source.clone();
            change(cube, changes::SOURCE_ADDRESS);
        }
        if let Some(port) = &to.source_port {
            cube.source_port = port.clone();
            change(cube, changes::SOURCE_PORT);
        }
    }
    if to.destination.is_some() || to.destination_port.is_some() {
        cube.extra = cube
            .extra
            .with(Rare::OriginalDestination, &cube.destination);
        cube.extra = cube
            .extra
            .with(Rare::OriginalDestinationPort, &wide(&cube.destination_port));
        change(cube, changes::DESTINATION);
        if let Some(destination) = &to.destination {
            cube.destination = destination.clone();
            change(cube, changes::DESTINATION_ADDRESS);
        }
        if let Some(port) = &to.destination_port {
            cube.destination_port = port.clone();
            change(cube, changes::DESTINATION_PORT);
        }
    }
}

/// Sends packets out by another interface than the one that they entered for.
pub(super) fn reroute(cube: &mut Cube, out: IfName) {
    cube.extra = cube.extra.with(Rare::OriginalOut, &cube.out_interface);
    cube.out_interface = Ranges::single(out.0);
    change(cube, changes::ROUTED);
}

/// What rules did to the packets of a cube; the same for all of them.
pub(super) fn changes_of(cube: &Cube) -> u8 {
    let values = cube.extra.get(Rare::Changes).and_then(Ranges::hull);
    values.map_or(0, |(lo, _)| u8::try_from(lo).unwrap_or(0))
}

fn change(cube: &mut Cube, bit: u8) {
    let all = u128::from(changes_of(cube) | bit);
    cube.extra = cube.extra.with(Rare::Changes, &Ranges::single(all));
}

/// The packets as they entered, when they did with these marks; none when there is no such packet.
pub(super) fn undo(
    mut cube: Cube,
    family: Family,
    (mark, conn_mark): (MarkBits, MarkBits),
) -> Option<Cube> {
    cube.mark = mark;
    cube.conn_mark = conn_mark;
    if cube.extra.is_full() {
        return Some(cube);
    }
    let done = changes_of(&cube);
    let extra = cube.extra.clone();
    let address = |field| match extra.get(field) {
        Some(set) => set.clone(),
        None => Ranges::span(0, family.max()),
    };
    let port = |field| extra.get(field).map_or_else(Ranges::full, narrow);
    // A field that was not translated is narrowed by what was asked of its original.
    if done & changes::DESTINATION != 0 {
        let address = address(Rare::OriginalDestination);
        let port = port(Rare::OriginalDestinationPort);
        let is = |bit| done & bit != 0;
        cube.destination = back(&cube.destination, address, is(changes::DESTINATION_ADDRESS));
        cube.destination_port = back(&cube.destination_port, port, is(changes::DESTINATION_PORT));
    }
    if done & changes::SOURCE != 0 {
        let address = address(Rare::OriginalSource);
        let port = port(Rare::OriginalSourcePort);
        let is = |bit| done & bit != 0;
        cube.source = back(&cube.source, address, is(changes::SOURCE_ADDRESS));
        cube.source_port = back(&cube.source_port, port, is(changes::SOURCE_PORT));
    }
    if done & changes::UNTRACKED != 0 {
        let before = extra.get(Rare::OriginalState);
        let states = CtState::ALL.iter().map(|&state| state as u8);
        let kept = states.filter(|&s| before.is_none_or(|set| set.contains(s.into())));
        cube.state = Bits(kept.fold(0, |bits, state| bits | 1 << state));
    }
    if done & changes::ROUTED != 0 {
        cube.out_interface = extra
            .get(Rare::OriginalOut)
            .cloned()
            .unwrap_or_else(Ranges::full);
    }
    cube.extra = extra.without(Rare::is_history);
    (!cube.is_empty()).then_some(cube)
}

fn back<T: Bound>(now: &Ranges<T>, before: Ranges<T>, translated: bool) -> Ranges<T> {
    if translated {
        before
    } else {
        before.intersect(now)
    }
}

/// Does what a rule does to one packet. What has several possible values takes the first of them.
pub(super) fn apply_to_packet(packet: &mut Packet, effect: &Effect) {
    match effect {
        Effect::SetMark { clear, flip } => packet.mark = (packet.mark & !clear) ^ flip,
        Effect::SetConnMark { clear, flip } => {
            packet.conn_mark = (packet.conn_mark & !clear) ^ flip;
        }
        Effect::MarkFromConn { clear, care } => {
            packet.mark = (packet.mark & !clear) ^ (packet.conn_mark & care);
        }
        Effect::ConnFromMark { clear, care } => {
            packet.conn_mark = (packet.conn_mark & !clear) ^ (packet.mark & care);
        }
        Effect::Untrack => {
            packet.rare.set(Rare::OriginalState, packet.state as u128);
            packet.rare.change(changes::UNTRACKED);
            packet.state = CtState::Untracked;
        }
        Effect::Translate(to) => {
            let same = to.unchanged(&Cube::packet(packet));
            if same.is_none_or(|same| !same.contains_plain(packet)) {
                translate_packet(packet, to);
            }
        }
    }
}

fn translate_packet(packet: &mut Packet, to: &Translation) {
    let first = |set: &Ranges<u128>| set.hull().map(|(lo, _)| lo);
    let first_port = |set: &Ranges<u16>| set.hull().map(|(lo, _)| lo);
    if to.source.is_some() || to.source_port.is_some() {
        packet.rare.set(Rare::OriginalSource, packet.source);
        let port = packet.source_port.into();
        packet.rare.set(Rare::OriginalSourcePort, port);
        packet.rare.change(changes::SOURCE);
        if let Some(source) = to.source.as_ref().and_then(first) {
            packet.source = source;
            packet.rare.change(changes::SOURCE_ADDRESS);
        }
        if let Some(port) = to.source_port.as_ref().and_then(first_port) {
            packet.source_port = port;
            packet.rare.change(changes::SOURCE_PORT);
        }
    }
    if to.destination.is_some() || to.destination_port.is_some() {
        packet
            .rare
            .set(Rare::OriginalDestination, packet.destination);
        let port = packet.destination_port.into();
        packet.rare.set(Rare::OriginalDestinationPort, port);
        packet.rare.change(changes::DESTINATION);
        if let Some(destination) = to.destination.as_ref().and_then(first) {
            packet.destination = destination;
            packet.rare.change(changes::DESTINATION_ADDRESS);
        }
        if let Some(port) = to.destination_port.as_ref().and_then(first_port) {
            packet.destination_port = port;
            packet.rare.change(changes::DESTINATION_PORT);
        }
    }
}

fn wide(ports: &Ranges<u16>) -> Ranges<u128> {
    let each = ports.intervals().iter();
    Ranges::of(each.map(|&(lo, hi)| (lo.into(), hi.into())))
}

fn narrow(ports: &Ranges<u128>) -> Ranges<u16> {
    let port = |value: u128| u16::try_from(value).unwrap_or(u16::MAX);
    let each = ports.intervals().iter();
    Ranges::of(each.map(|&(lo, hi)| (port(lo), port(hi))))
}

/// Which values a translation leaves to chance.
pub(super) fn loose(rule: RuleId, to: &Translation) -> Option<Loose> {
    let several = |set: &Option<Ranges<u128>>| {
        set.clone()
            .filter(|set| set.hull().is_none_or(|(lo, hi)| lo != hi))
    };
    let several_ports = |set: &Option<Ranges<u16>>| {
        set.clone()
            .filter(|set| set.hull().is_none_or(|(lo, hi)| lo != hi))
    };
    let left = Translation {
        source: several(&to.source),
        source_port: several_ports(&to.source_port),
        destination: several(&to.destination),
        destination_port: several_ports(&to.destination_port),
    };
    (left != Translation::default()).then_some(Loose { rule, left })
}

impl Translation {
    /// The packets of a cube that the translation leaves as they are; none when it leaves none or
    /// nobody knows which.
    pub(super) fn unchanged(&self, cube: &Cube) -> Option<Cube> {
        let single = |set: &Option<Ranges<u128>>| {
            set.as_ref()
                .is_none_or(|set| set.hull().is_some_and(|(lo, hi)| lo == hi))
        };
        let single_port = |set: &Option<Ranges<u16>>| {
            set.as_ref()
                .is_none_or(|set| set.hull().is_some_and(|(lo, hi)| lo == hi))
        };
        let fixed = single(&self.source)
            && single(&self.destination)
            && single_port(&self.source_port)
            && single_port(&self.destination_port);
        let mut same = cube.clone();
        for (to, own) in [
            (&self.source, &mut same.source),
            (&self.destination, &mut same.destination),
        ] {
            if let Some(to) = to {
                *own = own.intersect(to);
            }
        }
        for (to, own) in [
            (&self.source_port, &mut same.source_port),
            (&self.destination_port, &mut same.destination_port),
        ] {
            if let Some(to) = to {
                *own = own.intersect(to);
            }
        }
        (fixed && !same.is_empty()).then_some(same)
    }
}

/// Values that the kernel chose and nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loose {
    /// The rule that had it choose.
    pub rule: RuleId,
    /// Out of which values.
    pub left: Translation,
}

impl Loose {
    /// Whether any question about these values has split the packets of a cube since.
    pub(super) fn was_asked(&self, cube: &Cube) -> bool {
        let left = &self.left;
        left.source.as_ref().is_some_and(|set| *set != cube.source)
            || left
                .source_port
                .as_ref()
                .is_some_and(|set| *set != cube.source_port)
            || left
                .destination
                .as_ref()
                .is_some_and(|set| *set != cube.destination)
            || left
                .destination_port
                .as_ref()
                .is_some_and(|set| *set != cube.destination_port)
    }

    /// A cube of packets with every value that the kernel may have chosen.
    pub(super) fn widen(&self, mut cube: Cube) -> Cube {
        let left = self.left.clone();
        cube.source = left.source.unwrap_or(cube.source);
        cube.source_port = left.source_port.unwrap_or(cube.source_port);
        cube.destination = left.destination.unwrap_or(cube.destination);
        cube.destination_port = left.destination_port.unwrap_or(cube.destination_port);
        cube
    }
}
