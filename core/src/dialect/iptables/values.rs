//! Addresses, ports and numbers as `iptables` writes them.

use crate::net::{Family, Protocol, number};
use crate::packet::{Bound, Ranges, tcp_flags};
use std::net::IpAddr;

/// Most intervals that a mask with holes may stand for.
const HOLES: u32 = 12;

/// Service names that people write in rule files; exports have numbers.
const SERVICES: &[(&str, u16)] = &[
    ("bgp", 179),
    ("bootpc", 68),
    ("bootps", 67),
    ("dhcpv6-client", 546),
    ("dhcpv6-server", 547),
    ("domain", 53),
    ("ftp", 21),
    ("ftp-data", 20),
    ("http", 80),
    ("https", 443),
    ("imap2", 143),
    ("imaps", 993),
    ("isakmp", 500),
    ("kerberos", 88),
    ("ldap", 389),
    ("ldaps", 636),
    ("mdns", 5353),
    ("mysql", 3306),
    ("netbios-dgm", 138),
    ("netbios-ns", 137),
    ("netbios-ssn", 139),
    ("nfs", 2049),
    ("ntp", 123),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("smtp", 25),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("ssh", 22),
    ("submission", 587),
    ("sunrpc", 111),
    ("syslog", 514),
    ("telnet", 23),
    ("tftp", 69),
];

/// Reads `10.0.0.0/8`, `10.0.0.0/255.0.0.0` (masks with holes too) or an address; bits beyond
/// the mask are cut, as the kernel does.
pub(super) fn addresses(text: &str, family: Family) -> Result<Ranges<u128>, String> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let value = address_of(address, family)?;
    let Some(mask) = mask else {
        return Ok(Ranges::single(value));
    };
    let all = family.max();
    let mask = mask_of(mask, family)
        .ok_or_else(|| format!("expected a prefix length or a mask behind `/`, found `{mask}`"))?;
    let free = all & !mask;
    let tail = free.trailing_ones();
    let block = if tail >= 128 {
        u128::MAX
    } else {
        (1u128 << tail) - 1
    };
    let holes = free & !block;
    if holes == 0 {
        let lo = value & mask;
        return Ok(Ranges::span(lo, lo | block));
    }
    if holes.count_ones() > HOLES {
        return Err(format!(
            "a mask with more than {HOLES} holes in `{text}` is not supported"
        ));
    }
    // Every subset of the holes, in the usual way of counting through a bit mask.
    let mut intervals = Vec::new();
    let mut subset = 0u128;
    loop {
        let lo = value & mask | subset;
        intervals.push((lo, lo | block));
        subset = subset.wrapping_sub(holes) & holes;
        if subset == 0 {
            return Ok(Ranges::of(intervals));
        }
    }
}

fn mask_of(text: &str, family: Family) -> Option<u128> {
    let all = family.max();
    if let Ok(length) = text.parse::<u32>() {
        let width = u128::BITS - all.leading_zeros();
        if length > width {
            return None;
        }
        let host = width - length;
        let low = if host >= 128 {
            u128::MAX
        } else {
            (1u128 << host) - 1
        };
        return Some(all & !low);
    }
    address_of(text, family).ok()
}

/// An address of this family as a number.
pub(super) fn address_of(text: &str, family: Family) -> Result<u128, String> {
    match text.parse::<IpAddr>() {
        Ok(address) if Family::of(address) == family => Ok(number(address)),
        Ok(_) => Err(format!("`{text}` is an address of the other family")),
        Err(_) => Err(format!(
            "expected an address, found `{text}`; names are not resolved"
        )),
    }
}

/// Reads `10.0.0.1-10.0.0.9` or one address.
pub(super) fn address_range(text: &str, family: Family) -> Result<Ranges<u128>, String> {
    let (lo, hi) = text.split_once('-').unwrap_or((text, text));
    let (lo, hi) = (address_of(lo, family)?, address_of(hi, family)?);
    if lo > hi {
        return Err(format!("expected the lower address first in `{text}`"));
    }
    Ok(Ranges::span(lo, hi))
}

fn port(text: &str) -> Result<u16, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    SERVICES
        .iter()
        .find(|(name, _)| *name == text)
        .map(|&(_, number)| number)
        .ok_or_else(|| format!("expected a port from 0 to 65535, found `{text}`"))
}

