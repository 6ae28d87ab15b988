//! The difference of two systems, in words and as Markdown.

use super::markdown::escape;
use super::one_line;
use crate::engine::{CompareHook, CompareResult, DecidedData, DifferenceData, Place};
use crate::net::Family;

/// The differences, what is proved at each hook, and the counts.
#[must_use]
pub fn compare(result: &CompareResult) -> String {
    let mut out = String::new();
    for one in &result.differences {
        out.push_str(&format!("{}\n", heading(one)));
        for packets in &one.packets {
            line(&mut out, &format!("  {}", packets.text));
        }
        if one.more {
            line(&mut out, "  … and others");
        }
        let width = fate(&one.old).len().max(fate(&one.new).len());
        decided(&mut out, "was", &one.old, width);
        decided(&mut out, "now", &one.new, width);
        for place in one.old.depends_on.iter().chain(&one.new.depends_on) {
            line(
                &mut out,
                &format!("  depends on {}: {}", at(place), place.label),
            );
        }
        line(&mut out, &format!("  for example `{}`", one.witness));
        out.push('\n');
    }
    if result.summary.not_listed > 0 {
        let more = result.summary.not_listed;
        line(
            &mut out,
            &format!("… {more} more differences are not listed\n"),
        );
    }
    for hook in &result.hooks {
        line(
            &mut out,
            &format!("{}: {}", station(hook.family, &hook.hook), verdict(hook)),
        );
        for packets in &hook.not_compared {
            line(&mut out, &format!("  not compared: {packets}"));
        }
    }
    if !result.alike.is_empty() {
        let text = format!(
            "{} not modelled and the same in both: taken to do the same to the same packets",
            lines(result.alike.len())
        );
        line(&mut out, &text);
    }
    line(&mut out, &counts(result));
    out
}

/// The same as Markdown: what is proved, then a section for each difference.
#[must_use]
pub fn compare_markdown(result: &CompareResult) -> String {
    let names = [&result.old, &result.new].map(|side| side.documents.join(", "));
    let mut out = format!("# {} → {}\n\n", escape(&names[0]), escape(&names[1]));
    out.push_str(&format!(
        "{}\n\n| where | verdict |\n| --- | --- |\n",
        escape(&counts(result))
    ));
    for hook in &result.hooks {
        let name = station(hook.family, &hook.hook);
        out.push_str(&format!("| {} | {} |\n", name, escape(&verdict(hook))));
    }
    for one in &result.differences {
        out.push_str(&format!("\n## {}\n\n", heading(one)));
        for packets in &one.packets {
            out.push_str(&format!("- {}\n", escape(&packets.text)));
        }
        if one.more {
            out.push_str("- … and others\n");
        }
        out.push_str("\n| | verdict | decided by | |\n| --- | --- | --- | --- |\n");
        for (name, side) in [("was", &one.old), ("now", &one.new)] {
            let place = side.place.as_ref().map_or(String::new(), at);
            out.push_str(&format!(
                "| {name} | {} | {} | {} |\n",
                escape(&fate(side)),
                escape(&place),
                escape(excerpt(side))
            ));
        }
        out.push_str(&format!("\nFor example: {}\n", escape(&one.witness)));
        for place in one.old.depends_on.iter().chain(&one.new.depends_on) {
            let text = format!("Depends on {}: {}", at(place), place.label);
            out.push_str(&format!("\n{}\n", escape(&text)));
        }
    }
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(&one_line(text));
    out.push('\n');
}

fn heading(one: &DifferenceData) -> String {
    let what = match (one.kind.as_str(), one.certain) {
        ("answer", true) => "answer changed".into(),
        ("answer", false) => "answer possibly changed".into(),
        ("translated", true) => "translated differently".into(),
        ("translated", false) => "possibly translated differently".into(),
        ("undetermined", _) => "possibly changed".into(),
        (kind, true) => kind.to_owned(),
        (kind, false) => format!("possibly {kind}"),
    };
    format!("{what} at {}", station(one.family, &one.hook))
}

fn station(family: Family, hook: &str) -> String {
    let family = match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    };
    format!("{hook}, {family}")
}

fn verdict(hook: &CompareHook) -> String {
    let verdict = hook.verdict.replace('-', " ");
    if hook.more {
        format!("{verdict}, in more ways than are listed")
    } else {
        verdict
    }
}

fn decided(out: &mut String, when: &str, side: &DecidedData, width: usize) {
    let by = match &side.place {
        Some(place) => format!("{}  {}", at(place), excerpt(side)),
        None => "no chain is there".into(),
    };
    let text = format!("  {when} {:<width$}  {by}", fate(side));
    line(out, text.trim_end());
}

fn fate(side: &DecidedData) -> String {
    match (side.answer.as_str(), side.translation.as_str()) {
        ("", "") => side.verdict.clone(),
        ("", translation) => format!("{} (to {translation})", side.verdict),
        (answer, _) => format!("{} ({answer})", side.verdict),
    }
}

fn at(place: &Place) -> String {
    format!("{}:{}", place.source, place.line)
}

fn excerpt(side: &DecidedData) -> &str {
    let excerpt = side
        .place
        .as_ref()
        .and_then(|place| place.excerpt.as_deref());
    excerpt.unwrap_or("").trim()
}

fn lines(number: usize) -> String {
    match number {
        1 => "1 line is".into(),
        _ => format!("{number} lines are"),
    }
}

fn counts(result: &CompareResult) -> String {
    let sum = &result.summary;
    let verdict = result.verdict.replace('-', " ");
    format!(
        "{verdict}: {} opened, {} closed, {} translated differently, {} with another answer, {} possible",
        sum.opened, sum.closed, sum.translated, sum.answers, sum.possible
    )
}
