//! A file of nothing but Kubespray variables (`group_vars/…/*.yml`).

use super::ansible_yaml::variables_only;
use super::merge::Builder;
use super::read::Input;
use super::tree::Node;
use super::variables::Spelling;
use crate::diagnostic::{Diagnostic, Severity, input};

/// Whether every document is a mapping of variables.
pub(super) fn detect(input: &Input<'_>) -> bool {
    !input.documents.is_empty()
        && input
            .documents
            .iter()
            .all(|d| d.is_null() || variables_only(d))
}

/// Looks for misspelt variables, and says so when no inventory takes the file's variables.
pub(super) fn read(builder: &mut Builder, input: &Input<'_>) {
    let mut spelling = Spelling::default();
    for entry in input.documents.iter().flat_map(Node::entries) {
        spelling.check(builder, &entry.key, entry.key_span);
    }
    if input.variables.is_empty() {
        let message = "these variables belong to no inventory, or it is not clear to which";
        builder.report(
            Diagnostic::new(&input::NOT_MODELLED, message)
                .severity(Severity::Warning)
                .at(input.head())
                .help("give them together with exactly one Ansible inventory"),
        );
    }
}