/// Reads `22`, `1024:65535`, `:1023` or `1024:` into the interval's ends.
pub(super) fn port_range(text: &str) -> Result<(u16, u16), String> {
    let Some((lo, hi)) = text.split_once(':') else {
        let one = port(text)?;
        return Ok((one, one));
    };
    let lo = if lo.is_empty() { 0 } else { port(lo)? };
    let hi = if hi.is_empty() { u16::MAX } else { port(hi)? };
    if lo > hi {
        return Err(format!("expected the lower port first in `{text}`"));
    }
    Ok((lo, hi))
}

/// Reads `22,80,8000:8080`. The kernel has 15 places, a range takes two.
pub(super) fn port_list(text: &str) -> Result<Ranges<u16>, String> {
    let mut intervals = Vec::new();
    let mut places = 0;
    for part in text.split(',') {
        let (lo, hi) = port_range(part)?;
        places += if part.contains(':') { 2 } else { 1 };
        intervals.push((lo, hi));
    }
    if places > 15 {
        return Err(format!(
            "`{text}` takes {places} of 15 places (a range takes two); split the rule"
        ));
    }
    Ok(Ranges::of(intervals))
}

/// Reads a number in decimal, `0x` hexadecimal or `0` octal, as C does.
pub(in crate::dialect) fn integer(text: &str) -> Option<u32> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(hex, 16).ok();
    }
    match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    }
}

/// Reads `02:00:5e:10:00:00`.
pub(in crate::dialect) fn mac(text: &str) -> Option<u64> {
    let mut bytes = text.split([':', '-']);
    let mut address = 0;
    for _ in 0..6 {
        address = address << 8 | u64::from(u8::from_str_radix(bytes.next()?, 16).ok()?);
    }
    bytes.next().is_none().then_some(address)
}

/// Reads `VALUE[/MASK]`.
pub(super) fn masked(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((integer(value)?, integer(mask)?)),
        None => Some((integer(text)?, u32::MAX)),
    }
}

/// Reads `FIN,SYN`, `ALL` or `NONE` into bits.
pub(super) fn flags(text: &str) -> Option<u8> {
    use tcp_flags::{ACK, FIN, PSH, RST, SYN, URG};
    let mut bits = 0;
    for name in text.split(',') {
        bits |= match name.to_ascii_uppercase().as_str() {
            "FIN" => FIN,
            "SYN" => SYN,
            "RST" => RST,
            "PSH" => PSH,
            "ACK" => ACK,
            "URG" => URG,
            "ALL" => FIN | SYN | RST | PSH | ACK | URG,
            "NONE" => 0,
            _ => return None,
        };
    }
    Some(bits)
}

/// A protocol; none for `all`.
pub(super) fn protocol(text: &str) -> Result<Option<Protocol>, String> {
    if text == "all" {
        return Ok(None);
    }
    match Protocol::parse(text) {
        // Number 0 stands for every protocol, whatever name it has.
        Some(Protocol(0)) => Ok(None),
        Some(protocol) => Ok(Some(protocol)),
        None => Err(format!(
            "expected a protocol's name or number, found `{text}`"
        )),
    }
}

/// The numbers that are not in a set.
pub(super) fn complement<T: Bound>(set: &Ranges<T>) -> Ranges<T> {
    Ranges::full().subtract(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_masks_and_holes() {
        let read = |text| addresses(text, Family::V4).map(|r| r.intervals().to_vec());
        assert_eq!(read("10.1.2.3/8"), Ok(vec![(0x0a00_0000, 0x0aff_ffff)]));
        assert_eq!(read("10.0.0.0/255.0.0.0"), read("10.0.0.0/8"));
        assert_eq!(read("0.0.0.0/0"), Ok(vec![(0, 0xffff_ffff)]));
        assert_eq!(
            read("10.0.0.1/255.255.253.255"),
            Ok(vec![(0x0a00_0001, 0x0a00_0001), (0x0a00_0201, 0x0a00_0201)])
        );
        assert!(read("10.0.0.0/33").is_err() && read("::1").is_err() && read("host").is_err());
        let all = addresses("::/0", Family::V6).map(|r| r.is_full());
        assert_eq!(all, Ok(true));
    }

    #[test]
    fn port_places() {
        assert!(port_list("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15").is_ok());
        assert!(port_list("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16").is_err());
        assert!(port_list("10:11,20:21,30:31,40:41,50:51,60:61,70:71,80:81").is_err());
        assert_eq!(port_range(":9"), Ok((0, 9)));
        assert!(port_range("9:1").is_err());
        assert_eq!(masked("0x10/0xff"), Some((16, 255)));
        assert_eq!(integer("010"), Some(8));
    }
}
