//! Constants of nftables as numbers and intervals.

use crate::dialect::nft::syntax::{Expr, ExprKind};
use crate::net::{Family, number};
use crate::packet::IfName;

/// A single number; none for what is none, or an address of the other family.
pub(super) fn single(expr: &Expr, family: Family) -> Option<u128> {
    match &expr.kind {
        ExprKind::Number(number) => Some(*number),
        ExprKind::Address(address) => (Family::of(*address) == family).then(|| number(*address)),
        ExprKind::Mac(bytes) => Some(bytes.iter().fold(0, |all, &b| all << 8 | u128::from(b))),
        ExprKind::Exists(exists) => Some(u128::from(*exists)),
        _ => None,
    }
}

/// A value, range, prefix or `*` of a field, first and last number. `names`: words are names of
/// interfaces. None for what has no fixed number.
pub(super) fn interval(expr: &Expr, family: Family, names: bool) -> Option<(u128, u128)> {
    match &expr.kind {
        ExprKind::Any => Some((0, u128::MAX)),
        ExprKind::Range(low, high) => {
            let (low, high) = (single(low, family)?, single(high, family)?);
            (low <= high).then_some((low, high))
        }
        ExprKind::Prefix { value, length } => {
            let bits = match value.kind {
                ExprKind::Address(_) if family == Family::V4 => 32,
                ExprKind::Address(_) => 128,
                ExprKind::Mac(_) => 48,
                _ => 32,
            };
            let low = single(value, family)?;
            let free = u32::from(*length).min(bits).abs_diff(bits);
            let ones = if free == u128::BITS {
                u128::MAX
            } else {
                (1u128 << free) - 1
            };
            Some((low & !ones, low | ones))
        }
        ExprKind::Word(word) if names => {
            let found = match word.strip_suffix('*') {
                Some(prefix) => IfName::starting_with(prefix)?.hull()?,
                None => {
                    let name = IfName::new(word)?;
                    (name.0, name.0)
                }
            };
            Some(found)
        }
        // Interfaces by number: which they are is not known.
        ExprKind::Number(number) if names => (*number == 0).then_some((0, 0)),
        _ => single(expr, family).map(|value| (value, value)),
    }
}
