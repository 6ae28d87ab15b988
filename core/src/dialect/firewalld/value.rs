//! Single values as firewalld writes them.

use super::config::{Peer, Port};
use crate::net::{Family, PortRange, Prefix, Protocol, bounds};
use std::net::IpAddr;

/// Reads `22`, `5000-5010` (in either order, as firewalld does) or the name of a service.
pub(super) fn ports(text: &str) -> Result<PortRange, String> {
    let one = |text: &str| text.trim().parse::<u16>().ok();
    let whole = one(text).map(PortRange::single);
    let range = || {
        let (a, b) = text.split_once('-')?;
        let (a, b) = (one(a)?, one(b)?);
        Some(PortRange {
            lo: a.min(b),
            hi: a.max(b),
        })
    };
    whole
        .or_else(range)
        .ok_or_else(|| format!("expected a port or a range such as `8000-8010`, found `{text}`"))
}

/// Reads the protocol of a port.
pub(super) fn port_protocol(text: &str) -> Result<Protocol, String> {
    match text {
        "tcp" => Ok(Protocol::TCP),
        "udp" => Ok(Protocol::UDP),
        "sctp" => Ok(Protocol::SCTP),
        "dccp" => Ok(Protocol::DCCP),
        _ => Err(format!(
            "expected `tcp`, `udp`, `sctp` or `dccp`, found `{text}`"
        )),
    }
}

/// Reads `22/tcp`.
pub(super) fn port(text: &str) -> Result<Port, String> {
    let (range, protocol) = text
        .rsplit_once('/')
        .ok_or_else(|| format!("expected a port such as `22/tcp`, found `{text}`"))?;
    Ok(Port {
        protocol: port_protocol(protocol)?,
        ports: ports(range)?,
    })
}

/// Reads a protocol's name or number.
pub(super) fn protocol(text: &str) -> Result<Protocol, String> {
    Protocol::parse(text)
        .ok_or_else(|| format!("expected a protocol's name or number, found `{text}`"))
}

/// Reads an address, a network (bits beyond the mask are cut), a MAC address or `ipset:NAME`.
pub(super) fn peer(text: &str) -> Result<Peer, String> {
    if let Some(name) = text.strip_prefix("ipset:") {
        return Ok(Peer::Set(name.to_owned()));
    }
    if let Some(mac) = mac(text) {
        return Ok(Peer::Mac(mac));
    }
    addresses(text)
        .map(|(family, lo, hi)| Peer::Addresses(family, lo, hi))
        .ok_or_else(|| format!("expected an address, a network or a MAC address, found `{text}`"))
}

/// Reads `02:00:00:00:00:01`.
pub(super) fn mac(text: &str) -> Option<u64> {
    let mut value = 0u64;
    let mut count = 0;
    for part in text.split(':') {
        if part.len() != 2 {
            return None;
        }
        value = value << 8 | u64::from(u8::from_str_radix(part, 16).ok()?);
        count += 1;
    }
    (count == 6).then_some(value)
}

/// Reads `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0` or the like in IPv6.
pub(super) fn addresses(text: &str) -> Option<(Family, u128, u128)> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let address: IpAddr = address
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()?;
    let family = Family::of(address);
    let length = match (mask, family) {
        (None, Family::V4) => 32,
        (None, Family::V6) => 128,
        (Some(mask), _) => match mask.parse::<u8>() {
            Ok(length) => length,
            Err(_) => {
                let mask: std::net::Ipv4Addr = mask.parse().ok()?;
                ipnet::ipv4_mask_to_prefix(mask).ok()?
            }
        },
    };
    let prefix = Prefix::new(address, length).ok()?;
    let (lo, hi) = bounds(&prefix);
    Some((family, lo, hi))
}

/// Reads `ipv4` or `ipv6`.
pub(super) fn family(text: &str) -> Result<Family, String> {
    match text {
        "ipv4" => Ok(Family::V4),
        "ipv6" => Ok(Family::V6),
        _ => Err(format!("expected `ipv4` or `ipv6`, found `{text}`")),
    }
}

/// Reads a number, decimal or with `0x`.
pub(super) fn number(text: &str) -> Result<u32, String> {
    crate::dialect::iptables::integer(text)
        .ok_or_else(|| format!("expected a number of 32 bits, found `{text}`"))
}

/// Reads `yes` and `true`; everything else is no.
pub(super) fn truth(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "yes" | "true")
}
