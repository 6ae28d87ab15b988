//! Tables and chains.

use super::place::{Place, Reach, reach};
use super::traits::is_of_iptables;
use super::{Lowering, support};
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::nft::syntax::{self, ChainKind, Family, Policy, Rule, Ruleset, Set, Table};
use crate::firewall::{self, Action, Base, Chain, ChainId, Hook};
use crate::net;
use crate::packet::{Cube, IfName, Ranges};
use crate::source::Span;
use rustc_hash::FxHashMap;

/// Most rules of one system.
const MOST_RULES: usize = 1_000_000;

impl<'a> Lowering<'a> {
    /// Lowers a ruleset for the packets of each family.
    pub(super) fn ruleset(&mut self, ruleset: &Ruleset) {
        for table in &ruleset.tables {
            let families: &[net::Family] = match table.family {
                Family::Ip => &[net::Family::V4],
                Family::Ip6 => &[net::Family::V6],
                Family::Inet | Family::Netdev => &[net::Family::V4, net::Family::V6],
                Family::Arp | Family::Bridge => {
                    self.frames(table);
                    continue;
                }
            };
            let reached = reach(table);
            for &family in families {
                self.table(table, family, &reached);
            }
        }
        if let Some(first) = ruleset.unreadable.first() {
            let why = format!("part of the ruleset cannot be read: {}", first.message.0);
            for family in [net::Family::V4, net::Family::V6] {
                self.anywhere(family, "nft", "?", &why, first.place.0);
            }
        }
    }

    /// Tables that filter frames.
    fn frames(&mut self, table: &Table) {
        let bases = table.chains.iter().filter_map(|chain| chain.base.as_ref());
        if table.dormant || bases.count() == 0 {
            return;
        }
        let (what, then) = match table.family {
            Family::Arp => (
                "ARP",
                "address resolution may fail, whatever the answers say",
            ),
            _ => (
                "frames that cross a bridge",
                "packets that come or leave by a bridge of this host may be denied there",
            ),
        };
        self.note(
            Diagnostic::new(
                &input::NOT_MODELLED,
                format!(
                    "table `{}` filters {what}, which is not modelled",
                    title(table)
                ),
            )
            .at(table.place.0)
            .help(then),
        );
    }

    fn table(
        &mut self,
        table: &Table,
        family: net::Family,
        reached: &std::collections::BTreeMap<&str, Reach>,
    ) {
        self.firewall.rules_mut(family).exported = true;
        let generated = support::is_generated(table.family, &table.name);
        let title = title(table);
        let mut ids: FxHashMap<&str, ChainId> = FxHashMap::default();
        for chain in &table.chains {
            let base = chain.base.as_ref().filter(|_| !table.dormant);
            let devices = base
                .filter(|base| matches!(base.hook, syntax::Hook::Ingress | syntax::Hook::Egress))
                .map(|base| devices(&base.devices));
            let id = self.add(
                family,
                Chain {
                    table: title.clone(),
                    name: chain.name.to_string(),
                    base: base.map(lowered),
                    devices,
                    generated,
                    rules: Vec::new(),
                    span: chain.place.0,
                },
            );
            ids.insert(&chain.name, id);
        }
        let sets: FxHashMap<&str, &Set> = table.sets.iter().map(|set| (&*set.name, set)).collect();
        let nowhere = Reach::default();
        for chain in &table.chains {
            let Some(&id) = ids.get(&*chain.name) else {
                continue;
            };
            let place = Place {
                table,
                title: &title,
                family,
                reach: reached.get(&*chain.name).unwrap_or(&nowhere),
                chains: &ids,
                sets: &sets,
            };
            let rules = self.rules(&place, &chain.rules);
            self.with(family, id, |chain| chain.rules = rules);
        }
        if !table.dormant {
            self.taint(table, family, &ids);
        }
    }

    fn rules(&mut self, place: &Place<'_>, rules: &[Rule]) -> Vec<firewall::Rule> {
        let mut all = Vec::with_capacity(rules.len());
        for (number, rule) in (1u32..).zip(rules) {
            self.rules += 1;
            if self.rules > MOST_RULES {
                let why = format!("more than {MOST_RULES} rules; the rest is not read");
                self.note(
                    Diagnostic::new(&input::LIMIT, why.clone())
                        .at(rule.place.0)
                        .help("packets that no rule read so far decides are unknown"),
                );
                all.push(opaque(place.family, why, number, rule.place.0));
                break;
            }
            all.extend(self.rule(place, rule, number));
        }
        all
    }

