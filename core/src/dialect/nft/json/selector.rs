//! Selectors.

use super::super::symbols::{self, one_of};
use super::super::syntax::{ExprKind, Family};
use super::Reader;
use super::node::{Node, Parsed};

impl Reader<'_> {
    /// The selector of this name, if it is one.
    pub(super) fn selector(&mut self, name: &str, inside: Node<'_>) -> Parsed<Option<ExprKind>> {
        Ok(Some(match name {
            "meta" => {
                let key = inside.need("key")?;
                let known = key.text().and_then(symbols::meta);
                ExprKind::Meta(known.ok_or_else(|| key.expected("a key of `meta`"))?)
            }
            "payload" => payload(inside)?,
            "ct" => ct(inside)?,
            "exthdr" => exthdr(inside)?,
            "tcp option" => tcp_option(inside)?,
            "ip option" => {
                let (name, field) = named_field(inside)?;
                ExprKind::IpOption { name, field }
            }
            "sctp chunk" => {
                let (name, field) = named_field(inside)?;
                ExprKind::SctpChunk { name, field }
            }
            "dccp option" => ExprKind::DccpOption(inside.need("type")?.number()?),
            "fib" => fib(inside)?,
            "rt" => ExprKind::Rt {
                key: keyword(inside.need("key")?, &["classid", "nexthop", "mtu", "ipsec"])?,
                family: family(inside)?,
            },
            "socket" => ExprKind::Socket {
                key: keyword(
                    inside.need("key")?,
                    &["transparent", "mark", "wildcard", "cgroupv2"],
                )?,
                level: inside.get("level").map(Node::number).transpose()?,
            },
            "osf" => ExprKind::Osf {
                key: keyword(inside.need("key")?, &["name", "version"])?,
                ttl: inside
                    .get("ttl")
                    .map(|ttl| keyword(ttl, &["loose", "skip"]))
                    .transpose()?,
            },
            "ipsec" => ExprKind::Ipsec {
                key: keyword(inside.need("key")?, &["reqid", "spi", "saddr", "daddr"])?,
                out: keyword(inside.need("dir")?, &["in", "out"])? == "out",
                spnum: optional(inside, "spnum")?,
                family: family(inside)?,
            },
            "numgen" => ExprKind::Numgen {
                mode: keyword(inside.need("mode")?, &["inc", "random"])?,
                modulus: inside.need("mod")?.number()?,
                offset: optional(inside, "offset")?,
            },
            "jhash" | "symhash" => ExprKind::Hash {
                of: match inside.get("expr") {
                    Some(of) => Some(Box::new(self.expression(of)?)),
                    None => None,
                },
                modulus: inside.need("mod")?.number()?,
                seed: inside.get("seed").map(Node::number).transpose()?,
                offset: optional(inside, "offset")?,
            },
            _ => return Ok(None),
        }))
    }
}

fn optional<T: TryFrom<u128> + Default>(node: Node<'_>, name: &str) -> Parsed<T> {
    node.get(name).map_or(Ok(T::default()), Node::number)
}

fn keyword(node: Node<'_>, known: &[&'static str]) -> Parsed<&'static str> {
    node.text()
        .and_then(|text| one_of(known, text))
        .ok_or_else(|| node.expected(&format!("one of {}", known.join(", "))))
}

/// The property `family`.
pub(super) fn family(node: Node<'_>) -> Parsed<Option<Family>> {
    let Some(node) = node.get("family") else {
        return Ok(None);
    };
    match node.text().and_then(symbols::family) {
        Some(family) => Ok(Some(family)),
        None => Err(node.expected("a family such as `ip`")),
    }
}

fn payload(node: Node<'_>) -> Parsed<ExprKind> {
    if let Some(base) = node.get("base") {
        return Ok(ExprKind::RawPayload {
            base: keyword(base, &["ll", "nh", "th", "ih"])?,
            offset: node.need("offset")?.number()?,
            length: node.need("len")?.number()?,
        });
    }
    let protocol = node.need("protocol")?.string("a protocol")?;
    let field = node.need("field")?;
    let name = field.string("a field")?;
    let Some((protocol, field, _)) = symbols::payload(protocol, name) else {
        return Err(field.fault(format!("expected a field of `{protocol}`, found `{name}`")));
    };
    let tunnel = match node.get("tunnel") {
        Some(tunnel) => Some(
            tunnel
                .text()
                .and_then(symbols::tunnel)
                .ok_or_else(|| tunnel.expected("a tunnel such as `vxlan`"))?,
        ),
        None => None,
    };
    Ok(ExprKind::Payload {
        protocol,
        field,
        tunnel,
    })
}

/// Addresses have their family in the key (`ip saddr`) or beside it.
fn ct(node: Node<'_>) -> Parsed<ExprKind> {
    let key = node.need("key")?;
    let text = key.string("a key of `ct`")?;
    let (inside, text) = match text.split_once(' ') {
        Some((family, text)) => (symbols::family(family), text),
        None => (None, text),
    };
    let reply = match node.get("dir") {
        Some(dir) => Some(keyword(dir, &["original", "reply"])? == "reply"),
        None => None,
    };
    let beside = family(node)?;
    let key = symbols::ct(text).ok_or_else(|| key.expected("a key of `ct`"))?;
    Ok(ExprKind::Ct {
        key,
        reply,
        family: inside.or(beside),
    })
}

fn exthdr(node: Node<'_>) -> Parsed<ExprKind> {
    let name = node.need("name")?;
    let header = name
        .text()
        .and_then(symbols::extension_header)
        .ok_or_else(|| name.expected("an extension header"))?;
    let mut offset = optional(node, "offset")?;
    let Some(field) = node.get("field") else {
        return Ok(ExprKind::Exthdr {
            header,
            field: None,
            offset,
        });
    };
    let text = field.string("a field")?;
    let (text, index) = match text.split_once('[') {
        Some((text, index)) => (text, Some(index.trim_end_matches(']'))),
        None => (text, None),
    };
    if let Some(index) = index {
        offset = index
            .parse()
            .map_err(|_| field.expected("a field with a number in brackets"))?;
    }
    let known = symbols::extension_field(header, text);
    let (known, _) = known.ok_or_else(|| field.expected(&format!("a field of `{header}`")))?;
    Ok(ExprKind::Exthdr {
        header,
        field: Some(known),
        offset,
    })
}

fn tcp_option(node: Node<'_>) -> Parsed<ExprKind> {
    if let Some(base) = node.get("base") {
        return Ok(ExprKind::RawTcpOption {
            number: base.number()?,
            offset: node.need("offset")?.number()?,
            length: node.need("len")?.number()?,
        });
    }
    let (name, field) = named_field(node)?;
    Ok(ExprKind::TcpOption {
        name: symbols::tcp_option(&name).into(),
        field,
    })
}

fn named_field(node: Node<'_>) -> Parsed<(Box<str>, Option<Box<str>>)> {
    let name = node.need("name")?.string("a name")?.into();
    let field = match node.get("field") {
        Some(field) => Some(field.string("a field")?.into()),
        None => None,
    };
    Ok((name, field))
}

fn fib(node: Node<'_>) -> Parsed<ExprKind> {
    let known = ["saddr", "daddr", "mark", "iif", "oif"];
    let mut flags = Vec::new();
    if let Some(given) = node.get("flags") {
        for flag in given.one_or_more() {
            flags.push(keyword(flag, &known)?);
        }
    }
    flags.sort_by_key(|flag| known.iter().position(|word| word == flag));
    let result = keyword(node.need("result")?, &["oif", "oifname", "type", "check"])?;
    Ok(ExprKind::Fib { flags, result })
}
