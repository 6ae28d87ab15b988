//! One export into the sets, whichever of its forms it has.

use super::create::{create, is_kind, option};
use super::{Kind, Sets, elements, list, save, xml};
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::Notes;
use crate::source::{SourceId, Sources, Span};
use std::collections::BTreeMap;

/// Most elements of all sets together.
const MOST_ELEMENTS: usize = 4_000_000;

/// How much a text looks like one of ipset's outputs.
pub(in crate::dialect) fn detect(text: &str) -> u8 {
    let mut lines = text
        .lines()
        .map(|l| l.trim().trim_start_matches('\u{feff}'))
        .filter(|l| !l.is_empty() && !l.starts_with('#') && !l.starts_with("<?xml"));
    let Some(line) = lines.next() else {
        return 0;
    };
    if line.starts_with("<ipsets>") || line.starts_with("<ipset name=") {
        return 95;
    }
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("create" | "-N" | "n"), Some(_), Some(kind)) if is_kind(kind) => 95,
        (Some("create"), Some(_), Some(kind)) if kind.contains(':') => 95,
        (Some("Name:"), ..) if lines.next().is_some_and(|l| l.starts_with("Type:")) => 95,
        (Some("add"), Some(_), Some(_)) => 40,
        _ => 0,
    }
}

/// Reads one export into the sets.
pub(in crate::dialect) fn read(
    sources: &Sources,
    source: SourceId,
    sets: &mut Sets,
    notes: &mut Notes,
) {
    let text = sources.get(source).map_or("", |s| s.text());
    let mut reading = Reading {
        sets,
        notes,
        source,
        full: false,
        made: BTreeMap::new(),
    };
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('<') {
        xml::read(text, &mut reading);
    } else if start.lines().any(|line| line.starts_with("Name:")) {
        list::read(text, &mut reading);
    } else {
        save::read(text, &mut reading);
    }
}

/// An export on its way into the sets.
pub(super) struct Reading<'a> {
    sets: &'a mut Sets,
    notes: &'a mut Notes,
    source: SourceId,
    /// Whether there are too many elements.
    full: bool,
    /// Where each set of this export is made.
    made: BTreeMap<String, Span>,
}

impl Reading<'_> {
    /// A place in the export.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    /// Makes a set. One that an earlier text made is replaced.
    pub(super) fn create(&mut self, name: &str, kind: &str, words: &[&str], span: Span) {
        let mut set = create(kind, words, span);
        if let Kind::Unknown(kind) = &set.kind {
            self.notes.push(
                Diagnostic::new(
                    &input::NOT_MODELLED,
                    format!("sets of type `{kind}` are not known"),
                )
                .at(span)
                .help("matches on this set are unknown"),
            );
        }
        if self.full {
            set.damaged = Some("the export has too many elements".into());
        }
        if let Some(&first) = self.made.get(name) {
            self.notes.push(
                Diagnostic::new(
                    &input::SYNTAX,
                    format!("set `{name}` is made twice; the later one replaces the first"),
                )
                .at(span)
                .label(first, "the first one"),
            );
        }
        self.made.insert(name.to_string(), span);
        self.sets.sets.insert(name.to_string(), set);
    }

    /// Adds an element, with the words that follow it.
    pub(super) fn add(&mut self, name: &str, element: &str, words: &[&str], span: Span) {
        if self.full {
            return;
        }
        if self.sets.count >= MOST_ELEMENTS {
            self.full = true;
            self.notes.push(
                Diagnostic::new(
                    &input::LIMIT,
                    format!("more than {MOST_ELEMENTS} set elements; the rest is not read"),
                )
                .at(span)
                .help("matches on sets are unknown"),
            );
            for set in self.sets.sets.values_mut() {
                set.damaged = Some("the export has too many elements".into());
            }
            return;
        }
        if let Err(message) = self.sets.add(name, element, words) {
            self.fault(Some(name), message, span);
        }
    }

    /// Says what cannot be read; matches on that set, or on every one, become unknown.
    pub(super) fn fault(&mut self, set: Option<&str>, message: String, span: Span) {
        let why = format!("an element of the set cannot be read: {message}");
        match set {
            Some(name) => {
                if let Some(set) = self.sets.sets.get_mut(name) {
                    set.damaged = Some(why);
                }
            }
            None => {
                for set in self.sets.sets.values_mut() {
                    set.damaged.get_or_insert_with(|| why.clone());
                }
            }
        }
        let which = if set.is_some() { "this set" } else { "sets" };
        self.notes.push(
            Diagnostic::new(&input::SYNTAX, message)
                .at(span)
                .help(format!("matches on {which} are unknown")),
        );
    }

    /// Says that a listing has fewer elements than it announces.
    pub(super) fn incomplete(&mut self, name: &str, announced: usize, span: Span) {
        let Some(set) = self.sets.sets.get_mut(name) else {
            return;
        };
        let listed = set.elements.len() + set.members.len();
        // Elements that have expired may still be counted.
        if listed >= announced || (set.timeouts && listed > 0) || set.damaged.is_some() {
            return;
        }
        set.damaged = Some("elements of the set are missing in the export".into());
        self.notes.push(
            Diagnostic::new(
                &input::SYNTAX,
                format!("set `{name}` has {announced} elements, of which {listed} are listed"),
            )
            .at(span)
            .help("give the output of `ipset save`; matches on this set are unknown"),
        );
    }
}

impl Sets {
    fn add(&mut self, name: &str, element: &str, words: &[&str]) -> Result<(), String> {
        let set = self
            .sets
            .get_mut(name)
            .ok_or_else(|| format!("`add` to set `{name}`, which no `create` makes"))?;
        self.count += 1;
        if set.kind == Kind::List {
            let expires = match option(words, "timeout") {
                Some(seconds) => seconds != "0",
                None => set.expires,
            };
            set.members.push((element.to_string(), expires));
            return Ok(());
        }
        elements::read(set, element, words)
    }
}
