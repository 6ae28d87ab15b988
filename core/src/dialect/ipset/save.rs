//! `ipset save`: one command a line.

use super::read::Reading;
use crate::dialect::lines::lines;

/// Reads every line.
pub(super) fn read(text: &str, reading: &mut Reading<'_>) {
    for line in lines(text) {
        let span = reading.span(line.start, line.end());
        let words = words(line.text);
        match words.as_slice() {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            ["create" | "-N" | "--create" | "n", name, kind, rest @ ..] => {
                reading.create(name, kind, rest, span);
            }
            ["add" | "-A" | "--add" | "a", name, element, rest @ ..] => {
                reading.add(name, element, rest, span);
            }
            ["COMMIT"] => {}
            [other, name, ..] => {
                let message = format!("expected `create` or `add`, found `{other}`");
                reading.fault(Some(name), message, span);
            }
            [other] => {
                let message = format!("expected `create` or `add`, found `{other}`");
                reading.fault(None, message, span);
            }
        }
    }
}

/// The words of a line without a quoted comment: what stands in it is no keyword.
pub(super) fn words(line: &str) -> Vec<&str> {
    let (before, behind) = match (line.find('"'), line.rfind('"')) {
        (Some(open), Some(close)) => (
            line.get(..open).unwrap_or(""),
            line.get(close + 1..).unwrap_or(""),
        ),
        _ => (line, ""),
    };
    before
        .split_ascii_whitespace()
        .chain(behind.split_ascii_whitespace())
        .collect()
}
