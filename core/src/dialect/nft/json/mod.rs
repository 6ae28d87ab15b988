//! Reads `nft -j list ruleset` and the commands that `nft -j -f` takes (libnftables-json(5)).

mod action;
mod command;
mod expression;
mod node;
mod object;
mod selector;
mod set;
mod statement;

use super::build::Builder;
use super::syntax::{Aside, Unreadable};
use crate::diagnostic::{Diagnostic, input};
use crate::source::{SourceId, Span};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use node::{Fault, Node, Origin, Parsed};

/// Deepest nesting of expressions and statements.
const DEEPEST: usize = 64;

const HELP: &str = "this part of the ruleset is not counted on; see libnftables-json(5)";

/// Carries out what a text says.
pub(super) fn read(text: &str, source: SourceId, build: &mut Builder) {
    let options = ParseOptions {
        allow_comments: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_loose_object_property_names: false,
        allow_single_quoted_strings: false,
        ..ParseOptions::default()
    };
    let mut reader = Reader {
        source,
        depth: 0,
        build,
    };
    let base = beginning(text);
    let origin = Origin { source, base };
    let json = text.get(base..).unwrap_or("");
    match parse_to_ast(json, &CollectOptions::default(), &options) {
        Ok(parsed) => match &parsed.value {
            Some(value) => reader.document(Node { value, origin }),
            None => reader.outside(Fault {
                message: "expected an object with `nftables`, found nothing".into(),
                range: base..text.len(),
            }),
        },
        Err(error) => {
            let range = error.range();
            reader.outside(Fault {
                message: format!("the text is no valid JSON: {}", error.kind()),
                range: base + range.start..base + range.end,
            });
        }
    }
}

/// Where the JSON begins: behind a byte order mark and the warnings that nft prints into it.
fn beginning(text: &str) -> usize {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while rest.starts_with("warning: ") {
        rest = match rest.split_once('\n') {
            Some((_, next)) => next.trim_start(),
            None => "",
        };
    }
    text.len() - rest.len()
}

/// How well a text looks like nft's JSON: 0 not at all, 100 surely.
#[must_use]
pub fn detect(text: &str) -> u8 {
    let text = text.get(beginning(text)..).unwrap_or("");
    let Some(inside) = text.strip_prefix('{') else {
        return 0;
    };
    let Some(value) = inside.trim_start().strip_prefix("\"nftables\"") else {
        return 0;
    };
    if value.trim_start().starts_with(':') {
        100
    } else {
        0
    }
}

struct Reader<'b> {
    source: SourceId,
    depth: usize,
    build: &'b mut Builder,
}

impl Reader<'_> {
    fn document(&mut self, document: Node<'_>) {
        let items = document
            .get("nftables")
            .and_then(|list| list.items().map(Iterator::collect::<Vec<_>>));
        let Some(items) = items else {
            let fault = document.expected("an object whose `nftables` is an array");
            self.outside(fault);
            return;
        };
        for item in items {
            if let Err(fault) = self.command(item) {
                self.outside(fault);
            }
        }
    }

    /// Says what could not be read, for the reader and in the tree.
    fn unreadable(&mut self, fault: Fault) -> Unreadable {
        let place = Span::new(self.source, fault.range.start, fault.range.end);
        self.build.note(
            Diagnostic::new(&input::SYNTAX, fault.message.clone())
                .at(place)
                .help(HELP),
        );
        Unreadable {
            message: Aside(fault.message.into()),
            place: Aside(place),
        }
    }

    /// Something outside of all tables could not be read.
    fn outside(&mut self, fault: Fault) {
        let unreadable = self.unreadable(fault);
        self.build.unreadable(unreadable);
    }

    /// Goes one level deeper for the time of `read`.
    fn deeper<T>(&mut self, at: Node<'_>, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEEPEST {
            return Err(at.fault(format!("nesting is deeper than {DEEPEST} levels")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}
