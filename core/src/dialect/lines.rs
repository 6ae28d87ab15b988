//! Lines with their places.

/// One line without its ending.
pub(in crate::dialect) struct Line<'a> {
    /// Its text.
    pub text: &'a str,
    /// Byte offset in the source.
    pub start: usize,
}

impl Line<'_> {
    /// One past its last byte.
    pub(in crate::dialect) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The lines of a text; a byte order mark at its beginning is no part of the first.
pub(in crate::dialect) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |whole| {
        let start = at;
        at += whole.len();
        let text = whole.trim_end_matches(['\n', '\r']);
        match (start, text.strip_prefix('\u{feff}')) {
            (0, Some(rest)) => Line {
                text: rest,
                start: text.len() - rest.len(),
            },
            _ => Line { text, start },
        }
    })
}
