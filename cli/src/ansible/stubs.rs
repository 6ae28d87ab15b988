//! Stubs that live on between two tasks, and leave nothing behind.
//!
//! The program starts `probe listen` in a session of its own. Its records go to memory that has a
//! name but no place in any file system; by that name the stubs are found again. When they end, by
//! `stop`, by their time to live or with the machine, the memory goes with them: there is no file, no
//! lock and no process number that could be left, or be wrong.
#![expect(
    clippy::disallowed_types,
    reason = "records are kept in a file that is only memory"
)]

use super::answer::Answer;
use super::commands::{SELF, parse, part_of};
use super::packed::Packed;
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getuid};
use portwright::net::Protocol;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Names of the memory that holds records, and what is said beside them.
const RECORDS: &str = "portwright-listen";
const SAID: &str = "portwright-listen-said";

/// How `probe listen` begins to say that every port is open.
const UP: &str = "listening as ";

/// How long all ports may take to be open, and stubs to end.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(10);

/// Stubs of this user in this network namespace.
struct Stubs {
    pid: Pid,
    records: File,
    said: Option<File>,
}

/// Starts stubs; earlier ones end.
pub(super) fn listen(plan: &Packed, host: &str, ttl: &str, dry: bool) -> Result<Answer, String> {
    let text = plan.text()?;
    let document = parse(&text)?;
    let part = part_of(&document, host)?;
    if part.listen.is_empty() {
        return Ok(Answer::done(
            false,
            format!("nothing has to answer on `{host}`"),
        ));
    }
    if dry {
        let services: Vec<String> = part
            .listen
            .iter()
            .map(|listen| format!("{} {}", Protocol(listen.protocol), listen.ports))
            .map(|service| service.trim_end().to_owned())
            .collect();
        return Ok(Answer::done(
            true,
            format!("would answer for {ttl} on {}", services.join("; ")),
        ));
    }
    for earlier in find().map_err(|error| system("other stubs cannot be looked for", &error))? {
        end(&earlier)?;
    }
    start(&text, host, ttl)
}

/// Ends stubs, and hands over their records.
pub(super) fn stop(dry: bool) -> Result<Answer, String> {
    let found = find().map_err(|error| system("stubs cannot be looked for", &error))?;
    if dry || found.is_empty() {
        let msg = if found.is_empty() {
            "nothing listens"
        } else {
            "would stop listening"
        };
        return Ok(Answer::done(!found.is_empty(), msg));
    }
    let mut records = String::new();
    let mut warnings = Vec::new();
    for stubs in &found {
        end(stubs)?;
        records +=
            &whole(&stubs.records).map_err(|error| system("the records are lost", &error))?;
        let said = stubs.said.as_ref().and_then(|file| whole(file).ok());
        warnings.extend(said.unwrap_or_default().lines().filter_map(warning));
    }
    Ok(Answer {
        warnings,
        output: Some(Packed::new(records)),
        ..Answer::done(true, "stopped listening")
    })
}

fn start(plan: &str, host: &str, ttl: &str) -> Result<Answer, String> {
    let failed = |error: io::Error| system("stubs cannot be started", &error);
    let records = memory(RECORDS).map_err(failed)?;
    let said = memory(SAID).map_err(failed)?;
    let mut command = Command::new(SELF);
    command
        .args(["probe", "listen", "-", "--host", host, "--ttl", ttl])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(records)
        .stderr(said.try_clone().map_err(failed)?);
    // SAFETY: between fork and exec only `setsid` is called, which may be called there.
    unsafe {
        command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?));
    }
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that has seen enough has ended, and said why.
        let _ = stdin.write_all(plan.as_bytes());
    }
    match wait(&mut child, &said) {
        Ok(text) => {
            let up = text.lines().find(|line| line.starts_with(UP));
            Ok(Answer {
                warnings: text.lines().filter_map(warning).collect(),
                ..Answer::done(true, up.unwrap_or_default())
            })
        }
        Err(why) => {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            Err(why)
        }
    }
}

/// Waits until every port is open; what it said.
fn wait(child: &mut Child, said: &File) -> Result<String, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let ended = child
            .try_wait()
            .map_err(|error| system("the stubs are lost", &error))?;
        let text = whole(said).map_err(|error| system("the stubs' words are lost", &error))?;
        if let Some(status) = ended {
            return Err(if text.trim().is_empty() {
                format!("the stubs ended at once, with {status}")
            } else {
                text.trim().to_owned()
            });
        }
        if text.lines().any(|line| line.starts_with(UP)) {
            return Ok(text);
        }
        if Instant::now() > until {
            let seconds = PATIENCE.as_secs();
            return Err(format!(
                "the stubs were not up after {seconds} s: {}",
                text.trim()
            ));
        }
        thread::sleep(STEP);
    }
}

/// Asks stubs to end, and waits until they have.
fn end(stubs: &Stubs) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    let mut signal = Some(Signal::SIGTERM);
    loop {
        match kill(stubs.pid, signal.take()) {
            Ok(()) if is_gone(stubs.pid) => return Ok(()),
            Ok(()) => {}
            Err(Errno::ESRCH) => return Ok(()),
            Err(error) => return Err(format!("process {} cannot be ended: {error}", stubs.pid)),
        }
        if Instant::now() > until {
            return Err(format!("process {} was told to end and has not", stubs.pid));
        }
        thread::sleep(STEP);
    }
}

/// Whether only its entry is left, which its parent has not read.
fn is_gone(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
    })
}

/// This user's stubs in this network namespace: other hosts may share the table of processes.
fn find() -> io::Result<Vec<Stubs>> {
    let own = fs::read_link("/proc/self/ns/net")?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        let Some(pid) = number else { continue };
        // A process that has ended meanwhile, or that somebody else owns, is none of ours.
        let is_own = fs::metadata(&path).is_ok_and(|process| process.uid() == getuid().as_raw());
        let is_here = fs::read_link(path.join("ns/net")).is_ok_and(|net| net == own);
        if is_own
            && is_here
            && let Some(records) = held(&path.join("fd/1"), RECORDS)
        {
            found.push(Stubs {
                pid: Pid::from_raw(pid),
                records,
                said: held(&path.join("fd/2"), SAID),
            });
        }
    }
    Ok(found)
}

/// The memory of this name, if that is what the descriptor refers to.
fn held(descriptor: &Path, name: &str) -> Option<File> {
    let refers = |path: PathBuf| path == Path::new(&format!("/memfd:{name} (deleted)"));
    if !fs::read_link(descriptor).is_ok_and(refers) {
        return None;
    }
    File::open(descriptor).ok()
}

fn memory(name: &str) -> io::Result<File> {
    Ok(memfd_create(name, MFdFlags::MFD_CLOEXEC)?.into())
}

/// All of a file from its beginning, wherever others write.
fn whole(file: &File) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut part = [0; 1 << 16];
    loop {
        match file.read_at(&mut part, bytes.len() as u64)? {
            0 => break,
            count => bytes.extend(part.iter().take(count)),
        }
    }
    let mut text = String::new();
    bytes.as_slice().read_to_string(&mut text)?;
    Ok(text)
}

/// What is said beside that all is up.
fn warning(line: &str) -> Option<String> {
    let line = line.trim();
    (!line.is_empty() && !line.starts_with(UP)).then(|| line.to_owned())
}

fn system(what: &str, error: &io::Error) -> String {
    format!("{what}: {error}")
}
