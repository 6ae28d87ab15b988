//! Rule hygiene without a site, as data.

use super::describe::{About, describe, not_modelled, sort, wanted};
use super::session::Session;
use super::{AuditRequest, AuditResult, AuditSummary, ExportData, trace};
use crate::analysis::{self, Needs, Subject};
use crate::diagnostic::Severity;
use crate::dialect;

pub(super) fn audit(session: &mut Session, request: &AuditRequest) -> Option<AuditResult> {
    let wanted = wanted(session, &request.select, &request.ignore)?;
    let ids = session.add_quotable(&request.documents);
    let facts = trace::facts(session, request.addresses.as_ref(), request.routes.as_ref())?;
    let loaded = dialect::load(&session.sources, &ids, request.dialect.as_deref(), &facts);
    session.report(loaded.diagnostics);
    // Every export must have been usable: a result that silently lacks one would look clean.
    if ids.is_empty() || loaded.dialects.iter().any(|(_, dialect)| dialect.is_none()) {
        return None;
    }
    let firewall = loaded.firewall;
    let subject = Subject::new(&firewall);
    let findings = analysis::audit(&subject, Needs::Unknown);
    let about = About {
        guards: "",
        flow: None,
    };
    let of = findings.iter().filter(|f| wanted.contains(f.code.id));
    let mut data: Vec<_> = of
        .map(|f| (describe(session, &subject, &about, f), f.code))
        .collect();
    sort(&mut data);
    let findings: Vec<_> = data.into_iter().map(|(finding, _)| finding).collect();
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    Some(AuditResult {
        summary: AuditSummary {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
        },
        findings,
        export: ExportData {
            guards: String::new(),
            documents: request.documents.iter().map(|d| d.name.clone()).collect(),
            dialects: loaded
                .dialects
                .iter()
                .filter_map(|(_, d)| d.map(str::to_owned))
                .collect(),
            rules: trace::rule_count(&firewall.v4) + trace::rule_count(&firewall.v6),
            not_modelled: not_modelled(session, &firewall),
            checked: 0,
        },
    })
}
