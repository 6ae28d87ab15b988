//! nftables: `nft list ruleset`, `nft -j list ruleset`, and the files that `nft -f` takes.
//!
//! Both notations are read into one tree ([`syntax`]): `text/` reads nft's own language, `json/`
//! its JSON. What context decides is resolved in `resolve`, commands are carried out in `build`,
//! for both alike.

mod build;
mod json;
mod lower;
mod resolve;
mod symbols;
pub mod syntax;
mod text;

use crate::diagnostic::Diagnostic;
use crate::source::SourceId;
use syntax::Ruleset;

pub(in crate::dialect) use lower::{read_json, read_text};

pub use json::detect as detect_json;
pub use lower::{EXPRESSIONS, NftSupport, STATEMENTS};
pub use text::detect as detect_text;

/// Reads nft's language. Never fails as a whole: what cannot be read is said in the diagnostics
/// and stands in the tree as unreadable.
#[must_use]
pub fn parse_text(text: &str, source: SourceId) -> (Ruleset, Vec<Diagnostic>) {
    let mut build = build::Builder::default();
    text::read(text, source, &mut build);
    build.finish()
}

/// Reads nft's JSON, a listing or commands. Never fails as a whole, as [`parse_text`].
#[must_use]
pub fn parse_json(text: &str, source: SourceId) -> (Ruleset, Vec<Diagnostic>) {
    let mut build = build::Builder::default();
    json::read(text, source, &mut build);
    build.finish()
}
