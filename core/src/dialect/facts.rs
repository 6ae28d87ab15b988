//! What is known of the host that exports were taken from, and how `ip` tells it.

use crate::diagnostic::{Diagnostic, input};
use crate::net::Prefix;
use crate::source::{SourceId, Sources, Span};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What is known of the host that the exports were taken from.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    /// Its own addresses. Incomplete unless `addresses_complete`.
    pub addresses: BTreeSet<IpAddr>,
    /// Networks that its local routing table makes its own beside the addresses (`ip route add
    /// local …`).
    pub local_networks: Vec<Prefix>,
    /// Directed broadcast addresses of its networks.
    pub broadcasts: BTreeSet<IpAddr>,
    /// Whether the lists above hold all there are (from `ip -j addr` and `ip -j route show table
    /// all`), or only what the site says.
    pub addresses_complete: bool,
    /// Addresses that are certainly not its own: those of the site's other hosts.
    pub elsewhere: BTreeSet<IpAddr>,
}

/// One interface of `ip -j addr`.
#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    local: Option<IpAddr>,
    broadcast: Option<IpAddr>,
}

/// One route of `ip -j route show table all`.
#[derive(Deserialize)]
struct Route {
    #[serde(rename = "type")]
    kind: Option<String>,
    dst: Option<String>,
}

impl HostFacts {
    /// Reads what `ip -j addr` and `ip -j route show table all` print. Addresses count as
    /// complete with the first; routes add networks that are local without being addresses.
    ///
    /// # Errors
    ///
    /// A text that is not what the command prints.
    pub fn from_ip(
        sources: &Sources,
        addresses: Option<SourceId>,
        routes: Option<SourceId>,
    ) -> Result<Self, Diagnostic> {
        let mut facts = Self::default();
        if let Some(id) = addresses {
            let links: Vec<Link> = read(sources, id, "ip -j addr")?;
            for address in links.into_iter().flat_map(|link| link.addr_info) {
                facts.addresses.extend(address.local);
                facts.broadcasts.extend(address.broadcast);
            }
            facts.addresses_complete = true;
        }
        if let Some(id) = routes {
            let routes: Vec<Route> = read(sources, id, "ip -j route show table all")?;
            for route in routes {
                let prefix = route.dst.as_deref().and_then(prefix);
                match (route.kind.as_deref(), prefix) {
                    (Some("local"), Some(prefix)) => facts.local_networks.push(prefix),
                    (Some("broadcast"), Some(prefix)) => {
                        facts.broadcasts.insert(prefix.addr());
                    }
                    _ => {}
                }
            }
        }
        Ok(facts)
    }
}

/// `10.0.0.0/8`, or an address for itself.
fn prefix(text: &str) -> Option<Prefix> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(Prefix::from))
}

fn read<T: for<'de> Deserialize<'de>>(
    sources: &Sources,
    id: SourceId,
    command: &str,
) -> Result<Vec<T>, Diagnostic> {
    let text = sources.get(id).map_or("", |source| source.text());
    serde_json::from_str(text).map_err(|problem| {
        let line = u32::try_from(problem.line()).unwrap_or(u32::MAX).max(1);
        let span: Span = sources.line_span(id, line);
        Diagnostic::new(
            &input::SYNTAX,
            format!("this is not what `{command}` prints: {problem}"),
        )
        .at(span)
        .help(format!("give the output of `{command}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_local_routes_are_read() {
        let mut sources = Sources::default();
        let addresses = sources.add("a", r#"[{"ifname":"eth0","addr_info":[{"family":"inet","local":"10.0.0.1","prefixlen":24,"broadcast":"10.0.0.255"}]}]"#);
        let routes = sources.add("r", r#"[{"type":"local","dst":"198.51.100.0/24","dev":"lo","table":"local"},{"dst":"default","dev":"eth0"}]"#);
        let facts = HostFacts::from_ip(&sources, Some(addresses), Some(routes));
        let facts = facts.unwrap_or_default();
        assert!(facts.addresses_complete);
        assert_eq!(
            facts.addresses.len() + facts.broadcasts.len() + facts.local_networks.len(),
            3
        );
        let bad = sources.add("b", "[\n{,}]");
        let problem = HostFacts::from_ip(&sources, Some(bad), None).err();
        assert!(problem.is_some_and(|p| p.message.contains("ip -j addr")));
    }
}
