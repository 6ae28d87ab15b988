//! serde over the spanned tree, so that one set of types is the file format, its JSON Schema and
//! its reader, and every error has a place.

use super::tree::{Entry, Node, Scalar, Style, Value};
use crate::source::Span;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

/// Names by which [`Spanned`] asks [`Reader`] for a place.
const STRUCT: &str = "$portwright::Spanned";
const LENIENT: &str = "$portwright::Lenient";
const FIELDS: &[&str] = &["$start", "$end", "$value"];

/// A value with the bytes where it is written.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    start: u32,
    end: u32,
}

impl<T> Spanned<T> {
    /// Where it is written, in the text it was read from.
    pub(crate) fn span(&self, source: crate::source::SourceId) -> Span {
        Span {
            source,
            start: self.start,
            end: self.end,
        }
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Spanned<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(STRUCT, FIELDS, SpannedVisitor(PhantomData))
    }
}

/// A part that is skipped, with a message, when it cannot be read: one wrong host does not cost
/// the site.
#[derive(Debug, Clone)]
pub struct Lenient<T>(pub Option<Spanned<T>>);

impl<T: schemars::JsonSchema> schemars::JsonSchema for Lenient<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(LENIENT, FIELDS, LenientVisitor(PhantomData))
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its place")
    }

    /// The reader keeps the problem; an error here only says that there is one.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(Lenient(SpannedVisitor(PhantomData).visit_map(map).ok()))
    }
}

struct SpannedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SpannedVisitor<T> {
    type Value = Spanned<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its place")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let missing = || de::Error::custom("no place");
        let (_, start): (String, u32) = map.next_entry()?.ok_or_else(missing)?;
        let (_, end): (String, u32) = map.next_entry()?.ok_or_else(missing)?;
        let (_, value): (String, T) = map.next_entry()?.ok_or_else(missing)?;
        Ok(Spanned { value, start, end })
    }
}

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Problem {
    /// In words, without the input's own text where serde gives it (it may be secret).
    pub message: String,
    /// The innermost node that has the problem.
    pub span: Option<Span>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        let untagged = message.starts_with("data did not match any variant");
        Self {
            message: if untagged {
                "expected a single value or a list of them".into()
            } else {
                message
            },
            span: None,
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let near = super::variables::nearest(field, expected.iter().copied());
        let hint = match near {
            Some(near) => format!("did you mean `{near}`"),
            None => format!("expected one of `{}`", expected.join("`, `")),
        };
        Self::custom(format!("unknown key `{field}`; {hint}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!(
            "unknown value `{variant}`; expected one of `{}`",
            expected.join("`, `")
        ))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::custom(format!("the key `{field}` comes twice"))
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format!(
            "expected {}, found {}",
            wanted(expected),
            kind(found)
        ))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format!(
            "expected {}, found {}",
            wanted(expected),
            kind(found)
        ))
    }
}

/// What serde expects, without names of Rust types.
fn wanted(expected: &dyn de::Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a sequence" => "a list".into(),
        "a map" => "a mapping".into(),
        "a string" => "a text".into(),
        "a boolean" => "`true` or `false`".into(),
        "u8" => "a number from 0 to 255".into(),
        "u16" => "a number from 0 to 65535".into(),
        _ if text.starts_with("struct ") => "a mapping".into(),
        _ => text,
    }
}

fn kind(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Str(_) => "text".into(),
        de::Unexpected::Unit => "nothing".into(),
        de::Unexpected::Seq => "a list".into(),
        de::Unexpected::Map => "a mapping".into(),
        de::Unexpected::Unsigned(number) => format!("`{number}`"),
        de::Unexpected::Signed(number) => format!("`{number}`"),
        de::Unexpected::Bool(value) => format!("`{value}`"),
        _ => "something else".into(),
    }
}

impl Problem {
    fn at(mut self, span: Span) -> Self {
        self.span = self.span.or(Some(span));
        self
    }
}

/// Reads a node as a value of a serde type. The list holds what [`Lenient`] parts skipped.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    node: &'a Node<'a>,
) -> (Result<T, Problem>, Vec<Problem>) {
    let skipped = RefCell::new(Vec::new());
    let result = T::deserialize(Reader(node, Sink(&skipped)));
    (result, skipped.into_inner())
}

/// Where [`Lenient`] parts leave their problems.
#[derive(Clone, Copy)]
struct Sink<'s>(&'s RefCell<Vec<Problem>>);

impl<'s> Sink<'s> {
    fn with<'a>(self, node: &'a Node<'a>) -> Reader<'a, 's> {
        Reader(node, self)
    }
}

