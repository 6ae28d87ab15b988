//! The packets that a flow needs to pass an enforcement point.
//!
//! A stateful filter must let three kinds of packets through: the first (conntrack NEW), later
//! ones in the same direction (ESTABLISHED), and replies (ESTABLISHED, the other way).

use super::point::{Direction, Point, Stands};
use crate::firewall::Hook;
use crate::graph::RequirementGraph;
use crate::net::{Family, Protocol, Service};
use crate::packet::{
    Bits, ByteSet, CtState, Cube, Extra, FieldSet, Fragment, IfName, MarkBits, Ranges, Rare,
    packet_type, tcp_flags,
};
use std::collections::BTreeMap;

/// Which packets of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The first packet.
    First,
    /// Later packets in the same direction.
    Later,
    /// Answers.
    Reply,
}

/// The packets of one flow that must pass one hook.
#[derive(Debug, Clone)]
pub struct Required {
    /// Position of the flow in the graph's list.
    pub flow: usize,
    /// IPv4 or IPv6.
    pub family: Family,
    /// Which way the flow passes the point.
    pub direction: Direction,
    /// Where its packets are asked for.
    pub hook: Hook,
    /// Which packets.
    pub phase: Phase,
    /// All of these must pass.
    pub cube: Cube,
    /// The destination is a party known by name only: its address may be any of these.
    pub unresolved: bool,
}

/// Source ports that clients use. Linux's own ephemeral range is narrower, but other stacks and
/// fixed client ports of tunnels reach down to 1024.
const CLIENT_PORTS: (u16, u16) = (1024, u16::MAX);

/// All packets that the site's flows need at a point, in the order of the flows.
#[must_use]
pub fn required(graph: &RequirementGraph<'_>, point: &Point<'_>) -> Vec<Required> {
    let mut all = Vec::new();
    let bound = bound_ports(graph);
    for (at, flow) in graph.flows.iter().enumerate() {
        let (Some(from), Some(to)) = (graph.group(flow.from), graph.group(flow.to)) else {
            continue;
        };
        let family = flow.family;
        for (direction, source, mut destination) in point.passing(graph.site, from, to, family) {
            let unresolved = to.is_unresolved() && direction == Direction::Out;
            if unresolved {
                destination = Ranges::span(0, family.max());
            }
            if source.is_empty() || destination.is_empty() {
                continue;
            }
            for phase in phases(flow.service) {
                let (hook, cube) = region(
                    family,
                    direction,
                    *phase,
                    flow.service,
                    source.clone(),
                    destination.clone(),
                    &bound,
                );
                all.push(Required {
                    flow: at,
                    family,
                    direction,
                    hook,
                    phase: *phase,
                    cube,
                    unresolved,
                });
            }
        }
    }
    all
}

/// Ports that the platform's own services bind, by protocol: no client is given one of them.
fn bound_ports(graph: &RequirementGraph<'_>) -> BTreeMap<Protocol, Ranges<u16>> {
    let mut bound: BTreeMap<Protocol, Ranges<u16>> = BTreeMap::new();
    for flow in &graph.flows {
        if let Service::Ports(protocol, range) = flow.service {
            let ports = bound.entry(protocol).or_insert_with(Ranges::empty);
            *ports = ports.union(&Ranges::span(range.lo, range.hi));
        }
    }
    bound
}

/// Tunnels answer by flows of their own: both ends are sources.
pub(super) fn phases(service: Service) -> &'static [Phase] {
    match service {
        Service::Protocol(_) => &[Phase::First, Phase::Later],
        _ => &[Phase::First, Phase::Later, Phase::Reply],
    }
}

pub(super) fn region(
    family: Family,
    direction: Direction,
    phase: Phase,
    service: Service,
    source: Ranges<u128>,
    destination: Ranges<u128>,
    bound: &BTreeMap<Protocol, Ranges<u16>>,
) -> (Hook, Cube) {
    let reply = phase == Phase::Reply;
    let hook = match (direction, reply) {
        (Direction::In, false) | (Direction::Out, true) => Hook::Input,
        (Direction::Out, false) | (Direction::In, true) => Hook::Output,
        (Direction::Through, _) => Hook::Forward,
    };
    let protocol = service.protocol(family);
    let next = Ranges::single(protocol.0.into());
    let mut cube = entering(hook, family)
        .with_protocol(protocol)
        .with_rare(Rare::NextHeader, &next);
    let taken = bound.get(&service.protocol(family)).cloned();
    let client = Ranges::span(CLIENT_PORTS.0, CLIENT_PORTS.1);
    let client = client.subtract(&taken.unwrap_or_else(Ranges::empty));
    (cube.source, cube.destination) = if reply {
        (destination, source)
    } else {
        (source, destination)
    };
    match service {
        Service::Ports(_, range) => {
            let server = Ranges::span(range.lo, range.hi);
            (cube.source_port, cube.destination_port) = if reply {
                (server, client)
            } else {
                (client, server)
            };
        }
        Service::Icmp(icmp) => {
            let (kind, code) = icmp.in_family(family);
            let kind = if reply { answer(family, kind) } else { kind };
            cube.source_port = Ranges::single(u16::from(kind));
            cube.destination_port = Ranges::single(u16::from(code));
        }
        Service::Protocol(_) => {}
    }
    if service.protocol(family) == Protocol::TCP {
        cube.flags = tcp_flags_of(phase);
    }
    let states: &[CtState] = match phase {
        Phase::First => &[CtState::New],
        Phase::Later => &[CtState::Established],
        Phase::Reply => &[CtState::EstablishedReply],
    };
    if phase == Phase::First {
        // A connection is marked by its first packets' rules, not before.
        cube.conn_mark = UNMARKED;
    }
    (hook, cube.with_states(states))
}

