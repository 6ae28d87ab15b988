//! The generated files of one run.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::aerleon;
use super::generate::policy::{self, Mix};
use super::generate::{self, kube_proxy};
use crate::shell::Shell;

/// What a file is like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Rules of a FORWARD chain.
    Forward(Mix),
    /// What kube-proxy writes.
    KubeProxy,
}

/// Every kind.
pub const KINDS: [Kind; 3] = [
    Kind::Forward(Mix::Sparse),
    Kind::Forward(Mix::Wildcards),
    Kind::KubeProxy,
];

impl Kind {
    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward(mix) => mix.name(),
            Self::KubeProxy => "kube-proxy",
        }
    }
}

/// One export, the same with one rule in a hundred changed, and the first as an aerleon policy.
pub struct Export {
    /// What it is like.
    pub kind: Kind,
    /// Rules in it, about.
    pub rules: u32,
    /// As `iptables-save` writes it.
    pub old: PathBuf,
    /// The changed one.
    pub new: PathBuf,
    /// A folder for aerleon, where it can say what the export says.
    pub aerleon: Option<PathBuf>,
}

/// Where generated files and results are.
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// In cargo's target directory.
    pub fn new(shell: &Shell) -> Result<Self> {
        let folder = shell.target.join("bench");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create `{}`", folder.display()))?;
        Ok(Self { folder })
    }

    /// A file of this name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a text.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path)
    }

    /// Generates an export.
    pub fn export(&self, kind: Kind, rules: u32) -> Result<Export> {
        let name = |which| format!("{}-{rules}-{which}.iptables", kind.name());
        let (old, new) = (name("old"), name("new"));
        let export = |aerleon, old, new| Export {
            kind,
            rules,
            old,
            new,
            aerleon,
        };
        let Kind::Forward(mix) = kind else {
            let old = self.write(&old, &kube_proxy::kube_proxy(rules, false))?;
            let new = self.write(&new, &kube_proxy::kube_proxy(rules, true))?;
            return Ok(export(None, old, new));
        };
        let list = mix.rules(rules as usize);
        let folder = self.path(&format!("{}-{rules}-aerleon", kind.name()));
        aerleon::write(&list, &folder)?;
        let old = self.write(&old, &policy::iptables(&list))?;
        let new = self.write(&new, &policy::iptables(&policy::changed(&list)))?;
        Ok(export(Some(folder), old, new))
    }

    /// A site, and an export of its first host.
    pub fn lint(&self, rules: u32) -> Result<(PathBuf, PathBuf)> {
        Ok((
            self.write("site-20.yaml", &generate::site(20))?,
            self.write(&format!("lint-{rules}.iptables"), &generate::export(rules))?,
        ))
    }

    /// Packets, and an export of 300 rules.
    pub fn trace(&self, packets: u32) -> Result<(PathBuf, PathBuf)> {
        Ok((
            self.write(
                &format!("packets-{packets}.jsonl"),
                &generate::packets(packets),
            )?,
            self.write("trace-300.iptables", &generate::export(300))?,
        ))
    }

    /// A site of so many hosts.
    pub fn site(&self, hosts: u32) -> Result<PathBuf> {
        self.write(&format!("site-{hosts}.yaml"), &generate::site(hosts))
    }
}
