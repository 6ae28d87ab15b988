//! Packets and cubes as a network engineer writes them.

use super::cube::Cube;
use super::fields::ByteSet;
use super::ifname::IfName;
use super::ranges::Ranges;
use super::value::{CtState, Fragment, Packet, tcp_flags};
use crate::net::{Family, PortRange, Prefix, Protocol};
use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

// Writing to a `String` cannot fail: what `write!` says of it is not looked at here.

/// More intervals than this are counted, not listed.
const MOST: usize = 12;

/// The prefixes and ranges of a set of addresses: `10.0.0.0/24, 10.0.1.5-10.0.1.9`, or `any`.
#[must_use]
pub fn addresses(set: &Ranges<u128>, family: Family) -> String {
    let mut text = String::new();
    push_addresses(&mut text, set, family);
    text
}

fn push_addresses(text: &mut String, set: &Ranges<u128>, family: Family) {
    // Of a few small ranges most addresses are left out.
    let few = set.intervals().len() <= MOST && size(set) < family.max() / 4;
    if !few {
        let others = Ranges::span(0, family.max()).subtract(set);
        if others.is_empty() {
            text.push_str("any");
            return;
        }
        // The world less a few hosts reads better by what is left out.
        if size(&others) < size(set) && others.intervals().len() <= set.intervals().len() {
            text.push_str("any but ");
            return push_addresses(text, &others, family);
        }
    }
    list(text, set.intervals(), |text, &(lo, hi)| {
        push_range(text, lo, hi, family);
    });
}

fn size(set: &Ranges<u128>) -> u128 {
    let each = set.intervals().iter().map(|(lo, hi)| hi - lo);
    each.fold(0, u128::saturating_add)
}

/// Prefixes that together are exactly this set.
#[must_use]
pub fn prefixes(set: &Ranges<u128>, family: Family) -> Vec<Prefix> {
    let each = set.intervals().iter();
    each.flat_map(|&(lo, hi)| subnets(lo, hi, family)).collect()
}

fn subnets(lo: u128, hi: u128, family: Family) -> Vec<Prefix> {
    match family {
        Family::V4 => {
            let end = |n: u128| Ipv4Addr::from(u32::try_from(n).unwrap_or(u32::MAX));
            let nets = ipnet::Ipv4Subnets::new(end(lo), end(hi), 0);
            nets.map(Prefix::V4).collect()
        }
        Family::V6 => {
            let nets = ipnet::Ipv6Subnets::new(Ipv6Addr::from(lo), Ipv6Addr::from(hi), 0);
            nets.map(Prefix::V6).collect()
        }
    }
}

fn push_range(text: &mut String, lo: u128, hi: u128, family: Family) {
    let first = family.address(lo);
    let _ = if lo == hi {
        write!(text, "{first}")
    } else {
        match subnets(lo, hi, family).as_slice() {
            [one] => write!(text, "{one}"),
            _ => write!(text, "{first}-{}", family.address(hi)),
        }
    };
}

/// `443, 2379-2380`, or `any`.
#[must_use]
pub fn ports(set: &Ranges<u16>) -> String {
    let mut text = String::new();
    push_ports(&mut text, set);
    text
}

fn push_ports(text: &mut String, set: &Ranges<u16>) {
    if set.is_full() {
        text.push_str("any");
        return;
    }
    list(text, set.intervals(), |text, &(lo, hi)| {
        let _ = write!(text, "{}", PortRange { lo, hi });
    });
}

fn list<T>(text: &mut String, items: &[T], show: impl Fn(&mut String, &T)) {
    for (at, item) in items.iter().take(MOST).enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        show(text, item);
    }
    if let Some(more) = items.len().checked_sub(MOST).filter(|&n| n > 0) {
        let _ = write!(text, ", … {more} more");
    }
}

/// `S`, `SA`, … in the order of [`tcp_flags::LETTERS`]; `none` without any.
#[must_use]
pub fn flags(flags: u8) -> String {
    let letters: String = tcp_flags::LETTERS
        .iter()
        .filter(|(_, bit)| flags & bit != 0)
        .map(|(letter, _)| letter)
        .collect();
    if letters.is_empty() {
        "none".into()
    } else {
        letters
    }
}

pub(super) fn protocols(set: ByteSet) -> String {
    let mut text = String::new();
    push_protocols(&mut text, set);
    text
}

