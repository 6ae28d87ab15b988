//! Sets and maps: which elements there are, and which packets find them.

use super::Lowering;
use super::condition::{assuming, subtract};
use super::field::Marks;
use super::key::{Leaf, Selector};
use super::place::Place;
use super::value;
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::nft::syntax::{Element, Expr, ExprKind, StatementKind};
use crate::packet::{Cube, Ranges};
use crate::source::Span;
use smallvec::SmallVec;

/// First and last value of each part of a key.
pub(super) type Row = SmallVec<[(u128, u128); 3]>;

/// What is in a set.
#[derive(Default)]
pub(super) struct Members {
    /// Certainly.
    pub certain: Vec<Row>,
    /// Perhaps: elements that expire, that rules add or remove, or that could not be read.
    pub doubtful: Vec<Row>,
    /// Whether a doubt stays the same for a packet's whole way.
    pub lasting: bool,
}

/// What packets find in a map.
pub(super) struct Found<'t> {
    /// By element: the packets, what it gives, and where it stands.
    pub parts: Vec<(Vec<Cube>, &'t Expr, Span)>,
    /// Packets of which nobody knows what they find.
    pub doubtful: Vec<Cube>,
}

impl<'a> Lowering<'a> {
    /// The elements of what a value is compared with.
    pub(super) fn members(
        &mut self,
        place: &Place<'_>,
        right: &Expr,
        selectors: &[Selector],
    ) -> Members {
        let mut members = Members {
            lasting: true,
            ..Members::default()
        };
        let everything: Row = selectors.iter().map(|_| (0, u128::MAX)).collect();
        match &right.kind {
            ExprKind::Set(elements) => {
                for element in elements {
                    add(&mut members, place, element, false, selectors, &everything);
                }
            }
            ExprKind::SetRef(name) => {
                let Some(set) = place.sets.get(&**name).copied() else {
                    self.dangling(right, format!("there is no set `{name}` in this table"));
                    members.doubtful.push(everything);
                    return members;
                };
                let changing = self.is_changed(place, name);
                members.lasting = !changing;
                let expiring = set.timeout.is_some();
                for element in &set.elements {
                    let doubtful = expiring || changing;
                    add(
                        &mut members,
                        place,
                        element,
                        doubtful,
                        selectors,
                        &everything,
                    );
                }
                if changing || !set.unreadable.is_empty() {
                    members.doubtful.push(everything);
                }
            }
            _ => match row(right, place, selectors) {
                Read::Row(row) => members.certain.push(row),
                Read::Never => {}
                Read::Unclear => {
                    members.doubtful.push(everything);
                }
            },
        }
        members
    }

