//! What `firewall-cmd --list-all-zones`, `--list-all` and `--list-all-policies` print.

use super::config::{Config, Contents, ForwardPort, Policy, Port, Target, Zone};
use super::read::{policy_target, push, push_port, push_rule, zone_target};
use super::tree::{self, Element, Fault};
use super::{richrule, value};
use crate::dialect::lines::{Line, lines};
use crate::source::{SourceId, Span};

/// Keys that only policies have.
const OF_POLICIES: &[&str] = &["priority", "ingress-zones", "egress-zones"];

/// Keys whose values stand on lines of their own.
const BLOCKS: &[&str] = &["forward-ports", "rich rules"];

/// One zone or policy of a listing.
struct Block<'t> {
    name: String,
    default: bool,
    span: Span,
    /// Keys with the words behind them; under `forward-ports` and `rich rules`, the lines.
    fields: Vec<(&'t str, Vec<Word<'t>>)>,
    damage: Vec<Fault>,
}

/// A word or a line with its place.
#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    span: Span,
}

/// Whether a text is one of these listings.
pub(super) fn is_listing(text: &str) -> bool {
    let mut target = false;
    let mut services = false;
    for line in text.lines().take(200) {
        target |= line.trim_start() != line && line.trim_start().starts_with("target:");
        services |= line.trim_start() != line && line.trim_start().starts_with("services:");
    }
    target && services
}

/// Reads a listing.
pub(super) fn read(text: &str, source: SourceId, config: &mut Config) {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for line in lines(text) {
        let trimmed = line.text.trim();
        let span = span_of(&line, trimmed, source);
        if trimmed.is_empty() {
            continue;
        }
        if !line.text.starts_with([' ', '\t']) {
            match heading(trimmed, span) {
                Ok(block) => blocks.push(block),
                // A shell's prompt with the command is no part of the listing.
                Err(_) if trimmed.contains("firewall-cmd") => {}
                Err(fault) => config.damage.push(fault),
            }
            continue;
        }
        match blocks.last_mut() {
            Some(block) => field(block, &line, trimmed, source),
            None => config.damage.push(Fault::new(
                span,
                "expected the name of a zone before this line",
            )),
        }
    }
    let several = blocks.len() > 1;
    for block in blocks {
        let policy = block
            .fields
            .iter()
            .any(|(key, _)| OF_POLICIES.contains(key));
        if policy {
            config.policies_complete |= several;
            let name = block.name.clone();
            config.policies.insert(name, policy_of(block));
        } else {
            if block.default {
                config.settings.default_zone = Some((block.name.clone(), block.span));
            }
            let name = block.name.clone();
            config.zones.insert(name, zone_of(block));
        }
    }
}

fn span_of(line: &Line<'_>, part: &str, source: SourceId) -> Span {
    let lead = part.as_ptr() as usize - line.text.as_ptr() as usize;
    let start = line.start + lead;
    Span::new(source, start, start + part.len())
}

/// `public`, `public (active)`, `public (default, active)`.
fn heading<'t>(text: &str, span: Span) -> Result<Block<'t>, Fault> {
    let (name, notes) = match text.split_once(" (") {
        Some((name, notes)) => (name, notes.strip_suffix(')')),
        None => (text, Some("")),
    };
    let plain = |c: char| c.is_alphanumeric() || "_-/.".contains(c);
    let Some(notes) = notes.filter(|_| name.chars().all(plain)) else {
        return Err(Fault::new(
            span,
            format!("expected the name of a zone or policy, found `{text}`"),
        ));
    };
    Ok(Block {
        name: name.to_owned(),
        default: notes.split(", ").any(|note| note == "default"),
        span,
        fields: Vec::new(),
        damage: Vec::new(),
    })
}

fn field<'t>(block: &mut Block<'t>, line: &Line<'t>, trimmed: &'t str, source: SourceId) {
    let whole = Word {
        text: trimmed,
        span: span_of(line, trimmed, source),
    };
    let inside = block
        .fields
        .last_mut()
        .filter(|(key, _)| BLOCKS.contains(key));
    let deeper = line.text.starts_with('\t') || trimmed.starts_with("rule ");
    if let Some((_, values)) = inside
        && (deeper || trimmed.starts_with("port="))
    {
        values.push(whole);
        return;
    }
    let Some((key, rest)) = trimmed.split_once(':') else {
        block.damage.push(Fault::new(
            whole.span,
            format!("expected `key: values`, found `{trimmed}`"),
        ));
        return;
    };
    let words = match key {
        "rich rules" if !rest.trim().is_empty() => vec![rest.trim()],
        _ => rest.split_ascii_whitespace().collect(),
    };
    let words = words.into_iter().map(|text| Word {
        text,
        span: span_of(line, text, source),
    });
    block.fields.push((key, words.collect()));
}

