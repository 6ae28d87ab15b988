//! Ansible inventories in INI form.

use super::ansible;
use super::inventory::{Inventory, Var};
use super::merge::Builder;
use super::read::Input;
use super::tree::{Node, Scalar, Style, Value};
use super::{address, merge};
use crate::diagnostic::{Diagnostic, input};
use crate::source::{SourceId, Span};
use std::borrow::Cow;

/// Whether a file looks like an INI inventory: its first line of substance is a section, or a
/// host with Ansible variables.
pub(super) fn detect(input: &Input<'_>) -> bool {
    let text = input.text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().map(strip).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else {
        return false;
    };
    let variable = |line: &str| {
        [" ansible_host=", " ip=", " ansible_ssh_host="]
            .iter()
            .any(|v| line.contains(v))
    };
    section(first).is_some() || variable(first)
}

/// A line without white space around it; comment lines are empty.
fn strip(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        ""
    } else {
        line
    }
}

/// What a section header opens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

/// Group and kind of `[group]`, `[group:children]`, `[group:vars]`.
fn section(line: &str) -> Option<(&str, Result<Section, &str>)> {
    let inner = line.strip_prefix('[')?;
    let (inner, rest) = inner.split_once(']')?;
    if !strip(rest).is_empty() {
        return None;
    }
    let good = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let (name, kind) = match inner.split_once(':') {
        None => (inner, Ok(Section::Hosts)),
        Some((name, "children")) => (name, Ok(Section::Children)),
        Some((name, "vars")) => (name, Ok(Section::Vars)),
        Some((name, other)) => (name, Err(other)),
    };
    (!name.is_empty() && name.chars().all(good)).then_some((name, kind))
}

/// Reads the inventory.
pub(super) fn read(builder: &mut Builder, input: &Input<'_>) {
    let mut reader = Reader {
        builder,
        inventory: Inventory::default(),
        source: input.id,
        group: None,
        section: Section::Hosts,
    };
    let mut at = 0;
    for line in input.text.split_inclusive('\n') {
        let trimmed = line.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let start = at + (line.len() - trimmed.len());
        at += line.len();
        let trimmed = trimmed.trim_end();
        if !strip(trimmed).is_empty() {
            reader.line(trimmed, start);
        }
    }
    let Reader {
        builder, inventory, ..
    } = reader;
    ansible::finish(builder, &inventory, input, None);
}

struct Reader<'b, 'a> {
    builder: &'b mut Builder,
    inventory: Inventory<'a>,
    source: SourceId,
    group: Option<usize>,
    section: Section,
}

