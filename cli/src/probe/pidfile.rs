//! A file with the number of a process that works in the background, locked while it lives: a
//! number that another process has by now is never taken for it.
#![expect(clippy::disallowed_types, reason = "a lock is held on an open file")]

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(10);

/// The file of this process. It goes when this is dropped.
pub struct PidFile {
    path: PathBuf,
    file: File,
}

/// What became of a process that was to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It ended.
    Ended(i32),
    /// There was none.
    WasNot,
}

impl PidFile {
    /// Takes the file; it is empty until [`PidFile::write`].
    ///
    /// # Errors
    ///
    /// Where the file cannot be made, or another process has it.
    pub fn take(path: &Path) -> io::Result<Self> {
        loop {
            let mut options = OpenOptions::new();
            let file = options
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let message = "a process that is still running has it; end it with --stop";
                    return Err(io::Error::new(io::ErrorKind::ResourceBusy, message));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Its last owner may have removed it between the two calls.
            if fs::metadata(path).is_ok_and(|now| is_same(&now, &file)) {
                file.set_len(0)?;
                let path = path.to_owned();
                return Ok(Self { path, file });
            }
        }
    }

    /// Says that this process is up.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn write(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        writeln!(self.file, "{}", std::process::id())?;
        self.file.flush()
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Before the lock goes: nobody finds a file without its owner.
        let _ = fs::remove_file(&self.path);
    }
}

/// Ends the process of a file and waits until it has ended.
///
/// # Errors
///
/// Where it cannot be told or does not end.
pub fn stop(path: &Path) -> io::Result<Stopped> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stopped::WasNot),
        other => other?,
    };
    let until = Instant::now() + PATIENCE;
    let mut told = None;
    loop {
        match file.try_lock() {
            Ok(()) => {
                // Left over by a process that was killed, or that has just ended.
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => return Ok(told.map_or(Stopped::WasNot, Stopped::Ended)),
                }
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if told.is_none() {
            // Empty while it starts.
            if let Some(pid) = number(&mut file)? {
                match kill(Pid::from_raw(pid), Signal::SIGTERM) {
                    Ok(()) | Err(Errno::ESRCH) => told = Some(pid),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        if Instant::now() > until {
            let message = match told {
                Some(pid) => format!("process {pid} was told to end and has not"),
                None => "the process that has it has not written its number".into(),
            };
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        thread::sleep(STEP);
    }
}

fn number(file: &mut File) -> io::Result<Option<i32>> {
    let mut text = String::new();
    file.rewind()?;
    file.take(32).read_to_string(&mut text)?;
    if !text.ends_with('\n') {
        return Ok(None);
    }
    match text.trim_end().parse() {
        Ok(pid) if pid > 1 => Ok(Some(pid)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "expected the number of a process",
        )),
    }
}

fn is_same(one: &fs::Metadata, file: &File) -> bool {
    let other = file.metadata();
    other.is_ok_and(|other| (one.dev(), one.ino()) == (other.dev(), other.ino()))
}
