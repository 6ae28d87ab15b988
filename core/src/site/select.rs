//! Selectors of hosts by name or regular expression, applied when every file has been read.

use super::merge::Builder;
use super::{Guard, Stand, document};
use crate::diagnostic::{Diagnostic, input, requirement};
use crate::source::Span;
use regex::Regex;
use rustc_hash::FxHashSet;

/// Regular expressions in one site: each is tried on every host name.
const MAX_EXPRESSIONS: usize = 1_000;
/// Bytes of one compiled expression.
const MAX_COMPILED: usize = 1 << 20;

/// Hosts by name or by a regular expression over their names.
#[derive(Debug, Clone)]
pub enum Selector {
    /// The host of this name.
    Name(String),
    /// Every host whose name matches somewhere.
    Regex(Regex),
}

impl Selector {
    /// Whether a host of this name is selected.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(wanted) => wanted == name,
            Self::Regex(regex) => regex.is_match(name),
        }
    }
}

/// What waits for the last file.
#[derive(Default)]
pub(crate) struct Pending {
    /// Hosts that get roles.
    roles: Vec<(Selector, Vec<String>, Span)>,
    /// Hosts that exports guard.
    guards: Vec<(Selector, Vec<String>, Span)>,
    /// Selectors that only have to match something.
    checks: Vec<(Selector, Span)>,
    /// Zones that guards name.
    zones: Vec<(String, Span)>,
    expressions: usize,
}

impl Pending {
    /// Compiles a selector of the site file.
    pub fn selector(
        &mut self,
        selector: document::Selector,
        span: Span,
    ) -> Result<Selector, Diagnostic> {
        let pattern = match selector {
            document::Selector::Name(name) => return Ok(Selector::Name(name)),
            document::Selector::Regex(document::Expression { regex }) => regex,
        };
        self.expressions = self.expressions.saturating_add(1);
        if self.expressions > MAX_EXPRESSIONS {
            let message = format!("more than {MAX_EXPRESSIONS} regular expressions in one site");
            return Err(Diagnostic::new(&input::LIMIT, message).at(span));
        }
        regex::RegexBuilder::new(&pattern)
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_COMPILED)
            .nest_limit(64)
            .build()
            .map(Selector::Regex)
            .map_err(|error| expression_error(&pattern, &error, span))
    }

    /// Hosts that get roles.
    pub fn roles(&mut self, selector: Selector, roles: Vec<String>, span: Span) {
        self.roles.push((selector, roles, span));
    }

    /// Hosts that exports guard.
    pub fn guard(&mut self, selector: Selector, exports: Vec<String>, span: Span) {
        self.guards.push((selector, exports, span));
    }

    /// A selector that has to match something.
    pub fn check(&mut self, selector: Selector, span: Span) {
        self.checks.push((selector, span));
    }

    /// A zone that has to exist.
    pub fn zone(&mut self, name: String, span: Span) {
        self.zones.push((name, span));
    }
}

fn expression_error(pattern: &str, error: &regex::Error, span: Span) -> Diagnostic {
    if let regex::Error::CompiledTooBig(_) = error {
        let message = format!("the regular expression `{pattern}` is too large");
        return Diagnostic::new(&input::LIMIT, message)
            .at(span)
            .help("use fewer or smaller repetitions");
    }
    let text = error.to_string();
    let what = text.lines().last().unwrap_or("");
    let what = what.strip_prefix("error: ").unwrap_or(what);
    let message = format!("`{pattern}` is not a regular expression: {what}");
    Diagnostic::new(&input::SYNTAX, message)
        .at(span)
        .help("correct it; a literal `.`, `(` or `[` needs a backslash")
}

/// Applies all that waited.
pub(super) fn apply(builder: &mut Builder) {
    let pending = std::mem::take(&mut builder.pending);
    for (selector, roles, span) in pending.roles {
        for index in selected(builder, &selector, span) {
            if let Some(host) = builder.site.hosts.get_mut(index) {
                host.roles.extend(roles.iter().cloned());
            }
        }
    }
    for (selector, exports, span) in pending.guards {
        for index in selected(builder, &selector, span) {
            let Some(host) = builder.site.hosts.get(index) else {
                continue;
            };
            let exports = exports.iter().map(|e| e.replace("{name}", &host.name));
            builder.site.guards.push(Guard {
                exports: exports.collect(),
                stands: Stand::Host(host.name.clone()),
                span: Some(span),
            });
        }
    }
    for (selector, span) in pending.checks {
        selected(builder, &selector, span);
    }
    let declared = builder.site.zones.iter().map(|z| &z.name);
    let used = builder.site.hosts.iter().filter_map(|h| h.zone.as_ref());
    let zones: FxHashSet<String> = declared.chain(used).cloned().collect();
    for (zone, span) in pending.zones {
        if !zones.contains(&zone) {
            let message = format!("no zone is named `{zone}`, and no host is in it");
            let diagnostic = Diagnostic::new(&requirement::EMPTY_SELECTOR, message).at(span);
            builder.report(diagnostic.help("declare it under `zones`, or correct the name"));
        }
    }
}

/// Hosts that all selectors of a site select together.
const MAX_SELECTED: usize = 2_000_000;

/// Indices of the hosts a selector selects; says so when there is none.
fn selected(builder: &mut Builder, selector: &Selector, span: Span) -> Vec<usize> {
    let (found, what): (Vec<usize>, String) = match selector {
        Selector::Name(name) => {
            let found: Vec<usize> = builder.host_index(name).into_iter().collect();
            (found, format!("no host is named `{name}`"))
        }
        Selector::Regex(regex) => {
            let hosts = builder.site.hosts.iter().enumerate();
            let found = hosts
                .filter(|(_, h)| regex.is_match(&h.name))
                .map(|(i, _)| i);
            (found.collect(), format!("no host name matches `{regex}`"))
        }
    };
    builder.selected = builder.selected.saturating_add(found.len());
    if builder.selected > MAX_SELECTED {
        let message = format!("all selectors together select more than {MAX_SELECTED} hosts");
        builder.report(Diagnostic::new(&input::LIMIT, message).at(span));
        return Vec::new();
    }
    if found.is_empty() {
        let diagnostic = Diagnostic::new(&requirement::EMPTY_SELECTOR, what).at(span);
        builder.report(diagnostic.help("correct it, or remove it when the hosts are gone"));
    }
    found
}
