//! From zones and policies to rules, in the order in which firewalld makes them.

use super::config::{At, Config, Contents, Peer, Policy, Target, Zone};
use super::draft::{Does, Draft, End, Ruleset, interface};
use super::scaffold::{self, Chains, prohibited};
use super::sets;
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::Notes;
use crate::firewall::Firewall;
use crate::net::Family;
use crate::packet::{Cube, Ranges, Rare};
use crate::source::Span;
use std::collections::BTreeMap;

/// Packets in a set and packets outside of it, for each family.
type Sides = [[Vec<Cube>; 2]; 2];

/// Most cubes whose complement is worked out.
const MOST_NEGATED: usize = 256;

/// Rules under way.
pub(super) struct Generator<'a> {
    /// What the files say.
    pub config: &'a Config,
    /// For predicates that are not known.
    pub firewall: &'a mut Firewall,
    /// For what is missing.
    pub notes: &'a mut Notes,
    /// The result.
    pub rules: Ruleset,
    /// Sets by name and end.
    members: BTreeMap<(String, End), Sides>,
}

/// Names of the chains that a zone's or policy's rules go into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Into<'a> {
    /// Services, ports, most rich rules.
    pub filter: &'a str,
    /// Rules that act on other tables still log here.
    pub side: &'a str,
    /// Forwarded ports.
    pub nat: &'a str,
    /// Masquerading.
    pub post: &'a str,
    /// Marks.
    pub mangle: &'a str,
    /// Whether ICMP blocks permit.
    pub inversion: bool,
}

impl<'a> Generator<'a> {
    /// Nothing made yet.
    pub(super) fn new(
        config: &'a Config,
        firewall: &'a mut Firewall,
        notes: &'a mut Notes,
    ) -> Self {
        Self {
            config,
            firewall,
            notes,
            rules: Ruleset::default(),
            members: BTreeMap::new(),
        }
    }

    /// Makes everything.
    pub(super) fn run(&mut self, span: Span) {
        scaffold::base(&mut self.rules, &self.config.settings, span);
        self.rpfilter(span);
        let default = self.config.settings.default_zone.as_ref();
        let config = self.config;
        let active = config.zones.iter().filter(|(_, zone)| is_active(zone));
        for (name, zone) in active {
            self.zone(name, zone);
        }
        if let Some((name, _)) = default
            && let Some(zone) = config.zones.get(name)
        {
            self.zone(name, zone);
        }
        self.dispatch();
        for (name, policy) in &config.policies {
            if self.is_effective(policy) {
                self.policy(name, policy);
            }
        }
        for fault in &config.damage {
            for chain in ["filter_INPUT", "filter_FORWARD", "filter_OUTPUT"] {
                let why = format!("a file cannot be read: {}", fault.message);
                let draft = Draft::new(fault.span).does(Does::Opaque(why));
                let placed = self.rules.insert(chain, draft, None, Some(0));
                debug_assert!(placed);
            }
        }
    }

    /// IPv6 packets must come by the interface that answers leave by.
    fn rpfilter(&mut self, span: Span) {
        let (wanted, span) = self.config.settings.rpfilter.unwrap_or((true, span));
        if !wanted {
            return;
        }
        let chain = "filter_PREROUTING";
        let mut discovery = Draft::new(span).icmp(Family::V6, 134, None).generated();
        let solicitation = Draft::new(span).icmp(Family::V6, 135, None);
        for (cubes, more) in discovery.cubes.iter_mut().zip(solicitation.cubes) {
            cubes.extend(more);
        }
        let why = "whether answers leave by the interface that the packet came by depends on the \
                   host's routes (`IPv6_rpfilter`)";
        let predicate = self.firewall.unknown(span, why);
        let strays = Draft::new(span)
            .family(Family::V6)
            .assuming(predicate, "rpfilter")
            .does(Does::Drop)
            .generated();
        for draft in [discovery.does(Does::Accept), strays] {
            self.put(chain, draft, None);
        }
    }

