//! From elements to what they mean: the files of zones, policies, services, ipsets, ICMP types,
//! helpers and direct rules.

use super::config::{
    At, Config, Contents, Direct, DirectKind, ForwardPort, Helper, IpSet, Policy, Port, Rich,
    Service, Target, Zone,
};
use super::richrule;
use super::tree::{Element, Fault};
use super::value;
use crate::net::Family;
use crate::source::Span;

/// Where a file stands, from its path.
pub(super) struct Place<'a> {
    /// Name of the thing that it defines: the file's name without `.xml`.
    pub name: &'a str,
    /// 0 for what packages bring along (`/usr/lib/firewalld`), 1 for the administrator's.
    pub rank: u8,
}

impl<'a> Place<'a> {
    /// Reads a path.
    pub(super) fn of(path: &'a str) -> Self {
        let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
        Self {
            name: file.strip_suffix(".xml").unwrap_or(file),
            rank: u8::from(!path.contains("usr/lib/firewalld")),
        }
    }
}

/// Takes in one file.
pub(super) fn file(root: &Element, place: &Place<'_>, config: &mut Config) {
    let name = place.name.to_owned();
    match root.name.as_str() {
        "zone" => {
            let zone = zone(root, place.rank);
            match config.zones.get_mut(&name) {
                Some(known) if known.rank > zone.rank => {}
                _ => drop(config.zones.insert(name, zone)),
            }
        }
        "policy" => {
            let policy = policy(root, place.rank);
            match config.policies.get(&name) {
                Some(known) if known.rank > policy.rank => {}
                _ => drop(config.policies.insert(name, policy)),
            }
        }
        "service" => {
            let service = service(root, place.rank);
            match config.services.get(&name) {
                Some(known) if known.rank > service.rank => {}
                _ => drop(config.services.insert(name, service)),
            }
        }
        "ipset" => {
            let set = ipset(root, place.rank);
            match config.ipsets.get(&name) {
                Some(known) if known.rank > set.rank => {}
                _ => drop(config.ipsets.insert(name, set)),
            }
        }
        "icmptype" => {
            let families = root.children.iter().filter(|c| c.name == "destination");
            let families = families.flat_map(|child| {
                Family::ALL.into_iter().filter(|&family| {
                    let key = family_key(family);
                    child.get(key).is_some_and(value::truth)
                })
            });
            config.icmptypes.insert(name, families.collect());
        }
        "helper" => {
            let helper = helper(root, config);
            config.helpers.insert(name, helper);
        }
        "direct" => direct(root, config),
        "whitelist" => {}
        other => config.damage.push(Fault::new(
            root.span,
            format!("expected `zone`, `policy`, `service`, `ipset`, `icmptype`, `helper` or `direct`, found `{other}`"),
        )),
    }
}

/// The attribute that stands for a family.
pub(super) fn family_key(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    }
}

fn zone(root: &Element, rank: u8) -> Zone {
    let mut zone = Zone {
        span: root.span,
        rank,
        target: Target::Default,
        interfaces: Vec::new(),
        sources: Vec::new(),
        contents: Contents::default(),
        inversion: None,
        forward: None,
        priority: 0,
    };
    if let Some(text) = root.get("target") {
        match zone_target(text) {
            Some(target) => zone.target = target,
            None => zone.contents.damage.push(Fault::new(
                root.span,
                format!(
                    "expected target `default`, `ACCEPT`, `%%REJECT%%` or `DROP`, found `{text}`"
                ),
            )),
        }
    }
    if let Some(text) = root.get("ingress-priority") {
        zone.priority = text.parse().unwrap_or(0);
    }
    for child in &root.children {
        let read = match child.name.as_str() {
            "interface" => child.need("name").map(|name| {
                push(&mut zone.interfaces, name.value.clone(), child.span);
            }),
            "source" => zone_source(child).map(|peer| push(&mut zone.sources, peer, child.span)),
            "icmp-block-inversion" => {
                zone.inversion.get_or_insert(child.span);
                Ok(())
            }
            "forward" => {
                zone.forward.get_or_insert(child.span);
                Ok(())
            }
            _ => contents(child, &mut zone.contents),
        };
        zone.contents.damage.extend(read.err());
    }
    zone
}

