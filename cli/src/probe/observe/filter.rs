//! The kernel's filter in front of an observer: classic BPF, made from what the plan wants.
//!
//! Without it the observer would be given the host's whole traffic. It lets pass what may be a
//! probe's first packet; what it cannot tell (extension headers of IPv6) passes and is looked at
//! by [`super::packet`].

use super::template::Template;
use crate::probe::listen::Service;
use portwright::net::{Family, PortRange, Protocol};
use socket2::SockFilter;
use std::collections::BTreeMap;

/// `BPF_MAXINSNS`.
const MOST: usize = 4096;
/// Ranges of ports in one part of the program; closer ones are joined where there are more.
const MOST_RANGES: usize = 96;

const LD_W: u16 = 0x20;
const LD_H: u16 = 0x28;
const LD_B: u16 = 0x30;
/// With the index register: behind an IPv4 header.
const INDEXED: u16 = 0x20;
const LDX_HEADER: u16 = 0xb1;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const EQUAL: u16 = 0x15;
const GREATER: u16 = 0x25;
const AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
/// `SKF_AD_OFF + SKF_AD_PROTOCOL` and `SKF_AD_PKTTYPE`: what the kernel knows beside the bytes.
const ETHERTYPE: u32 = 0xffff_f000;
const PACKET_TYPE: u32 = 0xffff_f000 + 4;
/// Offset of what is behind the header of IPv6.
const V6_HEADER: u32 = 40;

/// Where in the packet a socket's bytes begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// At the header of IPv4.
    V4,
    /// At the header of IPv6.
    V6,
    /// Behind the header of IPv6.
    Behind,
}

/// Part of a program: all of it fits, or the next part is tried.
struct Program {
    code: Vec<SockFilter>,
    /// Jumps to the next part.
    failing: Vec<usize>,
    view: View,
}

/// Services whose probes look alike, in one family.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    family: Family,
    protocol: u8,
    template: Option<Template>,
}

/// For a packet socket (`SOCK_DGRAM`) that is given everything: what arrives for these services.
pub fn at_interface(services: &[Service]) -> Vec<SockFilter> {
    let mut code = Vec::new();
    // PACKET_OTHERHOST and PACKET_OUTGOING are not for us.
    code.push(statement(LD_B, PACKET_TYPE));
    code.push(jump(AT_LEAST, 3, 0, 1));
    code.push(statement(RETURN, 0));
    for (alike, ports) in groups(services) {
        let view = match alike.family {
            Family::V4 => View::V4,
            Family::V6 => View::V6,
        };
        let mut part = Program::new(view);
        let ethertype = match alike.family {
            Family::V4 => libc::ETH_P_IP,
            Family::V6 => libc::ETH_P_IPV6,
        };
        part.load(LD_H, ETHERTYPE);
        part.must(EQUAL, ethertype as u32);
        part.service(&alike, &ports);
        part.end(&mut code);
    }
    // Behind extension headers anything may be.
    if services.iter().any(|service| service.family == Family::V6) {
        for header in [0, 43, 44, 60] {
            let mut part = Program::new(View::V6);
            part.load(LD_H, ETHERTYPE);
            part.must(EQUAL, libc::ETH_P_IPV6 as u32);
            part.load(LD_B, 6);
            part.must(EQUAL, header);
            part.end(&mut code);
        }
    }
    closed(code)
}

/// For a raw socket of one family and protocol.
pub fn accepted(services: &[Service]) -> Vec<SockFilter> {
    let mut code = Vec::new();
    for (alike, ports) in groups(services) {
        let view = match alike.family {
            Family::V4 => View::V4,
            Family::V6 => View::Behind,
        };
        let mut part = Program::new(view);
        part.service(&alike, &ports);
        part.end(&mut code);
    }
    closed(code)
}

/// The program, or one that lets everything pass where it would be too long.
fn closed(mut code: Vec<SockFilter>) -> Vec<SockFilter> {
    code.push(statement(RETURN, 0));
    if code.len() > MOST {
        return vec![statement(RETURN, u32::MAX)];
    }
    code
}

fn groups(services: &[Service]) -> BTreeMap<Alike, Vec<PortRange>> {
    let mut groups: BTreeMap<Alike, Vec<PortRange>> = BTreeMap::new();
    for service in services {
        let has_template = !matches!(Protocol(service.protocol), Protocol::TCP | Protocol::SCTP);
        let alike = Alike {
            family: service.family,
            protocol: service.protocol,
            template: has_template.then(|| Template::of(service.protocol, service.port)),
        };
        let ranges = groups.entry(alike).or_default();
        let Some(port) = service.port else { continue };
        match ranges.last_mut() {
            Some(last) if last.hi.checked_add(1) == Some(port) => last.hi = port,
            _ => ranges.push(PortRange::single(port)),
        }
    }
    for ranges in groups.values_mut() {
        join(ranges);
    }
    groups
}

