//! Packets through exports on the live kernel, in a scratch namespace that fits them.

use super::export::{Export, restore};
use super::flows::can_have;
use super::host::{Host, RouteKind, Way};
use super::namespace::in_namespace;
use super::observe::{Observer, Seen};
use super::probe::Probe;
use super::rig::{Rig, Watch};
use super::{Fault, available};
use portwright::firewall::Hook;
use portwright::net::{Family, Prefix};
use std::collections::BTreeMap;

/// Interfaces of packets that do not name theirs.
const INSIDE: &str = "eth0";
const OUTSIDE: &str = "eth1";

/// Sends packets through exports, on the host that is given, or on one that they need; what became
/// of each.
///
/// # Errors
///
/// Where the kernel cannot be asked here, or refuses an export.
pub fn replay(
    exports: &[Export],
    host: Option<&Host>,
    probes: &[Probe],
) -> Result<Vec<Result<Seen, String>>, Fault> {
    available()?;
    let mut results: Vec<Option<Result<Seen, String>>> = vec![None; probes.len()];
    let mut groups: Vec<(Host, u32, Vec<usize>)> = Vec::new();
    for (at, probe) in probes.iter().enumerate() {
        if !can_have(probe) {
            results[at] = Some(Err(format!(
                "no connection can be set up in which this packet is {}",
                probe.state.name()
            )));
            continue;
        }
        match host {
            Some(host) => join(&mut groups, host.clone(), probe.mark, at, |_| true),
            None => join(&mut groups, fitting(&[probe]), probe.mark, at, |members| {
                let all: Vec<&Probe> = members.iter().map(|&n| &probes[n]).chain([probe]).collect();
                let host = fitting(&all);
                all.iter().all(|probe| fits(&host, probe))
            }),
        }
    }
    for (one, mark, members) in groups {
        let own: Vec<Probe> = members.iter().map(|&at| probes[at].clone()).collect();
        let mut one = match host {
            Some(_) => one,
            None => fitting(&own.iter().collect::<Vec<_>>()),
        };
        for name in named_devices(exports) {
            one.add_link(name);
        }
        let seen = on(&one, exports, mark, &own)?;
        for (at, seen) in members.into_iter().zip(seen) {
            results[at] = Some(Ok(seen));
        }
    }
    Ok(results.into_iter().flatten().collect())
}

/// Puts a packet into a group in which it can be sent, or into one of its own.
fn join(
    groups: &mut Vec<(Host, u32, Vec<usize>)>,
    host: Host,
    mark: u32,
    at: usize,
    fits: impl Fn(&[usize]) -> bool,
) {
    let found = groups
        .iter_mut()
        .find(|(_, own, members)| *own == mark && fits(members));
    match found {
        Some((.., members)) => members.push(at),
        None => groups.push((host, mark, vec![at])),
    }
}

fn on(host: &Host, exports: &[Export], mark: u32, probes: &[Probe]) -> Result<Vec<Seen>, Fault> {
    in_namespace(|| {
        let mut rig = Rig::new(host)?;
        restore(exports)?;
        // Connection tracking would collect fragments; it runs when the rules want it.
        let stateless = probes.iter().any(|probe| probe.fragment.is_some());
        rig.watch(Watch { stateless, mark })?;
        let probes: Vec<Probe> = probes.iter().map(|probe| complete(host, probe)).collect();
        Observer::new(exports)?.observe(&mut rig, &probes)
    })
}

/// A packet that comes in has an interface by which it does.
fn complete(host: &Host, probe: &Probe) -> Probe {
    let mut probe = probe.clone();
    if probe.hook != Hook::Output && probe.in_interface.is_empty() {
        let first = host.links.first().map_or(INSIDE, String::as_str);
        first.clone_into(&mut probe.in_interface);
    }
    probe
}

/// The host on which packets take the way that they say.
fn fitting(probes: &[&Probe]) -> Host {
    let mut host = Host::default();
    let or = |name: &str, default: &str| if name.is_empty() { default } else { name }.to_owned();
    let mut routes: BTreeMap<(Prefix, bool), String> = BTreeMap::new();
    for probe in probes {
        let source = Prefix::from(probe.family.address(probe.source));
        let destination = Prefix::from(probe.family.address(probe.destination));
        let inside = or(&probe.in_interface, INSIDE);
        let outside = or(&probe.out_interface, OUTSIDE);
        let many = host.way(probe.family, probe.destination) == Way::Broadcast;
        host.add_link(if probe.hook == Hook::Output {
            &outside
        } else {
            &inside
        });
        match probe.hook {
            Hook::Output => {
                routes.insert((source, true), outside.clone());
                routes.insert((destination, false), outside);
            }
            Hook::Forward => {
                routes.insert((source, false), inside);
                routes.insert((destination, false), outside);
            }
            _ => {
                if !many && !destination.addr().is_loopback() {
                    routes.insert((destination, true), inside.clone());
                }
                routes.entry((source, false)).or_insert(inside);
            }
        }
    }
    for ((prefix, own), device) in routes {
        let special = prefix.addr().is_loopback() || prefix.addr().is_multicast();
        if own && !special && !prefix.addr().is_unspecified() {
            host.add_address(prefix, None, if device == "lo" { INSIDE } else { &device });
        } else if !own && !special && !prefix.addr().is_unspecified() && device != "lo" {
            host.add_route(prefix, RouteKind::Unicast, &device);
        }
    }
    // Answers, and packets whose destination a rule translates, have somewhere to go.
    host.add_link(INSIDE);
    let last = host.links.last().cloned().unwrap_or_default();
    for family in Family::ALL {
        host.add_route(family.everything(), RouteKind::Unicast, &last);
    }
    host
}

/// Whether a packet takes the way on this host that it says.
fn fits(host: &Host, probe: &Probe) -> bool {
    let way = host.way(probe.family, probe.destination);
    match probe.hook {
        Hook::Input => matches!(way, Way::Local | Way::Broadcast),
        _ if probe.out_interface.is_empty() => matches!(way, Way::Out(_)),
        _ => way == Way::Out(probe.out_interface.clone()),
    }
}

/// Interfaces that must be there for nftables to load rules that name them by number.
fn named_devices(exports: &[Export]) -> Vec<&str> {
    let mut names = Vec::new();
    for export in exports {
        let words: Vec<&str> = export.text.split_whitespace().collect();
        for pair in words.windows(2) {
            if matches!(pair[0], "iif" | "oif" | "device") {
                let name = pair[1].trim_matches(|c| matches!(c, '"' | ';' | ',' | '{' | '}'));
                let plain = name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c));
                if !name.is_empty() && plain && name.len() < 16 && !name.starts_with('@') {
                    names.push(name);
                }
            }
        }
    }
    names
}
