//! Commands for firewalld: rich rules.

use super::{MOST, icmp_kind, only_protocol, ports, prefixes};
use crate::net::{Family, Protocol};
use crate::packet::Cube;

/// Beginnings of the names of chains that firewalld makes for a zone's input.
const ZONE_CHAINS: [&str; 2] = ["filter_IN_", "IN_"];

/// Endings of these names: the parts of a zone's chain.
const PARTS: [&str; 5] = ["_pre", "_log", "_deny", "_allow", "_post"];

/// `firewall-cmd` calls that permit the packets of a cube in the zone whose chain this is, else in
/// the default zone. Only for packets to the host itself: rich rules of a zone speak of these.
pub(super) fn permit(family: Family, chain: &str, cube: &Cube) -> Option<Vec<String>> {
    let protocol = only_protocol(cube)?;
    let zone = zone(chain).map_or(String::new(), |zone| format!(" --zone={zone}"));
    let (name, most) = match family {
        Family::V4 => ("ipv4", MOST),
        Family::V6 => ("ipv6", MOST),
    };
    let mut lines = Vec::new();
    for source in sides("source", &prefixes(&cube.source, family, most)?) {
        for destination in sides("destination", &prefixes(&cube.destination, family, most)?) {
            for element in elements(protocol, cube)? {
                lines.push(format!(
                    "firewall-cmd --permanent{zone} --add-rich-rule='rule family=\"{name}\"{source}{destination} {element} accept'"
                ));
                if lines.len() > MOST {
                    return None;
                }
            }
        }
    }
    lines.push("firewall-cmd --reload".to_owned());
    Some(lines)
}

fn zone(chain: &str) -> Option<&str> {
    let named = ZONE_CHAINS
        .iter()
        .find_map(|beginning| chain.strip_prefix(beginning))?;
    let part = PARTS.iter().find_map(|part| named.strip_suffix(part));
    Some(part.unwrap_or(named))
}

fn sides(element: &str, all: &[String]) -> Vec<String> {
    if all.is_empty() {
        return vec![String::new()];
    }
    let text = all.iter();
    text.map(|prefix| format!(" {element} address=\"{prefix}\""))
        .collect()
}

fn elements(protocol: Protocol, cube: &Cube) -> Option<Vec<String>> {
    if protocol.is_icmp() {
        // Rich rules know ICMP types by name only.
        let name = match (protocol, icmp_kind(cube)?) {
            (Protocol::ICMP, (8, 0)) | (Protocol::ICMPV6, (128, 0)) => "echo-request",
            _ => return None,
        };
        return Some(vec![format!("icmp-type name=\"{name}\"")]);
    }
    if !protocol.has_ports() || cube.destination_port.is_full() {
        return Some(vec![format!("protocol value=\"{}\"", protocol.0)]);
    }
    let each = ports(cube, '-').into_iter();
    Some(
        each.map(|port| format!("port port=\"{port}\" protocol=\"{protocol}\""))
            .collect(),
    )
}