fn zone_of(block: Block<'_>) -> Zone {
    let mut zone = Zone {
        span: block.span,
        rank: 2,
        target: Target::Default,
        interfaces: Vec::new(),
        sources: Vec::new(),
        contents: Contents::default(),
        inversion: None,
        forward: None,
        priority: 0,
    };
    zone.contents.damage = block.damage;
    for (key, words) in block.fields {
        for word in words {
            let read = match (key, word.text) {
                ("target", text) => match zone_target(text) {
                    Some(target) => {
                        zone.target = target;
                        Ok(())
                    }
                    None => Err(format!("`{text}` is no target of a zone")),
                },
                ("icmp-block-inversion", "no") | ("forward", "no") => Ok(()),
                ("icmp-block-inversion", "yes") => {
                    zone.inversion = Some(word.span);
                    Ok(())
                }
                ("forward", "yes") => {
                    zone.forward = Some(word.span);
                    Ok(())
                }
                ("interfaces", name) => {
                    push(&mut zone.interfaces, name.to_owned(), word.span);
                    Ok(())
                }
                ("sources", text) => {
                    value::peer(text).map(|peer| push(&mut zone.sources, peer, word.span))
                }
                ("ingress-priority", text) => text
                    .parse()
                    .map(|priority| zone.priority = priority)
                    .map_err(|_| format!("expected a number, found `{text}`")),
                ("egress-priority", _) => Ok(()),
                _ => contents(key, word, &mut zone.contents),
            };
            let fault = read.err().map(|message| Fault::new(word.span, message));
            zone.contents.damage.extend(fault);
        }
    }
    zone
}

fn policy_of(block: Block<'_>) -> Policy {
    let mut policy = Policy {
        span: block.span,
        rank: 2,
        target: Target::Continue,
        priority: -1,
        ingress: Vec::new(),
        egress: Vec::new(),
        contents: Contents::default(),
    };
    policy.contents.damage = block.damage;
    for (key, words) in block.fields {
        for word in words {
            let read = match (key, word.text) {
                ("target", text) => match policy_target(text) {
                    Some(target) => {
                        policy.target = target;
                        Ok(())
                    }
                    None => Err(format!("`{text}` is no target of a policy")),
                },
                ("priority", text) => text
                    .parse()
                    .map(|priority| policy.priority = priority)
                    .map_err(|_| format!("expected a number, found `{text}`")),
                ("ingress-zones", name) => {
                    push(&mut policy.ingress, name.to_owned(), word.span);
                    Ok(())
                }
                ("egress-zones", name) => {
                    push(&mut policy.egress, name.to_owned(), word.span);
                    Ok(())
                }
                _ => contents(key, word, &mut policy.contents),
            };
            let fault = read.err().map(|message| Fault::new(word.span, message));
            policy.contents.damage.extend(fault);
        }
    }
    policy
}

fn contents(key: &str, word: Word<'_>, into: &mut Contents) -> Result<(), String> {
    let Word { text, span } = word;
    match key {
        "summary" | "description" => {}
        "services" => push(&mut into.services, text.to_owned(), span),
        "ports" => push_port(&mut into.ports, value::port(text)?, span),
        "source-ports" => push_port(&mut into.source_ports, value::port(text)?, span),
        "protocols" => push(&mut into.protocols, value::protocol(text)?, span),
        "masquerade" if text == "no" => {}
        "masquerade" if text == "yes" => into.masquerade = Some(span),
        "forward-ports" => push(&mut into.forward_ports, forward_port(text)?, span),
        "icmp-blocks" => push(&mut into.icmp_blocks, text.to_owned(), span),
        "rich rules" => {
            let element: Element =
                tree::rich(text, span.source, span.start as usize).map_err(|f| f.message)?;
            let rule = richrule::read(&element).map_err(|f| f.message)?;
            push_rule(into, rule, span);
        }
        other => return Err(format!("`{other}` is not known in such a listing")),
    }
    Ok(())
}

/// `port=80:proto=tcp:toport=8080:toaddr=10.0.0.1`; the address may hold colons.
fn forward_port(text: &str) -> Result<ForwardPort, String> {
    let fault = || format!("expected `port=…:proto=…:toport=…:toaddr=…`, found `{text}`");
    let rest = text.strip_prefix("port=").ok_or_else(fault)?;
    let (port, rest) = rest.split_once(":proto=").ok_or_else(fault)?;
    let (protocol, rest) = rest.split_once(":toport=").ok_or_else(fault)?;
    let (to_port, to_address) = rest.split_once(":toaddr=").ok_or_else(fault)?;
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(ForwardPort {
        port: Port {
            ports: value::ports(port)?,
            protocol: value::port_protocol(protocol)?,
        },
        to_port: filled(to_port).map(|t| value::ports(&t)).transpose()?,
        to_address: filled(to_address)
            .map(|t| t.parse().map_err(|_| fault()))
            .transpose()?,
    })
}
