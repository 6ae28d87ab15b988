//! Matches: which packets a comparison holds for.

use super::Lowering;
use super::field::{Marks, full};
use super::key::{Leaf, Selector};
use super::lookup::Row;
use super::place::Place;
use super::value;
use crate::dialect::nft::syntax::{Expr, ExprKind, Op};
use crate::packet::{Cube, Literals, Ranges};
use crate::source::Span;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

/// Most cubes that one match may become before it is treated as unknown.
pub(super) const MOST_CUBES: usize = 1 << 18;

/// Most cubes while a set of combinations is negated.
const MOST_NEGATED: usize = 4_096;

impl Lowering<'_> {
    /// The packets for which `left op right` holds.
    pub(super) fn condition(
        &mut self,
        place: &Place<'_>,
        marks: &Marks,
        left: &Expr,
        op: Op,
        right: &Expr,
    ) -> Vec<Cube> {
        let span = left.place.0;
        let number = value::single(right, place.family);
        let hint = number.filter(|_| matches!(op, Op::In | Op::NotIn));
        let parts = match &left.kind {
            ExprKind::Concat(parts) => parts.as_slice(),
            _ => std::slice::from_ref(left),
        };
        let selectors: Vec<Selector> = parts
            .iter()
            .map(|part| self.selector(place, part, hint))
            .collect();
        if selectors.iter().any(|s| s.leaves.is_empty()) {
            return Vec::new();
        }
        let negated = matches!(op, Op::Ne | Op::NotIn);
        if let [one] = selectors.as_slice() {
            let top = u128::MAX;
            let results = match (op, number) {
                (Op::In | Op::NotIn, Some(bits)) => any_bit(bits, one.most(place.family)),
                (Op::Lt, Some(n)) => n.checked_sub(1).map(|n| Ranges::span(0, n)),
                (Op::Le, Some(n)) => Some(Ranges::span(0, n)),
                (Op::Gt, Some(n)) => n.checked_add(1).map(|n| Ranges::span(n, top)),
                (Op::Ge, Some(n)) => Some(Ranges::span(n, top)),
                (Op::Eq | Op::Ne, _) => return self.among(place, marks, one, right, negated, span),
                _ => None,
            };
            return match results {
                Some(results) => self.test(place, marks, one, &results, negated, span),
                None if matches!(op, Op::Lt | Op::Gt) && number.is_some() => Vec::new(),
                None => {
                    let text = format!("{} {op:?} {}", one.text, self.text(right));
                    self.open(place, &selectors, text, negated, span)
                }
            };
        }
        self.combination(place, marks, &selectors, right, negated, span)
    }

    /// A single value compared with a value or set.
    fn among(
        &mut self,
        place: &Place<'_>,
        marks: &Marks,
        selector: &Selector,
        right: &Expr,
        negated: bool,
        span: Span,
    ) -> Vec<Cube> {
        // `exists` of what is a number or a name: it is not zero.
        if let ExprKind::Exists(exists) = right.kind {
            let zero = Ranges::single(0);
            return self.test(place, marks, selector, &zero, exists != negated, span);
        }
        let selectors = std::slice::from_ref(selector);
        let members = self.members(place, right, selectors);
        let spans = |rows: &[Row]| Ranges::of(rows.iter().filter_map(|row| row.first().copied()));
        let certain = spans(&members.certain);
        let doubtful = spans(&members.doubtful).subtract(&certain);
        let both = certain.union(&doubtful);
        let sure = if negated { &both } else { &certain };
        let mut cubes = self.test(place, marks, selector, sure, negated, span);
        if !doubtful.is_empty() {
            let maybe = self.test(place, marks, selector, &doubtful, false, span);
            let gone = self.doubt(right, members.lasting, &selector.text);
            cubes.extend(assuming(&maybe, gone, negated));
        }
        cubes
    }

    /// Several values compared with combinations.
    fn combination(
        &mut self,
        place: &Place<'_>,
        marks: &Marks,
        selectors: &[Selector],
        right: &Expr,
        negated: bool,
        span: Span,
    ) -> Vec<Cube> {
        let members = self.members(place, right, selectors);
        let mut cubes = Vec::new();
        for row in &members.certain {
            cubes.extend(self.row(place, marks, selectors, row, span));
        }
        let mut maybe = Vec::new();
        for row in &members.doubtful {
            maybe.extend(self.row(place, marks, selectors, row, span));
        }
        let texts: Vec<&str> = selectors.iter().map(|s| s.text.as_str()).collect();
        let text = texts.join(" . ");
        if !maybe.is_empty() {
            let gone = self.doubt(right, members.lasting, &text);
            cubes.extend(assuming(&maybe, gone, false));
        }
        if !negated {
            return cubes;
        }
        let domain = self.domain(place, selectors);
        match subtract(domain, &cubes, MOST_NEGATED) {
            Some(rest) => rest,
            None => {
                self.not_modelled(
                    span,
                    "`!=` with so many combinations is too large to analyse",
                );
                let text = format!("{text} != {}", self.text(right));
                self.open(place, selectors, text, false, span)
            }
        }
    }

    /// Packets that have every value of a combination.
    pub(super) fn row(
        &mut self,
        place: &Place<'_>,
        marks: &Marks,
        selectors: &[Selector],
        row: &Row,
        span: Span,
    ) -> Vec<Cube> {
        let mut all: Option<Vec<Cube>> = None;
        for (selector, &(lo, hi)) in selectors.iter().zip(row) {
            let part = self.test(place, marks, selector, &Ranges::span(lo, hi), false, span);
            all = Some(match all {
                Some(cubes) => intersect(&cubes, &part),
                None => part,
            });
        }
        all.unwrap_or_default()
    }

    /// Packets that have a value for every selector.
    pub(super) fn domain(&mut self, place: &Place<'_>, selectors: &[Selector]) -> Vec<Cube> {
        let mut all = vec![Cube::any(place.family)];
        for selector in selectors {
            let mut own = Vec::new();
            for leaf in &selector.leaves {
                match leaf {
                    Leaf::Field { of, .. } | Leaf::Open { of, .. } => own.push(of.clone()),
                    Leaf::Table(rows) => own.extend(rows.iter().flat_map(|(_, c)| c.clone())),
                }
            }
            all = intersect(&all, &own);
        }
        all
    }

    /// Packets for which a selector gives one of these values, or none of them.
    pub(super) fn test(
        &mut self,
        place: &Place<'_>,
        marks: &Marks,
        selector: &Selector,
        results: &Ranges<u128>,
        negated: bool,
        span: Span,
    ) -> Vec<Cube> {
        let complement;
        let wanted = if negated {
            complement = full(u128::BITS).subtract(results);
            &complement
        } else {
            results
        };
        let mut found = Vec::new();
        for leaf in &selector.leaves {
            match leaf {
                Leaf::Field { of, field, shape } => {
                    match field.packets(of, *shape, wanted, marks, place.family) {
                        Some(cubes) => found.extend(cubes),
                        None => {
                            let open = self.truth(selector, results, span);
                            found.extend(assuming(std::slice::from_ref(of), open, !negated));
                        }
                    }
                }
                Leaf::Table(rows) => {
                    for (value, cubes) in rows {
                        if wanted.contains(*value) {
                            found.extend(cubes.iter().cloned());
                        }
                    }
                }
                Leaf::Open { of, values } if values.is_subset(wanted) => found.push(of.clone()),
                Leaf::Open { values, .. } if !values.overlaps(wanted) => {}
                Leaf::Open { of, .. } => {
                    let open = self.truth(selector, results, span);
                    found.extend(assuming(std::slice::from_ref(of), open, !negated));
                }
            }
        }
        found
    }

    /// The predicate that a selector gives one of these values.
    fn truth(&mut self, selector: &Selector, results: &Ranges<u128>, span: Span) -> u32 {
        let why = self.why_open(&selector.text);
        if !selector.lasting {
            return self.firewall.unknown(span, why);
        }
        let mut hash = FxHasher::default();
        results.hash(&mut hash);
        let count = results.intervals().len();
        let text = format!(
            "{} in {count} {:?} {:x}",
            selector.text,
            results.hull(),
            hash.finish()
        );
        self.predicate(text, span, why)
    }

    /// The predicate that a set no longer holds the elements that may go.
    fn doubt(&mut self, set: &Expr, lasting: bool, key: &str) -> u32 {
        let name = self.text(set);
        let why = format!(
            "which elements `{}` holds changes with time",
            shorten(&name)
        );
        if lasting {
            self.predicate(format!("{key} in {name}"), set.place.0, why)
        } else {
            self.firewall.unknown(set.place.0, why)
        }
    }

    /// Packets that have the values, assuming a predicate of this text.
    fn open(
        &mut self,
        place: &Place<'_>,
        selectors: &[Selector],
        text: String,
        negated: bool,
        span: Span,
    ) -> Vec<Cube> {
        let domain = self.domain(place, selectors);
        let why = self.why_open(&text);
        let predicate = if selectors.iter().all(|s| s.lasting) {
            self.predicate(text, span, why)
        } else {
            self.firewall.unknown(span, why)
        };
        assuming(&domain, predicate, !negated)
    }

    fn why_open(&self, text: &str) -> String {
        format!("`{}` is not known of the packet", shorten(text))
    }
}

