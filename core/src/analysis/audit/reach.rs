//! Which packets can be in a chain at all: those that the jumps into it let through.
//!
//! What is told here is never too little, and may be too much: it narrows questions, it does not
//! answer them.

use crate::firewall::{Action, ChainId, Effect, Hook, Program, Rules};
use crate::net::Family;
use crate::packet::{Bound, Cube, FieldSet, IfName, Ranges};
use std::collections::{BTreeMap, BTreeSet};

/// Ways into a chain that are kept apart; more are also told as their common hull.
const MOST_WAYS: usize = 16;

/// The packets that can enter a chain, by the hook at which they do.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// The ways in; only some of them where there is a hull.
    pub(super) ways: Vec<Cube>,
    /// Holds all packets of all ways, where there are too many to keep.
    pub(super) hull: Option<Cube>,
}

/// The packets that can enter each chain that base chains lead into.
#[derive(Debug)]
pub(super) struct Reach {
    chains: BTreeMap<ChainId, BTreeMap<Hook, Entry>>,
    family: Family,
    untracks: bool,
    /// Whether sources are translated at INPUT.
    pub(super) translates_at_input: bool,
    /// Tables that translate packets, or mark them before they are routed.
    changing: BTreeSet<String>,
}

impl Entry {
    /// Everything that can enter.
    pub(super) fn all(&self) -> &[Cube] {
        self.hull
            .as_ref()
            .map_or(self.ways.as_slice(), std::slice::from_ref)
    }

    fn add(&mut self, cube: &Cube) {
        if let Some(hull) = &mut self.hull {
            *hull = join(hull, cube);
        } else if self.ways.iter().any(|known| cube.is_subset(known)) {
            return;
        }
        if self.ways.len() < MOST_WAYS {
            self.ways.push(cube.clone());
        } else if self.hull.is_none() {
            self.hull = self
                .ways
                .iter()
                .cloned()
                .chain([cube.clone()])
                .reduce(|a, b| join(&a, &b));
        }
    }
}

impl Reach {
    /// Follows the jumps of a program from its base chains.
    pub(super) fn new(program: &Program<'_>) -> Self {
        let rules = program.rules;
        let mut chains: BTreeMap<ChainId, BTreeMap<Hook, Entry>> = BTreeMap::new();
        for (id, chain) in rules.iter() {
            if let Some(base) = chain.base {
                let mut entry = Entry::default();
                entry.add(&possible(base.hook, program.family));
                chains.entry(id).or_default().insert(base.hook, entry);
            }
        }
        let mut all = rules.chains.iter().flat_map(|chain| &chain.rules);
        let untracks = all.any(|rule| rule.effects.contains(&Effect::Untrack));
        let mut reach = Self {
            chains,
            family: program.family,
            untracks,
            translates_at_input: false,
            changing: BTreeSet::new(),
        };
        for chain in &rules.chains {
            let Some(base) = chain.base else {
                continue;
            };
            let nat = base.first_packets_only;
            reach.translates_at_input |= nat && base.hook == Hook::Input && !chain.rules.is_empty();
            let at_host = matches!(base.hook, Hook::Input | Hook::Forward | Hook::Output);
            if at_host && (nat || base.priority < 0) {
                reach.changing.insert(chain.table.clone());
            }
        }
        let (order, circular) = in_order(rules);
        for id in order {
            reach.pass_on(rules, id);
        }
        for id in circular {
            // Chains that call each other are entered by whatever their hooks see.
            for hook in reach.hooks_into(rules, id) {
                let mut entry = Entry::default();
                entry.add(&possible(hook, program.family));
                reach.chains.entry(id).or_default().insert(hook, entry);
            }
        }
        reach
    }

    /// Who can enter a chain, by hook; none where no base chain leads into it.
    pub(super) fn of(&self, chain: ChainId) -> Option<&BTreeMap<Hook, Entry>> {
        self.chains.get(&chain)
    }

    /// Whether a table's verdicts may keep packets from being translated or marked.
    pub(super) fn is_changing(&self, table: &str) -> bool {
        self.changing.contains(table)
    }

