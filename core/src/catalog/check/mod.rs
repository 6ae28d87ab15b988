//! Whether catalogues that are joined are consistent.

mod service;

use super::join::File;
use super::{Correction, Parameter, Requirement, Role, RoleKind, Scalar, Text};
use crate::diagnostic::{Diagnostic, requirement};
use crate::source::{Sources, Span};
use std::collections::BTreeMap;

/// Everything that breaks the catalogue rules, in file order.
pub(super) fn check(sources: &Sources, files: &[File]) -> Vec<Diagnostic> {
    let mut checker = Checker {
        sources,
        parameters: BTreeMap::new(),
        roles: BTreeMap::new(),
        problems: Vec::new(),
        place: None,
    };
    checker.names(files);
    // What a name means is not known where it means two things.
    if checker.problems.is_empty() {
        for file in files {
            checker.document(file);
        }
        checker.rival_defaults(files);
    }
    checker.problems
}

struct Checker<'a> {
    sources: &'a Sources,
    parameters: BTreeMap<&'a str, &'a Parameter>,
    roles: BTreeMap<&'a str, &'a Role>,
    problems: Vec<Diagnostic>,
    /// Where what is being checked begins.
    place: Option<Span>,
}

impl<'a> Checker<'a> {
    fn problem(&mut self, message: String, help: &str) {
        let problem = Diagnostic::new(&requirement::BAD_CATALOG, message).help(help);
        self.problems.push(match self.place {
            Some(span) => problem.at(span),
            None => problem,
        });
    }

    fn at(&mut self, file: &File, key: &str, value: &str) {
        self.place = Some(file.find(self.sources, key, value));
    }

    /// Collects parameters and roles; ids are unique over all catalogues.
    fn names(&mut self, files: &'a [File]) {
        let mut places = BTreeMap::new();
        for file in files {
            let document = &file.document;
            for parameter in &document.parameters {
                self.parameters.insert(&parameter.id, parameter);
                self.name(file, "parameter", &parameter.id, &mut places);
            }
            for role in &document.roles {
                self.roles.insert(&role.id, role);
                self.name(file, "role", &role.id, &mut places);
            }
            for requirement in &document.requirements {
                self.name(file, "requirement", &requirement.id, &mut places);
            }
        }
    }

    fn name(
        &mut self,
        file: &File,
        what: &'a str,
        id: &'a str,
        places: &mut BTreeMap<(&'a str, &'a str), Span>,
    ) {
        self.at(file, "id", id);
        let here = self.place;
        self.id(what, id);
        if let Some(first) = places.get(&(what, id)).copied() {
            self.place = Some(first);
            self.problem(
                format!("the {what} `{id}` exists twice"),
                "give each its own id; ids are shared by all catalogues that are joined",
            );
            let other = here.filter(|span| span.source != first.source);
            if let (Some(span), Some(problem)) = (other, self.problems.last_mut()) {
                *problem = problem.clone().label(span, "the other one");
            }
        } else if let Some(span) = here {
            places.insert((what, id), span);
        }
    }

    fn id(&mut self, what: &str, id: &str) {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if id.is_empty() || !id.chars().all(fits) {
            self.problem(
                format!(
                    "`{id}` is no id for a {what}, expected lower-case letters, digits, `.` and `-`"
                ),
                "write it like `calico.wireguard-v6`",
            );
        }
    }

    fn document(&mut self, file: &File) {
        let document = &file.document;
        self.at(file, "catalog", &document.catalog);
        self.id("catalogue", &document.catalog);
        self.text("the catalogue", &document.title);
        for (id, value) in &document.defaults {
            self.default(id, value);
        }
        for parameter in &document.parameters {
            self.at(file, "id", &parameter.id);
            self.parameter(parameter);
        }
        for role in &document.roles {
            self.at(file, "id", &role.id);
            self.role(role);
        }
        for requirement in &document.requirements {
            self.at(file, "id", &requirement.id);
            self.requirement(requirement);
        }
    }

    fn text(&mut self, what: &str, text: &Text) {
        for (language, text) in [("English", &text.en), ("Chinese", &text.zh)] {
            if text.trim().is_empty() {
                self.problem(
                    format!("{what} has no text in {language}"),
                    "write both `en` and `zh`",
                );
            }
        }
    }

    fn default(&mut self, id: &str, value: &Scalar) {
        match self.parameters.get(id) {
            None => self.problem(
                format!("`defaults` names the parameter `{id}`, which does not exist"),
                "correct the id, or add the catalogue that has it to `uses`",
            ),
            Some(parameter) if parameter.accept(value).is_none() => {
                let expected = parameter.expected();
                self.problem(
                    format!("the parameter `{id}` does not take `{value}`, expected {expected}"),
                    "correct the value in `defaults`",
                );
            }
            Some(_) => {}
        }
    }

