//! The XML of `nmap -oX`: what a scan from elsewhere saw.

use super::{Bound, Holder, Listener, MOST_SOCKETS, Reading, name, protocol, too_many};
use crate::diagnostic::{Diagnostic, input};
use crate::source::{SourceId, Sources, Span};
use roxmltree::{Document, Node, ParsingOptions};
use std::net::IpAddr;

/// What nmap writes in front; it defines nothing.
const DOCTYPE: &str = "<!DOCTYPE nmaprun>";
/// Elements of one file.
const MOST_NODES: u32 = 4_000_000;
/// Nesting; nmap's own is six deep.
const MOST_DEEP: usize = 64;

pub(super) fn read(sources: &Sources, id: SourceId) -> (Vec<Reading>, Vec<Diagnostic>) {
    let text = sources.get(id).map_or("", |source| source.text());
    // As many blanks, so that places stay where they are.
    let body = text.replacen(DOCTYPE, &" ".repeat(DOCTYPE.len()), 1);
    if let Some(at) = too_deep(&body) {
        let message = format!("elements are nested more than {MOST_DEEP} deep");
        let span = Span::new(id, at, at);
        return (
            Vec::new(),
            vec![Diagnostic::new(&input::LIMIT, message).at(span)],
        );
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    let document = match Document::parse_with_options(&body, options) {
        Ok(document) => document,
        Err(error) => {
            let at = sources.line_span(id, error.pos().row);
            let message = format!("this is not the XML of `nmap -oX`: {error}");
            let help = "give the file as nmap wrote it; an interrupted scan lacks its end";
            let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(at).help(help);
            return (Vec::new(), vec![diagnostic]);
        }
    };
    let root = document.root_element();
    if !root.has_tag_name("nmaprun") {
        let shown: String = root.tag_name().name().chars().take(40).collect();
        let message = format!("the element `{shown}` is not nmap's, expected `nmaprun`");
        let diagnostic = Diagnostic::new(&input::UNKNOWN_FORMAT, message)
            .at(Span::new(id, root.range().start, root.range().start))
            .help("give the output of `nmap -oX FILE`");
        return (Vec::new(), vec![diagnostic]);
    }
    let mut diagnostics = Vec::new();
    let mut count = 0;
    let mut readings = Vec::new();
    for host in root.children().filter(|node| node.has_tag_name("host")) {
        let reading = read_host(host, id, &mut diagnostics);
        count += reading.listeners.len();
        readings.push(reading);
        if count > MOST_SOCKETS {
            diagnostics.push(too_many(id));
            break;
        }
    }
    (readings, diagnostics)
}

fn read_host(host: Node<'_, '_>, id: SourceId, diagnostics: &mut Vec<Diagnostic>) -> Reading {
    let mut reading = Reading::default();
    for address in host.children().filter(|node| node.has_tag_name("address")) {
        let is_ip = matches!(address.attribute("addrtype"), Some("ipv4" | "ipv6"));
        match address.attribute("addr").map(str::parse::<IpAddr>) {
            Some(Ok(one)) if is_ip => reading.addresses.push(one),
            _ if !is_ip => {}
            _ => diagnostics.push(wrong(address, id, "an address of IPv4 or IPv6 in `addr`")),
        }
    }
    let Some(&to) = reading.addresses.first() else {
        return reading;
    };
    let ports = host.children().filter(|node| node.has_tag_name("ports"));
    let ports = ports.flat_map(|node| node.children());
    for port in ports.filter(|node| node.has_tag_name("port")) {
        let kind = port.attribute("protocol");
        // Scans of protocols (`-sO`) say nothing of ports.
        if kind == Some("ip") {
            continue;
        }
        let number = port.attribute("portid").and_then(|text| text.parse().ok());
        let (Some(kind), Some(number)) = (kind.and_then(protocol), number) else {
            let expected = "`protocol` tcp, udp or sctp, and `portid` up to 65535";
            diagnostics.push(wrong(port, id, expected));
            continue;
        };
        let child = |tag| port.children().find(|node| node.has_tag_name(tag));
        let state = child("state").and_then(|node| node.attribute("state"));
        match state {
            Some("open") => reading.listeners.push(Listener {
                protocol: kind.0,
                port: Some(number),
                bound: Bound::One(to),
                holder: Holder {
                    process: child("service")
                        .filter(|node| node.attribute("method") == Some("probed"))
                        .and_then(|node| node.attribute("product"))
                        .map(name),
                    ..Holder::default()
                },
                span: Span::new(id, port.range().start, port.range().end),
            }),
            Some("closed") => {
                reading.closed.insert((kind.0, number, to));
            }
            // A firewall may be between: nothing is known of the host.
            Some("filtered" | "open|filtered" | "unfiltered" | "closed|filtered") => {}
            _ => diagnostics.push(wrong(port, id, "`state` open, closed or filtered")),
        }
    }
    reading
}

fn wrong(node: Node<'_, '_>, id: SourceId, expected: &str) -> Diagnostic {
    let range = node.range();
    let message = format!(
        "`{}` is not as nmap writes it, expected {expected}",
        node.tag_name().name()
    );
    Diagnostic::new(&input::SYNTAX, message)
        .at(Span::new(id, range.start, range.end))
        .help("give the file as nmap wrote it")
}

/// The byte where elements are nested too deep for any reader.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, _) in text.match_indices('<') {
        let rest = text.get(at + 1..)?;
        if rest.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !rest.starts_with(['!', '?']) {
            let end = rest.find('>').unwrap_or(rest.len());
            if !rest.get(..end).is_some_and(|tag| tag.ends_with('/')) {
                depth += 1;
            }
        }
        if depth > MOST_DEEP {
            return Some(at);
        }
    }
    None
}
