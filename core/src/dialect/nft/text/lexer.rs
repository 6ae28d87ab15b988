//! Tokens of nft's language.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword; may end in `*`.
    Word,
    /// A decimal or hexadecimal number.
    Number,
    /// An IPv4 address.
    V4,
    /// An IPv6 address.
    V6,
    /// A link-layer address.
    Mac,
    /// Text in double quotes; the token's text is what stands between them.
    Quoted,
    /// One or two punctuation characters.
    Mark,
    /// End of a line.
    Newline,
    /// `# handle N`; the token's text is the number.
    Handle,
    /// Something that no token begins with, or a quote that is not closed.
    Bad,
    /// End of the text.
    End,
}

/// One token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Byte offset of its first character.
    pub start: usize,
    /// One past its last.
    pub end: usize,
}

impl Token<'_> {
    /// Whether it is this punctuation.
    pub(super) fn is(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    /// Whether it is this keyword.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    /// What to call it in a message.
    pub(super) fn describe(&self) -> String {
        match self.kind {
            Kind::Newline | Kind::Handle => "the end of the line".into(),
            Kind::End => "the end of the text".into(),
            Kind::Bad if self.text.starts_with('"') => "a quote that is not closed".into(),
            _ => {
                let short: String = self.text.chars().take(40).collect();
                format!("`{short}`")
            }
        }
    }
}

/// A position in a text; copying one is how the parser looks further ahead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// At the beginning of a text, behind its byte order mark.
    pub(super) fn new(text: &'a str) -> Self {
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Self { text, at }
    }

    /// Goes on from this offset.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Token<'a> {
        loop {
            let rest = self.rest();
            let Some(&first) = rest.as_bytes().first() else {
                return self.token(Kind::End, 0);
            };
            match first {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if rest.starts_with("\\\n") => self.at += 2,
                b'\\' if rest.starts_with("\\\r\n") => self.at += 3,
                b'\n' => return self.token(Kind::Newline, 1),
                b'#' => {
                    if let Some(handle) = self.comment() {
                        return handle;
                    }
                }
                b'"' => return self.quoted(),
                _ => return self.plain(),
            }
        }
    }

    /// What stands from here to white space or a bracket: names of chains and sets may hold
    /// characters that no other token has.
    pub(super) fn raw(&mut self, start: usize) -> Token<'a> {
        self.at = start;
        let length = self
            .rest()
            .find(|c: char| c.is_whitespace() || "{};,\"#".contains(c))
            .unwrap_or(self.rest().len());
        self.token(Kind::Word, length)
    }

    fn token(&mut self, kind: Kind, length: usize) -> Token<'a> {
        let start = self.at;
        self.at = start + length;
        Token {
            kind,
            text: self.text.get(start..self.at).unwrap_or(""),
            start,
            end: self.at,
        }
    }

    /// Skips a comment, unless it tells a handle.
    fn comment(&mut self) -> Option<Token<'a>> {
        let line = self.rest();
        let length = line.find('\n').unwrap_or(line.len());
        let comment = line.get(..length).unwrap_or("");
        let start = self.at;
        self.at += length;
        let number = comment.strip_prefix("# handle ")?.trim_end();
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Token {
            kind: Kind::Handle,
            text: number,
            start,
            end: self.at,
        })
    }

    fn quoted(&mut self) -> Token<'a> {
        let inner = self.rest().get(1..).unwrap_or("");
        match inner.find(['"', '\n']) {
            Some(length) if inner.as_bytes().get(length) == Some(&b'"') => {
                let token = self.token(Kind::Quoted, length + 2);
                Token {
                    text: inner.get(..length).unwrap_or(""),
                    ..token
                }
            }
            other => self.token(Kind::Bad, 1 + other.unwrap_or(inner.len())),
        }
    }

    fn plain(&mut self) -> Token<'a> {
        let rest = self.rest();
        if let Some((kind, length)) = address(rest) {
            return self.token(kind, length);
        }
        let bytes = rest.as_bytes();
        let first = bytes.first().copied().unwrap_or(0);
        if first.is_ascii_digit() {
            return self.number(rest);
        }
        if first.is_ascii_alphabetic() || first == b'_' {
            return self.token(Kind::Word, word(rest));
        }
        let two = rest.get(..2).unwrap_or("");
        if matches!(two, "==" | "!=" | "<=" | ">=" | "<<" | ">>") {
            return self.token(Kind::Mark, 2);
        }
        if b"{}()[],;:.=!<>&|^*@$-+/".contains(&first) {
            return self.token(Kind::Mark, 1);
        }
        let length = rest.chars().next().map_or(1, char::len_utf8);
        self.token(Kind::Bad, length)
    }

    fn number(&mut self, rest: &str) -> Token<'a> {
        let hex = rest
            .strip_prefix("0x")
            .or_else(|| rest.strip_prefix("0X"))
            .map_or(0, |hex| run(hex, |b| b.is_ascii_hexdigit()));
        let digits = if hex > 0 {
            hex + 2
        } else {
            run(rest, |b| b.is_ascii_digit())
        };
        let next = rest.as_bytes().get(digits).copied().unwrap_or(0);
        if next.is_ascii_alphabetic() || next == b'_' {
            // `1m-1h` is a range of durations, `5mbytes/second` a rate.
            let length = run(rest, |b| b.is_ascii_alphanumeric() || *b == b'_');
            return self.token(Kind::Word, length);
        }
        self.token(Kind::Number, digits)
    }
}