    /// What packets find in a map.
    pub(super) fn find<'t>(
        &mut self,
        place: &Place<'t>,
        marks: &Marks,
        key: &Expr,
        data: &'t Expr,
    ) -> Found<'t> {
        let parts = match &key.kind {
            ExprKind::Concat(parts) => parts.as_slice(),
            _ => std::slice::from_ref(key),
        };
        let selectors: Vec<Selector> = parts
            .iter()
            .map(|part| self.selector(place, part, None))
            .collect();
        let mut found = Found {
            parts: Vec::new(),
            doubtful: Vec::new(),
        };
        if selectors.iter().any(|s| s.leaves.is_empty()) {
            return found;
        }
        let (elements, doubtful, open): (&'t [Element], bool, bool) = match &data.kind {
            ExprKind::Set(elements) => (elements, false, false),
            ExprKind::SetRef(name) => match place.sets.get(&**name).copied() {
                Some(set) => {
                    let changing = self.is_changed(place, name);
                    let expiring = set.timeout.is_some();
                    (
                        &set.elements,
                        changing || expiring,
                        changing || !set.unreadable.is_empty(),
                    )
                }
                None => {
                    self.dangling(data, format!("there is no map `{name}` in this table"));
                    (&[], false, true)
                }
            },
            _ => (&[], false, true),
        };
        let mut rows = Vec::new();
        let mut rest = None;
        let mut unclear = open;
        for element in elements {
            let Some(value) = &element.data else {
                continue;
            };
            let doubtful = doubtful || is_doubtful(element);
            if element.key.kind == ExprKind::Any {
                rest = Some((value, element.place.0, doubtful));
                continue;
            }
            match row(&element.key, place, &selectors) {
                Read::Row(row) => rows.push((row, value, element.place.0, doubtful)),
                Read::Never => {}
                Read::Unclear => unclear = true,
            }
        }
        let coded = self.codes(place, &selectors, &rows, rest.is_some(), key.place.0);
        for (at, (row, value, span, doubtful)) in rows.iter().enumerate() {
            let mut cubes = self.row(place, marks, &closed(&selectors), row, *span);
            if let Some(codes) = &coded {
                let known = codes.get(at).map_or(&[][..], Vec::as_slice);
                cubes.extend(known.iter().cloned());
            }
            if *doubtful {
                let why = "whether the map still holds this element depends on time".to_owned();
                let gone = self.firewall.unknown(*span, why);
                cubes = assuming(&cubes, gone, false);
            }
            if !cubes.is_empty() {
                found.parts.push((cubes, *value, *span));
            }
        }
        if let Some((value, span, doubtful)) = rest {
            self.rest(place, &selectors, &mut found, value, span, doubtful);
        }
        if unclear {
            let all = self.domain(place, &selectors);
            let why = "which elements the map holds is not known".to_owned();
            let other = self.firewall.unknown(data.place.0, why);
            found.doubtful = assuming(&all, other, true);
        }
        found
    }

    /// The element `*`: what no other element takes.
    fn rest<'t>(
        &mut self,
        place: &Place<'_>,
        selectors: &[Selector],
        found: &mut Found<'t>,
        value: &'t Expr,
        span: Span,
        doubtful: bool,
    ) {
        let domain = self.domain(place, selectors);
        let others = found
            .parts
            .iter()
            .flat_map(|(cubes, ..)| cubes.iter().cloned());
        let others: Vec<Cube> = others.collect();
        match subtract(domain.clone(), &others, 65_536) {
            Some(mut cubes) => {
                if doubtful {
                    let why = "whether the map still holds this element depends on time".to_owned();
                    let gone = self.firewall.unknown(span, why);
                    cubes = assuming(&cubes, gone, false);
                }
                found.parts.push((cubes, value, span));
            }
            None => {
                self.not_modelled(span, "`*` beside so many elements is too large to analyse");
                let why = "the element `*` is not modelled".to_owned();
                let other = self.firewall.unknown(span, why);
                found.doubtful = assuming(&domain, other, true);
            }
        }
    }

    /// For keys whose value nobody knows: which of the elements is found is told apart by few
    /// predicates, so that no two are and, where the elements are all values, one is.
    fn codes(
        &mut self,
        place: &Place<'_>,
        selectors: &[Selector],
        rows: &[(Row, &Expr, Span, bool)],
        has_rest: bool,
        span: Span,
    ) -> Option<Vec<Vec<Cube>>> {
        let open = |selector: &Selector| {
            let leaves = selector.leaves.iter();
            leaves.clone().any(|leaf| matches!(leaf, Leaf::Open { .. }))
        };
        if rows.is_empty() || !selectors.iter().any(open) {
            return None;
        }
        let mut domain = match selectors {
            [one] => {
                let of = one.leaves.iter().filter_map(|leaf| match leaf {
                    Leaf::Open { of, .. } => Some(of.clone()),
                    _ => None,
                });
                of.collect()
            }
            _ => self.domain(place, selectors),
        };
        let exhaustive = match selectors {
            [one] => {
                let spans = rows.iter().filter_map(|(row, ..)| row.first().copied());
                let all: Ranges<u128> = Ranges::of(spans);
                one.leaves.iter().all(|leaf| match leaf {
                    Leaf::Open { values, .. } => values.is_subset(&all),
                    _ => true,
                })
            }
            _ => false,
        };
        // Packets of the known leaves are told apart by their values.
        let known = closed(selectors);
        if selectors.len() > 1 && known.iter().all(|s| !s.leaves.is_empty()) {
            let certain = self.domain(place, &known);
            domain = subtract(domain, &certain, 64)?;
        }
        let count = rows.len() + usize::from(!exhaustive || has_rest);
        let lasting = selectors.iter().all(|s| s.lasting);
        let depth = count.next_power_of_two().trailing_zeros();
        let text: Vec<&str> = selectors.iter().map(|s| s.text.as_str()).collect();
        let text = text.join(" . ");
        let predicates: Vec<u32> = (0..depth)
            .map(|level| {
                let why = format!("the value of `{text}` is not known of the packet");
                if lasting {
                    self.predicate(format!("{text} of {count} level {level}"), span, why)
                } else {
                    self.firewall.unknown(span, why)
                }
            })
            .collect();
        let code = |at: usize| {
            let mut cubes = domain.clone();
            let (mut lo, mut hi) = (0, count);
            for &predicate in &predicates {
                if hi - lo <= 1 {
                    break;
                }
                let middle = lo + (hi - lo) / 2;
                let upper = at >= middle;
                cubes = assuming(&cubes, predicate, upper);
                if upper {
                    lo = middle;
                } else {
                    hi = middle;
                }
            }
            cubes
        };
        Some((0..rows.len()).map(code).collect())
    }

    /// Reports a name that means nothing.
    pub(super) fn dangling(&mut self, expr: &Expr, message: String) {
        self.note(
            Diagnostic::new(&input::DANGLING, message)
                .at(expr.place.0)
                .help("export the whole ruleset with `nft list ruleset`; answers that depend on this rule are unknown"),
        );
    }
}

