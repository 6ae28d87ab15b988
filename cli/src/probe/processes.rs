//! Which processes have which sockets, from `/proc`.

use procfs::process::{FDTarget, all_processes};
use std::collections::BTreeMap;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// Its number.
    pub pid: u32,
}

/// The processes that this one may look into, by the inodes of their sockets.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    /// The first process that has a socket.
    pub by_inode: BTreeMap<u64, Process>,
    /// A process of each network namespace, by the namespace's inode.
    pub namespaces: BTreeMap<u64, Process>,
    /// The namespace of this process.
    pub own_namespace: Option<u64>,
    /// Whether there are processes that cannot be looked into: those of other users, without root.
    pub hidden: bool,
}

impl Processes {
    /// Looks at all of them.
    pub fn read() -> Self {
        let mut this = Self {
            own_namespace: procfs::process::Process::myself()
                .ok()
                .and_then(|own| namespace(&own)),
            ..Self::default()
        };
        let Ok(all) = all_processes() else {
            this.hidden = true;
            return this;
        };
        for process in all.flatten() {
            let Ok(files) = process.fd() else {
                this.hidden |= process.is_alive();
                continue;
            };
            let name = process.stat().map(|stat| stat.comm);
            let one = Process {
                name: name.unwrap_or_else(|_| "?".into()),
                pid: process.pid().unsigned_abs(),
            };
            if let Some(inode) = namespace(&process) {
                this.namespaces.entry(inode).or_insert_with(|| one.clone());
            }
            for file in files.flatten() {
                if let FDTarget::Socket(inode) = file.target {
                    this.by_inode.entry(inode).or_insert_with(|| one.clone());
                }
            }
        }
        this
    }
}

fn namespace(process: &procfs::process::Process) -> Option<u64> {
    let all = process.namespaces().ok()?;
    all.0
        .get(std::ffi::OsStr::new("net"))
        .map(|one| one.identifier)
}
