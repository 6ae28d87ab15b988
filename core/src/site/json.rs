//! JSON into the spanned tree.

use super::tree::{Entry, Node, Scalar, Style, Tree, Value, keep_last};
use crate::diagnostic::{Diagnostic, Severity, input};
use crate::source::{SourceId, Span};
use jsonc_parser::ast;
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use std::borrow::Cow;

/// Reads JSON; none when it is not valid JSON (it may be YAML's flow style).
pub(super) fn parse(text: &str, source: SourceId) -> Option<Tree<'_>> {
    let options = ParseOptions {
        allow_comments: false,
        allow_trailing_commas: false,
        allow_loose_object_property_names: false,
        ..ParseOptions::default()
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options).ok()?;
    let mut convert = Convert {
        source,
        diagnostics: Vec::new(),
    };
    let node = convert.node(parsed.value?);
    Some(Tree {
        documents: vec![node],
        diagnostics: convert.diagnostics,
    })
}

struct Convert {
    source: SourceId,
    diagnostics: Vec<Diagnostic>,
}

impl Convert {
    fn span(&self, range: Range) -> Span {
        Span::new(self.source, range.start, range.end)
    }

    /// Recursion is bounded: the parser refuses more than 512 levels.
    fn node<'a>(&mut self, value: ast::Value<'a>) -> Node<'a> {
        let span = self.span(value.range());
        let scalar = |text, style| Value::Scalar(Scalar { text, style });
        let value = match value {
            ast::Value::StringLit(text) => scalar(text.value, Style::Quoted),
            ast::Value::NumberLit(number) => scalar(Cow::Borrowed(number.value), Style::Plain),
            ast::Value::BooleanLit(switch) => {
                let word = if switch.value { "true" } else { "false" };
                scalar(Cow::Borrowed(word), Style::Plain)
            }
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::Array(array) => Value::Sequence(
                array
                    .elements
                    .into_iter()
                    .map(|element| self.node(element))
                    .collect(),
            ),
            ast::Value::Object(object) => self.object(object),
        };
        Node { span, value }
    }

    fn object<'a>(&mut self, object: ast::Object<'a>) -> Value<'a> {
        let mut entries = Vec::with_capacity(object.properties.len());
        for property in object.properties {
            let key_span = self.span(property.name.range());
            let key = match property.name {
                ast::ObjectPropName::String(name) => name.value,
                ast::ObjectPropName::Word(name) => Cow::Borrowed(name.value),
            };
            let value = self.node(property.value);
            entries.push(Entry {
                key,
                key_span,
                value,
            });
        }
        for (key, first, second) in keep_last(&mut entries).unwrap_or_default() {
            self.diagnostics.push(
                Diagnostic::new(
                    &input::SYNTAX,
                    format!("the key `{key}` comes twice in one object; the last one is used"),
                )
                .severity(Severity::Warning)
                .label(second, "used")
                .label(first, "not used")
                .help("remove one of the two"),
            );
        }
        Value::Mapping(entries)
    }
}
