//! Rules and the statements that match, decide, or touch sets.

use super::super::symbols;
use super::super::syntax::{
    Aside, BinaryOp, Element, Expr, ExprKind, ObjectKind, Op, Rule, SetOp, Statement,
    StatementKind, Target, Verdict, Xt,
};
use super::expression::Mode;
use super::lexer::Kind;
use super::parser::{Parsed, Parser};

const HELP: &str = "the rule is kept as unknown: what it does to packets is not counted on";

impl<'a> Parser<'a, '_> {
    /// One rule up to its end. It never fails: the rest of a rule that cannot be read becomes a
    /// statement that says so.
    pub(super) fn rule(&mut self) -> Rule {
        let start = self.token.start;
        let mut rule = Rule {
            statements: Vec::new(),
            comment: None,
            handle: Aside(None),
            place: self.place(start, start),
        };
        let open = self.open;
        while !self.at_end() {
            if let Err(fault) = self.rule_part(&mut rule) {
                let at = fault.start;
                let unreadable = self.unreadable(fault, HELP);
                self.recover(open);
                rule.statements.push(Statement {
                    place: self.since(at.min(self.last_end)),
                    kind: StatementKind::Unreadable(unreadable),
                });
                break;
            }
        }
        rule.place = self.since(start);
        if self.token.kind == Kind::Handle {
            rule.handle = Aside(self.token.text.parse().ok());
        }
        rule
    }

    fn rule_part(&mut self, rule: &mut Rule) -> Parsed<()> {
        if self.eat_word("comment") {
            rule.comment = Some(self.string("a comment in quotes")?);
            return Ok(());
        }
        let statement = self.statement()?;
        rule.statements.push(statement);
        Ok(())
    }

    /// One statement.
    pub(super) fn statement(&mut self) -> Parsed<Statement> {
        let start = self.token.start;
        let kind = self.deeper(Self::statement_kind)?;
        Ok(Statement {
            kind,
            place: self.since(start),
        })
    }

    fn statement_kind(&mut self) -> Parsed<StatementKind> {
        let word = match self.token.kind {
            Kind::Word => self.token.text,
            _ => return self.comparison(),
        };
        if let Some(verdict) = self.verdict()? {
            return Ok(StatementKind::Verdict(verdict));
        }
        match word {
            "add" | "update" | "delete" if self.second().is("@") => self.set_update(),
            "set" => self.old_set_update(),
            "ct" => self.conntrack(),
            "meta" => self.meta_statement(),
            "meter" => self.meter(),
            "flow" => self.flow(),
            "xt" => self.xt(),
            "notrack" => {
                self.bump();
                Ok(StatementKind::Notrack)
            }
            "reset" => {
                self.bump();
                let option = self.expression(Mode::Selectors)?;
                match option.kind {
                    ExprKind::TcpOption { .. } => Ok(StatementKind::ResetTcpOption(option)),
                    _ => Err(self.expected("`tcp option` and a name behind `reset`")),
                }
            }
            _ => match self.action(word)? {
                Some(kind) => Ok(kind),
                None => self.comparison(),
            },
        }
    }

    /// A verdict, if one stands here. `queue` is a statement of its own.
    pub(super) fn verdict(&mut self) -> Parsed<Option<Verdict>> {
        let verdict = match self.token.text {
            "accept" => Verdict::Accept,
            "drop" => Verdict::Drop,
            "continue" => Verdict::Continue,
            "return" => Verdict::Return,
            "jump" => {
                self.bump();
                return self.target().map(|target| Some(Verdict::Jump(target)));
            }
            "goto" => {
                self.bump();
                return self.target().map(|target| Some(Verdict::Goto(target)));
            }
            _ => return Ok(None),
        };
        self.bump();
        Ok(Some(verdict))
    }

    fn target(&mut self) -> Parsed<Target> {
        if !self.token.is("{") {
            return Ok(Target::Chain(self.name()?.text));
        }
        self.deeper(|parser| {
            parser.bump();
            let mut rules = Vec::new();
            loop {
                parser.separators();
                if parser.eat("}") {
                    return Ok(Target::Rules(rules));
                }
                if parser.token.kind == Kind::End {
                    return Err(parser.expected("`}` at the end of the rules"));
                }
                rules.push(parser.rule());
            }
        })
    }

    /// `KEY OP VALUE`, `KEY vmap …`, `KEY set …`.
    fn comparison(&mut self) -> Parsed<StatementKind> {
        let begin = self.token;
        let left = self.expression(Mode::Selectors)?;
        if self.eat_word("vmap") {
            let data = self.set_or_reference()?;
            return Ok(StatementKind::Vmap { key: left, data });
        }
        if !is_selector(&left) {
            return Err(Self::fault(
                &begin,
                format!(
                    "expected a statement or something to match, found {}",
                    begin.describe()
                ),
            ));
        }
        if self.eat_word("set") {
            let value = self.mangle_value()?;
            return Ok(StatementKind::Mangle { key: left, value });
        }
        let op = self.relation();
        let right = self.compared()?;
        if self.token.is("/") {
            self.bump();
            let mask = self.compared()?;
            return Ok(masked(left, op, right, mask));
        }
        if symbols::is_bitmask(symbols::type_of(&left))
            && let Some((value, mask)) = numeric_mask(&right)
        {
            return Ok(masked(left, op, value, mask));
        }
        Ok(StatementKind::Match { left, op, right })
    }

    fn mangle_value(&mut self) -> Parsed<Expr> {
        let value = self.expression(Mode::Selectors)?;
        if self.token.is(",") {
            return self.list(value, Mode::Selectors);
        }
        Ok(value)
    }

    fn relation(&mut self) -> Op {
        let op = match (self.token.kind, self.token.text) {
            (Kind::Mark, "==") | (Kind::Word, "eq") => Op::Eq,
            (Kind::Mark, "!=") | (Kind::Word, "ne") => Op::Ne,
            (Kind::Mark, "<") | (Kind::Word, "lt") => Op::Lt,
            (Kind::Mark, ">") | (Kind::Word, "gt") => Op::Gt,
            (Kind::Mark, "<=") | (Kind::Word, "le") => Op::Le,
            (Kind::Mark, ">=") | (Kind::Word, "ge") => Op::Ge,
            (Kind::Mark, "!") => Op::NotIn,
            _ => return Op::In,
        };
        self.bump();
        op
    }

    /// The right side of a comparison.
    fn compared(&mut self) -> Parsed<Expr> {
        let right = self.expression(Mode::Constants)?;
        if self.token.is(",") {
            return self.list(right, Mode::Constants);
        }
        Ok(right)
    }

    /// `add @set { … }`.
    fn set_update(&mut self) -> Parsed<StatementKind> {
        let op = set_op(self.bump().text);
        self.expect("@")?;
        let set = self.name()?.text;
        self.expect("{")?;
        self.newlines();
        let (element, statements) = self.dynamic_element()?;
        self.newlines();
        self.expect("}")?;
        Ok(StatementKind::SetUpdate {
            op,
            set,
            element: Box::new(element),
            statements,
        })
    }

    /// `set add KEY @set`, as older versions have it.
    fn old_set_update(&mut self) -> Parsed<StatementKind> {
        self.bump();
        if !matches!(self.token.text, "add" | "update" | "delete") {
            return Err(self.expected("`add`, `update` or `delete`"));
        }
        let op = set_op(self.bump().text);
        let (element, statements) = self.dynamic_element()?;
        self.expect("@")?;
        let set = self.name()?.text;
        Ok(StatementKind::SetUpdate {
            op,
            set,
            element: Box::new(element),
            statements,
        })
    }

    /// An element that a rule makes: its statements are those of the rule, not its own.
    fn dynamic_element(&mut self) -> Parsed<(Element, Vec<Statement>)> {
        let mut element = self.element(Mode::Selectors)?;
        let statements = std::mem::take(&mut element.statements);
        Ok((element, statements))
    }

    /// `meter NAME [size N] { KEY STATEMENT }`.
    fn meter(&mut self) -> Parsed<StatementKind> {
        self.bump();
        let name = self.name()?.text;
        let mut size = None;
        if self.eat_word("size") {
            size = Some(self.number()?);
        }
        self.expect("{")?;
        self.newlines();
        let (key, statements) = self.dynamic_element()?;
        self.newlines();
        self.expect("}")?;
        Ok(StatementKind::Meter {
            name,
            size,
            key: Box::new(key),
            statements,
        })
    }

    fn flow(&mut self) -> Parsed<StatementKind> {
        self.bump();
        if !(self.eat_word("add") || self.eat_word("offload")) {
            return Err(self.expected("`add` or `offload`"));
        }
        self.expect("@")?;
        Ok(StatementKind::FlowOffload(self.name()?.text))
    }

    fn xt(&mut self) -> Parsed<StatementKind> {
        self.bump();
        let mut kind = None;
        if matches!(self.token.text, "match" | "target" | "watcher") {
            kind = Some(self.bump().text.into());
        }
        let mut name = None;
        if matches!(self.token.kind, Kind::Quoted | Kind::Word) {
            name = Some(self.string("the name of an extension")?);
        }
        Ok(StatementKind::Xt(Xt {
            kind: Aside(kind),
            name: Aside(name),
        }))
    }

    /// `ct count …`, `ct helper set "x"`; else a comparison.
    fn conntrack(&mut self) -> Parsed<StatementKind> {
        let (second, third) = self.second_and_third();
        if second.is_word("count") {
            self.bump();
            self.bump();
            let over = self.eat_word("over");
            let count = self.number()?;
            return Ok(StatementKind::CtCount { count, over });
        }
        let kind = match second.text {
            "helper" => ObjectKind::CtHelper,
            "timeout" => ObjectKind::CtTimeout,
            "expectation" => ObjectKind::CtExpectation,
            _ => return self.comparison(),
        };
        if !third.is_word("set") {
            return self.comparison();
        }
        self.use_object(kind)
    }

    /// `meta secmark set "x"`; else a comparison.
    fn meta_statement(&mut self) -> Parsed<StatementKind> {
        let (second, third) = self.second_and_third();
        if !(second.is_word("secmark") && third.is_word("set")) {
            return self.comparison();
        }
        let value = self.fourth();
        if value.is_word("ct") || value.kind == Kind::Number {
            return self.comparison();
        }
        self.use_object(ObjectKind::Secmark)
    }

    /// Behind two words and `set`: the name of an object, or a map of names.
    fn use_object(&mut self, kind: ObjectKind) -> Parsed<StatementKind> {
        self.bump();
        self.bump();
        self.bump();
        let name = self.expression(Mode::Selectors)?;
        Ok(StatementKind::UseObject { kind, name })
    }
}

