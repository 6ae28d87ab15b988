//! The parser's state: tokens with places, variables, limits, recovery.

use super::super::build::Builder;
use super::super::syntax::{Aside, Expr, ExprKind, Family, Place, Unreadable};
use super::lexer::{Kind, Lexer, Token};
use crate::diagnostic::{Diagnostic, input};
use crate::source::{SourceId, Span};
use std::collections::BTreeMap;

/// Deepest nesting of blocks, sets and brackets.
pub(super) const DEEPEST: usize = 64;

/// Why something could not be read, and where (byte offsets).
#[derive(Debug)]
pub(super) struct Fault {
    pub message: String,
    pub start: usize,
    pub end: usize,
}

/// A name and where it stands (byte offsets).
pub(super) struct Name {
    pub text: Box<str>,
    pub start: usize,
    pub end: usize,
}

impl Name {
    fn of(token: &Token<'_>, text: &str) -> Self {
        Self {
            text: text.into(),
            start: token.start,
            end: token.end,
        }
    }
}

/// What reading something gives.
pub(super) type Parsed<T> = Result<T, Fault>;

/// Reads one text.
pub(super) struct Parser<'a, 'b> {
    lexer: Lexer<'a>,
    /// The token that is read next.
    pub(super) token: Token<'a>,
    /// End of the last token that was taken.
    pub(super) last_end: usize,
    source: SourceId,
    /// Where everything is said to stand, for a text inside of another.
    fixed: Option<Span>,
    /// `define`d variables.
    pub(super) variables: BTreeMap<&'a str, Expr>,
    depth: usize,
    /// Braces open at the next token.
    pub(super) open: usize,
    /// Family of the table that is read.
    pub(super) family: Family,
    /// What the text makes.
    pub(super) build: &'b mut Builder,
}

impl<'a, 'b> Parser<'a, 'b> {
    pub(super) fn new(
        text: &'a str,
        source: SourceId,
        fixed: Option<Span>,
        build: &'b mut Builder,
    ) -> Self {
        let mut lexer = Lexer::new(text);
        let token = lexer.next();
        Self {
            lexer,
            token,
            last_end: 0,
            source,
            fixed,
            variables: BTreeMap::new(),
            depth: 0,
            open: 0,
            family: Family::Ip,
            build,
        }
    }

