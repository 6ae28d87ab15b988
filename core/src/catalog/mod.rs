//! Requirement catalogues: what a platform needs, as data.
//!
//! A catalogue file (YAML) is read into [`Document`], checked, and joined with the catalogues it
//! uses into one [`Catalog`], which the requirement graph resolves for a site.

pub mod builtin;
mod check;
mod condition;
mod document;
mod effective;
mod join;
mod load;
mod parameter;
mod table;

pub use document::{
    Citation, Condition, Correction, Document, Endpoint, Erratum, IcmpSpec, Mode, Need, NodeBind,
    OneOrMany, Parameter, PortSpec, ProtocolSpec, Requirement, Role, RoleKind, Scalar, Scope, Text,
};
pub use effective::{ServiceError, Services};
pub use load::{document, schema};
pub use table::{Row, csv};

use std::collections::BTreeMap;

/// A catalogue with everything it uses, checked: ids are unique, every role and parameter that a
/// requirement names exists.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Its own name, for example `dce`.
    pub name: String,
    /// Its own version text, for example `5.0`.
    pub version: String,
    /// Its own title.
    pub title: Text,
    /// All parameters by id, those of used catalogues included (the user's default wins).
    pub parameters: BTreeMap<String, Parameter>,
    /// All roles by id.
    pub roles: BTreeMap<String, Role>,
    /// All requirements: the catalogue's own first, then those of the catalogues it uses, in file order.
    pub requirements: Vec<Requirement>,
}
