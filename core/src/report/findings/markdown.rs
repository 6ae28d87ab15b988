//! A table in Markdown, for comments on merge requests.

use super::{primary, severity};
use crate::engine::FindingData;
use crate::report::markdown::escape;

/// One row for each finding.
pub(super) fn findings(all: &[FindingData]) -> String {
    if all.is_empty() {
        return "No findings.\n".into();
    }
    let mut out = String::from(
        "| severity | code | where | finding | what to do |\n| --- | --- | --- | --- | --- |\n",
    );
    for one in all {
        let place = primary(one).map_or(String::new(), |place| {
            format!("{}:{}", place.source, place.line)
        });
        let message = match one.guards.as_str() {
            "" => one.message.clone(),
            guards => format!("{guards}: {}", one.message),
        };
        let help = one.fix.as_ref().map_or("", |fix| fix.text.as_str());
        out.push_str(&format!(
            "| {} | {} {} | {} | {} | {} |\n",
            severity(one),
            escape(&one.code),
            escape(&one.name),
            escape(&place),
            escape(&message),
            escape(help)
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_row_each() {
        let text = super::findings(&super::super::examples());
        assert_eq!(text.lines().count(), 5);
        assert!(text.lines().all(|line| line.starts_with("| ")), "{text}");
        assert!(text.contains("y  next"), "{text}");
    }
}
