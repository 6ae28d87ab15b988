//! `cargo xtask bench --probe`: live probes in network namespaces, beside nmap and the least that
//! connects at all. Every answer is compared with what is there.

mod net;
mod page;
mod rounds;
pub mod section;
mod work;

use std::fs;

use anyhow::{Context as _, Result};

use super::files::Files;
use crate::setup::{self, KERNEL, NMAP};
use crate::shell::Shell;

/// Measures everything and writes its part of docs/performance.md.
pub fn probe(shell: &Shell) -> Result<()> {
    setup::require(shell, &[KERNEL, NMAP])?;
    let programs = work::Programs::build(shell)?;
    if shell.dry_run {
        return Ok(());
    }
    let files = Files::new(shell)?;
    let bench = work::Bench {
        shell,
        programs: &programs,
        files: &files,
    };
    let results = page::Results {
        ports: bench.ports()?,
        dropped: bench.dropped()?,
        mesh: bench.mesh()?,
        million: bench.million()?,
    };
    let path = shell.root.join("docs/performance.md");
    let old = fs::read_to_string(&path).unwrap_or_else(|_| "# Performance\n".to_owned());
    let new = section::replace(&old, &page::page(shell, &results));
    fs::write(&path, new).with_context(|| format!("cannot write `{}`", path.display()))?;
    println!("wrote {}", shell.relative(&path));
    Ok(())
}
