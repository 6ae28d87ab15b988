//! The semantic difference of two exports, as data.

use super::session::Session;
use super::trace::{name, path, place, rule_count, span};
use super::{
    CompareHook, CompareRequest, CompareResult, CompareSummary, ComparedSide, ComparedSystem,
    DecidedData, DifferenceData, PacketsData, Place, SystemInput,
};
use crate::analysis::compare::{self, Comparison, Difference, HookComparison, Kind, Sides};
use crate::diagnostic::{Diagnostic, coverage};
use crate::dialect::{self, HostFacts, Loaded};
use crate::firewall::{Decider, Dependency, End, Rules, Verdict};
use crate::net::Family;
use crate::packet::Cube;
use crate::source::SourceId;

/// Differences that are listed; the others are counted.
const MOST_DIFFERENCES: usize = 2_000;

/// Products of packets that are listed of one difference.
const MOST_PACKETS: usize = 50;

/// One side, read.
struct Side {
    exports: Vec<SourceId>,
    loaded: Loaded,
}

pub(super) fn compare(session: &mut Session, request: &CompareRequest) -> Option<CompareResult> {
    let old = read(session, &request.old);
    let new = read(session, &request.new);
    let (old, new) = (old?, new?);
    let sides = [&old, &new];
    let firewalls = sides.map(|side| &side.loaded.firewall);
    let found = compare::compare(&session.sources, firewalls[0], firewalls[1]);
    for &(family, side) in &found.one_sided {
        session.report([one_sided(family, side)]);
    }
    let hooks: Vec<CompareHook> = found
        .hooks
        .iter()
        .map(|hook| hook_data(hook, &found))
        .chain(found.one_sided.iter().flat_map(|&(family, _)| {
            compare::HOOKS.map(|hook| CompareHook {
                family,
                hook: hook.to_string(),
                verdict: "not-compared".into(),
                not_compared: Vec::new(),
                more: false,
            })
        }))
        .collect();
    let listed = found.differences.iter().take(MOST_DIFFERENCES);
    let listed = listed.map(|one| difference(session, sides, one));
    let mut result = CompareResult {
        verdict: String::new(),
        summary: summary(&found),
        differences: listed.collect(),
        alike: found
            .alike
            .iter()
            .map(|pair| alike(session, pair))
            .collect(),
        old: system(session, &old),
        new: system(session, &new),
        hooks,
    };
    result.summary.not_listed = found.differences.len().saturating_sub(MOST_DIFFERENCES);
    result.verdict = worst(&result.hooks).into();
    Some(result)
}

fn read(session: &mut Session, input: &SystemInput) -> Option<Side> {
    let exports = session.add_quotable(&input.documents);
    let add = |session: &mut Session, document: Option<&super::Document>| {
        document.and_then(|d| session.add_quotable(std::slice::from_ref(d)).pop())
    };
    let addresses = add(session, input.addresses.as_ref());
    let routes = add(session, input.routes.as_ref());
    let facts = match HostFacts::from_ip(&session.sources, addresses, routes) {
        Ok(facts) => facts,
        Err(problem) => {
            session.report([problem]);
            return None;
        }
    };
    let dialect = input.dialect.as_deref();
    let mut loaded = dialect::load(&session.sources, &exports, dialect, &facts);
    let known = loaded.dialects.iter().any(|(_, dialect)| dialect.is_some());
    session.report(std::mem::take(&mut loaded.diagnostics));
    known.then_some(Side { exports, loaded })
}

fn one_sided(family: Family, side: usize) -> Diagnostic {
    let (has, lacks) = if side == 0 {
        ("old", "new")
    } else {
        ("new", "old")
    };
    let message = format!(
        "{} was not compared: only the {has} exports speak of it",
        family_name(family)
    );
    let command = match family {
        Family::V4 => "iptables-save",
        Family::V6 => "ip6tables-save",
    };
    Diagnostic::new(&coverage::UNKNOWN, message)
        .severity(crate::diagnostic::Severity::Warning)
        .help(format!(
            "give the {lacks} system's `{command}` too, with --{lacks}-with"
        ))
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// What is proved at a hook, in one word.
fn hook_data(hook: &HookComparison, found: &Comparison) -> CompareHook {
    let here = found.differences.iter();
    let here = here.filter(|one| (one.family, one.hook) == (hook.family, hook.hook));
    let certain = |one: &&Difference| !one.possible;
    let verdict = if here
        .clone()
        .filter(certain)
        .any(|one| one.kind != Kind::Answer)
    {
        "different"
    } else if !hook.not_compared.is_empty() {
        "not-compared"
    } else if here.clone().any(|one| one.possible) {
        "possibly-different"
    } else if here.clone().next().is_some() {
        "answers-differ"
    } else {
        "equivalent"
    };
    let not_compared = hook.not_compared.iter();
    CompareHook {
        family: hook.family,
        hook: hook.hook.to_string(),
        verdict: verdict.into(),
        not_compared: not_compared
            .map(|cube| cube.parts(hook.family).to_string())
            .collect(),
        more: hook.more,
    }
}

/// From the best news to the worst.
const VERDICTS: [&str; 5] = [
    "equivalent",
    "answers-differ",
    "possibly-different",
    "not-compared",
    "different",
];

fn worst(hooks: &[CompareHook]) -> &'static str {
    let each = hooks.iter().filter_map(|hook| {
        let known = VERDICTS.iter();
        known.clone().position(|&verdict| verdict == hook.verdict)
    });
    // Without any hook that both filter there is nothing to claim.
    let worst = each.max().unwrap_or(3);
    VERDICTS.get(worst).copied().unwrap_or("not-compared")
}