fn push_protocols(text: &mut String, set: ByteSet) {
    if set == ByteSet::FULL {
        text.push_str("any protocol");
        return;
    }
    let mut numbers = set;
    if set.complement().len() < set.len() {
        text.push_str("any protocol but ");
        numbers = set.complement();
    }
    let names: Vec<_> = numbers.iter().map(Protocol).collect();
    list(text, &names, |text, p| {
        let _ = match p.0 {
            94 => text.write_str("94 (ipip)"),
            4 => text.write_str("4 (ipencap)"),
            _ => write!(text, "{p}"),
        };
    });
}

/// `tcp 10.0.0.5:40000 > 10.0.0.9:6443 in=eth0 state=NEW flags=S`: what `portwright trace` takes.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (
            self.family.address(self.source),
            self.family.address(self.destination),
        );
        let with_port = |address: std::net::IpAddr, port: u16| match self.family {
            Family::V4 => format!("{address}:{port}"),
            Family::V6 => format!("[{address}]:{port}"),
        };
        if self.in_interface != IfName::NONE {
            write!(f, "in={} ", self.in_interface)?;
        }
        if self.out_interface != IfName::NONE {
            write!(f, "out={} ", self.out_interface)?;
        }
        let protocol = match self.protocol {
            // The name in /etc/protocols misleads: write the number.
            Protocol::IPIP_94 => "94".to_owned(),
            Protocol::IPENCAP => "4".to_owned(),
            other => other.to_string(),
        };
        if self.protocol.has_ports() && self.fragment == Fragment::First {
            let from = with_port(source, self.source_port);
            let to = with_port(destination, self.destination_port);
            write!(f, "{protocol} {from} > {to}")?;
        } else {
            write!(f, "{protocol} {source} > {destination}")?;
        }
        if self.protocol.is_icmp() {
            write!(
                f,
                " type={} code={}",
                self.source_port, self.destination_port
            )?;
        }
        write!(f, " state={}", self.state.name().to_ascii_lowercase())?;
        if self.state.is_reply() {
            f.write_str(" dir=reply")?;
        }
        if self.protocol == Protocol::TCP && self.fragment == Fragment::First {
            write!(f, " flags={}", flags(self.flags))?;
        }
        if self.mark != 0 {
            write!(f, " mark={:#x}", self.mark)?;
        }
        if self.fragment == Fragment::Later {
            f.write_str(" fragment=later")?;
        }
        Ok(())
    }
}

impl Cube {
    /// One line: `10.0.0.0/24 → any, tcp 2379-2380, state new`.
    #[must_use]
    pub fn describe(&self, family: Family) -> String {
        let mut text = String::new();
        push_addresses(&mut text, &self.source, family);
        text.push_str(" → ");
        push_addresses(&mut text, &self.destination, family);
        text.push_str(", ");
        push_protocols(&mut text, self.protocol);
        let icmp = self.protocol.iter().all(|p| Protocol(p).is_icmp());
        let (source, destination) = if icmp {
            ("type ", "code ")
        } else {
            ("from port ", "")
        };
        if !self.destination_port.is_full() {
            let _ = write!(text, " {destination}");
            push_ports(&mut text, &self.destination_port);
        }
        if !self.source_port.is_full() {
            let _ = write!(text, ", {source}");
            push_ports(&mut text, &self.source_port);
        }
        if let Some(state) = self.states() {
            let _ = write!(text, ", state {state}");
        }
        if let Some(name) = interfaces(&self.in_interface) {
            let _ = write!(text, ", in {name}");
        }
        if let Some(name) = interfaces(&self.out_interface) {
            let _ = write!(text, ", out {name}");
        }
        text
    }

    fn states(&self) -> Option<String> {
        let all = CtState::ALL.into_iter();
        let mut names: Vec<String> = all
            .filter(|&s| self.state.contains(s as u8))
            .map(|s| s.name().to_ascii_lowercase())
            .collect();
        if names.len() == CtState::ALL.len() {
            return None;
        }
        names.dedup();
        Some(names.join(", "))
    }
}

/// Interface names, where they say something: none for any or no interface.
fn interfaces(set: &Ranges<u128>) -> Option<String> {
    if set.contains(IfName::NONE.0) {
        return None;
    }
    match set.intervals() {
        [(lo, hi)] if lo == hi => Some(IfName(*lo).to_string()),
        _ => IfName::pick(set).map(|name| format!("{name} and others")),
    }
}
