//! Sets as firewalld makes them in nftables: which packets an ipset holds.

use super::config::IpSet;
use super::draft::{End, MOST_CUBES};
use super::value;
use crate::net::{Family, PortRange, Protocol, number};
use crate::packet::{Bits, ByteSet, Cube, Fragment, IfName, MarkBits, Ranges, Rare};
use std::net::IpAddr;

/// Packets in a set.
#[derive(Debug, Clone)]
pub(super) struct Members {
    /// Family of its packets; none: both (MAC addresses).
    pub family: Option<Family>,
    /// The packets.
    pub cubes: Vec<Cube>,
}

/// The packets whose source or destination is in a set, or why that cannot be told.
pub(super) fn members(set: &IpSet, end: End) -> Result<Members, String> {
    if let Some(why) = &set.damage {
        return Err(why.clone());
    }
    let parts: Vec<&str> = set
        .kind
        .strip_prefix("hash:")
        .ok_or_else(|| format!("sets of type `{}` are not modelled", set.kind))?
        .split(',')
        .collect();
    if let (["mac"], End::Source) = (parts.as_slice(), end) {
        return hardware(set);
    }
    if set.entries.len() > MOST_CUBES {
        return one_part(set, end, &parts);
    }
    if let [_] = parts.as_slice() {
        return one_part(set, end, &parts);
    }
    let mut cubes = Vec::with_capacity(set.entries.len());
    for entry in &set.entries {
        let values: Vec<&str> = entry.value.split(',').collect();
        if values.len() != parts.len() {
            return Err(format!("entry `{}` does not fit its type", entry.value));
        }
        let mut cube = Cube::any(set.family);
        for (part, text) in parts.iter().zip(values) {
            narrow(&mut cube, part, text, set.family, end)?;
        }
        cubes.push(cube);
    }
    Ok(Members {
        family: Some(set.family),
        cubes,
    })
}

/// Sets of addresses alone are one cube, however many entries they have.
fn one_part(set: &IpSet, end: End, parts: &[&str]) -> Result<Members, String> {
    let ["ip" | "net"] = parts else {
        return Err("the set has too many entries of several parts".into());
    };
    let mut all = Vec::with_capacity(set.entries.len());
    for entry in &set.entries {
        all.push(addresses(&entry.value, set.family)?);
    }
    let ranges = Ranges::of(all);
    let mut cube = Cube::any(set.family);
    match end {
        End::Source => cube.source = ranges,
        End::Destination => cube.destination = ranges,
    }
    Ok(Members {
        family: Some(set.family),
        cubes: vec![cube],
    })
}

/// Hardware addresses are of no family.
fn hardware(set: &IpSet) -> Result<Members, String> {
    let mut all = Vec::with_capacity(set.entries.len());
    for entry in &set.entries {
        let mac = value::mac(&entry.value)
            .ok_or_else(|| format!("expected a MAC address, found `{}`", entry.value))?;
        all.push((u128::from(mac), u128::from(mac)));
    }
    let cube = Cube::any(Family::V6).with_rare(Rare::SourceMac, &Ranges::of(all));
    Ok(Members {
        family: None,
        cubes: vec![cube],
    })
}

fn narrow(cube: &mut Cube, part: &str, text: &str, family: Family, end: End) -> Result<(), String> {
    match (part, end) {
        ("ip" | "net", _) => {
            let (lo, hi) = addresses(text, family)?;
            let side = match end {
                End::Source => &mut cube.source,
                End::Destination => &mut cube.destination,
            };
            *side = side.intersect(&Ranges::span(lo, hi));
        }
        ("port", _) => {
            let (protocol, ports) = port(text)?;
            cube.protocol = ByteSet::single(protocol.0);
            cube.fragment = Bits(1 << Fragment::First as u8);
            let side = match end {
                End::Source => &mut cube.source_port,
                End::Destination => &mut cube.destination_port,
            };
            *side = side.intersect(&Ranges::span(ports.lo, ports.hi));
        }
        // firewalld has it this way round: the packet's source goes with the interface that it
        // leaves by.
        ("iface", _) => {
            let name = IfName::new(text).ok_or_else(|| format!("`{text}` is no interface name"))?;
            let side = match end {
                End::Source => &mut cube.out_interface,
                End::Destination => &mut cube.in_interface,
            };
            *side = side.intersect(&Ranges::single(name.0));
        }
        ("mark", _) => {
            let mark = value::number(text)?;
            cube.mark = MarkBits {
                care: u32::MAX,
                value: mark,
            };
        }
        (other, _) => return Err(format!("part `{other}` of a set's type is not modelled")),
    }
    Ok(())
}

/// `10.0.0.1`, `10.0.0.0/8` or `10.0.0.1-10.0.0.9`.
fn addresses(text: &str, family: Family) -> Result<(u128, u128), String> {
    let fault = || format!("expected an address of the set's family, found `{text}`");
    if let Some((lo, hi)) = text.split_once('-') {
        let (lo, hi): (IpAddr, IpAddr) = (
            lo.parse().map_err(|_| fault())?,
            hi.parse().map_err(|_| fault())?,
        );
        return if Family::of(lo) == family && Family::of(hi) == family {
            Ok((number(lo), number(hi)))
        } else {
            Err(fault())
        };
    }
    match value::addresses(text) {
        Some((found, lo, hi)) if found == family => Ok((lo, hi)),
        _ => Err(fault()),
    }
}

/// `tcp:80`, `80` (TCP) or `udp:1000-2000`.
fn port(text: &str) -> Result<(Protocol, PortRange), String> {
    let (protocol, ports) = text.split_once(':').unwrap_or(("tcp", text));
    let protocol = value::protocol(protocol)?;
    if !protocol.has_ports() {
        return Err(format!("`{text}` is no port of a protocol with ports"));
    }
    Ok((protocol, value::ports(ports)?))
}
