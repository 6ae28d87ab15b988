//! Hides passwords in lines of an inventory before they are shown as a snippet.

use std::borrow::Cow;

/// Parts of key names whose values are secret.
const KEYS: &[&str] = &[
    "pass",
    "secret",
    "token",
    "accesskey",
    "access_key",
    "private_key",
    "credential",
    "vault",
    "datasourcename",
    "api_key",
    "apikey",
];

/// What a hidden value is shown as.
const HIDDEN: &str = "***";

/// A line as it may be shown: values of keys that sound secret (`ansible_password`, `ansiblePass`,
/// `secretKey`, …), credentials in URLs and data source names, and `VAULT;…` are replaced by `***`.
/// Lines that are vault cipher text are hidden whole. Text after a hidden value may move.
#[must_use]
pub fn redact(line: &str) -> Cow<'_, str> {
    if is_cipher_text(line) {
        return Cow::Borrowed(HIDDEN);
    }
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    let mut changed = false;
    while let Some((at, separator)) = next_value(rest) {
        let (before, after) = rest.split_at(at + separator);
        shown.push_str(before);
        let lead = after.len() - after.trim_start().len();
        let (space, value) = after.split_at(lead);
        shown.push_str(space);
        let key = before.trim_end_matches([':', '=']).trim_end();
        let mut end = value_end(value, before.ends_with('='), shown.contains('{'));
        if before.ends_with('=') && is_secret_key(key) {
            end = next_assignment(value, end);
        }
        let (value, tail) = value.split_at(end);
        let secret = is_secret_key(key) || holds_credentials(value);
        if secret && !value.is_empty() {
            shown.push_str(HIDDEN);
            changed = true;
        } else if value.starts_with(['{', '[']) {
            // A nested mapping: its own keys come next.
            shown.push_str(value.get(..1).unwrap_or(""));
            rest = rest
                .get(rest.len() - tail.len() - value.len() + 1..)
                .unwrap_or("");
            continue;
        } else {
            shown.push_str(value);
        }
        rest = tail;
    }
    if holds_credentials(rest) {
        shown.push_str(HIDDEN);
        changed = true;
    } else if let Some(at) = after_secret_word(rest) {
        shown.push_str(rest.get(..at).unwrap_or(""));
        shown.push(' ');
        shown.push_str(HIDDEN);
        changed = true;
    } else {
        shown.push_str(rest);
    }
    if changed {
        Cow::Owned(shown)
    } else {
        Cow::Borrowed(line)
    }
}

/// Where the next `key:` or `key=` ends: the separator's place and its length.
fn next_value(text: &str) -> Option<(usize, usize)> {
    text.char_indices().find_map(|(at, c)| {
        let after = text.get(at + 1..)?.chars().next();
        let colon = c == ':' && after.is_none_or(|c| c.is_whitespace() || "\"'{[".contains(c));
        (colon || c == '=').then_some((at, 1))
    })
}

/// Where a value ends: its closing quote, the delimiter of a flow mapping, the end of an INI word,
/// else the end of the line.
fn value_end(value: &str, word: bool, flow: bool) -> usize {
    if let Some(quote) = value.chars().next().filter(|c| *c == '"' || *c == '\'') {
        return quoted_end(value, quote);
    }
    if value.starts_with(['{', '[']) {
        return 1;
    }
    let ends = |c: char| match (word, flow) {
        (true, _) => c.is_whitespace(),
        (false, true) => c == ',' || c == '}',
        (false, false) => false,
    };
    value.find(ends).unwrap_or(value.len())
}

/// Where a word that sounds secret ends, when more follows it: somebody forgot the separator.
fn after_secret_word(text: &str) -> Option<usize> {
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let end = at + word.trim_end().len();
        at += word.len();
        let more = text.get(at..).is_some_and(|rest| !rest.trim().is_empty());
        if more && is_secret_key(word.trim_end()) {
            return Some(end);
        }
    }
    None
}

/// Words after a secret that are no assignment: the rest of a password with forgotten quotes.
fn next_assignment(value: &str, from: usize) -> usize {
    let tail = value.get(from..).unwrap_or("");
    let Some(equals) = tail.find('=') else {
        return value.trim_end().len().max(from);
    };
    let word = tail
        .get(..equals)
        .and_then(|text| text.rfind(char::is_whitespace));
    word.map_or(from, |at| from + at)
}

/// Just after the closing quote; a doubled or escaped quote closes nothing.
fn quoted_end(value: &str, quote: char) -> usize {
    let mut characters = value.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        let escaped = c == '\\' && quote == '"';
        let closes = c == quote;
        let doubled = closes && characters.peek().is_some_and(|&(_, next)| next == quote);
        if escaped || doubled {
            characters.next();
        } else if closes {
            return at + 1;
        }
    }
    value.len()
}

fn is_secret_key(text: &str) -> bool {
    let key = text.trim_end_matches(['"', '\'']);
    let start = key.rfind(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)));
    let key = start
        .map_or(key, |at| key.get(at..).unwrap_or(key))
        .to_ascii_lowercase();
    KEYS.iter().any(|part| key.contains(part))
}

/// `user:password@`, or Kubean's `VAULT;…`.
fn holds_credentials(value: &str) -> bool {
    let before = value.rsplit_once('@').map(|(before, _)| before);
    before.is_some_and(|b| b.contains(':')) || value.contains("VAULT;")
}

fn is_cipher_text(line: &str) -> bool {
    let line = line.trim();
    line.contains("$ANSIBLE_VAULT")
        || line.len() >= 40 && line.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn hides_values_only() {
        let check = |line: &str, expected: &str| assert_eq!(redact(line), expected);
        check("  ip: 10.0.0.1", "  ip: 10.0.0.1");
        check(
            "n1 ansible_host=10.0.0.1 ansible_password='a b' ip=1",
            "n1 ansible_host=10.0.0.1 ansible_password=*** ip=1",
        );
        check(
            "- {nodeName: a, ansiblePass: x y, ip: fd00::1}",
            "- {nodeName: a, ansiblePass: ***, ip: fd00::1}",
        );
        check(
            "node2: {ip: 10.0.0.2, ansible_password: \"VAULT;x\"}",
            "node2: {ip: 10.0.0.2, ansible_password: ***}",
        );
        check("  ansiblePass: a, b} c", "  ansiblePass: ***");
        check(
            "n2 ansible_password=a b ip=1",
            "n2 ansible_password=*** ip=1",
        );
        check("{password: 'it''s', ip: 1}", "{password: ***, ip: 1}");
        check(
            r#"{"password": "a\"b", "ip": 1}"#,
            r#"{"password": ***, "ip": 1}"#,
        );
        check(
            "[all:vars] ansible_password=a,b",
            "[all:vars] ansible_password=***",
        );
        check(
            "\"n\": {\"ansible_ssh_pass\": \"x\", \"ip\": 7}",
            "\"n\": {\"ansible_ssh_pass\": ***, \"ip\": 7}",
        );
        check("externalImageRepo: https://u:p@r", "externalImageRepo: ***");
        check("- u:p@tcp(db:3306)/x", "***");
        check("  $ANSIBLE_VAULT;1.1;AES256", "***");
    }
}
