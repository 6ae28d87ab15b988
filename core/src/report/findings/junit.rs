//! JUnit's XML, as build servers read it: a test case for each finding, all failed.

use super::{primary, severity, whole};
use crate::engine::FindingData;
use std::collections::BTreeMap;

/// One suite for each file.
pub(super) fn findings(all: &[FindingData]) -> String {
    let mut files: BTreeMap<&str, Vec<&FindingData>> = BTreeMap::new();
    for one in all {
        let file = primary(one).map_or("", |place| place.source.as_str());
        files.entry(file).or_default().push(one);
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let count = all.len();
    out.push_str(&format!(
        "<testsuites name=\"portwright\" tests=\"{count}\" failures=\"{count}\">\n"
    ));
    for (file, found) in files {
        let count = found.len();
        let name = escape(file);
        out.push_str(&format!(
            "  <testsuite name=\"{name}\" tests=\"{count}\" failures=\"{count}\" errors=\"0\">\n"
        ));
        for one in found {
            let line = primary(one).map_or(0, |place| place.line);
            out.push_str(&format!(
                "    <testcase name=\"{} {} line {line}\" classname=\"{name}\">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                escape(&one.code),
                escape(&one.name),
                severity(one),
                escape(&one.message),
                escape(&whole(one)),
            ));
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Text in XML 1.0, which has no place for most control characters.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_is_escaped() {
        let text = super::findings(&super::super::examples());
        assert!(
            text.contains("rule 3 &lt;of&gt; 100 % `x` | y\u{fffd}&#10;next"),
            "{text}"
        );
        assert_eq!(text.matches("<testcase").count(), 3);
        assert_eq!(text.matches("<testsuite ").count(), 2);
    }
}
