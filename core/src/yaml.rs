//! YAML text into typed values: bounded, and every error is a diagnostic with its place.
//!
//! The only module that knows which YAML library is used for typed documents. Messages never
//! quote scalar values, which may be secrets; keys and the words of closed lists they do quote.

use crate::diagnostic::{Diagnostic, input};
use crate::source::{SourceId, Sources, Span};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location, Options};

/// Largest YAML text that is read, in bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Reads one YAML document from a source.
///
/// # Errors
///
/// One diagnostic (`PW002` for limits, `PW003` for everything else) with line and column, what
/// was expected, and what to do.
pub fn from_str<T: DeserializeOwned>(sources: &Sources, id: SourceId) -> Result<T, Diagnostic> {
    let text = sources.get(id).map_or("", |source| source.text());
    if text.len() > MAX_BYTES {
        return Err(Diagnostic::new(
            &input::LIMIT,
            format!(
                "the document has {} bytes, more than the {MAX_BYTES} that are read",
                text.len()
            ),
        )
        .at(sources.line_span(id, 1))
        .help("split the document"));
    }
    serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| diagnostic(sources, id, &error))
}

/// Writes a value as a YAML document.
///
/// # Errors
///
/// Where the value has no YAML form (a map key that is not a scalar, for example).
pub fn to_string<T: Serialize>(value: &T) -> Result<String, serde_saphyr::SerializeError> {
    serde_saphyr::to_string(value)
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_documents: 64,
            max_nodes: 500_000,
            max_events: 2_000_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
        },
        strict_booleans: true,
        with_snippet: false,
    }
}

fn diagnostic(sources: &Sources, id: SourceId, error: &Error) -> Diagnostic {
    let (message, help) = describe(error);
    let code = match error {
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => &input::LIMIT,
        _ => &input::SYNTAX,
    };
    Diagnostic::new(code, message)
        .at(span(sources, id, error.location()))
        .help(help)
}

/// The place as a byte range; from line and column where the library knows no bytes.
fn span(sources: &Sources, id: SourceId, location: Option<Location>) -> Span {
    let Some(location) = location else {
        return sources.line_span(id, 1);
    };
    let span = location.span();
    let length = span.byte_len().and_then(|len| u32::try_from(len).ok());
    if let Some(start) = span.byte_offset().and_then(|at| u32::try_from(at).ok()) {
        return Span {
            source: id,
            start,
            end: start.saturating_add(length.unwrap_or(0)),
        };
    }
    let line = u32::try_from(location.line()).unwrap_or(u32::MAX).max(1);
    let column = usize::try_from(location.column()).unwrap_or(usize::MAX);
    let before: usize = sources
        .get(id)
        .map_or("", |source| source.line(line))
        .chars()
        .take(column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    let whole = sources.line_span(id, line);
    let start = whole
        .start
        .saturating_add(u32::try_from(before).unwrap_or(u32::MAX));
    Span { start, ..whole }
}

/// What is the matter, and what to do.
fn describe(error: &Error) -> (String, &'static str) {
    const KEYS: &str = "correct the key; the schema lists every key";
    const VALUE: &str = "correct the value; the schema says what it may be";
    match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => (
            format!("unknown key `{field}`, expected {}", list(expected)),
            KEYS,
        ),
        Error::SerdeMissingField { field, .. } => {
            (format!("the key `{field}` is missing here"), "add the key")
        }
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            format!("unknown value `{variant}`, expected {}", list(expected)),
            VALUE,
        ),
        Error::SerdeInvalidType {
            unexpected,
            expected,
            ..
        }
        | Error::SerdeInvalidValue {
            unexpected,
            expected,
            ..
        } => (
            format!("expected {}, found {}", plain(expected), kind(unexpected)),
            VALUE,
        ),
        Error::Unexpected { expected, .. } => (format!("expected {}", plain(expected)), VALUE),
        Error::InvalidScalar { ty, .. } => (format!("expected {}", plain(ty)), VALUE),
        Error::InvalidBooleanStrict { .. } => ("expected `true` or `false`".into(), VALUE),
        Error::DuplicateMappingKey { key, .. } => (
            match key {
                Some(key) => format!("the key `{key}` stands here a second time"),
                None => "a key stands here a second time".into(),
            },
            "remove one of the two",
        ),
        Error::MultipleDocuments { .. } => (
            "expected one YAML document, found several".into(),
            "put each document into its own file",
        ),
        Error::Eof { .. } => (
            "the document ends here, expected a mapping".into(),
            "check that the file is complete and not empty",
        ),
        Error::Budget { .. } => (
            "the document is deeper or longer than the limits allow".into(),
            "split the document",
        ),
        Error::AliasError { error, .. } => describe(error),
        Error::Message { msg, .. } | Error::ExternalMessage { msg, .. } => (
            without_place(msg).to_owned(),
            "correct the YAML at this place",
        ),
        other => (
            without_place(&other.without_snippet().to_string()).to_owned(),
            "correct the YAML at this place",
        ),
    }
}