    /// Sends everything that can be in a chain through its jumps.
    fn pass_on(&mut self, rules: &Rules, from: ChainId) {
        let (Some(chain), Some(entries)) = (rules.chain(from), self.chains.get(&from)) else {
            return;
        };
        let entries = entries.clone();
        let (untracks, family) = (self.untracks, self.family);
        for rule in &chain.rules {
            let Some(to) = target(&rule.action) else {
                continue;
            };
            for (hook, entry) in &entries {
                let into = self.chains.entry(to).or_default().entry(*hook).or_default();
                for jumping in rule.matches.iter() {
                    let jumping = lasting(jumping, untracks, family);
                    for entering in entry.all() {
                        if let Some(cube) = entering.intersect(&jumping) {
                            into.add(&cube);
                        }
                    }
                }
            }
        }
    }

    /// The hooks of base chains that lead into a chain on a circle, as far as they are known.
    fn hooks_into(&self, rules: &Rules, to: ChainId) -> Vec<Hook> {
        let callers = rules.iter().filter(|(_, chain)| {
            let mut targets = chain.rules.iter().filter_map(|rule| target(&rule.action));
            targets.any(|target| target == to)
        });
        let known = callers.filter_map(|(id, _)| self.chains.get(&id));
        let mut hooks: Vec<Hook> = known.flat_map(|hooks| hooks.keys().copied()).collect();
        hooks.sort_unstable();
        hooks.dedup();
        hooks
    }
}

/// Where a jump or goto leads.
pub(super) fn target(action: &Action) -> Option<ChainId> {
    match action {
        Action::Jump(to) | Action::Goto(to) => Some(*to),
        _ => None,
    }
}

/// What a jump asks for, but for what rules between it and the next may change: marks, and whether
/// connection tracking looks at the packet.
fn lasting(cube: &Cube, untracks: bool, family: Family) -> Cube {
    let any = Cube::any(family);
    Cube {
        mark: any.mark,
        conn_mark: any.conn_mark,
        extra: any.extra,
        state: if untracks { any.state } else { cube.state },
        ..cube.clone()
    }
}

/// The hooks at which to ask about what is in a chain of this hook: where destinations are
/// translated, packets come to FORWARD that were to the host, and the other way round.
pub(super) fn askers(program: &Program<'_>, hook: Hook) -> Vec<Hook> {
    match hook {
        Hook::Input if program.translates() => vec![hook, Hook::Forward],
        Hook::Forward if program.translates() => vec![hook, Hook::Input],
        _ => vec![hook],
    }
}

/// Chains that base chains lead into, each behind all that jump into it; and those that are, or
/// lie behind, chains that call each other in a circle.
fn in_order(rules: &Rules) -> (Vec<ChainId>, Vec<ChainId>) {
    let mut callers: BTreeMap<ChainId, usize> = BTreeMap::new();
    let mut open: Vec<ChainId> = Vec::new();
    let bases = rules.iter().filter(|(_, chain)| chain.base.is_some());
    for (id, _) in bases {
        callers.insert(id, 0);
        open.push(id);
    }
    let roots = open.clone();
    let targets = |id: ChainId| {
        let chain = rules.chain(id);
        let rules = chain.into_iter().flat_map(|chain| &chain.rules);
        rules.filter_map(|rule| target(&rule.action))
    };
    while let Some(id) = open.pop() {
        for to in targets(id) {
            let known = callers.entry(to).or_insert_with(|| {
                open.push(to);
                0
            });
            *known += 1;
        }
    }
    let mut ready: Vec<ChainId> = roots
        .into_iter()
        .filter(|id| callers.get(id) == Some(&0))
        .collect();
    ready.reverse();
    let mut order = Vec::new();
    while let Some(id) = ready.pop() {
        callers.remove(&id);
        order.push(id);
        for to in targets(id) {
            if let Some(left) = callers.get_mut(&to) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push(to);
                }
            }
        }
    }
    (order, callers.into_keys().collect())
}

