//! What the firewalld package brings along, for hosts whose files under `/usr/lib/firewalld` are
//! not given.
//!
//! The tables hold facts alone (names, ports, protocols, addresses, ICMP types) of the files of
//! firewalld 1.3.3 as Debian 12 ships it (1.3.3-1~deb12u2, GPL-2.0-or-later), without their texts.
//! `tests/tests/dialect_firewalld.rs` reads the package's own files and says where they differ.

use super::config::{Config, Helper, Service};
use super::read;
use super::tree::{self, Element};
use super::value;
use crate::net::Family;
use crate::source::Span;

/// The version that the tables come from.
pub(super) const VERSION: &str = "firewalld 1.3.3";

/// `NAME (PROTOCOL/PORTS | proto/NAME | from-PROTOCOL/PORTS | ipv4=… | ipv6=… | include=… | helper=…)…`
const SERVICES: &str = include_str!("builtin-services.txt");

/// `NAME MODULE FAMILY PROTOCOL/PORT…`
const HELPERS: &str = include_str!("builtin-helpers.txt");

/// `NAME IPV4-TYPE[/CODE] IPV6-TYPE[/CODE] FAMILIES`
const ICMP_TYPES: &str = include_str!("builtin-icmptypes.txt");

/// The zones, as their files say them.
const ZONES: &[(&str, &str)] = &[
    ("block", r#"<zone target="%%REJECT%%"><forward/></zone>"#),
    ("dmz", r#"<zone><service name="ssh"/><forward/></zone>"#),
    ("drop", r#"<zone target="DROP"><forward/></zone>"#),
    (
        "external",
        r#"<zone><service name="ssh"/><masquerade/><forward/></zone>"#,
    ),
    (
        "home",
        r#"<zone><service name="ssh"/><service name="mdns"/><service name="samba-client"/><service name="dhcpv6-client"/><forward/></zone>"#,
    ),
    (
        "internal",
        r#"<zone><service name="ssh"/><service name="mdns"/><service name="samba-client"/><service name="dhcpv6-client"/><forward/></zone>"#,
    ),
    (
        "public",
        r#"<zone><service name="ssh"/><service name="dhcpv6-client"/><forward/></zone>"#,
    ),
    ("trusted", r#"<zone target="ACCEPT"><forward/></zone>"#),
    (
        "work",
        r#"<zone><service name="ssh"/><service name="dhcpv6-client"/><forward/></zone>"#,
    ),
];

/// The policy that lets a host speak IPv6.
const ALLOW_HOST_IPV6: &str = r#"<policy target="CONTINUE" priority="-15000"><ingress-zone name="ANY"/><egress-zone name="HOST"/><rule family="ipv6"><icmp-type name="neighbour-advertisement"/><accept/></rule><rule family="ipv6"><icmp-type name="neighbour-solicitation"/><accept/></rule><rule family="ipv6"><icmp-type name="router-advertisement"/><accept/></rule><rule family="ipv6"><icmp-type name="redirect"/><accept/></rule></policy>"#;

/// The row of a table.
fn row<'t>(table: &'t str, name: &str) -> Option<impl Iterator<Item = &'t str>> {
    table.lines().find_map(|line| {
        let mut words = line.split(' ');
        (words.next() == Some(name)).then_some(words)
    })
}

/// A service.
pub(super) fn service(name: &str) -> Option<Service> {
    let mut service = Service::default();
    for word in row(SERVICES, name)? {
        if let Some((key, text)) = word.split_once('=') {
            match key {
                "include" => service.includes.push(text.to_owned()),
                "helper" => service.helpers.push(text.to_owned()),
                _ => {
                    let family = value::family(key).ok()?;
                    service.destinations.push((family, value::peer(text).ok()?));
                }
            }
            continue;
        }
        let (key, text) = word.split_once('/')?;
        match key.strip_prefix("from-") {
            Some(protocol) => service
                .source_ports
                .push(value::port(&format!("{text}/{protocol}")).ok()?),
            None if key == "proto" => service.protocols.push(value::protocol(text).ok()?),
            None => service
                .ports
                .push(value::port(&format!("{text}/{key}")).ok()?),
        }
    }
    Some(service)
}

/// A helper.
pub(super) fn helper(name: &str) -> Option<Helper> {
    let mut words = row(HELPERS, name)?;
    let module = words.next()?.to_owned();
    let ports = words.skip(1).filter_map(|word| {
        let (protocol, ports) = word.split_once('/')?;
        value::port(&format!("{ports}/{protocol}")).ok()
    });
    Some(Helper {
        module,
        ports: ports.collect(),
    })
}

/// An ICMP type: number and code in each family, and the families that it is for (none: all).
pub(super) struct IcmpType {
    /// In IPv4.
    pub v4: Option<(u8, Option<u8>)>,
    /// In IPv6.
    pub v6: Option<(u8, Option<u8>)>,
    /// Families that its file names.
    pub families: Vec<Family>,
}

/// An ICMP type.
pub(super) fn icmp_type(name: &str) -> Option<IcmpType> {
    fn numbers(word: &str) -> Option<(u8, Option<u8>)> {
        match word.split_once('/') {
            Some((kind, code)) => Some((kind.parse().ok()?, Some(code.parse().ok()?))),
            None => Some((word.parse().ok()?, None)),
        }
    }
    let mut words = row(ICMP_TYPES, name)?;
    let (v4, v6) = (words.next()?, words.next()?);
    let families = words.next()?.split(',');
    Some(IcmpType {
        v4: numbers(v4),
        v6: numbers(v6),
        families: families.filter_map(|f| value::family(f).ok()).collect(),
    })
}

/// Adds a zone that no file gives; whether there is one of this name.
pub(super) fn add_zone(name: &str, span: Span, config: &mut Config) -> bool {
    let found = ZONES.iter().find(|(known, _)| *known == name);
    found.is_some_and(|(_, text)| add(name, text, span, config))
}

/// Adds the policy that every firewalld has.
pub(super) fn add_policy(span: Span, config: &mut Config) -> bool {
    add("allow-host-ipv6", ALLOW_HOST_IPV6, span, config)
}

/// Names of the zones that the package brings along.
pub(super) fn zone_names() -> impl Iterator<Item = &'static str> {
    ZONES.iter().map(|(name, _)| *name)
}

fn add(name: &str, text: &str, span: Span, config: &mut Config) -> bool {
    let Ok(mut root) = tree::xml(text, span.source) else {
        return false;
    };
    place(&mut root, span);
    read::file(&root, &read::Place { name, rank: 0 }, config);
    true
}

/// What no file says is said where it was missed.
fn place(element: &mut Element, span: Span) {
    element.span = span;
    for attribute in &mut element.attributes {
        attribute.span = span;
    }
    for child in &mut element.children {
        place(child, span);
    }
}
