//! Expressions.

use super::super::syntax::{BinaryOp, Expr, ExprKind, Target, Verdict};
use super::Reader;
use super::node::{Node, Parsed};

impl Reader<'_> {
    pub(super) fn expression(&mut self, node: Node<'_>) -> Parsed<Expr> {
        let kind = self.deeper(node, |reader| reader.expression_kind(node))?;
        Ok(Expr {
            kind,
            place: node.place(),
        })
    }

    fn boxed(&mut self, node: Node<'_>) -> Parsed<Box<Expr>> {
        self.expression(node).map(Box::new)
    }

    fn expression_kind(&mut self, node: Node<'_>) -> Parsed<ExprKind> {
        if let Some(text) = node.text() {
            return Ok(match text.strip_prefix('@') {
                Some(set) => ExprKind::SetRef(set.into()),
                None if text == "*" => ExprKind::Any,
                None => ExprKind::Word(text.into()),
            });
        }
        if let Some(number) = node.integer() {
            return Ok(ExprKind::Number(number));
        }
        if let Some(switch) = node.switch() {
            return Ok(ExprKind::Exists(switch));
        }
        if let Some(parts) = node.items() {
            return self.all(parts).map(ExprKind::List);
        }
        let (name, inside) = node.only("an expression")?;
        self.named(name, inside, node)
    }

    pub(super) fn all<'t>(&mut self, nodes: impl Iterator<Item = Node<'t>>) -> Parsed<Vec<Expr>> {
        nodes.map(|node| self.expression(node)).collect()
    }

    fn named(&mut self, name: &str, inside: Node<'_>, node: Node<'_>) -> Parsed<ExprKind> {
        match name {
            "concat" => self
                .all(inside.one_or_more().into_iter())
                .map(ExprKind::Concat),
            "set" => self.elements(inside).map(ExprKind::Set),
            "range" => match inside.one_or_more().as_slice() {
                [low, high] => Ok(ExprKind::Range(self.boxed(*low)?, self.boxed(*high)?)),
                _ => Err(inside.expected("two values")),
            },
            "prefix" => Ok(ExprKind::Prefix {
                value: self.boxed(inside.need("addr")?)?,
                length: inside.need("len")?.number()?,
            }),
            "map" | "vmap" => Ok(ExprKind::Map {
                key: self.boxed(inside.need("key")?)?,
                data: self.boxed(inside.need("data")?)?,
            }),
            // A single element without anything of its own.
            "elem" => Ok(self.element(node)?.key.kind),
            "&" => self.computation(BinaryOp::And, inside),
            "|" => self.computation(BinaryOp::Or, inside),
            "^" => self.computation(BinaryOp::Xor, inside),
            "<<" => self.computation(BinaryOp::ShiftLeft, inside),
            ">>" => self.computation(BinaryOp::ShiftRight, inside),
            _ => {
                if let Some(verdict) = self.verdict(name, inside)? {
                    return Ok(ExprKind::Verdict(verdict));
                }
                match self.selector(name, inside)? {
                    Some(kind) => Ok(kind),
                    None => Err(node.fault(format!("expected an expression, found `{name}`"))),
                }
            }
        }
    }

    /// Two or more operands, from the left.
    fn computation(&mut self, op: BinaryOp, inside: Node<'_>) -> Parsed<ExprKind> {
        let parts = inside.one_or_more();
        if parts.len() < 2 || parts.len() > super::DEEPEST {
            return Err(inside.expected("two or more operands"));
        }
        let mut parts = parts.into_iter();
        let mut left = match parts.next() {
            Some(first) => self.expression(first)?,
            None => return Err(inside.expected("operands")),
        };
        for part in parts {
            let right = self.boxed(part)?;
            left = Expr {
                kind: ExprKind::Binary {
                    op,
                    left: Box::new(left),
                    right,
                },
                place: inside.place(),
            };
        }
        Ok(left.kind)
    }

    /// The verdict of this name, if it is one.
    pub(super) fn verdict(&mut self, name: &str, inside: Node<'_>) -> Parsed<Option<Verdict>> {
        let target = |inside: Node<'_>| {
            let target = inside.need("target")?.string("the name of a chain")?;
            Ok(Target::Chain(target.into()))
        };
        Ok(Some(match name {
            "accept" => Verdict::Accept,
            "drop" => Verdict::Drop,
            "continue" => Verdict::Continue,
            "return" => Verdict::Return,
            "queue" if inside.is_null() => Verdict::Queue,
            "jump" => Verdict::Jump(target(inside)?),
            "goto" => Verdict::Goto(target(inside)?),
            _ => return Ok(None),
        }))
    }
}
