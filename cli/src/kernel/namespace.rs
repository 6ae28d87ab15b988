//! Network namespaces, and the right to make them.

use super::Fault;
use std::fs;
use std::io::{self, Write};
use std::mem;
use std::process::{Command, Stdio};
use std::thread;

/// Runs something in a new network namespace that vanishes with it, also when it panics; on one
/// processor, so that packets which are sent one after the other are handled one after the other.
///
/// # Errors
///
/// Where the namespace cannot be made, or what the work itself returns.
pub fn in_namespace<T: Send>(work: impl FnOnce() -> Result<T, Fault> + Send) -> Result<T, Fault> {
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            stay_on_one_processor().map_err(|e| Fault::Failed(e.to_string()))?;
            // SAFETY: no pointers; only this thread moves into the new namespace.
            if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
                return Err(refused(&io::Error::last_os_error()));
            }
            work()
        });
        match inside.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn refused(error: &io::Error) -> Fault {
    Fault::impossible(
        format!("the kernel does not let this process make a network namespace: {error}"),
        "run it as root, or allow unprivileged user namespaces \
         (`sysctl user.max_user_namespaces`; in containers, the privilege CAP_SYS_ADMIN)",
    )
}

fn stay_on_one_processor() -> io::Result<()> {
    // SAFETY: the set is plain bits, and the pointer is to a live set of that size.
    let result = unsafe {
        let mut one: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu().try_into().unwrap_or(0), &mut one);
        libc::sched_setaffinity(0, size_of_val(&one), &raw const one)
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Makes the process root of a user namespace of its own unless it is root already. Call it before
/// any thread is started: the kernel allows it only then.
///
/// # Errors
///
/// Where the system does not let unprivileged users do that.
pub fn become_root() -> Result<(), Fault> {
    // SAFETY: these two calls have no arguments and cannot fail.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    if uid == 0 {
        return Ok(());
    }
    // SAFETY: no pointers.
    if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
        return Err(refused(&io::Error::last_os_error()));
    }
    let maps = [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ];
    for (file, text) in maps {
        fs::write(format!("/proc/self/{file}"), text).map_err(|error| refused(&error))?;
    }
    Ok(())
}

/// Where programs are when the search path of an ordinary user does not name their folder.
const FOLDERS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// Runs a program with this on its standard input; its output.
///
/// # Errors
///
/// [`Fault::Impossible`] where it is not installed; else what it wrote to standard error.
pub fn run(program: &str, args: &[&str], input: &str) -> Result<String, Fault> {
    let path = std::env::var("PATH").unwrap_or_default();
    let child = Command::new(program)
        .args(args)
        .env("PATH", format!("{path}:{FOLDERS}"))
        // The usual file for its lock is root's.
        .env("XTABLES_LOCKFILE", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing(program),
        _ => Fault::Failed(format!("{program}: {error}")),
    })?;
    let stdin = child.stdin.take();
    let output = thread::scope(|scope| {
        // A program that has seen enough closes its input: no fault of ours.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    });
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Fault::Failed(format!(
        "{program} {}: {}",
        args.join(" "),
        said.trim_end()
    )))
}

fn missing(program: &str) -> Fault {
    let package = match program {
        "nft" => "nftables",
        "ip" => "iproute2",
        "ipset" => "ipset",
        _ => "iptables",
    };
    Fault::impossible(
        format!("the program `{program}` is not installed"),
        format!(
            "install the package {package} (Debian and Ubuntu: `apt-get install {package}`; \
             Fedora and RHEL: `dnf install {package}`)"
        ),
    )
}
