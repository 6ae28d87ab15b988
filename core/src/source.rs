//! Texts and places in them: every finding can point at file, line and column.

use std::fmt;

/// Index of a [`Source`] in its [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A half-open byte range of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text it points into.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A place as a person counts: both numbers start at 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One input text with the name its user knows it by.
#[derive(Clone)]
pub struct Source {
    name: String,
    text: String,
    /// Byte offset of the first character of each line.
    lines: Vec<u32>,
}

/// Every text of one request. Spans are only meaningful with the `Sources` that made them.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    all: Vec<Source>,
}

impl Source {
    /// The name its user knows it by, usually a path.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Number of lines (a trailing newline starts no new line).
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// The line with this number (from 1), without its line ending; empty when there is none.
    #[must_use]
    pub fn line(&self, number: u32) -> &str {
        let index = number.saturating_sub(1) as usize;
        let Some(&start) = self.lines.get(index) else {
            return "";
        };
        let end = self
            .lines
            .get(index + 1)
            .map_or(self.text.len(), |&next| next as usize);
        self.text
            .get(start as usize..end)
            .unwrap_or("")
            .trim_end_matches(['\n', '\r'])
    }
}

/// Input texts may hold passwords: only the name and the size are ever printed.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("bytes", &self.text.len())
            .finish()
    }
}

impl Sources {
    /// Takes a text in. Texts beyond 4 GiB are refused by the input limits before they come here.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let text = text.into();
        let mut lines = Vec::new();
        if !text.is_empty() {
            lines.push(0);
        }
        for (at, byte) in text.bytes().enumerate() {
            if byte == b'\n' && at + 1 < text.len() {
                lines.push(u32::try_from(at + 1).unwrap_or(u32::MAX));
            }
        }
        let id = SourceId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(Source {
            name: name.into(),
            text,
            lines,
        });
        id
    }

    /// The source with this id, which must come from this collection.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.all.get(id.0 as usize)
    }

    /// Name of the source with this id.
    #[must_use]
    pub fn name(&self, id: SourceId) -> &str {
        self.get(id).map_or("", Source::name)
    }

    /// Where a span begins.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        self.locate(span.source, span.start)
    }

    /// Where a span ends (the position just after its last character).
    #[must_use]
    pub fn end_position(&self, span: Span) -> Position {
        self.locate(span.source, span.end)
    }

    /// The text under a span.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source)
            .and_then(|s| s.text.get(span.start as usize..span.end as usize))
            .unwrap_or("")
    }

    /// The span of a whole line (from 1) without its line ending.
    #[must_use]
    pub fn line_span(&self, source: SourceId, line: u32) -> Span {
        let (start, len) = self.get(source).map_or((0, 0), |s| {
            let start = s.lines.get(line.saturating_sub(1) as usize).copied();
            (start.unwrap_or(0), s.line(line).len())
        });
        Span {
            source,
            start,
            end: start.saturating_add(u32::try_from(len).unwrap_or(u32::MAX)),
        }
    }

    fn locate(&self, source: SourceId, offset: u32) -> Position {
        let Some(source) = self.get(source) else {
            return Position { line: 1, column: 1 };
        };
        let line = source
            .lines
            .partition_point(|&start| start <= offset)
            .max(1);
        let start = source.lines.get(line - 1).copied().unwrap_or(0) as usize;
        let upto = source.text.get(start..offset as usize).unwrap_or("");
        Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(upto.chars().count() + 1).unwrap_or(u32::MAX),
        }
    }
}

impl Span {
    /// A span of `start..end` bytes; saturates at 4 GiB.
    #[must_use]
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        Self {
            source,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let mut sources = Sources::default();
        let id = sources.add("a", "ab\nçd\r\n\nx");
        let at = |start| sources.position(Span::new(id, start, start));
        assert_eq!(at(0), Position { line: 1, column: 1 });
        assert_eq!(at(3), Position { line: 2, column: 1 });
        assert_eq!(at(5), Position { line: 2, column: 2 });
        assert_eq!(at(9), Position { line: 4, column: 1 });
        assert_eq!(sources.slice(sources.line_span(id, 2)), "çd");
        assert_eq!(sources.get(id).map(Source::line_count), Some(4));
    }
}
