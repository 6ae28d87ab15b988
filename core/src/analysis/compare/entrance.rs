//! What packets look like when they come to a hook.

use super::Sides;
use crate::firewall::{ChainId, Course, Effect, Hook, Rules};
use crate::net::Family;
use crate::packet::{Bits, CtState, Cube, FieldSet, IfName, MarkBits, Ranges};

/// Connection marks are told apart by at most this many bits that rules look at.
const MOST_BITS: u32 = 4;

/// What conntrack says of packets of known connections: only they have a mark from before.
const KNOWN: [CtState; 4] = [
    CtState::Established,
    CtState::EstablishedReply,
    CtState::Related,
    CtState::RelatedReply,
];

/// Packets that come to a hook.
pub(super) struct Entrance {
    /// All of them, disjoint, with certain marks each.
    pub(super) cubes: Vec<Cube>,
    /// Packets that are not among them after all: of known connections with other marks.
    pub(super) left_out: Option<Cube>,
    /// Bits of connection marks that rules look at.
    conn_bits: u32,
}

impl Entrance {
    /// Every packet that can come to a hook, unmarked: there is no outgoing interface at INPUT, no
    /// incoming one at OUTPUT. Connections have any mark that makes a difference to these rules.
    pub(super) fn new(rules: Sides<&Rules>, hook: Hook, family: Family) -> Self {
        let none = Ranges::single(IfName::NONE.0);
        let real = Ranges::full().subtract(&none);
        let (in_interface, out_interface) = match hook {
            Hook::Ingress | Hook::Prerouting | Hook::Input => (real, none),
            Hook::Forward => (real.clone(), real),
            Hook::Output | Hook::Postrouting | Hook::Egress => (none, real),
        };
        let marked = |value| MarkBits {
            care: u32::MAX,
            value,
        };
        let whole = Cube {
            in_interface,
            out_interface,
            mark: marked(0),
            conn_mark: marked(0),
            ..Cube::any(family)
        };
        let conn_bits = rules.iter().fold(0, |bits, rules| bits | conn_bits(rules));
        if conn_bits == 0 {
            return Self {
                cubes: vec![whole],
                left_out: None,
                conn_bits,
            };
        }
        let known = whole.clone().with_states(&KNOWN);
        let state = whole.state.minus(&known.state);
        let mut cubes = vec![Cube { state, ..whole }];
        let followed = (0..u32::BITS).filter(|bit| conn_bits >> bit & 1 == 1);
        let followed = followed.take(MOST_BITS as usize);
        let mut values = vec![0u32];
        for bit in followed {
            let with: Vec<u32> = values.iter().map(|value| value | 1 << bit).collect();
            values.extend(with);
        }
        let with = |value| Cube {
            conn_mark: marked(value),
            ..known.clone()
        };
        cubes.extend(values.into_iter().map(with));
        let left_out = (conn_bits.count_ones() > MOST_BITS).then(|| Cube {
            conn_mark: MarkBits::ANY,
            ..known
        });
        Self {
            cubes,
            left_out,
            conn_bits,
        }
    }

    /// A cube as people know it: with those bits of the connection mark that matter, where there
    /// may be one from before.
    pub(super) fn shown(&self, mut cube: Cube) -> Cube {
        let known = KNOWN.iter().fold(0, |bits, &state| bits | 1 << state as u8);
        let bits = if cube.state.meets(&Bits(known)) {
            self.conn_bits
        } else {
            0
        };
        cube.conn_mark = MarkBits {
            care: bits,
            value: cube.conn_mark.value & bits,
        };
        cube
    }
}

/// Bits of connection marks on which anything may depend: those that rules look at, and those of
/// packet marks where one becomes the other.
fn conn_bits(rules: &Rules) -> u32 {
    let all = || rules.chains.iter().flat_map(|chain| &chain.rules);
    let copied = all().flat_map(|rule| &rule.effects).any(|effect| {
        matches!(
            effect,
            Effect::MarkFromConn { .. } | Effect::ConnFromMark { .. }
        )
    });
    let cubes = all().flat_map(|rule| &rule.matches);
    cubes.fold(0, |bits, cube| {
        let mark = if copied { cube.mark.care } else { 0 };
        bits | cube.conn_mark.care | mark
    })
}

/// The base chains that packets may meet that come to a hook, in the order of their hooks: also
/// those of the way that packets take whose destination is translated.
pub(super) fn stops(rules: &Rules, hook: Hook) -> Vec<ChainId> {
    let Course { mut chains, .. } = rules.course(hook);
    let other = match hook {
        Hook::Input => Hook::Forward,
        Hook::Forward => Hook::Input,
        _ => return chains,
    };
    for chain in rules.course(other).chains {
        if !chains.contains(&chain) {
            chains.push(chain);
        }
    }
    chains.sort_by_key(|&id| {
        let base = rules.chain(id).and_then(|chain| chain.base);
        base.map(|base| base.hook)
    });
    chains
}