    /// Takes the next token.
    pub(super) fn bump(&mut self) -> Token<'a> {
        let taken = self.token;
        if taken.is("{") {
            self.open += 1;
        } else if taken.is("}") {
            self.open = self.open.saturating_sub(1);
        }
        self.last_end = taken.end;
        self.token = self.lexer.next();
        taken
    }

    /// The token behind the next one.
    pub(super) fn second(&self) -> Token<'a> {
        let mut lexer = self.lexer;
        lexer.next()
    }

    /// The second and third tokens.
    pub(super) fn second_and_third(&self) -> (Token<'a>, Token<'a>) {
        let mut lexer = self.lexer;
        (lexer.next(), lexer.next())
    }

    /// The fourth token.
    pub(super) fn fourth(&self) -> Token<'a> {
        let mut lexer = self.lexer;
        lexer.next();
        lexer.next();
        lexer.next()
    }

    /// Takes the next token if it is this punctuation.
    pub(super) fn eat(&mut self, mark: &str) -> bool {
        let found = self.token.is(mark);
        if found {
            self.bump();
        }
        found
    }

    /// Takes the next token if it is this keyword.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.token.is_word(word);
        if found {
            self.bump();
        }
        found
    }

    /// Takes this punctuation.
    pub(super) fn expect(&mut self, mark: &str) -> Parsed<Token<'a>> {
        if self.token.is(mark) {
            return Ok(self.bump());
        }
        Err(self.expected(&format!("`{mark}`")))
    }

    /// Takes this keyword.
    pub(super) fn expect_word(&mut self, word: &str) -> Parsed<Token<'a>> {
        if self.token.is_word(word) {
            return Ok(self.bump());
        }
        Err(self.expected(&format!("`{word}`")))
    }

    /// A fault at the next token.
    pub(super) fn expected(&self, what: &str) -> Fault {
        Fault {
            message: format!("expected {what}, found {}", self.token.describe()),
            start: self.token.start,
            end: self.token.end,
        }
    }

    /// A fault at a token that was taken.
    pub(super) fn fault(token: &Token<'_>, message: impl Into<String>) -> Fault {
        Fault {
            message: message.into(),
            start: token.start,
            end: token.end,
        }
    }

    /// A name of a table, chain, set or object.
    pub(super) fn name(&mut self) -> Parsed<Name> {
        let token = self.token;
        if token.kind == Kind::Quoted {
            self.bump();
            return Ok(Name::of(&token, token.text));
        }
        if token.is("$") {
            self.bump();
            let variable = self.bump();
            return match self.variables.get(variable.text).map(|value| &value.kind) {
                Some(ExprKind::Word(name)) => Ok(Name::of(&variable, name)),
                _ => Err(Self::fault(
                    &variable,
                    format!(
                        "expected a variable that stands for a name, found `{}`",
                        variable.text
                    ),
                )),
            };
        }
        let ended = matches!(token.kind, Kind::Newline | Kind::End | Kind::Handle);
        let mut lexer = self.lexer;
        let name = lexer.raw(token.start);
        if ended || name.text.is_empty() {
            return Err(self.expected("a name"));
        }
        self.last_end = name.end;
        self.lexer = lexer;
        self.token = self.lexer.next();
        Ok(Name::of(&name, name.text))
    }

    /// A number.
    pub(super) fn number(&mut self) -> Parsed<u64> {
        let token = self.token;
        if token.kind != Kind::Number {
            return Err(self.expected("a number"));
        }
        self.bump();
        integer(token.text)
            .and_then(|n| u64::try_from(n).ok())
            .ok_or_else(|| Self::fault(&token, format!("`{}` is too large", token.text)))
    }

    /// A number that fits.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Parsed<T> {
        let token = self.token;
        T::try_from(self.number()?)
            .map_err(|_| Self::fault(&token, format!("`{}` is too large", token.text)))
    }

    /// Text in quotes, or a word.
    pub(super) fn string(&mut self, what: &str) -> Parsed<Box<str>> {
        match self.token.kind {
            Kind::Quoted | Kind::Word | Kind::Number => Ok(self.bump().text.into()),
            _ => Err(self.expected(what)),
        }
    }

    /// Skips ends of lines.
    pub(super) fn newlines(&mut self) {
        while matches!(self.token.kind, Kind::Newline | Kind::Handle) {
            self.bump();
        }
    }

    /// Skips ends of lines if this keyword stands behind them: the parts of an object may stand on
    /// lines of their own.
    pub(super) fn newlines_before(&mut self, word: &str) {
        let mut lexer = self.lexer;
        let mut token = self.token;
        while matches!(token.kind, Kind::Newline | Kind::Handle) || token.is(";") {
            token = lexer.next();
        }
        if token.is_word(word) {
            self.separators();
        }
    }

    /// Takes a word up to its `/` (`mbytes/second`), or as a whole.
    pub(super) fn split_word_at_slash(&mut self) {
        match self.token.text.find('/') {
            Some(at) => {
                self.last_end = self.token.start + at;
                self.lexer.go_to(self.last_end);
                self.token = self.lexer.next();
            }
            None => {
                self.bump();
            }
        }
    }

    /// Skips ends of lines and semicolons.
    pub(super) fn separators(&mut self) {
        while matches!(self.token.kind, Kind::Newline | Kind::Handle) || self.token.is(";") {
            self.bump();
        }
    }

    /// Whether a statement or definition ends here.
    pub(super) fn at_end(&self) -> bool {
        matches!(self.token.kind, Kind::Newline | Kind::Handle | Kind::End)
            || self.token.is(";")
            || self.token.is("}")
    }

    /// Demands that a statement or definition ends here.
    pub(super) fn end(&self) -> Parsed<()> {
        if self.at_end() {
            return Ok(());
        }
        Err(self.expected("the end of the line or `;`"))
    }

    /// Goes one level deeper for the time of `read`.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEEPEST {
            return Err(Fault {
                message: format!("nesting is deeper than {DEEPEST} levels"),
                start: self.token.start,
                end: self.token.end,
            });
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Skips to the end of the statement that began when so many braces were open: the end of the
    /// line, `;`, or the brace that closes its block.
    pub(super) fn recover(&mut self, open: usize) {
        loop {
            match self.token.kind {
                Kind::End => return,
                Kind::Newline | Kind::Handle if self.open <= open => return,
                Kind::Mark if self.open <= open && matches!(self.token.text, ";" | "}") => return,
                _ => {
                    self.bump();
                }
            }
        }
    }

    /// The place between two offsets.
    pub(super) fn place(&self, start: usize, end: usize) -> Place {
        Aside(
            self.fixed
                .unwrap_or_else(|| Span::new(self.source, start, end)),
        )
    }

    /// The place from an offset to the last token taken.
    pub(super) fn since(&self, start: usize) -> Place {
        self.place(start, self.last_end.max(start))
    }

    /// An expression from an offset to the last token taken.
    pub(super) fn expr(&self, kind: ExprKind, start: usize) -> Expr {
        Expr {
            kind,
            place: self.since(start),
        }
    }

    /// Says what could not be read, for the reader and in the tree.
    pub(super) fn unreadable(&mut self, fault: Fault, help: &str) -> Unreadable {
        let place = self.place(fault.start, fault.end);
        self.build.note(
            Diagnostic::new(&input::SYNTAX, fault.message.clone())
                .at(place.0)
                .help(help),
        );
        Unreadable {
            message: Aside(fault.message.into()),
            place,
        }
    }
}

/// A decimal or hexadecimal number.
pub(super) fn integer(text: &str) -> Option<u128> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u128::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}
