//! `cargo xtask ansible`: the static program, and the Ansible collection that carries it; their
//! checks.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::python::Python;
use crate::shell::{Shell, Transcript};

/// Where the collection is in the work tree, and what it is called there and in Ansible.
const SOURCE: &str = "cli/ansible/ansible_collections/portwright/probe";
const NAME: &str = "portwright.probe";
/// Manifests that `kubernetes-validate` knows; a kustomization is none.
const MANIFESTS: &[&str] = &[
    "cli/kubernetes/base/namespace.yaml",
    "cli/kubernetes/base/listen.yaml",
    "cli/kubernetes/dial/job.yaml",
];

/// Options of `cargo xtask ansible`.
#[derive(clap::Args)]
pub struct Options {
    /// Program for another architecture that the collection is to carry, too; built there by the
    /// same command, and called portwright-ARCHITECTURE
    #[arg(long, value_name = "FILE")]
    program: Vec<PathBuf>,
}

/// What was built.
pub struct Built {
    python: Python,
    /// The folder that everything is in.
    folder: PathBuf,
}

/// Builds program and collection, and says where they are.
pub fn ansible(shell: &Shell, options: &Options) -> Result<()> {
    let built = build(shell, &options.program)?;
    println!("built {}", shell.relative(&built.program()));
    println!("built {}", shell.relative(&built.tarball(shell)?));
    Ok(())
}

impl Built {
    fn program(&self) -> PathBuf {
        self.folder.join(format!("bin/portwright-{ARCH}"))
    }

    fn tarball(&self, shell: &Shell) -> Result<PathBuf> {
        let version = version(shell)?;
        Ok(self
            .folder
            .join(format!("portwright-probe-{version}.tar.gz")))
    }

    fn collection(&self) -> PathBuf {
        self.folder.join("ansible_collections/portwright/probe")
    }

    /// One of Ansible's programs, which finds the built collection and leaves the home folder alone.
    fn command(&self, shell: &Shell, program: &str) -> Command {
        let mut command = self.python.command(shell, program);
        command
            .env("ANSIBLE_COLLECTIONS_PATH", &self.folder)
            .env("ANSIBLE_HOME", self.folder.join("home"))
            .env("ANSIBLE_NOCOLOR", "1");
        command
    }
}

fn build(shell: &Shell, programs: &[PathBuf]) -> Result<Built> {
    let python = Python::install(shell)?;
    let folder = shell.target.join("ansible");
    let built = Built { python, folder };
    let program = static_program(shell)?;
    if shell.dry_run {
        return Ok(built);
    }
    let bin = built.folder.join("bin");
    let bin_of_collection = built.collection().join("bin");
    let _ = fs::remove_dir_all(built.collection());
    copy(&shell.root.join(SOURCE), &built.collection())?;
    fs::create_dir_all(&bin)?;
    let own = built.program();
    fs::copy(&program, &own).with_context(|| format!("cannot copy `{}`", program.display()))?;
    for file in programs.iter().chain([&own]) {
        let name = file.file_name().unwrap_or_default();
        if !name.to_string_lossy().starts_with("portwright-") {
            bail!(
                "`{}` must be called portwright-ARCHITECTURE, for example portwright-aarch64",
                file.display()
            );
        }
        fs::copy(file, bin_of_collection.join(name))
            .with_context(|| format!("cannot copy `{}`", file.display()))?;
    }
    let mut galaxy = built.command(shell, "ansible-galaxy");
    galaxy
        .args(["collection", "build", "--force", "--output-path"])
        .arg(&built.folder)
        .arg(built.collection());
    shell.run(&mut galaxy)?;
    if !built.tarball(shell)?.is_file() {
        bail!("`version` in {SOURCE}/galaxy.yml is not the workspace's version");
    }
    Ok(built)
}

