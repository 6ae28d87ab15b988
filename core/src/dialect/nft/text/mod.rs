//! Reads `nft list ruleset` and the files that `nft -f` takes.

mod action;
mod block;
mod command;
mod expression;
mod lexer;
mod object;
mod parser;
mod rule;
mod selector;
mod set;

use super::build::Builder;
use super::syntax::{Aside, Statement, StatementKind, Unreadable};
use crate::source::{SourceId, Span};
use parser::Parser;

/// Carries out the commands of a text.
pub(super) fn read(text: &str, source: SourceId, build: &mut Builder) {
    Parser::new(text, source, None, build).commands();
}

/// Reads statements that another notation has as text; all of them stand at one place.
pub(super) fn statements(text: &str, at: Span, build: &mut Builder) -> Vec<Statement> {
    let mut parser = Parser::new(text, at.source, Some(at), build);
    let mut statements = parser.rule().statements;
    parser.separators();
    if !parser.is_done() {
        statements.push(Statement {
            kind: StatementKind::Unreadable(Unreadable {
                message: Aside("expected one statement".into()),
                place: Aside(at),
            }),
            place: Aside(at),
        });
    }
    statements
}

/// How well a text looks like nft's language: 0 not at all, 100 surely.
#[must_use]
pub fn detect(text: &str) -> u8 {
    let mut score = 0;
    let lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .take(400);
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().take(8).collect();
        match words.as_slice() {
            // Another format that may quote one of these lines later.
            ["{" | "["] => return 0,
            ["table", family, _, rest @ ..] if is_family(family) && opens(rest) => return 100,
            ["table", _, "{"] | ["flush", "ruleset"] => return 100,
            [
                "add" | "create",
                "table" | "chain" | "rule" | "set" | "map" | "element",
                ..,
            ] => {
                return 95;
            }
            ["type", "filter" | "nat" | "route", "hook", ..] => return 90,
            ["define", _, "=", ..] => score = score.max(60),
            ["include", path, ..] if path.starts_with('"') => score = score.max(40),
            _ => {}
        }
    }
    if text.starts_with("#!") && text.lines().next().is_some_and(|line| line.contains("nft")) {
        score = score.max(95);
    }
    score
}

fn is_family(word: &str) -> bool {
    super::symbols::family(word).is_some()
}

/// Whether what stands behind a table's name may stand there.
fn opens(rest: &[&str]) -> bool {
    matches!(rest.first(), None | Some(&("{" | ";")))
}
