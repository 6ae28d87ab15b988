//! The pages about dialects end in tables of support states, generated from the engine's own.
//! `PORTWRIGHT_BLESS=1` writes them.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read the pages from the file system"
)]

use portwright::dialect::iptables::{MATCHES, TARGETS};
use portwright::dialect::nft::{EXPRESSIONS, STATEMENTS};
use std::fmt::Display;
use std::fs;
use std::path::Path;

const MARKER: &str = "<!-- generated from the engine's tables; PORTWRIGHT_BLESS=1 cargo test --test dialect_docs writes it -->\n";

fn table(title: &str, rows: impl Iterator<Item = (String, String, String)>) -> String {
    let mut out = format!("\n## {title}\n\n| name | state | note |\n| --- | --- | --- |\n");
    for (name, state, note) in rows {
        let note = note.replace('|', "\\|");
        out.push_str(&format!("| `{name}` | {state} | {note} |\n"));
    }
    out
}

fn row(name: &str, state: impl Display, note: &str) -> (String, String, String) {
    (name.replace('|', "\\|"), state.to_string(), note.to_owned())
}

fn check(page: &str, tables: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/dialects")
        .join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (before, found) = text.split_once(MARKER).expect("the page has the marker");
    if std::env::var_os("PORTWRIGHT_BLESS").is_some() {
        fs::write(&path, format!("{before}{MARKER}{tables}")).unwrap();
        return;
    }
    assert_eq!(found, tables, "{page} is out of date");
}

#[test]
fn iptables() {
    let matches = MATCHES.iter().map(|m| row(m.name, m.state, m.note));
    let targets = TARGETS.iter().map(|t| row(t.name, t.state, t.note));
    let tables = table("Matches", matches) + &table("Targets", targets);
    check("iptables-save.md", &tables);
}

#[test]
fn nft() {
    let expressions = EXPRESSIONS.iter().map(|e| row(e.name, e.state, e.note));
    let statements = STATEMENTS.iter().map(|s| row(s.name, s.state, s.note));
    let tables = table("Expressions", expressions) + &table("Statements", statements);
    check("nft.md", &tables);
}
