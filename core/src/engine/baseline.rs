//! Baselines: findings that are known already, by their fingerprints.

use super::session::Session;
use super::{Document, FindingData};
use crate::diagnostic::{Code, Diagnostic, input};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a baseline calls itself.
const VERSION: &str = "baseline/v1";

/// Findings that are known and not told again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// `baseline/v1`.
    pub portwright: String,
    /// The findings.
    pub findings: Vec<KnownFinding>,
}

/// A finding that is known.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct KnownFinding {
    /// Its fingerprint, by which it is recognised.
    pub fingerprint: String,
    /// Its code, for readers.
    #[serde(default)]
    pub code: String,
    /// Its message, for readers.
    #[serde(default)]
    pub message: String,
}

impl Baseline {
    /// A baseline of these findings.
    #[must_use]
    pub fn of(findings: &[FindingData]) -> Self {
        let known = findings.iter().map(|finding| KnownFinding {
            fingerprint: finding.fingerprint.clone(),
            code: finding.code.clone(),
            message: finding.message.clone(),
        });
        Self {
            portwright: VERSION.into(),
            findings: known.collect(),
        }
    }
}

/// How often each fingerprint is known. None, with a diagnostic, for a text that is no baseline.
pub(super) fn known(
    session: &mut Session,
    document: Option<&Document>,
) -> Option<BTreeMap<String, usize>> {
    let mut known = BTreeMap::new();
    let Some(document) = document else {
        return Some(known);
    };
    let read: Result<Baseline, _> = serde_json::from_str(&document.text);
    let problem = match read {
        Ok(baseline) if baseline.portwright == VERSION => {
            for finding in baseline.findings {
                *known.entry(finding.fingerprint).or_default() += 1;
            }
            return Some(known);
        }
        Ok(other) => format!("expected `{VERSION}`, found `{}`", other.portwright),
        Err(problem) => problem.to_string(),
    };
    let message = format!("`{}` is no baseline: {problem}", document.name);
    let help = "make one with `--write-baseline`";
    session.report([Diagnostic::new(&input::SYNTAX, message).help(help)]);
    None
}

/// Takes out findings that are known, each as often as it is. Gives how many.
pub(super) fn take_out(
    known: &mut BTreeMap<String, usize>,
    data: &mut Vec<(FindingData, &'static Code)>,
) -> usize {
    let before = data.len();
    data.retain(|(finding, _)| match known.get_mut(&finding.fingerprint) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    });
    before - data.len()
}
