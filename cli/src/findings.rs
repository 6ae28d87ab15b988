//! Options of commands that have findings.

use clap::{Args, ValueEnum};

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
}

/// An output format.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// Findings with the lines that decide
    Text,
    /// The engine's answer
    Json,
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
