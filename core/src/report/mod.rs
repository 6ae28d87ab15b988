//! Answers of the engine as people and other programs read them. Pure: facade data in, text out.
//!
//! One function for each kind of result; [`RESOLVE_FORMATS`] lists the formats of a resolved site.

mod compare;
mod csv;
mod dot;
mod entries;
mod findings;
mod groups;
mod links;
mod markdown;
mod mermaid;
mod probe;
mod sheet;
mod sockets;
mod table;
mod text;
mod trace;
mod words;
mod xml;

pub use compare::{compare, compare_markdown};
pub use entries::GroupBy;
pub use findings::{FINDING_FORMATS, FindingFormat, findings};
pub use probe::{PROBE_FORMATS, ProbeFormat, probe};
pub use sockets::sockets;
pub use table::{catalog_list, catalog_table};
pub use text::{audit, diagnostics, explanations, lint};
pub use trace::{json_line, packets};

use crate::engine::{Language, ResolveResult};

/// How a resolved site is laid out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layout<'a> {
    /// What rows are gathered under.
    pub group_by: GroupBy,
    /// One row for each pair of addresses instead of one for each flow.
    pub pairs: bool,
    /// Language of headings.
    pub language: Language,
    /// Grouped by host: only this one.
    pub host: Option<&'a str>,
}

/// A format of a resolved site.
#[derive(Debug)]
pub struct Format {
    /// Its name on the command line.
    pub id: &'static str,
    /// Writes it.
    pub write: fn(&ResolveResult, Layout<'_>) -> String,
}

/// Every format that a resolved site can be written in, beside JSON, which is the answer itself.
pub static RESOLVE_FORMATS: &[Format] = &[
    Format {
        id: "table",
        write: table::resolve,
    },
    Format {
        id: "csv",
        write: csv::resolve,
    },
    Format {
        id: "markdown",
        write: markdown::resolve,
    },
    Format {
        id: "dot",
        write: dot::resolve,
    },
    Format {
        id: "mermaid",
        write: mermaid::resolve,
    },
];

/// A resolved site in the format of this name; none when there is no such format.
#[must_use]
pub fn resolve(format: &str, result: &ResolveResult, layout: Layout<'_>) -> Option<String> {
    let found = RESOLVE_FORMATS.iter().find(|known| known.id == format)?;
    Some((found.write)(result, layout))
}

/// A text on one line without control characters: names come from files that others wrote.
fn one_line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        clean.push(if c.is_control() { ' ' } else { c });
    }
    clean
}
