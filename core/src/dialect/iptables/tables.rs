//! Chains and rules of the tables.

use super::hooks::{Hooks, reach};
use super::lower::{Jumps, Lowering, Work};
use super::parse::{Fault, Spec, Word, spec, words};
use super::section::{MOST_LINE, Section};
use super::{Backend, Header, support};
use crate::diagnostic::{Diagnostic, Severity, input};
use crate::dialect::lines::Line;
use crate::firewall::{Action, Base, Chain, ChainId, Hook, Policy, Rule};
use crate::net::Family;
use crate::packet::Cube;
use crate::source::Span;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Chains by name.
pub(super) type ChainIds = FxHashMap<String, ChainId>;

/// Most rules of one system.
const MOST_RULES: usize = 1_000_000;

/// The chains that exist without being made.
pub(super) const BUILTIN: &[&str] = &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];

/// What the place of a rule says about its packets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// Whether connection tracking has not run yet.
    pub before_conntrack: bool,
    /// The hooks that packets come from.
    pub hooks: Hooks,
}

/// The tables read so far, by family, backend and name.
#[derive(Default)]
pub(super) struct Tables {
    seen: BTreeMap<(Family, Backend, String), (Span, Vec<ChainId>)>,
    rules: usize,
}

/// One table under way.
struct Under<'s, 'a> {
    section: &'s Section<'a>,
    ids: ChainIds,
    order: Vec<ChainId>,
    /// From which hooks packets come to each chain.
    hooks: FxHashMap<&'a str, Hooks>,
    /// Whether a line that may concern any chain could not be read.
    tainted: bool,
}

/// Hook and priority of a built-in chain; none for other chains.
fn base(table: &str, chain: &str, backend: Backend) -> Option<(Hook, i32)> {
    use Hook::{Forward, Input, Output, Postrouting, Prerouting};
    let hook = match chain {
        "PREROUTING" => Prerouting,
        "INPUT" => Input,
        "FORWARD" => Forward,
        "OUTPUT" => Output,
        "POSTROUTING" => Postrouting,
        _ => return None,
    };
    let priority = match (table, hook) {
        ("raw", Prerouting | Output) => -300,
        ("mangle", _) => -150,
        ("nat", Prerouting | Output) => -100,
        ("nat", Input | Postrouting) => 100,
        ("filter", Input | Forward | Output) => 0,
        // iptables-nft has its own idea of where this table stands.
        ("security", Input | Forward | Output) if backend == Backend::Nft => 150,
        ("security", Input | Forward | Output) => 50,
        _ => return None,
    };
    Some((hook, priority))
}

/// From which hooks packets come to each chain of a table.
fn hooks_of<'a>(section: &Section<'a>) -> FxHashMap<&'a str, Hooks> {
    let builtin = BUILTIN
        .iter()
        .filter_map(|&chain| Some((chain, base(section.table, chain, section.header.backend)?.0)));
    reach(builtin, section.lines.iter().map(|line| line.text))
}

impl Tables {
    /// Reads one section.
    pub(super) fn read(&mut self, section: &Section<'_>, all: &mut Lowering<'_>) {
        let family = section.header.family;
        all.firewall.rules_mut(family).exported = true;
        if !matches!(
            section.table,
            "filter" | "nat" | "mangle" | "raw" | "security"
        ) {
            all.notes.push(
                Diagnostic::new(
                    &input::SYNTAX,
                    format!(
                        "expected table `filter`, `nat`, `mangle`, `raw` or `security`, found `{}`",
                        section.table
                    ),
                )
                .at(section.opened),
            );
        }
        self.replace(section, all);
        let mut under = Under {
            section,
            ids: ChainIds::default(),
            order: Vec::new(),
            hooks: hooks_of(section),
            tainted: false,
        };
        for line in &section.lines {
            under.declare_line(line, all);
        }
        let mut complete = section.complete;
        for line in &section.lines {
            if self.rules >= MOST_RULES {
                all.notes.push(
                    Diagnostic::new(
                        &input::LIMIT,
                        format!("more than {MOST_RULES} rules; the rest is not read"),
                    )
                    .at(Span::new(section.source, line.start, line.end()))
                    .help("packets that no rule read so far decides are unknown"),
                );
                complete = false;
                break;
            }
            self.rules += usize::from(under.rule_line(line, all));
        }
        if !complete {
            under.cut_off(all);
        }
        for &id in &under.order {
            under.with(id, all, number);
        }
        let key = (family, section.header.backend, section.table.to_string());
        self.seen.insert(key, (section.opened, under.order));
    }

