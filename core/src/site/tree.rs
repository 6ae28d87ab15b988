//! A spanned, untyped tree of a YAML or JSON text: what every inventory importer reads.
//!
//! The tree never holds `!vault` text, and its nodes deliberately have no `Debug`: an inventory
//! is full of passwords. Broken input gives the part before the error, plus a diagnostic.

use crate::diagnostic::{Diagnostic, Severity, input};
use crate::source::{SourceId, Span};
use granit_parser::{Event, Parser, ScalarStyle};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// Nodes in one text, alias expansion included.
const MAX_NODES: usize = 2_000_000;
/// Nesting, alias expansion included.
const MAX_DEPTH: usize = 200;
/// Bytes that alias expansion may copy.
const MAX_COPIED: usize = 64 << 20;

/// One node with its place.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    /// Where it is written.
    pub span: Span,
    /// What it is.
    pub value: Value<'a>,
}

/// What a node is.
#[derive(Clone)]
pub(crate) enum Value<'a> {
    /// Nothing, `~` or `null`.
    Null,
    /// A word, number or text.
    Scalar(Scalar<'a>),
    /// A list.
    Sequence(Vec<Node<'a>>),
    /// Keys with values, in the order of the text; no key twice.
    Mapping(Vec<Entry<'a>>),
}

/// A scalar's text after escapes.
#[derive(Clone)]
pub(crate) struct Scalar<'a> {
    /// Its text; empty when it is encrypted.
    pub text: Cow<'a, str>,
    /// How it is written.
    pub style: Style,
}

/// How a scalar is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes: may be a number or a switch.
    Plain,
    /// In quotes: always text.
    Quoted,
    /// A literal block (`|`): its lines are lines of the source.
    Literal,
    /// A folded block.
    Folded,
    /// `!vault`: encrypted, its text is not kept.
    Encrypted,
}

/// A key with its value.
#[derive(Clone)]
pub(crate) struct Entry<'a> {
    /// The key's text.
    pub key: Cow<'a, str>,
    /// Where the key is written.
    pub key_span: Span,
    /// Its value.
    pub value: Node<'a>,
}