    fn zone(&mut self, name: &str, zone: &Zone) {
        let log = self.config.settings.log_denied;
        let places = [
            ("filter", "INPUT", "IN"),
            ("nat", "POSTROUTING", "POST"),
            ("filter", "FORWARD", "FWD"),
            ("nat", "PREROUTING", "PRE"),
            ("mangle", "PREROUTING", "PRE"),
        ];
        let [filter, post, side, nat, mangle] =
            places.map(|(table, _, short)| format!("{table}_{short}_{name}"));
        if self.rules.has(&filter) {
            return;
        }
        for ((table, hook, _), chain) in places.iter().zip([&filter, &post, &side, &nat, &mangle]) {
            let made = Chains {
                table,
                hook,
                name: chain,
                zone: true,
                target: zone.target,
                span: zone.span,
            };
            scaffold::chains(&mut self.rules, &made, log);
        }
        let into = Into {
            filter: &filter,
            side: &side,
            nat: &nat,
            post: &post,
            mangle: &mangle,
            inversion: zone.inversion.is_some(),
        };
        self.contents(&zone.contents, &into);
        self.damage(&zone.contents, &[&filter, &side]);
        self.intra(zone, &side);
        self.inversion(zone, &filter);
    }

    /// Lets packets pass between a zone's own interfaces and sources.
    fn intra(&mut self, zone: &Zone, chain: &str) {
        if zone.forward.is_none() {
            return;
        }
        let allow = format!("{chain}_allow");
        for name in &zone.interfaces {
            let Some(names) = self.interface(&name.value, name.span) else {
                continue;
            };
            let draft = Draft::new(name.span).interfaces(End::Destination, &names);
            self.put(&allow, draft.does(Does::Accept), None);
        }
        for source in &zone.sources {
            let draft = Draft::new(source.span);
            let draft = self.peer(draft, End::Destination, &source.value, false);
            self.put(&allow, draft.does(Does::Accept), None);
        }
    }

    /// What happens to ICMP that no rule of the zone decides.
    fn inversion(&mut self, zone: &Zone, chain: &str) {
        let does = match (zone.target, zone.inversion) {
            (Target::Drop | Target::Reject, _) | (Target::Accept, None) => return,
            (_, None) => Does::Accept,
            (_, Some(_)) => prohibited(),
        };
        let mut index = 7;
        let span = zone.inversion.unwrap_or(zone.span);
        if self.config.settings.log_denied && zone.inversion.is_some() {
            let draft = Draft::new(span).any_icmp().generated();
            let placed = self.rules.insert(chain, draft, None, Some(index));
            debug_assert!(placed);
            index += 1;
        }
        let mut draft = Draft::new(span).any_icmp().does(does);
        draft.generated = zone.inversion.is_none();
        let placed = self.rules.insert(chain, draft, None, Some(index));
        debug_assert!(placed);
    }

    /// What could not be read may do anything to the packets of its zone.
    fn damage(&mut self, contents: &Contents, chains: &[&str]) {
        for fault in &contents.damage {
            for chain in chains {
                let draft = Draft::new(fault.span).does(Does::Opaque(format!(
                    "this cannot be read: {}",
                    fault.message
                )));
                let placed = self
                    .rules
                    .insert(&format!("{chain}_pre"), draft, None, Some(0));
                debug_assert!(placed);
            }
        }
    }

