//! What stands around an export in a transcript of a shell: prompts and commands.

use crate::net::Family;

/// A command that lists rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Command<'a> {
    pub family: Family,
    pub table: &'a str,
    /// Whether what follows is in the form of `iptables -S`.
    pub specs: bool,
}

/// What a line of a transcript is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell<'a> {
    /// A command that lists rules, behind a prompt or not.
    Lists(Command<'a>),
    /// A prompt, or another command.
    Prompt,
}

/// Reads `root@gw:~# sudo iptables -t nat -S`; none for a line that is no part of a shell.
pub(super) fn shell(line: &str) -> Option<Shell<'_>> {
    let (prompted, command) = match line.strip_prefix(['#', '$']) {
        Some(command) => (false, command),
        None => match line.split_once(['#', '$', '>']) {
            Some((prompt, command)) if is_prompt(prompt) => (true, command),
            _ => (false, line),
        },
    };
    let mut words = command.split_ascii_whitespace().peekable();
    words.next_if_eq(&"sudo");
    let program = words.next().and_then(|path| path.rsplit('/').next());
    let family = match program.map(|p| p.trim_end_matches("-save")) {
        Some("iptables" | "iptables-legacy" | "iptables-nft") => Family::V4,
        Some("ip6tables" | "ip6tables-legacy" | "ip6tables-nft") => Family::V6,
        _ => return prompted.then_some(Shell::Prompt),
    };
    let mut found = Command {
        family,
        table: "filter",
        specs: false,
    };
    while let Some(word) = words.next() {
        match word {
            "-t" | "--table" => found.table = words.next().unwrap_or("filter"),
            "-S" | "--list-rules" => found.specs = true,
            _ => {}
        }
    }
    Some(Shell::Lists(found))
}

/// `root@gw:~`, `[root@gw ~]` and the like.
fn is_prompt(text: &str) -> bool {
    let text = text.trim();
    !text.contains(" -A ")
        && !text.starts_with('-')
        && !text.starts_with(':')
        && text.split(['@', ':', ' ']).count() > 1
        && text.contains('@')
        && text.len() < 80
}

/// Whether a line is of `iptables -L`, which leaves out what rules match.
pub(super) fn is_listing(line: &str) -> bool {
    line.strip_prefix("Chain ")
        .and_then(|rest| rest.split_once(" ("))
        .is_some_and(|(_, rest)| rest.starts_with("policy ") || rest.ends_with(" references)"))
}

/// The table that built-in chains with these names stand in.
pub(super) fn table_of(policies: &[&str]) -> &'static str {
    let has = |name| policies.contains(&name);
    match (has("PREROUTING"), has("FORWARD"), has("POSTROUTING")) {
        (true, true, _) => "mangle",
        (true, false, true) => "nat",
        (true, false, false) => "raw",
        _ => "filter",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_and_commands() {
        let lists = |table, specs| {
            Some(Shell::Lists(Command {
                family: Family::V4,
                table,
                specs,
            }))
        };
        let cases = [
            ("root@gw:~# iptables -t nat -S", lists("nat", true)),
            (
                "[root@gw ~]# /usr/sbin/iptables-save -c",
                lists("filter", false),
            ),
            ("user@gw:/etc$ sudo iptables -S", lists("filter", true)),
            ("# iptables -S -t raw", lists("raw", true)),
            ("root@gw:~#", Some(Shell::Prompt)),
            ("# Completed on a day", None),
            ("# a comment", None),
            ("-A INPUT -m comment --comment a@b#c -j ACCEPT", None),
            (":INPUT ACCEPT [0:0]", None),
            (
                "[1:2] -A INPUT -m comment --comment \"x@y #1\" -j ACCEPT",
                None,
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(shell(line), expected, "{line}");
        }
        assert!(is_listing("Chain INPUT (policy ACCEPT 0 packets, 0 bytes)"));
        assert!(is_listing("Chain DOCKER (1 references)"));
    }
}
