//! From firewalld's chains to the model.

use super::draft::{ChainDraft, Does, Draft, Ruleset};
use crate::dialect::HostFacts;
use crate::firewall::{Action, Base, Chain, ChainId, Effect, Firewall, Policy, Rule, Translation};
use crate::net::{Family, PortRange, number};
use crate::packet::{Cube, Ranges};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The table as `nft` shows it.
const TABLE: &str = "inet firewalld";

/// What the rules of one family are lowered with.
struct Lowering<'a> {
    family: Family,
    names: BTreeMap<&'a str, ChainId>,
    host: &'a HostFacts,
    /// The host's own addresses, as far as they are known.
    local: Ranges<u128>,
}

/// Moves the chains into the model, for both families.
pub(super) fn lower(rules: &Ruleset, firewall: &mut Firewall, host: &HostFacts) {
    for family in Family::ALL {
        let into = firewall.rules_mut(family);
        let first = into.chains.len();
        let names = (first..).zip(&rules.chains).map(|(at, chain)| {
            let id = ChainId(u32::try_from(at).unwrap_or(u32::MAX));
            (chain.name.as_str(), id)
        });
        let lowering = Lowering {
            family,
            names: names.collect(),
            host,
            local: into.routing.local.clone(),
        };
        into.exported = true;
        let chains = rules.chains.iter().map(|chain| lowering.chain(chain));
        into.chains.extend(chains);
    }
}

impl Lowering<'_> {
    fn chain(&self, draft: &ChainDraft) -> Chain {
        let base = draft.base.map(|(hook, priority, first_packets_only)| Base {
            hook,
            priority,
            order: 0,
            policy: Policy::Accept,
            span: draft.span,
            first_packets_only,
        });
        let mut rules = Vec::with_capacity(draft.rules.len());
        for (number, (_, rule)) in (1..).zip(&draft.rules) {
            let at = rules.len();
            self.rule(rule, &mut rules);
            for part in rules.iter_mut().skip(at) {
                part.number = number;
                part.generated = rule.generated;
            }
        }
        Chain {
            table: TABLE.into(),
            name: draft.name.clone(),
            base,
            devices: None,
            generated: false,
            rules,
            span: draft.span,
        }
    }

    fn rule(&self, draft: &Draft, out: &mut Vec<Rule>) {
        let [v4, v6] = &draft.cubes;
        let cubes = match self.family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        let cubes: Vec<Cube> = cubes.iter().filter(|c| !c.is_empty()).cloned().collect();
        let chain = |name: &str| self.names.get(name).copied();
        let lost = |name: &str| Action::Opaque {
            why: format!("chain `{name}` does not exist"),
        };
        let mut effect = None;
        let action = match &draft.does {
            Does::Accept => Action::Accept,
            Does::Drop => Action::Drop,
            Does::Reject(with) => Action::Reject(with.clone()),
            Does::Jump(name) => chain(name).map_or_else(|| lost(name), Action::Jump),
            Does::Goto(name) => chain(name).map_or_else(|| lost(name), Action::Goto),
            Does::Continue => Action::Continue,
            Does::Opaque(why) => Action::Opaque { why: why.clone() },
            Does::Mark { clear, flip } => {
                effect = Some(Effect::SetMark {
                    clear: *clear,
                    flip: *flip,
                });
                Action::Continue
            }
            Does::Masquerade => {
                effect = Some(translate(Translation {
                    source: Some(Ranges::span(0, self.family.max())),
                    ..Translation::default()
                }));
                Action::Accept
            }
            Does::Forward {
                address: Some(address),
                ports,
            } => {
                effect = Some(forward(Ranges::single(number(*address)), *ports));
                Action::Accept
            }
            Does::Forward {
                address: None,
                ports,
            } => {
                self.redirect(cubes, *ports, draft, out);
                return;
            }
        };
        let mut rule = Rule::new(cubes, action, draft.span);
        rule.effects.extend(effect);
        out.push(rule);
    }

    /// A redirected packet goes to the first address of the interface that it came by; one that
    /// came by an interface without addresses is dropped.
    fn redirect(
        &self,
        cubes: Vec<Cube>,
        ports: Option<PortRange>,
        draft: &Draft,
        out: &mut Vec<Rule>,
    ) {
        let mut rest = cubes;
        for interface in &self.host.interfaces {
            let by = Ranges::single(interface.name.0);
            let here: Vec<Cube> = rest.iter().filter_map(|cube| arriving(cube, &by)).collect();
            let elsewhere = Ranges::full().subtract(&by);
            rest = rest
                .iter()
                .filter_map(|cube| arriving(cube, &elsewhere))
                .collect();
            let own = interface.addresses.iter().map(ipnet::IpNet::addr);
            let first = own
                .into_iter()
                .find(|a: &IpAddr| Family::of(*a) == self.family);
            let mut rule = match first {
                Some(_) => Rule::new(here, Action::Accept, draft.span),
                None => Rule::new(here, Action::Drop, draft.span),
            };
            let target = first.map(|address| forward(Ranges::single(number(address)), ports));
            rule.effects.extend(target);
            out.push(rule);
        }
        let mut rule = Rule::new(rest, Action::Accept, draft.span);
        let anywhere = if self.local.is_empty() {
            Ranges::span(0, self.family.max())
        } else {
            self.local.clone()
        };
        rule.effects.push(forward(anywhere, ports));
        out.push(rule);
    }
}

fn arriving(cube: &Cube, by: &Ranges<u128>) -> Option<Cube> {
    let mut cube = cube.clone();
    cube.in_interface = cube.in_interface.intersect(by);
    (!cube.is_empty()).then_some(cube)
}

fn translate(translation: Translation) -> Effect {
    Effect::Translate(Box::new(translation))
}

fn forward(destination: Ranges<u128>, ports: Option<PortRange>) -> Effect {
    translate(Translation {
        destination: Some(destination),
        destination_port: ports.map(|ports| Ranges::span(ports.lo, ports.hi)),
        ..Translation::default()
    })
}
