//! Running other programs, each announced before it runs.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, bail};

/// Where commands run, and whether they run at all.
pub struct Shell {
    /// The top of the work tree.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
    /// Announce commands without running them.
    pub dry_run: bool,
    /// A CI run: nothing may be skipped, rustup is never called.
    pub ci: bool,
}

/// What a program printed, standard output and error in the order they came, and how it ended.
pub struct Transcript {
    /// Whether it exited with 0.
    pub success: bool,
    /// Both streams, line by line.
    pub text: String,
}

impl Shell {
    /// A shell at the top of the work tree that this program was built from.
    pub fn new(dry_run: bool) -> Result<Self> {
        let own = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = own
            .parent()
            .context("xtask/ has no parent directory")?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => env::current_dir()?.join(dir),
            None => root.join("target"),
        };
        let ci = env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        Ok(Self {
            root,
            target,
            dry_run,
            ci,
        })
    }

    /// A command that runs at the top of the work tree.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// The cargo that started this program.
    pub fn cargo(&self) -> Command {
        self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// Runs a command; an exit code other than 0 is an error.
    pub fn run(&self, command: &mut Command) -> Result<()> {
        match self.status(command)? {
            Some(0) => Ok(()),
            Some(code) => bail!("`{}` exited with {code}", program(command)),
            None => bail!("`{}` was ended by a signal", program(command)),
        }
    }

    /// Runs a command and returns its exit code: `None` when a signal ended it, 0 in a dry run.
    pub fn status(&self, command: &mut Command) -> Result<Option<i32>> {
        self.announce(command);
        if self.dry_run {
            return Ok(Some(0));
        }
        let status = command
            .status()
            .with_context(|| format!("cannot run `{}`", program(command)))?;
        Ok(status.code())
    }

    /// Runs a command in place of this program, so that a signal to one reaches the other.
    pub fn become_program(&self, command: &mut Command) -> Result<()> {
        #[cfg(unix)]
        if !self.dry_run {
            use std::os::unix::process::CommandExt as _;
            self.announce(command);
            return Err(command.exec())
                .with_context(|| format!("cannot run `{}`", program(command)));
        }
        self.run(command)
    }

    /// Runs a command, showing its output while keeping it.
    pub fn transcript(&self, command: &mut Command) -> Result<Transcript> {
        self.announce(command);
        if self.dry_run {
            return Ok(Transcript {
                success: true,
                text: String::new(),
            });
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{}`", program(command)))?;
        let text = Mutex::new(String::new());
        let (out, err) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            scope.spawn(|| out.map(|stream| tee(stream, &text, |line| println!("{line}"))));
            scope.spawn(|| err.map(|stream| tee(stream, &text, |line| eprintln!("{line}"))));
        });
        let success = child.wait()?.success();
        Ok(Transcript {
            success,
            text: text.into_inner().unwrap_or_else(PoisonError::into_inner),
        })
    }

    /// Feeds a command from `input` and returns what it prints on standard output.
    pub fn pipe(&self, command: &mut Command, input: &str) -> Result<String> {
        self.announce(command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{}`", program(command)))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("`{}` failed: {}", program(command), output.status);
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What a read-only query prints, also in a dry run; `None` when it cannot run or fails.
    pub fn query(&self, command: &mut Command) -> Option<String> {
        let output = command
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    }

    fn announce(&self, command: &Command) {
        let mut words = Vec::new();
        if let Some(dir) = command.get_current_dir().filter(|dir| *dir != self.root) {
            words.push(format!("(in {})", self.relative(dir)));
        }
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                words.push(format!("{}={}", name.display(), quoted(value)));
            }
        }
        words.push(program(command));
        words.extend(command.get_args().map(quoted));
        eprintln!("$ {}", words.join(" "));
    }

    /// A path below the top of the work tree, for messages.
    pub fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

/// Whether a program is to be found, in PATH or where system administrators' programs are.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let executable = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(&executable))
        .find(|file| file.is_file())
}

fn tee(stream: impl Read, text: &Mutex<String>, show: impl Fn(&str)) {
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        show(&line);
        let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(&line);
        text.push('\n');
    }
}

/// A program's name; cargo's without the toolchain's long path.
fn program(command: &Command) -> String {
    let program = Path::new(command.get_program());
    match program.file_name() {
        Some(name) if name == "cargo" && !program.starts_with("/usr/bin") => "cargo".to_owned(),
        _ => quoted(program.as_os_str()),
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.contains(|c: char| c.is_whitespace() || "'\"$*()".contains(c)) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.into_owned()
    }
}
