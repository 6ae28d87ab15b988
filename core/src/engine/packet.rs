//! Packets as people and programs write them.

use crate::firewall::Hook;
use crate::net::{Family, Protocol, number};
use crate::packet::{
    CtState, Fragment, IfName, Packet, Rare, RareValues, extension_headers, packet_type, tcp_flags,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A packet as `trace --packets` takes it: one JSON object a line. Absent fields take the
/// defaults named here.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PacketInput {
    /// Comes back with the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<serde_json::Value>,
    /// Source address.
    pub src: String,
    /// Destination address.
    pub dst: String,
    /// Protocol name or number; `tcp`.
    pub proto: Option<ProtocolInput>,
    /// Source port; 40000 for protocols with ports.
    pub sport: Option<u16>,
    /// Destination port; 0.
    pub dport: Option<u16>,
    /// ICMP type; echo request.
    pub icmp_type: Option<u8>,
    /// ICMP code; 0.
    pub icmp_code: Option<u8>,
    /// TCP flags as letters out of FSRPAUEC; `S`.
    pub tcp_flags: Option<String>,
    /// `NEW`, `ESTABLISHED`, `RELATED`, `INVALID` or `UNTRACKED`; `NEW`.
    pub ct_state: Option<String>,
    /// `orig` or `reply`; `orig`.
    pub ct_dir: Option<String>,
    /// `input`, `forward` or `output`: where routing sends it; `input`.
    pub hook: Option<String>,
    /// Interface that it came in by.
    pub iface_in: Option<String>,
    /// Interface that it goes out by.
    pub iface_out: Option<String>,
    /// Packet mark; 0.
    pub mark: Option<u32>,
    /// Connection mark; 0.
    pub ct_mark: Option<u32>,
    /// Time to live, or hop limit; 64, and 255 for neighbour discovery.
    pub ttl: Option<u8>,
    /// Type of service, or traffic class; 0.
    pub tos: Option<u8>,
    /// Length of the IP packet in bytes. Where it is not given, an answer that asks for it is
    /// unknown; so it is with the fields that follow.
    pub length: Option<u16>,
    /// Source hardware address, `52:54:00:12:34:56`.
    pub src_mac: Option<String>,
    /// How the frame is addressed: `unicast`, `broadcast`, `multicast` or `other`; as the
    /// destination address is.
    pub pkt_type: Option<String>,
    /// User that owns the sending socket.
    pub uid: Option<u32>,
    /// Group that owns the sending socket.
    pub gid: Option<u32>,
    /// `first` or `later`; whole packets count as first.
    pub fragment: Option<String>,
    /// IPv6 extension headers before the transport header; filters look behind them.
    pub extension_headers: Option<Vec<String>>,
}

/// A protocol by name or number.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ProtocolInput {
    /// A number.
    Number(u8),
    /// A name of /etc/protocols.
    Name(String),
}

impl PacketInput {
    /// The packet and where routing sends it.
    ///
    /// # Errors
    ///
    /// What is wrong with a field, and what was expected.
    pub fn packet(&self) -> Result<(Hook, Packet), String> {
        let source = address("src", &self.src)?;
        let destination = address("dst", &self.dst)?;
        let family = Family::of(source);
        if Family::of(destination) != family {
            return Err(format!(
                "`src` {source} and `dst` {destination} are not of one family"
            ));
        }
        let protocol = match &self.proto {
            None => Protocol::TCP,
            Some(ProtocolInput::Number(n)) => Protocol(*n),
            Some(ProtocolInput::Name(name)) => Protocol::parse(name).ok_or_else(|| {
                format!(
                    "`proto` is `{name}`, expected a name of /etc/protocols or a number up to 255"
                )
            })?,
        };
        let hook = match self.hook.as_deref().unwrap_or("input") {
            "input" => Hook::Input,
            "forward" => Hook::Forward,
            "output" => Hook::Output,
            other => {
                return Err(format!(
                    "`hook` is `{other}`, expected `input`, `forward` or `output`"
                ));
            }
        };
        let fragment = match self.fragment.as_deref() {
            None | Some("first") => Fragment::First,
            Some("later") => Fragment::Later,
            Some(other) => {
                return Err(format!(
                    "`fragment` is `{other}`, expected `first` or `later`"
                ));
            }
        };
        let (source_port, destination_port) = self.ports(protocol, family);
        let interface = |field: &str, name: Option<&String>| match name {
            None => Ok(IfName::NONE),
            Some(name) => IfName::new(name).ok_or_else(|| {
                format!(
                    "`{field}` is `{name}`, expected an interface name of at most 15 characters"
                )
            }),
        };
        let tcp = protocol == Protocol::TCP && fragment == Fragment::First;
        let packet = Packet {
            family,
            protocol,
            source: number(source),
            destination: number(destination),
            source_port,
            destination_port,
            flags: if tcp {
                flags(self.tcp_flags.as_deref().unwrap_or("S"))?
            } else {
                0
            },
            state: self.state()?,
            in_interface: interface("iface_in", self.iface_in.as_ref())?,
            out_interface: interface("iface_out", self.iface_out.as_ref())?,
            mark: self.mark.unwrap_or(0),
            conn_mark: self.ct_mark.unwrap_or(0),
            rare: self.rare(protocol, destination)?,
            fragment,
        };
        Ok((hook, packet))
    }

