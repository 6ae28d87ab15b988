//! Tables for terminals: columns padded with blanks, so that `grep` and `awk` work on them.

use super::groups::Direction;
use super::sheet::rows;
use super::words::words;
use super::{GroupBy, Layout, one_line};
use crate::catalog::Mode;
use crate::engine::{CatalogResult, Language, ResolveResult};
use unicode_width::UnicodeWidthStr;

/// Addresses shown of one group; CSV has them all.
const MOST_ADDRESSES: usize = 12;

/// The groups with their addresses, then the openings, then what has no counterpart.
pub(super) fn resolve(result: &ResolveResult, layout: Layout<'_>) -> String {
    let words = words(layout.language);
    let mode = match result.mode {
        Mode::AsPublished => "as-published",
        Mode::LeastPrivilege => "least-privilege",
    };
    let head = format!(
        "{} ({} {}, {}: {mode})",
        result.title, result.catalog, result.catalog_version, words.mode
    );
    let mut out = format!("{}\n", one_line(&head));
    if !layout.pairs {
        let mut groups = Table::new([words.group, words.addresses]);
        for group in &result.groups {
            let all: Vec<&str> = group
                .ipv4
                .iter()
                .chain(&group.ipv6)
                .map(String::as_str)
                .collect();
            groups.row([group.id.clone(), shortened(&all)]);
        }
        out.push_str(&format!("\n{}", groups.text()));
    }
    for section in rows(result, layout) {
        out.push('\n');
        if !section.title.is_empty() {
            out.push_str(&format!("{}\n", section.title));
        }
        let own = layout.group_by != GroupBy::Flow && !layout.pairs;
        let mut table = Table::new([
            if layout.group_by == GroupBy::Host {
                words.direction
            } else {
                ""
            },
            words.family,
            words.from,
            if own || layout.pairs {
                words.from_addresses
            } else {
                ""
            },
            words.to,
            if own || layout.pairs {
                words.to_addresses
            } else {
                ""
            },
            words.protocol,
            words.ports,
            words.need,
            words.why,
        ]);
        for row in section.rows {
            let direction = match row.direction {
                Some(Direction::In) => words.inbound,
                Some(Direction::Out) => words.outbound,
                None => "",
            };
            let mut why = row.why;
            for (marked, mark) in [(&row.assumed, words.assumed), (&row.erratum, words.erratum)] {
                if !marked.is_empty() {
                    why.push_str(&format!(" [{mark}]"));
                }
            }
            let cut = |text: String| shortened(&text.split(", ").collect::<Vec<_>>());
            table.row([
                direction.into(),
                row.family.into(),
                row.from,
                cut(row.from_addresses),
                row.to,
                cut(row.to_addresses),
                row.protocol,
                row.ports,
                row.need.into(),
                why,
            ]);
        }
        out.push_str(&table.text());
    }
    if !result.unmatched.is_empty() {
        out.push_str(&format!("\n{}:\n", words.unmatched));
        for one in &result.unmatched {
            let line = format!("  {} ({})", one.title, one.roles.join(", "));
            out.push_str(&format!("{}\n", one_line(&line)));
        }
    }
    out
}

fn shortened(addresses: &[&str]) -> String {
    let shown = addresses
        .get(..MOST_ADDRESSES)
        .unwrap_or(addresses)
        .join(", ");
    match addresses.len().saturating_sub(MOST_ADDRESSES) {
        0 => shown,
        more => format!("{shown}, … +{more}"),
    }
}

/// The list of catalogues.
#[must_use]
pub fn catalog_list(result: &CatalogResult) -> String {
    let mut table = Table::new(["name", "version", "requirements", "title"]);
    for one in &result.catalogs {
        let count = one.requirements.to_string();
        table.row([
            one.name.clone(),
            one.version.clone(),
            count,
            one.title.clone(),
        ]);
    }
    table.text()
}

/// One catalogue: its parameters, roles and rows.
#[must_use]
pub fn catalog_table(result: &CatalogResult, language: Language) -> String {
    let mut out = String::new();
    for one in &result.catalogs {
        let head = format!("{} {}: {}", one.name, one.version, one.title);
        out.push_str(&format!("{}\n\n", one_line(&head)));
    }
    let mut parameters = Table::new(["parameter", "default", "values", "title"]);
    for one in &result.parameters {
        let values: Vec<String> = one.values.iter().map(ToString::to_string).collect();
        let values = values.join(" | ");
        parameters.row([
            one.id.clone(),
            one.default.to_string(),
            values,
            one.title.clone(),
        ]);
    }
    let mut roles = Table::new(["role", "kind", "title"]);
    for one in &result.roles {
        roles.row([one.id.clone(), one.kind.clone(), one.title.clone()]);
    }
    let mut rows = Table::new([
        "id", "from", "to", "protocol", "ports", "need", "when", "title",
    ]);
    for one in &result.rows {
        let mut title = match language {
            Language::En => one.title_en.clone(),
            Language::Zh => one.title_zh.clone(),
        };
        if !one.erratum.is_empty() {
            title.push_str(&format!(" [{}]", words(language).erratum));
        }
        rows.row([
            one.id.clone(),
            one.from.clone(),
            one.to.clone(),
            one.protocol.clone(),
            one.ports.clone(),
            one.need.clone(),
            one.when.clone(),
            title,
        ]);
    }
    out.push_str(&[parameters.text(), roles.text(), rows.text()].join("\n"));
    out
}

/// Columns of text. A column whose heading is empty is left out.
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(head: [&str; N]) -> Self {
        let head = head.map(|cell| cell.to_uppercase());
        Self { rows: vec![head] }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| one_line(&cell)));
    }

    pub(super) fn text(&self) -> String {
        let mut widths = [0; N];
        let mut shown = [true; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        if let Some(head) = self.rows.first() {
            for (shown, cell) in shown.iter_mut().zip(head) {
                *shown = !cell.is_empty();
            }
        }
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            let cells = row.iter().zip(widths).zip(shown);
            for ((cell, width), _) in cells.filter(|(_, shown)| *shown) {
                let gap = width.saturating_sub(cell.width()).saturating_add(2);
                line.push_str(cell);
                line.push_str(&" ".repeat(gap));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn wide_characters_take_two_columns() {
        let mut table = Table::new(["源", "", "ports"]);
        table.row(["节点".into(), "hidden".into(), "22".into()]);
        table.row(["a\tb".into(), String::new(), "443".into()]);
        assert_eq!(table.text(), "源    PORTS\n节点  22\na b   443\n");
    }
}
