//! Programs from PyPI, in a virtual environment below the target directory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::setup;
use crate::shell::Shell;

/// What is installed, in these versions.
const PACKAGES: &[&str] = &[
    "ansible-core==2.19.4",
    "ansible-lint==26.10.1",
    "kubernetes-validate==1.37.0",
];

/// The environment's programs.
pub struct Python {
    /// Its folder `bin`.
    pub bin: PathBuf,
}

impl Python {
    /// Makes the environment, unless it is there with the right versions.
    pub fn install(shell: &Shell) -> Result<Self> {
        setup::require(shell, &[setup::PYTHON])?;
        let folder = shell.target.join("python");
        let stamp = folder.join("packages.txt");
        let packages = PACKAGES.join("\n");
        let bin = folder.join("bin");
        if !fs::read_to_string(&stamp).is_ok_and(|text| text == packages) {
            shell.run(
                shell
                    .command("python3")
                    .args(["-m", "venv", "--clear"])
                    .arg(&folder),
            )?;
            shell.run(
                shell
                    .command(bin.join("python"))
                    .args(["-m", "pip", "install", "--quiet"])
                    .arg("--disable-pip-version-check")
                    .args(PACKAGES),
            )?;
            if !shell.dry_run {
                let path = stamp.display();
                fs::write(&stamp, packages).with_context(|| format!("cannot write `{path}`"))?;
            }
        }
        Ok(Self { bin })
    }

    /// One of its programs.
    pub fn command(&self, shell: &Shell, program: &str) -> Command {
        let mut command = shell.command(self.bin.join(program));
        // ansible-lint starts ansible-playbook by its name.
        let mut path = vec![self.bin.clone()];
        path.extend(
            std::env::var_os("PATH")
                .iter()
                .flat_map(std::env::split_paths),
        );
        if let Ok(path) = std::env::join_paths(path) {
            command.env("PATH", path);
        }
        command
    }
}
