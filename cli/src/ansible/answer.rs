//! What the module answers: one JSON object on standard output.

use super::packed::Packed;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

/// A module's result, in the words that Ansible has for it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answer {
    /// Whether the host is in another state than before, or in check mode, would be.
    pub changed: bool,
    /// Whether the task could not be done.
    pub failed: bool,
    /// What was done, in a sentence's half.
    pub msg: String,
    /// What somebody should know although it is no failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Exit code of the command behind the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rc: Option<i32>,
    /// Its standard output: for `listen`, `stop` and `run`, records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Packed>,
    /// Collected texts by the name of the file that they are for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exports: BTreeMap<String, Packed>,
    /// What could not be collected, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<String, String>,
}

impl Answer {
    /// Something that was done.
    pub fn done(changed: bool, msg: impl Into<String>) -> Self {
        Self {
            changed,
            msg: msg.into(),
            ..Self::default()
        }
    }

    /// Something that could not be done.
    pub fn failed(msg: String) -> Self {
        Self {
            failed: true,
            msg,
            ..Self::default()
        }
    }

    /// Writes it; the exit code is for those who call the module by hand.
    pub fn print(&self) -> ExitCode {
        let written = serde_json::to_string(self)
            .map_err(std::io::Error::from)
            .and_then(|text| writeln!(std::io::stdout().lock(), "{text}"));
        match written {
            Ok(()) if !self.failed => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}
