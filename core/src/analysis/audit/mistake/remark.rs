//! Mistakes that only the text shows: its reader saw them.

use crate::analysis::Finding;
use crate::firewall::{Firewall, RuleId};
use crate::net::Family;
use crate::source::Span;

/// What readers remarked, as findings.
pub(super) fn remarks(firewall: &Firewall) -> Vec<Finding> {
    let told = firewall
        .remarks
        .iter()
        .filter(|remark| !is_generated(firewall, remark.span));
    let all = told.map(|remark| {
        let mut finding = Finding::new(remark.code, Family::V4, remark.message.clone());
        finding.place(remark.span, "here");
        finding.help = Some(remark.help.into());
        finding
    });
    all.collect()
}

/// Whether software wrote the line.
fn is_generated(firewall: &Firewall, line: Span) -> bool {
    Family::ALL.iter().any(|&family| {
        let rules = firewall.rules(family);
        rules.iter().any(|(chain, listed)| {
            let mut ids = (0..).zip(&listed.rules);
            ids.any(|(index, rule)| {
                rule.span == line && rules.is_generated(RuleId { chain, index })
            })
        })
    })
}