    /// `iptables-restore` replaces a table that it meets again.
    fn replace(&mut self, section: &Section<'_>, all: &mut Lowering<'_>) {
        let Header {
            family, backend, ..
        } = section.header;
        let Some((first, chains)) = self
            .seen
            .remove(&(family, backend, section.table.to_string()))
        else {
            return;
        };
        for id in chains {
            if let Some(chain) = all.firewall.rules_mut(family).chains.get_mut(id.0 as usize) {
                chain.base = None;
                chain.generated = true;
                chain.rules.clear();
            }
        }
        all.notes.push(
            Diagnostic::new(
                &input::SYNTAX,
                format!(
                    "table `{}` is given twice; the later one replaces the first",
                    section.table
                ),
            )
            .severity(Severity::Warning)
            .at(section.opened)
            .label(first, "the first one")
            .help("give each table of a system once"),
        );
    }
}

impl Under<'_, '_> {
    fn span(&self, line: &Line<'_>) -> Span {
        let text = line.text;
        let lead = text.len() - text.trim_start().len();
        let trail = text.len() - text.trim_end().len();
        Span::new(self.section.source, line.start + lead, line.end() - trail)
    }

    /// Declares the chain that a `:NAME POLICY`, `-N NAME` or `-P NAME POLICY` line makes.
    fn declare_line(&mut self, line: &Line<'_>, all: &mut Lowering<'_>) {
        let text = line.text.trim_start();
        let span = self.span(line);
        let (name, policy) = if let Some(rest) = text.strip_prefix(':') {
            let mut words = rest.split_ascii_whitespace();
            (words.next(), words.next())
        } else {
            let mut words = text.split_ascii_whitespace();
            match words.next() {
                Some("-N" | "--new-chain") => (words.next(), None),
                Some("-P" | "--policy") => (words.next(), words.next()),
                _ => return,
            }
        };
        let Some(name) = name else {
            all.notes
                .push(Diagnostic::new(&input::SYNTAX, "expected a chain's name").at(span));
            return;
        };
        if matches!(policy, Some("ACCEPT" | "DROP"))
            && base(self.section.table, name, self.section.header.backend).is_none()
        {
            all.notes.push(
                Diagnostic::new(
                    &input::SYNTAX,
                    format!(
                        "table `{}` has no built-in chain `{name}`, so it takes no policy",
                        self.section.table
                    ),
                )
                .at(span)
                .help("no packet enters this chain by itself; check the table's name"),
            );
        }
        let policy = match policy {
            Some("DROP") => Policy::Drop,
            None | Some("-" | "ACCEPT") => Policy::Accept,
            Some(other) => {
                all.notes.push(
                    Diagnostic::new(
                        &input::SYNTAX,
                        format!("expected policy `ACCEPT`, `DROP` or `-`, found `{other}`"),
                    )
                    .at(span)
                    .help("read as `DROP`, the most that a policy can deny"),
                );
                Policy::Drop
            }
        };
        self.declare(name, policy, span, all);
    }

    fn declare(
        &mut self,
        name: &str,
        policy: Policy,
        span: Span,
        all: &mut Lowering<'_>,
    ) -> ChainId {
        let table = self.section.table;
        let chains = &mut all.firewall.rules_mut(self.section.header.family).chains;
        let base = base(table, name, self.section.header.backend).map(|(hook, priority)| Base {
            hook,
            priority,
            order: 0,
            policy,
            span,
            first_packets_only: table == "nat",
        });
        if let Some(&known) = self.ids.get(name) {
            if let Some(chain) = chains.get_mut(known.0 as usize) {
                chain.base = base;
            }
            return known;
        }
        let id = ChainId(u32::try_from(chains.len()).unwrap_or(u32::MAX));
        chains.push(Chain {
            table: table.to_string(),
            name: name.to_string(),
            base,
            devices: None,
            generated: support::is_generated(name),
            rules: Vec::new(),
            span,
        });
        self.ids.insert(name.to_string(), id);
        self.order.push(id);
        id
    }

