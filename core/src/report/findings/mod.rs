//! Findings in the formats that other programs read.

mod github;
mod gitlab;
pub(super) mod junit;
mod markdown;
mod sarif;

use crate::diagnostic::Severity;
use crate::engine::{FindingData, Place};

/// A format of findings.
#[derive(Debug)]
pub struct FindingFormat {
    /// Its name on the command line.
    pub id: &'static str,
    /// Writes it.
    pub write: fn(&[FindingData]) -> String,
}

/// Every format that findings can be written in, beside text and JSON.
pub static FINDING_FORMATS: &[FindingFormat] = &[
    FindingFormat {
        id: "sarif",
        write: sarif::findings,
    },
    FindingFormat {
        id: "junit",
        write: junit::findings,
    },
    FindingFormat {
        id: "github",
        write: github::findings,
    },
    FindingFormat {
        id: "gitlab",
        write: gitlab::findings,
    },
    FindingFormat {
        id: "markdown",
        write: markdown::findings,
    },
];

/// Findings in the format of this name; none when there is no such format.
#[must_use]
pub fn findings(format: &str, all: &[FindingData]) -> Option<String> {
    let found = FINDING_FORMATS.iter().find(|known| known.id == format)?;
    Some((found.write)(all))
}

/// What is said where there is no room for places of their own: message, packets, what to do.
fn whole(finding: &FindingData) -> String {
    let mut text = match finding.guards.as_str() {
        "" => finding.message.clone(),
        guards => format!("{guards}: {}", finding.message),
    };
    if let Some(witness) = &finding.witness {
        text.push_str(&format!(
            "\nfor example {}: {}",
            witness.packet, witness.verdict
        ));
    }
    if let Some(fix) = &finding.fix {
        text.push_str(&format!("\n{}", fix.text));
    }
    text
}

fn primary(finding: &FindingData) -> Option<&Place> {
    finding.places.first()
}

fn severity(finding: &FindingData) -> &'static str {
    match finding.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// A findings of every kind of trouble that formats have with text.
#[cfg(test)]
pub(crate) fn examples() -> Vec<FindingData> {
    let place = Place {
        source: "a b/c,d.rules".into(),
        line: 3,
        column: 1,
        end_line: 3,
        end_column: 9,
        excerpt: Some("-A INPUT | <x> & \"y\"".into()),
        label: "this rule".into(),
    };
    let one = FindingData {
        code: "PW301".into(),
        name: "shadowed".into(),
        severity: Severity::Warning,
        message: "rule 3 <of> 100 % `x` | y\u{1}\nnext".into(),
        guards: String::new(),
        hook: None,
        flow: None,
        requirements: Vec::new(),
        packets: Vec::new(),
        witness: None,
        places: vec![place.clone(), Place { line: 1, ..place }],
        depends_on: Vec::new(),
        fix: None,
        fingerprint: "0123456789abcdef".into(),
    };
    let other = FindingData {
        code: "PW999".into(),
        severity: Severity::Error,
        places: Vec::new(),
        guards: "h".into(),
        ..one.clone()
    };
    vec![one.clone(), one, other]
}
