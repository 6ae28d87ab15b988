//! From the tree to the model.
//!
//! A table is lowered once for each family whose packets it sees, so that what depends on the
//! family alone is settled here. A statement narrows, changes or ends *branches* of its rule
//! ([`rule`]); a match is read as selectors (`key`), each of which is for some packets a field of
//! the model, a constant, or open.

mod condition;
mod ct;
mod effect;
mod fib;
mod field;
mod key;
mod lookup;
mod merge;
mod nat;
mod objects;
mod place;
mod rule;
mod support;
mod tables;
mod traits;
mod value;

pub use support::{EXPRESSIONS, NftSupport, STATEMENTS};

use super::syntax::{Expr, ExprKind, Hook, Ruleset};
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::{Context, Notes};
use crate::firewall::Firewall;
use crate::source::{SourceId, Span};
use place::Place;
use std::collections::{BTreeMap, BTreeSet};
use traits::Traits;

/// What all rules of one system share while they are lowered.
struct Lowering<'a> {
    /// The caller's context.
    context: &'a Context<'a>,
    /// Where the result goes.
    firewall: &'a mut Firewall,
    notes: &'a mut Notes,
    /// What the exports say as a whole.
    traits: Traits,
    /// Predicates by their text, so that the same text is the same predicate.
    predicates: BTreeMap<String, u32>,
    /// What was said already: an `inet` table is lowered twice.
    said: BTreeSet<(Span, String)>,
    /// Cubes of all rules so far.
    cubes: usize,
    /// Rules so far.
    rules: usize,
    /// Chains without a name so far.
    inlined: usize,
}

/// Reads all texts in nft's own language.
pub(in crate::dialect) fn read_text(
    context: &Context<'_>,
    texts: &[SourceId],
    firewall: &mut Firewall,
    notes: &mut Notes,
) {
    read(context, texts, firewall, notes, super::parse_text);
}

/// Reads all texts in nft's JSON.
pub(in crate::dialect) fn read_json(
    context: &Context<'_>,
    texts: &[SourceId],
    firewall: &mut Firewall,
    notes: &mut Notes,
) {
    read(context, texts, firewall, notes, super::parse_json);
}

fn read(
    context: &Context<'_>,
    texts: &[SourceId],
    firewall: &mut Firewall,
    notes: &mut Notes,
    parse: fn(&str, SourceId) -> (Ruleset, Vec<Diagnostic>),
) {
    let mut rulesets = Vec::new();
    for &id in texts {
        let text = context.sources.get(id).map_or("", |source| source.text());
        let (mut ruleset, diagnostics) = parse(text, id);
        for diagnostic in diagnostics {
            notes.push(diagnostic);
        }
        traits::leave_out_copies(context, &mut ruleset, text, notes);
        rulesets.push(ruleset);
    }
    firewall.objects.extend(objects::objects(&rulesets));
    let traits = Traits::of(&rulesets, firewall);
    let mut lowering = Lowering {
        context,
        firewall,
        notes,
        traits,
        predicates: BTreeMap::new(),
        said: BTreeSet::new(),
        cubes: 0,
        rules: 0,
        inlined: 0,
    };
    for ruleset in &rulesets {
        lowering.ruleset(ruleset);
    }
}

impl Lowering<'_> {
    /// The text of an expression.
    fn text(&self, expr: &Expr) -> String {
        self.context.sources.slice(expr.place.0).to_owned()
    }

    /// The predicate of this text, new or known.
    fn predicate(&mut self, text: String, span: Span, why: String) -> u32 {
        if let Some(&known) = self.predicates.get(&text) {
            return known;
        }
        let new = self.firewall.unknown(span, why);
        self.predicates.insert(text, new);
        new
    }

    /// Says something, once for both families.
    fn note(&mut self, diagnostic: Diagnostic) {
        let place = diagnostic.labels.first().map(|label| label.span);
        let new = place.is_none_or(|span| self.said.insert((span, diagnostic.message.clone())));
        if new {
            self.notes.push(diagnostic);
        }
    }

    fn not_modelled(&mut self, span: Span, message: &str) {
        self.note(
            Diagnostic::new(&input::NOT_MODELLED, message)
                .at(span)
                .help("answers that depend on this rule are unknown"),
        );
    }

    /// Whether rules of a chain may see later fragments: the host puts those together that are for
    /// itself, and connection tracking all.
    fn sees_fragments(&self, place: &Place<'_>) -> bool {
        let tracks = self.traits.tracks.get(place.family as usize);
        !tracks.copied().unwrap_or(false) && !place.reach.only(&[Hook::Input, Hook::Output])
    }

    /// Whether a rule changes the field that an expression looks at.
    fn is_rewritten(&self, place: &Place<'_>, expr: &Expr) -> bool {
        let rewritten = &self.traits.rewritten;
        if rewritten.is_empty() {
            return false;
        }
        let family = place.family as usize;
        match &expr.kind {
            ExprKind::Payload {
                protocol, field, ..
            } => rewritten.contains(&traits::header(protocol, field)),
            ExprKind::Meta(key) => rewritten.contains(&("meta", key)),
            ExprKind::RawPayload { base: "nh", .. } => {
                let header = ["ip", "ip6"].get(family).copied().unwrap_or("ip");
                rewritten.iter().any(|(of, _)| *of == header)
            }
            ExprKind::Binary { left, right, .. } => {
                self.is_rewritten(place, left) || self.is_rewritten(place, right)
            }
            _ => false,
        }
    }

    /// Whether rules add elements to a set or remove them.
    fn is_changed(&self, place: &Place<'_>, set: &str) -> bool {
        let of_table = |(family, table, name): &(super::syntax::Family, String, String)| {
            *family == place.table.family && **table == *place.table.name && name == set
        };
        self.traits.changed_sets.iter().any(of_table)
    }
}