/// Length of the beginning whose bytes all hold.
fn run(text: &str, holds: impl Fn(&u8) -> bool) -> usize {
    text.bytes()
        .position(|byte| !holds(&byte))
        .unwrap_or(text.len())
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-./".contains(byte)
}

/// Length of a word; a `*` may end it.
fn word(text: &str) -> usize {
    let length = run(text, is_word);
    length + usize::from(text.as_bytes().get(length) == Some(&b'*'))
}

/// An address, or a traffic class such as `1:10`, at the beginning of a text.
fn address(text: &str) -> Option<(Kind, usize)> {
    if !text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') {
        return None;
    }
    let length = run(text, |b| b.is_ascii_hexdigit() || *b == b':' || *b == b'.');
    let candidate = text.get(..length)?;
    let next = text.as_bytes().get(length).copied().unwrap_or(b' ');
    if next.is_ascii_alphanumeric() || next == b'_' {
        // `80:accept`, `dead` in `deadline`.
        return v4(text);
    }
    let colons = candidate.bytes().filter(|&b| b == b':').count();
    match colons {
        0 => v4(text),
        1 => {
            let (major, minor) = candidate.split_once(':')?;
            let part =
                |t: &str| (1..=4).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_hexdigit());
            if part(major) && part(minor) {
                return Some((Kind::Word, length));
            }
            v4(text)
        }
        _ if mac(candidate) => Some((Kind::Mac, length)),
        _ => v6(candidate)
            .map(|length| (Kind::V6, length))
            .or_else(|| v4(text)),
    }
}

fn v4(text: &str) -> Option<(Kind, usize)> {
    let length = run(text, |b| b.is_ascii_digit() || *b == b'.');
    let candidate = text.get(..length)?.trim_end_matches('.');
    candidate
        .parse::<Ipv4Addr>()
        .is_ok()
        .then_some((Kind::V4, candidate.len()))
}

/// Length of the longest IPv6 address that the candidate begins with (`fe80::1:` in a map).
fn v6(candidate: &str) -> Option<usize> {
    let shorter = candidate.trim_end_matches(['.']);
    [shorter, shorter.strip_suffix(':').unwrap_or(shorter)]
        .into_iter()
        .find(|text| text.parse::<Ipv6Addr>().is_ok())
        .map(str::len)
}

fn mac(candidate: &str) -> bool {
    candidate.split(':').count() == 6
        && candidate.split(':').all(|part| {
            (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit())
        })
}