    /// Which zone a packet belongs to: by source, by interface, by default.
    fn dispatch(&mut self) {
        let places = [
            ("filter_INPUT_ZONES", "filter_IN", End::Source),
            ("filter_FORWARD_ZONES", "filter_FWD", End::Source),
            ("nat_PREROUTING_ZONES", "nat_PRE", End::Source),
            ("mangle_PREROUTING_ZONES", "mangle_PRE", End::Source),
            ("nat_POSTROUTING_ZONES", "nat_POST", End::Destination),
        ];
        let config = self.config;
        let mut zones: Vec<(&String, &Zone)> = config.zones.iter().collect();
        zones.sort_by_key(|(_, zone)| zone.priority);
        for (chain, prefix, end) in places {
            for (name, zone) in &zones {
                for source in &zone.sources {
                    let draft = Draft::new(source.span);
                    let draft = self.peer(draft, end, &source.value, false);
                    let to = Does::Goto(format!("{prefix}_{name}"));
                    self.put(chain, draft.does(to).generated(), None);
                }
            }
            // Each new interface goes before those that are there.
            for (name, zone) in zones.iter().rev() {
                for own in zone.interfaces.iter().rev() {
                    let Some(names) = self.interface(&own.value, own.span) else {
                        continue;
                    };
                    let draft = Draft::new(own.span).interfaces(end, &names);
                    let to = Does::Goto(format!("{prefix}_{name}"));
                    self.put(chain, draft.does(to).generated(), None);
                }
            }
            self.default_zone(chain, prefix);
        }
    }

    fn default_zone(&mut self, chain: &str, prefix: &str) {
        let config = self.config;
        let span = config.anywhere;
        let draft = match &config.settings.default_zone {
            Some((name, span)) if config.zones.contains_key(name) => Draft::new(*span)
                .does(Does::Goto(format!("{prefix}_{name}")))
                .generated(),
            Some((name, span)) => Draft::new(*span).does(Does::Opaque(format!(
                "the default zone `{name}` is not in the files"
            ))),
            None => {
                let Some(span) = span else {
                    return;
                };
                let why = "which zone is the default is not in the files".to_owned();
                Draft::new(span).does(Does::Opaque(why))
            }
        };
        self.put(chain, draft, None);
    }

    fn is_effective(&self, policy: &Policy) -> bool {
        let ready = |names: &[At<String>]| {
            names.iter().any(|name| {
                matches!(name.value.as_str(), "HOST" | "ANY")
                    || self.config.zones.get(&name.value).is_some_and(is_active)
            })
        };
        ready(&policy.ingress) && ready(&policy.egress)
    }

    fn policy(&mut self, name: &str, policy: &Policy) {
        let has = |names: &[At<String>], name: &str| names.iter().any(|n| n.value == name);
        let (from_any, from_host) = (has(&policy.ingress, "ANY"), has(&policy.ingress, "HOST"));
        let (to_any, to_host) = (has(&policy.egress, "ANY"), has(&policy.egress, "HOST"));
        let with_interfaces = policy.egress.iter().any(|zone| {
            let zone = self.config.zones.get(&zone.value);
            zone.is_some_and(|zone| !zone.interfaces.is_empty())
        });
        let (short, places): (&str, &[(&str, &str)]) = match () {
            () if to_host && from_any => (
                "IN",
                &[
                    ("filter", "INPUT"),
                    ("nat", "PREROUTING"),
                    ("mangle", "PREROUTING"),
                ],
            ),
            () if to_host => ("IN", &[("filter", "INPUT")]),
            () if from_host => ("OUT", &[("filter", "OUTPUT"), ("nat", "OUTPUT")]),
            () if to_any || !with_interfaces => (
                "FWD",
                &[
                    ("filter", "FORWARD"),
                    ("nat", "PREROUTING"),
                    ("nat", "POSTROUTING"),
                    ("mangle", "PREROUTING"),
                ],
            ),
            () => ("FWD", &[("filter", "FORWARD"), ("nat", "POSTROUTING")]),
        };
        let nat_short = if short == "OUT" { "OUT" } else { "PRE" };
        let [filter, nat, post, mangle] = [
            format!("filter_{short}_policy_{name}"),
            format!("nat_{nat_short}_policy_{name}"),
            match short {
                "FWD" => format!("nat_POST_policy_{name}"),
                _ => format!("nat_{nat_short}_policy_{name}"),
            },
            format!("mangle_PRE_policy_{name}"),
        ];
        for &(table, hook) in places {
            let chain = match (table, hook) {
                ("filter", _) => &filter,
                ("nat", "POSTROUTING") => &post,
                ("nat", _) => &nat,
                _ => &mangle,
            };
            let made = Chains {
                table,
                hook,
                name: chain,
                zone: false,
                target: policy.target,
                span: policy.span,
            };
            scaffold::chains(&mut self.rules, &made, self.config.settings.log_denied);
            self.policy_dispatch(policy, table, hook, chain);
        }
        let into = Into {
            filter: &filter,
            side: &filter,
            nat: &nat,
            post: &post,
            mangle: &mangle,
            inversion: false,
        };
        self.contents(&policy.contents, &into);
        self.damage(&policy.contents, &[&filter]);
    }

