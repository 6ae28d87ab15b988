//! Mermaid flowcharts, which GitHub and many wikis draw.

use super::links::{by_cluster, caption, links};
use super::{Layout, one_line};
use crate::engine::ResolveResult;

/// The flows as a `flowchart`.
pub(super) fn resolve(result: &ResolveResult, _: Layout<'_>) -> String {
    let mut out = String::from("flowchart LR\n");
    for (number, (cluster, groups)) in by_cluster(result).into_iter().enumerate() {
        let indent = if cluster.is_some() { "    " } else { "  " };
        if let Some(name) = cluster {
            out.push_str(&format!("  subgraph c{number}[{}]\n", quoted([name])));
        }
        for at in groups {
            if let Some(group) = result.groups.get(at) {
                let caption = caption(group);
                let label = quoted(caption.iter().map(String::as_str));
                out.push_str(&format!("{indent}g{at}[{label}]\n"));
            }
        }
        if cluster.is_some() {
            out.push_str("  end\n");
        }
    }
    for link in links(result) {
        let label = quoted(link.lines.iter().map(String::as_str));
        out.push_str(&format!("  g{} -->|{label}| g{}\n", link.from, link.to));
    }
    out
}

/// A quoted string. Everything that could be markup (HTML, Markdown, a quote) is written as a
/// character number.
fn quoted<'l>(lines: impl IntoIterator<Item = &'l str>) -> String {
    let escaped = |line| {
        let mut text = String::new();
        let line = one_line(line);
        for (at, c) in line.trim().chars().enumerate() {
            let plain = c.is_alphanumeric() || " ,:/()+…（），".contains(c);
            // `-` and `1.` at the start would be lists.
            if plain || (at > 0 && c == '-') || (c == '.' && !line.contains(". ")) {
                text.push(c);
            } else {
                text.push_str(&format!("#{};", u32::from(c)));
            }
        }
        text
    };
    let lines: Vec<String> = lines.into_iter().map(escaped).collect();
    format!("\"{}\"", lines.join("<br/>"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_becomes_markup() {
        for (lines, wanted) in [
            (
                vec!["tcp 2379-2380, 6443", "10.0.0.0/24"],
                "\"tcp 2379-2380, 6443<br/>10.0.0.0/24\"",
            ),
            (vec!["a\"]"], "\"a#34;#93;\""),
            (vec!["<script>"], "\"#60;script#62;\""),
            (vec!["#35;"], "\"#35;35#59;\""),
            (vec!["- x"], "\"#45; x\""),
            (vec!["1. x"], "\"1#46; x\""),
            (vec!["节点（a）"], "\"节点（a）\""),
        ] {
            assert_eq!(quoted(lines), wanted);
        }
    }
}
