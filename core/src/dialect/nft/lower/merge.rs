//! Inequalities that `nft` may have joined before the kernel saw them.
//!
//! `nft` before 1.1.0 loads header fields that lie side by side with one comparison, and did so for
//! `!=` too: `tcp sport != 22 tcp dport != 80` then holds unless *both* are equal. The kernel lists
//! either kind of rule alike, so that a packet of which one field differs and one does not is
//! unknown. (`nft --debug=netlink` shows which it is; `stmt_reduce` in nftables' `src/rule.c`.)

use super::Lowering;
use super::condition::{assuming, intersect};
use super::field::Marks;
use super::place::Place;
use super::value;
use crate::dialect::nft::syntax::{Expr, ExprKind, Op, Statement, StatementKind};
use crate::net::Family;
use crate::packet::Cube;
use crate::source::Span;
use smallvec::SmallVec;

/// Bytes that one comparison loads at most, but for the link layer.
const WORD: u16 = 4;
/// Bytes of a register.
const REGISTER: u16 = 16;

/// Where a field lies: base, first byte, bytes.
type Location = (Layer, u16, u16);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Link,
    Network,
    Transport,
}

/// An inequality with a single value.
pub(super) struct Unequal<'t> {
    left: &'t Expr,
    right: &'t Expr,
}

/// Inequalities that may have been joined.
pub(super) type Joined<'t> = SmallVec<[Unequal<'t>; 2]>;

/// For each statement the inequalities that it and others may have been joined to, at the first of
/// them; empty for the others of them, none for statements that stand for themselves. Nothing at
/// all where there is nothing to join.
pub(super) fn joined<'t>(statements: &'t [Statement], family: Family) -> Vec<Option<Joined<'t>>> {
    let is_unequal = |kind: &StatementKind| matches!(kind, StatementKind::Match { op: Op::Ne, .. });
    if statements.iter().filter(|s| is_unequal(&s.kind)).count() < 2 {
        return Vec::new();
    }
    let mut all: Vec<Option<Joined<'t>>> = statements.iter().map(|_| None).collect();
    let mut found: Vec<(Location, usize, Unequal<'t>)> = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        match &statement.kind {
            StatementKind::Match { left, op, right } => {
                if *op == Op::Ne
                    && let Some(location) = location(left)
                    && is_single(right, family)
                {
                    found.push((location, at, Unequal { left, right }));
                }
            }
            _ => join(&mut found, &mut all),
        }
    }
    join(&mut found, &mut all);
    all
}

/// Whether it is one value; to `nft` a set of one element is.
fn is_single(right: &Expr, family: Family) -> bool {
    let one = match &right.kind {
        ExprKind::Set(elements) => match elements.as_slice() {
            [one] => &one.key,
            _ => return false,
        },
        _ => right,
    };
    value::single(one, family).is_some()
}

/// Joins neighbours among what was found between two statements of other kinds.
fn join<'t>(found: &mut Vec<(Location, usize, Unequal<'t>)>, all: &mut [Option<Joined<'t>>]) {
    found.sort_by_key(|(location, at, _)| (*location, *at));
    let mut run: Vec<(usize, Unequal<'t>)> = Vec::new();
    let mut last: Option<Location> = None;
    for (location, at, unequal) in found.drain(..) {
        last = match last.and_then(|last| together(last, location)) {
            Some(wider) => Some(wider),
            None => {
                settle(&mut run, all);
                Some(location)
            }
        };
        run.push((at, unequal));
    }
    settle(&mut run, all);
}

fn settle<'t>(run: &mut Vec<(usize, Unequal<'t>)>, all: &mut [Option<Joined<'t>>]) {
    let run = std::mem::take(run);
    if run.len() < 2 {
        return;
    }
    let first = run.iter().map(|(at, _)| *at).min();
    for (at, _) in &run {
        if let Some(slot) = all.get_mut(*at) {
            *slot = Some(Joined::new());
        }
    }
    if let Some(slot) = first.and_then(|at| all.get_mut(at)) {
        *slot = Some(run.into_iter().map(|(_, unequal)| unequal).collect());
    }
}

