//! JSON values with their places.

use super::super::syntax::{Aside, Place};
use crate::source::{SourceId, Span};
use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;
use std::ops::Range;

/// Why something could not be read, and where (byte offsets).
#[derive(Debug)]
pub(super) struct Fault {
    pub message: String,
    pub range: Range<usize>,
}

/// What reading something gives.
pub(super) type Parsed<T> = Result<T, Fault>;

/// Where a JSON text stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub source: SourceId,
    /// Byte offset of the JSON in its source.
    pub base: usize,
}

/// A value and the text it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'t> {
    pub value: &'t Value<'t>,
    pub origin: Origin,
}

impl<'t> Node<'t> {
    fn range(self) -> Range<usize> {
        let range = self.value.range();
        self.origin.base + range.start..self.origin.base + range.end
    }

    pub(super) fn span(self) -> Span {
        let range = self.range();
        Span::new(self.origin.source, range.start, range.end)
    }

    pub(super) fn place(self) -> Place {
        Aside(self.span())
    }

    /// A fault at this value.
    pub(super) fn fault(self, message: impl Into<String>) -> Fault {
        Fault {
            message: message.into(),
            range: self.range(),
        }
    }

    /// What it is, for messages.
    fn describe(self) -> String {
        match self.value {
            Value::StringLit(text) => {
                let short: String = text.value.chars().take(40).collect();
                format!("`{short}`")
            }
            Value::NumberLit(number) => format!("`{}`", number.value),
            Value::BooleanLit(switch) => format!("`{}`", switch.value),
            Value::Object(_) => "an object".into(),
            Value::Array(_) => "an array".into(),
            Value::NullKeyword(_) => "`null`".into(),
        }
    }

    /// A fault that says what was expected.
    pub(super) fn expected(self, what: &str) -> Fault {
        self.fault(format!("expected {what}, found {}", self.describe()))
    }

    pub(super) fn is_null(self) -> bool {
        matches!(self.value, Value::NullKeyword(_))
    }

    pub(super) fn text(self) -> Option<&'t str> {
        match self.value {
            Value::StringLit(text) => Some(&text.value),
            _ => None,
        }
    }

    pub(super) fn string(self, what: &str) -> Parsed<&'t str> {
        self.text().ok_or_else(|| self.expected(what))
    }

    pub(super) fn integer(self) -> Option<u128> {
        match self.value {
            Value::NumberLit(number) => number.value.parse().ok(),
            _ => None,
        }
    }

    /// A number that may be negative.
    pub(super) fn signed(self) -> Option<i64> {
        match self.value {
            Value::NumberLit(number) => number.value.parse().ok(),
            _ => None,
        }
    }

    /// A number that fits.
    pub(super) fn number<T: TryFrom<u128>>(self) -> Parsed<T> {
        self.integer()
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| self.expected("a number that fits"))
    }

    pub(super) fn switch(self) -> Option<bool> {
        match self.value {
            Value::BooleanLit(switch) => Some(switch.value),
            _ => None,
        }
    }

    pub(super) fn items(self) -> Option<impl Iterator<Item = Node<'t>>> {
        let Value::Array(array) = self.value else {
            return None;
        };
        let origin = self.origin;
        Some(
            array
                .elements
                .iter()
                .map(move |value| Node { value, origin }),
        )
    }

    /// The values of an array, or the one value that stands for an array of one.
    pub(super) fn one_or_more(self) -> Vec<Node<'t>> {
        match self.items() {
            Some(items) => items.collect(),
            None => vec![self],
        }
    }

    fn object(self) -> Option<&'t Object<'t>> {
        match self.value {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// A property.
    pub(super) fn get(self, name: &str) -> Option<Node<'t>> {
        let property = self.object()?.get(name)?;
        Some(Node {
            value: &property.value,
            origin: self.origin,
        })
    }

    /// A property that must be there.
    pub(super) fn need(self, name: &str) -> Parsed<Node<'t>> {
        self.get(name)
            .ok_or_else(|| self.fault(format!("expected an object with `{name}`")))
    }

    /// The name and value of an object's only property.
    pub(super) fn only(self, what: &str) -> Parsed<(&'t str, Node<'t>)> {
        let properties = self.object().map(|object| object.properties.as_slice());
        match properties {
            Some([property]) => {
                let node = Node {
                    value: &property.value,
                    origin: self.origin,
                };
                Ok((property.name.as_str(), node))
            }
            _ => Err(self.expected(what)),
        }
    }

    /// All properties; none of what is no object.
    pub(super) fn properties(self) -> impl Iterator<Item = (&'t str, Node<'t>)> {
        let origin = self.origin;
        self.object()
            .map(|object| object.properties.as_slice())
            .unwrap_or_default()
            .iter()
            .map(move |property| {
                let value = &property.value;
                (property.name.as_str(), Node { value, origin })
            })
    }
}
