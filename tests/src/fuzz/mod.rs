//! Fuzz targets: one for each reader of texts from outside.
//!
//! A target takes any bytes and panics when the engine breaks a promise: it does not panic, every
//! place lies in its text, and the symbolic walk and the interpreter agree on what was read. The
//! fuzzer (`src/bin/fuzz.rs`, started by `cargo xtask fuzz`) bounds time and memory; the inputs
//! that it once failed on are in `tests/fixtures/fuzz/`, and `tests/tests/fuzz.rs` runs them all.

mod check;
mod targets;

use portwright::dialect::DIALECTS;

/// Something that takes any bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Stable name: a dialect's id, or what is read.
    pub name: &'static str,
    /// Folders below `tests/fixtures` with texts to start from.
    pub seeds: &'static [&'static str],
    run: Run,
}

#[derive(Clone, Copy)]
enum Run {
    Dialect(&'static str),
    Text(fn(&str)),
}

/// Every target: the dialects, each by its id, and the other readers.
pub fn all() -> impl Iterator<Item = Target> {
    let dialects = DIALECTS.iter().map(|dialect| Target {
        name: dialect.id,
        seeds: match dialect.id {
            "ipset-save" => &["iptables-save"],
            "nft-list" | "nft-json" => &["nft"],
            "firewalld" => &["firewalld-host"],
            _ => &[],
        },
        run: Run::Dialect(dialect.id),
    });
    dialects.chain(targets::OTHERS.iter().copied())
}

impl Target {
    /// Gives it an input; bytes that are no UTF-8 are replaced, as the command line does.
    ///
    /// # Panics
    ///
    /// When the engine breaks a promise.
    pub fn run(&self, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        match self.run {
            Run::Dialect(id) => targets::export(id, &text),
            Run::Text(run) => run(&text),
        }
    }
}
