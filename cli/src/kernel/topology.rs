//! A namespace that is the host: interfaces whose other ends are there too, addresses, routes.

use super::Fault;
use super::host::{Host, RouteKind};
use super::namespace::run;
use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::Duration;

/// Hardware address of an interface, by its number.
pub(super) fn hardware_address(link: usize) -> [u8; 6] {
    let [high, low] = (link as u16).to_be_bytes();
    [2, 0, 0, 0, high, low]
}

/// How often addresses are asked after.
const SETTLING: usize = 400;

/// Hardware address of those who send.
pub const SENDER: [u8; 6] = [2, 0, 0, 1, 0, 0];

pub(super) fn make(host: &Host) -> Result<(), Fault> {
    links(host)?;
    settings(host)?;
    routes(host)?;
    settle(host)
}

/// Waits for addresses of IPv6: the kernel takes them over in its own time.
fn settle(host: &Host) -> Result<(), Fault> {
    let own = host.addresses.iter().map(|(prefix, ..)| prefix.addr());
    let wanted: Vec<String> = own
        .filter(|address| address.is_ipv6() && !address.is_loopback())
        .map(|address| format!("local {address} dev "))
        .collect();
    for _ in 0..SETTLING {
        let table = run("ip", &["-6", "route", "show", "table", "local"], "")?;
        if wanted.iter().all(|line| table.contains(line)) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Err(Fault::Failed(
        "the addresses of IPv6 did not come up in the namespace".into(),
    ))
}

/// Every interface is one end of a pair: nothing reaches the outside.
fn links(host: &Host) -> Result<(), Fault> {
    let mut batch = String::from("link set lo up\n");
    for (at, name) in host.links.iter().enumerate() {
        let address = hardware_address(at)
            .map(|byte| format!("{byte:02x}"))
            .join(":");
        let _ = writeln!(
            batch,
            "link add {name} address {address} type veth peer name peer{at}"
        );
        for end in [name.clone(), format!("peer{at}")] {
            let _ = writeln!(batch, "link set {end} arp off addrgenmode none up");
        }
    }
    run("ip", &["-batch", "-"], &batch).map(drop)
}

/// A router that answers without limits, and does not judge sources by itself.
fn settings(host: &Host) -> Result<(), Fault> {
    let fixed = [
        ("net/ipv4/ip_forward", "1"),
        ("net/ipv6/conf/all/forwarding", "1"),
        ("net/ipv4/icmp_ratelimit", "0"),
        ("net/ipv4/icmp_ratemask", "0"),
        ("net/ipv6/icmp/ratelimit", "0"),
        ("net/ipv6/icmp/ratemask", "2"),
        ("net/netfilter/nf_conntrack_tcp_be_liberal", "1"),
        ("net/netfilter/nf_conntrack_checksum", "0"),
        ("net/netfilter/nf_log/2", "nfnetlink_log"),
        ("net/netfilter/nf_log/10", "nfnetlink_log"),
    ];
    for (key, value) in fixed {
        set(key, value)?;
    }
    // Older kernels have these for all namespaces together, and not for others to set.
    let _ = set("net/ipv4/icmp_msgs_per_sec", "1000000");
    let _ = set("net/ipv4/icmp_msgs_burst", "1000000");
    let names = host.links.iter().map(String::as_str);
    for name in names.chain(["all", "lo"]) {
        for (key, value) in [
            ("rp_filter", "0"),
            ("accept_local", "1"),
            ("route_localnet", "1"),
            ("send_redirects", "0"),
        ] {
            set(&format!("net/ipv4/conf/{name}/{key}"), value)?;
        }
    }
    for at in 0..host.links.len() {
        set(&format!("net/ipv6/conf/peer{at}/disable_ipv6"), "1")?;
    }
    Ok(())
}

fn set(key: &str, value: &str) -> Result<(), Fault> {
    fs::write(format!("/proc/sys/{key}"), value)
        .map_err(|error| Fault::Failed(format!("the setting {key} cannot be made: {error}")))
}

fn routes(host: &Host) -> Result<(), Fault> {
    let mut batch = String::new();
    for (prefix, broadcast, link) in &host.addresses {
        if link == "lo" && prefix.addr().is_loopback() {
            continue;
        }
        let broadcast = broadcast.map_or(String::new(), |address| format!("broadcast {address}"));
        let nodad = if prefix.addr().is_ipv6() { "nodad" } else { "" };
        let _ = writeln!(batch, "addr add {prefix} {broadcast} dev {link} {nodad}");
    }
    let mut further: Vec<_> = host.routes.iter().filter(|route| !route.implied).collect();
    // A gateway must be reachable when a route through it is added.
    further.sort_by_key(|route| (route.via.is_some(), route.destination.prefix_len()));
    for route in further {
        let to = route.destination;
        let via = route
            .via
            .map_or(String::new(), |via| format!("via {via} onlink"));
        let device = &route.device;
        let _ = match route.kind {
            RouteKind::Unicast => writeln!(batch, "route replace {to} {via} dev {device}"),
            RouteKind::Local if to.network().is_loopback() => Ok(()),
            RouteKind::Local => writeln!(batch, "route replace local {to} dev {device}"),
            RouteKind::Broadcast => {
                writeln!(
                    batch,
                    "route replace broadcast {to} dev {device} table local"
                )
            }
            RouteKind::Unreachable => writeln!(batch, "route replace unreachable {to}"),
        };
    }
    run("ip", &["-batch", "-"], &batch).map(drop)
}
