//! GitLab's Code Quality report.

use super::{primary, whole};
use crate::diagnostic::Severity;
use crate::engine::FindingData;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Issue<'f> {
    description: String,
    check_name: &'f str,
    fingerprint: String,
    severity: &'static str,
    location: Location<'f>,
}

#[derive(Serialize)]
struct Location<'f> {
    path: &'f str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
    end: u32,
}

/// An array of issues. Fingerprints are unique: equal ones are numbered.
pub(super) fn findings(all: &[FindingData]) -> String {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let issues: Vec<Issue<'_>> = all
        .iter()
        .map(|one| {
            let again = seen.entry(&one.fingerprint).or_default();
            *again += 1;
            let place = primary(one);
            Issue {
                description: whole(one).replace('\n', " "),
                check_name: &one.code,
                fingerprint: match *again {
                    1 => one.fingerprint.clone(),
                    number => format!("{}-{number}", one.fingerprint),
                },
                severity: match one.severity {
                    Severity::Note => "info",
                    Severity::Warning => "minor",
                    Severity::Error => "major",
                },
                location: Location {
                    path: place.map_or("", |place| place.source.trim_start_matches("./")),
                    lines: Lines {
                        begin: place.map_or(1, |place| place.line),
                        end: place.map_or(1, |place| place.end_line),
                    },
                },
            }
        })
        .collect();
    // Plain data with string keys: serialisation has no way to fail.
    serde_json::to_string_pretty(&issues).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    #[test]
    fn fingerprints_are_unique() {
        let text = super::findings(&super::super::examples());
        let issues: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
        let mut all: Vec<_> = issues
            .iter()
            .map(|i| i["fingerprint"].to_string())
            .collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 3);
        assert_eq!(issues[0]["location"]["lines"]["begin"], 3);
        assert_eq!(issues[2]["severity"], "major");
    }
}
