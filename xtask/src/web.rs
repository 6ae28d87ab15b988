//! The calculator's page: npm packages and the Vite build.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell::{Shell, find_program};

/// Where systems install Chromium.
pub const BROWSERS: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// The oldest Node.js that Vite 8 runs on.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// Node.js in web/. Scripts are named by file: `npx` would ask a registry for what it cannot find.
pub fn node(shell: &Shell) -> Command {
    let mut node = shell.command("node");
    node.current_dir(shell.root.join("web"));
    node
}

/// Installs the npm packages when the lock file is not the one they were installed from.
pub fn install(shell: &Shell) -> Result<()> {
    let web = shell.root.join("web");
    let lock = fs::read_to_string(web.join("package-lock.json"))
        .context("cannot read `web/package-lock.json`")?;
    let stamp = web.join("node_modules/.installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    shell.run(
        shell
            .command(npm)
            .args(["ci", "--loglevel=error"])
            .current_dir(&web),
    )?;
    if !shell.dry_run {
        fs::write(&stamp, lock).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    }
    Ok(())
}

/// Builds the page into web/dist; the WASM module must be there.
pub fn build(shell: &Shell) -> Result<()> {
    install(shell)?;
    shell.run(node(shell).args(["node_modules/vite/bin/vite.js", "build"]))
}

/// Chromium's path, for the browser tests: what CHROMIUM says, or the first that is installed.
pub fn browser() -> Option<PathBuf> {
    let named = env::var_os("CHROMIUM").map(PathBuf::from);
    named.or_else(|| BROWSERS.iter().find_map(|name| find_program(name)))
}

/// Why this Node.js will not do, if it will not.
pub fn node_too_old(shell: &Shell) -> Option<String> {
    let version = shell
        .query(node(shell).arg("--version"))
        .unwrap_or_default();
    let mut numbers = version
        .trim_start_matches('v')
        .split('.')
        .map_while(|part| part.parse().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (found < OLDEST_NODE).then(|| {
        let (major, minor) = OLDEST_NODE;
        format!("Node.js {major}.{minor} or newer is needed, this is `{version}`: install a newer one from nodejs.org or your system's backports")
    })
}
