//! What the firewalls' own tools say of this host, and where it sends packets.

use super::answer::Answer;
use super::packed::Packed;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// One text to collect.
struct Source {
    /// What its file is called after the host's name.
    name: &'static str,
    /// The program and its arguments. It only reads.
    command: &'static [&'static str],
    /// Ask only if this file is there and not empty: the program would load the kernel's part.
    only_with: Option<&'static str>,
}

const fn source(name: &'static str, command: &'static [&'static str]) -> Source {
    Source {
        name,
        command,
        only_with: None,
    }
}

const SOURCES: &[Source] = &[
    source("iptables", &["iptables-save"]),
    source("ip6tables", &["ip6tables-save"]),
    Source {
        name: "legacy.iptables",
        command: &["iptables-legacy-save"],
        only_with: Some("/proc/net/ip_tables_names"),
    },
    Source {
        name: "legacy.ip6tables",
        command: &["ip6tables-legacy-save"],
        only_with: Some("/proc/net/ip6_tables_names"),
    },
    source("ipset", &["ipset", "save"]),
    source("nft", &["nft", "list", "ruleset"]),
    source("zones", &["firewall-cmd", "--list-all-zones"]),
    source("policies", &["firewall-cmd", "--list-all-policies"]),
    source("addr.json", &["ip", "-j", "addr"]),
    source("route.json", &["ip", "-j", "route", "show", "table", "all"]),
    source(
        "route6.json",
        &["ip", "-6", "-j", "route", "show", "table", "all"],
    ),
];

/// firewalld's own files.
const FIREWALLD: &str = "/etc/firewalld";

/// Where programs are when the search path of an ordinary user does not name their folder.
const FOLDERS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// Files of firewalld, and bytes of one.
const MOST_FILES: usize = 2000;
const MOST_BYTES: u64 = 16 << 20;

/// Collects everything that is there.
pub(super) fn collect(dry: bool) -> Answer {
    let path = format!("{}:{FOLDERS}", env::var("PATH").unwrap_or_default());
    if dry {
        let there: Vec<&str> = SOURCES
            .iter()
            .filter_map(|source| source.command.first())
            .filter(|program| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
            .copied()
            .collect();
        let there = there.join(", ");
        return Answer::done(false, format!("would ask {there}"));
    }
    let mut exports = BTreeMap::new();
    let mut missing = BTreeMap::new();
    for source in SOURCES {
        match ask(source, &path) {
            Ok(Some(text)) => {
                exports.insert(source.name.to_owned(), Packed::new(text));
            }
            Ok(None) => {}
            Err(why) => {
                missing.insert(source.name.to_owned(), why);
            }
        }
    }
    if let Err(why) = firewalld(Path::new(FIREWALLD), &mut exports) {
        missing.insert("firewalld".into(), why);
    }
    Answer {
        exports,
        missing,
        ..Answer::done(false, "collected what the programs print")
    }
}

/// What a program prints; nothing where it was not to be asked.
fn ask(source: &Source, path: &str) -> Result<Option<String>, String> {
    let Some((program, arguments)) = source.command.split_first() else {
        return Ok(None);
    };
    let loaded = |file| fs::read_to_string(file).is_ok_and(|text| !text.is_empty());
    if source.only_with.is_some_and(|file| !loaded(file)) {
        return Ok(None);
    }
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("`{program}` is not installed"),
            _ => format!("`{program}` cannot be started: {error}"),
        })?;
    if output.status.success() {
        return String::from_utf8(output.stdout)
            .map(Some)
            .map_err(|_| format!("`{}` printed what is not UTF-8", source.command.join(" ")));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("no message").trim();
    Err(format!(
        "`{}` failed ({}): {said}",
        source.command.join(" "),
        output.status
    ))
}

/// The files below a folder, named by their paths in it.
fn firewalld(folder: &Path, exports: &mut BTreeMap<String, Packed>) -> Result<(), String> {
    let mut folders = vec![PathBuf::new()];
    let mut files = 0;
    while let Some(inside) = folders.pop() {
        let here = folder.join(&inside);
        let entries = match fs::read_dir(&here) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|error| unreadable(&here, &error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&here, &error))?;
            let kind = entry
                .file_type()
                .map_err(|error| unreadable(&entry.path(), &error))?;
            let inside = inside.join(entry.file_name());
            let extension = inside.extension().and_then(|text| text.to_str());
            if kind.is_dir() {
                folders.push(inside);
            } else if kind.is_file() && matches!(extension, Some("xml" | "conf")) {
                files += 1;
                if files > MOST_FILES {
                    return Err(format!(
                        "`{}` holds more than {MOST_FILES} files",
                        folder.display()
                    ));
                }
                let name = format!("firewalld/{}", inside.display());
                exports.insert(name, Packed::new(text_of(&entry.path())?));
            }
        }
    }
    Ok(())
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
        .map_err(|error| unreadable(path, &error))?;
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("`{}` cannot be read: {error}", path.display())
}
