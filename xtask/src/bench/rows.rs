//! What is measured.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::files::{Export, Files, KINDS, Kind};
use super::measure::{Measured, measure, median};
use super::page;
use super::peers::{self, Programs, Shadowed, WELL};
use super::probe::section;
use crate::shell::Shell;

/// Everything that one run found.
#[derive(Default)]
pub struct Results {
    /// Audits.
    pub audits: Vec<Audit>,
    /// Comparisons of two exports.
    pub compares: Vec<Compare>,
    /// Work that only Portwright does: what, how much of it, and what it took.
    pub own: Vec<(&'static str, u32, Measured)>,
    /// Who finds which rules that never match.
    pub agreements: Vec<Agreement>,
}

/// Parsing and auditing one file.
pub struct Audit {
    /// What the file is like.
    pub kind: Kind,
    /// Rules in it.
    pub rules: u32,
    /// Portwright's command line.
    pub portwright: Measured,
    /// Portwright in Node.js.
    pub wasm: Measured,
    /// `fwshift audit`.
    pub fwshift: Measured,
    /// `aclgen --shade_check`.
    pub aerleon: Measured,
}

/// Comparing two files.
pub struct Compare {
    /// What the files are like.
    pub kind: Kind,
    /// Rules in each.
    pub rules: u32,
    /// Portwright's command line.
    pub portwright: Measured,
    /// `fwshift compare`.
    pub fwshift: Measured,
}

/// Rules that can never match, in one file.
pub struct Agreement {
    /// What the file is like.
    pub kind: Kind,
    /// Rules in it.
    pub rules: u32,
    /// How many Portwright finds.
    pub portwright: usize,
    /// How many fwshift finds, and how many of them Portwright finds too.
    pub fwshift: Option<(usize, usize)>,
    /// The same of aerleon.
    pub aerleon: Option<(usize, usize)>,
}

struct Bench<'b> {
    shell: &'b Shell,
    programs: &'b Programs,
    files: &'b Files,
    limit: Duration,
    /// Work that was stopped once: larger files are not tried.
    stopped: Vec<(&'static str, Kind)>,
}

/// Measures everything and writes docs/performance.md.
pub fn compare(shell: &Shell, timeout: u64, sizes: &[u32]) -> Result<()> {
    let programs = Programs::install(shell)?;
    if shell.dry_run {
        return Ok(());
    }
    let files = Files::new(shell)?;
    let mut bench = Bench {
        shell,
        programs: &programs,
        files: &files,
        limit: Duration::from_secs(timeout),
        stopped: Vec::new(),
    };
    let mut results = Results::default();
    for &size in sizes {
        bench.own(size, &mut results)?;
    }
    for kind in KINDS {
        for &size in sizes {
            let export = files.export(kind, size)?;
            results.audits.push(bench.audit(&export)?);
            results.compares.push(bench.compare(&export)?);
            results
                .agreements
                .extend(bench.agreement(&export, &results)?);
        }
    }
    let path = shell.root.join("docs/performance.md");
    let page = page::page(shell, &programs.versions(shell), timeout, &results);
    let old = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, section::keep(&old, &page))
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    println!("wrote {}", shell.relative(&path));
    Ok(())
}

