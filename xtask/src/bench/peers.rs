//! The programs that are compared, and what they find.

use std::collections::BTreeSet;
use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::generate::policy::FIRST_LINE;
use crate::setup;
use crate::shell::Shell;

/// Everything that runs.
pub struct Programs {
    portwright: PathBuf,
    python: PathBuf,
    module: PathBuf,
}

/// Exit codes of Portwright and fwshift that mean that the work is done, whatever was found.
pub const WELL: &[i32] = &[0, 1, 3];

impl Programs {
    /// Builds Portwright and installs the peers from PyPI into the target directory.
    pub fn install(shell: &Shell) -> Result<Self> {
        setup::require(shell, &[setup::PYTHON, setup::WASM, setup::NODE])?;
        crate::start::build(shell)?;
        crate::wasm::build(shell)?;
        let venv = shell.target.join("bench/venv");
        let python = venv.join("bin");
        if !python.join("fwshift").exists() {
            shell.run(shell.command("python3").args(["-m", "venv"]).arg(&venv))?;
            shell.run(
                shell
                    .command(python.join("pip"))
                    .args(["install", "--quiet", "--disable-pip-version-check"])
                    .args(["fwshift", "aerleon"]),
            )?;
        }
        Ok(Self {
            portwright: shell
                .target
                .join("release")
                .join(format!("portwright{EXE_SUFFIX}")),
            python,
            module: shell.root.join("wasm/bench/audit.mjs"),
        })
    }

    /// Portwright's command line.
    pub fn portwright(&self, arguments: &[&str], files: &[&Path]) -> Command {
        let mut command = Command::new(&self.portwright);
        command.args(arguments).args(files);
        command
    }

    /// Whether Portwright has this command.
    pub fn knows(&self, shell: &Shell, name: &str) -> bool {
        let mut help = shell.command(&self.portwright);
        shell.query(help.args([name, "--help"])).is_some()
    }

    /// fwshift's command line.
    pub fn fwshift(&self, arguments: &[&str], files: &[&Path]) -> Command {
        let mut command = Command::new(self.python.join("fwshift"));
        command.args(arguments).args(files);
        command
    }

    /// aerleon's check for shadowed terms; it prints them on standard error.
    pub fn aerleon(&self, folder: &Path) -> Command {
        let mut command = Command::new(self.python.join("aclgen"));
        command
            .arg("--shade_check")
            .arg("--policy_file")
            .arg(folder.join("policy.pol"))
            .arg("--base_directory")
            .arg(folder)
            .arg("--definitions_directory")
            .arg(folder.join("def"))
            .arg("--output_directory")
            .arg(folder.join("out"));
        command
    }

    /// The audit of a file in WebAssembly.
    pub fn node(&self, export: &Path) -> Command {
        let mut command = Command::new("node");
        command.arg(&self.module).arg(export);
        command
    }

    /// Names and versions.
    pub fn versions(&self, shell: &Shell) -> Vec<String> {
        let mut pip = shell.command(self.python.join("pip"));
        let packages = shell.query(pip.args(["freeze", "--disable-pip-version-check"]));
        let packages = packages.unwrap_or_default();
        let peers = packages
            .lines()
            .filter(|line| {
                ["fwshift", "aerleon"]
                    .iter()
                    .any(|name| line.starts_with(name))
            })
            .map(|line| line.replace("==", " "));
        let portwright = shell.query(shell.command(&self.portwright).arg("--version"));
        let node = shell.query(shell.command("node").arg("--version"));
        let python = shell.query(shell.command(self.python.join("python")).arg("--version"));
        let node = node.map(|version| format!("Node.js {version}"));
        portwright
            .into_iter()
            .chain(peers)
            .chain(python)
            .chain(node)
            .collect()
    }
}

/// Rules that can never match, by position from 1.
pub type Shadowed = BTreeSet<usize>;

/// What Portwright's audit says, by the first line of each finding.
pub fn portwright_shadowed(output: &Path) -> Result<Shadowed> {
    let answer = json(output)?;
    let findings = answer.pointer("/result/findings").and_then(Value::as_array);
    let shadowed = findings.into_iter().flatten().filter(|finding| {
        let name = finding.get("name").and_then(Value::as_str);
        name.is_some_and(|name| ["shadowed", "contradicted", "duplicate-rule"].contains(&name))
    });
    let line = |finding: &Value| finding.pointer("/places/0/line")?.as_u64();
    Ok(shadowed
        .filter_map(line)
        .map(|line| (line as usize + 1).saturating_sub(FIRST_LINE))
        .collect())
}

/// What `fwshift audit --json` says: rules that never match are `FORWARD-N`.
pub fn fwshift_shadowed(output: &Path) -> Result<Shadowed> {
    let answer = json(output)?;
    let findings = answer.get("findings").and_then(Value::as_array);
    let never = findings.into_iter().flatten().filter(|finding| {
        let message = finding.get("message").and_then(Value::as_str);
        message.is_some_and(|message| message.starts_with("never matches"))
    });
    let number = |finding: &Value| {
        let name = finding.get("name").and_then(Value::as_str)?;
        name.strip_prefix("FORWARD-")?.parse().ok()
    };
    Ok(never.filter_map(number).collect())
}

/// What aerleon logs: `rN is shaded by rM`.
pub fn aerleon_shadowed(output: &Path) -> Result<Shadowed> {
    let log = output.with_extension("err");
    let text =
        fs::read_to_string(&log).with_context(|| format!("cannot read `{}`", log.display()))?;
    let number = |line: &str| {
        let (before, _) = line.split_once(" is shaded by ")?;
        before.rsplit_once(" r")?.1.parse().ok()
    };
    Ok(text.lines().filter_map(number).collect())
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("`{}` is not JSON", path.display()))
}
