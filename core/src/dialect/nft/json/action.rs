//! Statements that count, limit, log, refuse, translate or hand on.

use super::super::symbols;
use super::super::syntax::{
    Counter, Expr, Limit, Log, Nat, NatKind, Quota, Reject, StatementKind, Synproxy,
};
use super::Reader;
use super::node::{Node, Parsed};
use super::selector::family;

impl Reader<'_> {
    /// The statement of this name, if it is one of these.
    pub(super) fn other_action(
        &mut self,
        name: &str,
        inside: Node<'_>,
    ) -> Parsed<Option<StatementKind>> {
        Ok(Some(match name {
            "counter" => StatementKind::Counter(counter(inside)?),
            "limit" => StatementKind::Limit(limit(inside)?),
            "quota" => StatementKind::Quota(quota(inside)?),
            "last" => StatementKind::Last,
            "ct count" => StatementKind::CtCount {
                count: inside.need("val")?.number()?,
                over: switch(inside, "inv"),
            },
            "log" => StatementKind::Log(log(inside)?),
            "reject" => StatementKind::Reject(reject(inside)?),
            "notrack" => StatementKind::Notrack,
            "synproxy" => StatementKind::Synproxy(synproxy(inside)?),
            "flow" => {
                let table = inside.need("flowtable")?.string("a flowtable")?;
                StatementKind::FlowOffload(table.strip_prefix('@').unwrap_or(table).into())
            }
            "snat" => self.nat(NatKind::Snat, inside)?,
            "dnat" => self.nat(NatKind::Dnat, inside)?,
            "masquerade" => self.nat(NatKind::Masquerade, inside)?,
            "redirect" => self.nat(NatKind::Redirect, inside)?,
            "queue" => StatementKind::Queue {
                number: self.optional(inside, "num")?,
                bypass: flags(inside, "flags").contains(&"bypass"),
                fanout: flags(inside, "flags").contains(&"fanout"),
            },
            "tproxy" => StatementKind::Tproxy {
                family: family(inside)?,
                address: self.optional(inside, "addr")?,
                port: self.optional(inside, "port")?,
            },
            "dup" => StatementKind::Dup {
                to: self.expression(inside.need("addr")?)?,
                device: self.optional(inside, "dev")?,
            },
            "fwd" => StatementKind::Fwd {
                device: self.expression(inside.need("dev")?)?,
                address: self.optional(inside, "addr")?,
                family: family(inside)?,
            },
            _ => return Ok(None),
        }))
    }

    fn optional(&mut self, node: Node<'_>, name: &str) -> Parsed<Option<Expr>> {
        node.get(name).map(|node| self.expression(node)).transpose()
    }

    fn nat(&mut self, kind: NatKind, node: Node<'_>) -> Parsed<StatementKind> {
        let kinds = flags(node, "type_flags");
        Ok(StatementKind::Nat(Nat {
            kind,
            family: family(node)?,
            address: self.optional(node, "addr")?,
            port: self.optional(node, "port")?,
            flags: flags(node, "flags").into_iter().map(Into::into).collect(),
            prefix: kinds.contains(&"prefix"),
            concat: kinds.contains(&"concat"),
        }))
    }
}

/// The words of a property that is a word or an array of words.
fn flags<'t>(node: Node<'t>, name: &str) -> Vec<&'t str> {
    node.get(name)
        .map(Node::one_or_more)
        .unwrap_or_default()
        .into_iter()
        .filter_map(Node::text)
        .collect()
}

fn switch(node: Node<'_>, name: &str) -> bool {
    node.get(name).and_then(Node::switch) == Some(true)
}

pub(super) fn counter(node: Node<'_>) -> Parsed<Counter> {
    Ok(Counter {
        packets: node.get("packets").map(Node::number).transpose()?,
        bytes: node.get("bytes").map(Node::number).transpose()?,
    })
}

/// A number times its unit, and whether the unit is one of bytes.
fn amount(node: Node<'_>, number: &str, unit: &str) -> Parsed<Option<(u64, bool)>> {
    let Some(value) = node.get(number) else {
        return Ok(None);
    };
    let amount: u64 = value.number()?;
    let scale = match node.get(unit).and_then(Node::text) {
        None | Some("packets") => return Ok(Some((amount, false))),
        Some(name) => symbols::byte_unit(name),
    };
    let bytes = scale.and_then(|scale| amount.checked_mul(scale));
    match bytes {
        Some(bytes) => Ok(Some((bytes, true))),
        None => Err(value.expected("a number of `bytes`, `kbytes` or `mbytes`")),
    }
}

pub(super) fn limit(node: Node<'_>) -> Parsed<Limit> {
    let Some((rate, bytes)) = amount(node, "rate", "rate_unit")? else {
        return Err(node.expected("an object with `rate`"));
    };
    let per = node.need("per")?;
    Ok(Limit {
        rate,
        per: per
            .text()
            .and_then(symbols::period)
            .ok_or_else(|| per.expected("`second`, `minute`, `hour`, `day` or `week`"))?,
        burst: amount(node, "burst", "burst_unit")?.map(|(burst, _)| burst),
        bytes,
        over: switch(node, "inv"),
    })
}

/// The statement has units, the object has bytes.
pub(super) fn quota(node: Node<'_>) -> Parsed<Quota> {
    let total = match amount(node, "val", "val_unit")? {
        Some(total) => Some(total),
        None => amount(node, "bytes", "")?,
    };
    let Some((bytes, _)) = total else {
        return Err(node.expected("an object with `val` or `bytes`"));
    };
    Ok(Quota {
        bytes,
        used: amount(node, "used", "used_unit")?.map_or(0, |(used, _)| used),
        over: switch(node, "inv"),
    })
}

fn log(node: Node<'_>) -> Parsed<Log> {
    let text = |name| node.get(name).and_then(Node::text).map(Into::into);
    Ok(Log {
        prefix: text("prefix"),
        level: text("level"),
        group: node.get("group").map(Node::number).transpose()?,
        snaplen: node.get("snaplen").map(Node::number).transpose()?,
        queue_threshold: node.get("queue-threshold").map(Node::number).transpose()?,
        flags: flags(node, "flags").into_iter().map(Into::into).collect(),
    })
}

fn reject(node: Node<'_>) -> Parsed<Reject> {
    let Some(kind) = node.get("type") else {
        return Ok(Reject::Default);
    };
    let names = match kind.text() {
        Some("tcp reset") => return Ok(Reject::TcpReset),
        Some("icmp") => "icmp_code",
        Some("icmpv6") => "icmpv6_code",
        Some("icmpx") => "icmpx_code",
        _ => return Err(kind.expected("`tcp reset`, `icmp`, `icmpv6` or `icmpx`")),
    };
    let code = node.need("expr")?;
    let number = match code.text() {
        Some(name) => symbols::number(names, name),
        None => code.integer(),
    };
    let number = number
        .and_then(|number| u8::try_from(number).ok())
        .ok_or_else(|| code.expected("a code"))?;
    Ok(match kind.text() {
        Some("icmp") => Reject::Icmp(number),
        Some("icmpv6") => Reject::Icmpv6(number),
        _ => Reject::Icmpx(number),
    })
}

pub(super) fn synproxy(node: Node<'_>) -> Parsed<Synproxy> {
    let words = flags(node, "flags");
    Ok(Synproxy {
        mss: node.get("mss").map(Node::number).transpose()?,
        wscale: node.get("wscale").map(Node::number).transpose()?,
        timestamp: words.contains(&"timestamp"),
        sack_perm: words.contains(&"sack-perm"),
    })
}