fn zone_source(child: &Element) -> Result<super::config::Peer, Fault> {
    match (child.get("address"), child.get("ipset"), child.get("mac")) {
        (Some(text), None, None) | (None, None, Some(text)) => {
            value::peer(text).map_err(|message| Fault::new(child.span, message))
        }
        (None, Some(name), None) => Ok(super::config::Peer::Set(name.to_owned())),
        _ => Err(Fault::new(
            child.span,
            "expected either `address` or `ipset` in `source`",
        )),
    }
}

/// Reads a zone's target.
pub(super) fn zone_target(text: &str) -> Option<Target> {
    Some(match text {
        "" | "default" | "{chain}_{zone}" => Target::Default,
        "ACCEPT" => Target::Accept,
        "%%REJECT%%" | "REJECT" => Target::Reject,
        "DROP" => Target::Drop,
        _ => return None,
    })
}

/// Reads a policy's target.
pub(super) fn policy_target(text: &str) -> Option<Target> {
    Some(match text {
        "" | "CONTINUE" => Target::Continue,
        "ACCEPT" => Target::Accept,
        "REJECT" => Target::Reject,
        "DROP" => Target::Drop,
        _ => return None,
    })
}

fn policy(root: &Element, rank: u8) -> Policy {
    let mut policy = Policy {
        span: root.span,
        rank,
        target: Target::Continue,
        priority: -1,
        ingress: Vec::new(),
        egress: Vec::new(),
        contents: Contents::default(),
    };
    if let Some(text) = root.get("target") {
        match policy_target(text) {
            Some(target) => policy.target = target,
            None => policy.contents.damage.push(Fault::new(
                root.span,
                format!("expected target `CONTINUE`, `ACCEPT`, `REJECT` or `DROP`, found `{text}`"),
            )),
        }
    }
    if let Some(text) = root.get("priority") {
        match text.parse() {
            Ok(priority) => policy.priority = priority,
            Err(_) => policy.contents.damage.push(Fault::new(
                root.span,
                format!("expected a number as `priority`, found `{text}`"),
            )),
        }
    }
    for child in &root.children {
        let read = match child.name.as_str() {
            "ingress-zone" => child.need("name").map(|name| {
                push(&mut policy.ingress, name.value.clone(), child.span);
            }),
            "egress-zone" => child.need("name").map(|name| {
                push(&mut policy.egress, name.value.clone(), child.span);
            }),
            _ => contents(child, &mut policy.contents),
        };
        policy.contents.damage.extend(read.err());
    }
    policy
}

/// Adds what is not there yet, as firewalld does.
pub(super) fn push<T: PartialEq>(list: &mut Vec<At<T>>, value: T, span: Span) {
    if list.iter().all(|known| known.value != value) {
        list.push(At { value, span });
    }
}

/// Reads an element that zones and policies have in common.
fn contents(child: &Element, into: &mut Contents) -> Result<(), Fault> {
    match child.name.as_str() {
        "short" | "description" => {}
        "service" => {
            let name = child.need("name")?.value.clone();
            push(&mut into.services, name, child.span);
        }
        "port" => push_port(&mut into.ports, port(child)?, child.span),
        "source-port" => push_port(&mut into.source_ports, port(child)?, child.span),
        "protocol" => {
            let text = &child.need("value")?.value;
            let protocol = value::protocol(text).map_err(|m| Fault::new(child.span, m))?;
            push(&mut into.protocols, protocol, child.span);
        }
        "icmp-block" => {
            let name = child.need("name")?.value.clone();
            push(&mut into.icmp_blocks, name, child.span);
        }
        "masquerade" => {
            into.masquerade.get_or_insert(child.span);
        }
        "forward-port" => push(&mut into.forward_ports, forward_port(child)?, child.span),
        "rule" => {
            push_rule(into, richrule::read(child)?, child.span);
        }
        other => {
            return Err(Fault::new(
                child.span,
                format!("element `{other}` is not known here"),
            ));
        }
    }
    Ok(())
}