/// The selectors without the leaves whose value nobody knows.
fn closed(selectors: &[Selector]) -> Vec<Selector> {
    let known = |selector: &Selector| Selector {
        leaves: selector
            .leaves
            .iter()
            .filter(|leaf| !matches!(leaf, Leaf::Open { .. }))
            .cloned()
            .collect(),
        text: selector.text.clone(),
        ..*selector
    };
    selectors.iter().map(known).collect()
}

enum Read {
    Row(Row),
    /// Matches no packet of this family.
    Never,
    /// Not a number.
    Unclear,
}

fn row(key: &Expr, place: &Place<'_>, selectors: &[Selector]) -> Read {
    let parts = match &key.kind {
        ExprKind::Concat(parts) => parts.as_slice(),
        _ => std::slice::from_ref(key),
    };
    if parts.len() != selectors.len() {
        return Read::Unclear;
    }
    let mut row = Row::new();
    for (part, selector) in parts.iter().zip(selectors) {
        match value::interval(part, place.family, selector.names) {
            Some(interval) => row.push(interval),
            None if is_address(part) => return Read::Never,
            None => return Read::Unclear,
        }
    }
    Read::Row(row)
}

fn is_address(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Address(_) => true,
        ExprKind::Prefix { value, .. } => is_address(value),
        ExprKind::Range(low, _) => is_address(low),
        _ => false,
    }
}

/// Whether an element may be gone, or may not be found by every packet.
fn is_doubtful(element: &Element) -> bool {
    element.timeout.is_some()
        || element.statements.iter().any(|statement| {
            matches!(
                statement.kind,
                StatementKind::Limit(_)
                    | StatementKind::Quota(_)
                    | StatementKind::CtCount { .. }
                    | StatementKind::Unreadable(_)
            )
        })
}

fn add(
    members: &mut Members,
    place: &Place<'_>,
    element: &Element,
    doubtful: bool,
    selectors: &[Selector],
    everything: &Row,
) {
    match row(&element.key, place, selectors) {
        Read::Row(row) if doubtful || is_doubtful(element) => members.doubtful.push(row),
        Read::Row(row) => members.certain.push(row),
        Read::Never => {}
        Read::Unclear if element.key.kind == ExprKind::Any => {
            members.certain.push(everything.clone());
        }
        Read::Unclear => members.doubtful.push(everything.clone()),
    }
}
