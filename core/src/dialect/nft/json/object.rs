//! Chains, stateful objects and flowtables.

use super::super::symbols;
use super::super::syntax::{
    Aside, Base, Chain, Family, Flowtable, Object, ObjectBody, ObjectKind, Policy,
};
use super::Reader;
use super::action::{counter, limit, quota, synproxy};
use super::node::{Node, Parsed};

impl Reader<'_> {
    pub(super) fn chain(&mut self, node: Node<'_>) -> Parsed<Chain> {
        let name = node.need("name")?;
        let mut chain = Chain {
            name: name.string("a name")?.into(),
            base: None,
            offload: false,
            comment: Aside(comment(node)?),
            handle: Aside(node.get("handle").map(Node::number).transpose()?),
            rules: Vec::new(),
            unreadable: Vec::new(),
            place: name.place(),
        };
        if node.get("hook").is_some() {
            match base(node) {
                Ok(base) => chain.base = Some(base),
                Err(fault) => chain.unreadable.push(self.unreadable(fault)),
            }
        }
        for flag in node.get("flags").map(Node::one_or_more).unwrap_or_default() {
            chain.offload |= flag.text() == Some("offload");
        }
        Ok(chain)
    }

    pub(super) fn object(&mut self, kind: ObjectKind, node: Node<'_>) -> Parsed<Object> {
        let name = node.need("name")?;
        let body = match body(kind, node) {
            Ok(body) => body,
            Err(fault) => ObjectBody::Unreadable(kind, self.unreadable(fault)),
        };
        Ok(Object {
            name: name.string("a name")?.into(),
            body,
            comment: Aside(comment(node)?),
            handle: Aside(node.get("handle").map(Node::number).transpose()?),
            place: name.place(),
        })
    }

    pub(super) fn flowtable(&mut self, node: Node<'_>) -> Parsed<Flowtable> {
        let name = node.need("name")?;
        Ok(Flowtable {
            name: name.string("a name")?.into(),
            hook: node
                .get("hook")
                .and_then(Node::text)
                .and_then(symbols::hook),
            priority: node.get("prio").map(signed).transpose()?,
            devices: devices(node)?,
            offload: Aside(false),
            counter: Aside(false),
            handle: Aside(node.get("handle").map(Node::number).transpose()?),
            place: name.place(),
        })
    }
}

fn comment(node: Node<'_>) -> Parsed<Option<Box<str>>> {
    match node.get("comment") {
        Some(comment) => Ok(Some(comment.string("a comment")?.into())),
        None => Ok(None),
    }
}

fn devices(node: Node<'_>) -> Parsed<Vec<Box<str>>> {
    node.get("dev")
        .map(Node::one_or_more)
        .unwrap_or_default()
        .into_iter()
        .map(|device| device.string("a device").map(Into::into))
        .collect()
}

fn base(node: Node<'_>) -> Parsed<Base> {
    let kind = node.need("type")?;
    let hook = node.need("hook")?;
    let policy = match node.get("policy") {
        Some(policy) => match policy.text() {
            Some("accept") => Policy::Accept,
            Some("drop") => Policy::Drop,
            _ => return Err(policy.expected("`accept` or `drop`")),
        },
        None => Policy::Accept,
    };
    Ok(Base {
        kind: kind
            .text()
            .and_then(symbols::chain_kind)
            .ok_or_else(|| kind.expected("`filter`, `nat` or `route`"))?,
        hook: hook
            .text()
            .and_then(symbols::hook)
            .ok_or_else(|| hook.expected("a hook such as `input`"))?,
        devices: devices(node)?,
        priority: signed(node.need("prio")?)?,
        policy,
        place: node.place(),
    })
}

fn signed(node: Node<'_>) -> Parsed<i32> {
    node.signed()
        .and_then(|number| i32::try_from(number).ok())
        .ok_or_else(|| node.expected("a priority"))
}

fn body(kind: ObjectKind, node: Node<'_>) -> Parsed<ObjectBody> {
    let protocol = || -> Parsed<Option<u8>> {
        let Some(protocol) = node.get("protocol") else {
            return Ok(None);
        };
        let number = match protocol.text() {
            Some(name) => symbols::protocol(name),
            None => protocol.integer().and_then(|n| u8::try_from(n).ok()),
        };
        number
            .map(Some)
            .ok_or_else(|| protocol.expected("a protocol"))
    };
    let l3proto = || -> Option<Family> {
        node.get("l3proto")
            .and_then(Node::text)
            .and_then(symbols::family)
    };
    Ok(match kind {
        ObjectKind::Counter => ObjectBody::Counter(counter(node)?),
        ObjectKind::Quota => ObjectBody::Quota(quota(node)?),
        ObjectKind::Limit => ObjectBody::Limit(limit(node)?),
        ObjectKind::CtHelper => ObjectBody::CtHelper {
            helper: node.need("type")?.string("a helper")?.into(),
            protocol: protocol()?,
            l3proto: l3proto(),
        },
        ObjectKind::CtTimeout => ObjectBody::CtTimeout {
            protocol: protocol()?,
            l3proto: l3proto(),
            policy: match node.get("policy") {
                Some(policy) => timeouts(policy)?,
                None => Vec::new(),
            },
        },
        ObjectKind::CtExpectation => ObjectBody::CtExpectation {
            protocol: protocol()?,
            l3proto: l3proto(),
            dport: node.get("dport").map(Node::number).transpose()?,
            timeout: node.get("timeout").map(Node::number).transpose()?,
            size: node.get("size").map(Node::number).transpose()?,
        },
        ObjectKind::Secmark => {
            ObjectBody::Secmark(node.need("context")?.string("a context")?.into())
        }
        ObjectKind::Synproxy => ObjectBody::Synproxy(synproxy(node)?),
        ObjectKind::Tunnel => ObjectBody::Tunnel,
    })
}

fn timeouts(node: Node<'_>) -> Parsed<Vec<(Box<str>, u64)>> {
    node.properties()
        .map(|(name, value)| Ok((name.to_ascii_lowercase().into(), value.number()?)))
        .collect()
}
