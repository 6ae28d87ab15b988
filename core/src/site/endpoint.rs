//! Endpoints as configuration files write them: URL, `host:port`, data source name. User names
//! and passwords in them are dropped at once.

use super::Party;
use super::address;
use super::merge::Builder;
use super::tree::{Node, Value};
use crate::diagnostic::{Diagnostic, input};
use crate::net::{PortRange, Prefix};

/// Where something listens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// Port, when it is written or follows from the scheme.
    pub port: Option<u16>,
}

/// Reads an endpoint; none when it is neither of the forms.
pub(super) fn parse(text: &str) -> Option<Endpoint> {
    let text = text.trim();
    if let Some(endpoint) = key_values(text) {
        return Some(endpoint);
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    // The last `@` ends the credentials, whatever they hold.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = match rest.split_once('(') {
        Some((_, rest)) => rest.split(')').next().unwrap_or(""),
        None => rest.split(['/', '?', '#', ',']).next().unwrap_or(""),
    };
    let (host, port) = host_port(rest)?;
    let port = port.or_else(|| default_port(scheme));
    Some(Endpoint { host, port })
}

/// `host=db port=5432 user=…`, as PostgreSQL's libpq takes it.
fn key_values(text: &str) -> Option<Endpoint> {
    let value = |key: &str| {
        text.split_whitespace()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    };
    let (host, _) = host_port(value("host")?)?;
    let port = value("port").and_then(address::port);
    Some(Endpoint { host, port })
}

fn host_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        (host, rest.strip_prefix(':'))
    } else if address::address(text).is_some() {
        (text, None)
    } else {
        match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        Some(port) => Some(address::port(port)?),
        None => None,
    };
    let good = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let name = !host.is_empty() && host.len() <= 253 && host.chars().all(good);
    (name || address::address(host).is_some()).then(|| (host.to_owned(), port))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "mysql" => Some(3306),
        "postgres" | "postgresql" => Some(5432),
        _ => None,
    }
}

/// Adds the party behind each endpoint of a value: a text, a list, or a text with commas.
pub(super) fn party(builder: &mut Builder, cluster: Option<usize>, role: &str, node: &Node<'_>) {
    for item in node.one_or_many() {
        match &item.value {
            Value::Null => {}
            Value::Scalar(_) => {
                let text = item.text().unwrap_or("");
                // chrony's options follow the name: `0.pool.ntp.org iburst`.
                let text = match role {
                    "ntp-server" => text.split_whitespace().next().unwrap_or(""),
                    _ => text,
                };
                let lists = text.contains(',') && !text.contains("://") && !text.contains('@');
                let parts = text.split(|c| lists && c == ',').filter(|t| !t.is_empty());
                for part in parts {
                    one(builder, cluster, role, part, item);
                }
            }
            _ => not_an_endpoint(builder, role, item),
        }
    }
}

fn one(builder: &mut Builder, cluster: Option<usize>, role: &str, text: &str, node: &Node<'_>) {
    let Some(endpoint) = parse(text) else {
        not_an_endpoint(builder, role, node);
        return;
    };
    let address = address::address(&endpoint.host);
    builder.party(Party {
        name: endpoint.host,
        role: role.to_owned(),
        prefixes: address.map(Prefix::from).into_iter().collect(),
        ports: endpoint.port.map(PortRange::single).into_iter().collect(),
        cluster,
        span: node.span,
    });
}

/// Without the text: it may hold a password.
fn not_an_endpoint(builder: &mut Builder, role: &str, node: &Node<'_>) {
    let message = format!("this endpoint ({role}) is not understood");
    let diagnostic = Diagnostic::new(&input::SYNTAX, message).at(node.span);
    builder.report(diagnostic.help("expected a URL, `host:port` or a data source name"));
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn forms() {
        let check = |text: &str, expected: Option<(&str, Option<u16>)>| {
            let found = parse(text);
            let found = found.as_ref().map(|e| (e.host.as_str(), e.port));
            assert_eq!(found, expected, "{text}");
        };
        check("https://r.example", Some(("r.example", Some(443))));
        check(
            "http://10.0.0.1:9000/kubean?x=1",
            Some(("10.0.0.1", Some(9000))),
        );
        check("h1:9092", Some(("h1", Some(9092))));
        check("10.0.0.1", Some(("10.0.0.1", None)));
        check("[fd00::1]:9200", Some(("fd00::1", Some(9200))));
        check("fd00::1", Some(("fd00::1", None)));
        check("u:p@tcp(db:3306)/kpanda?tls=1", Some(("db", Some(3306))));
        check(
            "u:p@/:?#ss@tcp(10.0.0.9:3307)/x",
            Some(("10.0.0.9", Some(3307))),
        );
        check("postgres://u:p@ss@db/x", Some(("db", Some(5432))));
        check(
            "host=db.x user=u password=p port=5433",
            Some(("db.x", Some(5433))),
        );
        check(
            "https://u:p@r.example:8443/v2",
            Some(("r.example", Some(8443))),
        );
        check("h:99999", None);
        check("not an endpoint", None);
    }
}
