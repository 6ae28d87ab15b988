//! Sets, maps and their elements.

use super::super::resolve::types_of;
use super::super::symbols;
use super::super::syntax::{Aside, Element, Expr, Set, SetData};
use super::Reader;
use super::node::{Node, Parsed};

impl Reader<'_> {
    /// Elements of a set or map, anonymous or named.
    pub(super) fn elements(&mut self, node: Node<'_>) -> Parsed<Vec<Element>> {
        let mut elements = Vec::new();
        for item in node.one_or_more() {
            if !self.build.charge(1) {
                return Err(item.fault("too many elements in all sets together"));
            }
            elements.push(self.element(item)?);
        }
        Ok(elements)
    }

    /// `VALUE`, `{"elem": {…}}`, or `[KEY, DATA]`.
    pub(super) fn element(&mut self, node: Node<'_>) -> Parsed<Element> {
        if let Some(pair) = node.items() {
            let pair: Vec<Node<'_>> = pair.collect();
            let [key, data] = pair.as_slice() else {
                return Err(node.expected("a key and its data"));
            };
            let mut element = self.plain_element(*key)?;
            element.data = Some(self.expression(*data)?);
            element.place = node.place();
            return Ok(element);
        }
        self.plain_element(node)
    }

    pub(super) fn plain_element(&mut self, node: Node<'_>) -> Parsed<Element> {
        let Some(inside) = node.get("elem") else {
            return Ok(bare(self.expression(node)?));
        };
        let mut element = bare(self.expression(inside.need("val")?)?);
        element.place = node.place();
        let seconds = |name| -> Parsed<Option<u64>> {
            let seconds = inside.get(name).map(Node::number::<u64>).transpose()?;
            Ok(seconds.map(|seconds| seconds.saturating_mul(1000)))
        };
        element.timeout = seconds("timeout")?;
        element.expires = Aside(seconds("expires")?);
        if let Some(comment) = inside.get("comment") {
            element.comment = Some(comment.string("a comment")?.into());
        }
        for name in ["counter", "limit", "quota", "ct count", "last"] {
            if let Some(statement) = inside.get(name) {
                element
                    .statements
                    .push(self.named_statement(name, statement)?);
            }
        }
        if let Some(statements) = inside.get("stmt") {
            let more = self.statements(statements);
            element.statements.extend(more);
        }
        Ok(element)
    }

    /// A named set or map.
    pub(super) fn set(&mut self, node: Node<'_>) -> Parsed<Set> {
        let name = node.need("name")?;
        let mut set = Set::new(name.string("a name")?.into(), name.place());
        set.handle = Aside(node.get("handle").map(Node::number).transpose()?);
        if let Some(kind) = node.get("type") {
            set.key = self.types(kind, &mut set.key_of)?;
        }
        if let Some(map) = node.get("map") {
            set.data = Some(self.data(map)?);
        }
        for flag in node.get("flags").map(Node::one_or_more).unwrap_or_default() {
            match flag.text() {
                Some("interval") => set.interval = true,
                Some("constant") => set.constant = true,
                Some("dynamic") => set.dynamic = Aside(true),
                Some("timeout") => set.has_timeout = true,
                _ => {
                    let fault = flag.expected("`interval`, `constant`, `dynamic` or `timeout`");
                    set.unreadable.push(self.unreadable(fault));
                }
            }
        }
        let number = |name| node.get(name).map(Node::number::<u64>).transpose();
        set.timeout = number("timeout")?.map(|seconds| seconds.saturating_mul(1000));
        set.gc_interval = number("gc-interval")?.map(|seconds| seconds.saturating_mul(1000));
        set.size = number("size")?;
        set.has_timeout |= set.timeout.is_some();
        set.memory = node.get("policy").and_then(Node::text) == Some("memory");
        set.auto_merge = Aside(node.get("auto-merge").and_then(Node::switch) == Some(true));
        if let Some(comment) = node.get("comment") {
            set.comment = Aside(Some(comment.string("a comment")?.into()));
        }
        if let Some(statements) = node.get("stmt") {
            set.statements = self.statements(statements);
        }
        for item in node.get("elem").map(Node::one_or_more).unwrap_or_default() {
            if !self.build.charge(1) {
                let fault = item.fault("too many elements in all sets together");
                set.unreadable.push(self.unreadable(fault));
                break;
            }
            match self.element(item) {
                Ok(element) => set.elements.push(element),
                Err(fault) => {
                    let unreadable = self.unreadable(fault);
                    set.unreadable.push(unreadable);
                }
            }
        }
        Ok(set)
    }

    /// A type, several, or the expression of `typeof`.
    fn types(&mut self, node: Node<'_>, of: &mut Aside<Option<Expr>>) -> Parsed<Vec<Box<str>>> {
        if let Some(inside) = node.get("typeof") {
            let expression = self.expression(inside)?;
            let types = types_of(&expression).into_iter().map(Into::into).collect();
            *of = Aside(Some(expression));
            return Ok(types);
        }
        let mut types = Vec::new();
        for each in node.one_or_more() {
            let text = each.string("a type")?;
            types.extend(text.split(" . ").map(|part| part.trim().into()));
        }
        Ok(types)
    }

    fn data(&mut self, node: Node<'_>) -> Parsed<SetData> {
        if node.text() == Some("verdict") {
            return Ok(SetData::Verdict);
        }
        if let Some(kind) = node.text().and_then(symbols::object_kind) {
            return Ok(SetData::Object(kind));
        }
        self.types(node, &mut Aside(None)).map(SetData::Types)
    }
}

/// An element with nothing but its key.
fn bare(key: Expr) -> Element {
    let place = key.place;
    Element {
        key,
        data: None,
        timeout: None,
        expires: Aside(None),
        comment: None,
        statements: Vec::new(),
        place,
    }
}
