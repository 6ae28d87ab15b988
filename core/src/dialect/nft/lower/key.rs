//! What a selector of nftables looks at, in terms of the packet model.

use super::Lowering;
use super::field::{Field, Shape, full};
use super::place::Place;
use super::{ct, fib};
use crate::dialect::nft::syntax::{BinaryOp, Expr, ExprKind, Hook};
use crate::net::{Family, Protocol};
use crate::packet::{
    Bits, ByteSet, Cube, Fragment, IfName, Ranges, Rare, extension_headers, packet_type,
};

/// The value of a selector for some packets.
#[derive(Debug, Clone)]
pub(super) enum Leaf {
    /// A field of the packets of a cube, after a computation.
    Field {
        /// The packets.
        of: Cube,
        /// The field.
        field: Field,
        /// The computation.
        shape: Shape,
    },
    /// For each value the packets that have it.
    Table(Vec<(u128, Vec<Cube>)>),
    /// One of these values, nobody knows which.
    Open {
        /// The packets.
        of: Cube,
        /// The values.
        values: Ranges<u128>,
    },
}

/// What a selector gives. Packets of none of its leaves do not have it: comparing it, whether for
/// equality or not, ends the rule.
#[derive(Debug, Clone)]
pub(super) struct Selector {
    /// By packets, which no two leaves share.
    pub leaves: Vec<Leaf>,
    /// Its own text: the same text is the same value.
    pub text: String,
    /// Whether the value stays the same for a packet's whole way.
    pub lasting: bool,
    /// Whether words are names of interfaces.
    pub names: bool,
}

impl Selector {
    /// No value of it is larger.
    pub(super) fn most(&self, family: Family) -> u128 {
        let most = self.leaves.iter().map(|leaf| match leaf {
            Leaf::Field { field, .. } => full(field.bits(family)).hull().map_or(0, |(_, hi)| hi),
            Leaf::Table(rows) => rows.iter().map(|(value, _)| *value).max().unwrap_or(0),
            Leaf::Open { values, .. } => values.hull().map_or(0, |(_, hi)| hi),
        });
        most.max().unwrap_or(0)
    }
}

/// Fields of a header by the bits that hold them: first bit, length, and what the field is.
type Layout = &'static [(u32, u32, Field)];

const IP: Layout = &[
    (8, 8, Field::Rare(Rare::Tos)),
    (16, 16, Field::Rare(Rare::Length)),
    (64, 8, Field::Rare(Rare::Ttl)),
    (72, 8, Field::Protocol),
    (96, 32, Field::Source),
    (128, 32, Field::Destination),
];

const IP6: Layout = &[
    (4, 8, Field::Rare(Rare::Tos)),
    (48, 8, Field::Rare(Rare::NextHeader)),
    (56, 8, Field::Rare(Rare::Ttl)),
    (64, 128, Field::Source),
    (192, 128, Field::Destination),
];

impl Leaf {
    fn any(place: &Place<'_>) -> Self {
        Self::open(Cube::any(place.family))
    }

    /// Packets whose value nobody knows.
    pub(super) fn open(of: Cube) -> Self {
        Self::Open {
            of,
            values: full(u128::BITS),
        }
    }

    /// A field as it is.
    pub(super) fn field(of: Cube, field: Field) -> Self {
        Self::Field {
            of,
            field,
            shape: Shape::SAME,
        }
    }

    fn constant(place: &Place<'_>, value: u128) -> Self {
        Self::Table(vec![(value, vec![Cube::any(place.family)])])
    }

