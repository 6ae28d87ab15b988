//! Catalogue text into a [`Document`].

use super::Document;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Sources};

/// Reads one catalogue file. Only its form is checked here; whether it is consistent is known
/// once it is joined with the catalogues it uses ([`super::Catalog::load`]).
///
/// # Errors
///
/// The first place that breaks YAML or the file format.
pub fn document(sources: &Sources, id: SourceId) -> Result<Document, Diagnostic> {
    crate::yaml::from_str(sources, id)
}

/// JSON Schema of catalogue files, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Document).to_value()
}