    /// Rules that stand in the place of a jump's target.
    pub(super) fn inline(&mut self, place: &Place<'_>, rules: &[Rule], span: Span) -> ChainId {
        self.inlined += 1;
        let lowered = self.rules(place, rules);
        self.add(
            place.family,
            Chain {
                table: place.title.to_owned(),
                name: format!("__chain{}", self.inlined),
                base: None,
                devices: None,
                generated: support::is_generated(place.table.family, &place.table.name),
                rules: lowered,
                span,
            },
        )
    }

    fn add(&mut self, family: net::Family, chain: Chain) -> ChainId {
        let chains = &mut self.firewall.rules_mut(family).chains;
        chains.push(chain);
        ChainId(u32::try_from(chains.len() - 1).unwrap_or(u32::MAX))
    }

    fn with(&mut self, family: net::Family, id: ChainId, change: impl FnOnce(&mut Chain)) {
        let chains = &mut self.firewall.rules_mut(family).chains;
        if let Some(chain) = chains.get_mut(id.0 as usize) {
            change(chain);
        }
    }

    /// What could not be read may concern any chain of its table.
    fn taint(&mut self, table: &Table, family: net::Family, ids: &FxHashMap<&str, ChainId>) {
        let of_chains = table
            .chains
            .iter()
            .filter_map(|chain| chain.unreadable.first());
        let Some(first) = table.unreadable.first().or(of_chains.into_iter().next()) else {
            return;
        };
        let why = format!("part of the table cannot be read: {}", first.message.0);
        let mut found = false;
        for chain in &table.chains {
            let own = !chain.unreadable.is_empty();
            let Some(&id) = ids.get(&*chain.name) else {
                continue;
            };
            if own || (chain.base.is_some() && !table.unreadable.is_empty()) {
                found |= chain.base.is_some();
                let rule = opaque(family, why.clone(), 0, first.place.0);
                self.with(family, id, |chain| chain.rules.insert(0, rule));
            }
        }
        if !found {
            self.anywhere(family, &title(table), "?", &why, first.place.0);
        }
    }

    /// Something unknown may happen to every packet.
    fn anywhere(&mut self, family: net::Family, table: &str, name: &str, why: &str, span: Span) {
        self.firewall.rules_mut(family).exported = true;
        for hook in [Hook::Prerouting, Hook::Output] {
            let base = Base {
                hook,
                priority: 0,
                order: 0,
                policy: firewall::Policy::Accept,
                span,
                first_packets_only: false,
            };
            self.add(
                family,
                Chain {
                    table: table.to_owned(),
                    name: name.to_owned(),
                    base: Some(base),
                    devices: None,
                    generated: false,
                    rules: vec![opaque(family, why.to_owned(), 0, span)],
                    span,
                },
            );
        }
    }
}

fn opaque(family: net::Family, why: String, number: u32, span: Span) -> firewall::Rule {
    let any = vec![Cube::any(family)];
    firewall::Rule {
        number,
        ..firewall::Rule::new(any, Action::Opaque { why }, span)
    }
}

/// A table as people name it: its family and name, but for those of `iptables-nft` the name alone.
pub(super) fn title(table: &Table) -> String {
    if is_of_iptables(table) {
        return table.name.to_string();
    }
    let family = match table.family {
        Family::Ip => "ip",
        Family::Ip6 => "ip6",
        Family::Inet => "inet",
        Family::Arp => "arp",
        Family::Bridge => "bridge",
        Family::Netdev => "netdev",
    };
    format!("{family} {}", table.name)
}

fn devices(names: &[Box<str>]) -> Ranges<u128> {
    names.iter().fold(Ranges::empty(), |all, name| {
        let own = match name.strip_suffix('*') {
            Some(prefix) => IfName::starting_with(prefix),
            None => IfName::new(name).map(|name| Ranges::single(name.0)),
        };
        all.union(&own.unwrap_or_default())
    })
}

/// Chains of nat type run where address translation does, among each other by their own priority.
fn lowered(base: &syntax::Base) -> Base {
    let hook = match base.hook {
        syntax::Hook::Ingress => Hook::Ingress,
        syntax::Hook::Prerouting => Hook::Prerouting,
        syntax::Hook::Input => Hook::Input,
        syntax::Hook::Forward => Hook::Forward,
        syntax::Hook::Output => Hook::Output,
        syntax::Hook::Postrouting => Hook::Postrouting,
        syntax::Hook::Egress => Hook::Egress,
    };
    let nat = base.kind == ChainKind::Nat;
    let (priority, order) = match hook {
        _ if !nat => (base.priority, 0),
        Hook::Prerouting | Hook::Output => (-100, base.priority.saturating_add(100)),
        _ => (100, base.priority.saturating_sub(100)),
    };
    Base {
        hook,
        priority,
        order,
        policy: match base.policy {
            Policy::Accept => firewall::Policy::Accept,
            Policy::Drop => firewall::Policy::Drop,
        },
        span: base.place.0,
        first_packets_only: nat,
    }
}