    fn parameter(&mut self, parameter: &Parameter) {
        self.text(
            &format!("the parameter `{}`", parameter.id),
            &parameter.title,
        );
        let default = &parameter.default;
        let fits = if parameter.values.is_empty() {
            default.port_range().is_some()
        } else {
            parameter.values.contains(default)
        };
        if !fits {
            self.problem(
                format!(
                    "the default `{default}` of the parameter `{}` is not allowed, expected {}",
                    parameter.id,
                    parameter.expected()
                ),
                "correct the default, or add it to `values`",
            );
        }
    }

    fn role(&mut self, role: &Role) {
        self.text(&format!("the role `{}`", role.id), &role.title);
        if role.any_address && role.kind != RoleKind::External {
            self.problem(
                format!("the role `{}` is any address but not external", role.id),
                "use `any_address` only with `kind: external`",
            );
        }
        let Some(fallback) = &role.fallback else {
            return;
        };
        let hosts = role.kind == RoleKind::Host
            && self
                .roles
                .get(fallback.as_str())
                .is_some_and(|other| other.kind == RoleKind::Host && other.fallback.is_none());
        if !hosts {
            self.problem(
                format!(
                    "the role `{}` falls back to `{fallback}`, expected both to be roles of hosts, the second without a fallback of its own",
                    role.id
                ),
                "correct `fallback`, or add the catalogue that has the role to `uses`",
            );
        }
    }

    fn requirement(&mut self, one: &Requirement) {
        let what = format!("the requirement `{}`", one.id);
        self.text(&what, &one.title);
        if let Some(assumed) = &one.assumed {
            self.text(&format!("what {what} assumes"), assumed);
        }
        if one.citation.document.trim().is_empty() {
            self.problem(
                format!("{what} cites no document"),
                "say where it is published in `citation.document`",
            );
        }
        let before = self.problems.len();
        self.ends(&what, &one.from, &one.to);
        self.service(
            &what,
            &one.protocol,
            one.ports.as_ref(),
            one.icmp.is_some(),
            &one.to,
        );
        let sound = self.problems.len() == before;
        if let Some(when) = &one.when {
            self.condition(&what, when);
        }
        let Some(erratum) = &one.erratum else {
            return;
        };
        self.text(&format!("the erratum of {what}"), &erratum.note);
        if erratum.source.trim().is_empty() {
            self.problem(
                format!("the erratum of {what} has no source"),
                "name the upstream page in `erratum.source`",
            );
        }
        if let Some(correction) = &erratum.correction {
            self.correction(one, correction, sound);
        }
    }

    /// `sound`: ends and services of the published row are, so that faults are the correction's.
    fn correction(&mut self, one: &Requirement, correction: &Correction, sound: bool) {
        let what = format!("the correction of `{}`", one.id);
        if let Some(title) = &correction.title {
            self.text(&what, title);
        }
        if let Some(when) = &correction.when {
            self.condition(&what, when);
        }
        let changes = correction.from.is_some()
            || correction.to.is_some()
            || correction.protocol.is_some()
            || correction.ports.is_some()
            || correction.when.is_some()
            || correction.need.is_some();
        if correction.drop == changes && (changes || correction.title.is_none()) {
            self.problem(
                format!("{what} must either drop the row or change it"),
                "use `drop` alone (with `title` if the title is wrong), or name what changes",
            );
        }
        if !sound {
            return;
        }
        let from = correction.from.as_ref().unwrap_or(&one.from);
        let to = correction.to.as_ref().unwrap_or(&one.to);
        let protocol = correction.protocol.as_ref().unwrap_or(&one.protocol);
        let ports = correction.ports.as_ref().or(one.ports.as_ref());
        self.ends(&what, from, to);
        self.service(&what, protocol, ports, one.icmp.is_some(), to);
    }

    /// Two used catalogues that set different defaults need a user that decides.
    fn rival_defaults(&mut self, files: &[File]) {
        let Some((root, used)) = files.split_first() else {
            return;
        };
        let mut set: BTreeMap<&str, (&str, &Scalar)> = BTreeMap::new();
        for file in used {
            for (id, value) in &file.document.defaults {
                let name = file.document.catalog.as_str();
                let (other, rival) = *set.entry(id).or_insert((name, value));
                let nested = files
                    .iter()
                    .any(|one| uses_and_sets(one, id, name) || uses_and_sets(one, id, other));
                if rival != value && !nested {
                    self.at(root, "catalog", &root.document.catalog);
                    self.problem(
                        format!("`{other}` and `{name}` set different defaults for `{id}`: `{rival}` and `{value}`"),
                        "decide in the `defaults` of the catalogue that uses both",
                    );
                }
            }
        }
    }
}

/// Whether this catalogue uses that one and sets the default itself.
fn uses_and_sets(file: &File, id: &str, used: &str) -> bool {
    file.document.uses.iter().any(|name| name == used) && file.document.defaults.contains_key(id)
}
