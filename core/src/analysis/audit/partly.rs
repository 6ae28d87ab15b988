//! Partly shadowed: everything of one prefix, port or alternative that a rule names is decided
//! the other way by earlier rules.

use super::Audit;
use super::life::{Covering, Life};
use super::line::{Line, Part, about, name};
use super::redundant::is_verdict;
use super::shadowed::{blame, is_contradicted, telling};
use crate::diagnostic::hygiene as codes;
use crate::firewall::{Decider, Rule, Rules};
use crate::net::Family;
use crate::packet::show::{addresses, ports};
use crate::packet::{Bound, Cube, Ranges};

/// Alternatives that are looked at; rules with more are not taken apart.
const MOST: usize = 16;

impl Audit<'_, '_> {
    /// Notes what part of a line never comes to it.
    pub(super) fn partly(&mut self, line: &Line) {
        // A line that is several rules of the model names its parts otherwise (verdict maps).
        let mut seen = Family::ALL.map(|_| false);
        let once = line.parts.iter().all(|part| {
            let slot = seen.get_mut(usize::from(part.family == Family::V6));
            slot.is_some_and(|known| !std::mem::replace(known, true))
        });
        if !once {
            return;
        }
        for &part in &line.parts {
            let Some(rule) = self.part(part).filter(|rule| is_verdict(&rule.action)) else {
                continue;
            };
            let lost = self.lost(part, rule);
            if !lost.is_empty() {
                self.tell_partly(line, part, &lost);
                return;
            }
        }
    }

    /// The alternatives that earlier rules decide the other way, and who.
    fn lost(&mut self, part: Part, rule: &Rule) -> Vec<(String, Covering)> {
        let mut lost = Vec::new();
        for (text, cube) in alternatives(rule, part.family) {
            let cubes = std::slice::from_ref(&cube);
            let Life::Covered(covering) = self.examiner(part.family).life(part.id, cubes) else {
                continue;
            };
            let rules = self.subject.firewall.rules(part.family);
            let meant = telling(&covering).all(|(by, _)| is_exception(rules, by, rule));
            if is_contradicted(&rule.action, &covering) && !meant {
                lost.push((text, covering));
            }
        }
        lost
    }

    fn tell_partly(&mut self, line: &Line, part: Part, lost: &[(String, Covering)]) {
        let program = self.subject.program(part.family);
        let texts: Vec<&str> = lost.iter().map(|(text, _)| text.as_str()).collect();
        let message = format!(
            "{} never matches {}: earlier rules give these packets the opposite verdict",
            name(program.rules, part.id),
            texts.join(", ")
        );
        let mut finding = about(&codes::PARTLY_SHADOWED, line.span, part, message);
        for (_, covering) in lost {
            blame(&mut finding, program, part, covering);
        }
        finding.help = Some("move it before the rules that cover it, or take that part out".into());
        self.findings.push(finding);
    }
}

/// Whether who decides is more specific than a rule: an exception that its author means.
fn is_exception(rules: &Rules, by: Decider, rule: &Rule) -> bool {
    let Decider::Rule(id) = by else {
        return false;
    };
    let inside = |cube: &Cube| rule.matches.iter().any(|wide| cube.is_subset(wide));
    rules
        .rule(id)
        .is_some_and(|by| by.matches.iter().all(inside))
}

/// The prefixes, ports or alternatives that a rule names, where there are several.
fn alternatives(rule: &Rule, family: Family) -> Vec<(String, Cube)> {
    let [cube] = rule.matches.as_slice() else {
        if rule.matches.len() > MOST {
            return Vec::new();
        }
        let all = rule.matches.iter();
        return all
            .map(|cube| (cube.describe(family), cube.clone()))
            .collect();
    };
    let mut all = Vec::new();
    for one in several(&cube.destination_port) {
        let text = format!("destination port {}", ports(&one));
        let destination_port = one;
        all.push((
            text,
            Cube {
                destination_port,
                ..cube.clone()
            },
        ));
    }
    for source in several(&cube.source) {
        let text = format!("source {}", addresses(&source, family));
        all.push((
            text,
            Cube {
                source,
                ..cube.clone()
            },
        ));
    }
    for destination in several(&cube.destination) {
        let text = format!("destination {}", addresses(&destination, family));
        all.push((
            text,
            Cube {
                destination,
                ..cube.clone()
            },
        ));
    }
    all
}

/// The intervals of a set, where there are several. The two around something that is left out are
/// no alternatives.
fn several<T: Bound>(set: &Ranges<T>) -> Vec<Ranges<T>> {
    let intervals = set.intervals();
    let around = Ranges::<T>::full().subtract(set).intervals().len() < intervals.len();
    if intervals.len() < 2 || intervals.len() > MOST || around {
        return Vec::new();
    }
    intervals
        .iter()
        .map(|&(lo, hi)| Ranges::span(lo, hi))
        .collect()
}
