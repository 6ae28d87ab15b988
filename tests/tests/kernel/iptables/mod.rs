//! Random rulesets for iptables.

mod matches;
mod protocols;
mod sets;
mod targets;

use crate::draw::Draw;
use crate::hint::Hints;
use crate::ruleset::Language;
use portwright::net::Family;
use portwright_cli::kernel::{Export, Host, Kind};
use sets::Set;
use std::fmt::Write as _;

/// A ruleset and what its rules ask for.
#[derive(Debug)]
pub struct Generated {
    /// To load.
    pub exports: Vec<Export>,
    /// For each rule, what packets that match it look like.
    pub hints: Vec<Hints>,
    /// Whether nothing in it uses connection tracking, so that fragments travel on.
    pub stateless: bool,
}

/// Where a rule stands.
struct Place {
    table: &'static str,
    chain: String,
    /// User chains behind this one: no circles.
    below: Vec<String>,
}

/// A rule under way.
#[derive(Default)]
struct Rule {
    text: String,
    hints: Hints,
    /// The protocol that it asks for, not negated.
    protocol: Option<u8>,
}

struct Generator<'a> {
    draw: Draw<'a>,
    stateless: bool,
    /// Fragments can be matched: of the legacy backend alone, because that of nf_tables reads
    /// their data as ports on some kernels.
    legacy: bool,
    sets: Vec<Set>,
    set_text: String,
    hints: Vec<Hints>,
}

impl Rule {
    fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

/// The ruleset of a seed.
pub fn generate(seed: u64, family: Family, language: Language, host: &Host) -> Generated {
    let mut draw = Draw::new(seed, family, host);
    let stateless = draw.chance(0.15);
    let mut generator = Generator {
        draw,
        stateless,
        legacy: language == Language::Legacy,
        sets: Vec::new(),
        set_text: String::new(),
        hints: Vec::new(),
    };
    generator.make_sets();
    let rules = generator.tables();
    let mut exports = Vec::new();
    if !generator.set_text.is_empty() {
        exports.push(Export {
            kind: Kind::Ipset,
            text: generator.set_text,
        });
    }
    exports.push(Export {
        kind: language.kind(family),
        text: rules,
    });
    Generated {
        exports,
        hints: generator.hints,
        stateless,
    }
}

impl Generator<'_> {
    fn not(&mut self) -> &'static str {
        if self.draw.chance(0.2) { "! " } else { "" }
    }

    fn tables(&mut self) -> String {
        let mut text = self.table("filter", &["INPUT", "FORWARD", "OUTPUT"]);
        if self.draw.chance(0.4) {
            text += &self.table(
                "mangle",
                &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
            );
        }
        if self.draw.chance(0.25) {
            text += &self.table("raw", &["PREROUTING", "OUTPUT"]);
        }
        if self.draw.chance(0.1) {
            text += &self.table("security", &["INPUT", "FORWARD", "OUTPUT"]);
        }
        if !self.stateless && self.draw.chance(0.4) {
            text += &self.table("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]);
        }
        text
    }

    fn table(&mut self, table: &'static str, bases: &[&str]) -> String {
        let mut text = format!("*{table}\n");
        for base in bases {
            let drops = match table {
                "filter" => self.draw.chance(0.4),
                "nat" => false,
                _ => self.draw.chance(0.03),
            };
            let policy = if drops { "DROP" } else { "ACCEPT" };
            let _ = writeln!(text, ":{base} {policy} [0:0]");
        }
        let most = match table {
            "filter" => 5,
            "nat" => 0,
            _ => 2,
        };
        let users: Vec<String> = (0..self.draw.between(0, most))
            .map(|n| format!("u{n}"))
            .collect();
        for user in &users {
            let _ = writeln!(text, ":{user} - [0:0]");
        }
        let most = if table == "filter" { 9 } else { 4 };
        let chains = bases.iter().map(|base| ((*base).to_owned(), users.clone()));
        let user_chains = (0..users.len()).map(|at| (users[at].clone(), users[at + 1..].to_vec()));
        for (chain, below) in chains.chain(user_chains) {
            let place = Place {
                table,
                chain,
                below,
            };
            for _ in 0..self.draw.between(0, most) {
                text += &self.rule(&place);
            }
        }
        text + "COMMIT\n"
    }

    fn rule(&mut self, place: &Place) -> String {
        let mut rule = Rule {
            text: format!("-A {}", place.chain),
            ..Rule::default()
        };
        self.protocol(&mut rule);
        for _ in 0..self.draw.pick(&[0, 0, 1, 1, 1, 2, 3]) {
            self.any_match(place, &mut rule);
        }
        self.target(place, &mut rule);
        self.hints.push(rule.hints);
        rule.text + "\n"
    }
}
