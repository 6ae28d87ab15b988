//! One request's texts and what is said about them.

use super::{Answer, DiagnosticData, Document, Outcome, Place, SCHEMA_VERSION, Status};
use crate::diagnostic::{Diagnostic, Severity, input};
use crate::source::{SourceId, Sources, Span};
use std::collections::BTreeSet;

/// An excerpt is cut to this many characters.
const EXCERPT: usize = 240;

/// More diagnostics than this are counted, not listed: hostile input must not drown the answer.
const MOST_DIAGNOSTICS: usize = 1000;

#[derive(Default)]
pub(super) struct Session {
    pub(super) sources: Sources,
    diagnostics: Vec<Diagnostic>,
    /// Texts without secrets: places in them may be quoted.
    quotable: BTreeSet<SourceId>,
}

impl Session {
    /// Takes texts in that may hold secrets: sites.
    pub(super) fn add(&mut self, documents: &[Document]) -> Vec<SourceId> {
        let all = documents.iter();
        all.map(|d| self.sources.add(&*d.name, &*d.text)).collect()
    }

    /// Takes texts in that may be quoted: firewall exports, packets, catalogues.
    pub(super) fn add_quotable(&mut self, documents: &[Document]) -> Vec<SourceId> {
        let ids = self.add(documents);
        self.quotable.extend(&ids);
        ids
    }

    pub(super) fn report(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.diagnostics.extend(diagnostics);
    }

    /// The envelope around a result.
    pub(super) fn answer(mut self, result: Option<Outcome>) -> Answer {
        let more = self.diagnostics.len().saturating_sub(MOST_DIAGNOSTICS);
        if more > 0 {
            // Errors stay, wherever they stand.
            self.diagnostics
                .sort_by_key(|d| std::cmp::Reverse(d.severity));
            self.diagnostics.truncate(MOST_DIAGNOSTICS);
            let worst = self
                .diagnostics
                .first()
                .map_or(Severity::Note, |d| d.severity);
            let message = format!("{more} more diagnostics are not listed");
            self.diagnostics
                .push(Diagnostic::new(&input::LIMIT, message).severity(worst));
        }
        let diagnostics = self
            .diagnostics
            .iter()
            .map(|d| self.diagnostic(d))
            .collect();
        Answer {
            schema: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION").into(),
            status: if result.is_some() {
                Status::Success
            } else {
                Status::Failure
            },
            diagnostics,
            result,
        }
    }

    /// A diagnostic as data.
    pub(super) fn diagnostic(&self, diagnostic: &Diagnostic) -> DiagnosticData {
        let labels = diagnostic.labels.iter();
        DiagnosticData {
            code: diagnostic.code.id.into(),
            name: diagnostic.code.name.into(),
            severity: diagnostic.severity,
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            places: labels
                .map(|label| self.place(label.span, &label.text))
                .collect(),
        }
    }

    /// A place as data, with its text when that cannot hold a secret.
    pub(super) fn place(&self, span: Span, label: &str) -> Place {
        let start = self.sources.position(span);
        let end = self.sources.end_position(span);
        let quote = self.quotable.contains(&span.source).then(|| {
            let source = self.sources.get(span.source);
            let line = source.map_or("", |source| source.line(start.line));
            let mut text: String = line.chars().take(EXCERPT).collect();
            if text.len() < line.len() {
                text.push('…');
            }
            text
        });
        Place {
            source: self.sources.name(span.source).into(),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            excerpt: quote,
            label: label.into(),
        }
    }
}

/// The answer to a request that is not one.
pub(super) fn unreadable_request(problem: &serde_json::Error) -> Answer {
    let mut session = Session::default();
    let message = format!(
        "the request is not understood at line {}, column {}: {}",
        problem.line(),
        problem.column(),
        problem
    );
    let help = "the schema `engine` describes requests";
    session.report([Diagnostic::new(&input::SYNTAX, message).help(help)]);
    session.answer(None)
}
