//! What listens, for terminals.

use super::table::Table;
use super::text::diagnostics;
use crate::engine::{HostSockets, ProbeSocketsResult};
use crate::net::Protocol;
use crate::probe::sockets::Standing;

/// Each host's sockets as a table, then what is not as it should be. With `colour`, ANSI escapes.
#[must_use]
pub fn sockets(result: &ProbeSocketsResult, colour: bool) -> String {
    let mut out = String::new();
    for host in &result.hosts {
        if !out.is_empty() {
            out.push('\n');
        }
        one(&mut out, host, colour);
    }
    let [errors, warnings, notes] = result.counts;
    out.push_str(&format!(
        "{errors} errors, {warnings} warnings, {notes} notes\n"
    ));
    out
}

fn one(out: &mut String, host: &HostSockets, colour: bool) {
    let mut table = Table::new(["protocol", "port", "address", "process", "standing", "why"]);
    for socket in &host.sockets {
        table.row([
            Protocol(socket.protocol).to_string(),
            socket
                .port
                .map_or_else(String::new, |port| port.to_string()),
            socket.address.clone(),
            socket.process.clone().unwrap_or_else(|| "?".into()),
            match &socket.namespace {
                Some(namespace) => format!("in {namespace}"),
                None => standing(socket.standing).into(),
            },
            socket.because.join("; "),
        ]);
    }
    out.push_str(&format!("{}: {} listen\n", host.host, host.sockets.len()));
    out.push_str(&table.text());
    out.push('\n');
    let all: Vec<_> = host.findings.iter().map(|f| f.diagnostic.clone()).collect();
    out.push_str(&diagnostics(&all, colour));
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Required => "required",
        Standing::Taken => "taken",
        Standing::Loopback => "loopback",
        Standing::Exposed => "exposed",
        Standing::Unexpected => "unexpected",
        Standing::Elsewhere => "elsewhere",
    }
}