impl Bench<'_> {
    fn own(&self, size: u32, results: &mut Results) -> Result<()> {
        let site = self.files.site(size)?;
        let took = self.portwright(&["resolve", "--format", "json"], &[&site])?;
        results.own.push(("resolve: hosts", size, took));
        let (site, export) = self.files.lint(size)?;
        let export = format!("h0={}", export.display());
        let lint = ["lint", "--format", "json", "--export", &export];
        let took = self.portwright(&lint, &[&site])?;
        results.own.push(("lint: rules", size, took));
        let (packets, export) = self.files.trace(size)?;
        let trace = ["trace", "--packets", &packets.display().to_string()];
        let took = self.portwright(&trace, &[&export])?;
        results.own.push(("trace: packets", size, took));
        Ok(())
    }

    fn audit(&mut self, export: &Export) -> Result<Audit> {
        let portwright = self.portwright(&["audit", "--format", "json"], &[&export.old])?;
        let wasm = if portwright.time().is_some() {
            self.wasm(&export.old)?
        } else {
            Measured::Not("no `audit`".to_owned())
        };
        let audit = ["audit", "--from", "iptables", "--json"];
        let fwshift = self.programs.fwshift(&audit, &[&export.old]);
        let fwshift = self.peer("fwshift-audit", export, fwshift, WELL)?;
        let aerleon = match &export.aerleon {
            Some(folder) => {
                let aclgen = self.programs.aerleon(folder);
                self.peer("aerleon", export, aclgen, &[0])?
            }
            None => Measured::Not("cannot express it".to_owned()),
        };
        let Export { kind, rules, .. } = *export;
        Ok(Audit {
            kind,
            rules,
            portwright,
            wasm,
            fwshift,
            aerleon,
        })
    }

    fn compare(&mut self, export: &Export) -> Result<Compare> {
        let files = [export.old.as_path(), export.new.as_path()];
        let portwright = self.portwright(&["compare", "--format", "json"], &files)?;
        let from = [
            "compare",
            "--from",
            "iptables",
            "--from-second",
            "iptables",
            "--json",
        ];
        let fwshift = self.programs.fwshift(&from, &files);
        let fwshift = self.peer("fwshift-compare", export, fwshift, WELL)?;
        let Export { kind, rules, .. } = *export;
        Ok(Compare {
            kind,
            rules,
            portwright,
            fwshift,
        })
    }

    fn portwright(&self, arguments: &[&str], files: &[&Path]) -> Result<Measured> {
        let name = arguments.first().copied().unwrap_or_default();
        if !self.programs.knows(self.shell, name) {
            return Ok(Measured::Not(format!("no `{name}`")));
        }
        let output = self.files.path(&format!("portwright-{name}.out"));
        self.show(&format!("portwright {name}"), files);
        let mut command = self.programs.portwright(arguments, files);
        measure(&mut command, &output, self.limit, WELL)
    }

    fn peer(
        &mut self,
        name: &'static str,
        export: &Export,
        mut command: std::process::Command,
        well: &[i32],
    ) -> Result<Measured> {
        if self.stopped.contains(&(name, export.kind)) {
            return Ok(Measured::Not("not tried".to_owned()));
        }
        self.show(name, &[&export.old]);
        let output = self.files.path(&format!("{name}.out"));
        let measured = measure(&mut command, &output, self.limit, well)?;
        if let Measured::Stopped(_) = measured {
            self.stopped.push((name, export.kind));
        }
        Ok(measured)
    }

    /// The calls alone, without the start of Node.js; the module's memory.
    fn wasm(&self, export: &Path) -> Result<Measured> {
        self.show("wasm audit", &[export]);
        let output = self.files.path("wasm.out");
        let mut node = self.programs.node(export);
        let Measured::Done { .. } = measure(&mut node, &output, self.limit, &[0])? else {
            return Ok(Measured::Not("failed".to_owned()));
        };
        let told: serde_json::Value = serde_json::from_slice(&fs::read(&output)?)?;
        let calls = told.get("milliseconds").and_then(|all| all.as_array());
        let calls = calls.into_iter().flatten().filter_map(|ms| ms.as_f64());
        let mut calls: Vec<_> = calls.map(|ms| Duration::from_secs_f64(ms / 1e3)).collect();
        let memory = told.get("memory").and_then(|bytes| bytes.as_u64());
        Ok(Measured::Done {
            time: median(&mut calls),
            memory: memory.unwrap_or_default(),
        })
    }

    /// What the audits of this file just wrote.
    fn agreement(&self, export: &Export, results: &Results) -> Result<Option<Agreement>> {
        let Some(audit) = results.audits.last() else {
            return Ok(None);
        };
        if audit.portwright.time().is_none() || export.kind == Kind::KubeProxy {
            return Ok(None);
        }
        let own = peers::portwright_shadowed(&self.files.path("portwright-audit.out"))?;
        let both = |theirs: Shadowed| (theirs.len(), theirs.intersection(&own).count());
        let fwshift = audit.fwshift.time().map(|_| {
            let output = self.files.path("fwshift-audit.out");
            peers::fwshift_shadowed(&output).map(both)
        });
        let aerleon = audit.aerleon.time().map(|_| {
            let output = self.files.path("aerleon.out");
            peers::aerleon_shadowed(&output).map(both)
        });
        Ok(Some(Agreement {
            kind: export.kind,
            rules: export.rules,
            portwright: own.len(),
            fwshift: fwshift.transpose()?,
            aerleon: aerleon.transpose()?,
        }))
    }

    fn show(&self, what: &str, files: &[&Path]) {
        let files: Vec<_> = files
            .iter()
            .filter_map(|file| file.file_name())
            .map(|name| name.display().to_string())
            .collect();
        eprintln!("… {what} {}", files.join(" "));
    }
}
