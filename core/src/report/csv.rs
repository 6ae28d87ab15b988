//! CSV for spreadsheets and programs. The columns are stable and in English.

use super::groups::Direction;
use super::sheet::{Row, rows};
use super::{GroupBy, Layout};
use crate::engine::ResolveResult;

const COLUMNS: [&str; 12] = [
    "family",
    "from",
    "from_addresses",
    "to",
    "to_addresses",
    "protocol",
    "ports",
    "need",
    "why",
    "citation",
    "assumed",
    "erratum",
];

/// One line for each opening. Grouped sheets have the group before the other columns, and for
/// hosts the direction.
pub(super) fn resolve(result: &ResolveResult, layout: Layout<'_>) -> String {
    let before: &[&str] = match layout.group_by {
        GroupBy::Flow => &[],
        GroupBy::Host => &["host", "direction"],
        GroupBy::Role => &["roles"],
        GroupBy::Boundary => &["boundary"],
    };
    let mut lines = vec![line(before.iter().chain(&COLUMNS).copied())];
    for section in rows(result, layout) {
        for row in &section.rows {
            let direction = match row.direction {
                Some(Direction::In) => "in",
                Some(Direction::Out) => "out",
                None => "",
            };
            let group = [section.title.as_str(), direction];
            let group = group.into_iter().take(before.len());
            lines.push(line(group.chain(cells(row))));
        }
    }
    lines.concat()
}

fn cells(row: &Row) -> [&str; 12] {
    [
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

/// One record, quoted where RFC 4180 asks for it.
fn line<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let cells: Vec<String> = cells.map(|cell| quoted(&harmless(cell))).collect();
    format!("{}\r\n", cells.join(","))
}

/// Spreadsheets run cells that start with one of these as formulas.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn cells_are_quoted_and_harmless() {
        for (cells, wanted) in [
            (vec!["a", "b"], "a,b\r\n"),
            (vec!["a,b", "c\"d"], "\"a,b\",\"c\"\"d\"\r\n"),
            (vec!["=1+1", "+1", "-1", "@x"], "'=1+1,'+1,'-1,'@x\r\n"),
            (vec!["\tx", "\rx"], "'\tx,\"'\rx\"\r\n"),
            (
                vec!["=HYPERLINK(\"u\",\"v\")"],
                "\"'=HYPERLINK(\"\"u\"\",\"\"v\"\")\"\r\n",
            ),
            (vec!["2379-2380", ""], "2379-2380,\r\n"),
        ] {
            assert_eq!(line(cells.into_iter()), wanted);
        }
    }
}
