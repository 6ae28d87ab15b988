//! Statements that change packets or connections.

use super::condition::{intersect, subtract};
use super::ct;
use super::field::Register;
use super::place::Place;
use super::rule::{Branch, Parts};
use super::{Lowering, support, value};
use crate::dialect::nft::syntax::{BinaryOp, Expr, ExprKind};
use crate::firewall::{Action, Effect};
use crate::packet::{Bits, CtState, Cube};
use smallvec::SmallVec;

/// What a rule does to packets, in order.
pub(super) type Effects = SmallVec<[Effect; 1]>;

/// Choices among more values than this are not told apart.
const MOST_CHOICES: u64 = 64;

/// The new value of a mark.
enum Value<'t> {
    /// `(mark & mask) ^ flip` of the packet's mark, or the connection's.
    Of {
        connection: bool,
        mask: u32,
        flip: u32,
    },
    /// What a map gives.
    Map(&'t Expr, &'t Expr),
    /// One of so many values, from this one on.
    Choice { from: u64, count: u64 },
    /// Something else.
    Other,
}

/// Which of the marks is set.
#[derive(Clone, Copy, PartialEq)]
enum Which {
    Packet,
    Connection,
}

impl Lowering<'_> {
    /// `KEY set VALUE`.
    pub(super) fn mangle<'t>(
        &mut self,
        place: &Place<'t>,
        key: &Expr,
        value: &'t Expr,
        branch: Branch,
        parts: &mut Parts,
        next: &mut Vec<Branch>,
    ) {
        match &key.kind {
            ExprKind::Meta("mark") => {
                self.set_mark(place, Which::Packet, value, branch, parts, next);
            }
            ExprKind::Ct { key: "mark", .. } => {
                // Nothing is kept of packets without an entry.
                let tracked = ct::tracked(place);
                if place.reach.early && !place.reach.late {
                    next.push(branch);
                    return;
                }
                let others = subtract(branch.cubes.clone(), std::slice::from_ref(&tracked), 4_096);
                if let Some(others) = others.filter(|others| !others.is_empty()) {
                    next.push(branch.with(others));
                }
                let own = branch.with(intersect(&branch.cubes, &[tracked]));
                if !own.cubes.is_empty() {
                    self.set_mark(place, Which::Connection, value, own, parts, next);
                }
            }
            _ if support::is_harmless_change(&key.kind) => next.push(branch),
            _ => {
                let text = self.text(key);
                let why = format!("`{text} set` changes the packet in a way that is not modelled");
                self.not_modelled(key.place.0, &why);
                parts.end(branch, Action::Opaque { why });
            }
        }
    }

    fn set_mark<'t>(
        &mut self,
        place: &Place<'t>,
        which: Which,
        value: &'t Expr,
        branch: Branch,
        parts: &mut Parts,
        next: &mut Vec<Branch>,
    ) {
        match new_value(value) {
            Value::Of {
                connection,
                mask,
                flip,
            } => {
                let branch = if connection {
                    with_entry(place, &branch, parts)
                } else {
                    branch
                };
                next.push(set(which, branch, connection, mask, flip));
            }
            Value::Map(key, data) => {
                let found = self.find(place, &branch.marks, key, data);
                let mut all = Vec::new();
                for (cubes, value, span) in found.parts {
                    let cubes = intersect(&branch.cubes, &cubes);
                    all.extend(cubes.iter().cloned());
                    if cubes.is_empty() {
                        continue;
                    }
                    let own = Branch {
                        span,
                        ..branch.with(cubes)
                    };
                    let number = value::single(value, place.family);
                    match number.and_then(|n| u32::try_from(n).ok()) {
                        Some(number) => next.push(set(which, own, false, 0, number)),
                        None => {
                            let why = "the map's element is no mark".to_owned();
                            parts.end(own, Action::Opaque { why });
                        }
                    }
                }
                let doubtful = intersect(&branch.cubes, &found.doubtful);
                all.extend(doubtful.iter().cloned());
                let why = "which mark the map gives is not known".to_owned();
                parts.end(branch.with(doubtful), Action::Opaque { why });
                self.missed(&branch, &all, parts);
            }
            Value::Choice { from, count } if count <= MOST_CHOICES => {
                self.choose(which, value, branch, from, count, next);
            }
            Value::Choice { .. } | Value::Other => {
                let text = self.text(value);
                let why = format!("a mark that `{text}` gives is not modelled");
                self.not_modelled(value.place.0, &why);
                parts.end(branch, Action::Opaque { why });
            }
        }
    }

    /// One of a few values, nobody knows which.
    fn choose(
        &mut self,
        which: Which,
        value: &Expr,
        branch: Branch,
        from: u64,
        count: u64,
        next: &mut Vec<Branch>,
    ) {
        let mut rest = branch;
        for at in 0..count {
            let number = u32::try_from(from.saturating_add(at)).unwrap_or(u32::MAX);
            if at + 1 == count {
                next.push(set(which, rest, false, 0, number));
                return;
            }
            let why = "which value is chosen is not known".to_owned();
            let chosen = self.firewall.unknown(value.place.0, why);
            let of = |holds| super::condition::assuming(&rest.cubes, chosen, holds);
            let (own, others) = (of(true), of(false));
            next.push(set(which, rest.with(own), false, 0, number));
            rest = rest.with(others);
        }
    }

    /// `notrack`: before connection tracking it exempts the packet; behind it, only packets that
    /// belong to nothing can still be exempted.
    pub(super) fn notrack(&mut self, place: &Place<'_>, branch: Branch, next: &mut Vec<Branch>) {
        let untrack = |mut branch: Branch| {
            branch.effects.push(Effect::Untrack);
            branch
        };
        if place.reach.early {
            next.push(untrack(branch));
            return;
        }
        let invalid = ct::invalid(place);
        let hit = intersect(&branch.cubes, std::slice::from_ref(&invalid));
        let others = subtract(branch.cubes.clone(), &[invalid], 4_096).unwrap_or_default();
        if !hit.is_empty() {
            next.push(untrack(branch.with(hit)));
        }
        if !others.is_empty() {
            next.push(branch.with(others));
        }
    }
}