fn list(expected: &[&'static str]) -> String {
    match expected {
        [] => "no key at all".into(),
        [one] => format!("`{one}`"),
        many => format!("one of `{}`", many.join("`, `")),
    }
}

/// A message of the library without the place that it may end with: the span says it.
fn without_place(message: &str) -> &str {
    let end = message.find(" at line ").unwrap_or(message.len());
    message.get(..end).unwrap_or(message).trim_end_matches('.')
}

/// The kind of a found value (`string "x"` → `string`), never the value.
fn kind(unexpected: &str) -> &str {
    let end = unexpected.find(['"', '`']).unwrap_or(unexpected.len());
    match unexpected.get(..end).map(str::trim) {
        None | Some("") => "something else",
        Some(kind) => kind,
    }
}

/// An expectation without Rust's names for types.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number up to 255",
        "u16" => "a whole number up to 65535",
        "u32" | "u64" | "usize" => "a whole number from 0",
        "i32" | "i64" | "i128" => "a whole number",
        "f32" | "f64" => "a number",
        "bool" | "boolean" | "a boolean" => "`true` or `false`",
        "String" | "str" => "a text",
        "mapping start" => "a mapping",
        "sequence start" => "a list",
        "string scalar" => "a single value",
        other if other.starts_with("struct ") => "a mapping with named keys",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::from_str;
    use crate::source::Sources;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Probe {
        port: u16,
        #[serde(default)]
        name: String,
    }

    fn check(text: &str, expected: &str) {
        let mut sources = Sources::default();
        let id = sources.add("probe.yaml", text);
        let error = from_str::<Probe>(&sources, id).expect_err(text);
        let at = sources.position(error.labels[0].span);
        assert_eq!(
            format!("{}:{} {}", at.line, at.column, error.message),
            expected
        );
        assert!(error.help.is_some(), "{text}");
    }

    #[test]
    fn errors_say_where_and_what_was_expected() {
        check(
            "port: 1\nprot: 2\n",
            "2:1 unknown key `prot`, expected one of `port`, `name`",
        );
        check("name: a\n", "1:1 the key `port` is missing here");
        check(
            "name: a\nport: 70000\n",
            "2:7 expected a whole number up to 65535",
        );
        check("port: hunter2\n", "1:7 expected a whole number up to 65535");
        // Bytes, not characters; either line ending; with a byte order mark.
        check(
            "name: 自有\nport: x\n",
            "2:7 expected a whole number up to 65535",
        );
        check(
            "name: a\r\nport: x\r\n",
            "2:7 expected a whole number up to 65535",
        );
        check(
            "\u{feff}name: 自\nport: x\n",
            "2:7 expected a whole number up to 65535",
        );
        check("name: a\nport: [1\n", "2:7 expected a single value");
        check(
            "name: a\n\tport: 1\n",
            "1:7 while scanning a plain scalar, found a tab",
        );
        check(
            "port: 1\n---\nport: 2\n",
            "3:1 expected one YAML document, found several",
        );
        check("- 1\n", "1:1 expected a mapping");
        check("port: *x\n", "1:7 alias references unknown anchor");
        check(
            "port: 1\nport: 2\n",
            "2:1 the key `port` stands here a second time",
        );
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = format!("port: {}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let bomb = (1..30).fold(String::from("a0: &a0 [x, x]\n"), |text, n| {
            format!("{text}a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)
        });
        for text in [deep.as_str(), bomb.as_str(), "port: [", "\u{0}", ""] {
            let mut sources = Sources::default();
            let id = sources.add("hostile.yaml", text);
            assert!(from_str::<Probe>(&sources, id).is_err());
        }
        let mut sources = Sources::default();
        let id = sources.add("good.yaml", "port: 6443\nname: api\n");
        let good: Probe = from_str(&sources, id).expect("a good document");
        assert_eq!((good.port, good.name.as_str()), (6443, "api"));
    }
}