    /// What is given of the fields that few rules test.
    fn rare(&self, protocol: Protocol, destination: IpAddr) -> Result<RareValues, String> {
        let mut values = RareValues::default();
        // Neighbour discovery is valid with hop limit 255 only (RFC 4861): hosts send it so.
        let discovery = protocol == Protocol::ICMPV6
            && self
                .icmp_type
                .is_some_and(|kind| (133..=137).contains(&kind));
        let usual = if discovery { 255 } else { 64 };
        values.set(Rare::Ttl, self.ttl.unwrap_or(usual).into());
        values.set(Rare::Tos, self.tos.unwrap_or(0).into());
        let given = [
            (Rare::Length, self.length.map(u128::from)),
            (Rare::Uid, self.uid.map(u128::from)),
            (Rare::Gid, self.gid.map(u128::from)),
        ];
        for (field, value) in given {
            if let Some(value) = value {
                values.set(field, value);
            }
        }
        if let Some(text) = &self.src_mac {
            let address = hardware_address(text).ok_or_else(|| {
                format!("`src_mac` is `{text}`, expected six bytes such as `52:54:00:12:34:56`")
            })?;
            values.set(Rare::SourceMac, address);
        }
        let by_address = match destination {
            IpAddr::V4(Ipv4Addr::BROADCAST) => packet_type::BROADCAST,
            to if to.is_multicast() => packet_type::MULTICAST,
            _ => packet_type::HOST,
        };
        values.set(Rare::PacketType, by_address.into());
        if let Some(text) = &self.pkt_type {
            let kind = match text.as_str() {
                "unicast" | "host" => packet_type::HOST,
                "broadcast" => packet_type::BROADCAST,
                "multicast" => packet_type::MULTICAST,
                "other" => packet_type::OTHER,
                _ => {
                    return Err(format!(
                        "`pkt_type` is `{text}`, expected `unicast`, `broadcast`, `multicast` or `other`"
                    ));
                }
            };
            values.set(Rare::PacketType, kind.into());
        }
        self.headers(protocol, &mut values)?;
        Ok(values)
    }

    /// The extension headers, and the first of them as the fixed header names it.
    fn headers(&self, protocol: Protocol, values: &mut RareValues) -> Result<(), String> {
        let mut all = 0;
        let mut first = None;
        for name in self.extension_headers.iter().flatten() {
            let (bit, number) = match name.as_str() {
                "hbh" => (extension_headers::HOP_BY_HOP, 0),
                "rt" => (extension_headers::ROUTING, 43),
                "frag" => (extension_headers::FRAGMENT, 44),
                "ah" => (extension_headers::AUTHENTICATION, 51),
                "dst" => (extension_headers::DESTINATION, 60),
                "esp" => (extension_headers::ENCRYPTED, 50),
                "mh" => (extension_headers::MOBILITY, 135),
                _ => {
                    return Err(format!(
                        "`extension_headers` holds `{name}`, expected `hbh`, `dst`, `rt`, `frag`, `ah`, `esp` or `mh`"
                    ));
                }
            };
            all |= bit;
            first = first.or(Some(number));
        }
        // A fragment of IPv6 has the header that says so.
        if self.fragment.is_some() && protocol != Protocol::ICMP {
            all |= extension_headers::FRAGMENT;
            first = first.or(Some(44));
        }
        values.set(Rare::ExtensionHeaders, all.into());
        values.set(Rare::NextHeader, first.unwrap_or(protocol.0.into()));
        Ok(())
    }