/// Joins the closest ranges until there are few enough. What lies between passes for nothing.
fn join(ranges: &mut Vec<PortRange>) {
    ranges.sort();
    if ranges.len() <= MOST_RANGES {
        return;
    }
    let gap = |pair: &[PortRange]| match pair {
        [one, next] => next.lo.saturating_sub(one.hi),
        _ => 0,
    };
    let mut gaps: Vec<_> = ranges.windows(2).map(gap).collect();
    gaps.sort_unstable();
    let bound = gaps.get(ranges.len() - MOST_RANGES).copied();
    let bound = bound.unwrap_or(u16::MAX);
    let mut joined: Vec<PortRange> = Vec::new();
    for range in ranges.drain(..) {
        match joined.last_mut() {
            Some(last) if range.lo.saturating_sub(last.hi) <= bound => last.hi = range.hi,
            _ => joined.push(range),
        }
    }
    *ranges = joined;
}

fn statement(code: u16, k: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, k)
}

fn jump(code: u16, k: u32, yes: u8, no: u8) -> SockFilter {
    SockFilter::new(code, yes, no, k)
}

impl Program {
    fn new(view: View) -> Self {
        Self {
            code: Vec::new(),
            failing: Vec::new(),
            view,
        }
    }

    fn load(&mut self, code: u16, at: u32) {
        self.code.push(statement(code, at));
    }

    /// Loads from behind the header of IP.
    fn load_body(&mut self, code: u16, at: u32) {
        match self.view {
            View::V4 => self.load(code + INDEXED, at),
            View::V6 => self.load(code, at + V6_HEADER),
            View::Behind => self.load(code, at),
        }
    }

    /// Goes on only where the comparison holds.
    fn must(&mut self, code: u16, k: u32) {
        self.code.push(jump(code, k, 1, 0));
        self.fail();
    }

    fn fail(&mut self) {
        self.failing.push(self.code.len());
        self.code.push(statement(JUMP, 0));
    }

    fn service(&mut self, alike: &Alike, ports: &[PortRange]) {
        match self.view {
            View::V4 => {
                self.load(LD_B, 9);
                self.must(EQUAL, alike.protocol.into());
                self.load(LD_H, 6);
                self.code.push(statement(AND, 0x1fff));
                self.must(EQUAL, 0);
                self.load(LDX_HEADER, 0);
            }
            View::V6 => {
                self.load(LD_B, 6);
                self.must(EQUAL, alike.protocol.into());
            }
            View::Behind => {}
        }
        if !ports.is_empty() {
            self.ports(ports);
        }
        let header = match alike.protocol {
            6 => {
                self.load_body(LD_B, 13);
                self.code.push(statement(AND, 0x17));
                self.must(EQUAL, 0x02);
                0
            }
            132 => {
                self.load_body(LD_B, 12);
                self.must(EQUAL, 1);
                0
            }
            1 | 58 => {
                self.load_body(LD_B, 0);
                self.must(EQUAL, if alike.protocol == 1 { 8 } else { 128 });
                8
            }
            17 => 8,
            _ => 0,
        };
        if let Some(template) = &alike.template {
            if alike.protocol == 17 {
                self.load_body(LD_H, 4);
                self.must(EQUAL, u32::try_from(template.length).unwrap_or(0) + 8);
            }
            for &(at, mask, value) in &template.words {
                self.load_body(LD_W, header + at);
                if mask != u32::MAX {
                    self.code.push(statement(AND, mask));
                }
                self.must(EQUAL, value);
            }
        }
    }

    /// Goes on only where the destination port is in one of these.
    fn ports(&mut self, ports: &[PortRange]) {
        self.load_body(LD_H, 2);
        let mut found = Vec::new();
        for range in ports {
            self.code.push(jump(AT_LEAST, range.lo.into(), 0, 2));
            self.code.push(jump(GREATER, range.hi.into(), 1, 0));
            found.push(self.code.len());
            self.code.push(statement(JUMP, 0));
        }
        self.fail();
        let here = self.code.len();
        for at in found {
            self.aim(at, here);
        }
    }

    /// Makes a jump go to this place.
    fn aim(&mut self, at: usize, to: usize) {
        if let Some(place) = self.code.get_mut(at) {
            let distance = u32::try_from(to - at - 1).unwrap_or(0);
            *place = statement(JUMP, distance);
        }
    }

    /// What comes here passes; what failed goes on behind it.
    fn end(mut self, code: &mut Vec<SockFilter>) {
        self.code.push(statement(RETURN, u32::MAX));
        let end = self.code.len();
        for at in std::mem::take(&mut self.failing) {
            self.aim(at, end);
        }
        code.extend(self.code);
    }
}
