//! Rule hygiene without a site, as data.

use super::baseline::{known, take_out};
use super::describe::{About, describe, not_modelled, told, wanted};
use super::session::Session;
use super::suppress::{Judged, suppress};
use super::{AuditRequest, AuditResult, AuditSummary, ExportData, trace};
use crate::analysis::{self, Needs, Subject};
use crate::diagnostic::Severity;
use crate::dialect;

pub(super) fn audit(session: &mut Session, request: &AuditRequest) -> Option<AuditResult> {
    let wanted = wanted(session, &request.select, &request.ignore)?;
    let mut known = known(session, request.baseline.as_ref())?;
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
    let mut findings = analysis::audit(&subject, Needs::Unknown);
    let judged = Judged {
        wanted: &wanted,
        with_site: false,
        today: request.today.as_deref(),
    };
    let suppressed = suppress(session, &firewall, &ids, &judged, &mut findings);
    let about = About {
        guards: "",
        flow: None,
    };
    let told = told(session, &wanted, findings).into_iter();
    let mut data: Vec<_> = told
        .map(|f| (describe(session, &subject, &about, &f), f.code))
        .collect();
    let taken = take_out(&mut known, &mut data);
    let findings: Vec<_> = data.into_iter().map(|(finding, _)| finding).collect();
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    Some(AuditResult {
        summary: AuditSummary {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
            suppressed,
            known: taken,
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