fn summary(found: &Comparison) -> CompareSummary {
    let count = |kind: Kind, possible: bool| {
        let all = found.differences.iter();
        all.filter(|one| (one.kind, one.possible) == (kind, possible))
            .count()
    };
    CompareSummary {
        opened: count(Kind::Opened, false),
        closed: count(Kind::Closed, false),
        translated: count(Kind::Translated, false),
        answers: count(Kind::Answer, false),
        possible: found.differences.iter().filter(|one| one.possible).count(),
        not_listed: 0,
    }
}

fn difference(session: &Session, sides: Sides<&Side>, one: &Difference) -> DifferenceData {
    let kind = match one.kind {
        Kind::Opened => "opened",
        Kind::Closed => "closed",
        Kind::Answer => "answer",
        Kind::Translated => "translated",
        Kind::Undetermined => "undetermined",
    };
    let [old, new] = [0, 1].map(|side: usize| {
        let rules = sides[side].loaded.firewall.rules(one.family);
        decided(session, rules, &one.side[side])
    });
    DifferenceData {
        kind: kind.into(),
        certain: !one.possible,
        family: one.family,
        hook: one.hook.to_string(),
        packets: one
            .packets
            .iter()
            .take(MOST_PACKETS)
            .map(|cube| packets(cube, one.family))
            .collect(),
        more: one.more || one.packets.len() > MOST_PACKETS,
        witness: one.witness.to_string(),
        old,
        new,
    }
}

fn decided(session: &Session, rules: &Rules, side: &compare::Decided) -> DecidedData {
    let verdict = match side.end {
        End::Accept => Verdict::Accept,
        End::Drop => Verdict::Drop,
        End::Reject => Verdict::Reject,
        End::Depends | End::Reached => Verdict::Unknown,
    };
    DecidedData {
        verdict: name(verdict).into(),
        answer: side.answer.clone(),
        translation: side.translation.clone(),
        at: side.by.map(|by| place(rules, by)),
        place: side
            .by
            .and_then(|by| span(rules, by).map(|span| session.place(span, label(by)))),
        witness: ComparedSide {
            verdict: name(side.witness.verdict).into(),
            path: path(rules, &side.witness),
        },
        depends_on: side
            .depends_on
            .iter()
            .map(|one| depends(session, one))
            .collect(),
    }
}

fn label(by: Decider) -> &'static str {
    match by {
        Decider::Rule(_) => "",
        Decider::Policy(_) => "policy",
    }
}

fn depends(session: &Session, one: &Dependency) -> Place {
    session.place(one.span, &one.why)
}

fn alike(session: &Session, pair: &Sides<Dependency>) -> Sides<Place> {
    [0, 1].map(|side: usize| depends(session, &pair[side]))
}

fn system(session: &Session, side: &Side) -> ComparedSystem {
    let firewall = &side.loaded.firewall;
    let names = side.exports.iter();
    let mut dialects: Vec<String> = Vec::new();
    for (_, dialect) in &side.loaded.dialects {
        let dialect = dialect.unwrap_or("unknown");
        if !dialects.iter().any(|known| known == dialect) {
            dialects.push(dialect.into());
        }
    }
    ComparedSystem {
        documents: names.map(|&id| session.sources.name(id).into()).collect(),
        dialects,
        rules: rule_count(&firewall.v4) + rule_count(&firewall.v6),
    }
}

/// A cube field by field; what may be anything is left out.
fn packets(cube: &Cube, family: Family) -> PacketsData {
    let parts = cube.parts(family);
    PacketsData {
        text: parts.to_string(),
        source: parts.source,
        destination: parts.destination,
        protocol: parts.protocol,
        source_ports: parts.source_ports,
        destination_ports: parts.destination_ports,
        icmp_types: parts.icmp_types,
        icmp_codes: parts.icmp_codes,
        flags: parts.flags,
        state: parts.state,
        fragment: parts.fragment,
        in_interface: parts.in_interface,
        out_interface: parts.out_interface,
        others: parts.others,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::Hook;

    #[test]
    fn the_worst_hook_speaks_for_all() {
        let hook = |verdict: &str| CompareHook {
            family: Family::V4,
            hook: Hook::Input.to_string(),
            verdict: verdict.into(),
            not_compared: Vec::new(),
            more: false,
        };
        for (verdicts, wanted) in [
            (&["equivalent", "equivalent"][..], "equivalent"),
            (&["equivalent", "answers-differ"], "answers-differ"),
            (&["different", "not-compared"], "different"),
            (&["possibly-different", "not-compared"], "not-compared"),
            (&[], "not-compared"),
        ] {
            let hooks: Vec<CompareHook> = verdicts.iter().map(|verdict| hook(verdict)).collect();
            assert_eq!(worst(&hooks), wanted);
        }
    }
}
