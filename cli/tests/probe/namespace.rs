//! Network namespaces without names: they are gone when the test is, however it ends.

use nix::sched::{CloneFlags, setns, unshare};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::thread;

/// One machine's network.
pub struct Namespace {
    /// Its name in the site.
    pub name: &'static str,
    file: File,
}

impl Namespace {
    /// A new one, with nothing but a loopback interface.
    pub fn new(name: &'static str) -> Self {
        let file = thread::scope(|scope| {
            let made = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
                File::open("/proc/thread-self/ns/net").expect("its file")
            });
            made.join().expect("a network namespace")
        });
        let made = Self { name, file };
        made.ip("link set lo up");
        // Neighbours are asked for at once, and addresses can be used at once.
        made.set("net/ipv6/conf/default/accept_dad", "0");
        made.set("net/ipv6/conf/all/accept_dad", "0");
        made
    }

    /// Where programs such as `ip` find it.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// Does something inside: sockets stay where they were made, programs where they were started.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(&self.file, CloneFlags::CLONE_NEWNET).expect("the namespace");
                work()
            });
            match inside.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Starts a program inside.
    pub fn spawn(&self, command: &mut Command) -> Child {
        self.enter(|| command.spawn())
            .unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Runs a program inside; its output.
    pub fn run(&self, program: &str, args: &[&str], input: &str) -> String {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .args(args)
            .env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin:/sbin"))
            .env("XTABLES_LOCKFILE", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.spawn(&mut command);
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{program} {args:?} in {}: {said}\n{input}",
            self.name
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Commands of `ip`, one a line.
    pub fn ip(&self, batch: &str) {
        self.run("ip", &["-batch", "-"], batch);
    }

    /// Replaces the packet filter by this for `iptables-restore`, and for `ip6tables-restore`.
    pub fn filter(&self, v4: &str, v6: &str) {
        self.run("iptables-restore", &[], v4);
        self.run("ip6tables-restore", &[], v6);
    }

    /// Sets a sysctl.
    pub fn set(&self, key: &str, value: &str) {
        self.enter(|| fs::write(format!("/proc/sys/{key}"), value))
            .unwrap_or_else(|error| panic!("{key}: {error}"));
    }
}
