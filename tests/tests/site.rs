//! Inventories in, sites out: what each format's fixtures give, what is said about wrong input,
//! and that nothing hostile breaks the reader.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures and may rewrite them"
)]

#[path = "site/bad.rs"]
mod bad;
#[path = "site/dump.rs"]
mod dump;
#[path = "site/hostile.rs"]
mod hostile;
#[path = "site/large.rs"]
mod large;
#[path = "site/secrets.rs"]
mod secrets;

use portwright::site::{Read, read};
use portwright::source::{SourceId, Sources};
use std::path::{Path, PathBuf};

/// Reads named texts.
fn read_texts(texts: &[(&str, &str)]) -> (Sources, Read) {
    let mut sources = Sources::default();
    let ids: Vec<SourceId> = texts
        .iter()
        .map(|(name, text)| sources.add(*name, *text))
        .collect();
    let read = read(&sources, &ids);
    (sources, read)
}

/// Every fixture folder: format, case.
fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/site");
    let children = |path: &Path| {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(path)
            .expect("fixture folder")
            .map(|entry| entry.expect("entry").path())
            .collect();
        paths.sort();
        paths
    };
    children(&root)
        .iter()
        .flat_map(|format| children(format))
        .collect()
}

/// Input files of a case, in the order of their names.
fn inputs(case: &Path) -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(case)
        .expect("case folder")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| !path.ends_with("expected.txt"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let name = path
                .file_name()
                .expect("name")
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read_to_string(path).expect("text"))
        })
        .collect()
}

/// `PORTWRIGHT_BLESS=1` rewrites what is expected; read the difference before committing it.
#[test]
fn fixtures() {
    let bless = std::env::var_os("PORTWRIGHT_BLESS").is_some();
    let cases = cases();
    assert!(cases.len() >= 12, "fixtures are missing");
    let mut wrong = Vec::new();
    for case in &cases {
        let texts = inputs(case);
        let texts: Vec<(&str, &str)> = texts
            .iter()
            .map(|(n, t)| (n.as_str(), t.as_str()))
            .collect();
        let (sources, read) = read_texts(&texts);
        let found = dump::dump(&sources, &read);
        let path = case.join("expected.txt");
        if bless {
            std::fs::write(&path, &found).expect("write");
        } else if std::fs::read_to_string(&path).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The order of the files changes neither hosts nor roles.
#[test]
fn order_of_files() {
    for case in cases() {
        let mut texts = inputs(&case);
        let facts = |texts: &[(String, String)]| {
            let texts: Vec<(&str, &str)> = texts
                .iter()
                .map(|(n, t)| (n.as_str(), t.as_str()))
                .collect();
            let (_, read) = read_texts(&texts);
            let mut hosts: Vec<String> = read
                .site
                .hosts
                .iter()
                .map(|h| format!("{} {:?}", h.name, h.roles))
                .collect();
            hosts.sort();
            hosts
        };
        let forward = facts(&texts);
        texts.reverse();
        let contradicts = forward.iter().any(|name| name.contains('/'));
        if !contradicts {
            assert_eq!(forward, facts(&texts), "{}", case.display());
        }
    }
}
