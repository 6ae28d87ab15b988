//! A process that goes on in the background.

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid};
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::process::{Command, ExitStatus, Stdio};

/// What a process in the background had to say until it let go.
pub struct Started {
    /// Its number.
    pub pid: u32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How it ended, if it did.
    pub ended: Option<ExitStatus>,
}

/// Starts this program once more with these arguments, and waits until it lets go of its output
/// (see [`let_go`]) or ends.
///
/// # Errors
///
/// What the system says.
pub fn start<A: AsRef<OsStr>>(arguments: &[A], with_input: bool) -> io::Result<Started> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(arguments)
        .stdin(if with_input {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (mut out, mut err) = (String::new(), String::new());
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_string(&mut out)?;
    }
    if let Some(mut pipe) = child.stderr.take() {
        pipe.read_to_string(&mut err)?;
    }
    // It says where it is up; one that does not is about to end.
    let ended = match out.is_empty() {
        true => Some(child.wait()?),
        false => child.try_wait()?,
    };
    let pid = child.id();
    Ok(Started {
        pid,
        out,
        err,
        ended,
    })
}

/// Leaves the terminal: a session of its own.
///
/// # Errors
///
/// Where the process leads a group already.
pub fn leave_terminal() -> io::Result<()> {
    setsid()?;
    Ok(())
}

/// Lets go of standard input, output and error, so that nobody waits for their end.
///
/// # Errors
///
/// What the system says.
pub fn let_go() -> io::Result<()> {
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}
