//! Which format a text is in, and texts that are none.

use super::{DIALECTS, Dialect, Notes, Reader};
use crate::diagnostic::{Diagnostic, input};
use crate::source::{SourceId, Sources, Span};

/// Largest text in bytes.
const MOST_BYTES: usize = 64 << 20;

/// The dialect of a text, or none with a diagnostic that says why.
pub(super) fn recognise(
    sources: &Sources,
    id: SourceId,
    named: Option<&str>,
    notes: &mut Notes,
) -> Option<&'static Dialect> {
    let source = sources.get(id)?;
    let text = source.text();
    if text.len() > MOST_BYTES {
        notes.push(
            Diagnostic::new(
                &input::LIMIT,
                format!(
                    "`{}` has {} bytes; at most {MOST_BYTES} are read",
                    source.name(),
                    text.len()
                ),
            )
            .at(Span::new(id, 0, 0)),
        );
        return None;
    }
    if let Some((at, what)) = not_text(text) {
        notes.push(
            Diagnostic::new(&input::NOT_TEXT, format!("`{}` {what}", source.name()))
                .at(Span::new(id, at, at))
                .help("export the rules as text in UTF-8, for example with `iptables-save > FILE`"),
        );
        return None;
    }
    let best = DIALECTS
        .iter()
        .map(|dialect| ((dialect.detect)(text), dialect))
        .filter(|(score, _)| *score > 0)
        .max_by_key(|(score, _)| *score)
        .map(|(_, dialect)| dialect);
    let auxiliary = best.filter(|dialect| matches!(dialect.reader, Reader::Sets(_)));
    if let (Some(name), None) = (named, auxiliary) {
        let dialect = DIALECTS.iter().find(|dialect| dialect.id == name);
        if dialect.is_none() {
            notes.push(unknown(id, format!("there is no format `{name}`")));
        }
        return dialect;
    }
    if best.is_none() {
        notes.push(unknown(
            id,
            format!("no known format recognises `{}`", source.name()),
        ));
    }
    best
}

fn unknown(id: SourceId, message: String) -> Diagnostic {
    let known: Vec<String> = DIALECTS
        .iter()
        .map(|d| format!("`{}` ({})", d.id, d.title))
        .collect();
    Diagnostic::new(&input::UNKNOWN_FORMAT, message)
        .at(Span::new(id, 0, 0))
        .help(format!("formats known: {}", known.join(", ")))
}

/// Where a text shows that it is none, and what it looks like.
fn not_text(text: &str) -> Option<(usize, &'static str)> {
    if text.starts_with("\u{1f}\u{8b}") || text.starts_with("\u{1f}\u{fffd}") {
        return Some((0, "is compressed with gzip; decompress it first"));
    }
    let nul = text.find('\0')?;
    let head = text.as_bytes().get(..256).unwrap_or(text.as_bytes());
    if head.iter().filter(|&&b| b == 0).count() * 3 > head.len() {
        return Some((nul, "looks like UTF-16; convert it to UTF-8 first"));
    }
    Some((nul, "holds a NUL byte, so it is not text"))
}
