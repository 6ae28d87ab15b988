//! What ufw makes around the administrator's rules: its chains, the files it brings along, its
//! default policies (`ufw-init-functions`).

use super::rule::prefix;
use crate::dialect::iptables::assemble::Assembly;
use crate::dialect::lines::Line;
use crate::net::Family;
use crate::source::{SourceId, Span};

/// The version that the rules below come from.
pub(super) const VERSION: &str = "ufw 0.36.2";

/// `before.rules`, `before6.rules`, `after.rules`, `after6.rules` of Debian 12's ufw (0.36.2-1,
/// GPL-3): the rules without their comments.
const SHIPPED: [[&str; 2]; 2] = [
    [
        include_str!("builtin-before.rules"),
        include_str!("builtin-after.rules"),
    ],
    [
        include_str!("builtin-before6.rules"),
        include_str!("builtin-after6.rules"),
    ],
];

/// What a packet meets at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Accept,
    Drop,
    Reject,
}

/// Policies of incoming, outgoing and routed packets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policies(pub [Policy; 3]);

impl Default for Policies {
    fn default() -> Self {
        Self([Policy::Drop, Policy::Accept, Policy::Drop])
    }
}

impl Policy {
    /// Reads `DROP` or `deny`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "accept" | "allow" => Self::Accept,
            "drop" | "deny" => Self::Drop,
            "reject" => Self::Reject,
            _ => return None,
        })
    }

    fn target(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Drop => "DROP",
            Self::Reject => "REJECT",
        }
    }
}

/// The files of one family, where they are given, as lines by table.
#[derive(Default)]
pub(super) struct Files<'t> {
    /// `before.rules`.
    pub before: Option<File<'t>>,
    /// `after.rules`.
    pub after: Option<File<'t>>,
    /// `user.rules`.
    pub user: Option<File<'t>>,
}

/// A file of rules: lines by table, in the order of the file.
pub(super) struct File<'t> {
    /// The text.
    pub source: SourceId,
    /// Table and its lines.
    pub tables: Vec<(&'t str, Vec<Line<'t>>)>,
}

/// A family's filter table and whatever else its files hold.
pub(super) struct Framework<'a, 't> {
    /// Family.
    pub family: Family,
    /// Files that are given.
    pub files: &'a Files<'t>,
    /// Default policies.
    pub policies: Policies,
    /// Where what nobody says is missed.
    pub anywhere: Span,
}

const HOOKS: [(&str, &str); 3] = [
    ("INPUT", "input"),
    ("OUTPUT", "output"),
    ("FORWARD", "forward"),
];

impl Framework<'_, '_> {
    /// Writes the tables; `user` writes the administrator's rules into the filter table.
    pub(super) fn write(&self, assembly: &mut Assembly, user: impl FnOnce(&mut Assembly)) {
        for file in [&self.files.before, &self.files.after, &self.files.user] {
            self.other_tables(file.as_ref(), assembly);
        }
        assembly.table(self.family, "filter");
        self.chains(assembly);
        self.file(0, self.files.before.as_ref(), assembly);
        self.file(1, self.files.after.as_ref(), assembly);
        let p = prefix(self.family);
        if let Some(file) = &self.files.user {
            filter_lines(file, assembly);
        } else {
            self.limits(assembly);
        }
        user(assembly);
        for (_, hook) in HOOKS {
            self.say(
                assembly,
                &format!("-A {p}-before-{hook} -j {p}-user-{hook}"),
            );
        }
    }

    fn say(&self, assembly: &mut Assembly, line: &str) {
        assembly.assumed(line, self.anywhere);
    }

    fn chains(&self, assembly: &mut Assembly) {
        let p = prefix(self.family);
        let Policies(policies) = self.policies;
        for ((builtin, hook), policy) in HOOKS.into_iter().zip(policies) {
            let built_in = match policy {
                Policy::Accept => "ACCEPT",
                Policy::Drop | Policy::Reject => "DROP",
            };
            self.say(assembly, &format!(":{builtin} {built_in}"));
            for kind in [
                "before-logging",
                "before",
                "after",
                "after-logging",
                "reject",
                "track",
            ] {
                self.say(assembly, &format!(":{p}-{kind}-{hook} -"));
            }
            for kind in ["user", "user-logging", "skip-to-policy"] {
                self.say(assembly, &format!(":{p}-{kind}-{hook} -"));
            }
            for kind in [
                "before-logging",
                "before",
                "after",
                "after-logging",
                "reject",
                "track",
            ] {
                self.say(assembly, &format!("-A {builtin} -j {p}-{kind}-{hook}"));
            }
            match policy {
                Policy::Reject => self.say(assembly, &format!("-A {p}-reject-{hook} -j REJECT")),
                Policy::Accept => {
                    for protocol in ["tcp", "udp"] {
                        self.say(
                            assembly,
                            &format!(
                                "-A {p}-track-{hook} -p {protocol} -m conntrack --ctstate NEW -j ACCEPT"
                            ),
                        );
                    }
                }
                Policy::Drop => {}
            }
            let target = policy.target();
            self.say(
                assembly,
                &format!("-A {p}-skip-to-policy-{hook} -j {target}"),
            );
        }
        for kind in [
            "logging-deny",
            "logging-allow",
            "user-limit",
            "user-limit-accept",
        ] {
            self.say(assembly, &format!(":{p}-{kind} -"));
        }
    }

    /// The chains of `limit`, which `user.rules` fills where it is given.
    fn limits(&self, assembly: &mut Assembly) {
        let p = prefix(self.family);
        self.say(
            assembly,
            &format!("-A {p}-user-limit -m limit --limit 3/minute -j LOG"),
        );
        self.say(assembly, &format!("-A {p}-user-limit -j REJECT"));
        self.say(assembly, &format!("-A {p}-user-limit-accept -j ACCEPT"));
    }

    /// A file of the framework: as it is given, or as ufw ships it.
    fn file(&self, kind: usize, given: Option<&File<'_>>, assembly: &mut Assembly) {
        if let Some(file) = given {
            filter_lines(file, assembly);
            return;
        }
        let [v4, v6] = SHIPPED;
        let of_family = match self.family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        let text = of_family.get(kind).copied().unwrap_or("");
        for line in text.lines().filter(|l| l.starts_with([':', '-'])) {
            self.say(assembly, line);
        }
    }

    /// Tables beside `filter` that a file holds, such as `nat`.
    fn other_tables(&self, file: Option<&File<'_>>, assembly: &mut Assembly) {
        let Some(file) = file else {
            return;
        };
        for (table, lines) in file.tables.iter().filter(|(table, _)| *table != "filter") {
            assembly.table(self.family, table);
            for line in lines {
                assembly.there(file.source, line);
            }
        }
    }
}

fn filter_lines(file: &File<'_>, assembly: &mut Assembly) {
    for (_, lines) in file.tables.iter().filter(|(table, _)| *table == "filter") {
        for line in lines {
            assembly.there(file.source, line);
        }
    }
}