/// Builds a program that needs no library of the host's: any Linux of this architecture runs it.
fn static_program(shell: &Shell) -> Result<PathBuf> {
    let target = format!("{ARCH}-unknown-linux-gnu");
    // With `--target`, the flags are not for build scripts and macros, which cannot be static.
    shell.run(
        shell
            .cargo()
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .args(["build", "--locked", "--profile", "agent", "--target"])
            .arg(&target)
            .args(["-p", "portwright-cli"]),
    )?;
    let program = shell.target.join(target).join("agent/portwright");
    if !shell.dry_run {
        let bytes = fs::read(&program)?;
        if needs_interpreter(&bytes)? {
            bail!(
                "`{}` is not static: is libc.a there (libc6-dev)?",
                program.display()
            );
        }
    }
    Ok(program)
}

/// Whether an ELF program of 64 bits asks for a dynamic linker: it has a segment PT_INTERP.
fn needs_interpreter(elf: &[u8]) -> Result<bool> {
    let short = || anyhow::anyhow!("the program is no ELF file of 64 bits, little endian");
    let field = |at: usize, size: usize| -> Result<usize> {
        let bytes = elf.get(at..at + size).ok_or_else(short)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return Err(short());
    }
    let (table, size, count) = (field(0x20, 8)?, field(0x36, 2)?, field(0x38, 2)?);
    for segment in 0..count {
        if field(table + segment * size, 4)? == 3 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn version(shell: &Shell) -> Result<String> {
    let manifest = fs::read_to_string(shell.root.join("Cargo.toml"))?;
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = "));
    let version = line.context("Cargo.toml has no version")?;
    Ok(version.trim_matches('"').to_owned())
}

/// Copies a folder, without what tools leave in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if name == ".ansible" || name == "__pycache__" {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Builds, lints in Ansible's strictest profile, checks the syntax and the documentation.
pub fn check(shell: &Shell) -> Result<Transcript> {
    let built = build(shell, &[])?;
    shell.run(
        built
            .command(shell, "ansible-lint")
            .args(["--offline", "--profile", "production", "--strict"])
            .current_dir(built.collection()),
    )?;
    for playbook in ["site", "exports"] {
        shell.run(
            built
                .command(shell, "ansible-playbook")
                .args(["--syntax-check", "--inventory", "localhost,"])
                .arg(format!("{NAME}.{playbook}")),
        )?;
    }
    let mut text = String::new();
    for page in [
        ["module", "agent"],
        ["module", "control"],
        ["role", "probe"],
        ["role", "exports"],
    ] {
        let [kind, name] = page;
        let mut doc = built.command(shell, "ansible-doc");
        doc.args(["--type", kind]).arg(format!("{NAME}.{name}"));
        let printed = shell.pipe(&mut doc, "")?;
        if !printed.to_lowercase().contains("options") && !shell.dry_run {
            bail!("ansible-doc has nothing about {name}");
        }
        text += &printed;
    }
    Ok(Transcript {
        success: true,
        text,
    })
}

/// Hosts with sshd in network namespaces, and the playbooks of the collection as it is installed.
pub fn end_to_end(shell: &Shell) -> Result<Transcript> {
    let built = build(shell, &[])?;
    let installed = built.folder.join("installed");
    let mut install = built.command(shell, "ansible-galaxy");
    install
        .args(["collection", "install", "--force", "--offline", "-p"])
        .arg(&installed)
        .arg(built.tarball(shell)?);
    shell.run(&mut install)?;
    let mut cargo = shell.cargo();
    cargo
        .env("PORTWRIGHT_ANSIBLE", &installed)
        .env("PORTWRIGHT_PYTHON", &built.python.bin)
        .args([
            "test",
            "--locked",
            "-p",
            "portwright-cli",
            "--test",
            "ansible",
        ]);
    shell.transcript(&mut cargo)
}

/// Checks the manifests against the schemas of Kubernetes; there is no cluster to try them in.
pub fn manifests(shell: &Shell) -> Result<Transcript> {
    let python = Python::install(shell)?;
    shell.transcript(
        python
            .command(shell, "kubernetes-validate")
            .arg("--strict")
            .args(MANIFESTS),
    )
}
