//! The part of docs/performance.md that `--probe` writes. `--peers` writes the rest, and keeps it.

const BEGIN: &str = "<!-- written by `cargo xtask bench --probe`: begin -->";
const END: &str = "<!-- written by `cargo xtask bench --probe`: end -->";

/// The part of a page, with its marks.
fn find(page: &str) -> Option<&str> {
    let from = page.find(BEGIN)?;
    let length = page.get(from..)?.find(END)?;
    page.get(from..from + length + END.len())
}

/// A page with this as its part, in the place of the old one or at the end.
pub fn replace(page: &str, text: &str) -> String {
    let part = format!("{BEGIN}\n{}\n{END}", text.trim_end());
    match find(page) {
        Some(old) => page.replacen(old, &part, 1),
        None => format!("{}\n\n{part}\n", page.trim_end()),
    }
}

/// A new page with the part of the old one.
pub fn keep(old: &str, new: &str) -> String {
    match find(old) {
        Some(part) => format!("{}\n\n{part}\n", new.trim_end()),
        None => new.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{keep, replace};

    #[test]
    fn each_keeps_what_the_other_wrote() {
        let page = replace("# Performance\n\nA table.\n", "## Probing\n\n1 s\n");
        assert!(
            page.starts_with("# Performance\n\nA table.\n\n<!--"),
            "{page}"
        );
        let again = replace(&page, "## Probing\n\n2 s\n");
        assert_eq!(again, page.replace("1 s", "2 s"));
        let other = keep(&again, "# Performance\n\nAnother table.\n");
        assert_eq!(other, again.replace("A table", "Another table"));
        assert_eq!(keep("nothing\n", "new\n"), "new\n");
    }
}
