//! Commands: `table … { … }`, `add rule …`, `flush ruleset`, `define`, …

use super::super::build::{Named, Spot, TableName};
use super::super::symbols;
use super::super::syntax::{Element, ExprKind, Family, Place};
use super::expression::Mode;
use super::lexer::Kind;
use super::parser::{Parsed, Parser};

const HELP: &str = "this command is not counted on, so the ruleset may differ from what the rest of the text says; see nft(8)";

impl<'a> Parser<'a, '_> {
    /// All commands of the text.
    pub(super) fn commands(&mut self) {
        loop {
            self.separators();
            if self.token.kind == Kind::End {
                return;
            }
            let (open, start) = (self.open, self.token.start);
            if let Err(fault) = self.command() {
                let unreadable = self.unreadable(fault, HELP);
                self.build.unreadable(unreadable);
                self.recover(open);
                // A brace that closes nothing ends nothing.
                if self.token.is("}") || self.token.start == start {
                    self.bump();
                }
            }
        }
    }

    /// Whether the whole text is read.
    pub(super) fn is_done(&self) -> bool {
        self.token.kind == Kind::End
    }

    fn command(&mut self) -> Parsed<()> {
        match self.token.text {
            "define" | "redefine" | "undefine" | "include" => return self.preprocessor(),
            "add" | "create" => {
                self.bump();
                return self.add();
            }
            "insert" => {
                self.bump();
                return self.put_rule(Spot::First);
            }
            "replace" => {
                self.bump();
                return self.replace();
            }
            "delete" | "destroy" => {
                let destroy = self.bump().text == "destroy";
                return self.delete(destroy);
            }
            "flush" => {
                self.bump();
                return self.flush();
            }
            "rename" => {
                self.bump();
                return self.rename();
            }
            // They show something and change no rule.
            "list" | "reset" | "monitor" | "describe" | "export" => {
                let open = self.open;
                self.recover(open);
                return Ok(());
            }
            _ => {}
        }
        self.add()
    }

    /// Behind `add`, which may be left out.
    fn add(&mut self) -> Parsed<()> {
        match self.token.text {
            "table" => {
                self.bump();
                let table = self.table_name()?;
                self.build.table(&table, |_| {});
                if self.token.is("{") {
                    self.table_block(&table)?;
                }
                self.end()
            }
            "rule" => self.put_rule(Spot::Last),
            "element" => {
                self.bump();
                let (table, set, place) = self.member()?;
                let elements = self.elements()?;
                self.build.add_elements(&table, &set, elements, place);
                self.end()
            }
            _ => self.add_object(),
        }
    }

    fn add_object(&mut self) -> Parsed<()> {
        let begin = self.token;
        let Some(what) = self.object_word() else {
            return Err(Self::fault(
                &begin,
                format!(
                    "expected a command such as `table`, `add` or `flush`, found {}",
                    begin.describe()
                ),
            ));
        };
        let table = self.table_name()?;
        self.family = table.family;
        let name = self.name()?;
        self.definition(&table, what, &name)
    }

    fn elements(&mut self) -> Parsed<Vec<Element>> {
        let set = self.set_or_reference()?;
        match set.kind {
            ExprKind::Set(elements) => Ok(elements),
            _ => Err(self.expected("elements in braces")),
        }
    }

    /// `[FAMILY] NAME`; the family is `ip` when it is left out.
    fn table_name(&mut self) -> Parsed<TableName> {
        let start = self.token.start;
        let family = match symbols::family(self.token.text) {
            Some(family) if self.token.kind == Kind::Word => {
                self.bump();
                family
            }
            _ => Family::Ip,
        };
        let name = self.name()?;
        if self.token.kind == Kind::Handle {
            self.bump();
        }
        Ok(TableName {
            family,
            name: name.text,
            place: self.place(start, name.end),
        })
    }

    /// `[FAMILY] TABLE NAME`.
    fn member(&mut self) -> Parsed<(TableName, Box<str>, Place)> {
        let table = self.table_name()?;
        let name = self.name()?;
        let place = self.place(name.start, name.end);
        Ok((table, name.text, place))
    }

    /// `rule [FAMILY] TABLE CHAIN [handle N | position N | index N] STATEMENTS`.
    fn put_rule(&mut self, usual: Spot) -> Parsed<()> {
        self.expect_word("rule")?;
        let (table, chain, _) = self.member()?;
        let before = usual == Spot::First;
        let spot = match self.token.text {
            "handle" | "position" => {
                self.bump();
                let handle = self.number()?;
                if before {
                    Spot::BeforeHandle(handle)
                } else {
                    Spot::AfterHandle(handle)
                }
            }
            "index" => {
                self.bump();
                let index = self.number()?;
                if before {
                    Spot::BeforeIndex(index)
                } else {
                    Spot::AfterIndex(index)
                }
            }
            _ => usual,
        };
        let rule = self.rule();
        self.build.rule(&table, &chain, rule, spot);
        self.end()
    }

    fn replace(&mut self) -> Parsed<()> {
        self.expect_word("rule")?;
        let (table, chain, _) = self.member()?;
        self.expect_word("handle")?;
        let handle = self.number()?;
        let rule = self.rule();
        self.build.rule(&table, &chain, rule, Spot::Instead(handle));
        self.end()
    }

    fn delete(&mut self, destroy: bool) -> Parsed<()> {
        match self.token.text {
            "table" => {
                self.bump();
                let table = self.table_name()?;
                self.build.delete_table(&table, destroy);
                return self.end();
            }
            "rule" => {
                self.bump();
                let (table, chain, place) = self.member()?;
                self.expect_word("handle")?;
                let handle = self.number()?;
                self.build.delete_rule(&table, &chain, handle, place);
                return self.end();
            }
            "element" => {
                self.bump();
                let (table, set, place) = self.member()?;
                let elements = self.elements()?;
                self.build.delete_elements(&table, &set, elements, place);
                return self.end();
            }
            _ => {}
        }
        let Some(what) = self.object_word() else {
            return Err(self.expected("what to delete, such as `table` or `chain`"));
        };
        let named = match what {
            "chain" => Named::Chain,
            "set" | "map" => Named::Set,
            "flowtable" => Named::Flowtable,
            kind => match symbols::object_kind(kind) {
                Some(kind) => Named::Object(kind),
                None => return Err(self.expected("what to delete")),
            },
        };
        let (table, name, place) = self.member()?;
        self.build.delete(&table, named, &name, (place, destroy));
        self.end()
    }

    fn flush(&mut self) -> Parsed<()> {
        let what = self.bump();
        match what.text {
            "ruleset" => {
                let mut family = None;
                if self.token.kind == Kind::Word {
                    family = symbols::family(self.token.text);
                    self.bump();
                }
                self.build.flush_ruleset(family);
            }
            "table" => {
                let table = self.table_name()?;
                self.build.flush_table(&table);
            }
            "chain" => {
                let (table, chain, place) = self.member()?;
                self.build.flush_chain(&table, &chain, place);
            }
            "set" | "map" | "meter" => {
                let (table, set, place) = self.member()?;
                self.build.flush_set(&table, &set, place);
            }
            _ => {
                return Err(Self::fault(
                    &what,
                    format!(
                        "expected `ruleset`, `table`, `chain`, `set` or `map`, found {}",
                        what.describe()
                    ),
                ));
            }
        }
        self.end()
    }

    fn rename(&mut self) -> Parsed<()> {
        self.expect_word("chain")?;
        let (table, from, place) = self.member()?;
        let to = self.name()?;
        self.build.rename_chain(&table, &from, &to.text, place);
        self.end()
    }

    /// `define`, `redefine`, `undefine`, `include`.
    pub(super) fn preprocessor(&mut self) -> Parsed<()> {
        let word = self.bump();
        if word.text == "include" {
            let path = self.string("a path in quotes")?;
            return Err(Self::fault(
                &word,
                format!(
                    "`{path}` is included, and its text is not here; give the output of `nft list ruleset` instead"
                ),
            ));
        }
        let name = self.token;
        if name.kind != Kind::Word {
            return Err(self.expected("the name of a variable"));
        }
        self.bump();
        if word.text == "undefine" {
            self.variables.remove(name.text);
            return self.end();
        }
        self.expect("=")?;
        let start = self.token.start;
        let negative = self.eat("-");
        let value = self.expression(Mode::Constants)?;
        let value = if self.token.is(",") {
            self.list(value, Mode::Constants)?
        } else {
            value
        };
        let value = match value.kind {
            ExprKind::Number(number) if negative => {
                self.expr(ExprKind::Word(format!("-{number}").into()), start)
            }
            _ => value,
        };
        self.variables.insert(name.text, value);
        self.end()
    }
}