    /// Reads a rule line; whether it made a rule.
    fn rule_line(&mut self, line: &Line<'_>, all: &mut Lowering<'_>) -> bool {
        let (text, start) = without_counters(line);
        if text.starts_with(':') || text.is_empty() {
            return false;
        }
        let span = Span::new(self.section.source, start, start + text.len());
        if text.len() > MOST_LINE {
            let fault = Fault::line("the line is too long");
            return self.place_fault(text, &fault, span, all);
        }
        let words = match words(text, start) {
            Ok(words) => words,
            Err(fault) => return self.place_fault(text, &fault, span, all),
        };
        let Some((command, rest)) = words.split_first() else {
            return false;
        };
        match (command.text.as_ref(), rest) {
            ("-N" | "--new-chain" | "-P" | "--policy" | "-Z" | "--zero" | "-X", _) => false,
            ("-A" | "--append", [chain, rest @ ..]) => {
                let id = self.chain(chain, span, all);
                self.append(id, chain, None, rest, span, all)
            }
            ("-I" | "--insert", [chain, rest @ ..]) => {
                let id = self.chain(chain, span, all);
                let number = rest.first().and_then(|w| w.text.parse::<usize>().ok());
                let rest = if number.is_some() {
                    rest.get(1..).unwrap_or(&[])
                } else {
                    rest
                };
                let at = number.unwrap_or(1).saturating_sub(1);
                self.append(id, chain, Some(at), rest, span, all)
            }
            ("-F" | "--flush", [chain]) => {
                let id = self.chain(chain, span, all);
                self.with(id, all, |chain| chain.rules.clear());
                false
            }
            ("-D" | "--delete" | "-R" | "--replace" | "-E" | "--rename-chain" | "-F", _) => {
                let fault = Fault::at(command, format!("`{}` is not supported here", command.text));
                self.place_fault(text, &fault, span, all)
            }
            _ => {
                let message = format!("expected `-A CHAIN …`, found `{}`", command.text);
                self.place_fault(text, &Fault::at(command, message), span, all)
            }
        }
    }

    fn with(&self, id: ChainId, all: &mut Lowering<'_>, change: impl FnOnce(&mut Chain)) {
        let chains = &mut all.firewall.rules_mut(self.section.header.family).chains;
        if let Some(chain) = chains.get_mut(id.0 as usize) {
            change(chain);
        }
    }

    /// The chain of a rule; made when no line declared it.
    fn chain(&mut self, name: &Word<'_>, span: Span, all: &mut Lowering<'_>) -> ChainId {
        if let Some(&id) = self.ids.get(name.text.as_ref()) {
            return id;
        }
        if base(self.section.table, &name.text, self.section.header.backend).is_none() {
            all.notes.push(
                Diagnostic::new(
                    &input::DANGLING,
                    format!(
                        "chain `{}` is not declared in table `{}`",
                        name.text, self.section.table
                    ),
                )
                .at(Span::new(self.section.source, name.start, name.end))
                .help("declare it with a line such as `:NAME - [0:0]`"),
            );
        }
        self.declare(&name.text, Policy::Accept, span, all)
    }

