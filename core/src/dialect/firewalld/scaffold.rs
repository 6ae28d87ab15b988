//! The chains that firewalld makes whatever the configuration says (nftables backend), and those
//! of every zone and policy.

use super::config::{Settings, Target};
use super::draft::{Does, Draft, End, Ruleset, interface};
use super::value;
use crate::firewall::{Hook, RejectWith};
use crate::net::Family;
use crate::packet::{CtState, Ranges};
use crate::source::Span;

/// firewalld's chains run this much behind those of iptables.
const OFFSET: i32 = 10;

/// IPv6 destinations that stand for private IPv4 addresses (RFC 3964).
const RFC3964: &[&str] = &[
    "::0.0.0.0/96",
    "::ffff:0.0.0.0/96",
    "2002:0000::/24",
    "2002:0a00::/24",
    "2002:7f00::/24",
    "2002:ac10::/28",
    "2002:c0a8::/32",
    "2002:a9fe::/32",
    "2002:e000::/19",
];

/// What a packet without permission is told: ICMP of its own family.
pub(super) fn prohibited() -> Does {
    Does::Reject(RejectWith::Icmp("icmpx-admin-prohibited".into()))
}

/// Adds a rule of firewalld's own; its chain is always there.
fn add(rules: &mut Ruleset, chain: &str, draft: Draft) {
    let placed = rules.add(chain, draft.generated(), None);
    debug_assert!(placed, "{chain}");
}

/// Makes the base chains with their own rules.
pub(super) fn base(rules: &mut Ruleset, settings: &Settings, span: Span) {
    let bases = [
        ("mangle_PREROUTING", Hook::Prerouting, -150, false),
        ("nat_PREROUTING", Hook::Prerouting, -100, true),
        ("nat_POSTROUTING", Hook::Postrouting, 100, true),
        ("nat_OUTPUT", Hook::Output, -100, true),
        ("filter_PREROUTING", Hook::Prerouting, 0, false),
        ("filter_INPUT", Hook::Input, 0, false),
        ("filter_FORWARD", Hook::Forward, 0, false),
        ("filter_OUTPUT", Hook::Output, 0, false),
    ];
    for (name, hook, priority, first) in bases {
        rules.chain(name, Some((hook, priority + OFFSET, first)), span);
        let kinds: &[&str] = match name {
            "filter_PREROUTING" => &[],
            "nat_OUTPUT" | "filter_OUTPUT" => &["POLICIES_pre", "POLICIES_post"],
            _ => &["POLICIES_pre", "ZONES", "POLICIES_post"],
        };
        for kind in kinds {
            rules.chain(&format!("{name}_{kind}"), None, span);
        }
    }
    let jump = |chain: &str| Draft::new(span).does(Does::Jump(chain.to_owned()));
    for name in ["mangle_PREROUTING", "nat_PREROUTING", "nat_POSTROUTING"] {
        add(rules, name, jump(&format!("{name}_ZONES")));
    }
    add(rules, "nat_OUTPUT", jump("nat_OUTPUT_POLICIES_pre"));
    add(rules, "nat_OUTPUT", jump("nat_OUTPUT_POLICIES_post"));
    for chain in ["filter_INPUT", "filter_FORWARD"] {
        filter(rules, chain, settings, span);
    }
    output(rules, settings, span);
}

fn known(span: Span) -> Draft {
    use CtState::{Established, EstablishedReply, Related, RelatedReply};
    Draft::new(span).states(&[Established, EstablishedReply, Related, RelatedReply])
}

fn filter(rules: &mut Ruleset, chain: &str, settings: &Settings, span: Span) {
    let lo = interface("lo").unwrap_or_default();
    add(rules, chain, known(span).does(Does::Accept));
    add(
        rules,
        chain,
        Draft::new(span).translated().does(Does::Accept),
    );
    let local = Draft::new(span).interfaces(End::Source, &lo);
    add(rules, chain, local.does(Does::Accept));
    let invalid = || Draft::new(span).states(&[CtState::Invalid]);
    if settings.log_denied {
        add(rules, chain, invalid());
    }
    add(rules, chain, invalid().does(Does::Drop));
    if chain == "filter_FORWARD" && settings.rfc3964 {
        add(rules, chain, rfc3964(span));
    }
    let zones = Does::Jump(format!("{chain}_ZONES"));
    add(rules, chain, Draft::new(span).does(zones));
    if settings.log_denied {
        add(rules, chain, Draft::new(span));
    }
    add(rules, chain, Draft::new(span).does(prohibited()));
}

fn output(rules: &mut Ruleset, settings: &Settings, span: Span) {
    let chain = "filter_OUTPUT";
    let lo = interface("lo").unwrap_or_default();
    add(rules, chain, known(span).does(Does::Accept));
    let local = Draft::new(span).interfaces(End::Destination, &lo);
    add(rules, chain, local.does(Does::Accept));
    if settings.rfc3964 {
        add(rules, chain, rfc3964(span));
    }
    for part in ["POLICIES_pre", "POLICIES_post"] {
        let to = Does::Jump(format!("{chain}_{part}"));
        add(rules, chain, Draft::new(span).does(to));
    }
}

fn rfc3964(span: Span) -> Draft {
    let all = RFC3964.iter().filter_map(|text| value::addresses(text));
    let set = Ranges::of(all.map(|(_, lo, hi)| (lo, hi)));
    Draft::new(span)
        .family(Family::V6)
        .destination(&set)
        .does(Does::Reject(RejectWith::Icmp(
            "icmp6-addr-unreachable".into(),
        )))
}

/// The chains of a zone or policy in one table.
pub(super) struct Chains<'a> {
    /// `filter`, `nat`, `mangle`.
    pub table: &'a str,
    /// The base chain that leads here, without its table.
    pub hook: &'a str,
    /// Its name with the table, for example `filter_IN_public`.
    pub name: &'a str,
    /// Whether it is a zone's.
    pub zone: bool,
    /// What happens at its end.
    pub target: Target,
    /// Who says so.
    pub span: Span,
}

/// Makes the chains of a zone or policy unless they are there.
pub(super) fn chains(rules: &mut Ruleset, chains: &Chains<'_>, log_denied: bool) {
    let Chains {
        table,
        hook,
        name,
        span,
        ..
    } = *chains;
    if rules.has(name) {
        return;
    }
    rules.chain(name, None, span);
    const PARTS: [&str; 5] = ["pre", "log", "deny", "allow", "post"];
    for part in PARTS {
        rules.chain(&format!("{name}_{part}"), None, span);
    }
    let jump = |to: String| Draft::new(span).does(Does::Jump(to));
    if chains.zone {
        add(rules, name, jump(format!("{table}_{hook}_POLICIES_pre")));
    }
    for part in PARTS {
        add(rules, name, jump(format!("{name}_{part}")));
    }
    if chains.zone {
        add(rules, name, jump(format!("{table}_{hook}_POLICIES_post")));
    }
    if table != "filter" {
        return;
    }
    let end = match chains.target {
        Target::Continue => return,
        Target::Accept => Does::Accept,
        Target::Drop => Does::Drop,
        Target::Default | Target::Reject => prohibited(),
    };
    if log_denied && end != Does::Accept {
        add(rules, name, Draft::new(span));
    }
    // The administrator chose the zone's target, so that its verdict is theirs.
    let said = Draft::new(span).does(end);
    let placed = rules.add(name, said, None);
    debug_assert!(placed, "{name}");
}
