//! `cargo xtask docs`: JSON Schemas and TypeScript types, generated from the engine and committed.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::shell::Shell;
use crate::web;

/// What `portwright schema NAME` prints, and where it is committed.
const SCHEMAS: &[(&str, &str)] = &[
    ("site", "docs/schema/site.json"),
    ("catalog", "docs/schema/catalog.json"),
    ("packet", "docs/schema/packet.json"),
    ("probe-plan", "docs/schema/probe-plan.json"),
    ("probe-result", "docs/schema/probe-result.json"),
    ("engine", "docs/schema/engine.json"),
];

/// The schema that the page's TypeScript types come from, and where they are committed.
const TYPES: (&str, &str) = ("engine", "web/src/engine/types.d.ts");

/// Options of `cargo xtask docs`.
#[derive(clap::Args)]
pub struct Options {
    /// Write nothing: fail when a committed file differs
    #[arg(long)]
    check: bool,
}

/// Writes the generated files, or checks them.
pub fn docs(shell: &Shell, options: &Options) -> Result<()> {
    if options.check {
        return check(shell);
    }
    for (file, text) in generate(shell)? {
        let path = shell.root.join(file);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write `{file}`"))?;
        println!("wrote {file}");
    }
    Ok(())
}

/// Fails when a committed file is not what would be generated now.
pub fn check(shell: &Shell) -> Result<()> {
    let mut stale = Vec::new();
    for (file, text) in generate(shell)? {
        if fs::read_to_string(shell.root.join(file)).map_or(true, |committed| committed != text) {
            stale.push(format!("`{file}`"));
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        bail!(
            "{} not up to date: run `cargo xtask docs` and commit",
            stale.join(", ")
        )
    }
}

fn generate(shell: &Shell) -> Result<Vec<(&'static str, String)>> {
    let mut files = Vec::new();
    for (schema, file) in SCHEMAS {
        let mut command = shell.cargo();
        command.args([
            "run",
            "--quiet",
            "--locked",
            "-p",
            "portwright-cli",
            "--",
            "schema",
            schema,
        ]);
        if shell.dry_run {
            shell.run(&mut command)?;
            continue;
        }
        let json = shell.pipe(&mut command, "")?;
        if *schema == TYPES.0 {
            web::install(shell)?;
            let mut json2ts = web::node(shell);
            json2ts.args([
                "node_modules/json-schema-to-typescript/dist/src/cli.js",
                "--no-additionalProperties",
            ]);
            files.push((TYPES.1, shell.pipe(&mut json2ts, &json)?));
        }
        files.push((*file, json));
    }
    Ok(files)
}
