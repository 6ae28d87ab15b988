//! A packet to send.

use portwright::engine::PacketInput;
use portwright::firewall::Hook;
use portwright::net::{Family, Protocol};
use portwright::packet::{CtState, Fragment, Rare, tcp_flags};
use serde_json::{Map, Value, json};

/// A packet to send, and what it is to be part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Where routing sends it before any rewriting: INPUT, FORWARD or OUTPUT.
    pub hook: Hook,
    /// IPv4 or IPv6.
    pub family: Family,
    /// Source address as a number.
    pub source: u128,
    /// Destination address as a number.
    pub destination: u128,
    /// IP protocol.
    pub protocol: Protocol,
    /// Source port; for ICMP the type.
    pub source_port: u16,
    /// Destination port; for ICMP the code.
    pub destination_port: u16,
    /// TCP flags.
    pub flags: u8,
    /// The conntrack state that a flow is set up for.
    pub state: CtState,
    /// Interface that it comes in by; empty at OUTPUT.
    pub in_interface: String,
    /// Interface that it goes out by, as far as routing tells; empty at INPUT.
    pub out_interface: String,
    /// Packet mark that it has from the beginning.
    pub mark: u32,
    /// Time to live, hop limit.
    pub ttl: u8,
    /// Type of service, traffic class.
    pub tos: u8,
    /// Hardware address of its sender; the rig's own when none.
    pub source_mac: Option<[u8; 6]>,
    /// None for a whole packet.
    pub fragment: Option<Fragment>,
    /// IPv6 extension headers, in order.
    pub headers: Vec<Header>,
    /// Length of the IP packet in bytes, where it is longer than its headers.
    pub length: u16,
    /// User who sends it at OUTPUT.
    pub uid: u32,
}

/// An IPv6 extension header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Header {
    /// Hop-by-hop options.
    HopByHop,
    /// Destination options.
    Destination,
    /// Fragment header of a whole packet.
    Fragment,
    /// Authentication header.
    Authentication,
}

impl Header {
    /// All of them, in the order in which they stand in a packet.
    pub const ALL: [Self; 4] = [
        Self::HopByHop,
        Self::Fragment,
        Self::Authentication,
        Self::Destination,
    ];

    /// As `trace --packets` names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HopByHop => "hbh",
            Self::Destination => "dst",
            Self::Fragment => "frag",
            Self::Authentication => "ah",
        }
    }

    /// Its number in a `next header` field.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::HopByHop => 0,
            Self::Destination => 60,
            Self::Fragment => 44,
            Self::Authentication => 51,
        }
    }
}

impl Probe {
    /// A packet of a new connection, with nothing special about it.
    #[must_use]
    pub fn new(hook: Hook, family: Family, source: u128, destination: u128) -> Self {
        Self {
            hook,
            family,
            source,
            destination,
            protocol: Protocol::TCP,
            source_port: 40_000,
            destination_port: 0,
            flags: tcp_flags::SYN,
            state: CtState::New,
            in_interface: String::new(),
            out_interface: String::new(),
            mark: 0,
            ttl: 64,
            tos: 0,
            source_mac: None,
            fragment: None,
            headers: Vec::new(),
            length: 0,
            uid: 0,
        }
    }