    fn policy_dispatch(&mut self, policy: &Policy, table: &str, hook: &str, chain: &str) {
        let part = if policy.priority < 0 { "pre" } else { "post" };
        let from = format!("{table}_{hook}_POLICIES_{part}");
        let ingress = self.ends(&policy.ingress, policy.span);
        let egress = self.ends(&policy.egress, policy.span);
        for arrival in &ingress {
            for departure in &egress {
                let mut draft = Draft::new(policy.span).generated();
                for (end, side) in [(End::Source, arrival), (End::Destination, departure)] {
                    draft = match side {
                        Side::Any => draft,
                        Side::Interfaces(names) => draft.interfaces(end, names),
                        Side::Peer(peer) => self.peer(draft, end, peer, false),
                    };
                }
                let mixed = draft.cubes.iter().all(Vec::is_empty);
                if !mixed {
                    let to = Does::Jump(chain.to_owned());
                    self.put(&from, draft.does(to), Some(policy.priority));
                }
            }
        }
    }

    /// How packets of these zones are told: all plain interface names at once, then each beginning
    /// of names and each source by itself.
    fn ends(&mut self, names: &[At<String>], span: Span) -> Vec<Side> {
        let mut wild = Vec::new();
        let mut plain = Ranges::empty();
        let mut peers = Vec::new();
        for name in names {
            let Some(zone) = self.config.zones.get(&name.value) else {
                continue;
            };
            for own in &zone.interfaces {
                let Some(found) = self.interface(&own.value, span) else {
                    continue;
                };
                if own.value.ends_with('+') {
                    wild.push(Side::Interfaces(found));
                } else {
                    plain = plain.union(&found);
                }
            }
            peers.extend(zone.sources.iter().map(|s| Side::Peer(s.value.clone())));
        }
        if !plain.is_empty() {
            wild.push(Side::Interfaces(plain));
        }
        wild.extend(peers);
        if wild.is_empty() {
            wild.push(Side::Any);
        }
        wild
    }

    /// Adds a rule; firewalld refuses rules for chains that a policy's zones do not bring along.
    pub(super) fn put(&mut self, chain: &str, draft: Draft, priority: Option<i32>) {
        let span = draft.span;
        if !self.rules.add(chain, draft, priority) {
            self.notes.push(
                Diagnostic::new(
                    &input::SYNTAX,
                    format!(
                        "a policy between these zones cannot do this: it has no chain `{chain}`"
                    ),
                )
                .at(span)
                .help("firewalld refuses it; change the policy's ingress or egress zones"),
            );
        }
    }

    fn interface(&mut self, name: &str, span: Span) -> Option<Ranges<u128>> {
        let found = interface(name);
        if found.is_none() {
            self.notes.push(
                Diagnostic::new(
                    &input::SYNTAX,
                    format!("expected an interface name of at most 15 bytes, found `{name}`"),
                )
                .at(span)
                .help("no packet comes by it"),
            );
        }
        found
    }

