//! Addresses, prefixes, ports and host name patterns as inventories write them.

use crate::net::Prefix;
use std::net::IpAddr;

/// Host names or addresses that one pattern may stand for.
const MAX_EXPANSION: usize = super::merge::MAX_HOSTS;

/// An address: `10.0.0.1`, `fd00::1`, `[fd00::1]`, `10.0.0.1/32`.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let prefix: Prefix = text.parse().ok()?;
    (prefix.prefix_len() == prefix.max_prefix_len()).then(|| prefix.addr())
}

/// A prefix, or an address as the prefix that holds only it. Host bits are cut off.
pub(super) fn prefix(text: &str) -> Option<Prefix> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Prefix::from(address));
    }
    text.parse::<Prefix>().ok().map(|prefix| prefix.trunc())
}

/// A port, in quotes or not.
pub(super) fn port(text: &str) -> Option<u16> {
    let text = text.trim().trim_matches(['"', '\'']);
    text.parse().ok().filter(|&port| port != 0)
}

/// The names that a pattern such as `node[01:40]` or `db-[a:c]` stands for (both ends included,
/// leading zeros kept, `[1:9:2]` for steps). None when there are too many or the range is empty.
pub(super) fn expand(pattern: &str) -> Option<Vec<String>> {
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, range, after)) = split_range(rest) {
        let values = range_values(range)?;
        if names.len().checked_mul(values.len())? > MAX_EXPANSION {
            return None;
        }
        names = names
            .iter()
            .flat_map(|name| values.iter().map(move |v| format!("{name}{before}{v}")))
            .collect();
        rest = after;
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Some(names)
}

/// Whether a text holds a range such as `[1:3]`.
pub(super) fn is_pattern(text: &str) -> bool {
    split_range(text).is_some()
}

/// Text before the first range, the range without brackets, and what follows.
fn split_range(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = text.get(from..)?.find('[')?.checked_add(from)?;
        let close = text.get(open..)?.find(']')?.checked_add(open)?;
        let inner = text.get(open + 1..close)?;
        let parts: Vec<&str> = inner.split(':').collect();
        let digits =
            |p: &&str| !p.is_empty() && p.len() <= 9 && p.bytes().all(|b| b.is_ascii_digit());
        let letter = |p: &&str| p.len() == 1 && p.bytes().all(|b| b.is_ascii_alphabetic());
        let step = parts.get(2).is_none_or(digits);
        let ends = parts
            .get(..2)
            .is_some_and(|e| e.iter().all(digits) || e.iter().all(letter));
        if ends && step && parts.len() <= 3 {
            return Some((text.get(..open)?, inner, text.get(close + 1..)?));
        }
        from = close;
    }
}

fn range_values(range: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = range.split(':').collect();
    let (from, to) = (*parts.first()?, *parts.get(1)?);
    let step: usize = match parts.get(2) {
        Some(step) => step.parse().ok().filter(|&step| step > 0)?,
        None => 1,
    };
    if let (Ok(first), Ok(last)) = (from.parse::<u32>(), to.parse::<u32>()) {
        let width = if from.starts_with('0') { from.len() } else { 0 };
        let count = usize::try_from(last.checked_sub(first)?).ok()? / step;
        if count >= MAX_EXPANSION {
            return None;
        }
        return Some(
            (first..=last)
                .step_by(step)
                .map(|number| format!("{number:0width$}"))
                .collect(),
        );
    }
    let (first, last) = (from.bytes().next()?, to.bytes().next()?);
    (first <= last).then(|| {
        (first..=last)
            .step_by(step)
            .map(|letter| char::from(letter).to_string())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{address, expand, prefix};

    #[test]
    fn patterns() {
        let names = |p: &str| expand(p).map(|n| n.join(" "));
        let check = |p: &str, e: Option<&str>| assert_eq!(names(p).as_deref(), e, "{p}");
        check("node1", Some("node1"));
        check("node[1:3]", Some("node1 node2 node3"));
        check("n[08:11].x", Some("n08.x n09.x n10.x n11.x"));
        check("db-[a:c]", Some("db-a db-b db-c"));
        check("r[1:2]n[1:5:2]", Some("r1n1 r1n3 r1n5 r2n1 r2n3 r2n5"));
        check("10.0.0.[9:11]", Some("10.0.0.9 10.0.0.10 10.0.0.11"));
        check("n[3:1]", None);
        check("n[0:999999999]", None);
        check("[fd00::1]", Some("[fd00::1]"));
        check("n[1:2", Some("n[1:2"));
    }

    #[test]
    fn addresses() {
        assert_eq!(
            address("10.0.0.1/32").map(|a| a.to_string()),
            Some("10.0.0.1".into())
        );
        assert_eq!(
            address("[fd00::1]").map(|a| a.to_string()),
            Some("fd00::1".into())
        );
        assert_eq!(address("10.0.0.0/24"), None);
        assert_eq!(address("node1"), None);
        assert_eq!(
            prefix("10.0.0.7/24").map(|p| p.to_string()),
            Some("10.0.0.0/24".into())
        );
    }
}
