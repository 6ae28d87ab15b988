//! Rules and statements.

use super::super::symbols;
use super::super::syntax::{
    Aside, ExprKind, ObjectKind, Op, Rule, SetOp, Statement, StatementKind, Xt,
};
use super::super::text;
use super::Reader;
use super::node::{Node, Parsed};

impl Reader<'_> {
    /// A rule's statements, comment and handle.
    pub(super) fn rule(&mut self, node: Node<'_>) -> Parsed<Rule> {
        let comment = match node.get("comment") {
            Some(comment) => Some(comment.string("a comment")?.into()),
            None => None,
        };
        Ok(Rule {
            statements: node
                .get("expr")
                .map(|statements| self.statements(statements))
                .unwrap_or_default(),
            comment,
            handle: Aside(node.get("handle").map(Node::number).transpose()?),
            place: node.place(),
        })
    }

    /// Statements in order; one that cannot be read says so in its place.
    pub(super) fn statements(&mut self, node: Node<'_>) -> Vec<Statement> {
        let mut statements = Vec::new();
        for item in node.one_or_more() {
            if let Some(words) = item.text() {
                // Where nft has no JSON for something it gives its text.
                statements.extend(text::statements(words, item.span(), self.build));
                continue;
            }
            let statement = item
                .only("a statement")
                .and_then(|(name, inside)| {
                    self.deeper(item, |reader| reader.named_statement(name, inside))
                })
                .unwrap_or_else(|fault| Statement {
                    kind: StatementKind::Unreadable(self.unreadable(fault)),
                    place: item.place(),
                });
            statements.push(Statement {
                place: item.place(),
                ..statement
            });
        }
        statements
    }

    /// A statement by its name.
    pub(super) fn named_statement(&mut self, name: &str, inside: Node<'_>) -> Parsed<Statement> {
        let kind = self.statement_kind(name, inside)?;
        Ok(Statement {
            kind,
            place: inside.place(),
        })
    }

    fn statement_kind(&mut self, name: &str, inside: Node<'_>) -> Parsed<StatementKind> {
        match name {
            "match" => Ok(StatementKind::Match {
                left: self.expression(inside.need("left")?)?,
                op: relation(inside.need("op")?)?,
                right: self.expression(inside.need("right")?)?,
            }),
            "vmap" => Ok(StatementKind::Vmap {
                key: self.expression(inside.need("key")?)?,
                data: self.expression(inside.need("data")?)?,
            }),
            "mangle" => Ok(StatementKind::Mangle {
                key: self.expression(inside.need("key")?)?,
                value: self.expression(inside.need("value")?)?,
            }),
            "set" | "map" if inside.get("op").is_some() => self.set_update(name, inside),
            "meter" => self.meter(inside),
            "xt" => Ok(StatementKind::Xt(extension(inside))),
            "reset" => {
                let option = self.expression(inside)?;
                match option.kind {
                    ExprKind::TcpOption { .. } => Ok(StatementKind::ResetTcpOption(option)),
                    _ => Err(inside.expected("a TCP option")),
                }
            }
            _ => {
                if let Some(verdict) = self.verdict(name, inside)?
                    && name != "queue"
                {
                    return Ok(StatementKind::Verdict(verdict));
                }
                match self.action(name, inside)? {
                    Some(kind) => Ok(kind),
                    None => Err(inside.fault(format!("expected a statement, found `{name}`"))),
                }
            }
        }
    }

    fn set_update(&mut self, name: &str, inside: Node<'_>) -> Parsed<StatementKind> {
        let op = inside.need("op")?;
        let op = match op.text() {
            Some("add") => SetOp::Add,
            Some("update") => SetOp::Update,
            Some("delete") => SetOp::Delete,
            _ => return Err(op.expected("`add`, `update` or `delete`")),
        };
        let set = inside.need(name)?.string("a set")?;
        let mut element = self.element(inside.need("elem")?)?;
        if let Some(data) = inside.get("data") {
            element.data = Some(self.expression(data)?);
        }
        let mut statements = std::mem::take(&mut element.statements);
        if let Some(more) = inside.get("stmt") {
            statements.extend(self.statements(more));
        }
        Ok(StatementKind::SetUpdate {
            op,
            set: set.strip_prefix('@').unwrap_or(set).into(),
            element: Box::new(element),
            statements,
        })
    }

    fn meter(&mut self, inside: Node<'_>) -> Parsed<StatementKind> {
        let name = match inside.get("name") {
            Some(name) => name.string("a name")?,
            None => "",
        };
        let mut key = self.element(inside.need("key")?)?;
        let mut statements = std::mem::take(&mut key.statements);
        statements.extend(self.statements(inside.need("stmt")?));
        Ok(StatementKind::Meter {
            name: name.into(),
            size: inside.get("size").map(Node::number).transpose()?,
            key: Box::new(key),
            statements,
        })
    }

    /// A statement that uses an object, if the value is a name or a map of names.
    pub(super) fn object_use(
        &mut self,
        kind: ObjectKind,
        inside: Node<'_>,
    ) -> Parsed<Option<StatementKind>> {
        if inside.text().is_none() && inside.get("map").is_none() {
            return Ok(None);
        }
        let name = self.expression(inside)?;
        Ok(Some(StatementKind::UseObject { kind, name }))
    }

    fn action(&mut self, name: &str, inside: Node<'_>) -> Parsed<Option<StatementKind>> {
        if let Some(kind) = symbols::object_kind(name)
            && let Some(statement) = self.object_use(kind, inside)?
        {
            return Ok(Some(statement));
        }
        self.other_action(name, inside)
    }
}

fn relation(node: Node<'_>) -> Parsed<Op> {
    Ok(match node.text() {
        Some("==") => Op::Eq,
        Some("!=") => Op::Ne,
        Some("<") => Op::Lt,
        Some(">") => Op::Gt,
        Some("<=") => Op::Le,
        Some(">=") => Op::Ge,
        Some("in") => Op::In,
        Some("!") => Op::NotIn,
        _ => return Err(node.expected("an operator such as `==`")),
    })
}

fn extension(node: Node<'_>) -> Xt {
    let text = |name| node.get(name).and_then(Node::text).map(Into::into);
    Xt {
        kind: Aside(text("type")),
        name: Aside(text("name")),
    }
}