#[derive(Clone, Copy)]
struct Reader<'a, 's>(&'a Node<'a>, Sink<'s>);

impl<'a> Reader<'a, '_> {
    fn scalar<V: Visitor<'a>>(scalar: &'a Scalar<'a>, visitor: V) -> Result<V::Value, Problem> {
        let text = scalar.text.as_ref();
        if scalar.style == Style::Plain {
            match text {
                "true" | "True" | "TRUE" => return visitor.visit_bool(true),
                "false" | "False" | "FALSE" => return visitor.visit_bool(false),
                _ => {}
            }
            if let Ok(number) = text.parse::<i64>() {
                return visitor.visit_i64(number);
            }
        }
        visitor.visit_borrowed_str(text)
    }
}

impl<'de> de::Deserializer<'de> for Reader<'de, '_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let span = self.0.span;
        let result = match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar(scalar) => Self::scalar(scalar, visitor),
            Value::Sequence(items) => visitor.visit_seq(Items(items.iter(), self.1)),
            Value::Mapping(entries) => visitor.visit_map(Entries {
                entries: entries.iter(),
                value: None,
                sink: self.1,
            }),
        };
        result.map_err(|problem: Problem| problem.at(span))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    /// Names such as `1` or `true` are texts where a text is wanted.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.0.value {
            Value::Scalar(scalar) => visitor
                .visit_borrowed_str(scalar.text.as_ref())
                .map_err(|problem: Problem| problem.at(self.0.span)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        if name == STRUCT || name == LENIENT {
            return visitor.visit_map(Place {
                node: self.0,
                step: 0,
                lenient: name == LENIENT,
                sink: self.1,
            });
        }
        // serde would take a list for a struct's fields in their order.
        if let Value::Sequence(_) = self.0.value {
            let problem: Problem = de::Error::custom("expected a mapping, found a list");
            return Err(problem.at(self.0.span));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let span = self.0.span;
        let Some(text) = self.0.text() else {
            let message = format!("expected a word, found {}", self.0.kind());
            return Err(de::Error::custom(message)).map_err(|p: Problem| p.at(span));
        };
        let word: StrDeserializer<'_, Problem> = text.into_deserializer();
        visitor
            .visit_enum(word)
            .map_err(|problem: Problem| problem.at(span))
    }

    /// A null list is an empty one.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.0.is_null() {
            return visitor.visit_seq(Items([].iter(), self.1));
        }
        self.deserialize_any(visitor)
    }

    /// A null mapping is an empty one.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.0.is_null() {
            return visitor.visit_map(Entries {
                entries: [].iter(),
                value: None,
                sink: self.1,
            });
        }
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        newtype_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items<'a, 's>(std::slice::Iter<'a, Node<'a>>, Sink<'s>);

impl<'a> SeqAccess<'a> for Items<'a, '_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        self.0
            .next()
            .map(|node| {
                seed.deserialize(self.1.with(node))
                    .map_err(|p| p.at(node.span))
            })
            .transpose()
    }
}

struct Entries<'a, 's> {
    entries: std::slice::Iter<'a, Entry<'a>>,
    value: Option<&'a Node<'a>>,
    sink: Sink<'s>,
}

impl<'a> MapAccess<'a> for Entries<'a, '_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(&entry.value);
        let key: StrDeserializer<'_, Problem> = entry.key.as_ref().into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|problem| problem.at(entry.key_span))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let node = self
            .value
            .take()
            .ok_or_else(|| de::Error::custom("no value"))?;
        seed.deserialize(self.sink.with(node))
            .map_err(|p: Problem| p.at(node.span))
    }
}

/// What [`Spanned`] reads: start, end, value.
struct Place<'a, 's> {
    node: &'a Node<'a>,
    step: usize,
    lenient: bool,
    sink: Sink<'s>,
}

impl<'a> MapAccess<'a> for Place<'a, '_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let Some(&name) = FIELDS.get(self.step) else {
            return Ok(None);
        };
        self.step += 1;
        let key: StrDeserializer<'_, Problem> = name.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let number = |n: u32| IntoDeserializer::<Problem>::into_deserializer(n);
        match self.step {
            1 => seed.deserialize(number(self.node.span.start)),
            2 => seed.deserialize(number(self.node.span.end)),
            _ => {
                let result = seed.deserialize(self.sink.with(self.node));
                result.map_err(|problem: Problem| {
                    let problem = problem.at(self.node.span);
                    if !self.lenient {
                        return problem;
                    }
                    self.sink.0.borrow_mut().push(problem);
                    de::Error::custom("skipped")
                })
            }
        }
    }
}
