//! The program as an Ansible module.
//!
//! Ansible starts a binary module with one argument: the absolute path of a file that holds a JSON
//! object, the task's parameters and Ansible's own, whose names begin with `_ansible_`. Called in
//! exactly that way, `portwright` does what the parameter `action` says, prints one JSON object and
//! leaves. Any other call is the command line's: none of its commands begins with `/`.
//!
//! What an action does is what the command of that name does: the program starts itself. Nothing is
//! installed on the host, no file is left there, Python is not needed.
#![expect(
    clippy::disallowed_types,
    reason = "Ansible hands parameters over in a file"
)]

mod answer;
mod arguments;
mod collect;
mod commands;
mod packed;
mod stubs;

use answer::Answer;
use arguments::{Action, Arguments};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

/// Bytes of a file of arguments: a plan is packed in it.
const MOST_BYTES: u64 = 256 << 20;

/// The arguments, if this program was called as Ansible calls a module.
#[must_use]
pub fn called(command_line: &[OsString]) -> Option<Map<String, Value>> {
    let [_, path] = command_line else {
        return None;
    };
    let path = Path::new(path);
    if !path.is_absolute() || !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    let arguments: Map<String, Value> = serde_json::from_slice(&bytes).ok()?;
    arguments
        .keys()
        .any(|key| key.starts_with(arguments::OWN))
        .then_some(arguments)
}

/// Does what the arguments say, and prints the answer.
#[must_use]
pub fn run(arguments: Map<String, Value>) -> ExitCode {
    let answer = Arguments::read(arguments)
        .and_then(|arguments| act(&arguments))
        .unwrap_or_else(Answer::failed);
    answer.print()
}

fn act(arguments: &Arguments) -> Result<Answer, String> {
    let dry = arguments.check_mode;
    match &arguments.action {
        Action::Listen { plan, host, ttl } => stubs::listen(plan, host, ttl, dry),
        Action::Stop {} => stubs::stop(dry),
        Action::Run {
            plan,
            host,
            options,
        } => commands::run(plan, host, options, dry),
        Action::Sockets { options } => commands::sockets(options, dry),
        Action::Collect {} => Ok(collect::collect(dry)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn called_with(text: &str) -> bool {
        let name = format!("portwright-arguments-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut file = File::create(&path).expect("a temporary file");
        file.write_all(text.as_bytes()).expect("written");
        let found = called(&["portwright".into(), path.clone().into()]).is_some();
        std::fs::remove_file(path).expect("it was there");
        found
    }

    #[test]
    fn only_the_call_of_ansible_is_taken_for_one() {
        assert!(called_with(
            r#"{"action":"stop","_ansible_check_mode":false}"#
        ));
        for other in [r#"{"action":"stop"}"#, "[]", "", "{\"_ansible_"] {
            assert!(!called_with(other), "{other}");
        }
        for line in [
            vec!["portwright"],
            vec!["portwright", "lint"],
            vec!["portwright", "/nowhere"],
            vec!["portwright", "/etc/passwd"],
            vec!["portwright", "/etc/passwd", "x"],
        ] {
            let line: Vec<OsString> = line.into_iter().map(Into::into).collect();
            assert!(called(&line).is_none(), "{line:?}");
        }
    }
}
