//! Commands for ufw.

use super::{MOST, only_protocol, ports, prefixes};
use crate::firewall::{Chain, Hook};
use crate::net::{Family, Protocol};
use crate::packet::Cube;

/// `ufw` calls that permit the packets of a cube. ufw speaks of TCP, UDP and a few protocols
/// without ports; ICMP is set in its `before.rules`.
pub(super) fn permit(
    family: Family,
    chain: &Chain,
    cube: &Cube,
    comment: &str,
) -> Option<Vec<String>> {
    let protocol = only_protocol(cube)?;
    let name = match protocol {
        Protocol::TCP => "tcp",
        Protocol::UDP => "udp",
        Protocol(50) => "esp",
        Protocol(47) => "gre",
        _ => return None,
    };
    let verb = match direction(chain) {
        Hook::Forward => "ufw route allow",
        Hook::Output => "ufw allow out",
        _ => "ufw allow in",
    };
    let port = if protocol.has_ports() && !cube.destination_port.is_full() {
        format!(" port {}", ports(cube, ':').join(","))
    } else {
        String::new()
    };
    let comment: String = comment.chars().filter(|c| *c != '\'').collect();
    let mut lines = Vec::new();
    for source in sides(prefixes(&cube.source, family, MOST)?, family) {
        for destination in sides(prefixes(&cube.destination, family, MOST)?, family) {
            lines.push(format!(
                "{verb} proto {name} from {source} to {destination}{port} comment '{comment}'"
            ));
            if lines.len() > MOST {
                return None;
            }
        }
    }
    Some(lines)
}

fn direction(chain: &Chain) -> Hook {
    if let Some(base) = chain.base {
        return base.hook;
    }
    match chain.name.as_str() {
        name if name.contains("forward") => Hook::Forward,
        name if name.contains("output") => Hook::Output,
        _ => Hook::Input,
    }
}

fn sides(all: Vec<String>, family: Family) -> Vec<String> {
    if all.is_empty() {
        // `any` would be both families.
        return vec![match family {
            Family::V4 => "0.0.0.0/0".to_owned(),
            Family::V6 => "::/0".to_owned(),
        }];
    }
    all
}
