//! Blocks: tables, chains, sets, objects, flowtables.

use super::super::build::TableName;
use super::super::resolve::types_of;
use super::super::symbols;
use super::super::syntax::{
    Aside, Base, Chain, Element, Expr, ExprKind, Flowtable, Hook, ObjectKind, Policy, Set, SetData,
    Unreadable,
};
use super::expression::Mode;
use super::lexer::Kind;
use super::parser::{Fault, Name, Parsed, Parser};

const HELP: &str = "this part of the table is not counted on; see nft(8) for what may stand here";

impl<'a> Parser<'a, '_> {
    /// `{ … }` of a table.
    pub(super) fn table_block(&mut self, table: &TableName) -> Parsed<()> {
        self.expect("{")?;
        self.family = table.family;
        self.build.table(table, |_| {});
        loop {
            self.separators_of_table(table);
            if self.eat("}") {
                return Ok(());
            }
            if self.token.kind == Kind::End {
                return Err(self.expected("`}` at the end of the table"));
            }
            let open = self.open;
            if let Err(fault) = self.table_part(table) {
                let unreadable = self.unreadable(fault, HELP);
                self.recover(open);
                self.build.table(table, |t| t.unreadable.push(unreadable));
            }
        }
    }

    /// Skips separators; a handle belongs to the table if nothing stands before it.
    fn separators_of_table(&mut self, table: &TableName) {
        if self.token.kind == Kind::Handle {
            let handle = self.token.text.parse().ok();
            self.build
                .table(table, |t| t.handle = Aside(t.handle.0.or(handle)));
        }
        self.separators();
    }

    fn table_part(&mut self, table: &TableName) -> Parsed<()> {
        match self.token.text {
            "flags" => return self.table_flags(table),
            "comment" => {
                self.bump();
                let comment = self.string("a comment in quotes")?;
                self.build
                    .table(table, |t| t.comment = Aside(Some(comment)));
                return self.end();
            }
            "define" | "redefine" | "undefine" | "include" => return self.preprocessor(),
            _ => {}
        }
        let Some(what) = self.object_word() else {
            return Err(
                self.expected("`chain`, `set`, `map`, `flowtable` or an object such as `counter`")
            );
        };
        let name = self.name()?;
        self.definition(table, what, &name)
    }

    fn table_flags(&mut self, table: &TableName) -> Parsed<()> {
        self.bump();
        loop {
            match self.token.text {
                "dormant" => self.build.table(table, |t| t.dormant = true),
                "owner" => self.build.table(table, |t| t.owner = true),
                "persist" => self.build.table(table, |t| t.persist = true),
                _ => return Err(self.expected("`dormant`, `owner` or `persist`")),
            }
            self.bump();
            if !self.eat(",") {
                return self.end();
            }
        }
    }

    /// What is defined: `chain`, `set`, `ct helper`, … taken from the text.
    pub(super) fn object_word(&mut self) -> Option<&'static str> {
        if self.token.kind != Kind::Word {
            return None;
        }
        if self.token.text == "ct" {
            let second = self.second();
            let what = ["ct helper", "ct timeout", "ct expectation"]
                .into_iter()
                .find(|what| what.strip_prefix("ct ") == Some(second.text))?;
            self.bump();
            self.bump();
            return Some(what);
        }
        let known = [
            "chain",
            "set",
            "map",
            "flowtable",
            "counter",
            "quota",
            "limit",
            "secmark",
            "synproxy",
            "tunnel",
        ];
        let what = symbols::one_of(&known, self.token.text)?;
        self.bump();
        Some(what)
    }

    /// Behind `chain NAME`, `set NAME`, …: the block, if there is one.
    pub(super) fn definition(
        &mut self,
        table: &TableName,
        what: &'static str,
        name: &Name,
    ) -> Parsed<()> {
        match what {
            "chain" => {
                let chain = self.chain(name)?;
                self.build.chain(table, chain);
            }
            "set" | "map" => {
                let set = self.set(name)?;
                self.build.set(table, set);
            }
            "flowtable" => {
                let flowtable = self.flowtable(name)?;
                self.build.flowtable(table, flowtable);
            }
            kind => {
                let Some(kind) = symbols::object_kind(kind) else {
                    return Err(self.expected("an object"));
                };
                let object = self.object(kind, name)?;
                self.build.object(table, object);
            }
        }
        self.end()
    }

    /// The inside of a block, part by part; what cannot be read is handed back.
    pub(super) fn block(
        &mut self,
        mut part: impl FnMut(&mut Self) -> Parsed<()>,
    ) -> Parsed<(Vec<Unreadable>, Option<u64>)> {
        let mut unreadable = Vec::new();
        let mut handle = None;
        self.expect("{")?;
        if self.token.kind == Kind::Handle {
            handle = self.token.text.parse().ok();
        }
        loop {
            self.separators();
            if self.eat("}") {
                return Ok((unreadable, handle));
            }
            if self.token.kind == Kind::End {
                return Err(self.expected("`}` at the end of the block"));
            }
            let open = self.open;
            if let Err(fault) = part(self) {
                unreadable.push(self.unreadable(fault, HELP));
                self.recover(open);
            }
        }
    }

    fn chain(&mut self, name: &Name) -> Parsed<Chain> {
        let mut chain = Chain {
            name: name.text.clone(),
            base: None,
            offload: false,
            comment: Aside(None),
            handle: Aside(None),
            rules: Vec::new(),
            unreadable: Vec::new(),
            place: self.place(name.start, name.end),
        };
        if !self.token.is("{") {
            return Ok(chain);
        }
        let result = self.block(|parser| parser.chain_part(&mut chain));
        match result {
            Ok((unreadable, handle)) => {
                chain.unreadable = unreadable;
                chain.handle = Aside(handle);
            }
            // A text that ends early keeps the rules that it has.
            Err(fault) => {
                let unreadable = self.unreadable(fault, HELP);
                chain.unreadable.push(unreadable);
            }
        }
        Ok(chain)
    }

    fn chain_part(&mut self, chain: &mut Chain) -> Parsed<()> {
        match self.token.text {
            "type" => {
                let base = self.base()?;
                chain.base = Some(base);
                self.end()
            }
            "policy" => {
                self.bump();
                let policy = self.policy()?;
                match &mut chain.base {
                    Some(base) => base.policy = policy,
                    None => return Err(self.expected("`type … hook …` before the policy")),
                }
                self.end()
            }
            "devices" => {
                let devices = self.devices()?;
                match &mut chain.base {
                    Some(base) => base.devices.extend(devices),
                    None => return Err(self.expected("`type … hook …` before the devices")),
                }
                self.end()
            }
            "flags" => {
                self.bump();
                self.expect_word("offload")?;
                chain.offload = true;
                self.end()
            }
            "comment" => {
                self.bump();
                chain.comment = Aside(Some(self.string("a comment in quotes")?));
                self.end()
            }
            "define" | "redefine" | "undefine" | "include" => self.preprocessor(),
            _ => {
                let rule = self.rule();
                if self.token.kind == Kind::Handle {
                    self.bump();
                }
                chain.rules.push(rule);
                Ok(())
            }
        }
    }

    /// `type filter hook input [device x] priority 0`.
    fn base(&mut self) -> Parsed<Base> {
        let start = self.bump().start;
        let Some(kind) = symbols::chain_kind(self.token.text) else {
            return Err(self.expected("`filter`, `nat` or `route`"));
        };
        self.bump();
        self.expect_word("hook")?;
        let hook = self.hook()?;
        let mut devices = Vec::new();
        while matches!(self.token.text, "device" | "devices") {
            devices.extend(self.devices()?);
        }
        let priority = self.priority()?;
        let mut policy = Policy::Accept;
        if self.eat_word("policy") {
            policy = self.policy()?;
        }
        Ok(Base {
            kind,
            hook,
            devices,
            priority,
            policy,
            place: self.since(start),
        })
    }

    fn hook(&mut self) -> Parsed<Hook> {
        let Some(hook) = symbols::hook(self.token.text) else {
            return Err(self.expected("a hook such as `input`"));
        };
        self.bump();
        Ok(hook)
    }

    fn policy(&mut self) -> Parsed<Policy> {
        let text: Box<str> = if self.token.is("$") {
            self.name()?.text
        } else {
            self.bump().text.into()
        };
        match &*text {
            "accept" => Ok(Policy::Accept),
            "drop" => Ok(Policy::Drop),
            _ => Err(Fault {
                message: format!("expected `accept` or `drop`, found `{text}`"),
                start: self.last_end.saturating_sub(text.len()),
                end: self.last_end,
            }),
        }
    }

    /// `device x` or `devices = { x, y }`.
    fn devices(&mut self) -> Parsed<Vec<Box<str>>> {
        self.bump();
        self.eat("=");
        let start = self.token;
        let devices = self.expression(Mode::Constants)?;
        let elements = match devices.kind {
            ExprKind::Set(elements) => elements,
            kind => vec![Element {
                key: self.expr(kind, start.start),
                data: None,
                timeout: None,
                expires: Aside(None),
                comment: None,
                statements: Vec::new(),
                place: self.since(start.start),
            }],
        };
        elements
            .into_iter()
            .map(|element| match element.key.kind {
                ExprKind::Word(name) => Ok(name),
                _ => Err(Self::fault(&start, "expected names of devices")),
            })
            .collect()
    }

    /// `priority filter + 10`.
    fn priority(&mut self) -> Parsed<i32> {
        let start = self.expect_word("priority")?;
        let family = self.family;
        let mut value = 0i64;
        let mut sign = 1i64;
        if self.token.kind == Kind::Word || self.token.is("$") {
            let word = if self.token.is("$") {
                self.priority_variable()?
            } else {
                self.bump().text.into()
            };
            value = symbols::priority(family, &word)
                .map(i64::from)
                .or_else(|| word.parse().ok())
                .ok_or_else(|| {
                    Self::fault(
                        &start,
                        format!("expected a priority of this family, found `{word}`"),
                    )
                })?;
            if !(self.token.is("+") || self.token.is("-")) {
                return i32::try_from(value).map_err(|_| self.expected("a smaller priority"));
            }
        }
        if self.token.is("-") {
            sign = -1;
            self.bump();
        } else if self.token.is("+") {
            self.bump();
        }
        let offset: u32 = self.small()?;
        i32::try_from(value + sign * i64::from(offset))
            .map_err(|_| self.expected("a smaller priority"))
    }

    /// `$name` that stands for a number or a named priority.
    fn priority_variable(&mut self) -> Parsed<Box<str>> {
        let value = self.primary(Mode::Constants)?;
        match value.kind {
            ExprKind::Word(word) => Ok(word),
            ExprKind::Number(number) => Ok(number.to_string().into()),
            _ => Err(self.expected("a variable that stands for a priority")),
        }
    }

    fn flowtable(&mut self, name: &Name) -> Parsed<Flowtable> {
        let mut flowtable = Flowtable {
            name: name.text.clone(),
            hook: None,
            priority: None,
            devices: Vec::new(),
            offload: Aside(false),
            counter: Aside(false),
            handle: Aside(None),
            place: self.place(name.start, name.end),
        };
        if !self.token.is("{") {
            return Ok(flowtable);
        }
        // What is not known here has no effect on which packets pass.
        let (_, handle) = self.block(|parser| {
            match parser.token.text {
                "hook" => {
                    parser.bump();
                    flowtable.hook = Some(parser.hook()?);
                    flowtable.priority = Some(parser.priority()?);
                }
                "devices" => flowtable.devices = parser.devices()?,
                "flags" => {
                    parser.bump();
                    parser.expect_word("offload")?;
                    flowtable.offload = Aside(true);
                }
                "counter" => {
                    parser.bump();
                    flowtable.counter = Aside(true);
                }
                _ => return Err(parser.expected("`hook`, `devices`, `flags` or `counter`")),
            }
            parser.end()
        })?;
        flowtable.handle = Aside(handle);
        Ok(flowtable)
    }

    fn set(&mut self, name: &Name) -> Parsed<Set> {
        let mut set = Set::new(name.text.clone(), self.place(name.start, name.end));
        if !self.token.is("{") {
            return Ok(set);
        }
        match self.block(|parser| parser.set_part(&mut set)) {
            Ok((unreadable, handle)) => {
                set.unreadable = unreadable;
                set.handle = Aside(handle);
            }
            Err(fault) => {
                let unreadable = self.unreadable(fault, HELP);
                set.unreadable.push(unreadable);
            }
        }
        Ok(set)
    }

    fn set_part(&mut self, set: &mut Set) -> Parsed<()> {
        match self.token.text {
            "type" => {
                self.bump();
                set.key = self.type_names()?;
                if self.eat(":") {
                    set.data = Some(self.data_type()?);
                }
            }
            "typeof" => {
                self.bump();
                let key = self.typeof_expression()?;
                set.key = types_of(&key).into_iter().map(Into::into).collect();
                set.key_of = Aside(Some(key));
                if self.eat(":") {
                    set.data = Some(self.typeof_data()?);
                }
            }
            "flags" => {
                self.bump();
                self.set_flags(set)?;
            }
            "timeout" => {
                self.bump();
                set.timeout = Some(self.duration()?);
                set.has_timeout = true;
            }
            "gc-interval" => {
                self.bump();
                set.gc_interval = Some(self.duration()?);
            }
            "size" => {
                self.bump();
                set.size = Some(self.number()?);
            }
            "policy" => {
                self.bump();
                set.memory = self.string("`performance` or `memory`")?.as_ref() == "memory";
            }
            "auto-merge" => {
                self.bump();
                set.auto_merge = Aside(true);
            }
            "comment" => {
                self.bump();
                set.comment = Aside(Some(self.string("a comment in quotes")?));
            }
            "elements" => {
                self.bump();
                self.expect("=")?;
                let elements = self.set_or_reference()?;
                match elements.kind {
                    ExprKind::Set(elements) => set.elements.extend(elements),
                    _ => return Err(self.expected("elements in braces")),
                }
            }
            "counter" | "limit" | "quota" | "last" | "ct" => {
                let statement = self.statement()?;
                set.statements.push(statement);
                return self.more_statements(set);
            }
            _ => return Err(self.expected("a property of a set, such as `type` or `elements`")),
        }
        self.end()
    }

    fn more_statements(&mut self, set: &mut Set) -> Parsed<()> {
        while !self.at_end() {
            let statement = self.statement()?;
            set.statements.push(statement);
        }
        Ok(())
    }

    fn type_names(&mut self) -> Parsed<Vec<Box<str>>> {
        let mut names = vec![self.string("a type")?];
        while self.eat(".") {
            names.push(self.string("a type")?);
        }
        Ok(names)
    }

    /// What a map gives: a verdict, objects, or values.
    fn data_type(&mut self) -> Parsed<SetData> {
        self.eat_word("interval");
        if self.eat_word("verdict") {
            return Ok(SetData::Verdict);
        }
        if let Some(kind) = self.object_kind_word() {
            return Ok(SetData::Object(kind));
        }
        self.type_names().map(SetData::Types)
    }

    fn typeof_data(&mut self) -> Parsed<SetData> {
        self.eat_word("interval");
        if self.eat_word("verdict") {
            return Ok(SetData::Verdict);
        }
        if let Some(kind) = self.object_kind_word() {
            return Ok(SetData::Object(kind));
        }
        let data = self.typeof_expression()?;
        let types = types_of(&data).into_iter().map(Into::into).collect();
        Ok(SetData::Types(types))
    }

    fn object_kind_word(&mut self) -> Option<ObjectKind> {
        if self.token.kind != Kind::Word {
            return None;
        }
        if self.token.text == "ct" {
            let text = format!("ct {}", self.second().text);
            let kind = symbols::object_kind(&text)?;
            self.bump();
            self.bump();
            return Some(kind);
        }
        let kind = symbols::object_kind(self.token.text)?;
        self.bump();
        Some(kind)
    }

    /// The selectors behind `typeof`.
    fn typeof_expression(&mut self) -> Parsed<Expr> {
        self.expression(Mode::Selectors)
    }

    fn set_flags(&mut self, set: &mut Set) -> Parsed<()> {
        loop {
            match self.token.text {
                "interval" => set.interval = true,
                "constant" => set.constant = true,
                "dynamic" => set.dynamic = Aside(true),
                "timeout" => set.has_timeout = true,
                _ => {
                    return Err(self.expected("`interval`, `constant`, `dynamic` or `timeout`"));
                }
            }
            self.bump();
            if !self.eat(",") {
                return Ok(());
            }
        }
    }
}
