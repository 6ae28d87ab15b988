//! Set literals and their elements.

use super::super::symbols;
use super::super::syntax::{Aside, Element, Expr, ExprKind, Verdict};
use super::expression::Mode;
use super::lexer::Kind;
use super::parser::{Fault, Parsed, Parser};

impl<'a> Parser<'a, '_> {
    /// `{ a, b : c, … }`.
    pub(super) fn set_literal(&mut self, mode: Mode) -> Parsed<Expr> {
        let start = self.token.start;
        self.deeper(|parser| {
            parser.expect("{")?;
            let mut elements = Vec::new();
            loop {
                parser.newlines();
                if parser.eat("}") {
                    break;
                }
                let element = parser.element(mode)?;
                parser.keep(&mut elements, element)?;
                parser.newlines();
                if !parser.eat(",") && !parser.token.is("}") {
                    return Err(parser.expected("`,` or `}`"));
                }
            }
            Ok(parser.expr(ExprKind::Set(elements), start))
        })
    }

    /// Adds an element; a variable that holds a set adds all of its elements.
    fn keep(&mut self, elements: &mut Vec<Element>, element: Element) -> Parsed<()> {
        if !self.build.charge(1) {
            return Err(Fault {
                message: "too many elements in all sets together".into(),
                start: self.last_end,
                end: self.last_end,
            });
        }
        match element.key.kind {
            ExprKind::Set(inner) if element.data.is_none() => elements.extend(inner),
            kind => elements.push(Element {
                key: Expr {
                    kind,
                    place: element.key.place,
                },
                ..element
            }),
        }
        Ok(())
    }

    /// `KEY [timeout …] [comment …] [STATEMENTS] [: DATA]`.
    pub(super) fn element(&mut self, mode: Mode) -> Parsed<Element> {
        let start = self.token.start;
        let key = self.expression(mode)?;
        let mut element = Element {
            key,
            data: None,
            timeout: None,
            expires: Aside(None),
            comment: None,
            statements: Vec::new(),
            place: self.since(start),
        };
        self.options(&mut element)?;
        if self.eat(":") {
            self.newlines();
            element.data = Some(self.data(mode)?);
            self.options(&mut element)?;
        }
        element.place = self.since(start);
        Ok(element)
    }

    fn options(&mut self, element: &mut Element) -> Parsed<()> {
        while self.token.kind == Kind::Word {
            match self.token.text {
                "timeout" => {
                    self.bump();
                    // `timeout never` overrides the default of the set.
                    element.timeout = if self.eat_word("never") {
                        Some(0)
                    } else {
                        Some(self.duration()?)
                    };
                }
                "expires" => {
                    self.bump();
                    element.expires = if self.eat_word("never") {
                        Aside(None)
                    } else {
                        Aside(Some(self.duration()?))
                    };
                }
                "comment" => {
                    self.bump();
                    element.comment = Some(self.string("a comment in quotes")?);
                }
                "counter" | "limit" | "quota" | "last" | "ct" => {
                    let statement = self.statement()?;
                    element.statements.push(statement);
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// What a map gives: a verdict, or a value.
    fn data(&mut self, mode: Mode) -> Parsed<Expr> {
        let start = self.token.start;
        if self.token.kind == Kind::Word {
            if let Some(verdict) = self.verdict()? {
                return Ok(self.expr(ExprKind::Verdict(verdict), start));
            }
            if self.eat_word("queue") {
                let verdict = Verdict::Queue;
                return Ok(self.expr(ExprKind::Verdict(verdict), start));
            }
        }
        let data = self.expression(mode)?;
        match data.kind {
            // A variable may stand for a verdict.
            ExprKind::Word(word) => Ok(Expr {
                kind: verdict_word(&word).unwrap_or(ExprKind::Word(word)),
                place: data.place,
            }),
            _ => Ok(data),
        }
    }

    /// `1h30m`, or seconds, in milliseconds.
    pub(super) fn duration(&mut self) -> Parsed<u64> {
        let token = self.token;
        if token.kind == Kind::Number {
            return Ok(self.number()?.saturating_mul(1000));
        }
        match symbols::duration(token.text) {
            Some(duration) if matches!(token.kind, Kind::Word | Kind::Quoted) => {
                self.bump();
                Ok(duration)
            }
            _ => Err(self.expected("a duration such as `1h30m`")),
        }
    }
}

fn verdict_word(word: &str) -> Option<ExprKind> {
    Some(ExprKind::Verdict(match word {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "continue" => Verdict::Continue,
        "return" => Verdict::Return,
        _ => return None,
    }))
}