fn set_op(word: &str) -> SetOp {
    match word {
        "update" => SetOp::Update,
        "delete" => SetOp::Delete,
        _ => SetOp::Add,
    }
}

/// Whether an expression looks at the packet, so that it can be matched.
fn is_selector(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Binary { left, right, .. } => is_selector(left) || is_selector(right),
        ExprKind::Concat(parts) => parts.iter().any(is_selector),
        ExprKind::Map { key, .. } => is_selector(key),
        _ => symbols::is_selector(expr),
    }
}

/// `VALUE / MASK`: `tcp flags syn / syn,ack` is `tcp flags & (syn,ack) == syn`.
fn masked(left: Expr, op: Op, right: Expr, mask: Expr) -> StatementKind {
    let place = left.place;
    let left = Expr {
        kind: ExprKind::Binary {
            op: BinaryOp::And,
            left: Box::new(left),
            right: Box::new(mask),
        },
        place,
    };
    let op = match op {
        Op::In => Op::Eq,
        Op::NotIn => Op::Ne,
        op => op,
    };
    StatementKind::Match { left, op, right }
}

/// `0x2,0x4 / 0x2,0x10`, which reads like a list with a prefix in it: the bits on either side.
fn numeric_mask(right: &Expr) -> Option<(Expr, Expr)> {
    let parts = match &right.kind {
        ExprKind::List(parts) => parts.as_slice(),
        _ => std::slice::from_ref(right),
    };
    let (mut value, mut mask) = (0, None);
    for part in parts {
        match (&part.kind, &mut mask) {
            (ExprKind::Number(number), None) => value |= number,
            (ExprKind::Number(number), Some(bits)) => *bits |= number,
            (
                ExprKind::Prefix {
                    value: last,
                    length,
                },
                None,
            ) => {
                let ExprKind::Number(number) = last.kind else {
                    return None;
                };
                value |= number;
                mask = Some(u128::from(*length));
            }
            _ => return None,
        }
    }
    let number = |number| Expr {
        kind: ExprKind::Number(number),
        place: right.place,
    };
    Some((number(value), number(mask?)))
}
