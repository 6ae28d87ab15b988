//! Files and standard input, as texts.

use crate::crash;
use portwright::diagnostic::{Severity, input};
use portwright::engine::{DiagnosticData, Document};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of one file.
const MOST_BYTES: u64 = 256 << 20;

/// What standard input is called in messages.
pub const STDIN: &str = "<stdin>";

/// Why a command cannot go on.
pub type Stop = Vec<DiagnosticData>;

/// A reason to stop, with what to do about it.
pub fn stop(message: impl Into<String>, help: impl Into<String>) -> Stop {
    stop_as("", "", message, help)
}

fn not_text(message: impl Into<String>, help: &str) -> Stop {
    stop_as(input::NOT_TEXT.id, input::NOT_TEXT.name, message, help)
}

fn stop_as(code: &str, name: &str, message: impl Into<String>, help: impl Into<String>) -> Stop {
    let help = help.into();
    vec![DiagnosticData {
        code: code.into(),
        name: name.into(),
        severity: Severity::Error,
        message: message.into(),
        help: (!help.is_empty()).then_some(help),
        places: Vec::new(),
    }]
}

/// Reads a file, or standard input for `-`.
pub fn read(path: &str) -> Result<Document, Stop> {
    let name = if path == "-" { STDIN } else { path };
    let bytes = bytes(path).map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("`{name}` is larger than {} MiB", MOST_BYTES >> 20);
        return Err(stop_as(
            input::LIMIT.id,
            input::LIMIT.name,
            message,
            "split the file",
        ));
    }
    crash::note(&bytes);
    Ok(Document {
        name: name.into(),
        text: text(name, bytes)?,
    })
}

/// Reads several files. Standard input may be given once.
pub fn read_all(paths: &[String]) -> Result<Vec<Document>, Stop> {
    if paths.iter().filter(|path| *path == "-").count() > 1 {
        return Err(stop("standard input `-` is given twice", "give a file"));
    }
    paths.iter().map(|path| read(path)).collect()
}

fn bytes(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == "-" {
        io::stdin()
            .lock()
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)?;
    } else {
        File::open(path)?
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn unreadable(path: &str, error: &io::Error) -> Stop {
    if Path::new(path).is_dir() {
        return stop(
            format!("`{path}` is a directory, expected a file"),
            "name the files in it, for example with a pattern of the shell",
        );
    }
    let help = match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "ask for permission to read it",
        _ => "",
    };
    stop(format!("`{path}` cannot be read: {error}"), help)
}

/// The text of a file, without a byte order mark.
fn text(name: &str, bytes: Vec<u8>) -> Result<String, Stop> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let message = format!("`{name}` is compressed (gzip), expected text");
        return Err(not_text(
            message,
            "decompress it: `gunzip -c FILE | portwright … -`",
        ));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let message = format!("`{name}` is UTF-16, expected UTF-8");
        return Err(not_text(
            message,
            "convert it: `iconv -f UTF-16 -t UTF-8 FILE`",
        ));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let message = format!("`{name}` is binary: byte {} is zero, expected text", at + 1);
        return Err(not_text(message, "export it as text"));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        let message = format!("`{name}` is not UTF-8 at byte {at}");
        not_text(
            message,
            "convert it, for example `iconv -f GB18030 -t UTF-8 FILE`",
        )
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Exports, and the packet: the last argument that is no file. `others` names the other ways to
/// give packets.
pub fn exports_and_packet(
    arguments: &[String],
    others: &str,
) -> Result<(Vec<String>, String), Stop> {
    let mut exports = arguments.to_vec();
    let is_file = |argument: &String| argument == STDIN || Path::new(argument).exists();
    let Some(at) = exports.iter().rposition(|argument| !is_file(argument)) else {
        return Err(stop(
            "there is no packet to trace: every argument is a file",
            format!(
                "give one in quotes, for example 'tcp 10.0.0.5:40000 > 10.0.0.9:6443', {others}"
            ),
        ));
    };
    let packet = exports.remove(at);
    if exports.is_empty() {
        return Err(stop(
            format!("there is no export to trace `{packet}` through"),
            "give the file before the packet; if you did, it does not exist",
        ));
    }
    Ok((exports, packet))
}
