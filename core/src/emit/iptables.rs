//! Rules as `iptables-save` writes them.

use crate::net::{Family, Protocol};
use crate::packet::{CtState, Cube, show};

/// More lines than this are not written: an ipset serves better.
const MOST: usize = 16;

/// Rules that permit exactly the packets of a cube, for appending to or inserting into a chain.
/// None when the cube needs more lines than a person wants to read, or says something that these
/// lines cannot: then nothing is written rather than something else.
#[must_use]
pub fn permit(family: Family, chain: &str, cube: &Cube, comment: &str) -> Option<Vec<String>> {
    let protocols: Vec<Protocol> = cube.protocol.iter().map(Protocol).take(2).collect();
    let [protocol] = protocols.as_slice() else {
        return None;
    };
    let mut lines = Vec::new();
    for source in addresses("-s", &cube.source, family)? {
        for destination in addresses("-d", &cube.destination, family)? {
            for service in services(*protocol, cube)? {
                let state = state(cube)?;
                let comment = quote(comment);
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

fn addresses(flag: &str, set: &crate::packet::Ranges<u128>, family: Family) -> Option<Vec<String>> {
    let all = show::prefixes(set, family);
    if all.len() > MOST {
        return None;
    }
    let everything = all.len() == 1 && all.iter().all(|prefix| prefix.prefix_len() == 0);
    if everything {
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
        let kinds = cube.source_port.intervals();
        let codes = cube.destination_port.intervals();
        let ([(kind, last)], [(code, last_code)]) = (kinds, codes) else {
            return None;
        };
        let single = kind == last && code == last_code;
        return single.then(|| vec![format!("-p {name} {flag} {kind}/{code}")]);
    }
    if !protocol.has_ports() {
        return Some(vec![format!("-p {}", protocol.0)]);
    }
    let each = cube.destination_port.intervals().iter().map(|(lo, hi)| {
        let ports = if lo == hi {
            lo.to_string()
        } else {
            format!("{lo}:{hi}")
        };
        match cube.destination_port.is_full() {
            true => format!("-p {protocol}"),
            false => format!("-p {protocol} -m {protocol} --dport {ports}"),
        }
    });
    Some(each.take(MOST + 1).collect())
}

fn state(cube: &Cube) -> Option<&'static str> {
    let states: Vec<_> = CtState::ALL
        .into_iter()
        .filter(|&s| cube.state.contains(s as u8))
        .collect();
    match states.as_slice() {
        [one] => Some(one.name()),
        _ => None,
    }
}

/// In double quotes, as `iptables-save` quotes comments; cut to the kernel's 255 bytes.
fn quote(text: &str) -> String {
    let plain: String = text.chars().filter(char::is_ascii).take(255).collect();
    let escaped = plain.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