    /// Applies one more step of a computation; what cannot be followed becomes open.
    fn compute(self, step: impl Fn(Shape) -> Option<Shape>) -> Vec<Self> {
        match self {
            Self::Field { of, field, shape } => vec![match step(shape) {
                Some(shape) => Self::Field { of, field, shape },
                None => Self::open(of),
            }],
            Self::Table(rows) => {
                let Some(shape) = step(Shape::SAME) else {
                    let cubes = rows.into_iter().flat_map(|(_, cubes)| cubes);
                    return cubes.map(Self::open).collect();
                };
                let rows = rows.into_iter();
                let computed = rows.filter_map(|(value, cubes)| Some((shape.of(value)?, cubes)));
                vec![Self::Table(computed.collect())]
            }
            Self::Open { of, values } => {
                let few: Vec<_> = values.intervals().to_vec();
                let count = few
                    .iter()
                    .map(|(lo, hi)| hi - lo)
                    .try_fold(0u128, u128::checked_add);
                let shape = step(Shape::SAME);
                let (Some(count), Some(shape)) = (count, shape) else {
                    return vec![Self::open(of)];
                };
                if count > 70_000 {
                    return vec![Self::open(of)];
                }
                let each = few.into_iter().flat_map(|(lo, hi)| lo..=hi);
                let values = each.filter_map(|v| shape.of(v)).map(|v| (v, v));
                vec![Self::Open {
                    of,
                    values: Ranges::of(values),
                }]
            }
        }
    }
}

/// Packets of a protocol as nftables sees it: in IPv6 it looks behind extension headers, but not
/// behind an authentication header.
pub(super) fn of_protocol(place: &Place<'_>, protocol: Protocol) -> Cube {
    visible(place, Cube::any(place.family)).with_protocol(protocol)
}

fn authenticated(present: bool) -> Ranges<u128> {
    let bit = u128::from(extension_headers::AUTHENTICATION);
    let all = (0..1u128 << Rare::ExtensionHeaders.bits()).filter(|v| (v & bit != 0) == present);
    Ranges::of(all.map(|v| (v, v)))
}

fn visible(place: &Place<'_>, cube: Cube) -> Cube {
    match place.family {
        Family::V4 => cube,
        Family::V6 => cube.with_rare(Rare::ExtensionHeaders, &authenticated(false)),
    }
}

/// `meta l4proto`.
fn transport(place: &Place<'_>) -> Vec<Leaf> {
    let any = Cube::any(place.family);
    let mut leaves = vec![Leaf::field(visible(place, any.clone()), Field::Protocol)];
    if place.family == Family::V6 {
        let hidden = any.with_rare(Rare::ExtensionHeaders, &authenticated(true));
        leaves.push(Leaf::Table(vec![(51, vec![hidden])]));
    }
    leaves
}

fn first(mut cube: Cube) -> Cube {
    cube.fragment = Bits(1 << Fragment::First as u8);
    cube
}

fn later(mut cube: Cube) -> Cube {
    cube.fragment = Bits(1 << Fragment::Later as u8);
    cube
}

/// A field of the transport header. Kernels up to 6.18 read a later fragment's data in its place,
/// where fragments are not put together before.
pub(super) fn behind(all: &Lowering<'_>, place: &Place<'_>, of: Cube, field: Field) -> Vec<Leaf> {
    let mut leaves = vec![Leaf::field(first(of.clone()), field)];
    if all.sees_fragments(place) {
        leaves.push(Leaf::open(later(of)));
    }
    leaves
}

/// Bytes of the transport header that the model does not hold.
fn unread(all: &Lowering<'_>, place: &Place<'_>, of: Cube) -> Vec<Leaf> {
    let whole = if all.sees_fragments(place) {
        of
    } else {
        first(of)
    };
    vec![Leaf::open(whole)]
}

fn with_ports(place: &Place<'_>) -> (Cube, Cube) {
    let any = visible(place, Cube::any(place.family));
    let (mut ports, mut others) = (any.clone(), any);
    ports.protocol = ByteSet::of(|p| Protocol(p).has_ports());
    others.protocol = ports.protocol.complement();
    (ports, others)
}

/// `th sport`, `th dport`: the same bytes of whatever transport header there is.
fn any_port(all: &Lowering<'_>, place: &Place<'_>, field: Field) -> Vec<Leaf> {
    let (ports, others) = with_ports(place);
    let mut leaves = behind(all, place, ports, field);
    leaves.extend(unread(all, place, others));
    if place.family == Family::V6 {
        let hidden = Cube::any(place.family);
        leaves.push(Leaf::open(
            hidden.with_rare(Rare::ExtensionHeaders, &authenticated(true)),
        ));
    }
    leaves
}