    /// Reads a packet as `trace --packets` takes it; of what it does not say, the defaults.
    ///
    /// # Errors
    ///
    /// What is wrong with a field, and what was expected.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let mut value = value.clone();
        let mut own = |key: &str| {
            let number = value.as_object_mut().and_then(|fields| fields.remove(key));
            number.and_then(|number| number.as_u64())
        };
        let (uid, length) = (own("uid"), own("length"));
        let input: PacketInput = serde_json::from_value(value).map_err(|e| e.to_string())?;
        let mut probe = Self::from_input(&input)?;
        probe.uid = uid.and_then(|uid| u32::try_from(uid).ok()).unwrap_or(0);
        probe.length = length.and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
        Ok(probe)
    }

    /// The same packet, to send.
    ///
    /// # Errors
    ///
    /// What is wrong with a field, and what was expected.
    pub fn from_input(input: &PacketInput) -> Result<Self, String> {
        let (hook, packet) = input.packet()?;
        let headers = input.extension_headers.iter().flatten();
        let headers = headers.map(|name| {
            let known = Header::ALL.into_iter().find(|header| header.name() == name);
            known.ok_or_else(|| {
                format!("the extension header `{name}` cannot be sent, expected `hbh`, `dst`, `frag` or `ah`")
            })
        });
        let mut probe = Self {
            hook,
            family: packet.family,
            source: packet.source,
            destination: packet.destination,
            protocol: packet.protocol,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            flags: packet.flags,
            state: packet.state,
            in_interface: packet.in_interface.to_string(),
            out_interface: packet.out_interface.to_string(),
            mark: packet.mark,
            ttl: packet
                .rare
                .get(Rare::Ttl)
                .and_then(|ttl| u8::try_from(ttl).ok())
                .unwrap_or(64),
            tos: input.tos.unwrap_or(0),
            source_mac: input.src_mac.as_deref().map(hardware_address).transpose()?,
            fragment: input.fragment.as_ref().map(|_| packet.fragment),
            headers: headers.collect::<Result<_, _>>()?,
            length: 0,
            uid: 0,
        };
        probe.normalise();
        Ok(probe)
    }

    /// Fields that its protocol does not have become zero.
    pub fn normalise(&mut self) {
        if self.protocol != Protocol::TCP {
            self.flags = 0;
        }
        if self.protocol.is_icmp() {
            self.source_port &= 0xff;
            self.destination_port &= 0xff;
        } else if !self.protocol.has_ports() {
            (self.source_port, self.destination_port) = (0, 0);
        }
        if self.family == Family::V4 {
            self.headers.clear();
        }
    }

    /// As `trace --packets` takes it. Fields at their defaults are left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut set = |key: &str, value: Value| {
            fields.insert(key.to_owned(), value);
        };
        set("hook", json!(self.hook.to_string()));
        set("src", json!(self.family.address(self.source)));
        set("dst", json!(self.family.address(self.destination)));
        set("proto", json!(self.protocol.0));
        set("ct_state", json!(self.state.name()));
        if self.state.is_reply() {
            set("ct_dir", json!("reply"));
        }
        if self.protocol.is_icmp() {
            set("icmp_type", json!(self.source_port));
            set("icmp_code", json!(self.destination_port));
        } else if self.protocol.has_ports() {
            set("sport", json!(self.source_port));
            set("dport", json!(self.destination_port));
        }
        if self.protocol == Protocol::TCP {
            let letters = tcp_flags::LETTERS.iter();
            let letters = letters.filter(|(_, bit)| self.flags & bit != 0);
            set(
                "tcp_flags",
                json!(letters.map(|(l, _)| *l).collect::<String>()),
            );
        }
        for (key, name) in [
            ("iface_in", &self.in_interface),
            ("iface_out", &self.out_interface),
        ] {
            if !name.is_empty() {
                set(key, json!(name));
            }
        }
        for (key, value, default) in [
            ("mark", self.mark, 0),
            ("ttl", self.ttl.into(), 0),
            ("tos", self.tos.into(), 0),
            ("uid", self.uid, 0),
            ("length", self.length.into(), 0),
        ] {
            if value != default {
                set(key, json!(value));
            }
        }
        if let Some(mac) = self.source_mac {
            let bytes = mac.map(|byte| format!("{byte:02x}"));
            set("src_mac", json!(bytes.join(":")));
        }
        match self.fragment {
            Some(Fragment::First) => set("fragment", json!("first")),
            Some(Fragment::Later) => set("fragment", json!("later")),
            None => {}
        }
        if !self.headers.is_empty() {
            let names: Vec<&str> = self.headers.iter().map(|header| header.name()).collect();
            set("extension_headers", json!(names));
        }
        Value::Object(fields)
    }
}

/// Six bytes as `02:00:00:00:00:01`.
fn hardware_address(text: &str) -> Result<[u8; 6], String> {
    let bytes: Option<Vec<u8>> = text
        .split([':', '-'])
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            format!("`src_mac` is `{text}`, expected six bytes such as `02:00:00:00:00:01`")
        })
}