/// The type that answers an ICMP request: echo and timestamp (RFC 792, RFC 4443).
pub(super) fn answer(family: Family, kind: u8) -> u8 {
    match (family, kind) {
        (Family::V4, 8) => 0,
        (Family::V4, 13) => 14,
        (Family::V6, 128) => 129,
        _ => kind,
    }
}

fn tcp_flags_of(phase: Phase) -> ByteSet {
    use tcp_flags::{ACK, FIN, PSH, SYN};
    let data = [ACK, ACK | PSH, ACK | FIN];
    ByteSet::of(|flags| match phase {
        Phase::First => flags == SYN,
        Phase::Later => data.contains(&flags),
        Phase::Reply => flags == SYN | ACK || data.contains(&flags),
    })
}

/// Beginnings of the names of interfaces that lead to pods, containers and virtual machines on
/// the host itself: no packet from or to another machine uses them (it leaves by the uplink, or
/// by a tunnel such as `tunl0`, `vxlan.calico`, `flannel.1`, `cilium_vxlan`).
const WORKLOADS: &[&str] = &[
    "azv", "br-", "cali", "cni", "docker", "lxc", "lxd", "podman", "veth", "virbr",
];

/// Whether all of these interfaces lead to such.
pub(super) fn is_workload(names: &Ranges<u128>) -> bool {
    let known = WORKLOADS
        .iter()
        .filter_map(|name| IfName::starting_with(name));
    let all = known.fold(Ranges::empty(), |all, names| all.union(&names));
    names.is_subset(&all)
}

/// The mark 0.
const UNMARKED: MarkBits = MarkBits {
    care: u32::MAX,
    value: 0,
};

/// The smallest time to live that packets of real flows arrive with: systems begin at 64 or more,
/// and no two hosts of a platform are 32 hops apart.
const LEAST_TTL: u128 = 32;

/// What packets from and to other machines look like at a hook: whole, unmarked, without extension
/// headers, addressed to the host, not about to expire, by an interface that leads to other
/// machines. (Marks that eBPF programs or a local sender's socket set are not seen in exports.)
pub(super) fn entering(hook: Hook, family: Family) -> Cube {
    let none = Ranges::single(IfName::NONE.0);
    let local = WORKLOADS
        .iter()
        .filter_map(|name| IfName::starting_with(name));
    let local = local.fold(none.union(&IfName::loopback()), |all, names| {
        all.union(&names)
    });
    let real = Ranges::full().subtract(&local);
    let (in_interface, out_interface) = match hook {
        Hook::Ingress | Hook::Prerouting | Hook::Input => (real, none),
        Hook::Forward => (real.clone(), real),
        Hook::Output | Hook::Postrouting | Hook::Egress => (none, real),
    };
    let usual = Extra::default()
        .with(Rare::Ttl, &Ranges::span(LEAST_TTL, 255))
        .with(Rare::PacketType, &Ranges::single(packet_type::HOST.into()))
        .with(Rare::ExtensionHeaders, &Ranges::single(0));
    Cube {
        in_interface,
        out_interface,
        extra: usual,
        fragment: Bits(1 << Fragment::First as u8),
        mark: UNMARKED,
        ..Cube::any(family)
    }
}

/// First packets that could start a flow through a hook, whoever sends them: what excess is
/// looked for in.
pub(super) fn first_packets(
    point: &Point<'_>,
    graph: &RequirementGraph<'_>,
    hook: Hook,
    family: Family,
) -> Vec<Cube> {
    let own = point.own(graph, family);
    let mut whole = entering(hook, family).with_states(&[CtState::New]);
    whole.conn_mark = UNMARKED;
    let loopback = match family {
        Family::V4 => Ranges::span(0x7f00_0000, 0x7fff_ffff),
        Family::V6 => Ranges::single(1),
    };
    match (point.stands, hook) {
        (Stands::Host(..), Hook::Input) => {
            whole.source = whole.source.subtract(&own.union(&loopback));
            whole.destination = own;
        }
        (Stands::Host(..), _) => {
            whole.destination = whole.destination.subtract(&own.union(&loopback));
            whole.source = own;
        }
        (Stands::Between(..), _) => {}
    }
    let icmp = match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    };
    // Connection tracking starts flows only with these (facts: kernel 6.18, conntrack).
    let requests: &[u16] = match family {
        Family::V4 => &[8, 13, 15, 17],
        Family::V6 => &[128, 139],
    };
    let special = ByteSet::of(|p| p == Protocol::TCP.0 || Protocol(p).is_icmp());
    let tcp = Cube {
        flags: tcp_flags_of(Phase::First),
        ..whole.clone().with_protocol(Protocol::TCP)
    };
    let icmp = Cube {
        source_port: Ranges::of(requests.iter().map(|&kind| (kind, kind))),
        destination_port: Ranges::span(0, 255),
        ..whole.clone().with_protocol(icmp)
    };
    let others = Cube {
        protocol: whole.protocol.minus(&special),
        ..whole
    };
    let all = [tcp, icmp, others];
    all.into_iter().filter(|cube| !cube.is_empty()).collect()
}