/// Packets of a connection: for others the rule ends where it asks for the connection's mark.
fn with_entry(place: &Place<'_>, branch: &Branch, parts: &mut Parts) -> Branch {
    let mut tracked = Cube::any(place.family).with_states(&[
        CtState::New,
        CtState::Established,
        CtState::EstablishedReply,
        CtState::Related,
        CtState::RelatedReply,
    ]);
    if place.reach.early && !place.reach.late {
        tracked.state = Bits(0);
    }
    let own = intersect(&branch.cubes, std::slice::from_ref(&tracked));
    if !branch.effects.is_empty() {
        let mut others = Vec::new();
        for cube in &branch.cubes {
            cube.subtract(&tracked, &mut others);
        }
        parts.end(branch.with(others), Action::Continue);
    }
    branch.with(own)
}

/// Sets a mark to `(value & mask) ^ flip` of one of the marks.
fn set(which: Which, mut branch: Branch, connection: bool, mask: u32, flip: u32) -> Branch {
    let source: Register = if connection {
        branch.marks.connection
    } else {
        branch.marks.packet
    };
    let register = source.then(mask, flip);
    let crossed = (which == Which::Connection) != connection;
    let effect = match which {
        Which::Packet if crossed && mask != 0 => Effect::MarkFromConn {
            clear: u32::MAX,
            care: mask,
        },
        Which::Connection if crossed && mask != 0 => Effect::ConnFromMark {
            clear: u32::MAX,
            care: mask,
        },
        Which::Packet => Effect::SetMark { clear: !mask, flip },
        Which::Connection => Effect::SetConnMark { clear: !mask, flip },
    };
    let copied = crossed && mask != 0;
    branch.effects.push(effect);
    if copied && flip != 0 {
        branch.effects.push(match which {
            Which::Packet => Effect::SetMark { clear: 0, flip },
            Which::Connection => Effect::SetConnMark { clear: 0, flip },
        });
    }
    match which {
        Which::Packet => branch.marks.packet = register,
        Which::Connection => branch.marks.connection = register,
    }
    branch
}

fn new_value(expr: &Expr) -> Value<'_> {
    match &expr.kind {
        ExprKind::Number(number) => match u32::try_from(*number) {
            Ok(flip) => Value::Of {
                connection: false,
                mask: 0,
                flip,
            },
            Err(_) => Value::Other,
        },
        ExprKind::Meta("mark") => Value::Of {
            connection: false,
            mask: u32::MAX,
            flip: 0,
        },
        ExprKind::Ct { key: "mark", .. } => Value::Of {
            connection: true,
            mask: u32::MAX,
            flip: 0,
        },
        ExprKind::Binary { op, left, right } => computed(*op, left, right),
        ExprKind::Map { key, data } => Value::Map(key, data),
        ExprKind::Numgen {
            modulus, offset, ..
        }
        | ExprKind::Hash {
            modulus, offset, ..
        } => Value::Choice {
            from: *offset,
            count: (*modulus).max(1),
        },
        _ => Value::Other,
    }
}

fn computed<'t>(op: BinaryOp, left: &'t Expr, right: &'t Expr) -> Value<'t> {
    let (inner, constant) = match (&left.kind, &right.kind) {
        (_, ExprKind::Number(number)) => (left, *number),
        (ExprKind::Number(number), _) => (right, *number),
        _ => return Value::Other,
    };
    let Ok(constant) = u32::try_from(constant) else {
        return Value::Other;
    };
    let Value::Of {
        connection,
        mask,
        flip,
    } = new_value(inner)
    else {
        return Value::Other;
    };
    let (mask, flip) = match op {
        BinaryOp::And => (mask & constant, flip & constant),
        BinaryOp::Or => (mask & !constant, flip & !constant | constant),
        BinaryOp::Xor => (mask, flip ^ constant),
        BinaryOp::ShiftLeft | BinaryOp::ShiftRight => return Value::Other,
    };
    Value::Of {
        connection,
        mask,
        flip,
    }
}

/// Packets of one list that are in no cube of another.
pub(super) fn outside(cubes: &[Cube], of: &Cube) -> Vec<Cube> {
    let mut rest = Vec::new();
    for cube in cubes {
        cube.subtract(of, &mut rest);
    }
    rest
}
