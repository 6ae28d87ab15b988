//! The sockets of this machine.

use super::{Found, planned};
use crate::input::{self, Stop, stop};
use crate::output;
use portwright::engine::{ProbeSocketsRequest, SocketEvidence, SocketOwner};
use portwright_cli::probe::dial::Own;
use portwright_cli::probe::plan as this;
use portwright_cli::probe::processes::Processes;
use std::path::Path;

/// Lists of sockets under `/proc/PID/net`.
const LISTS: [&str; 6] = ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6"];

/// Reads `/proc`; with `all`, the network namespaces of other processes, too.
pub fn look(request: &ProbeSocketsRequest, all: bool) -> Result<Found, Stop> {
    let wrong = |message: String| stop(message, "");
    let plan = planned(request)?;
    let own = Own::here().map_err(|error| {
        wrong(format!(
            "the addresses of this host cannot be read: {error}"
        ))
    })?;
    let host = this::host(&plan, request.host.as_deref(), own.addresses(), "--host");
    let host = host.map_err(wrong)?;
    let processes = Processes::read();
    if processes.hidden {
        output::notice("the processes of other users are seen by root only\n");
    }
    let mut found = Found {
        host: host.name.clone(),
        evidence: Vec::new(),
        owners: Vec::new(),
    };
    read(&mut found, "/proc/self/net", None)?;
    for (inode, process) in &processes.namespaces {
        if all && Some(*inode) != processes.own_namespace {
            let folder = format!("/proc/{}/net", process.pid);
            let name = format!("net:[{inode}] of {} (pid {})", process.name, process.pid);
            // Its last process may have ended.
            let _ = read(&mut found, &folder, Some(&name));
        }
    }
    let owners = processes.by_inode.into_iter();
    found.owners = owners
        .map(|(inode, process)| SocketOwner {
            inode,
            process: process.name,
            pid: process.pid,
        })
        .collect();
    Ok(found)
}

fn read(found: &mut Found, folder: &str, namespace: Option<&str>) -> Result<(), Stop> {
    for list in LISTS {
        let path = format!("{folder}/{list}");
        // Without IPv6 in the kernel there are no lists of it.
        if !Path::new(&path).exists() {
            continue;
        }
        found.evidence.push(SocketEvidence {
            document: input::read(&path)?,
            host: Some(found.host.clone()),
            namespace: namespace.map(Into::into),
        });
    }
    Ok(())
}
