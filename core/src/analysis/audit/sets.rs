//! Unused sets and maps: declared, and named by no rule.

use crate::analysis::Finding;
use crate::diagnostic::hygiene as codes;
use crate::firewall::Firewall;
use crate::net::Family;

/// Findings about sets.
pub(super) fn sets(firewall: &Firewall) -> Vec<Finding> {
    let unused = firewall.objects.iter().filter(|(_, object)| {
        object.uses.is_empty() && !object.used_by_others && !object.generated
    });
    let all = unused.map(|(name, object)| {
        let message = format!("no rule uses {} `{name}`", object.kind);
        let mut finding = Finding::new(&codes::UNUSED_SET, Family::V4, message);
        finding.place(object.span, "declared here");
        finding.help = Some("use it in a rule, or delete it".into());
        finding
    });
    all.collect()
}