/// Adds a rich rule that firewalld takes.
pub(super) fn push_rule(into: &mut Contents, rule: Rich, span: Span) {
    match richrule::refused(&rule) {
        Some(why) => into.refused.push(Fault::new(
            span,
            format!("firewalld passes over this rule: {why}"),
        )),
        None => push(&mut into.rules, rule, span),
    }
}

/// Adds ports, joined with those they overlap, as firewalld does.
pub(super) fn push_port(list: &mut Vec<At<Port>>, mut new: Port, span: Span) {
    let same = |known: &At<Port>| known.value.protocol == new.protocol;
    if list
        .iter()
        .filter(|known| same(known))
        .any(|known| known.value.ports.lo <= new.ports.lo && new.ports.hi <= known.value.ports.hi)
    {
        return;
    }
    let mut sorted: Vec<Port> = list.iter().filter(|k| same(k)).map(|k| k.value).collect();
    sorted.sort();
    let mut removed = Vec::new();
    for known in sorted {
        if known.ports.lo <= new.ports.hi && new.ports.lo <= known.ports.hi {
            removed.push(known);
            new.ports.lo = new.ports.lo.min(known.ports.lo);
            new.ports.hi = new.ports.hi.max(known.ports.hi);
        }
    }
    list.retain(|known| !removed.contains(&known.value));
    list.push(At { value: new, span });
}

/// Reads `port` and `protocol`.
pub(super) fn port(element: &Element) -> Result<Port, Fault> {
    let (ports, protocol) = (element.need("port")?, element.need("protocol")?);
    Ok(Port {
        ports: value::ports(&ports.value).map_err(|m| Fault::new(ports.span, m))?,
        protocol: value::port_protocol(&protocol.value)
            .map_err(|m| Fault::new(protocol.span, m))?,
    })
}

/// Reads `forward-port`.
pub(super) fn forward_port(element: &Element) -> Result<ForwardPort, Fault> {
    let fault = |message: String| Fault::new(element.span, message);
    let filled = |name: &str| element.get(name).filter(|text| !text.is_empty());
    let to_port = filled("to-port")
        .map(value::ports)
        .transpose()
        .map_err(fault)?;
    let to_address = filled("to-addr")
        .map(|text| {
            text.parse()
                .map_err(|_| fault(format!("expected an address, found `{text}`")))
        })
        .transpose()?;
    if to_port.is_none() && to_address.is_none() {
        return Err(fault("`forward-port` needs `to-port` or `to-addr`".into()));
    }
    Ok(ForwardPort {
        port: port(element)?,
        to_port,
        to_address,
    })
}

/// Reads a service.
pub(super) fn service(root: &Element, rank: u8) -> Service {
    let mut service = Service {
        rank,
        ..Service::default()
    };
    for child in &root.children {
        let read = service_part(child, &mut service);
        service.damage.extend(read.err());
    }
    service
}

