//! Random rulesets for nftables.

mod addresses;
mod maps;
mod matches;
mod packets;
mod sets;
mod statements;

use crate::draw::Draw;
use crate::hint::Hints;
use crate::iptables::Generated;
use portwright::net::Family;
use portwright_cli::kernel::{Export, Host, Kind};
use sets::Set;
use std::fmt::Write as _;

/// Family of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TableFamily {
    Ip,
    Ip6,
    Inet,
}

/// Where a rule stands.
struct Place {
    family: TableFamily,
    /// Empty for user chains.
    hook: &'static str,
    kind: &'static str,
    priority: i32,
    /// User chains behind this one: no circles.
    below: Vec<String>,
}

/// A rule under way.
#[derive(Default)]
struct Rule {
    text: String,
    hints: Hints,
    /// The family that it is about; a table of both asks for it by its first address.
    family: Option<Family>,
    /// Whether ports can be asked for: the protocol is named.
    ports: bool,
}

struct Generator<'a> {
    draw: Draw<'a>,
    stateless: bool,
    sets: Vec<Set>,
    hints: Vec<Hints>,
}

/// A base chain that may be there: its hook, type, priorities, how often.
const BASES: [(&str, &str, &[i32], f64); 9] = [
    ("input", "filter", &[-150, -10, 0, 0, 0, 5, 50], 0.9),
    ("input", "filter", &[-10, 0, 10, 100], 0.3),
    ("forward", "filter", &[-150, -5, 0, 0, 0, 10], 0.7),
    ("forward", "filter", &[-10, 0, 10], 0.2),
    ("output", "filter", &[-150, -10, 0, 0, 10], 0.5),
    ("prerouting", "filter", &[-300, -250, -150, -101, -50], 0.4),
    ("postrouting", "filter", &[-150, 0, 50, 150], 0.2),
    ("prerouting", "nat", &[-100, -100, -90], 0.3),
    ("output", "nat", &[-100], 0.1),
];

impl TableFamily {
    fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
        }
    }
}

impl Rule {
    fn add(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text += text;
    }

    fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

/// The ruleset of a seed.
pub fn generate(seed: u64, host: &Host) -> Generated {
    let mut draw = Draw::new(seed, Family::V4, host);
    let stateless = draw.chance(0.12);
    let mut generator = Generator {
        draw,
        stateless,
        sets: Vec::new(),
        hints: Vec::new(),
    };
    let mut text = String::new();
    for number in 0..generator.draw.pick(&[1, 1, 2, 2, 3]) {
        let family = generator.draw.pick(&[
            TableFamily::Inet,
            TableFamily::Inet,
            TableFamily::Inet,
            TableFamily::Ip,
            TableFamily::Ip6,
        ]);
        text += &generator.table(family, number);
    }
    Generated {
        exports: vec![Export {
            kind: Kind::Nft,
            text,
        }],
        hints: generator.hints,
        stateless,
    }
}

impl Generator<'_> {
    fn table(&mut self, family: TableFamily, number: usize) -> String {
        let mut text = format!("table {} t{number} {{\n", family.name());
        if self.draw.chance(0.04) {
            text += " flags dormant\n";
        }
        self.sets.clear();
        text += &self.make_sets(family);
        let users: Vec<String> = (0..self.draw.between(0, 4))
            .map(|n| format!("u{n}"))
            .collect();
        let mut chains = Vec::new();
        // The kernel wants chains that are jumped to before those that do.
        for (at, user) in users.iter().enumerate().rev() {
            let place = Place {
                family,
                hook: "",
                kind: "",
                priority: 0,
                below: users[at + 1..].to_vec(),
            };
            let most = self.draw.between(0, 5);
            chains.push(self.chain(user, "", &place, most));
        }
        for (at, (hook, kind, priorities, chance)) in BASES.into_iter().enumerate() {
            if !self.draw.chance(chance / 1.3) || (kind == "nat" && self.stateless) {
                continue;
            }
            let place = Place {
                family,
                hook,
                kind,
                priority: self.draw.pick(priorities),
                below: if kind == "nat" || hook == "postrouting" {
                    Vec::new()
                } else {
                    users.clone()
                },
            };
            let drops = kind == "filter"
                && matches!(hook, "input" | "forward" | "output")
                && self.draw.chance(0.3);
            let policy = match (drops, self.draw.chance(0.2)) {
                (true, _) => " policy drop;",
                (false, true) => "",
                (false, false) => " policy accept;",
            };
            let head = format!(
                "  type {kind} hook {hook} priority {};{policy}\n",
                place.priority
            );
            let most = self.draw.between(0, 9);
            chains.push(self.chain(&format!("{hook}{at}"), &head, &place, most));
        }
        text += &chains.concat();
        text + "}\n"
    }

    fn chain(&mut self, name: &str, head: &str, place: &Place, rules: usize) -> String {
        let mut text = format!(" chain {name} {{\n{head}");
        for _ in 0..rules {
            let rule = self.rule(place);
            let _ = writeln!(text, "  {rule}");
        }
        text + " }\n"
    }

    fn rule(&mut self, place: &Place) -> String {
        let mut rule = Rule {
            family: match place.family {
                TableFamily::Ip => Some(Family::V4),
                TableFamily::Ip6 => Some(Family::V6),
                TableFamily::Inet => None,
            },
            ..Rule::default()
        };
        for _ in 0..self.draw.pick(&[0, 1, 1, 1, 2, 2, 3]) {
            self.any_match(place, &mut rule);
        }
        self.statements(place, &mut rule);
        rule.hints
            .extend(rule.family.map(crate::hint::Hint::Family));
        self.hints.push(rule.hints);
        rule.text
    }

    /// Draws values of the family that a rule is about; of one that it then is about.
    fn settle(&mut self, rule: &mut Rule) -> Family {
        let family = rule
            .family
            .unwrap_or_else(|| self.draw.pick(&[Family::V4, Family::V4, Family::V6]));
        rule.family = Some(family);
        self.draw.family = family;
        family
    }

    fn not(&mut self) -> &'static str {
        if self.draw.chance(0.2) { "!= " } else { "" }
    }
}
