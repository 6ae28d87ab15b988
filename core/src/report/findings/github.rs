//! Workflow commands of GitHub Actions: annotations beside the lines of a pull request.

use super::{primary, severity, whole};
use crate::engine::FindingData;

/// One command a line.
pub(super) fn findings(all: &[FindingData]) -> String {
    let mut out = String::new();
    for one in all {
        let level = match severity(one) {
            "note" => "notice",
            other => other,
        };
        let title = property(&format!("{} {}", one.code, one.name));
        let place = primary(one).map_or(String::new(), |place| {
            format!(
                "file={},line={},endLine={},col={},",
                property(&place.source),
                place.line,
                place.end_line,
                place.column
            )
        });
        out.push_str(&format!(
            "::{level} {place}title={title}::{}\n",
            data(&whole(one))
        ));
    }
    out
}

/// Text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Text of a command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_line_each() {
        let text = super::findings(&super::super::examples());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        let wanted = "::warning file=a b/c%2Cd.rules,line=3,endLine=3,col=1,title=PW301 shadowed::rule 3 <of> 100 %25 `x` | y\u{1}%0Anext";
        assert_eq!(lines[0], wanted);
        assert!(
            lines[2].starts_with("::error title=PW999 shadowed::h: rule 3"),
            "{text}"
        );
    }
}