    fn append(
        &mut self,
        id: ChainId,
        chain: &Word<'_>,
        at: Option<usize>,
        rest: &[Word<'_>],
        span: Span,
        all: &mut Lowering<'_>,
    ) -> bool {
        let work = self.work(&chain.text, span);
        let rules = match spec(rest) {
            Ok(spec) if self.is_for_other_family(&spec) => return false,
            Ok(spec) => {
                let mut rules = all.rule(&spec, work, &Jumps { chains: &self.ids });
                let generated = self.is_generated(&chain.text, rest);
                for rule in &mut rules {
                    rule.generated |= generated;
                }
                rules
            }
            Err(fault) => vec![all.unreadable(&fault, &work)],
        };
        self.with(id, all, |chain| match at {
            Some(at) => insert(chain, at, rules),
            None => chain.rules.extend(rules),
        });
        true
    }

    /// Whether Docker writes such a rule.
    fn is_generated(&self, chain: &str, rest: &[Word<'_>]) -> bool {
        if self.section.table != "filter" || chain != "FORWARD" || rest.len() > 8 {
            return false;
        }
        let words: Vec<&str> = rest.iter().map(|word| word.text.as_ref()).collect();
        support::is_generated_rule(&words)
    }

    /// `iptables-restore` passes over rules marked `-6`, `ip6tables-restore` over those with `-4`.
    fn is_for_other_family(&self, spec: &Spec<'_>) -> bool {
        let other = match self.section.header.family {
            Family::V4 => "--ipv6",
            Family::V6 => "--ipv4",
        };
        spec.base
            .iter()
            .any(|o| support::long_name(&o.name.text) == other)
    }

    fn work(&self, chain: &str, span: Span) -> Work<'_> {
        let table = self.section.table;
        Work {
            cubes: vec![Cube::any(self.section.header.family)],
            header: self.section.header,
            table: Table {
                before_conntrack: table == "raw",
                hooks: self.hooks.get(chain).copied().unwrap_or_default(),
            },
            source: self.section.source,
            line: span,
            protocol: None,
            comment: None,
        }
    }

    /// Puts a line that cannot be read where it has its effect: into the chain it names, or, when
    /// it names none, in front of every chain of the table.
    fn place_fault(
        &mut self,
        text: &str,
        fault: &Fault,
        span: Span,
        all: &mut Lowering<'_>,
    ) -> bool {
        let rule = all.unreadable(fault, &self.work("", span));
        let mut words = text.split_ascii_whitespace();
        let named = match (words.next(), words.next()) {
            (Some("-A" | "--append"), Some(name)) => match self.ids.get(name).copied() {
                Some(id) => Some(id),
                None => Some(self.declare(name, Policy::Accept, span, all)),
            },
            _ => None,
        };
        match named {
            Some(id) => self.with(id, all, |chain| chain.rules.push(rule)),
            None if self.tainted => {}
            None => {
                self.tainted = true;
                for &id in &self.order {
                    let rule = rule.clone();
                    self.with(id, all, |chain| chain.rules.insert(0, rule));
                }
            }
        }
        true
    }

    /// Says at the end of every chain that rules may be missing there.
    fn cut_off(&self, all: &mut Lowering<'_>) {
        let family = self.section.header.family;
        let last = self
            .section
            .lines
            .last()
            .map_or(self.section.opened, |line| self.span(line));
        for &id in &self.order {
            self.with(id, all, |chain| {
                let action = Action::Opaque {
                    why: "the export is cut off: rules may be missing here".into(),
                };
                let rule = Rule::new(vec![Cube::any(family)], action, last);
                chain.rules.push(rule);
            });
        }
    }
}

/// Numbers rules as the kernel does: parts of one rule are of one line.
fn number(chain: &mut Chain) {
    let mut number = 0;
    let mut before = None;
    for rule in &mut chain.rules {
        if before != Some(rule.span) {
            number += 1;
        }
        before = Some(rule.span);
        rule.number = number;
    }
}

/// Puts a rule's parts before the rule at a position of the kernel's chain, from 0.
fn insert(chain: &mut Chain, at: usize, rules: Vec<Rule>) {
    number(chain);
    let behind = |rule: &Rule| usize::try_from(rule.number).is_ok_and(|number| number > at);
    let place = chain.rules.iter().position(behind);
    let place = place.unwrap_or(chain.rules.len());
    chain.rules.splice(place..place, rules);
}

/// A line without `[packets:bytes]` before it, and where it begins.
fn without_counters<'a>(line: &Line<'a>) -> (&'a str, usize) {
    let trimmed = line.text.trim_start();
    let start = line.end() - trimmed.len();
    let trimmed_end = trimmed.trim_end();
    if let Some(rest) = trimmed_end.strip_prefix('[')
        && let Some((counters, rule)) = rest.split_once(']')
        && counters.bytes().all(|b| b.is_ascii_digit() || b == b':')
    {
        let rule = rule.trim_start();
        return (rule, start + trimmed_end.len() - rule.len());
    }
    (trimmed_end, start)
}
