//! Shadowed: a rule that can never match, because earlier rules decide all its packets; and
//! contradicted: the same, and they give the opposite verdict.

use super::Audit;
use super::life::Covering;
use super::line::{Dead, Line, Part, about, chain_name, name};
use crate::analysis::Finding;
use crate::analysis::audit::mistake::impossible_interface;
use crate::diagnostic::hygiene as codes;
use crate::firewall::{Action, Decider, End, Hook, Program, Rule, Rules};
use crate::packet::{Budget, Cube, MarkBits, PacketSet};

/// Covering rules named in a finding.
pub(super) const MOST_NAMED: usize = 16;

/// Work for leaving out rules that the others cover.
const STEPS: u64 = 500;

/// What there is to say of a line that never matches; nothing when it stands behind a rule that
/// decides everything, which is told once for all of its kind.
pub(super) fn describe(audit: &mut Audit<'_, '_>, line: &Line, dead: &Dead) -> Option<Finding> {
    let all: Vec<&(Part, Covering)> = dead.covered.iter().chain(&dead.behind).collect();
    let (first, _) = all.first().copied()?;
    let contradicts = |(part, covering): &&(Part, Covering)| {
        let rule = audit.part(*part);
        rule.is_some_and(|rule| is_contradicted(&rule.action, covering))
    };
    let contradicted = all.iter().all(contradicts);
    if !contradicted && dead.covered.is_empty() {
        return None;
    }
    let rules = audit.subject.firewall.rules(first.family);
    let rule = rules.rule(first.id)?;
    let covered = all.iter().any(|(_, covering)| !covering.is_empty());
    audit.reported.insert(line.span);
    if !covered
        && let Some(finding) = impossible_interface(rules, line.span, first.family, first.id)
    {
        return Some(finding);
    }
    let name_of = name(rules, first.id);
    let (code, message) = match (covered, contradicted) {
        (false, _) => (
            &codes::SHADOWED,
            format!("{name_of} can never match: none of its packets comes into its chain"),
        ),
        (_, true) => (
            &codes::CONTRADICTED,
            format!(
                "{name_of} can never match: earlier rules give all its packets the opposite verdict"
            ),
        ),
        _ => (
            &codes::SHADOWED,
            format!("{name_of} can never match: earlier rules decide all its packets"),
        ),
    };
    let mut finding = about(code, line.span, *first, message);
    for (part, covering) in all {
        let program = audit.subject.program(part.family);
        blame(&mut finding, program, *part, covering);
    }
    show(&mut finding, audit, *first, rule);
    finding.help = Some("move it before the rules that cover it, or delete it".into());
    Some(finding)
}

/// Whether those who decide give the opposite of what a rule wants. What was established before
/// is usually permitted by one rule on top: who decides first packets tells more.
pub(super) fn is_contradicted(action: &Action, covering: &Covering) -> bool {
    !covering.is_empty() && telling(covering).all(|(_, end)| opposes(action, end))
}

/// Whether a fate is the opposite of what an action gives.
pub(super) fn opposes(action: &Action, end: End) -> bool {
    match action {
        Action::Accept => matches!(end, End::Drop | End::Reject),
        Action::Drop | Action::Reject(_) => end == End::Accept,
        _ => false,
    }
}

/// Who decides first packets; everyone when there are none.
pub(super) fn telling(covering: &Covering) -> impl Iterator<Item = (Decider, End)> {
    let any_first = covering.values().any(|(first, _)| *first);
    let all = covering.iter();
    all.filter(move |(_, (first, _))| *first || !any_first)
        .map(|(by, (_, end))| (*by, *end))
}

/// Names the rules that cover a part, as few as are enough; policies only where no rule decides.
pub(super) fn blame(finding: &mut Finding, program: &Program<'_>, part: Part, covering: &Covering) {
    let rules = program.rules;
    let Some(rule) = rules.rule(part.id) else {
        return;
    };
    let mut named: Vec<Decider> = telling(covering).map(|(by, _)| by).collect();
    if named.iter().any(|by| matches!(by, Decider::Rule(_))) {
        named.retain(|by| matches!(by, Decider::Rule(_)));
    }
    // Rules of the same chain tell most.
    named.sort_by_key(|by| match by {
        Decider::Rule(id) => (id.chain != part.id.chain, *by),
        Decider::Policy(_) => (true, *by),
    });
    needed(rules, part, rule, &mut named);
    for by in named.into_iter().take(MOST_NAMED) {
        let Some((span, text)) = decides(rules, by) else {
            continue;
        };
        finding.place(span, text);
    }
}

/// The place of who decides, and how it is called.
pub(super) fn decides(rules: &Rules, by: Decider) -> Option<(crate::source::Span, String)> {
    match by {
        Decider::Rule(id) => {
            let rule = rules.rule(id)?;
            Some((rule.span, format!("{} decides them", name(rules, id))))
        }
        Decider::Policy(id) => {
            let chain = rules.chain(id)?;
            let span = chain.base.map_or(chain.span, |base| base.span);
            let text = format!("the policy of {} decides them", chain_name(rules, id));
            Some((span, text))
        }
    }
}

/// Whether a cube asks for no mark: rules on the way may set them.
pub(super) fn is_unmarked(cube: &Cube) -> bool {
    cube.mark == MarkBits::ANY && cube.conn_mark == MarkBits::ANY
}

/// Leaves out rules whose packets the others of the same chain decide anyway, the last first.
fn needed(rules: &Rules, part: Part, rule: &Rule, named: &mut Vec<Decider>) {
    let cubes = |by: &Decider| match by {
        Decider::Rule(id) if id.chain == part.id.chain => {
            let matches = rules.rule(*id).map(|rule| rule.matches.as_slice());
            let plain = |cube: &&Cube| cube.unknown.is_empty() && is_unmarked(cube);
            matches.filter(|cubes| cubes.iter().all(|cube| plain(&cube)))
        }
        _ => None,
    };
    if named.len() < 2 || named.len() > MOST_NAMED {
        return;
    }
    let mut budget = Budget::new(STEPS);
    let own = PacketSet::from(rule.matches.clone());
    for at in (0..named.len()).rev() {
        let others = named.iter().enumerate().filter(|(other, _)| *other != at);
        let others: Vec<Cube> = others
            .filter_map(|(_, by)| cubes(by))
            .flatten()
            .cloned()
            .collect();
        if matches!(
            own.is_subset(&PacketSet::from(others), &mut budget),
            Ok(true)
        ) {
            named.remove(at);
        }
    }
}

/// Shows what becomes of one of its packets instead, a first one where there is.
fn show(finding: &mut Finding, audit: &Audit<'_, '_>, part: Part, rule: &Rule) {
    let Some(entries) = audit.asked(part.family).reach.of(part.id.chain) else {
        return;
    };
    let first = super::life::telling(part.family);
    let program = audit.subject.program(part.family);
    let example = |narrow: &Cube| -> Option<(Hook, crate::packet::Packet)> {
        entries.iter().find_map(|(hook, entry)| {
            let mut starts =
                super::life::untranslated(program, *hook, &rule.matches, entry).into_iter();
            let cube = starts.find_map(|cube| cube.intersect(narrow))?;
            // What matches as it enters reads better than what a translation makes match.
            let plain = rule.matches.iter().find_map(|own| own.intersect(&cube));
            Some((*hook, plain.unwrap_or(cube).witness(part.family)?))
        })
    };
    let found = example(&first).or_else(|| example(&Cube::any(part.family)));
    if let Some((hook, packet)) = found {
        finding.hook = Some(hook);
        finding.witness = Some(packet);
    }
}