    /// Narrows a rule to packets whose source or destination is a peer.
    pub(super) fn peer(&mut self, mut draft: Draft, end: End, peer: &Peer, invert: bool) -> Draft {
        let span = draft.span;
        match peer {
            Peer::Addresses(family, lo, hi) => {
                let mut set = Ranges::span(*lo, *hi);
                if invert {
                    set = Ranges::span(0, Family::max(*family)).subtract(&set);
                }
                draft = draft.family(*family);
                match end {
                    End::Source => draft.source(&set),
                    End::Destination => draft.destination(&set),
                }
            }
            Peer::Mac(_) if end == End::Destination => {
                let why = "destination hardware addresses are not modelled".to_owned();
                let predicate = self.firewall.unknown(span, why);
                draft.assuming(predicate, (peer, invert))
            }
            Peer::Mac(mac) => {
                let one = Ranges::single(u128::from(*mac));
                draft.mac(&match invert {
                    true => Rare::SourceMac.full().subtract(&one),
                    false => one,
                })
            }
            Peer::Set(name) => {
                let sides = self.set(name, end, span);
                let [v4, v6] = &sides;
                let pick = |side: &[Vec<Cube>; 2]| {
                    let [inside, outside] = side;
                    if invert {
                        outside.clone()
                    } else {
                        inside.clone()
                    }
                };
                let (v4, v6) = (pick(v4), pick(v6));
                if !draft.any_of([&v4, &v6], (end, name, invert)) {
                    let why = format!("the match on set `{name}` becomes too many parts");
                    let predicate = self.firewall.unknown(span, why);
                    return draft.assuming(predicate, "");
                }
                draft
            }
        }
    }

    fn set(&mut self, name: &str, end: End, span: Span) -> Sides {
        let key = (name.to_owned(), end);
        if let Some(known) = self.members.get(&key) {
            return known.clone();
        }
        let found = match self.config.ipsets.get(name) {
            Some(set) => sets::members(set, end).map_err(|why| format!("set `{name}`: {why}")),
            None => {
                self.notes.push(
                    Diagnostic::new(
                        &input::DANGLING,
                        format!("set `{name}` is not in the files"),
                    )
                    .at(span)
                    .help(format!("give `/etc/firewalld/ipsets/{name}.xml` too")),
                );
                Err(format!("set `{name}` is not in the files"))
            }
        };
        let sides = match found {
            Ok(members) => Family::ALL.map(|family| {
                if members.family.is_some_and(|own| own != family) {
                    return [Vec::new(), Vec::new()];
                }
                let outside = self.outside(name, &members.cubes, family, span);
                [members.cubes.clone(), outside]
            }),
            Err(why) => {
                let predicate = self.firewall.unknown(span, why);
                Family::ALL.map(|family| literal_sides(family, predicate))
            }
        };
        self.members.insert(key, sides.clone());
        sides
    }

    fn outside(&mut self, name: &str, inside: &[Cube], family: Family, span: Span) -> Vec<Cube> {
        let mut left = vec![Cube::any(family)];
        for cube in inside {
            let mut next = Vec::new();
            for rest in &left {
                rest.subtract(cube, &mut next);
            }
            left = next;
            if left.len() > MOST_NEGATED {
                let why = format!("the complement of set `{name}` is too large");
                let predicate = self.firewall.unknown(span, why);
                let [_, outside] = literal_sides(family, predicate);
                return outside;
            }
        }
        left
    }
}

/// Packets for which a predicate holds, and those for which it does not.
fn literal_sides(family: Family, predicate: u32) -> [Vec<Cube>; 2] {
    [true, false].map(|holds| {
        vec![Cube {
            unknown: crate::packet::Literals::single(predicate, holds),
            ..Cube::any(family)
        }]
    })
}

/// How packets of a policy's zones are told.
enum Side {
    /// Not at all.
    Any,
    /// By interface.
    Interfaces(Ranges<u128>),
    /// By address.
    Peer(Peer),
}

/// Whether a zone has packets of its own.
pub(super) fn is_active(zone: &Zone) -> bool {
    !zone.interfaces.is_empty() || !zone.sources.is_empty()
}
