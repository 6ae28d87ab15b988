//! SARIF 2.1.0 (OASIS), as GitHub code scanning and editors read it.

use super::{severity, whole};
use crate::diagnostic::code_by_id;
use crate::engine::{FindingData, Place};
use serde::Serialize;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

#[derive(Serialize)]
struct Log<'f> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'f>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'f> {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<ResultOf<'f>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    name: String,
    short_description: Text,
    help: Text,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultOf<'f> {
    rule_id: &'f str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location<'f>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location<'f>>,
    partial_fingerprints: Fingerprints<'f>,
}

#[derive(Serialize)]
struct Fingerprints<'f> {
    #[serde(rename = "portwright/v1")]
    portwright: &'f str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'f> {
    physical_location: Physical<'f>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical<'f> {
    artifact_location: Artifact,
    region: Region<'f>,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region<'f> {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Snippet<'f>>,
}

#[derive(Serialize)]
struct Snippet<'f> {
    text: &'f str,
}

/// One run with all findings, and the codes that they have.
pub(super) fn findings(all: &[FindingData]) -> String {
    let mut codes: Vec<&FindingData> = all.iter().collect();
    codes.sort_by(|a, b| a.code.cmp(&b.code));
    codes.dedup_by(|a, b| a.code == b.code);
    let index = |code: &str| codes.binary_search_by(|one| one.code.as_str().cmp(code));
    let results = all.iter().map(|one| {
        let mut places = one.places.iter();
        ResultOf {
            rule_id: &one.code,
            rule_index: index(&one.code).unwrap_or(0),
            level: severity(one),
            message: Text { text: whole(one) },
            locations: places.next().map(location).into_iter().collect(),
            related_locations: places.map(location).collect(),
            partial_fingerprints: Fingerprints {
                portwright: &one.fingerprint,
            },
        }
    });
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "portwright",
                    version: env!("CARGO_PKG_VERSION"),
                    rules: codes.iter().map(|one| rule(one)).collect(),
                },
            },
            // Columns count characters.
            column_kind: "unicodeCodePoints",
            results: results.collect(),
        }],
    };
    // Plain data with string keys: serialisation has no way to fail.
    serde_json::to_string_pretty(&log).unwrap_or_default() + "\n"
}

fn rule(finding: &FindingData) -> Rule {
    let code = code_by_id(&finding.code);
    let text = |text: Option<&str>| Text {
        text: text.unwrap_or(&finding.name).trim().to_owned(),
    };
    Rule {
        id: finding.code.clone(),
        name: finding.name.clone(),
        short_description: text(code.map(|code| code.summary)),
        help: text(code.map(|code| code.explain)),
    }
}

fn location(place: &Place) -> Location<'_> {
    let label = (!place.label.is_empty()).then(|| Text {
        text: place.label.clone(),
    });
    Location {
        physical_location: Physical {
            artifact_location: Artifact {
                uri: uri(&place.source),
            },
            region: Region {
                start_line: place.line,
                start_column: place.column,
                end_line: place.end_line,
                end_column: place.end_column,
                snippet: place.excerpt.as_deref().map(|text| Snippet { text }),
            },
        },
        message: label,
    }
}

/// A path as a relative reference (RFC 3986): what has a meaning in references is escaped.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_refer_to_their_rules() {
        let text = super::findings(&super::super::examples());
        let log: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        assert_eq!(rules.len(), 2);
        for result in run["results"].as_array().expect("results") {
            let index = result["ruleIndex"].as_u64().expect("an index") as usize;
            assert_eq!(rules[index]["id"], result["ruleId"]);
        }
        let first = &run["results"][0];
        let place = &first["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/c%2Cd.rules");
        assert_eq!(place["region"]["startLine"], 3);
        assert_eq!(
            first["relatedLocations"][0]["physicalLocation"]["region"]["startLine"],
            1
        );
    }
}
