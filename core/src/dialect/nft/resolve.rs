//! What context decides, the same for both notations: names become numbers, computations of
//! numbers are carried out, the operator that is left out is filled in.

use super::symbols;
use super::syntax::{
    BinaryOp, Element, Expr, ExprKind, Family, Limit, Log, Nat, ObjectBody, Op, Reject, Rule, Set,
    SetData, Statement, StatementKind, Target, Verdict,
};

/// Types of the parts of a value.
type Types<'a> = &'a [&'a str];

const UNKNOWN: Types<'static> = &[symbols::UNKNOWN];

/// The kernel's burst for packets when nothing is said.
const BURST: u64 = 5;

/// Types of the parts of what an expression gives.
pub(super) fn types_of(expr: &Expr) -> Vec<&'static str> {
    match &expr.kind {
        ExprKind::Concat(parts) => parts.iter().map(symbols::type_of).collect(),
        _ => vec![symbols::type_of(expr)],
    }
}

/// A rule of a table of this family.
pub(super) fn rule(rule: &mut Rule, family: Family) {
    for part in &mut rule.statements {
        statement(part, family);
    }
}

/// A statement of a table of this family.
pub(super) fn statement(statement: &mut Statement, family: Family) {
    match &mut statement.kind {
        StatementKind::Match { left, op, right } => comparison(left, op, right),
        StatementKind::Vmap { key, data } => lookup(key, data, UNKNOWN, family),
        StatementKind::Verdict(decision) => verdict(decision, family),
        StatementKind::Mangle { key, value } => {
            selector(key);
            let types = types_of(key);
            computed(value, &types, family);
        }
        StatementKind::UseObject { name, .. } => computed(name, &["string"], family),
        StatementKind::Nat(translation) => nat(translation, family),
        StatementKind::Tproxy { address, port, .. } => {
            optional(address, UNKNOWN, family);
            optional(port, &["inet_service"], family);
        }
        StatementKind::Queue { number, .. } => optional(number, &["integer"], family),
        StatementKind::Dup { to, device } => {
            computed(to, UNKNOWN, family);
            optional(device, &["iface_index"], family);
        }
        StatementKind::Fwd {
            device, address, ..
        } => {
            computed(device, &["iface_index"], family);
            optional(address, UNKNOWN, family);
        }
        StatementKind::SetUpdate {
            element,
            statements: inner,
            ..
        }
        | StatementKind::Meter {
            key: element,
            statements: inner,
            ..
        } => {
            computed(&mut element.key, UNKNOWN, family);
            optional(&mut element.data, UNKNOWN, family);
            for part in inner {
                self::statement(part, family);
            }
        }
        StatementKind::Limit(value) => limit(value),
        StatementKind::Log(value) => log(value),
        StatementKind::Reject(value) => reject(value, family),
        _ => {}
    }
}

fn optional(expr: &mut Option<Expr>, types: Types<'_>, family: Family) {
    if let Some(expr) = expr {
        computed(expr, types, family);
    }
}

fn verdict(verdict: &mut Verdict, family: Family) {
    if let Verdict::Jump(Target::Rules(rules)) | Verdict::Goto(Target::Rules(rules)) = verdict {
        for inner in rules {
            rule(inner, family);
        }
    }
}

/// `KEY map DATA` and `KEY vmap DATA`.
fn lookup(key: &mut Expr, data: &mut Expr, gives: Types<'_>, family: Family) {
    selector(key);
    let types = types_of(key);
    if let ExprKind::Set(elements) = &mut data.kind {
        for each in elements {
            element(each, &types, gives, family);
        }
    }
}

/// An element of a set whose keys have these types and whose data have those.
pub(super) fn element(element: &mut Element, keys: Types<'_>, data: Types<'_>, family: Family) {
    constant(&mut element.key, keys);
    if let Some(value) = &mut element.data {
        match &mut value.kind {
            ExprKind::Verdict(decision) => verdict(decision, family),
            _ => constant(value, data),
        }
    }
    for part in &mut element.statements {
        statement(part, family);
    }
}

