//! The engine for WebAssembly: compile, generate bindings, optimise, measure.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::setup::Package;
use crate::shell::{Shell, find_program};
use crate::web;

const TARGET: &str = "wasm32-unknown-unknown";
const MODULE: &str = "portwright_wasm";

/// What rustc enables for the target by itself. `--all-features` would let wasm-opt use proposals
/// that browsers reject.
const FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Debian's second toolchain: a compiler, and the standard library's source to compile. Told by the
/// package manager's own lists, because a plain `rustc` package puts its compiler in the same place.
const DEBIAN_TOOLCHAIN: &[Package] = &[
    Package {
        debian: "rustc-web",
        shown_by: &["/var/lib/dpkg/info/rustc-web.list"],
        elsewhere: ELSEWHERE,
    },
    Package {
        debian: "cargo-web",
        shown_by: &["/var/lib/dpkg/info/cargo-web.list"],
        elsewhere: ELSEWHERE,
    },
    Package {
        debian: "rust-web-src",
        shown_by: &["/var/lib/dpkg/info/rust-web-src.list"],
        elsewhere: ELSEWHERE,
    },
];
const LINKER: Package = Package {
    debian: "lld",
    shown_by: &["wasm-ld"],
    elsewhere: ELSEWHERE,
};
const ELSEWHERE: &str = "install the standard library for wasm32-unknown-unknown (rustup: `rustup target add wasm32-unknown-unknown`; \
     Fedora: `dnf install rust-std-static-wasm32-unknown-unknown`; Arch: `pacman -S rust-wasm`; macOS: `brew install rustup`, then as with rustup)";

/// How this machine compiles for WebAssembly.
pub enum Route {
    /// The usual toolchain has the target installed.
    Target,
    /// Debian's packages, which build the standard library as part of the program.
    Debian {
        /// The WASM linker, which those packages lack.
        linker: PathBuf,
    },
}

impl Route {
    /// The route that is ready to be used.
    pub fn choose(shell: &Shell) -> Result<Self> {
        if has_target(shell) {
            return Ok(Self::Target);
        }
        if shell.dry_run || DEBIAN_TOOLCHAIN.iter().all(Package::present) {
            let linker = bundled_linker(shell).or_else(|| find_program("wasm-ld"));
            return Ok(Self::Debian {
                linker: linker.context("there is no WASM linker: install `lld`")?,
            });
        }
        bail!("{ELSEWHERE}")
    }

    /// A cargo that compiles for the target.
    fn cargo(&self, shell: &Shell) -> (Command, PathBuf) {
        match self {
            Self::Target => (shell.cargo(), shell.target.clone()),
            Self::Debian { linker } => {
                // Another compiler's artefacts: in the usual directory the two would evict each other.
                let target = shell.target.join("debian");
                let mut cargo = shell.command("/usr/bin/cargo");
                cargo
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("RUSTDOC", "/usr/bin/rustdoc")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                    .env("CARGO_TARGET_DIR", &target);
                (cargo, target)
            }
        }
    }
}

/// The packages that the WASM build needs here: none where the target is installed.
pub fn packages(shell: &Shell) -> Vec<Package> {
    if has_target(shell) {
        return Vec::new();
    }
    let mut packages = DEBIAN_TOOLCHAIN.to_vec();
    if bundled_linker(shell).is_none() {
        packages.push(LINKER);
    }
    packages
}

/// Asks rustup for the target, where there is a rustup that may install something.
pub fn add_target(shell: &Shell) -> Result<()> {
    let may_install =
        !shell.ci && env::var("RUSTUP_AUTO_INSTALL").map_or(true, |value| value != "0");
    if has_target(shell) || !may_install || find_program("rustup").is_none() {
        return Ok(());
    }
    if shell.status(shell.command("rustup").args(["target", "add", TARGET]))? != Some(0) {
        eprintln!("rustup could not add {TARGET}: trying the system's packages");
    }
    Ok(())
}

