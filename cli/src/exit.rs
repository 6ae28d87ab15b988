//! Exit codes.

use portwright::diagnostic::Severity;
use portwright::engine::{Answer, Status};
use std::process::ExitCode;

/// How a command ends. 101, a bug, is the runtime's own (see `crash`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing at or above the failing severity.
    Done,
    /// Done, with findings at or above `--fail-on`.
    Findings,
    /// Wrong usage, or an input that is unreadable or unusable.
    Unusable,
    /// Done, but something needed is unknown.
    Incomplete,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Findings => 1,
            Exit::Unusable => 2,
            Exit::Incomplete => 3,
        })
    }
}

impl Exit {
    /// `Unusable` when the answer says that an input was; else `otherwise`.
    pub fn of(answer: &Answer, otherwise: Self) -> Self {
        let error = answer
            .diagnostics
            .iter()
            .any(|d| d.severity == Severity::Error);
        if error || answer.status == Status::Failure {
            Self::Unusable
        } else {
            otherwise
        }
    }
}

/// The end of every command's `--help`.
pub const HELP: &str = "\
Exit codes:
  0    done, nothing at or above the failing severity
  1    done, findings at or above --fail-on
  2    usage error, or an unreadable or unusable input (wins over 1 and 3)
  3    done, but something needed is unknown; --allow-unknown makes it 0 (1 wins over 3)
  101  a bug";