/// A named set without its elements.
pub(super) fn set(set: &mut Set, family: Family) {
    for part in &mut set.statements {
        statement(part, family);
    }
}

/// Types of what the elements of a set give.
pub(super) fn data_types(set: &Set) -> Vec<&str> {
    match &set.data {
        Some(SetData::Types(types)) => types.iter().map(|kind| &**kind).collect(),
        Some(SetData::Object(_)) => vec!["string"],
        Some(SetData::Verdict) | None => vec![symbols::UNKNOWN],
    }
}

/// An object.
pub(super) fn object(body: &mut ObjectBody) {
    if let ObjectBody::Limit(value) = body {
        limit(value);
    }
}

fn comparison(left: &mut Expr, op: &mut Op, right: &mut Expr) {
    selector(left);
    let types = types_of(left);
    constant(right, &types);
    // With numbers for names presence is shown as 1; no option's kind is 0 or 1 and without a name.
    if let (
        ExprKind::RawTcpOption {
            offset: 0,
            length: 8,
            ..
        },
        ExprKind::Number(present @ 0..2),
    ) = (&left.kind, &right.kind)
    {
        right.kind = ExprKind::Exists(*present == 1);
    }
    if let ExprKind::Exists(_) = right.kind
        && let ExprKind::Fib { result, .. } = &mut left.kind
    {
        // Older versions say `oif exists`, newer ones `check exists`.
        *result = "check";
    }
    let bits = types.first().is_some_and(|kind| symbols::is_bitmask(kind))
        && matches!(
            right.kind,
            ExprKind::Number(_) | ExprKind::Word(_) | ExprKind::List(_)
        )
        && !matches!(left.kind, ExprKind::Binary { .. });
    *op = match (*op, bits) {
        (Op::In, false) => Op::Eq,
        (Op::NotIn, false) => Op::Ne,
        (op, _) => op,
    };
}

/// Something that is looked at: the constants of its computations are resolved.
fn selector(expr: &mut Expr) {
    match &mut expr.kind {
        ExprKind::Binary { op, left, right } => {
            let shift = matches!(op, BinaryOp::ShiftLeft | BinaryOp::ShiftRight);
            let types = if symbols::is_selector(left) || !is_constant(left) {
                types_of(left)
            } else {
                types_of(right)
            };
            for side in [left, right] {
                if is_constant(side) {
                    constant(side, if shift { &["integer"] } else { &types });
                } else {
                    selector(side);
                }
            }
        }
        ExprKind::Concat(parts) => parts.iter_mut().for_each(selector),
        ExprKind::Map { key, data } => lookup(key, data, UNKNOWN, Family::Inet),
        ExprKind::Hash { of: Some(of), .. } => selector(of),
        _ => {}
    }
    fold(expr);
}

fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Binary { left, right, .. } => is_constant(left) && is_constant(right),
        ExprKind::Concat(parts) => parts.iter().all(is_constant),
        ExprKind::Map { .. } => false,
        _ => !symbols::is_selector(expr),
    }
}

/// A value that is written somewhere: a constant, or computed from selectors.
fn computed(expr: &mut Expr, types: Types<'_>, family: Family) {
    if is_constant(expr) {
        return constant(expr, types);
    }
    match &mut expr.kind {
        ExprKind::Map { key, data } => lookup(key, data, types, family),
        ExprKind::Binary { left, right, .. } => {
            computed(left, types, family);
            computed(right, types, family);
            fold(expr);
        }
        ExprKind::Concat(parts) => {
            for part in parts {
                computed(part, UNKNOWN, family);
            }
        }
        _ => selector(expr),
    }
}