fn service_part(child: &Element, service: &mut Service) -> Result<(), Fault> {
    fn add<T: PartialEq>(list: &mut Vec<T>, value: T) {
        if !list.contains(&value) {
            list.push(value);
        }
    }
    let fault = |message: String| Fault::new(child.span, message);
    match child.name.as_str() {
        "short" | "description" => {}
        "port" if child.get("port").is_none_or(str::is_empty) => {
            let text = &child.need("protocol")?.value;
            add(
                &mut service.protocols,
                value::protocol(text).map_err(fault)?,
            );
        }
        "port" => add(&mut service.ports, port(child)?),
        "source-port" => add(&mut service.source_ports, port(child)?),
        "protocol" => {
            let text = &child.need("value")?.value;
            add(
                &mut service.protocols,
                value::protocol(text).map_err(fault)?,
            );
        }
        "destination" => {
            for family in Family::ALL {
                let Some(text) = child.get(family_key(family)) else {
                    continue;
                };
                let peer = value::peer(text).map_err(fault)?;
                service.destinations.push((family, peer));
            }
        }
        "include" => add(&mut service.includes, child.need("service")?.value.clone()),
        "helper" => add(&mut service.helpers, child.need("name")?.value.clone()),
        "module" => {
            let name = &child.need("name")?.value;
            let name = match name.strip_prefix("nf_conntrack_") {
                Some(short) => short.replace('_', "-"),
                None => name.clone(),
            };
            add(&mut service.modules, name);
        }
        other => return Err(fault(format!("element `{other}` is not known here"))),
    }
    Ok(())
}

fn helper(root: &Element, config: &mut Config) -> Helper {
    let mut helper = Helper {
        module: root.get("module").unwrap_or("").to_owned(),
        ports: Vec::new(),
    };
    for child in root.children.iter().filter(|child| child.name == "port") {
        match port(child) {
            Ok(port) => helper.ports.push(port),
            Err(fault) => config.damage.push(fault),
        }
    }
    helper
}

fn ipset(root: &Element, rank: u8) -> IpSet {
    let mut set = IpSet {
        rank,
        kind: root.get("type").unwrap_or("").to_owned(),
        family: Family::V4,
        entries: Vec::new(),
        damage: None,
    };
    for child in &root.children {
        match (child.name.as_str(), child.get("name"), child.get("value")) {
            ("short" | "description", ..) => {}
            ("option", Some("family"), Some("inet6")) => set.family = Family::V6,
            ("option", Some("family"), Some("inet")) => {}
            ("option", Some("hashsize" | "maxelem"), _) => {}
            ("option", Some("timeout"), Some("0")) => {}
            ("option", Some("timeout"), _) => {
                set.damage = Some("its entries come and go with a timeout".into());
            }
            ("entry", ..) => push(&mut set.entries, child.text.0.trim().to_owned(), child.span),
            (other, ..) => {
                set.damage = Some(format!("element `{other}` of the set is not understood"));
            }
        }
    }
    set
}

fn direct(root: &Element, config: &mut Config) {
    for child in &root.children {
        match direct_part(child) {
            Ok(found) => config.direct.push(found),
            Err(fault) => config.damage.push(fault),
        }
    }
}

fn direct_part(child: &Element) -> Result<Direct, Fault> {
    let family = match child.need("ipv")?.value.as_str() {
        "ipv4" => Some(Family::V4),
        "ipv6" => Some(Family::V6),
        "eb" => None,
        other => {
            return Err(Fault::new(
                child.span,
                format!("expected `ipv4`, `ipv6` or `eb`, found `{other}`"),
            ));
        }
    };
    let text = |name: &str| child.need(name).map(|attribute| attribute.value.clone());
    let what = match child.name.as_str() {
        "chain" => DirectKind::Chain {
            table: text("table")?,
            chain: text("chain")?,
        },
        "rule" => {
            let priority = child.need("priority")?;
            DirectKind::Rule {
                table: text("table")?,
                chain: text("chain")?,
                priority: priority.value.parse().map_err(|_| {
                    let found = &priority.value;
                    Fault::new(priority.span, format!("expected a number, found `{found}`"))
                })?,
                arguments: child.text.0.trim().to_owned(),
            }
        }
        "passthrough" => DirectKind::Passthrough {
            arguments: child.text.0.trim().to_owned(),
        },
        other => {
            return Err(Fault::new(
                child.span,
                format!("expected `chain`, `rule` or `passthrough`, found `{other}`"),
            ));
        }
    };
    Ok(Direct {
        span: child.span,
        family,
        what,
    })
}