    fn ports(&self, protocol: Protocol, family: Family) -> (u16, u16) {
        if protocol.is_icmp() {
            let echo = if family == Family::V6 { 128 } else { 8 };
            let kind = self.icmp_type.unwrap_or(echo);
            return (u16::from(kind), u16::from(self.icmp_code.unwrap_or(0)));
        }
        if protocol.has_ports() {
            return (self.sport.unwrap_or(40000), self.dport.unwrap_or(0));
        }
        (0, 0)
    }

    fn state(&self) -> Result<CtState, String> {
        let reply = match self.ct_dir.as_deref().unwrap_or("orig") {
            "orig" | "original" => false,
            "reply" => true,
            other => return Err(format!("`ct_dir` is `{other}`, expected `orig` or `reply`")),
        };
        let name = self.ct_state.as_deref().unwrap_or("NEW");
        match (name.to_ascii_uppercase().as_str(), reply) {
            ("NEW", _) => Ok(CtState::New),
            ("ESTABLISHED", false) => Ok(CtState::Established),
            ("ESTABLISHED", true) => Ok(CtState::EstablishedReply),
            ("RELATED", false) => Ok(CtState::Related),
            ("RELATED", true) => Ok(CtState::RelatedReply),
            ("INVALID", _) => Ok(CtState::Invalid),
            ("UNTRACKED", _) => Ok(CtState::Untracked),
            _ => Err(format!(
                "`ct_state` is `{name}`, expected `NEW`, `ESTABLISHED`, `RELATED`, `INVALID` or `UNTRACKED`"
            )),
        }
    }
}

/// Six bytes in hexadecimal, as a number.
fn hardware_address(text: &str) -> Option<u128> {
    let mut value = 0;
    let mut count = 0;
    for part in text.split([':', '-']) {
        let byte = u8::from_str_radix(part, 16).ok()?;
        value = value << 8 | u128::from(byte);
        count += 1;
    }
    (count == 6).then_some(value)
}

fn address(field: &str, text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| format!("`{field}` is `{text}`, expected an IPv4 or IPv6 address"))
}

/// Letters (`SA`) or words (`syn,ack`); `none` for none.
fn flags(text: &str) -> Result<u8, String> {
    let words = [
        ("FIN", tcp_flags::FIN),
        ("SYN", tcp_flags::SYN),
        ("RST", tcp_flags::RST),
        ("PSH", tcp_flags::PSH),
        ("ACK", tcp_flags::ACK),
        ("URG", tcp_flags::URG),
        ("ECE", tcp_flags::ECE),
        ("CWR", tcp_flags::CWR),
    ];
    let mut all = 0;
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let upper = part.to_ascii_uppercase();
        if upper == "NONE" {
            continue;
        }
        if let Some((_, bit)) = words.iter().find(|(word, _)| *word == upper) {
            all |= bit;
            continue;
        }
        for letter in upper.chars() {
            let known = tcp_flags::LETTERS.iter().find(|(name, _)| *name == letter);
            let Some((_, bit)) = known else {
                return Err(format!(
                    "TCP flags are `{text}`, expected letters out of FSRPAUEC or words such as `syn,ack`"
                ));
            };
            all |= bit;
        }
    }
    Ok(all)
}

/// Reads `in=eth0 tcp 10.0.0.5:40000 > 10.0.0.9:6443 state=new flags=syn`. IPv6 addresses with
/// ports stand in brackets. Keys: `in`, `out`, `hook`, `state`, `dir`, `flags`, `type`, `code`,
/// `mark`, `fragment`.
///
/// # Errors
///
/// What is wrong, and what was expected.
pub fn parse_packet(text: &str) -> Result<PacketInput, String> {
    let mut input = PacketInput::default();
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        match word.split_once('=') {
            Some((key, value)) => set(&mut input, key, value)?,
            None => words.push(word),
        }
    }
    let words: Vec<&str> = words.into_iter().flat_map(split_arrow).collect();
    let [protocol, source, ">", destination] = words.as_slice() else {
        return Err(format!(
            "`{text}` is not a packet, expected `PROTOCOL SOURCE > DESTINATION` and `key=value` pairs, for example `in=eth0 tcp 10.0.0.5:40000 > 10.0.0.9:6443 state=new`"
        ));
    };
    input.proto = Some(match protocol.parse() {
        Ok(number) => ProtocolInput::Number(number),
        Err(_) => ProtocolInput::Name((*protocol).into()),
    });
    (input.src, input.sport) = endpoint(source)?;
    (input.dst, input.dport) = endpoint(destination)?;
    if input.hook.is_none() {
        // What only leaves was made here; what enters and leaves passes through.
        let hook = match (&input.iface_in, &input.iface_out) {
            (None, Some(_)) => "output",
            (Some(_), Some(_)) => "forward",
            _ => "input",
        };
        input.hook = Some(hook.into());
    }
    Ok(input)
}

