//! Which rules both firewalls have in common, in the same places.
//!
//! Chains are paired from the base chains on: base chains in their order, called chains by the
//! calls that lead to them. The rules of a pair are aligned by a longest common subsequence of
//! what they say ([`super::tokens`]). Any alignment is sound; a better one leaves less to look at.

use super::Sides;
use super::tokens::{Token, Tokens};
use crate::firewall::{Action, Base, Chain, ChainId, Hook, Policy, RuleId, Rules};
use crate::packet::Ranges;
use imara_diff::{Algorithm, Diff};
use std::collections::{BTreeMap, BTreeSet};

/// What was aligned on the way of one hook.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    /// Base chains that were paired, as positions in the lists of them.
    pub(super) bases: Vec<(usize, usize)>,
    /// Rules that the other firewall does not have in this place.
    pub(super) changed: Sides<BTreeSet<RuleId>>,
    /// Base chains at whose end the firewalls differ.
    pub(super) policies: Sides<BTreeSet<ChainId>>,
    /// Rules that both have.
    pub(super) common: Vec<Common>,
}

/// A rule that both firewalls have.
#[derive(Debug, Clone)]
pub(super) struct Common {
    /// Which it is in each.
    pub(super) rule: Sides<RuleId>,
    /// Its predicates that no question names, in each.
    pub(super) own: Sides<Vec<u32>>,
}

impl Alignment {
    /// Counts rules that both have as changed after all.
    pub(super) fn take_back(&mut self, differs: impl Fn(&Common) -> bool) {
        let changed = &mut self.changed;
        self.common.retain(|common| {
            let differs = differs(common);
            if differs {
                for side in [0, 1] {
                    changed[side].insert(common.rule[side]);
                }
            }
            !differs
        });
    }

    /// Whether nothing differs.
    pub(super) fn is_same(&self) -> bool {
        self.changed.iter().all(BTreeSet::is_empty) && self.policies.iter().all(BTreeSet::is_empty)
    }
}

/// Aligns what packets meet that pass these base chains.
pub(super) fn align(
    rules: Sides<&Rules>,
    tokens: &Tokens,
    bases: &Sides<Vec<ChainId>>,
) -> Alignment {
    let mut found = Alignment {
        bases: pair_bases(rules, tokens, bases),
        ..Alignment::default()
    };
    let mut open = Vec::new();
    let mut paired: Sides<BTreeSet<usize>> = Default::default();
    for &(a, b) in &found.bases {
        paired[0].insert(a);
        paired[1].insert(b);
        let (Some(&a), Some(&b)) = (bases[0].get(a), bases[1].get(b)) else {
            continue;
        };
        open.push([a, b]);
        if policy(rules[0], a) != policy(rules[1], b) {
            found.policies[0].insert(a);
            found.policies[1].insert(b);
        }
    }
    // A base chain that only one firewall has: all of its rules are changes.
    for side in [0, 1] {
        for (at, &base) in bases[side].iter().enumerate() {
            if paired[side].contains(&at) {
                continue;
            }
            let all = tokens.chains[side].get(base.0 as usize);
            let ids = all.into_iter().flatten().map(|token| RuleId {
                chain: base,
                index: token.index,
            });
            found.changed[side].extend(ids);
            if policy(rules[side], base) == Some(Policy::Drop) {
                found.policies[side].insert(base);
            }
        }
    }
    let mut done: BTreeSet<[ChainId; 2]> = open.iter().copied().collect();
    while let Some(pair) = open.pop() {
        for next in align_chains(rules, tokens, pair, &mut found) {
            if done.insert(next) {
                open.push(next);
            }
        }
    }
    if rules[0].routing != rules[1].routing {
        // The same translation leads elsewhere.
        found.take_back(|common| {
            let rule = rules[0].rule(common.rule[0]);
            rule.is_some_and(|rule| rule.translation().is_some())
        });
    }
    found
}

fn policy(rules: &Rules, id: ChainId) -> Option<Policy> {
    base(rules, id).map(|base| base.policy)
}

fn base(rules: &Rules, id: ChainId) -> Option<&Base> {
    rules.chain(id)?.base.as_ref()
}

/// Pairs base chains of one hook that see the same packets, in their order: all of them where the
/// lists agree, else those that a diff of the lists keeps. Chains that do nothing are passed over.
fn pair_bases(
    rules: Sides<&Rules>,
    tokens: &Tokens,
    bases: &Sides<Vec<ChainId>>,
) -> Vec<(usize, usize)> {
    let acting = [0, 1].map(|side: usize| {
        let each = bases[side].iter().enumerate();
        let acts = |id: ChainId| {
            let own = tokens.chains[side].get(id.0 as usize);
            own.is_some_and(|all| !all.is_empty()) || policy(rules[side], id) == Some(Policy::Drop)
        };
        let entrances = each.filter(|(_, id)| acts(**id)).filter_map(|(at, id)| {
            let chain = rules[side].chain(*id)?;
            Some((at, Entrance::new(chain)?))
        });
        entrances.collect::<Vec<_>>()
    });
    let hooks: BTreeSet<Hook> = acting[0]
        .iter()
        .map(|(_, entrance)| entrance.hook)
        .collect();
    let mut pairs = Vec::new();
    for hook in hooks {
        let [old, new] = [0, 1].map(|side: usize| {
            let all = acting[side].iter();
            all.filter(|(_, entrance)| entrance.hook == hook)
                .collect::<Vec<_>>()
        });
        let same = |a: &(usize, Entrance<'_>), b: &(usize, Entrance<'_>)| a.1.sees_what(&b.1);
        if old.len() == new.len() && old.iter().zip(&new).all(|(a, b)| same(a, b)) {
            pairs.extend(old.iter().zip(&new).map(|(a, b)| (a.0, b.0)));
            continue;
        }
        let keys = [&old, &new].map(|list| list.iter().map(|(_, one)| one).collect::<Vec<_>>());
        let kept = common(&keys[0], &keys[1]);
        let kept = kept
            .into_iter()
            .filter_map(|(a, b)| Some((old.get(a)?.0, new.get(b)?.0)));
        pairs.extend(kept);
    }
    pairs
}

