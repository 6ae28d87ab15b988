//! Data to standard output, everything else to standard error.

use crate::args::Color;
use crate::input::{Stop, stop};
use anstream::{AutoStream, ColorChoice};
use portwright::engine::DiagnosticData;
use portwright::report;
use std::io::{self, Write as _};

/// Decides about colour for the whole run. `auto`: only on a terminal, and not with `NO_COLOR`.
pub fn colour(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Whether standard output takes ANSI escapes.
pub fn stdout_is_coloured() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Writes data. A reader that has seen enough (`| head`) is no error.
pub fn data(text: &str) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(stop(
            format!("standard output cannot be written: {error}"),
            "",
        )),
        _ => Ok(()),
    }
}

/// Writes data to a file that an option names; `-` is standard output.
#[expect(clippy::disallowed_methods, reason = "the command line writes files")]
pub fn file(path: &str, text: &str) -> Result<(), Stop> {
    if path == "-" {
        return data(text);
    }
    std::fs::write(path, text).map_err(|error| {
        let message = format!("`{path}` cannot be written: {error}");
        stop(message, "check the path and its permissions")
    })
}

/// Writes diagnostics to standard error.
pub fn diagnostics(all: &[DiagnosticData]) {
    let coloured = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let text = report::diagnostics(all, coloured);
    // Nobody is left to tell when standard error is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes something beside the data, for people, to standard error.
pub fn notice(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
