//! Catalogues and codes, as data.

use super::context::in_language;
use super::session::Session;
use super::{
    CatalogRequest, CatalogResult, CatalogSummary, CodeData, ExplainRequest, ExplainResult,
    ParameterData, RoleData,
};
use crate::catalog::{Catalog, RoleKind, builtin};
use crate::diagnostic::{CODES, Code, Diagnostic, code_by_id, input};

pub(super) fn catalog(session: &mut Session, request: &CatalogRequest) -> Option<CatalogResult> {
    let own = session.add_quotable(&request.catalogs);
    let summary = |catalog: &Catalog| CatalogSummary {
        name: catalog.name.clone(),
        version: catalog.version.clone(),
        title: in_language(&catalog.title, request.language).into(),
        requirements: catalog.requirements.len(),
    };
    let mut load = |name: &str| match Catalog::load(&mut session.sources, name, &own) {
        Ok(catalog) => Some(catalog),
        Err(problems) => {
            session.report(problems);
            None
        }
    };
    let Some(name) = &request.name else {
        let all: Option<Vec<_>> = builtin::names()
            .map(|name| load(name).as_ref().map(summary))
            .collect();
        return Some(CatalogResult {
            catalogs: all?,
            parameters: Vec::new(),
            roles: Vec::new(),
            rows: Vec::new(),
        });
    };
    let catalog = load(name)?;
    let text = |text| in_language(text, request.language).to_owned();
    let parameters = catalog.parameters.values().map(|parameter| ParameterData {
        id: parameter.id.clone(),
        title: text(&parameter.title),
        values: parameter.values.clone(),
        default: parameter.default.clone(),
    });
    let roles = catalog.roles.values().map(|role| RoleData {
        id: role.id.clone(),
        title: text(&role.title),
        kind: match role.kind {
            RoleKind::Host => "host",
            RoleKind::Vip => "vip",
            RoleKind::External => "external",
        }
        .into(),
    });
    Some(CatalogResult {
        catalogs: vec![summary(&catalog)],
        parameters: parameters.collect(),
        roles: roles.collect(),
        rows: catalog.rows(),
    })
}

pub(super) fn explain(session: &mut Session, request: &ExplainRequest) -> Option<ExplainResult> {
    let data = |code: &Code| CodeData {
        id: code.id.into(),
        name: code.name.into(),
        severity: code.severity,
        summary: code.summary.into(),
        explanation: code
            .explain
            .lines()
            .map(|line| format!("{}\n", line.trim()))
            .collect(),
    };
    let codes = match &request.code {
        None => CODES.iter().copied().map(data).collect(),
        Some(id) => match code_by_id(id) {
            Some(code) => vec![data(code)],
            None => {
                let known: Vec<_> = CODES.iter().map(|code| code.id).collect();
                let problem =
                    Diagnostic::new(&input::UNKNOWN_KEY, format!("there is no code `{id}`"))
                        .severity(crate::diagnostic::Severity::Error)
                        .help(format!("the codes are {}", known.join(", ")));
                session.report([problem]);
                return None;
            }
        },
    };
    Some(ExplainResult { codes })
}
