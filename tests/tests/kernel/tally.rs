//! How Portwright did, counted.

use crate::ruleset::Language;
use portwright::firewall::Hook;
use portwright::net::Family;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// Counts of probes.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// By language, family and hook.
    places: BTreeMap<(Language, Family, Hook), Counts>,
    /// Why Portwright's answers are unknown, by reason.
    pub reasons: BTreeMap<String, usize>,
    /// Probes that were also looked up in a symbolic walk over all packets.
    pub in_walks: usize,
    /// Rulesets.
    pub rulesets: usize,
}

/// Counts of one place.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// Probes sent.
    pub probes: usize,
    /// Of these, those that Portwright was asked about.
    pub judged: usize,
    /// Of these, those that it calls unknown.
    pub unknown: usize,
    /// Verdicts of the kernel: accept, drop, reject.
    pub verdicts: [usize; 3],
    /// Probes that no rule decided about.
    pub lost: usize,
    /// Answers that differ.
    pub mismatches: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.probes += other.probes;
        self.judged += other.judged;
        self.unknown += other.unknown;
        self.lost += other.lost;
        self.mismatches += other.mismatches;
        for (mine, more) in self.verdicts.iter_mut().zip(other.verdicts) {
            *mine += more;
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        for (place, counts) in other.places {
            *self.places.entry(place).or_default() += counts;
        }
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self.in_walks += other.in_walks;
        self.rulesets += other.rulesets;
    }
}

impl Tally {
    /// The counts of a place.
    pub fn at(&mut self, language: Language, family: Family, hook: Hook) -> &mut Counts {
        self.places.entry((language, family, hook)).or_default()
    }

    /// Everything.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.places.values().for_each(|counts| total += *counts);
        total
    }

    /// Everything of one language.
    pub fn of(&self, language: Language) -> Counts {
        let mut total = Counts::default();
        let own = self.places.iter().filter(|((l, ..), _)| *l == language);
        own.for_each(|(_, counts)| total += *counts);
        total
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<16} {:<5} {:<8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>6} {:>7} {:>10}",
            "backend",
            "fam.",
            "hook",
            "probes",
            "judged",
            "accept",
            "drop",
            "reject",
            "lost",
            "unknown",
            "mismatches"
        )?;
        for ((language, family, hook), counts) in &self.places {
            let name = language.name();
            let hook = hook.to_string();
            line(f, name, &format!("{family:?}"), &hook, counts)?;
        }
        line(f, "all", "", "", &self.total())?;
        for (reason, count) in &self.reasons {
            writeln!(f, "unknown {count:>6}: {reason}")?;
        }
        write!(
            f,
            "{} rulesets, {} packets, {} of them in walks over all packets, {} mismatches",
            self.rulesets,
            self.total().probes,
            self.in_walks,
            self.total().mismatches
        )
    }
}

fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    family: &str,
    hook: &str,
    counts: &Counts,
) -> fmt::Result {
    let [accept, drop, reject] = counts.verdicts;
    writeln!(
        f,
        "{name:<16} {family:<5} {hook:<8} {:>7} {:>7} {accept:>7} {drop:>7} {reject:>7} {:>6} {:>7} {:>10}",
        counts.probes, counts.judged, counts.lost, counts.unknown, counts.mismatches
    )
}
