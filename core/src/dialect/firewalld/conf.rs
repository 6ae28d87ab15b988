//! `firewalld.conf`: one `Key=value` a line.

use super::config::Config;
use super::tree::Fault;
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::Notes;
use crate::dialect::lines::lines;
use crate::source::{SourceId, Span};

/// Every key that firewalld knows (1.3 and 2.x).
const KEYS: &[&str] = &[
    "DefaultZone",
    "CleanupOnExit",
    "CleanupModulesOnExit",
    "Lockdown",
    "IPv6_rpfilter",
    "IndividualCalls",
    "LogDenied",
    "AutomaticHelpers",
    "FirewallBackend",
    "FlushAllOnReload",
    "ReloadPolicy",
    "RFC3964_IPv4",
    "AllowZoneDrifting",
    "NftablesFlowtable",
    "NftablesCounters",
    "NftablesTableOwner",
    "StrictForwardPorts",
    "MinimalMark",
];

/// Whether a line sets one of firewalld's keys.
pub(super) fn is_setting(line: &str) -> bool {
    line.split_once('=')
        .is_some_and(|(key, _)| KEYS.contains(&key.trim()))
}

/// Reads the file.
pub(super) fn read(text: &str, source: SourceId, config: &mut Config, notes: &mut Notes) {
    for line in lines(text) {
        let trimmed = line.text.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let span = Span::new(source, line.start, line.end());
        let Some((key, value)) = trimmed.split_once('=') else {
            notes.push(
                Diagnostic::new(
                    &input::SYNTAX,
                    format!("expected `Key=value`, found `{trimmed}`"),
                )
                .at(span),
            );
            continue;
        };
        setting(key.trim(), value.trim(), span, config, notes);
    }
}

fn setting(key: &str, value: &str, span: Span, config: &mut Config, notes: &mut Notes) {
    let no = matches!(value.to_ascii_lowercase().as_str(), "no" | "false");
    let settings = &mut config.settings;
    match key {
        "DefaultZone" if !value.is_empty() => {
            settings.default_zone = Some((value.to_owned(), span));
        }
        "FirewallBackend" => settings.iptables = (value == "iptables").then_some(span),
        "IPv6_rpfilter" => match value.to_ascii_lowercase().as_str() {
            "yes" | "true" | "strict" | "no" | "false" => settings.rpfilter = Some((!no, span)),
            other => config.damage.push(Fault::new(
                span,
                format!("`IPv6_rpfilter={other}` is not modelled"),
            )),
        },
        "LogDenied" => settings.log_denied = !value.is_empty() && value != "off",
        "RFC3964_IPv4" => settings.rfc3964 = !no,
        "AllowZoneDrifting" if !no && !value.is_empty() => config.damage.push(Fault::new(
            span,
            "zone drifting (firewalld before 1.0) is not modelled",
        )),
        "StrictForwardPorts" if !no && !value.is_empty() => config
            .damage
            .push(Fault::new(span, "`StrictForwardPorts=yes` is not modelled")),
        key if KEYS.contains(&key) => {}
        key => notes.push(
            Diagnostic::new(
                &input::UNKNOWN_KEY,
                format!("`{key}` is not a setting of firewalld"),
            )
            .at(span)
            .help("it is ignored, as firewalld does"),
        ),
    }
}