/// Both fields as one, where one comparison loads them.
fn together(first: Location, second: Location) -> Option<Location> {
    let ((layer, start, bytes), (other, next, more)) = (first, second);
    let total = bytes + more;
    let fits = total <= WORD || (layer == Layer::Link && total <= REGISTER);
    (layer == other && start + bytes == next && fits).then_some((layer, start, total))
}

/// Where a field of whole bytes lies (RFC 791, 8200, 792, 4443, 9293, 768, 9260, 4340).
fn location(expr: &Expr) -> Option<Location> {
    use Layer::{Link, Network, Transport};
    let ExprKind::Payload {
        protocol,
        field,
        tunnel: None,
    } = &expr.kind
    else {
        return None;
    };
    Some(match (*protocol, *field) {
        ("ether", "daddr") => (Link, 0, 6),
        ("ether", "saddr") => (Link, 6, 6),
        ("ether", "type") => (Link, 12, 2),
        ("ip", "length") => (Network, 2, 2),
        ("ip", "id") => (Network, 4, 2),
        ("ip", "ttl") => (Network, 8, 1),
        ("ip", "protocol") => (Network, 9, 1),
        ("ip", "checksum") => (Network, 10, 2),
        ("ip6", "length") => (Network, 4, 2),
        ("ip6", "nexthdr") => (Network, 6, 1),
        ("ip6", "hoplimit") => (Network, 7, 1),
        ("tcp" | "udp" | "udplite" | "sctp" | "dccp" | "th", "sport") => (Transport, 0, 2),
        ("tcp" | "udp" | "udplite" | "sctp" | "dccp" | "th", "dport") => (Transport, 2, 2),
        ("icmp" | "icmpv6", "type") => (Transport, 0, 1),
        ("icmp" | "icmpv6", "code") => (Transport, 1, 1),
        ("icmp" | "icmpv6", "checksum") => (Transport, 2, 2),
        ("icmp" | "icmpv6", "id") | ("udp", "length") => (Transport, 4, 2),
        ("icmp" | "icmpv6", "sequence" | "mtu") | ("udp", "checksum") => (Transport, 6, 2),
        ("tcp", "flags") => (Transport, 13, 1),
        ("tcp", "window") => (Transport, 14, 2),
        ("tcp", "checksum") => (Transport, 16, 2),
        ("tcp", "urgptr") => (Transport, 18, 2),
        _ => return None,
    })
}

impl Lowering<'_> {
    /// The packets for which such inequalities hold.
    pub(super) fn unequal(
        &mut self,
        place: &Place<'_>,
        marks: &Marks,
        joined: &Joined<'_>,
        rule: Span,
    ) -> Vec<Cube> {
        let mut all = vec![(vec![Cube::any(place.family)], 0)];
        for one in joined {
            let differs = self.condition(place, marks, one.left, Op::Ne, one.right);
            let equals = self.condition(place, marks, one.left, Op::Eq, one.right);
            let mut next = Vec::with_capacity(all.len() * 2);
            for (cubes, equal) in all {
                next.push((intersect(&cubes, &differs), equal));
                next.push((intersect(&cubes, &equals), equal + 1));
            }
            all = next;
        }
        let mut found = Vec::new();
        let mut mixed = Vec::new();
        for (cubes, equal) in all {
            match equal {
                0 => found.extend(cubes),
                _ if equal < joined.len() => mixed.extend(cubes),
                _ => {}
            }
        }
        if !mixed.is_empty() {
            let why =
                "nft before 1.1.0 joins such inequalities: they hold unless all fields are equal";
            let joins = self.predicate("nft joins inequalities".into(), rule, why.into());
            found.extend(assuming(&mixed, joins, true));
        }
        found
    }
}
