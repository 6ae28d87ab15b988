//! A packet's way, rule by rule.

use super::one_line;
use crate::engine::{DependsOn, StepData, TraceResult, TracedPacket};

/// Packets in words: what each met on its way, then its fate.
#[must_use]
pub fn packets(result: &TraceResult) -> String {
    let parts: Vec<String> = result.packets.iter().map(packet).collect();
    parts.join("\n")
}

fn packet(packet: &TracedPacket) -> String {
    let mut out = String::new();
    if let Some(id) = &packet.id {
        out.push_str(&format!("{}: ", one_line(&id.to_string())));
    }
    let line = packet
        .line
        .map_or(String::new(), |line| format!(" by line {line}"));
    out.push_str(&format!("{}{line}\n", packet.verdict));
    if let Some(error) = &packet.error {
        out.push_str(&format!("  {}\n", one_line(error)));
    }
    for step in &packet.steps {
        out.push_str(&one_step(step));
    }
    if packet.steps.is_empty() && !packet.path.is_empty() {
        out.push_str(&format!("  {}\n", one_line(&packet.path.join(" → "))));
    }
    for one in &packet.depends_on {
        out.push_str(&dependency("depends on", one));
    }
    for one in &packet.path_depends_on {
        out.push_str(&dependency("the way to it depends on", one));
    }
    out
}

fn dependency(what: &str, one: &DependsOn) -> String {
    let source = one.source.as_ref();
    let source = source.map_or(String::new(), |s| format!("{s}:"));
    let text = format!("  {what} {source}{}: {}", one.line, one.why);
    format!("{}\n", one_line(&text))
}

fn one_step(step: &StepData) -> String {
    let indent = if step.kind == "enter" { "  " } else { "    " };
    let verdict = step
        .verdict
        .as_ref()
        .map_or(String::new(), |v| format!(" → {v}"));
    let place = match (&step.place, step.kind.as_str()) {
        (Some(place), "match" | "verdict") => {
            let excerpt = place.excerpt.as_deref().unwrap_or("").trim();
            format!("  {}:{}  {excerpt}", place.source, place.line)
        }
        _ => String::new(),
    };
    let line = format!("{indent}{:<8}{}{verdict}{place}", step.kind, step.at);
    format!("{}\n", one_line(line.trim_end()))
}

/// A packet's answer as one line of `trace --packets`: a compact JSON object with the keys `id`,
/// `verdict`, `path`, `line`, `depends_on` and `path_depends_on`, those that are absent left out.
#[must_use]
pub fn json_line(packet: &TracedPacket) -> String {
    let bare = TracedPacket {
        steps: Vec::new(),
        error: None,
        ..packet.clone()
    };
    // Plain data with string keys: serialisation has no way to fail.
    let mut line = serde_json::to_string(&bare).unwrap_or_default();
    line.push('\n');
    line
}