impl Lowering<'_> {
    /// What an expression looks at. `bits`: the bits of its value that matter, where the
    /// comparison looks at some only.
    pub(super) fn selector(
        &mut self,
        place: &Place<'_>,
        expr: &Expr,
        bits: Option<u128>,
    ) -> Selector {
        let text = self.text(expr);
        let mut selector = Selector {
            leaves: Vec::new(),
            text,
            lasting: true,
            names: false,
        };
        selector.leaves = self.leaves(place, expr, bits, &mut selector);
        if self.is_rewritten(place, expr) {
            selector.lasting = false;
            for leaf in &mut selector.leaves {
                if let Leaf::Field { of, .. } = leaf {
                    *leaf = Leaf::open(of.clone());
                }
            }
        }
        selector
    }

    fn leaves(
        &mut self,
        place: &Place<'_>,
        expr: &Expr,
        bits: Option<u128>,
        out: &mut Selector,
    ) -> Vec<Leaf> {
        match &expr.kind {
            ExprKind::Meta(key) => self.meta(place, key, out),
            ExprKind::Payload {
                protocol,
                field,
                tunnel: None,
            } => self.payload(place, protocol, field),
            ExprKind::Payload { .. } => vec![Leaf::any(place)],
            ExprKind::RawPayload {
                base,
                offset,
                length,
            } => self.raw(place, base, *offset, *length),
            ExprKind::Ct {
                key,
                reply,
                family: _,
            } => ct::leaves(self, place, key, *reply, bits),
            ExprKind::Fib { flags, result } => {
                out.names = matches!(*result, "oif" | "oifname");
                fib::leaves(self, place, flags, result)
            }
            ExprKind::Exthdr { header, field, .. } => extension(place, header, field.is_some()),
            ExprKind::TcpOption { .. } | ExprKind::RawTcpOption { .. } => {
                unread(self, place, of_protocol(place, Protocol::TCP))
            }
            ExprKind::SctpChunk { .. } => unread(self, place, of_protocol(place, Protocol::SCTP)),
            ExprKind::DccpOption(_) => unread(self, place, of_protocol(place, Protocol::DCCP)),
            ExprKind::IpOption { .. } if place.family == Family::V6 => Vec::new(),
            ExprKind::Numgen { modulus, .. } => {
                out.lasting = false;
                bounded(place, *modulus)
            }
            ExprKind::Hash { modulus, .. } => bounded(place, *modulus),
            ExprKind::Binary { op, left, right } => self.computed(place, *op, left, right, out),
            ExprKind::Map { .. } => {
                out.lasting = false;
                vec![Leaf::any(place)]
            }
            _ => vec![Leaf::any(place)],
        }
    }

    fn computed(
        &mut self,
        place: &Place<'_>,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
        out: &mut Selector,
    ) -> Vec<Leaf> {
        let number = |expr: &Expr| super::value::single(expr, place.family);
        let (inner, constant) = match (number(left), number(right)) {
            (None, Some(constant)) => (left, constant),
            (Some(constant), None)
                if matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor) =>
            {
                (right, constant)
            }
            _ => return vec![Leaf::any(place)],
        };
        let bits = (op == BinaryOp::And).then_some(constant);
        let leaves = self.leaves(place, inner, bits, out);
        let step = |shape: Shape| match op {
            BinaryOp::And => shape.and(constant),
            BinaryOp::Or => shape.or(constant),
            BinaryOp::Xor => shape.xor(constant),
            BinaryOp::ShiftLeft => shape.left(constant),
            BinaryOp::ShiftRight => shape.right(constant),
        };
        leaves
            .into_iter()
            .flat_map(|leaf| leaf.compute(step))
            .collect()
    }

    fn meta(&mut self, place: &Place<'_>, key: &str, out: &mut Selector) -> Vec<Leaf> {
        let any = || Cube::any(place.family);
        let one = |field| vec![Leaf::field(any(), field)];
        match key {
            "l4proto" => transport(place),
            "nfproto" => vec![Leaf::constant(place, place.nfproto())],
            "protocol" => vec![Leaf::constant(place, place.ether_type())],
            "iifname" | "iif" | "sdifname" | "sdif" => {
                out.names = true;
                one(Field::In)
            }
            "oifname" | "oif" => {
                out.names = true;
                outgoing(place)
            }
            "mark" => one(Field::Mark),
            "length" => one(Field::Rare(Rare::Length)),
            // Only frames that were sent to this host are routed on.
            "pkttype" if place.reach.only(&[Hook::Forward, Hook::Output]) => {
                vec![Leaf::constant(place, packet_type::HOST.into())]
            }
            "pkttype" => one(Field::Rare(Rare::PacketType)),
            "skuid" => self.owner(place, Rare::Uid),
            "skgid" => self.owner(place, Rare::Gid),
            "random" => {
                out.lasting = false;
                vec![Leaf::any(place)]
            }
            _ => vec![Leaf::any(place)],
        }
    }

    /// The socket's owner: exact where the host sends, absent where nothing is to or from it.
    fn owner(&self, place: &Place<'_>, field: Rare) -> Vec<Leaf> {
        let any = Cube::any(place.family);
        if place.reach.only(&[Hook::Output]) {
            let owned = Ranges::span(0, u128::from(u32::MAX));
            return vec![Leaf::field(
                any.with_rare(field, &owned),
                Field::Rare(field),
            )];
        }
        if place
            .reach
            .only(&[Hook::Ingress, Hook::Prerouting, Hook::Forward])
        {
            return Vec::new();
        }
        vec![Leaf::open(any)]
    }

    fn payload(&mut self, place: &Place<'_>, protocol: &str, field: &str) -> Vec<Leaf> {
        let any = || Cube::any(place.family);
        let v4 = place.family == Family::V4;
        let rare = |rare, shape| {
            vec![Leaf::Field {
                of: any(),
                field: Field::Rare(rare),
                shape,
            }]
        };
        match (protocol, field) {
            ("ip", _) if !v4 => Vec::new(),
            ("ip6", _) if v4 => Vec::new(),
            ("ip" | "ip6", "saddr") => vec![Leaf::field(any(), Field::Source)],
            ("ip" | "ip6", "daddr") => vec![Leaf::field(any(), Field::Destination)],
            ("ip" | "ip6", "version") => vec![Leaf::constant(place, if v4 { 4 } else { 6 })],
            ("ip" | "ip6", "dscp") => rare(Rare::Tos, Shape::bits(0xfc, 2)),
            ("ip" | "ip6", "ecn") => rare(Rare::Tos, Shape::bits(0x3, 0)),
            ("ip", "protocol") => vec![Leaf::field(any(), Field::Protocol)],
            ("ip", "ttl") | ("ip6", "hoplimit") => time_to_live(place),
            ("ip", "length") => rare(Rare::Length, Shape::SAME),
            ("ip6", "length") => rare(
                Rare::Length,
                Shape {
                    less: 40,
                    ..Shape::SAME
                },
            ),
            ("ip6", "nexthdr") => next_header(place),
            ("ip", "hdrlength") => vec![Leaf::Open {
                of: any(),
                values: Ranges::span(5, 15),
            }],
            ("ip", "frag-off") => self.fragment_offset(place),
            ("ip" | "ip6", _) => vec![Leaf::any(place)],
            ("tcp" | "udp" | "udplite" | "sctp" | "dccp", "sport") => {
                let of = of_protocol(place, transport_protocol(protocol));
                behind(self, place, of, Field::SourcePort)
            }
            ("tcp" | "udp" | "udplite" | "sctp" | "dccp", "dport") => {
                let of = of_protocol(place, transport_protocol(protocol));
                behind(self, place, of, Field::DestinationPort)
            }
            ("tcp", "flags") => {
                behind(self, place, of_protocol(place, Protocol::TCP), Field::Flags)
            }
            ("th", "sport") => any_port(self, place, Field::SourcePort),
            ("th", "dport") => any_port(self, place, Field::DestinationPort),
            ("icmp", _) if !v4 => Vec::new(),
            ("icmpv6", _) if v4 => Vec::new(),
            ("icmp" | "icmpv6", _) => {
                let of = of_protocol(place, transport_protocol(protocol));
                match field {
                    "type" => behind(self, place, of, Field::IcmpType),
                    "code" => behind(self, place, of, Field::IcmpCode),
                    _ => unread(self, place, of),
                }
            }
            ("ether", "saddr") if place.reach.only(&[Hook::Output]) => Vec::new(),
            ("ether", "saddr") => rare(Rare::SourceMac, Shape::SAME),
            ("ether", "type") => vec![Leaf::constant(place, place.ether_type())],
            ("arp", _) => Vec::new(),
            (
                "tcp" | "udp" | "udplite" | "sctp" | "dccp" | "igmp" | "esp" | "ah" | "comp"
                | "gre",
                _,
            ) => {
                let number = transport_protocol(protocol);
                let of = if number == Protocol(51) {
                    let mut of = any();
                    if v4 {
                        of = of.with_protocol(number);
                    }
                    of
                } else {
                    of_protocol(place, number)
                };
                unread(self, place, of)
            }
            _ => vec![Leaf::any(place)],
        }
    }

    /// `ip frag-off`: its low 13 bits are zero in first fragments and whole packets only.
    fn fragment_offset(&self, place: &Place<'_>) -> Vec<Leaf> {
        let any = Cube::any(place.family);
        let flags = |offsets: (u128, u128)| {
            (0..8u128).map(move |flags| (flags << 13 | offsets.0, flags << 13 | offsets.1))
        };
        let zero = Leaf::Open {
            of: first(any.clone()),
            values: Ranges::of(flags((0, 0))),
        };
        let more = Leaf::Open {
            of: later(any),
            values: Ranges::of(flags((1, 0x1fff))),
        };
        vec![zero, more]
    }

    fn raw(&mut self, place: &Place<'_>, base: &str, offset: u32, length: u32) -> Vec<Leaf> {
        let Some(end) = offset
            .checked_add(length)
            .filter(|_| length > 0 && length <= 128)
        else {
            return vec![Leaf::any(place)];
        };
        let within =
            |&&(start, size, _): &&(u32, u32, Field)| start <= offset && end <= start + size;
        let part = |leaves: Vec<Leaf>, start: u32, size: u32| {
            let shift = start + size - end;
            let mask = (u128::MAX >> (u128::BITS - length)) << shift;
            let cut = |leaf: Leaf| leaf.compute(|_| Some(Shape::bits(mask, shift)));
            leaves.into_iter().flat_map(cut).collect::<Vec<_>>()
        };
        let any = Cube::any(place.family);
        match base {
            "nh" => {
                let layout = match place.family {
                    Family::V4 => IP,
                    Family::V6 => IP6,
                };
                let Some(&(start, size, field)) = layout.iter().find(within) else {
                    return vec![Leaf::any(place)];
                };
                let whole = match field {
                    Field::Rare(Rare::NextHeader) => next_header(place),
                    _ => vec![Leaf::field(any, field)],
                };
                part(whole, start, size)
            }
            "th" if end <= 16 => part(any_port(self, place, Field::SourcePort), 0, 16),
            "th" if offset >= 16 && end <= 32 => {
                part(any_port(self, place, Field::DestinationPort), 16, 16)
            }
            "ll" if offset >= 48 && end <= 96 => {
                part(vec![Leaf::field(any, Field::Rare(Rare::SourceMac))], 48, 48)
            }
            "ll" if (offset, length) == (96, 16) => {
                vec![Leaf::constant(place, place.ether_type())]
            }
            _ => vec![Leaf::any(place)],
        }
    }
}