/// A constant whose parts have these types.
fn constant(expr: &mut Expr, types: Types<'_>) {
    let kind = types.first().copied().unwrap_or(symbols::UNKNOWN);
    match &mut expr.kind {
        ExprKind::Word(word) => {
            if let Some(value) = value_of(kind, word) {
                expr.kind = value;
            }
        }
        // Durations without a unit are seconds.
        ExprKind::Number(number) if kind == "time" => *number = number.saturating_mul(1000),
        ExprKind::Number(number) if kind == "boolean" && *number < 2 => {
            expr.kind = ExprKind::Exists(*number == 1);
        }
        ExprKind::Prefix { value, .. } => constant(value, types),
        ExprKind::Range(low, high) => {
            constant(low, types);
            constant(high, types);
        }
        ExprKind::Concat(parts) => {
            for (at, part) in parts.iter_mut().enumerate() {
                constant(part, &[types.get(at).copied().unwrap_or(symbols::UNKNOWN)]);
            }
        }
        ExprKind::List(parts) => parts.iter_mut().for_each(|part| constant(part, types)),
        ExprKind::Binary { left, right, .. } => {
            constant(left, types);
            constant(right, types);
        }
        ExprKind::Set(elements) => {
            for each in elements {
                element(each, types, UNKNOWN, Family::Inet);
            }
        }
        _ => {}
    }
    fold(expr);
}

/// What a word stands for where this type is expected; none when it stays a word.
fn value_of(kind: &str, word: &str) -> Option<ExprKind> {
    if let Some(number) = symbols::number(kind, word) {
        return Some(ExprKind::Number(number));
    }
    match kind {
        "ifname" | "string" | "hour" => return None,
        "time" => return symbols::duration(word).map(|ms| ExprKind::Number(ms.into())),
        _ => {}
    }
    if let Ok(address) = word.parse() {
        return Some(ExprKind::Address(address));
    }
    if let Some(octets) = symbols::mac(word) {
        return Some(ExprKind::Mac(octets));
    }
    // JSON has some numbers as strings: large ones, and interfaces that are gone.
    let number = match word.strip_prefix("0x") {
        Some(hex) => u128::from_str_radix(hex, 16).ok(),
        None if word.bytes().all(|byte| byte.is_ascii_digit()) => word.parse().ok(),
        None => None,
    };
    number.map(ExprKind::Number)
}

/// Carries out what is known: lists of bits are their union.
fn fold(expr: &mut Expr) {
    let number = |expr: &Expr| match expr.kind {
        ExprKind::Number(number) => Some(number),
        _ => None,
    };
    let folded = match &expr.kind {
        ExprKind::List(parts) => parts
            .iter()
            .map(number)
            .try_fold(0, |bits, part| part.map(|part| bits | part)),
        ExprKind::Binary { op, left, right } => number(left)
            .zip(number(right))
            .and_then(|(left, right)| calculate(*op, left, right)),
        _ => None,
    };
    if let Some(number) = folded {
        expr.kind = ExprKind::Number(number);
    }
}

fn calculate(op: BinaryOp, left: u128, right: u128) -> Option<u128> {
    let places = u32::try_from(right).ok();
    match op {
        BinaryOp::And => Some(left & right),
        BinaryOp::Or => Some(left | right),
        BinaryOp::Xor => Some(left ^ right),
        BinaryOp::ShiftLeft => left.checked_shl(places?),
        BinaryOp::ShiftRight => left.checked_shr(places?),
    }
}

fn nat(nat: &mut Nat, family: Family) {
    optional(
        &mut nat.address,
        &[symbols::UNKNOWN, "inet_service"],
        family,
    );
    optional(&mut nat.port, &["inet_service"], family);
    // How older versions show `prefix`.
    nat.flags.retain(|flag| &**flag != "netmap");
    nat.flags.sort_unstable();
    nat.flags.dedup();
}

fn limit(limit: &mut Limit) {
    if !limit.bytes && limit.burst.is_none() {
        limit.burst = Some(BURST);
    }
    limit.burst = limit.burst.filter(|&burst| burst > 0);
}

fn log(log: &mut Log) {
    log.level = log
        .level
        .take()
        .filter(|level| &**level != "warn" && &**level != "warning");
    log.flags.sort_unstable();
    log.flags.dedup();
}

/// `reject` alone is what these stand for.
fn reject(reject: &mut Reject, family: Family) {
    let default = match family {
        Family::Ip => Reject::Icmp(3),
        Family::Ip6 => Reject::Icmpv6(4),
        _ => Reject::Icmpx(1),
    };
    if *reject == default {
        *reject = Reject::Default;
    }
}