impl<'a> Reader<'_, 'a> {
    fn span(&self, start: usize, len: usize) -> Span {
        Span::new(self.source, start, start.saturating_add(len))
    }

    fn wrong(&mut self, span: Span, message: String, help: &str) {
        let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(span);
        self.builder.report(diagnostic.help(help));
    }

    fn line(&mut self, line: &'a str, start: usize) {
        if line.starts_with('[') && !address::is_pattern(line) {
            self.header(line, start);
            return;
        }
        match self.section {
            Section::Hosts => self.hosts(line, start),
            Section::Children => {
                let name = line.split_whitespace().next().unwrap_or(line);
                let child = self.inventory.group(Cow::Borrowed(name));
                if let Some(parent) = self.group {
                    self.inventory.nest(parent, child);
                }
            }
            Section::Vars => self.variable(line, start),
        }
    }

    fn header(&mut self, line: &'a str, start: usize) {
        let span = self.span(start, line.len());
        match section(line) {
            Some((name, Ok(kind))) => {
                self.group = Some(self.inventory.group(Cow::Borrowed(name)));
                self.section = kind;
            }
            Some((_, Err(kind))) => {
                let message = format!("`:{kind}` is no kind of section; its lines are ignored");
                self.wrong(
                    span,
                    message,
                    "write `[group]`, `[group:children]` or `[group:vars]`",
                );
                self.group = None;
                self.section = Section::Vars;
            }
            None => {
                let message = "this section header is not complete; its lines are ignored";
                self.wrong(span, message.into(), "write `[group]` on a line of its own");
                self.group = None;
                self.section = Section::Vars;
            }
        }
    }

    /// `name=value` of a group.
    fn variable(&mut self, line: &'a str, start: usize) {
        let Some(group) = self.group else {
            return;
        };
        let Some((name, value)) = line.split_once('=') else {
            let span = self.span(start, line.len());
            self.wrong(
                span,
                "expected `variable=value`".into(),
                "add `=` and a value",
            );
            return;
        };
        let value_start = start + name.len() + 1;
        let lead = value.len() - value.trim_start().len();
        let var = self.var(name.trim(), start, value.trim(), value_start + lead);
        self.inventory.group_var(self.builder, group, var);
    }

    fn var(&self, name: &'a str, name_start: usize, value: &'a str, start: usize) -> Var<'a> {
        let text = unquote(value);
        Var {
            name: Cow::Borrowed(name),
            span: self.span(name_start, name.len()),
            value: Node {
                span: self.span(start, value.len()),
                value: if text.is_empty() || text == "None" {
                    Value::Null
                } else {
                    Value::Scalar(Scalar {
                        text: Cow::Borrowed(text),
                        style: Style::Plain,
                    })
                },
            },
        }
    }

    /// A host, or several by a range, with variables.
    fn hosts(&mut self, line: &'a str, start: usize) {
        let mut words = words(line);
        let Some((at, pattern)) = words.next() else {
            return;
        };
        let span = self.span(start + at, pattern.len());
        let (pattern, port) = split_port(pattern);
        let names = if address::is_pattern(pattern) {
            let Some(names) = address::expand(pattern) else {
                let message = format!("the range in `{pattern}` is empty or too long");
                self.wrong(span, message, "write it as `node[1:3]`");
                return;
            };
            names.into_iter().map(Cow::Owned).collect()
        } else {
            vec![Cow::Borrowed(pattern)]
        };
        let mut vars = Vec::new();
        if let Some(port) = port {
            let at = start + at + pattern.len() + 1;
            vars.push(self.var("ansible_port", at, port, at));
        }
        for (at, word) in words {
            let Some((name, value)) = word.split_once('=') else {
                let span = self.span(start + at, word.len());
                let message = format!("expected `variable=value` after host `{pattern}`");
                self.wrong(
                    span,
                    message,
                    "put quotes around values with spaces, hosts on lines of their own",
                );
                continue;
            };
            vars.push(self.var(name, start + at, value, start + at + name.len() + 1));
        }
        let group = match self.group {
            Some(group) => group,
            None => self.inventory.group(Cow::Borrowed("ungrouped")),
        };
        for name in names {
            if self.inventory.machines.len() > merge::MAX_HOSTS {
                let message = format!("more than {} hosts; the rest is not read", merge::MAX_HOSTS);
                let diagnostic = Diagnostic::new(&input::LIMIT, message).at(span);
                self.builder.report(diagnostic);
                return;
            }
            let machine = self.inventory.machine(name, span);
            self.inventory.join(group, machine);
            for var in &vars {
                self.inventory.host_var(self.builder, machine, var.clone());
            }
        }
    }
}

/// `node:22` as host and port; IPv6 addresses have no port without brackets.
fn split_port(pattern: &str) -> (&str, Option<&str>) {
    match pattern.rsplit_once(':') {
        Some((host, port))
            if !host.contains(':')
                && !host.contains('[')
                && !port.is_empty()
                && port.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (host, Some(port))
        }
        _ => (pattern, None),
    }
}

fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|v| v.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    value
}

/// Words separated by white space outside quotes, up to a comment, each with its place.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let tail = line.get(rest..)?;
        let start = rest + (tail.len() - tail.trim_start().len());
        let tail = line.get(start..)?;
        if tail.is_empty() || tail.starts_with('#') {
            return None;
        }
        let mut quote = None;
        let end = tail.char_indices().find(|&(_, c)| match quote {
            Some(open) => {
                if c == open {
                    quote = None;
                }
                false
            }
            None => {
                if c == '"' || c == '\'' {
                    quote = Some(c);
                }
                c.is_whitespace()
            }
        });
        let end = end.map_or(line.len(), |(at, _)| start + at);
        rest = end;
        line.get(start..end).map(|word| (start, word))
    })
}