/// What a text holds.
#[derive(Default)]
pub(crate) struct Tree<'a> {
    /// The documents, one for JSON.
    pub documents: Vec<Node<'a>>,
    /// What was wrong.
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> Node<'a> {
    /// The value of a mapping's key.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A mapping's entry.
    pub fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// A mapping's entries; none for anything else.
    pub fn entries(&self) -> &[Entry<'a>] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// A list's items; none for anything else.
    pub fn items(&self) -> &[Node<'a>] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// A list's items, or the node itself when it is a single value.
    pub fn one_or_many(&self) -> &[Node<'a>] {
        match &self.value {
            Value::Sequence(items) => items,
            Value::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// A scalar's text without surrounding white space; none for null and encrypted values.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) if scalar.style != Style::Encrypted => Some(scalar.text.trim()),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Whether it is a mapping.
    pub fn is_mapping(&self) -> bool {
        matches!(self.value, Value::Mapping(_))
    }

    /// A switch, as YAML 1.1, Python and Ansible write it.
    pub fn switch(&self) -> Option<bool> {
        let text = self.text()?;
        let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if is(&["true", "yes", "on", "1"]) {
            Some(true)
        } else if is(&["false", "no", "off", "0"]) {
            Some(false)
        } else {
            None
        }
    }

    /// What kind of node it is, in words for a message.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// Reads YAML, or JSON when the text starts as JSON does and is valid JSON.
pub(crate) fn parse(text: &str, source: SourceId) -> Tree<'_> {
    let trimmed = text.trim_start_matches('\u{feff}').trim_start();
    if trimmed.starts_with(['{', '"']) {
        // Every value but the first needs one of these before it.
        let values = text.bytes().filter(|b| b",:[{".contains(b)).count();
        if values > MAX_NODES {
            return Tree {
                documents: Vec::new(),
                diagnostics: vec![too_many(Span::new(source, 0, 0))],
            };
        }
        if let Some(tree) = super::json::parse(text, source) {
            return tree;
        }
    }
    Build::new(source).run(text)
}

/// Reads the YAML that a scalar holds (`data.hosts.yml` of a ConfigMap, `kubeanConfig`). Places
/// point into the outer text: to the byte for literal blocks, else to the whole scalar.
pub(crate) fn parse_embedded<'a>(node: &'a Node<'_>, outer: &str) -> Tree<'a> {
    let Value::Scalar(scalar) = &node.value else {
        return Tree {
            documents: Vec::new(),
            diagnostics: Vec::new(),
        };
    };
    let mut tree = Build::new(node.span.source).run(&scalar.text);
    let map = super::embedded::Map::new(scalar, node.span, outer);
    for document in &mut tree.documents {
        map.node(document);
    }
    for label in tree.diagnostics.iter_mut().flat_map(|d| &mut d.labels) {
        label.span = map.span(label.span);
    }
    tree
}

/// A collection that is being read.
struct Open<'a> {
    anchor: usize,
    start: Span,
    value: Value<'a>,
    /// A key that waits for its value; none in lists.
    key: Option<(Cow<'a, str>, Span)>,
    /// Whether the next node is a key.
    wants_key: bool,
    /// Height of the highest child.
    height: usize,
    /// Values of `<<`.
    merged: Vec<Node<'a>>,
}

/// A finished node with its anchor and height.
struct Done<'a> {
    node: Node<'a>,
    height: usize,
}

struct Build<'a> {
    source: SourceId,
    open: Vec<Open<'a>>,
    anchors: FxHashMap<usize, (Node<'a>, usize, usize)>,
    nodes: usize,
    copied: usize,
    tree: Tree<'a>,
}

impl<'a> Build<'a> {
    fn new(source: SourceId) -> Self {
        Self {
            source,
            open: Vec::new(),
            anchors: FxHashMap::default(),
            nodes: 0,
            copied: 0,
            tree: Tree {
                documents: Vec::new(),
                diagnostics: Vec::new(),
            },
        }
    }

    fn run(mut self, text: &'a str) -> Tree<'a> {
        let mut options = granit_parser::Options::default();
        options.set_emit_comments(false);
        options.emit_unresolved_aliases = true;
        options.flow_nesting_limit = MAX_DEPTH / 2;
        options.block_nesting_limit = MAX_DEPTH / 2;
        for event in Parser::new_from_str_with_options(text, options) {
            let result = match event {
                Ok((event, span)) => {
                    let range = span.byte_range().unwrap_or(0..0);
                    let span = Span::new(self.source, range.start, range.end);
                    self.event(event, span)
                }
                Err(error) => Err(self.scan_error(text, &error)),
            };
            if let Err(diagnostic) = result {
                self.tree.diagnostics.push(*diagnostic);
                break;
            }
        }
        while let Some(open) = self.open.pop() {
            let end = open.start;
            let done = self.close(open, end);
            let _ = self.place(done);
        }
        self.tree
    }

    fn scan_error(&self, text: &str, error: &granit_parser::ScanError) -> Box<Diagnostic> {
        let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
        let span = Span::new(self.source, at, at);
        // The parser quotes single characters at most, never a value.
        let what = error.info().replace('\'', "`");
        Box::new(
            Diagnostic::new(&input::SYNTAX, format!("not valid YAML here: {what}"))
                .at(span)
                .help("what stands before this place is used; correct the text and run again"),
        )
    }

    fn event(&mut self, event: Event<'a>, span: Span) -> Result<(), Box<Diagnostic>> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let encrypted = tag.is_some_and(|tag| tag.suffix().contains("vault"));
                let value = scalar(text, style, encrypted);
                let done = Done {
                    node: Node { span, value },
                    height: 1,
                };
                self.remember(anchor, &done);
                self.count(1, span)?;
                self.place(done)
            }
            Event::SequenceStart(_, anchor, _) => self.start(anchor, span, false),
            Event::MappingStart(_, anchor, _) => self.start(anchor, span, true),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let done = self.close(open, span);
                    self.place(done)
                }
                None => Ok(()),
            },
            Event::Alias(id) => self.alias(id, span),
            Event::UnresolvedAlias(_) => {
                self.tree.diagnostics.push(
                    Diagnostic::new(&input::SYNTAX, "this alias has no anchor before it")
                        .at(span)
                        .help("define it with `&` before, or put the text into quotes"),
                );
                self.place(Done {
                    node: Node {
                        span,
                        value: Value::Null,
                    },
                    height: 1,
                })
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, anchor: usize, span: Span, mapping: bool) -> Result<(), Box<Diagnostic>> {
        self.count(1, span)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.open.push(Open {
            anchor,
            start: span,
            value: if mapping {
                Value::Mapping(Vec::new())
            } else {
                Value::Sequence(Vec::new())
            },
            key: None,
            wants_key: mapping,
            height: 0,
            merged: Vec::new(),
        });
        Ok(())
    }

    fn count(&mut self, more: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Box::new(too_many(span)))
    }

    fn remember(&mut self, anchor: usize, done: &Done<'a>) {
        if anchor == 0 {
            return;
        }
        let (nodes, bytes) = size(&done.node);
        self.copied = self.copied.saturating_add(bytes);
        if self.copied <= MAX_COPIED && self.nodes.saturating_add(nodes) <= MAX_NODES {
            self.nodes = self.nodes.saturating_add(nodes);
            self.anchors
                .insert(anchor, (done.node.clone(), done.height, nodes));
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        let Some((_, height, nodes)) = self.anchors.get(&id) else {
            // An alias inside its own anchor, or an anchor beyond the limits.
            let message = "this alias cannot be expanded: it is part of itself or too large";
            return Err(Box::new(Diagnostic::new(&input::LIMIT, message).at(span)));
        };
        if self.open.len().saturating_add(*height) > MAX_DEPTH {
            return Err(too_deep(span));
        }
        let (height, nodes) = (*height, *nodes);
        self.count(nodes, span)?;
        let (_, bytes) = self
            .anchors
            .get(&id)
            .map_or((0, 0), |(node, ..)| size(node));
        self.copied = self.copied.saturating_add(bytes);
        if self.copied > MAX_COPIED {
            let message = "the aliases of this file expand beyond 64 MiB";
            return Err(Box::new(Diagnostic::new(&input::LIMIT, message).at(span)));
        }
        let node = self.anchors.get(&id).map(|(node, ..)| node.clone());
        let node = node.unwrap_or(Node {
            span,
            value: Value::Null,
        });
        self.place(Done { node, height })
    }

    /// Ends a collection: merges `<<`, and keeps the last of keys that come twice.
    fn close(&mut self, open: Open<'a>, end: Span) -> Done<'a> {
        let mut value = open.value;
        if let Value::Mapping(entries) = &mut value {
            self.unique(entries);
            merge(entries, open.merged);
        }
        let span = Span {
            end: end.end.max(open.start.end),
            ..open.start
        };
        let done = Done {
            node: Node { span, value },
            height: open.height.saturating_add(1),
        };
        self.remember(open.anchor, &done);
        done
    }

    fn unique(&mut self, entries: &mut Vec<Entry<'a>>) {
        let Some(again) = keep_last(entries) else {
            return;
        };
        for (key, first, second) in again {
            self.tree.diagnostics.push(
                Diagnostic::new(
                    &input::SYNTAX,
                    format!("the key `{key}` comes twice in one mapping; the last one is used"),
                )
                .severity(Severity::Warning)
                .label(second, "used")
                .label(first, "not used")
                .help("remove one of the two"),
            );
        }
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, done: Done<'a>) -> Result<(), Box<Diagnostic>> {
        let Some(parent) = self.open.last_mut() else {
            self.tree.documents.push(done.node);
            return Ok(());
        };
        parent.height = parent.height.max(done.height);
        match &mut parent.value {
            Value::Sequence(items) => items.push(done.node),
            Value::Mapping(entries) if !parent.wants_key => {
                parent.wants_key = true;
                match parent.key.take() {
                    Some((key, _)) if key == "<<" => parent.merged.push(done.node),
                    Some((key, key_span)) => entries.push(Entry {
                        key,
                        key_span,
                        value: done.node,
                    }),
                    None => {}
                }
            }
            _ => {
                parent.wants_key = false;
                let span = done.node.span;
                match done.node.value {
                    Value::Scalar(scalar) => parent.key = Some((scalar.text, span)),
                    Value::Null => parent.key = Some((Cow::Borrowed(""), span)),
                    _ => {
                        let message = "a key must be a single value; this entry is ignored";
                        let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
                        self.tree.diagnostics.push(diagnostic);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Removes all but the last entry of each key; gives key, first and second place of those that
/// come again. A mapping without duplicates is left alone.
#[allow(clippy::type_complexity)]
pub(super) fn keep_last<'a>(
    entries: &mut Vec<Entry<'a>>,
) -> Option<Vec<(Cow<'a, str>, Span, Span)>> {
    let mut last: FxHashMap<&str, usize> = FxHashMap::default();
    let mut doomed: Vec<(usize, usize)> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        if let Some(before) = last.insert(&entry.key, index) {
            doomed.push((before, index));
        }
    }
    if doomed.is_empty() {
        return None;
    }
    let again = doomed
        .iter()
        .filter_map(|&(a, b)| {
            let (a, b) = (entries.get(a)?, entries.get(b)?);
            Some((b.key.clone(), a.key_span, b.key_span))
        })
        .collect();
    let mut doomed: Vec<usize> = doomed.into_iter().map(|(index, _)| index).collect();
    doomed.sort_unstable();
    let mut index = 0;
    entries.retain(|_| {
        let keep = doomed.binary_search(&index).is_err();
        index += 1;
        keep
    });
    Some(again)
}

/// Adds what `<<` brings, without overriding the mapping's own keys.
fn merge<'a>(entries: &mut Vec<Entry<'a>>, merged: Vec<Node<'a>>) {
    if merged.is_empty() {
        return;
    }
    let mut known: rustc_hash::FxHashSet<String> =
        entries.iter().map(|e| e.key.to_string()).collect();
    let nodes = merged.into_iter().flat_map(|node| match node.value {
        Value::Sequence(items) => items,
        _ => vec![node],
    });
    for node in nodes {
        if let Value::Mapping(more) = node.value {
            entries.extend(more.into_iter().filter(|e| known.insert(e.key.to_string())));
        }
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, encrypted: bool) -> Value<'_> {
    if encrypted {
        return Value::Scalar(Scalar {
            text: Cow::Borrowed(""),
            style: Style::Encrypted,
        });
    }
    let style = match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    };
    let null = matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
    if style == Style::Plain && null {
        return Value::Null;
    }
    Value::Scalar(Scalar { text, style })
}

/// Nodes and bytes of a subtree.
fn size(node: &Node<'_>) -> (usize, usize) {
    let add = |(a, b): (usize, usize), (c, d): (usize, usize)| (a + c, b + d);
    match &node.value {
        Value::Null => (1, 0),
        Value::Scalar(scalar) => (1, scalar.text.len()),
        Value::Sequence(items) => items.iter().map(size).fold((1, 0), add),
        Value::Mapping(entries) => entries
            .iter()
            .map(|e| add(size(&e.value), (1, e.key.len())))
            .fold((1, 0), add),
    }
}

fn too_many(span: Span) -> Diagnostic {
    let message = format!("more than {MAX_NODES} values in one file; the rest is not read");
    Diagnostic::new(&input::LIMIT, message)
        .at(span)
        .help("split the file")
}

fn too_deep(span: Span) -> Box<Diagnostic> {
    let message = format!("nested more than {MAX_DEPTH} deep; the rest is not read");
    Box::new(Diagnostic::new(&input::LIMIT, message).at(span))
}
