//! Verdict maps and maps.

use super::sets::Key;
use super::{Generator, Place, Rule};
use portwright::net::Family;

impl Generator<'_> {
    /// Ends a rule with a map of verdicts.
    pub(super) fn verdict_map(&mut self, place: &Place, rule: &mut Rule) {
        if !self.stateless && self.draw.chance(0.2) {
            let verdicts = [
                self.verdict(place),
                self.verdict(place),
                self.verdict(place),
            ];
            let [a, b, c] = verdicts;
            rule.add(&format!(
                "ct state vmap {{ established : {a}, related : {b}, invalid : {c} }}"
            ));
            return;
        }
        let (key, text) = self.map_key(place, rule);
        let (elements, hints) = self.elements(key, true, 1);
        let entries: Vec<String> = elements
            .into_iter()
            .map(|element| format!("{element} : {}", self.verdict(place)))
            .collect();
        let chosen = self.draw.pick(&hints);
        rule.hints.extend(chosen);
        rule.add(&format!("{text} vmap {{ {} }}", entries.join(", ")));
    }

    /// Sets the mark as a map says.
    pub(super) fn mark_map(&mut self, place: &Place, rule: &mut Rule) {
        let (key, text) = self.map_key(place, rule);
        let (elements, hints) = self.elements(key, true, 1);
        let entries: Vec<String> = elements
            .into_iter()
            .map(|element| format!("{element} : {}", self.draw.pick(&["1", "0x10", "0x13"])))
            .collect();
        let chosen = self.draw.pick(&hints);
        rule.hints.extend(chosen);
        rule.add(&format!(
            "meta mark set {text} map {{ {} }}",
            entries.join(", ")
        ));
    }

    fn map_key(&mut self, place: &Place, rule: &mut Rule) -> (Key, String) {
        use crate::hint::Hint;
        match self.draw.between(0, 5) {
            0 | 1 if !rule.ports => {
                let (name, number) = self.draw.pick(&[("tcp", 6), ("udp", 17)]);
                rule.hints.push(Hint::Protocol(number));
                rule.ports = true;
                (Key::Port, format!("{name} dport"))
            }
            2 if !rule.ports => {
                rule.ports = true;
                (Key::Protocol, "meta l4proto".to_owned())
            }
            3 if !matches!(place.hook, "output" | "postrouting") => {
                (Key::Interface, "iifname".to_owned())
            }
            4 if !rule.ports => {
                let family = self.settle(rule);
                rule.hints.push(Hint::Protocol(6));
                rule.ports = true;
                let layer = if family == Family::V4 { "ip" } else { "ip6" };
                (
                    Key::AddressPort(family),
                    format!("{layer} saddr . tcp dport"),
                )
            }
            _ => {
                let family = self.settle(rule);
                let layer = if family == Family::V4 { "ip" } else { "ip6" };
                (Key::Address(family), format!("{layer} saddr"))
            }
        }
    }

    /// A verdict that a map may hold.
    fn verdict(&mut self, place: &Place) -> String {
        let verdicts: &[&str] = match place.kind {
            "nat" => &["accept", "continue", "return"],
            _ => &["accept", "drop", "continue", "return", "accept"],
        };
        if !place.below.is_empty() && self.draw.chance(0.4) {
            let chain = self.draw.pick(&place.below);
            let how = self.draw.pick(&["jump", "jump", "goto"]);
            return format!("{how} {chain}");
        }
        self.draw.pick(verdicts).to_owned()
    }
}
