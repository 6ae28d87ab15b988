//! Places of YAML that is written inside a scalar of another YAML text.

use super::tree::{Node, Scalar, Style, Value};
use crate::source::Span;

/// From bytes of the inner text to bytes of the outer one.
pub(super) struct Map {
    /// The whole scalar, for what cannot be placed more exactly.
    whole: Span,
    /// For each inner line: its first byte inside, and the outer byte that this is.
    lines: Vec<(u32, u32)>,
}

impl Map {
    pub fn new(scalar: &Scalar<'_>, whole: Span, outer: &str) -> Self {
        let lines = if scalar.style == Style::Literal {
            align(&scalar.text, whole, outer).unwrap_or_default()
        } else {
            Vec::new()
        };
        Self { whole, lines }
    }

    /// Where an inner span is in the outer text.
    pub fn span(&self, inner: Span) -> Span {
        let place = |at: u32| {
            let index = self.lines.partition_point(|&(start, _)| start <= at);
            let &(start, outer) = self.lines.get(index.checked_sub(1)?)?;
            Some(outer.saturating_add(at - start).min(self.whole.end))
        };
        match (place(inner.start), place(inner.end)) {
            (Some(start), Some(end)) => Span {
                start,
                end: end.max(start),
                ..self.whole
            },
            _ => self.whole,
        }
    }

    /// Moves every span of a subtree.
    pub fn node(&self, node: &mut Node<'_>) {
        node.span = self.span(node.span);
        match &mut node.value {
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.node(item)),
            Value::Mapping(entries) => entries.iter_mut().for_each(|entry| {
                entry.key_span = self.span(entry.key_span);
                self.node(&mut entry.value);
            }),
            _ => {}
        }
    }
}

/// Pairs the lines of a literal block's text with the lines of the source: each inner line is the
/// end of its source line. None when they do not fit.
fn align(inner: &str, whole: Span, outer: &str) -> Option<Vec<(u32, u32)>> {
    let base = whole.start as usize;
    let body = outer.get(base..whole.end as usize)?;
    let mut source = lines(body).peekable();
    // The span may begin at the block's header (`|-`), which is no line of the text.
    if source.peek().is_some_and(|(_, line)| line.starts_with('|')) {
        source.next();
    }
    let mut result = Vec::new();
    for (start, line) in lines(inner) {
        let (at, text) = source.next()?;
        if !text.ends_with(line) {
            return None;
        }
        let outer = base.checked_add(at)?.checked_add(text.len() - line.len())?;
        result.push((u32::try_from(start).ok()?, u32::try_from(outer).ok()?));
    }
    Some(result)
}

/// Lines with the byte where each starts.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_end_matches(['\n', '\r']))
    })
}
