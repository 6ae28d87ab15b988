//! Expressions: what is matched, and with what.

use super::super::symbols;
use super::super::syntax::{BinaryOp, Expr, ExprKind};
use super::lexer::{Kind, Token};
use super::parser::{Parsed, Parser, integer};

/// Most operators of one computation: each is a level of the tree.
const MOST_OPERATORS: usize = 128;

/// What words stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Selectors such as `ip saddr` where they are complete, else constants.
    Selectors,
    /// Constants only: `ip` in `meta protocol ip` is a name.
    Constants,
}

impl<'a> Parser<'a, '_> {
    /// `a . b`, with operators, and a map behind it.
    pub(super) fn expression(&mut self, mode: Mode) -> Parsed<Expr> {
        self.deeper(|parser| {
            let key = parser.concatenation(mode)?;
            if parser.token.is_word("map") && mode == Mode::Selectors {
                return parser.map(key);
            }
            Ok(key)
        })
    }

    /// Behind the key: `map { … }` or `map @m`.
    fn map(&mut self, key: Expr) -> Parsed<Expr> {
        let start = key.place.0.start as usize;
        self.expect_word("map")?;
        let data = self.set_or_reference()?;
        Ok(self.expr(
            ExprKind::Map {
                key: Box::new(key),
                data: Box::new(data),
            },
            start,
        ))
    }

    /// `{ … }`, `@name` or `$variable`.
    pub(super) fn set_or_reference(&mut self) -> Parsed<Expr> {
        if self.token.is("{") {
            return self.set_literal(Mode::Constants);
        }
        if self.token.is("@") || self.token.is("$") {
            return self.primary(Mode::Constants);
        }
        Err(self.expected("`{` or a set such as `@name`"))
    }

    fn concatenation(&mut self, mode: Mode) -> Parsed<Expr> {
        let start = self.token.start;
        let first = self.range(mode)?;
        if !self.token.is(".") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.eat(".") {
            self.newlines();
            parts.push(self.range(mode)?);
        }
        Ok(self.expr(ExprKind::Concat(parts), start))
    }

    /// `a-b`, `a/8`, or a computation.
    fn range(&mut self, mode: Mode) -> Parsed<Expr> {
        let start = self.token.start;
        let low = self.computation(mode, 0)?;
        if self.token.is("-") {
            self.bump();
            let high = self.computation(mode, 0)?;
            return Ok(self.expr(ExprKind::Range(Box::new(low), Box::new(high)), start));
        }
        let prefixed = matches!(
            low.kind,
            ExprKind::Address(_) | ExprKind::Number(_) | ExprKind::Mac(_)
        );
        if prefixed && self.token.is("/") && self.second().kind == Kind::Number {
            self.bump();
            let length = self.small()?;
            return Ok(self.expr(
                ExprKind::Prefix {
                    value: Box::new(low),
                    length,
                },
                start,
            ));
        }
        Ok(low)
    }

    /// Operators, the weakest first.
    fn computation(&mut self, mode: Mode, level: usize) -> Parsed<Expr> {
        let start = self.token.start;
        if level > 3 {
            return self.primary(mode);
        }
        let mut left = self.computation(mode, level + 1)?;
        let mut length = 0;
        while let Some(op) = operator(&self.token, level) {
            length += 1;
            if length > MOST_OPERATORS {
                return Err(self.expected(&format!("at most {MOST_OPERATORS} operators")));
            }
            self.bump();
            let right = self.computation(mode, level + 1)?;
            left = self.expr(
                ExprKind::Binary {
                    op,
                    left: Box::new(left),
                    right: Box::new(right),
                },
                start,
            );
        }
        Ok(left)
    }

    /// One value or selector.
    pub(super) fn primary(&mut self, mode: Mode) -> Parsed<Expr> {
        let token = self.token;
        let kind = match token.kind {
            Kind::Number => {
                self.bump();
                let number = integer(token.text)
                    .ok_or_else(|| Self::fault(&token, format!("`{}` is too large", token.text)))?;
                ExprKind::Number(number)
            }
            Kind::V4 | Kind::V6 => {
                self.bump();
                ExprKind::Address(
                    token.text.parse().map_err(|_| {
                        Self::fault(&token, format!("`{}` is no address", token.text))
                    })?,
                )
            }
            Kind::Mac => {
                self.bump();
                ExprKind::Mac(symbols::mac(token.text).ok_or_else(|| {
                    Self::fault(&token, format!("`{}` is no address", token.text))
                })?)
            }
            Kind::Quoted => {
                self.bump();
                ExprKind::Word(token.text.into())
            }
            Kind::Word => return self.word(mode),
            Kind::Mark => return self.marked(mode),
            _ => return Err(self.expected("an expression")),
        };
        Ok(self.expr(kind, token.start))
    }

    fn marked(&mut self, mode: Mode) -> Parsed<Expr> {
        let token = self.token;
        match token.text {
            "(" => self.deeper(|parser| {
                parser.bump();
                let mut inner = parser.expression(mode)?;
                if parser.token.is(",") {
                    inner = parser.list(inner, mode)?;
                }
                parser.expect(")")?;
                Ok(inner)
            }),
            "[" => self.deeper(|parser| {
                parser.bump();
                let inner = parser.expression(mode)?;
                parser.expect("]")?;
                Ok(inner)
            }),
            "{" => self.set_literal(mode),
            "@" => self.at_sign(),
            "$" => self.variable(),
            "*" => {
                self.bump();
                Ok(self.expr(ExprKind::Any, token.start))
            }
            _ => Err(self.expected("an expression")),
        }
    }

    /// Behind the first part: `,b,c`.
    pub(super) fn list(&mut self, first: Expr, mode: Mode) -> Parsed<Expr> {
        let start = first.place.0.start as usize;
        let mut parts = vec![first];
        while self.eat(",") {
            self.newlines();
            parts.push(self.computation(mode, 0)?);
        }
        Ok(self.expr(ExprKind::List(parts), start))
    }

    /// `@name`, or `@nh,0,8`.
    fn at_sign(&mut self) -> Parsed<Expr> {
        let start = self.bump().start;
        let base = symbols::one_of(&["ll", "nh", "th", "ih"], self.token.text);
        if let Some(base) = base
            && self.second().is(",")
        {
            self.bump();
            self.expect(",")?;
            let offset = self.small()?;
            self.expect(",")?;
            let length = self.small()?;
            return Ok(self.expr(
                ExprKind::RawPayload {
                    base,
                    offset,
                    length,
                },
                start,
            ));
        }
        let name = self.name()?.text;
        Ok(self.expr(ExprKind::SetRef(name), start))
    }

    fn variable(&mut self) -> Parsed<Expr> {
        let start = self.bump().start;
        let name = self.token;
        if name.kind != Kind::Word {
            return Err(self.expected("the name of a variable"));
        }
        self.bump();
        let Some(value) = self.variables.get(name.text) else {
            return Err(Self::fault(
                &name,
                format!(
                    "expected a variable that `define` makes before this line, found `{}`",
                    name.text
                ),
            ));
        };
        let size = match &value.kind {
            ExprKind::Set(elements) => elements.len(),
            ExprKind::List(parts) => parts.len(),
            _ => 1,
        };
        let kind = value.kind.clone();
        if !self.build.charge(size) {
            return Err(Self::fault(&name, "too many elements in all sets together"));
        }
        Ok(self.expr(kind, start))
    }

    fn word(&mut self, mode: Mode) -> Parsed<Expr> {
        if mode == Mode::Selectors
            && let Some(selector) = self.selector()?
        {
            return Ok(selector);
        }
        let token = self.bump();
        let kind = match token.text {
            "exists" => ExprKind::Exists(true),
            "missing" => ExprKind::Exists(false),
            text => ExprKind::Word(text.into()),
        };
        Ok(self.expr(kind, token.start))
    }
}

/// The operator that this token is, if it binds as strongly as this level.
fn operator(token: &Token<'_>, level: usize) -> Option<BinaryOp> {
    if !matches!(token.kind, Kind::Mark | Kind::Word) {
        return None;
    }
    Some(match (level, token.text) {
        (0, "|" | "or") => BinaryOp::Or,
        (1, "^" | "xor") => BinaryOp::Xor,
        (2, "&" | "and") => BinaryOp::And,
        (3, "<<" | "lshift") => BinaryOp::ShiftLeft,
        (3, ">>" | "rshift") => BinaryOp::ShiftRight,
        _ => return None,
    })
}