fn bounded(place: &Place<'_>, modulus: u64) -> Vec<Leaf> {
    vec![Leaf::Open {
        of: Cube::any(place.family),
        values: full(32).intersect(&Ranges::span(0, u128::from(modulus.max(1)) - 1)),
    }]
}

/// `ip6 nexthdr`: what the fixed header names. Where that is no extension header it is the
/// protocol.
/// The interface that packets go out by: before routing there is none.
fn outgoing(place: &Place<'_>) -> Vec<Leaf> {
    let any = Cube::any(place.family);
    let before = [Hook::Ingress, Hook::Prerouting];
    if place.reach.only(&before) {
        return vec![Leaf::constant(place, IfName::NONE.0)];
    }
    if place.reach.any(&before) {
        return vec![Leaf::open(any)];
    }
    vec![Leaf::field(any, Field::Out)]
}

/// Time to live, which forwarding counts down before FORWARD.
fn time_to_live(place: &Place<'_>) -> Vec<Leaf> {
    let any = Cube::any(place.family);
    let field = Field::Rare(Rare::Ttl);
    if !place
        .reach
        .any(&[Hook::Forward, Hook::Postrouting, Hook::Egress])
    {
        return vec![Leaf::field(any, field)];
    }
    if place.reach.any(&[Hook::Ingress, Hook::Prerouting]) {
        return vec![Leaf::open(any)];
    }
    let none = Ranges::single(IfName::NONE.0);
    let some = Ranges::full().subtract(&none);
    let by = |incoming: &Ranges<u128>, outgoing: &Ranges<u128>| Cube {
        in_interface: incoming.clone(),
        out_interface: outgoing.clone(),
        ..any.clone()
    };
    let counted = Shape {
        less: 1,
        ..Shape::SAME
    };
    vec![
        Leaf::Field {
            of: by(&some, &some),
            field,
            shape: counted,
        },
        Leaf::field(by(&some, &none), field),
        Leaf::field(by(&none, &Ranges::full()), field),
    ]
}