/// What tells which packets enter a base chain, and when.
#[derive(PartialEq, Eq)]
struct Entrance<'c> {
    hook: Hook,
    first_packets_only: bool,
    devices: Option<&'c Ranges<u128>>,
    priority: i32,
}

impl<'c> Entrance<'c> {
    fn new(chain: &'c Chain) -> Option<Self> {
        let base = chain.base?;
        Some(Self {
            hook: base.hook,
            first_packets_only: base.first_packets_only,
            devices: chain.devices.as_ref(),
            priority: base.priority,
        })
    }

    fn sees_what(&self, other: &Self) -> bool {
        (self.first_packets_only, self.devices) == (other.first_packets_only, other.devices)
    }
}

/// Positions of a longest common subsequence, or nearly so.
fn common<T: PartialEq>(a: &[T], b: &[T]) -> Vec<(usize, usize)> {
    let mut known: Vec<&T> = Vec::new();
    let mut number = |item| {
        let at = known.iter().position(|&one| one == item);
        at.unwrap_or_else(|| {
            known.push(item);
            known.len() - 1
        })
    };
    let a: Vec<_> = a.iter().map(&mut number).map(token).collect();
    let b: Vec<_> = b.iter().map(&mut number).map(token).collect();
    diff(&a, &b, token(known.len()).0).pairs()
}

fn token(number: usize) -> imara_diff::Token {
    imara_diff::Token(u32::try_from(number).unwrap_or(u32::MAX))
}

/// What a diff keeps.
struct Kept {
    kept: Sides<Vec<usize>>,
    gone: Sides<Vec<usize>>,
}

impl Kept {
    fn pairs(self) -> Vec<(usize, usize)> {
        let [a, b] = self.kept;
        a.into_iter().zip(b).collect()
    }
}

fn diff(a: &[imara_diff::Token], b: &[imara_diff::Token], count: u32) -> Kept {
    let mut diff = Diff::default();
    diff.compute_with(Algorithm::Histogram, a, b, count);
    let split = |length: usize, gone: &dyn Fn(u32) -> bool| {
        (0..length).partition::<Vec<_>, _>(|&at| !u32::try_from(at).is_ok_and(gone))
    };
    let (kept_a, gone_a) = split(a.len(), &|at| diff.is_removed(at));
    let (kept_b, gone_b) = split(b.len(), &|at| diff.is_added(at));
    Kept {
        kept: [kept_a, kept_b],
        gone: [gone_a, gone_b],
    }
}

/// Aligns two chains; gives the chains that rules which they share lead to.
fn align_chains(
    rules: Sides<&Rules>,
    tokens: &Tokens,
    chains: [ChainId; 2],
    found: &mut Alignment,
) -> Vec<[ChainId; 2]> {
    let empty = Vec::new();
    let of = |side: usize| {
        let id: ChainId = chains[side];
        tokens.chains[side].get(id.0 as usize).unwrap_or(&empty)
    };
    let lists: Sides<&Vec<Token>> = [of(0), of(1)];
    let numbers = lists.map(|list| {
        let each = list.iter();
        each.map(|token| imara_diff::Token(token.number))
            .collect::<Vec<_>>()
    });
    let kept = diff(&numbers[0], &numbers[1], tokens.count);
    let id = |side: usize, at: usize| {
        let token = lists[side].get(at)?;
        let chain = chains[side];
        let index = token.index;
        Some((RuleId { chain, index }, token))
    };
    for side in [0, 1] {
        let gone = kept.gone[side].iter();
        found.changed[side].extend(gone.filter_map(|&at| Some(id(side, at)?.0)));
    }
    let mut called = Vec::new();
    for (a, b) in kept.pairs() {
        let (Some((old, was)), Some((new, is))) = (id(0, a), id(1, b)) else {
            continue;
        };
        let target = |side: usize, id| match rules[side].rule(id)?.action {
            Action::Jump(to) | Action::Goto(to) => Some(to),
            _ => None,
        };
        if let (Some(a), Some(b)) = (target(0, old), target(1, new)) {
            called.push([a, b]);
        }
        found.common.push(Common {
            rule: [old, new],
            own: [was.own.clone(), is.own.clone()],
        });
    }
    called
}

/// Which predicates of the new firewall are predicates of the old one, by the rules that both
/// have: `(new, old)`. One that is taken for two different ones is none of them.
pub(super) fn same_predicates<'c>(
    common: impl IntoIterator<Item = &'c Common>,
) -> BTreeMap<u32, u32> {
    let mut same: BTreeMap<u32, u32> = BTreeMap::new();
    let mut taken: BTreeMap<u32, u32> = BTreeMap::new();
    for one in common {
        let [old, new] = &one.own;
        for (&old, &new) in old.iter().zip(new) {
            if !same.contains_key(&new) && !taken.contains_key(&old) {
                same.insert(new, old);
                taken.insert(old, new);
            }
        }
    }
    same
}
