//! firewalld: its files (zones, policies, services, ipsets, ICMP types, helpers, direct rules,
//! `firewalld.conf`) and what `firewall-cmd --list-all-zones` and its like print.
//!
//! What firewalld makes of them is made here too: the same chains with the same rules in the same
//! order, as `nft list table inet firewalld` shows them.

mod builtin;
mod conf;
mod config;
mod contents;
mod direct;
mod draft;
mod generate;
mod listing;
mod lower;
mod read;
mod richrule;
mod scaffold;
mod sets;
mod tree;
mod value;

use super::iptables::assemble;
use super::{Context, Notes};
use crate::diagnostic::{Diagnostic, Severity, input};
use crate::firewall::Firewall;
use crate::source::{SourceId, Span};
use config::Config;
use generate::Generator;

/// Root elements of firewalld's files.
const ROOTS: &[&str] = &[
    "<zone",
    "<policy",
    "<service",
    "<ipset",
    "<icmptype",
    "<helper",
    "<direct",
];

/// How much a text looks like one of firewalld's.
pub(super) fn detect(text: &str) -> u8 {
    let body = text.trim_start_matches('\u{feff}').trim_start();
    if body.starts_with('<') {
        let head = head(body);
        let root = ROOTS.iter().any(|root| {
            head.strip_prefix(root)
                .is_some_and(|rest| rest.starts_with(['>', '/', ' ', '\t', '\r', '\n']))
        });
        return if root { 90 } else { 0 };
    }
    if listing::is_listing(text) {
        return 92;
    }
    let settings = text
        .lines()
        .take(400)
        .filter(|l| conf::is_setting(l))
        .count();
    match settings {
        0 => 0,
        1 => 60,
        _ => 90,
    }
}

/// A document from its root element on: declaration, comments and document type aside.
fn head(text: &str) -> &str {
    let mut rest = text;
    loop {
        let end = if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<!") {
            // The end of a document type with declarations inside is not looked for here.
            ">"
        } else {
            return rest;
        };
        let Some(at) = rest.find(end) else {
            return "";
        };
        rest = rest.get(at + end.len()..).unwrap_or("").trim_start();
    }
}

/// Reads all files and listings of one host.
pub(super) fn read(
    context: &Context<'_>,
    texts: &[SourceId],
    firewall: &mut Firewall,
    notes: &mut Notes,
) {
    let mut config = Config::default();
    for &id in texts {
        let Some(source) = context.sources.get(id) else {
            continue;
        };
        let text = source.text();
        let body = text.trim_start_matches('\u{feff}').trim_start();
        config.anywhere.get_or_insert(Span::new(id, 0, 0));
        if body.starts_with('<') {
            let place = read::Place::of(source.name());
            match tree::xml(text, id) {
                Ok(root) => read::file(&root, &place, &mut config),
                Err(fault) => config.damage.push(fault),
            }
        } else if listing::is_listing(text) {
            listing::read(text, id, &mut config);
        } else {
            conf::read(text, id, &mut config, notes);
        }
    }
    let Some(anywhere) = config.anywhere else {
        return;
    };
    complete(&mut config, anywhere, notes);
    backend(&mut config, notes);
    report_damage(&config, notes);
    if let Some(assembly) = direct::lines(&config, notes) {
        assemble::read(&assembly, anywhere.source, context, firewall, notes);
    }
    let mut generator = Generator::new(&config, firewall, notes);
    generator.run(anywhere);
    let rules = std::mem::take(&mut generator.rules);
    lower::lower(&rules, firewall, context.host);
}

/// The iptables backend makes the same decisions in chains of other names. Direct rules stand
/// elsewhere in them, and an accept of theirs is final there.
fn backend(config: &mut Config, notes: &mut Notes) {
    let Some(span) = config.settings.iptables else {
        return;
    };
    assume(
        notes,
        span,
        "the rules stand in iptables (`FirewallBackend=iptables`): shown as firewalld makes them \
         in nftables, which decides the same"
            .to_owned(),
        "give `iptables-save` and `ip6tables-save` instead for the rules themselves",
    );
    if let Some(direct) = config.direct.first() {
        config.damage.push(tree::Fault::new(
            direct.span,
            "direct rules together with `FirewallBackend=iptables` are not modelled",
        ));
    }
}

/// Adds what every firewalld has, where no file says it.
fn complete(config: &mut Config, anywhere: Span, notes: &mut Notes) {
    if !config.policies_complete
        && !config.policies.contains_key("allow-host-ipv6")
        && builtin::add_policy(anywhere, config)
    {
        assume(
            notes,
            anywhere,
            format!(
                "policy `allow-host-ipv6` is not in the files: taken as {} ships it",
                builtin::VERSION
            ),
            "give the output of `firewall-cmd --list-all-policies` too",
        );
    }
    let default = match &config.settings.default_zone {
        Some((name, span)) => (name.clone(), *span),
        None => {
            notes.push(
                Diagnostic::new(
                    &input::DANGLING,
                    "which zone is the default is not in the files",
                )
                .at(anywhere)
                .help(
                    "give `/etc/firewalld/firewalld.conf` too; packets that no zone claims by \
                     interface or source are unknown",
                ),
            );
            return;
        }
    };
    let (name, span) = default;
    if config.zones.contains_key(&name) {
        return;
    }
    if builtin::add_zone(&name, span, config) {
        assume(
            notes,
            span,
            format!(
                "zone `{name}` is not in the files: taken as {} ships it",
                builtin::VERSION
            ),
            &format!("give `/etc/firewalld/zones/{name}.xml` too, if there is one"),
        );
    } else {
        let known: Vec<&str> = builtin::zone_names().collect();
        notes.push(
            Diagnostic::new(
                &input::DANGLING,
                format!("the default zone `{name}` is not in the files"),
            )
            .at(span)
            .help(format!(
                "give `/etc/firewalld/zones/{name}.xml` too; zones known without a file: {}",
                known.join(", ")
            )),
        );
    }
}

fn assume(notes: &mut Notes, span: Span, message: String, help: &str) {
    notes.push(
        Diagnostic::new(&input::ASSUMED, message)
            .at(span)
            .help(help),
    );
}

fn report_damage(config: &Config, notes: &mut Notes) {
    let zones = config.zones.values().map(|zone| &zone.contents);
    let policies = config.policies.values().map(|policy| &policy.contents);
    for contents in zones.chain(policies) {
        for fault in &contents.refused {
            notes.push(
                Diagnostic::new(&input::SYNTAX, fault.message.clone())
                    .severity(Severity::Warning)
                    .at(fault.span)
                    .help("the rule has no effect; correct it or delete it"),
            );
        }
        unreadable(&contents.damage, notes);
    }
    unreadable(&config.damage, notes);
    for service in config.services.values() {
        unreadable(&service.damage, notes);
    }
}

fn unreadable(faults: &[tree::Fault], notes: &mut Notes) {
    for fault in faults {
        notes.push(
            Diagnostic::new(&input::SYNTAX, fault.message.clone())
                .at(fault.span)
                .help("every answer that depends on it is unknown; correct it"),
        );
    }
}
