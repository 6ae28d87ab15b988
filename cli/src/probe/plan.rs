//! A plan as a file holds it, and which of its hosts this machine is.

use portwright::probe::{PLAN_VERSION, Plan, PlanHost};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;

/// A plan that was read.
pub struct Read {
    /// What it says.
    pub plan: Plan,
    /// The hash of its bytes, as [`portwright::probe::Start`] carries it.
    pub hash: String,
}

/// Reads a plan.
///
/// # Errors
///
/// What is wrong, with line and column.
pub fn read(name: &str, text: &str) -> Result<Read, String> {
    let plan: Plan = serde_json::from_str(text)
        .map_err(|error| format!("`{name}` is no plan of `portwright probe plan`: {error}"))?;
    if plan.portwright != PLAN_VERSION {
        return Err(format!(
            "`{name}` says `portwright: {}`, expected `{PLAN_VERSION}`",
            plan.portwright.chars().take(40).collect::<String>()
        ));
    }
    let digest = Sha256::digest(text.as_bytes());
    let hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Read { plan, hash })
}

/// The addresses of this machine's interfaces.
///
/// # Errors
///
/// What the system says.
pub fn own_addresses() -> Result<Vec<IpAddr>, String> {
    let all = nix::ifaddrs::getifaddrs()
        .map_err(|error| format!("the addresses of this host cannot be read: {error}"))?;
    let addresses = all.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|at| at.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|at| at.ip().into()))
    });
    Ok(addresses.collect())
}

/// The host of a plan that this machine is: the one that is named, else the one that has an
/// address of this machine.
///
/// # Errors
///
/// Which hosts there are, where none or several fit.
pub fn host<'a>(
    plan: &'a Plan,
    name: Option<&str>,
    own: &[IpAddr],
) -> Result<&'a PlanHost, String> {
    let names = |hosts: &[&PlanHost]| {
        let mut names: Vec<_> = hosts.iter().take(20).map(|host| &*host.name).collect();
        if hosts.len() > names.len() {
            names.push("…");
        }
        names.join(", ")
    };
    let all: Vec<_> = plan.hosts.iter().collect();
    if let Some(name) = name {
        let found = all.iter().find(|host| host.name == name);
        return found.copied().ok_or_else(|| {
            format!(
                "the plan has no host `{name}`, expected one of {}",
                names(&all)
            )
        });
    }
    let here = |host: &&PlanHost| host.addresses.iter().any(|at| own.contains(at));
    let here: Vec<_> = all.iter().copied().filter(here).collect();
    match here.as_slice() {
        [host] => Ok(host),
        [] => Err(format!(
            "no host of the plan has an address of this machine: say with --host which it is: {}",
            names(&all)
        )),
        several => Err(format!(
            "several hosts of the plan have an address of this machine: say with --host which it \
             is: {}",
            names(several)
        )),
    }
}
