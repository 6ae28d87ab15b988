//! A catalogue joined with everything that it uses.

use super::{Catalog, Document, Scalar, builtin, check, load};
use crate::diagnostic::{Diagnostic, requirement};
use crate::source::{SourceId, Sources, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Most catalogues that are joined into one.
const MAX_DOCUMENTS: usize = 256;

/// A read catalogue file.
pub(super) struct File {
    /// Where its text is.
    pub source: SourceId,
    /// What it says.
    pub document: Document,
}

impl File {
    /// The line that holds the value of this key, for example `id: calico.bgp`; the first line
    /// where none does.
    pub fn find(&self, sources: &Sources, key: &str, value: &str) -> Span {
        let text = sources.get(self.source).map_or("", |source| source.text());
        let found = (1u32..).zip(text.lines()).find(|(_, line)| {
            let line = line.trim_start().trim_start_matches("- ").trim_start();
            line.strip_prefix(key)
                .and_then(|rest| rest.strip_prefix(':'))
                .is_some_and(|rest| rest.trim().trim_matches(['"', '\'']) == value)
        });
        sources.line_span(self.source, found.map_or(1, |(line, _)| line))
    }

    /// The line of `uses` (a list item or within brackets) that names this catalogue.
    fn mention(&self, sources: &Sources, used: &str) -> Span {
        let text = sources.get(self.source).map_or("", |source| source.text());
        let found = (1u32..)
            .zip(text.lines())
            .skip_while(|(_, line)| !line.starts_with("uses:"))
            .find(|(_, line)| {
                line.split(|c: char| " ,[]:'\"".contains(c))
                    .any(|word| word == used)
            });
        sources.line_span(self.source, found.map_or(1, |(line, _)| line))
    }
}

impl Catalog {
    /// Reads the catalogue with this name, joins it with all that it uses, and checks the whole.
    ///
    /// `own` are catalogue files that were added to `sources`; one of them with the name of a
    /// built-in catalogue replaces that. Built-in texts that are used are added to `sources`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files that were read.
    pub fn load(
        sources: &mut Sources,
        name: &str,
        own: &[SourceId],
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut joiner = Joiner {
            sources,
            own: BTreeMap::new(),
            files: Vec::new(),
            open: Vec::new(),
            seen: BTreeSet::new(),
            finished: Vec::new(),
            problems: Vec::new(),
        };
        joiner.read_own(own);
        if joiner.problems.is_empty() {
            joiner.visit(name, None);
            joiner.unused();
        }
        let Joiner {
            files,
            finished,
            mut problems,
            ..
        } = joiner;
        if problems.is_empty() {
            problems = check::check(sources, &files);
        }
        match files.first() {
            Some(root) if problems.is_empty() => Ok(join(root, &files, &finished)),
            _ => Err(problems),
        }
    }

    /// The values of all parameters: these, and the defaults of the others.
    ///
    /// # Errors
    ///
    /// `PW106` for each parameter that does not exist and each value that is not allowed.
    pub fn values(
        &self,
        given: &BTreeMap<String, Scalar>,
    ) -> Result<BTreeMap<String, Scalar>, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut values: BTreeMap<String, Scalar> = self
            .parameters
            .iter()
            .map(|(id, parameter)| (id.clone(), parameter.default.clone()))
            .collect();
        for (id, value) in given {
            match self.parameters.get(id) {
                None => problems.push(unknown_parameter(id, self.parameters.keys())),
                Some(parameter) => match parameter.accept(value) {
                    Some(value) => {
                        values.insert(id.clone(), value);
                    }
                    None => problems.push(Diagnostic::new(
                        &requirement::UNKNOWN_PARAMETER,
                        format!(
                            "the parameter `{id}` does not take `{value}`, expected {}",
                            parameter.expected()
                        ),
                    )),
                },
            }
        }
        if problems.is_empty() {
            Ok(values)
        } else {
            Err(problems)
        }
    }

    /// The joined catalogue as one document that uses no other.
    #[must_use]
    pub fn to_document(&self) -> Document {
        Document {
            catalog: self.name.clone(),
            version: self.version.clone(),
            title: self.title.clone(),
            uses: Vec::new(),
            defaults: BTreeMap::new(),
            parameters: self.parameters.values().cloned().collect(),
            roles: self.roles.values().cloned().collect(),
            requirements: self.requirements.clone(),
        }
    }
}

fn unknown_parameter<'a>(id: &str, known: impl Iterator<Item = &'a String>) -> Diagnostic {
    let known: Vec<&str> = known.map(String::as_str).collect();
    Diagnostic::new(
        &requirement::UNKNOWN_PARAMETER,
        format!("the catalogue has no parameter `{id}`"),
    )
    .help(format!("its parameters are {}", known.join(", ")))
}

