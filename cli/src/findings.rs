//! Options of commands that have findings.

use crate::input::{self, Stop, stop};
use crate::output;
use clap::{Args, ValueEnum};
use portwright::engine::{Answer, Baseline, Document, FindingData};
use portwright::report;

/// Which findings are told, how, and which of them fail.
#[derive(Args)]
pub struct Selection {
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Severity that fails
    #[arg(long, value_enum, default_value = "error")]
    pub fail_on: FailOn,
    /// Only these codes
    #[arg(long, value_name = "CODE,…", value_delimiter = ',')]
    pub select: Vec<String>,
    /// Not these codes
    #[arg(long, value_name = "CODE,…", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Findings that are known already and neither told nor failing, as --write-baseline wrote them
    #[arg(long, value_name = "FILE", conflicts_with = "write_baseline")]
    pub baseline: Option<String>,
    /// Write the findings as a baseline, and do not fail because of them
    #[arg(long, value_name = "FILE")]
    pub write_baseline: Option<String>,
    /// Day on which suppressions and acceptances are judged [default: today, UTC]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date)]
    pub today: Option<String>,
}

fn date(text: &str) -> Result<String, String> {
    let parsed = text.parse::<jiff::civil::Date>();
    let parsed = parsed.map_err(|_| "expected a day such as 2027-01-31")?;
    Ok(parsed.to_string())
}

/// An output format.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// Findings with the lines that decide
    Text,
    /// The engine's answer
    Json,
    /// SARIF 2.1.0, for code scanning and editors
    Sarif,
    /// JUnit's XML, for build servers
    Junit,
    /// Annotations of GitHub Actions
    Github,
    /// GitLab's Code Quality report
    Gitlab,
    /// A table
    Markdown,
}

impl Format {
    /// What the library calls a format of findings; none for those that show more.
    fn id(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Json => None,
            Self::Sarif => Some("sarif"),
            Self::Junit => Some("junit"),
            Self::Github => Some("github"),
            Self::Gitlab => Some("gitlab"),
            Self::Markdown => Some("markdown"),
        }
    }
}

impl Selection {
    /// Prints findings in the format that is asked for; `text` and the whole answer are the
    /// command's own.
    pub fn print(
        &self,
        answer: &Answer,
        findings: &[FindingData],
        text: impl FnOnce() -> String,
    ) -> Result<(), Stop> {
        if let Format::Json = self.format {
            return output::json(answer);
        }
        let id = self.format.id();
        let other = id.and_then(|id| report::findings(id, findings));
        output::data(&other.unwrap_or_else(text))
    }

    /// The day of the run.
    pub fn today(&self) -> String {
        let now = || jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let today = self.today.clone();
        today.unwrap_or_else(|| now().date().to_string())
    }

    /// The baseline to read. Where one is written, all findings count.
    pub fn baseline(&self) -> Result<Option<Document>, Stop> {
        let path = self.baseline.as_deref();
        path.map(input::read).transpose()
    }

    /// Writes the baseline of a run that is asked for. Says whether it was.
    #[expect(clippy::disallowed_methods, reason = "a baseline is a file")]
    pub fn write_baseline(&self, findings: &[FindingData]) -> Result<bool, Stop> {
        let Some(path) = &self.write_baseline else {
            return Ok(false);
        };
        let mut text = serde_json::to_string_pretty(&Baseline::of(findings)).unwrap_or_default();
        text.push('\n');
        std::fs::write(path, text).map_err(|error| {
            let message = format!("`{path}` cannot be written: {error}");
            stop(message, "check the path and its permissions")
        })?;
        Ok(true)
    }
}

/// The least severity that fails.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FailOn {
    /// Only errors
    Error,
    /// Warnings, too
    Warning,
    /// Everything
    Note,
}

impl FailOn {
    /// How many findings fail, by their counts.
    pub fn count(self, errors: usize, warnings: usize, notes: usize) -> usize {
        match self {
            Self::Error => errors,
            Self::Warning => errors + warnings,
            Self::Note => errors + warnings + notes,
        }
    }
}
