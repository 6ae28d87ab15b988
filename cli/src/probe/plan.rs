//! Which of a plan's hosts this machine is.

use portwright::probe::{Plan, PlanHost};
use std::net::IpAddr;

/// The host of a plan that this machine is: the one that is named, else the one that has an
/// address of this machine. `option` is how the command line names it, for the message.
///
/// # Errors
///
/// Which hosts there are, where none or several fit.
pub fn host<'a>(
    plan: &'a Plan,
    name: Option<&str>,
    own: &[IpAddr],
    option: &str,
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
    let is_own = |at: &IpAddr| !at.is_loopback() && own.contains(at);
    let here = |host: &&PlanHost| host.addresses.iter().any(is_own);
    let here: Vec<_> = all.iter().copied().filter(here).collect();
    match here.as_slice() {
        [host] => Ok(host),
        [] => Err(format!(
            "no host of the plan has an address of this machine: say with {option} which it is: {}",
            names(&all)
        )),
        several => Err(format!(
            "several hosts of the plan have an address of this machine: say with {option} which \
             it is: {}",
            names(several)
        )),
    }
}
