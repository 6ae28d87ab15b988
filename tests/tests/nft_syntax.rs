//! nftables: both notations of one ruleset give one tree, and nothing of it is lost.
//!
//! The fixtures are what nft 1.0.6 printed for rulesets that a kernel had loaded.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read their fixtures from files"
)]

use portwright::dialect::nft;
use portwright::dialect::nft::syntax::Ruleset;
use portwright::source::Sources;
use std::path::PathBuf;

fn fixtures() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/nft");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .expect("fixtures")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("ruleset.json").exists())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no fixtures");
    folders
}

/// Reads one notation; what it says about the text fails the test.
fn read(name: &str, text: &str, json: bool) -> Ruleset {
    let mut sources = Sources::default();
    let id = sources.add(name, text);
    let (ruleset, diagnostics) = if json {
        nft::parse_json(text, id)
    } else {
        nft::parse_text(text, id)
    };
    for diagnostic in &diagnostics {
        let at = diagnostic.labels.first().expect("a place").span;
        let line = sources.position(at).line;
        panic!(
            "{name}:{line}: {} at `{}`",
            diagnostic.message,
            sources.slice(at)
        );
    }
    ruleset
}

/// Says where two trees differ, as closely as rules.
fn same(name: &str, text: &Ruleset, json: &Ruleset) {
    assert_eq!(text.tables.len(), json.tables.len(), "{name}");
    for (a, b) in text.tables.iter().zip(&json.tables) {
        for (a, b) in a.chains.iter().zip(&b.chains) {
            for (at, (a, b)) in a.rules.iter().zip(&b.rules).enumerate() {
                assert_eq!(a, b, "{name}: rule {} differs", at + 1);
            }
            assert_eq!(a, b, "{name}");
        }
        for (a, b) in a.sets.iter().zip(&b.sets) {
            assert_eq!(a, b, "{name}");
        }
        assert_eq!(a, b, "{name}");
    }
    assert_eq!(text, json, "{name}");
}

#[test]
fn text_and_json_give_one_tree() {
    for folder in fixtures() {
        let name = folder.display().to_string();
        let file = |file| std::fs::read_to_string(folder.join(file)).expect("a fixture");
        let text = read(&name, &file("ruleset.nft"), false);
        let json = read(&name, &file("ruleset.json"), true);
        same(&name, &text, &json);
    }
}

#[test]
fn each_notation_is_detected_as_itself() {
    for folder in fixtures() {
        let file = |file| std::fs::read_to_string(folder.join(file)).expect("a fixture");
        let (text, json) = (file("ruleset.nft"), file("ruleset.json"));
        assert_eq!(nft::detect_text(&text), 100);
        assert_eq!(nft::detect_json(&text), 0);
        assert_eq!(nft::detect_text(&json), 0);
        assert_eq!(nft::detect_json(&json), 100);
    }
}
