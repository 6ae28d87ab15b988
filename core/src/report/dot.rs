//! Graphviz: one box for each group, one arrow for each pair of groups.

use super::links::{by_cluster, caption, links};
use super::{Layout, one_line};
use crate::engine::ResolveResult;

/// The flows as a `digraph`.
pub(super) fn resolve(result: &ResolveResult, _: Layout<'_>) -> String {
    let mut out = String::from("digraph portwright {\n  rankdir=LR;\n  node [shape=box];\n");
    for (number, (cluster, groups)) in by_cluster(result).into_iter().enumerate() {
        let indent = if cluster.is_some() { "    " } else { "  " };
        if let Some(name) = cluster {
            let name = quoted([name]);
            out.push_str(&format!(
                "  subgraph cluster_{number} {{\n    label={name};\n"
            ));
        }
        for at in groups {
            let Some(group) = result.groups.get(at) else {
                continue;
            };
            let caption = caption(group);
            let label = quoted(caption.iter().map(String::as_str));
            out.push_str(&format!("{indent}g{at} [label={label}];\n"));
        }
        if cluster.is_some() {
            out.push_str("  }\n");
        }
    }
    for link in links(result) {
        let label = quoted(link.lines.iter().map(String::as_str));
        let (from, to) = (link.from, link.to);
        out.push_str(&format!("  g{from} -> g{to} [label={label}];\n"));
    }
    out.push_str("}\n");
    out
}

/// A quoted string of several lines. A backslash would start an escape such as `\G`.
fn quoted<'l>(lines: impl IntoIterator<Item = &'l str>) -> String {
    let escaped = |line| one_line(line).replace('\\', "\\\\").replace('"', "\\\"");
    let lines: Vec<String> = lines.into_iter().map(escaped).collect();
    format!("\"{}\"", lines.join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn strings_stay_closed() {
        for (lines, wanted) in [
            (vec!["a", "b"], r#""a\nb""#),
            (vec![r#"x"];evil["#], r#""x\"];evil[""#),
            (vec![r"\"], r#""\\""#),
            (vec![r#"\""#], r#""\\\"""#),
            (vec!["a\nb"], r#""a b""#),
        ] {
            assert_eq!(quoted(lines), wanted);
        }
    }
}
