//! Markdown tables (GitHub Flavored Markdown).

use super::groups::Direction;
use super::sheet::{Row, rows};
use super::words::{Words, words};
use super::{GroupBy, Layout};
use crate::engine::ResolveResult;

/// A heading, then one table, or one for each group.
pub(super) fn resolve(result: &ResolveResult, layout: Layout<'_>) -> String {
    let words = words(layout.language);
    let mut out = format!("# {}\n", escape(&result.title));
    let directed = layout.group_by == GroupBy::Host;
    for section in rows(result, layout) {
        if !section.title.is_empty() {
            out.push_str(&format!("\n## {}\n", escape(&section.title)));
        }
        out.push('\n');
        let heads = heads(words, directed);
        out.push_str(&line(heads.iter().copied()));
        out.push_str(&format!("|{}\n", " --- |".repeat(heads.len())));
        for row in &section.rows {
            out.push_str(&line(
                cells(row, words).into_iter().skip(usize::from(!directed)),
            ));
        }
    }
    if !result.unmatched.is_empty() {
        out.push_str(&format!("\n{}:\n\n", words.unmatched));
        for one in &result.unmatched {
            let roles = one.roles.join(", ");
            out.push_str(&format!("- {} ({})\n", escape(&one.title), escape(&roles)));
        }
    }
    out
}

fn heads(words: &Words, directed: bool) -> Vec<&'static str> {
    let direction = directed.then_some(words.direction);
    let rest = [
        words.family,
        words.from,
        words.from_addresses,
        words.to,
        words.to_addresses,
        words.protocol,
        words.ports,
        words.need,
        words.why,
        words.citation,
        words.assumed,
        words.erratum,
    ];
    direction.into_iter().chain(rest).collect()
}

fn cells<'c>(row: &'c Row, words: &Words) -> [&'c str; 13] {
    [
        match row.direction {
            Some(Direction::In) => words.inbound,
            Some(Direction::Out) => words.outbound,
            None => "",
        },
        row.family,
        &row.from,
        &row.from_addresses,
        &row.to,
        &row.to_addresses,
        &row.protocol,
        &row.ports,
        row.need,
        &row.why,
        &row.citation,
        &row.assumed,
        &row.erratum,
    ]
}

fn line<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let cells: String = cells.map(|cell| format!(" {} |", escape(cell))).collect();
    format!("|{cells}\n")
}

/// Text that Markdown shows as it is, inside a table too.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in super::one_line(text).chars() {
        if "\\`*_[]<>|&~$#!".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn text_stays_text() {
        for (text, wanted) in [
            ("global/node", "global/node"),
            ("a|b", "a\\|b"),
            ("<img src=x>", "\\<img src=x\\>"),
            ("[a](b)", "\\[a\\](b)"),
            ("a\nb", "a b"),
            ("`x` *y* _z_", "\\`x\\` \\*y\\* \\_z\\_"),
        ] {
            assert_eq!(escape(text), wanted);
        }
    }
}
