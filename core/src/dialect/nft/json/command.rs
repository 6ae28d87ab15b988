//! Objects of a listing, and commands.

use super::super::build::{Named, Spot, TableName};
use super::super::symbols;
use super::super::syntax::Aside;
use super::Reader;
use super::node::{Node, Parsed};

impl Reader<'_> {
    /// `{"table": …}` of a listing, or `{"add": {"table": …}}`.
    pub(super) fn command(&mut self, node: Node<'_>) -> Parsed<()> {
        let (name, inside) = node.only("an object such as `table` or `rule`")?;
        match name {
            // What made the listing; and commands that change no rule.
            "metainfo" | "list" | "reset" => Ok(()),
            "add" | "create" => {
                let (name, inside) = inside.only("what to add")?;
                self.add(name, inside, Spot::Last)
            }
            "insert" => {
                let (name, inside) = inside.only("what to insert")?;
                self.add(name, inside, Spot::First)
            }
            "replace" => {
                let rule = inside.need("rule")?;
                let handle = rule.need("handle")?.number()?;
                self.put_rule(rule, Spot::Instead(handle))
            }
            "delete" | "destroy" => {
                let (what, inside) = inside.only("what to delete")?;
                self.delete(what, inside, name == "destroy")
            }
            "flush" => {
                let (what, inside) = inside.only("what to flush")?;
                self.flush(what, inside)
            }
            "rename" => {
                let chain = inside.need("chain")?;
                let table = table_of(chain)?;
                let from = chain.need("name")?;
                let to = chain.need("newname")?.string("a name")?;
                self.build
                    .rename_chain(&table, from.string("a name")?, to, from.place());
                Ok(())
            }
            _ => self.add(name, inside, Spot::Last),
        }
    }

    fn add(&mut self, name: &str, node: Node<'_>, spot: Spot) -> Parsed<()> {
        match name {
            "table" => return self.table(node),
            "chain" => {
                let table = table_of(node)?;
                let chain = self.chain(node)?;
                self.build.chain(&table, chain);
            }
            "rule" => {
                let spot = match (spot, node.get("index"), node.get("position")) {
                    (Spot::First, Some(index), _) => Spot::BeforeIndex(index.number()?),
                    (_, Some(index), _) => Spot::AfterIndex(index.number()?),
                    (Spot::First, _, Some(handle)) => Spot::BeforeHandle(handle.number()?),
                    (_, _, Some(handle)) => Spot::AfterHandle(handle.number()?),
                    (spot, ..) => spot,
                };
                return self.put_rule(node, spot);
            }
            "set" | "map" | "meter" => {
                let table = table_of(node)?;
                let set = self.set(node)?;
                self.build.set(&table, set);
            }
            "element" => {
                let table = table_of(node)?;
                let name = node.need("name")?;
                let elements = self.elements(node.need("elem")?)?;
                self.build
                    .add_elements(&table, name.string("a set")?, elements, name.place());
            }
            "flowtable" => {
                let table = table_of(node)?;
                let flowtable = self.flowtable(node)?;
                self.build.flowtable(&table, flowtable);
            }
            _ => {
                let Some(kind) = symbols::object_kind(name) else {
                    return Err(node.fault(format!(
                        "expected an object such as `table` or `rule`, found `{name}`"
                    )));
                };
                let table = table_of(node)?;
                let object = self.object(kind, node)?;
                self.build.object(&table, object);
            }
        }
        Ok(())
    }

    fn table(&mut self, node: Node<'_>) -> Parsed<()> {
        let table = named(node, "name")?;
        let handle = node.get("handle").map(Node::number).transpose()?;
        let comment = match node.get("comment") {
            Some(comment) => Some(comment.string("a comment")?.into()),
            None => None,
        };
        let (mut dormant, mut owner, mut persist) = (false, false, false);
        let mut unreadable = Vec::new();
        for flag in node.get("flags").map(Node::one_or_more).unwrap_or_default() {
            match flag.text() {
                Some("dormant") => dormant = true,
                Some("owner") => owner = true,
                Some("persist") => persist = true,
                // Some versions of nft print memory they have freed here.
                _ => {
                    let fault = flag.expected(
                        "`dormant`, `owner` or `persist` (a fault of some versions of nft; list the ruleset as text)",
                    );
                    unreadable.push(self.unreadable(fault));
                }
            }
        }
        self.build.table(&table, |table| {
            table.handle = Aside(handle.or(table.handle.0));
            table.comment = Aside(comment.or(table.comment.0.take()));
            table.dormant |= dormant;
            table.owner |= owner;
            table.persist |= persist;
            table.unreadable.append(&mut unreadable);
        });
        Ok(())
    }

    fn put_rule(&mut self, node: Node<'_>, spot: Spot) -> Parsed<()> {
        let table = table_of(node)?;
        let chain = node.need("chain")?.string("the name of a chain")?;
        let rule = self.rule(node)?;
        self.build.rule(&table, chain, rule, spot);
        Ok(())
    }

    fn delete(&mut self, what: &str, node: Node<'_>, destroy: bool) -> Parsed<()> {
        let kind = match what {
            "table" => {
                let table = named(node, "name")?;
                self.build.delete_table(&table, destroy);
                return Ok(());
            }
            "rule" => {
                let table = table_of(node)?;
                let chain = node.need("chain")?.string("a chain")?;
                let handle = node.need("handle")?;
                self.build
                    .delete_rule(&table, chain, handle.number()?, handle.place());
                return Ok(());
            }
            "element" => {
                let table = table_of(node)?;
                let name = node.need("name")?;
                let gone = self.elements(node.need("elem")?)?;
                self.build
                    .delete_elements(&table, name.string("a set")?, gone, name.place());
                return Ok(());
            }
            "chain" => Named::Chain,
            "set" | "map" | "meter" => Named::Set,
            "flowtable" => Named::Flowtable,
            kind => match symbols::object_kind(kind) {
                Some(kind) => Named::Object(kind),
                None => return Err(node.fault(format!("expected what to delete, found `{what}`"))),
            },
        };
        let table = table_of(node)?;
        let name = node.need("name")?;
        self.build.delete(
            &table,
            kind,
            name.string("a name")?,
            (name.place(), destroy),
        );
        Ok(())
    }

    fn flush(&mut self, what: &str, node: Node<'_>) -> Parsed<()> {
        match what {
            "ruleset" => {
                let family = super::selector::family(node)?;
                self.build.flush_ruleset(family);
            }
            "table" => {
                let table = named(node, "name")?;
                self.build.flush_table(&table);
            }
            "chain" => {
                let table = table_of(node)?;
                let name = node.need("name")?;
                self.build
                    .flush_chain(&table, name.string("a chain")?, name.place());
            }
            "set" | "map" | "meter" => {
                let table = table_of(node)?;
                let name = node.need("name")?;
                self.build
                    .flush_set(&table, name.string("a set")?, name.place());
            }
            _ => return Err(node.fault(format!("expected what to flush, found `{what}`"))),
        }
        Ok(())
    }
}

/// The table that an object belongs to.
fn table_of(node: Node<'_>) -> Parsed<TableName> {
    named(node, "table")
}

fn named(node: Node<'_>, property: &str) -> Parsed<TableName> {
    let name = node.need(property)?;
    let family = super::selector::family(node)?;
    Ok(TableName {
        family: family.ok_or_else(|| node.fault("expected an object with `family`"))?,
        name: name.string("the name of a table")?.into(),
        place: name.place(),
    })
}
