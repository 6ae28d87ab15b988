//! Rules of iptables that stand in other formats: lines of several texts, and lines that a
//! program makes of something else, read as one export.
//!
//! The lines become one text, which is read as any export is. Places in it are then put back to
//! where the lines came from.

use super::lower::Lowering;
use super::section::{self, Section};
use super::tables::Tables;
use super::{Backend, Header};
use crate::dialect::lines::Line;
use crate::dialect::{Context, Notes};
use crate::firewall::{Action, Chain, Firewall};
use crate::net::Family;
use crate::source::{SourceId, Span};

/// Lines under way.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Assembly {
    text: String,
    /// Where each line begins in the text and where it came from, in order.
    lines: Vec<(usize, Origin)>,
    /// Family, table, first and last line (exclusive).
    tables: Vec<(Family, String, std::ops::Range<usize>)>,
}

/// Where a line came from.
#[derive(Debug, Clone)]
enum Origin {
    /// It stands in this source at this offset.
    There(SourceId, usize),
    /// A program made it of what stands here.
    Made(Span),
    /// Nobody said it; this is where it was missed.
    Assumed(Span),
    /// It stands for something of which nobody knows what it does.
    Opaque(Span, String),
}

impl Assembly {
    /// Opens a table: lines that follow belong to it.
    pub(in crate::dialect) fn table(&mut self, family: Family, name: &str) {
        let at = self.lines.len();
        self.tables.push((family, name.to_owned(), at..at));
    }

    /// A line that stands in a source.
    pub(in crate::dialect) fn there(&mut self, source: SourceId, line: &Line<'_>) {
        self.push(line.text, Origin::There(source, line.start));
    }

    /// A line made of something else.
    pub(in crate::dialect) fn made(&mut self, text: &str, of: Span) {
        self.push(text, Origin::Made(of));
    }

    /// A line that is taken for granted.
    pub(in crate::dialect) fn assumed(&mut self, text: &str, at: Span) {
        self.push(text, Origin::Assumed(at));
    }

    /// A rule of a chain that may do anything.
    pub(in crate::dialect) fn opaque(&mut self, chain: &str, why: String, at: Span) {
        self.push(&format!("-A {chain}"), Origin::Opaque(at, why));
    }

    fn push(&mut self, text: &str, origin: Origin) {
        self.lines.push((self.text.len(), origin));
        self.text.push_str(text);
        self.text.push('\n');
        if let Some((_, _, range)) = self.tables.last_mut() {
            range.end = self.lines.len();
        }
    }

    fn origin(&self, offset: u32) -> Option<(usize, &Origin)> {
        let offset = offset as usize;
        let after = self.lines.partition_point(|(start, _)| *start <= offset);
        let (start, origin) = self.lines.get(after.checked_sub(1)?)?;
        Some((*start, origin))
    }

    /// A place in the text as a place in what it came from.
    fn place(&self, span: Span) -> Span {
        match self.origin(span.start) {
            Some((start, Origin::There(source, offset))) => {
                let (from, to) = (span.start as usize - start, span.end as usize - start);
                Span::new(*source, offset + from, offset + to)
            }
            Some((_, Origin::Made(of) | Origin::Assumed(of) | Origin::Opaque(of, _))) => *of,
            None => span,
        }
    }
}

/// Reads the lines into the model.
pub(in crate::dialect) fn read(
    assembly: &Assembly,
    source: SourceId,
    context: &Context<'_>,
    firewall: &mut Firewall,
    notes: &mut Notes,
) {
    let mut all: Vec<Line<'_>> = crate::dialect::lines::lines(&assembly.text).collect();
    let mut sections = Vec::new();
    for (family, table, range) in assembly.tables.iter().rev() {
        let lines: Vec<Line<'_>> = all.drain(range.clone()).collect();
        let opened = lines.first().map_or(Span::new(source, 0, 0), |line| {
            Span::new(source, line.start, line.end())
        });
        let rule = |line: &Line<'_>| {
            let text = line.text.trim();
            !text.is_empty() && !text.starts_with('#')
        };
        sections.push(Section {
            header: Header {
                family: *family,
                backend: Backend::Legacy,
                version: "",
            },
            table,
            opened,
            source,
            lines: lines.into_iter().filter(rule).collect(),
            complete: true,
        });
    }
    sections.reverse();
    let before = [firewall.v4.chains.len(), firewall.v6.chains.len()];
    let (unknowns, noted) = (firewall.unknowns.len(), notes.len());
    let traits = section::traits(&sections);
    let mut lowering = Lowering::new(context, firewall, notes, traits);
    let mut tables = Tables::default();
    for section in &sections {
        tables.read(section, &mut lowering);
    }
    for (family, first) in Family::ALL.into_iter().zip(before) {
        for chain in firewall.rules_mut(family).chains.iter_mut().skip(first) {
            put_back(chain, assembly);
        }
    }
    for unknown in firewall.unknowns.iter_mut().skip(unknowns) {
        unknown.span = assembly.place(unknown.span);
    }
    notes.replace(noted, |span| assembly.place(span));
}

fn put_back(chain: &mut Chain, assembly: &Assembly) {
    let assumed = |span: Span| matches!(assembly.origin(span.start), Some((_, Origin::Assumed(_))));
    chain.generated |= assumed(chain.span) && chain.rules.is_empty();
    chain.span = assembly.place(chain.span);
    if let Some(base) = &mut chain.base {
        base.span = assembly.place(base.span);
    }
    for rule in &mut chain.rules {
        rule.generated |= assumed(rule.span);
        if let Some((_, Origin::Opaque(_, why))) = assembly.origin(rule.span.start) {
            rule.action = Action::Opaque { why: why.clone() };
        }
        rule.span = assembly.place(rule.span);
    }
}
