//! Names for findings that survive unrelated edits.

pub(super) use crate::fnv::fingerprint;

/// A rule's text without what changes by itself: counters (`[12:345]`, `packets 12 bytes 345`,
/// `-c 12 345`) and nftables' handles.
pub(super) fn lasting(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut counts = 0;
    for word in text.split_ascii_whitespace() {
        let digits = word.trim_matches(|c: char| ",}]\"".contains(c));
        let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if number && counts > 0 {
            counts -= 1;
            continue;
        }
        counts = match word.trim_matches(|c: char| "{\":,".contains(c)) {
            "packets" | "bytes" | "handle" => 1,
            "-c" | "--set-counters" => 2,
            _ => 0,
        };
        let inside = word
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let counter = inside.and_then(|inside| inside.split_once(':'));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !counter.is_some_and(|(a, b)| digits(a) && digits(b)) {
            kept.push(word);
        }
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::lasting;

    #[test]
    fn counters_and_handles_do_not_count() {
        for (text, kept) in [
            ("[12:345] -A INPUT -j DROP", "-A INPUT -j DROP"),
            ("-A INPUT -c 12 345 -j DROP", "-A INPUT -c -j DROP"),
            (
                "tcp dport 22 counter packets 3 bytes 180 accept # handle 7",
                "tcp dport 22 counter packets bytes accept # handle",
            ),
            (
                r#"{"counter": {"packets": 5, "bytes": 6}}"#,
                r#"{"counter": {"packets": "bytes":"#,
            ),
            (
                "-A INPUT -p tcp --dport 22 -j DROP",
                "-A INPUT -p tcp --dport 22 -j DROP",
            ),
        ] {
            assert_eq!(lasting(text), kept);
        }
    }
}