/// Builds the module and its bindings into web/src/engine/pkg and prints the sizes.
pub fn build(shell: &Shell) -> Result<()> {
    web::install(shell)?;
    let route = Route::choose(shell)?;
    let (mut cargo, target) = route.cargo(shell);
    cargo.args([
        "build",
        "--locked",
        "--profile",
        "release-wasm",
        "--target",
        TARGET,
        "-p",
        "portwright-wasm",
    ]);
    if matches!(route, Route::Debian { .. }) {
        cargo.arg("-Zbuild-std=std,panic_abort");
    }
    shell.run(&mut cargo)?;

    let compiled = target
        .join(TARGET)
        .join("release-wasm")
        .join(format!("{MODULE}.wasm"));
    let pkg = shell.root.join("web/src/engine/pkg");
    let module = pkg.join(format!("{MODULE}_bg.wasm"));
    // How it is generated counts, too.
    let generators = [
        "Cargo.lock",
        "web/package-lock.json",
        "xtask/src/wasm.rs",
        "xtask/bindgen/src/main.rs",
    ];
    let mut inputs = vec![compiled.clone()];
    inputs.extend(generators.map(|file| shell.root.join(file)));
    if is_newer(&module, &inputs) {
        eprintln!("{} is up to date", shell.relative(&module));
    } else {
        bind_and_optimise(shell, &compiled, &pkg)?;
    }
    shell.run(web::node(shell).arg("scripts/sizes.mjs").arg(&module))
}

fn bind_and_optimise(shell: &Shell, compiled: &Path, pkg: &Path) -> Result<()> {
    // Not in pkg/: a failed or interrupted run leaves nothing there that looks finished.
    let fresh = shell.root.join("web/node_modules/.portwright-pkg");
    if !shell.dry_run && fresh.exists() {
        fs::remove_dir_all(&fresh)
            .with_context(|| format!("cannot remove `{}`", fresh.display()))?;
    }
    shell.run(
        shell
            .cargo()
            .args(["run", "--locked", "-p", "xtask-bindgen", "--"])
            .arg(compiled)
            .arg(&fresh),
    )?;
    let module = fresh.join(format!("{MODULE}_bg.wasm"));
    let mut wasm_opt = web::node(shell);
    wasm_opt
        .arg("node_modules/binaryen/bin/wasm-opt")
        .arg(&module)
        .arg("-o")
        .arg(&module)
        .arg("-Os")
        .args(FEATURES);
    shell.run(wasm_opt.args([
        "--strip-debug",
        "--strip-producers",
        "--strip-target-features",
    ]))?;
    if shell.dry_run {
        return Ok(());
    }
    if pkg.exists() {
        fs::remove_dir_all(pkg).with_context(|| format!("cannot remove `{}`", pkg.display()))?;
    }
    fs::rename(&fresh, pkg)
        .with_context(|| format!("cannot rename `{}` to `{}`", fresh.display(), pkg.display()))
}

fn is_newer(output: &Path, inputs: &[PathBuf]) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let Some(made) = modified(output) else {
        return false;
    };
    inputs
        .iter()
        .all(|input| modified(input).is_some_and(|changed| changed < made))
}

fn has_target(shell: &Shell) -> bool {
    shell
        .query(
            shell
                .command("rustc")
                .args(["--print", "target-libdir", "--target", TARGET]),
        )
        .is_some_and(|dir| Path::new(&dir).is_dir())
}

/// The linker that rustup's toolchains carry.
fn bundled_linker(shell: &Shell) -> Option<PathBuf> {
    let sysroot = shell.query(shell.command("rustc").args(["--print", "sysroot"]))?;
    let version = shell.query(shell.command("rustc").arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))?;
    let linker = Path::new(&sysroot)
        .join("lib/rustlib")
        .join(host)
        .join("bin/rust-lld");
    linker.is_file().then_some(linker)
}
