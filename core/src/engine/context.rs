//! A site, its catalogue and the parameter values that hold: what every analysis starts from.

use super::session::Session;
use super::{Language, SiteInput};
use crate::catalog::{Catalog, Mode, Requirement, Scalar, Text};
use crate::diagnostic::{Diagnostic, Severity, requirement};
use crate::graph::Settings;
use crate::site::{Setting, Site};
use crate::source::SourceId;
use std::collections::BTreeMap;

/// The catalogue when neither request nor site names one.
const DEFAULT_CATALOG: &str = "dce";

pub(super) struct Context {
    pub(super) site: Site,
    pub(super) catalog: Catalog,
    pub(super) settings: Settings,
    pub(super) language: Language,
}

impl Context {
    /// Reads the site and its catalogue. None when there is nothing to work with; the session
    /// then says why.
    pub(super) fn new(session: &mut Session, input: &SiteInput) -> Option<Self> {
        let mut ids = session.add(&input.documents);
        ids.retain(|&id| !is_export(session, id));
        let read = crate::site::read(&session.sources, &ids);
        session.report(read.diagnostics);
        let site = read.site;
        let own = session.add_quotable(&input.catalogs);
        let name = input.catalog.as_deref().or(site.catalog.as_deref());
        let name = name.unwrap_or(DEFAULT_CATALOG);
        let catalog = match Catalog::load(&mut session.sources, name, &own) {
            Ok(catalog) => catalog,
            Err(problems) => {
                session.report(problems);
                return None;
            }
        };
        let settings = settings(session, input, &site, &catalog)?;
        if site.hosts.is_empty() {
            return None;
        }
        Some(Self {
            site,
            catalog,
            settings,
            language: input.language,
        })
    }

    /// The text in the language asked for.
    pub(super) fn text<'t>(&self, text: &'t Text) -> &'t str {
        in_language(text, self.language)
    }

    /// A requirement's document, section and row.
    pub(super) fn citation(requirement: &Requirement) -> String {
        let citation = &requirement.citation;
        let rest = [&citation.section, &citation.row];
        let rest = rest.into_iter().flatten().map(|part| format!(", {part}"));
        std::iter::once(citation.document.clone())
            .chain(rest)
            .collect()
    }
}

/// Whether a text given as a site is a firewall export; reports it then.
fn is_export(session: &mut Session, id: SourceId) -> bool {
    let text = session.sources.get(id).map_or("", |source| source.text());
    let Some(dialect) = super::detect::dialect(text) else {
        return false;
    };
    let message = format!("this is a firewall export ({}), not a site", dialect.title);
    let head = session.sources.line_span(id, 1);
    let problem = Diagnostic::new(&crate::diagnostic::input::UNKNOWN_FORMAT, message).at(head);
    session
        .report([problem.help("give it as an export: `portwright lint SITE --export HOST=FILE`")]);
    true
}

pub(super) fn in_language(text: &Text, language: Language) -> &str {
    match language {
        Language::En => &text.en,
        Language::Zh => &text.zh,
    }
}

/// Parameter values for each cluster: the catalogue's defaults, the site's, the cluster's, the
/// request's, in this order.
fn settings(
    session: &mut Session,
    input: &SiteInput,
    site: &Site,
    catalog: &Catalog,
) -> Option<Settings> {
    let asked = input.parameters.iter();
    let asked: BTreeMap<String, Scalar> = asked.map(|p| (p.id.clone(), p.value.clone())).collect();
    let mut values = |own: &BTreeMap<String, Setting>| {
        let mut given = BTreeMap::new();
        for (id, setting) in site.parameters.iter().chain(own) {
            match catalog.parameters.get(id) {
                Some(_) => {
                    given.insert(id.clone(), setting.value.clone());
                }
                None => ignore(session, catalog, id, setting),
            }
        }
        given.extend(asked.clone());
        let problems = match catalog.values(&given) {
            Ok(values) => return Some(values),
            Err(problems) => problems,
        };
        let located = problems.into_iter().map(|problem| {
            let mut named = site.parameters.iter().chain(own);
            let at = named.find(|(id, _)| problem.message.contains(&format!("`{id}`")));
            match at.and_then(|(_, setting)| setting.span) {
                Some(span) => problem.at(span),
                None => problem,
            }
        });
        session.report(located);
        None
    };
    let whole = values(&BTreeMap::new())?;
    let each = site.clusters.iter();
    let clusters: Option<Vec<_>> = each.map(|cluster| values(&cluster.parameters)).collect();
    Some(Settings {
        mode: input.mode.or(site.mode).unwrap_or(Mode::AsPublished),
        clusters: clusters?,
        site: whole,
    })
}

/// Inventories set parameters of products that a smaller catalogue does not know.
fn ignore(session: &mut Session, catalog: &Catalog, id: &str, setting: &Setting) {
    let message = format!(
        "the catalogue `{}` has no parameter `{id}`: it is ignored",
        catalog.name
    );
    let mut problem = Diagnostic::new(&requirement::UNKNOWN_PARAMETER, message);
    if let Some(span) = setting.span {
        problem = problem.at(span);
    }
    let help = format!(
        "`portwright catalog show {}` lists its parameters",
        catalog.name
    );
    session.report([problem.help(help).severity(Severity::Warning)]);
}
