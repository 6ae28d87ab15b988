//! A finding in the engine's own terms; the facade turns it into plain data.

use crate::diagnostic::{Code, Severity};
use crate::firewall::{ChainId, Dependency, Hook, RuleId};
use crate::net::Family;
use crate::packet::{Packet, PacketSet};
use crate::source::Span;

/// A place and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub span: Span,
    /// What is to be seen there.
    pub text: String,
}

/// What an analysis found at one enforcement point.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which kind.
    pub code: &'static Code,
    /// How much it matters here.
    pub severity: Severity,
    /// What is the matter, in one line.
    pub message: String,
    /// The family of its packets.
    pub family: Family,
    /// The hook at which it was found.
    pub hook: Option<Hook>,
    /// The flow that it is about, as a position in the graph's list.
    pub flow: Option<usize>,
    /// The packets that it is about.
    pub packets: PacketSet,
    /// One of them.
    pub witness: Option<Packet>,
    /// The rule that decides, or that the finding is about.
    pub rule: Option<RuleId>,
    /// The base chain whose policy decides.
    pub policy: Option<ChainId>,
    /// Deciding lines, the primary one first.
    pub places: Vec<Note>,
    /// What the answer depends on.
    pub depends_on: Vec<Dependency>,
    /// What to do, in words.
    pub help: Option<String>,
}

impl Finding {
    /// A finding of this kind at its usual severity.
    pub fn new(code: &'static Code, family: Family, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity,
            message: message.into(),
            family,
            hook: None,
            flow: None,
            packets: PacketSet::empty(),
            witness: None,
            rule: None,
            policy: None,
            places: Vec::new(),
            depends_on: Vec::new(),
            help: None,
        }
    }

    /// Adds a place.
    pub fn place(&mut self, span: Span, text: impl Into<String>) {
        let note = Note {
            span,
            text: text.into(),
        };
        if !self.places.contains(&note) {
            self.places.push(note);
        }
    }
}