fn next_header(place: &Place<'_>) -> Vec<Leaf> {
    let any = Cube::any(place.family);
    let rows = (0..=u8::MAX).map(|number| {
        let mut cube = any
            .clone()
            .with_rare(Rare::NextHeader, &Ranges::single(number.into()));
        if !matches!(number, 0 | 43 | 44 | 50 | 51 | 60 | 135) {
            cube = cube.with_protocol(Protocol(number));
        }
        (u128::from(number), vec![cube])
    });
    vec![Leaf::Table(rows.collect())]
}

fn extension(place: &Place<'_>, header: &str, field: bool) -> Vec<Leaf> {
    if place.family == Family::V4 {
        return Vec::new();
    }
    let any = Cube::any(place.family);
    let bit = match header {
        "hbh" => extension_headers::HOP_BY_HOP,
        "rt" => extension_headers::ROUTING,
        "frag" => extension_headers::FRAGMENT,
        "dst" => extension_headers::DESTINATION,
        "mh" => extension_headers::MOBILITY,
        _ => return vec![Leaf::open(any)],
    };
    let with = |present: bool| {
        let all = (0..1u128 << Rare::ExtensionHeaders.bits())
            .filter(|v| (v & u128::from(bit) != 0) == present);
        let values = Ranges::of(all.map(|v| (v, v)));
        any.clone().with_rare(Rare::ExtensionHeaders, &values)
    };
    if field {
        return vec![Leaf::open(with(true))];
    }
    vec![Leaf::Table(vec![
        (0, vec![with(false)]),
        (1, vec![with(true)]),
    ])]
}

fn transport_protocol(name: &str) -> Protocol {
    match name {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "udplite" => Protocol::UDPLITE,
        "sctp" => Protocol::SCTP,
        "dccp" => Protocol::DCCP,
        "icmp" => Protocol::ICMP,
        "icmpv6" => Protocol::ICMPV6,
        "igmp" => Protocol(2),
        "gre" => Protocol(47),
        "esp" => Protocol(50),
        "ah" => Protocol(51),
        _ => Protocol(108),
    }
}