/// `a>b` without blanks around the arrow.
fn split_arrow(word: &str) -> Vec<&str> {
    match word.split_once('>') {
        Some((before, after)) => {
            let parts = [before, ">", after];
            parts.into_iter().filter(|part| !part.is_empty()).collect()
        }
        None => vec![word],
    }
}

fn set(input: &mut PacketInput, key: &str, value: &str) -> Result<(), String> {
    let text = Some(value.to_owned());
    let byte = || {
        let wrong = |_| format!("`{key}` is `{value}`, expected a number up to 255");
        value.parse::<u8>().map(Some).map_err(wrong)
    };
    match key {
        "in" => input.iface_in = text,
        "out" => input.iface_out = text,
        "hook" => input.hook = text,
        "state" => input.ct_state = text,
        "dir" => input.ct_dir = text,
        "flags" => input.tcp_flags = text,
        "type" => input.icmp_type = byte()?,
        "code" => input.icmp_code = byte()?,
        "fragment" => input.fragment = text,
        "mark" => {
            let parsed = match value.strip_prefix("0x") {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => value.parse(),
            };
            let wrong = |_| format!("`mark` is `{value}`, expected a number such as `0x10`");
            input.mark = Some(parsed.map_err(wrong)?);
        }
        _ => {
            return Err(format!(
                "unknown key `{key}`, expected `in`, `out`, `hook`, `state`, `dir`, `flags`, `type`, `code`, `mark` or `fragment`"
            ));
        }
    }
    Ok(())
}

fn endpoint(text: &str) -> Result<(String, Option<u16>), String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok((address.to_string(), None));
    }
    let wrong = || {
        format!(
            "`{text}` is not an address, expected `10.0.0.5`, `10.0.0.5:443`, `fd00::5` or `[fd00::5]:443`"
        )
    };
    let (address, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let inner = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address: IpAddr = match inner {
        Some(v6) => v6.parse::<Ipv6Addr>().map_err(|_| wrong())?.into(),
        None => address.parse::<Ipv4Addr>().map_err(|_| wrong())?.into(),
    };
    Ok((address.to_string(), Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_display_agree() {
        for text in [
            "in=eth0 tcp 10.0.0.5:40000 > 10.0.0.9:6443 state=new flags=S",
            "in=eth0 udp [fd00::5]:40000 > [fd00::9]:53 state=new",
            "in=cali1 out=eth1 icmp 10.0.0.5 > 10.0.0.9 type=8 code=0 state=established dir=reply",
            "out=eth0 94 10.0.0.5 > 10.0.0.9 state=new",
            "in=eth0 tcp 10.0.0.5 > 10.0.0.9 state=untracked mark=0x10 fragment=later",
        ] {
            let packet = parse_packet(text).and_then(|input| input.packet());
            assert_eq!(packet.map(|(_, p)| p.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn errors_say_what_was_expected() {
        for (text, wanted) in [
            ("", "is not a packet"),
            (
                "tcp 10.0.0.1:1 10.0.0.2:2",
                "expected `PROTOCOL SOURCE > DESTINATION`",
            ),
            ("tcp 10.0.0.300:1 > 10.0.0.2:2", "is not an address"),
            ("tcp 10.0.0.1:1 > fd00::1", "not of one family"),
            (
                "xyz 10.0.0.1 > 10.0.0.2",
                "expected a name of /etc/protocols",
            ),
            (
                "tcp 10.0.0.1:1 > 10.0.0.2:2 flags=Q",
                "letters out of FSRPAU",
            ),
            (
                "tcp 10.0.0.1:1 > 10.0.0.2:2 colour=red",
                "unknown key `colour`",
            ),
            (
                "tcp 10.0.0.1:1 > 10.0.0.2:2 state=old",
                "`ct_state` is `old`",
            ),
            ("tcp 10.0.0.1:1 > 10.0.0.2:70000", "is not an address"),
            (
                "in=a-very-long-interface tcp 10.0.0.1:1 > 10.0.0.2:2",
                "at most 15 characters",
            ),
        ] {
            let error = parse_packet(text)
                .and_then(|input| input.packet())
                .err()
                .unwrap_or_default();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
