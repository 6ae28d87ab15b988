//! JUnit's XML, as build servers read it. Findings: a test case for each, all failed.

use super::{primary, severity, whole};
use crate::engine::FindingData;
use crate::report::xml::escape;
use std::collections::BTreeMap;

/// A test case.
pub(in crate::report) struct Case {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub end: End,
}

/// How a test case ended.
pub(in crate::report) enum End {
    /// Well.
    Passed,
    /// Not well.
    Failed {
        /// Which kind.
        kind: String,
        /// In one line.
        message: String,
        /// The rest.
        text: String,
    },
    /// Nobody knows.
    Skipped(String),
}

/// One suite for each file.
pub(super) fn findings(all: &[FindingData]) -> String {
    let mut files: BTreeMap<&str, Vec<Case>> = BTreeMap::new();
    for one in all {
        let file = primary(one).map_or("", |place| place.source.as_str());
        let line = primary(one).map_or(0, |place| place.line);
        files.entry(file).or_default().push(Case {
            name: format!("{} {} line {line}", one.code, one.name),
            end: End::Failed {
                kind: severity(one).into(),
                message: one.message.clone(),
                text: whole(one),
            },
        });
    }
    let suites = files.into_iter();
    suites_text(
        &suites
            .map(|(file, cases)| (file.to_owned(), cases))
            .collect::<Vec<_>>(),
    )
}

/// Suites with their cases.
pub(in crate::report) fn suites_text(suites: &[(String, Vec<Case>)]) -> String {
    let failed = |cases: &[Case]| {
        let failed = cases
            .iter()
            .filter(|one| matches!(one.end, End::Failed { .. }));
        failed.count()
    };
    let skipped = |cases: &[Case]| {
        let skipped = cases
            .iter()
            .filter(|one| matches!(one.end, End::Skipped(_)));
        match skipped.count() {
            0 => String::new(),
            count => format!(" skipped=\"{count}\""),
        }
    };
    let tests: usize = suites.iter().map(|(_, cases)| cases.len()).sum();
    let failures: usize = suites.iter().map(|(_, cases)| failed(cases)).sum();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.push_str(&format!(
        "<testsuites name=\"portwright\" tests=\"{tests}\" failures=\"{failures}\">\n"
    ));
    for (name, cases) in suites {
        let name = escape(name);
        out.push_str(&format!(
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"0\"{}>\n",
            cases.len(),
            failed(cases),
            skipped(cases)
        ));
        for one in cases {
            let head = format!(
                "    <testcase name=\"{}\" classname=\"{name}\"",
                escape(&one.name)
            );
            match &one.end {
                End::Passed => out.push_str(&format!("{head}/>\n")),
                End::Failed {
                    kind,
                    message,
                    text,
                } => out.push_str(&format!(
                    "{head}>\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                    escape(kind),
                    escape(message),
                    escape(text)
                )),
                End::Skipped(why) => out.push_str(&format!(
                    "{head}>\n      <skipped message=\"{}\"/>\n    </testcase>\n",
                    escape(why)
                )),
            }
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
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