fn shorten(text: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if short.chars().count() > MOST {
        short = short.chars().take(MOST).collect();
        short.push('…');
    }
    short
}

/// Numbers up to `most` of which at least one of these bits is set.
fn any_bit(bits: u128, most: u128) -> Option<Ranges<u128>> {
    if bits > u128::from(u16::MAX) {
        return None;
    }
    let fitting = (0..=most.min(u128::from(u16::MAX))).filter(|value| value & bits != 0);
    Some(Ranges::of(fitting.map(|value| (value, value))))
}

/// Packets in one of either list.
pub(super) fn intersect(a: &[Cube], b: &[Cube]) -> Vec<Cube> {
    let mut found = Vec::new();
    for one in a {
        found.extend(b.iter().filter_map(|other| one.intersect(other)));
    }
    found
}

/// The same packets, assuming that a predicate holds or does not.
pub(super) fn assuming(cubes: &[Cube], predicate: u32, holds: bool) -> Vec<Cube> {
    let literal = |cube: &Cube| Cube {
        unknown: Literals::single(predicate, holds),
        ..cube.clone().without_assumptions()
    };
    let with = |cube: &Cube| cube.intersect(&literal(cube));
    cubes.iter().filter_map(with).collect()
}

/// Packets in one of the first and in none of the second; none when there are more than `most`
/// cubes of them.
pub(super) fn subtract(from: Vec<Cube>, what: &[Cube], most: usize) -> Option<Vec<Cube>> {
    let mut rest = from;
    for cube in what {
        let mut next = Vec::with_capacity(rest.len());
        for part in &rest {
            part.subtract(cube, &mut next);
        }
        rest = next;
        if rest.len() > most {
            return None;
        }
    }
    Some(rest)
}