fn join(root: &File, files: &[File], finished: &[String]) -> Catalog {
    let mut parameters = BTreeMap::new();
    let mut roles = BTreeMap::new();
    let mut requirements = Vec::new();
    for File { document, .. } in files {
        for parameter in &document.parameters {
            parameters.insert(parameter.id.clone(), parameter.clone());
        }
        for role in &document.roles {
            roles.insert(role.id.clone(), role.clone());
        }
        requirements.extend(document.requirements.iter().cloned());
    }
    // A catalogue finishes after those that it uses, so that its own defaults win.
    for name in finished {
        let document = files.iter().find(|file| file.document.catalog == *name);
        for (id, value) in document.iter().flat_map(|file| &file.document.defaults) {
            if let Some(parameter) = parameters.get_mut(id) {
                parameter.default = parameter.accept(value).unwrap_or(value.clone());
            }
        }
    }
    Catalog {
        name: root.document.catalog.clone(),
        version: root.document.version.clone(),
        title: root.document.title.clone(),
        parameters,
        roles,
        requirements,
    }
}

/// Depth-first walk over `uses`.
struct Joiner<'a> {
    sources: &'a mut Sources,
    own: BTreeMap<String, File>,
    /// In the order in which they are reached: user first.
    files: Vec<File>,
    /// Names from the root to the catalogue that is being read.
    open: Vec<String>,
    seen: BTreeSet<String>,
    /// Names in the order in which their own `uses` were done: used first.
    finished: Vec<String>,
    problems: Vec<Diagnostic>,
}

impl Joiner<'_> {
    fn read_own(&mut self, own: &[SourceId]) {
        for &source in own {
            match load::document(self.sources, source) {
                Err(problem) => self.problems.push(problem),
                Ok(document) => {
                    let file = File { source, document };
                    let name = file.document.catalog.clone();
                    let at = file.find(self.sources, "catalog", &name);
                    if self.own.insert(name.clone(), file).is_some() {
                        self.problems.push(
                            Diagnostic::new(
                                &requirement::BAD_CATALOG,
                                format!("two files both call themselves catalogue `{name}`"),
                            )
                            .at(at)
                            .help("rename one of them, or leave it out"),
                        );
                    }
                }
            }
        }
    }

    /// A file that was given but never reached would be ignored silently.
    fn unused(&mut self) {
        if !self.problems.is_empty() {
            return;
        }
        for (name, file) in &self.own {
            let problem = Diagnostic::new(
                &requirement::BAD_CATALOG,
                format!("the catalogue `{name}` is given, but nothing uses it"),
            );
            self.problems.push(
                problem
                    .at(file.find(self.sources, "catalog", name))
                    .help("add its name to `uses`, or leave the file out"),
            );
        }
    }

    /// Reads a catalogue and those that it uses; `at` is where its name stands.
    fn visit(&mut self, name: &str, at: Option<Span>) {
        if let Some(start) = self.open.iter().position(|open| open == name) {
            let cycle: Vec<&str> = self.open.iter().skip(start).map(String::as_str).collect();
            let message = format!(
                "the catalogues use each other in a circle: {} → {name}",
                cycle.join(" → ")
            );
            let problem = Diagnostic::new(&requirement::BAD_CATALOG, message)
                .help("remove one of these from `uses`");
            self.problem(problem, at);
            return;
        }
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        if self.files.len() >= MAX_DOCUMENTS {
            let message = format!("more than {MAX_DOCUMENTS} catalogues use each other");
            let problem = Diagnostic::new(&requirement::BAD_CATALOG, message)
                .help("join some of them into one");
            self.problem(problem, at);
            return;
        }
        let Some(file) = self.read(name, at) else {
            return;
        };
        let uses: Vec<(String, Span)> = file
            .document
            .uses
            .iter()
            .map(|used| (used.clone(), file.mention(self.sources, used)))
            .collect();
        self.files.push(file);
        self.open.push(name.to_owned());
        for (used, span) in uses {
            self.visit(&used, Some(span));
        }
        self.open.pop();
        self.finished.push(name.to_owned());
    }

    fn read(&mut self, name: &str, at: Option<Span>) -> Option<File> {
        if let Some(file) = self.own.remove(name) {
            return Some(file);
        }
        let Some(text) = builtin::text(name) else {
            let built_in: Vec<&str> = builtin::names().collect();
            let problem = Diagnostic::new(
                &requirement::UNKNOWN_CATALOG,
                format!("there is no catalogue `{name}`"),
            )
            .help(format!(
                "give its file, or use a built-in one: {}",
                built_in.join(", ")
            ));
            self.problem(problem, at);
            return None;
        };
        let source = self.sources.add(format!("builtin:{name}.yaml"), text);
        match load::document(self.sources, source) {
            Ok(document) => Some(File { source, document }),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn problem(&mut self, problem: Diagnostic, at: Option<Span>) {
        self.problems.push(match at {
            Some(span) => problem.at(span),
            None => problem,
        });
    }
}