/// Every packet that can be at a hook: there is no outgoing interface at INPUT, no incoming one
/// at OUTPUT.
pub(super) fn possible(hook: Hook, family: Family) -> Cube {
    let mut whole = Cube::any(family);
    let none = Ranges::single(IfName::NONE.0);
    let real = Ranges::full().subtract(&none);
    (whole.in_interface, whole.out_interface) = match hook {
        Hook::Ingress | Hook::Prerouting | Hook::Input => (real, none),
        Hook::Forward => (real.clone(), real),
        Hook::Output => (none, real),
        Hook::Postrouting | Hook::Egress => (Ranges::full(), real),
    };
    whole
}

/// A cube that holds both: intervals around theirs in each field.
fn join(a: &Cube, b: &Cube) -> Cube {
    Cube {
        protocol: a.protocol.or(&b.protocol),
        source: around(&a.source, &b.source),
        destination: around(&a.destination, &b.destination),
        source_port: around(&a.source_port, &b.source_port),
        destination_port: around(&a.destination_port, &b.destination_port),
        flags: a.flags.or(&b.flags),
        state: a.state.or(&b.state),
        fragment: a.fragment.or(&b.fragment),
        in_interface: around(&a.in_interface, &b.in_interface),
        out_interface: around(&a.out_interface, &b.out_interface),
        ..Cube::any(Family::V4)
    }
}

fn around<T: Bound>(a: &Ranges<T>, b: &Ranges<T>) -> Ranges<T> {
    match (a.hull(), b.hull()) {
        (Some(a), Some(b)) => Ranges::span(a.0.min(b.0), a.1.max(b.1)),
        _ => a.union(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::Policy;
    use crate::firewall::tests::{chain, rule};
    use crate::net::Protocol;

    fn port(port: u16) -> Cube {
        Cube {
            destination_port: Ranges::single(port),
            ..Cube::any(Family::V4).with_protocol(Protocol::TCP)
        }
    }

    /// INPUT jumps into chain 1 by these ports; chain 1 into chain 2 by port 7; chain 3 is alone.
    fn rules(ports: impl Iterator<Item = u16>) -> Rules {
        let jumps = ports.map(|p| rule(vec![port(p)], Action::Jump(ChainId(1))));
        Rules {
            chains: vec![
                chain("INPUT", Some(Policy::Drop), jumps.collect()),
                chain(
                    "one",
                    None,
                    vec![rule(vec![port(7)], Action::Goto(ChainId(2)))],
                ),
                chain("two", None, Vec::new()),
                chain("alone", None, Vec::new()),
            ],
            exported: true,
            ..Rules::default()
        }
    }

    #[test]
    fn packets_arrive_by_jumps() {
        for (ports, ways, hull) in [(7..9, 2, None), (1..101, MOST_WAYS, Some((1, 100)))] {
            let rules = rules(ports);
            let program = Program::new(&rules, Family::V4);
            let reach = Reach::new(&program);
            let one = &reach.of(ChainId(1)).expect("reached")[&Hook::Input];
            assert_eq!(one.ways.len(), ways);
            let found = one
                .hull
                .as_ref()
                .and_then(|cube| cube.destination_port.hull());
            assert_eq!(found, hull);
            let two = &reach.of(ChainId(2)).expect("reached")[&Hook::Input];
            assert_eq!(two.all()[0].destination_port, Ranges::single(7));
            assert!(reach.of(ChainId(3)).is_none());
        }
    }

    #[test]
    fn circles_are_entered_by_everything() {
        let mut rules = rules(7..8);
        rules.chains[2].rules = vec![rule(vec![port(9)], Action::Jump(ChainId(1)))];
        let program = Program::new(&rules, Family::V4);
        let reach = Reach::new(&program);
        for id in [1, 2] {
            let entry = &reach.of(ChainId(id)).expect("reached")[&Hook::Input];
            assert!(port(1).intersect(&entry.all()[0]).is_some(), "{id}");
        }
    }
}
