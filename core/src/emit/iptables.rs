//! Rules as `iptables-save` writes them.

use super::{MOST, icmp_kind, only_protocol, only_state, ports, prefixes};
use crate::net::{Family, Protocol};
use crate::packet::{Cube, Ranges};

/// Rules that permit exactly the packets of a cube, for appending to or inserting into a chain.
pub(super) fn permit(
    family: Family,
    chain: &str,
    cube: &Cube,
    comment: &str,
) -> Option<Vec<String>> {
    let protocol = only_protocol(cube)?;
    let state = only_state(cube)?.name();
    let comment = quote(comment);
    let mut lines = Vec::new();
    for source in addresses("-s", &cube.source, family)? {
        for destination in addresses("-d", &cube.destination, family)? {
            for service in services(protocol, cube)? {
                lines.push(format!(
                    "-A {chain}{source}{destination} {service} -m conntrack --ctstate {state} -m comment --comment {comment} -j ACCEPT"
                ));
                if lines.len() > MOST {
                    return None;
                }
            }
        }
    }
    Some(lines)
}

fn addresses(flag: &str, set: &Ranges<u128>, family: Family) -> Option<Vec<String>> {
    let all = prefixes(set, family, MOST)?;
    if all.is_empty() {
        return Some(vec![String::new()]);
    }
    Some(
        all.iter()
            .map(|prefix| format!(" {flag} {prefix}"))
            .collect(),
    )
}

fn services(protocol: Protocol, cube: &Cube) -> Option<Vec<String>> {
    if protocol.is_icmp() {
        let (name, flag) = match protocol {
            Protocol::ICMPV6 => ("ipv6-icmp -m icmp6", "--icmpv6-type"),
            _ => ("icmp -m icmp", "--icmp-type"),
        };
        let (kind, code) = icmp_kind(cube)?;
        return Some(vec![format!("-p {name} {flag} {kind}/{code}")]);
    }
    if !protocol.has_ports() {
        return Some(vec![format!("-p {}", protocol.0)]);
    }
    if cube.destination_port.is_full() {
        return Some(vec![format!("-p {protocol}")]);
    }
    let each = ports(cube, ':').into_iter();
    Some(
        each.map(|ports| format!("-p {protocol} -m {protocol} --dport {ports}"))
            .collect(),
    )
}

/// In double quotes, as `iptables-save` quotes comments; cut to the kernel's 255 bytes.
fn quote(text: &str) -> String {
    let plain: String = text.chars().filter(char::is_ascii).take(255).collect();
    let escaped = plain.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
