//! The binary, run in namespaces by root and by nobody, and never waited for without end.

use crate::namespace::Namespace;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Who runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    Root,
    Nobody,
}

/// Number of the user and group without any rights.
const NOBODY: u32 = 65534;

/// A folder that everyone may read and write, with the program in it; gone with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portwright-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("rights");
        let folder = Self(path);
        // The target directory may be where nobody else may look.
        let program = folder.path("portwright");
        if fs::hard_link(env!("CARGO_BIN_EXE_portwright"), &program).is_err() {
            fs::copy(env!("CARGO_BIN_EXE_portwright"), &program).expect("the program");
        }
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a text for everyone to read.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("writes");
        path
    }

    /// What is in a file, as far as it is there.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// `portwright`, its arguments split at blanks.
    pub fn program(&self, user: User, arguments: &str) -> Command {
        let mut command = Command::new(self.path("portwright"));
        self.prepare(&mut command, user);
        command.args(arguments.split_whitespace());
        command
    }

    /// The same with few file descriptors.
    pub fn cramped(&self, files: u32, arguments: &str) -> Command {
        let mut command = Command::new("prlimit");
        self.prepare(&mut command, User::Root);
        command
            .arg(format!("--nofile={files}:{files}"))
            .arg(self.path("portwright"))
            .args(arguments.split_whitespace());
        command
    }

    fn prepare(&self, command: &mut Command, user: User) {
        command
            .current_dir(&self.0)
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null());
        if user == User::Nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that runs; it is ended with the test.
pub struct Running {
    what: String,
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Running {
    /// Starts it in a namespace; `name` is what its streams are called in the folder.
    pub fn start(folder: &Folder, inside: &Namespace, mut command: Command, name: &str) -> Self {
        let [out, err] = ["out", "err"].map(|end| folder.path(&format!("{name}.{end}")));
        command
            .stdout(File::create(&out).expect("a file"))
            .stderr(File::create(&err).expect("a file"));
        Self {
            what: format!("{command:?} in {}", inside.name),
            child: inside.spawn(&mut command),
            out,
            err,
        }
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(status.expect("kill").success(), "{}", self.what);
    }

    /// Whether it has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_some()
    }

    /// Waits for its end; one that takes longer is a hang.
    #[track_caller]
    pub fn end(mut self, within: Duration) -> Ended {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                break status;
            }
            if started.elapsed() > within {
                let said = fs::read_to_string(&self.err).unwrap_or_default();
                panic!("{} hangs after {within:?}: {said}", self.what);
            }
            thread::sleep(Duration::from_millis(20));
        };
        let read = |path: &Path| fs::read_to_string(path).expect("what it wrote");
        let ended = Ended {
            code: status.code(),
            out: read(&self.out),
            err: read(&self.err),
            took: started.elapsed(),
        };
        assert!(
            !matches!(ended.code, None | Some(101)),
            "{} crashed: {status} {}",
            self.what,
            ended.err
        );
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
