//! A site and its diagnostics as lines to compare.

use portwright::diagnostic::Diagnostic;
use portwright::net::Prefix;
use portwright::site::{Read, Selector, Setting, Stand};
use portwright::source::{Sources, Span};
use std::collections::BTreeMap;
use std::fmt::Write as _;

fn place(sources: &Sources, span: Span) -> String {
    let position = sources.position(span);
    let name = sources.name(span.source);
    format!("{name}:{}:{}", position.line, position.column)
}

fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    words.join(",")
}

fn parameters(sources: &Sources, map: &BTreeMap<String, Setting>, out: &mut String) {
    for (id, setting) in map {
        let at = setting
            .span
            .map_or(String::new(), |span| place(sources, span));
        let _ = writeln!(out, "  {id} = {:?} @ {at}", setting.value);
    }
}

/// One diagnostic as `PW111 error a.yaml:3:5 message (help: …) [other places]`.
pub fn diagnostic(sources: &Sources, diagnostic: &Diagnostic) -> String {
    let places: Vec<String> = diagnostic
        .labels
        .iter()
        .map(|label| {
            let text = if label.text.is_empty() {
                String::new()
            } else {
                format!(" {}", label.text)
            };
            format!("{}{text}", place(sources, label.span))
        })
        .collect();
    format!(
        "{} {:?} {}\n    at {}\n    help: {}",
        diagnostic.code.id,
        diagnostic.severity,
        diagnostic.message,
        places.join("; "),
        diagnostic.help.as_deref().unwrap_or("-")
    )
}

pub fn dump(sources: &Sources, read: &Read) -> String {
    let mut out = String::new();
    let site = &read.site;
    for (id, format) in &read.formats {
        let _ = writeln!(out, "format {} {format}", sources.name(*id));
    }
    if site.catalog.is_some() || site.mode.is_some() {
        let _ = writeln!(out, "catalog {:?} mode {:?}", site.catalog, site.mode);
    }
    if !site.parameters.is_empty() {
        let _ = writeln!(out, "site");
        parameters(sources, &site.parameters, &mut out);
    }
    for cluster in &site.clusters {
        let prefixes = |list: &[(Prefix, Span)]| self::list(list.iter().map(|(p, _)| *p));
        let _ = writeln!(
            out,
            "cluster {} {:?} pods={} services={} @ {}",
            cluster.name,
            cluster.kind,
            prefixes(&cluster.pod_networks),
            prefixes(&cluster.service_networks),
            place(sources, cluster.span)
        );
        parameters(sources, &cluster.parameters, &mut out);
    }
    let cluster = |index: Option<usize>| {
        index
            .and_then(|i| site.clusters.get(i))
            .map_or("-", |c| c.name.as_str())
    };
    for host in &site.hosts {
        let _ = write!(
            out,
            "host {} {} cluster={} roles={}",
            host.name,
            list(&host.addresses),
            cluster(host.cluster),
            list(&host.roles)
        );
        if let Some(zone) = &host.zone {
            let _ = write!(out, " zone={zone}");
        }
        if host.ssh_address.is_some() || host.ssh_port.is_some() {
            let _ = write!(
                out,
                " ssh={}:{}",
                list(host.ssh_address),
                list(host.ssh_port)
            );
        }
        let _ = writeln!(out, " @ {}", place(sources, host.span));
    }
    for vip in &site.vips {
        let _ = writeln!(
            out,
            "vip {} role={} {} cluster={} owners={} @ {}",
            vip.name,
            vip.role,
            list(&vip.addresses),
            cluster(vip.cluster),
            vip.owner_role,
            place(sources, vip.span)
        );
    }
    for party in &site.parties {
        let _ = writeln!(
            out,
            "party {} role={} {} ports={} cluster={} @ {}",
            party.name,
            party.role,
            list(&party.prefixes),
            list(&party.ports),
            cluster(party.cluster),
            place(sources, party.span)
        );
    }
    for zone in &site.zones {
        let _ = writeln!(
            out,
            "zone {} {} @ {}",
            zone.name,
            list(&zone.prefixes),
            place(sources, zone.span)
        );
    }
    for guard in &site.guards {
        let stands = match &guard.stands {
            Stand::Host(name) => format!("host {name}"),
            Stand::Between(a, b) => format!("between {a} {b}"),
        };
        let _ = writeln!(out, "guard {stands}: {}", list(&guard.exports));
    }
    for accepted in &site.accepted {
        let host = match &accepted.host {
            None => "any".to_owned(),
            Some(Selector::Name(name)) => name.clone(),
            Some(Selector::Regex(regex)) => format!("/{regex}/"),
        };
        let _ = writeln!(
            out,
            "accepted host={host} from={} to={} {:?} {} `{}` {:?} @ {}",
            list(&accepted.from),
            list(&accepted.to),
            accepted.protocol,
            list(&accepted.ports),
            accepted.reason,
            accepted.expires,
            place(sources, accepted.span)
        );
    }
    for found in &read.diagnostics {
        let _ = writeln!(out, "{}", diagnostic(sources, found));
    }
    out
}
