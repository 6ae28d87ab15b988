//! Rules: statements in order, each of which narrows, changes or decides.

use super::condition::{MOST_CUBES, assuming, intersect, subtract};
use super::effect::Effects;
use super::field::Marks;
use super::place::Place;
use super::{Lowering, ct, merge, nat, support};
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::nft::syntax::{
    ExprKind, Reject, Rule, Statement, StatementKind, Target, Verdict,
};
use crate::firewall::{self, Action, RejectWith};
use crate::net::Family;
use crate::packet::Cube;
use crate::source::Span;

/// Most cubes of all rules together; beyond, a rule of more than a few is unknown.
const MOST_CUBES_IN_ALL: usize = 4_000_000;

/// Most cubes while it is worked out which packets a rule has changed before it stopped matching.
const MOST_LEFT: usize = 4_096;

/// Packets on their way through a rule.
#[derive(Clone)]
pub(super) struct Branch {
    /// The packets, as they were at the rule's beginning.
    pub cubes: Vec<Cube>,
    /// What was done to them so far.
    pub effects: Effects,
    /// What their marks are now.
    pub marks: Marks,
    /// The part of the rule that led here.
    pub span: Span,
}

/// The parts of a rule that are finished.
pub(super) struct Parts {
    /// In the order in which they ended.
    pub rules: Vec<firewall::Rule>,
    number: u32,
    comment: Option<String>,
    generated: bool,
}

impl Parts {
    /// Ends the way of these packets through the rule.
    pub(super) fn end(&mut self, branch: Branch, action: Action) {
        if branch.cubes.is_empty() {
            return;
        }
        self.rules.push(firewall::Rule {
            number: self.number,
            effects: branch.effects,
            generated: self.generated,
            comment: self.comment.clone(),
            ..firewall::Rule::new(branch.cubes, action, branch.span)
        });
    }
}

impl Branch {
    /// The same way with other packets.
    pub(super) fn with(&self, cubes: Vec<Cube>) -> Self {
        Self {
            cubes,
            ..self.clone()
        }
    }
}

impl<'a> Lowering<'a> {
    /// Lowers the rule of this number; parts of it where packets fare differently.
    pub(super) fn rule<'t>(
        &mut self,
        place: &Place<'t>,
        rule: &'t Rule,
        number: u32,
    ) -> Vec<firewall::Rule> {
        let span = rule.place.0;
        let comment = rule.comment.as_deref().map(str::to_owned);
        let mut parts = Parts {
            rules: Vec::new(),
            number,
            generated: comment
                .as_deref()
                .is_some_and(support::is_generated_comment),
            comment,
        };
        let mut live = vec![Branch {
            cubes: vec![Cube::any(place.family)],
            effects: Effects::new(),
            marks: Marks::default(),
            span,
        }];
        let joined = merge::joined(&rule.statements, place.family);
        for (at, statement) in rule.statements.iter().enumerate() {
            let joined = joined.get(at).and_then(Option::as_ref);
            let mut next = Vec::new();
            for branch in live {
                match joined {
                    None => self.step(place, statement, branch, &mut parts, &mut next),
                    Some(joined) if joined.is_empty() => next.push(branch),
                    Some(joined) => {
                        let holds = self.unequal(place, &branch.marks, joined, span);
                        self.narrow(&branch, &holds, &mut parts, &mut next);
                    }
                }
            }
            live = next;
            if live.is_empty() {
                break;
            }
        }
        for branch in live {
            parts.end(branch, Action::Continue);
        }
        self.finish(place, parts, span)
    }

    /// Keeps the rule within bounds, and visible where it matches nothing.
    fn finish(&mut self, place: &Place<'_>, mut parts: Parts, span: Span) -> Vec<firewall::Rule> {
        if parts.rules.is_empty() {
            let empty = firewall::Rule {
                number: parts.number,
                generated: parts.generated,
                comment: parts.comment,
                ..firewall::Rule::new(Vec::new(), Action::Continue, span)
            };
            return vec![empty];
        }
        let count: usize = parts.rules.iter().map(|rule| rule.matches.len()).sum();
        self.cubes = self.cubes.saturating_add(count);
        if self.cubes > MOST_CUBES_IN_ALL && count > 8 {
            self.cubes -= count;
            let message = "the rules become too many parts to analyse";
            self.note(
                Diagnostic::new(&input::LIMIT, message)
                    .at(span)
                    .help("answers that depend on this rule are unknown"),
            );
            let why = format!("the rules become more than {MOST_CUBES_IN_ALL} parts");
            let any = Cube::any(place.family);
            let whole = firewall::Rule {
                number: parts.number,
                ..firewall::Rule::new(vec![any], Action::Opaque { why }, span)
            };
            return vec![whole];
        }
        for rule in &mut parts.rules {
            if rule.action == Action::Continue && rule.effects.is_empty() {
                // Nothing depends on whether such a rule matches: no question is asked for it.
                for cube in &mut rule.matches {
                    *cube = cube.clone().without_assumptions();
                }
            }
        }
        parts.rules
    }

    /// Carries out one statement.
    fn step<'t>(
        &mut self,
        place: &Place<'t>,
        statement: &'t Statement,
        branch: Branch,
        parts: &mut Parts,
        next: &mut Vec<Branch>,
    ) {
        let span = statement.place.0;
        match &statement.kind {
            StatementKind::Match { left, op, right } => {
                let holds = self.condition(place, &branch.marks, left, *op, right);
                self.narrow(&branch, &holds, parts, next);
            }
            StatementKind::Verdict(verdict) => self.verdict(place, verdict, branch, parts, next),
            StatementKind::Vmap { key, data } => {
                let found = self.find(place, &branch.marks, key, data);
                let mut all = Vec::new();
                for (cubes, value, span) in found.parts {
                    let cubes = intersect(&branch.cubes, &cubes);
                    all.extend(cubes.iter().cloned());
                    let branch = Branch {
                        span,
                        ..branch.with(cubes)
                    };
                    if let ExprKind::Verdict(verdict) = &value.kind {
                        self.verdict(place, verdict, branch, parts, next);
                    } else {
                        let why = "the map's element is no verdict".to_owned();
                        parts.end(branch, Action::Opaque { why });
                    }
                }
                let doubtful = intersect(&branch.cubes, &found.doubtful);
                all.extend(doubtful.iter().cloned());
                let why = "which elements the map holds is not known".to_owned();
                parts.end(branch.with(doubtful), Action::Opaque { why });
                self.missed(&branch, &all, parts);
            }
            StatementKind::Limit(_)
            | StatementKind::Quota(_)
            | StatementKind::CtCount { .. }
            | StatementKind::UseObject { .. }
            | StatementKind::SetUpdate { .. }
            | StatementKind::Meter { .. } => self.changing(statement, branch, parts, next),
            StatementKind::Reject(reject) => {
                let (cubes, with) = refusal(place, reject);
                let mut refused = Vec::new();
                self.narrow(&branch, &cubes, parts, &mut refused);
                for branch in refused {
                    parts.end(branch, Action::Reject(with.clone()));
                }
            }
            StatementKind::Mangle { key, value } => {
                self.mangle(place, key, value, branch, parts, next);
            }
            StatementKind::Notrack => self.notrack(place, branch, next),
            StatementKind::Nat(translation) => {
                nat::lower(self, place, translation, branch, parts);
            }
            StatementKind::Xt(xt) => self.extension(xt, span, branch, parts, next),
            StatementKind::Unreadable(unreadable) => {
                let why = format!("the rule cannot be read: {}", unreadable.message.0);
                parts.end(branch, Action::Opaque { why });
            }
            _ => match support::of_statement(&statement.kind) {
                support::Effect::None => next.push(branch),
                support::Effect::Decides(what) => {
                    let why = format!("`{what}` is not modelled");
                    self.not_modelled(span, &why);
                    parts.end(branch, Action::Opaque { why });
                }
            },
        }
    }

    /// Goes on with the packets of a branch that are in these cubes.
    pub(super) fn narrow(
        &mut self,
        branch: &Branch,
        to: &[Cube],
        parts: &mut Parts,
        next: &mut Vec<Branch>,
    ) {
        let open;
        let mut to = to;
        if branch.cubes.len().saturating_mul(to.len()) > MOST_CUBES {
            let message = "the rule becomes too many parts to analyse";
            self.not_modelled(branch.span, message);
            let holds = self.firewall.unknown(branch.span, message);
            open = assuming(&branch.cubes, holds, true);
            to = &open;
        }
        let cubes = intersect(&branch.cubes, to);
        if branch.effects.is_empty() && cubes.is_empty() {
            return;
        }
        self.missed(branch, to, parts);
        if !cubes.is_empty() {
            next.push(branch.with(cubes));
        }
    }

    /// Packets that a rule has changed stay so where it stops matching.
    pub(super) fn missed(&mut self, branch: &Branch, holds: &[Cube], parts: &mut Parts) {
        if branch.effects.is_empty() {
            return;
        }
        match subtract(branch.cubes.clone(), holds, MOST_LEFT) {
            Some(rest) => parts.end(branch.with(rest), Action::Continue),
            None => {
                let message =
                    "what the rule changes before it stops matching is too large to analyse";
                self.not_modelled(branch.span, message);
                let why = message.to_owned();
                parts.end(branch.clone(), Action::Opaque { why });
            }
        }
    }

    fn verdict(
        &mut self,
        place: &Place<'_>,
        verdict: &Verdict,
        branch: Branch,
        parts: &mut Parts,
        next: &mut Vec<Branch>,
    ) {
        let action = match verdict {
            Verdict::Accept => Action::Accept,
            Verdict::Drop => Action::Drop,
            Verdict::Return => Action::Return,
            Verdict::Continue => {
                next.push(branch);
                return;
            }
            Verdict::Queue => Action::Opaque {
                why: "`queue` hands the packet to a program".into(),
            },
            Verdict::Jump(Target::Chain(name)) | Verdict::Goto(Target::Chain(name)) => {
                match place.chains.get(&**name) {
                    Some(&chain) if matches!(verdict, Verdict::Jump(_)) => Action::Jump(chain),
                    Some(&chain) => Action::Goto(chain),
                    None => self.no_chain(name, branch.span),
                }
            }
            Verdict::Jump(Target::Rules(rules)) | Verdict::Goto(Target::Rules(rules)) => {
                let chain = self.inline(place, rules, branch.span);
                if matches!(verdict, Verdict::Jump(_)) {
                    Action::Jump(chain)
                } else {
                    Action::Goto(chain)
                }
            }
        };
        parts.end(branch, action);
    }

    fn no_chain(&mut self, name: &str, span: Span) -> Action {
        let message = format!("there is no chain `{name}` in this table");
        self.note(
            Diagnostic::new(&input::DANGLING, message.clone())
                .at(span)
                .help("export the whole ruleset with `nft list ruleset`; answers that reach this rule are unknown"),
        );
        Action::Opaque { why: message }
    }

    /// Statements whose going on depends on earlier packets.
    fn changing(
        &mut self,
        statement: &Statement,
        branch: Branch,
        parts: &mut Parts,
        next: &mut Vec<Branch>,
    ) {
        let Some(what) = support::depends_on_history(&statement.kind) else {
            next.push(branch);
            return;
        };
        let why = format!("{what} depends on earlier packets");
        let open = self.firewall.unknown(statement.place.0, why);
        let holds = assuming(&branch.cubes, open, true);
        self.narrow(&branch, &holds, parts, next);
    }

    /// An iptables extension, of which nft says at most the name.
    fn extension(
        &mut self,
        xt: &crate::dialect::nft::syntax::Xt,
        span: Span,
        branch: Branch,
        parts: &mut Parts,
        next: &mut Vec<Branch>,
    ) {
        let name = xt.name.0.as_deref().unwrap_or("?");
        let is_match = xt.kind.0.as_deref() == Some("match");
        if support::is_without_effect(name, is_match) {
            next.push(branch);
            return;
        }
        let message = format!("what the iptables extension `{name}` does is not in this export");
        self.note(
            Diagnostic::new(&input::NOT_MODELLED, message.clone())
                .at(span)
                .help("give the output of `iptables-save` and `ip6tables-save` of the same host as well"),
        );
        if is_match {
            let open = self.firewall.unknown(span, message);
            let holds = assuming(&branch.cubes, open, true);
            self.narrow(&branch, &holds, parts, next);
        } else {
            parts.end(branch, Action::Opaque { why: message });
        }
    }
}

/// Which packets a reject statement refuses, and how.
fn refusal(place: &Place<'_>, reject: &Reject) -> (Vec<Cube>, RejectWith) {
    let any = vec![Cube::any(place.family)];
    let icmp = |name: String| RejectWith::Icmp(name);
    let v4 = place.family == Family::V4;
    match reject {
        Reject::Default if v4 => (any, icmp("port-unreachable".into())),
        Reject::Default => (any, icmp("port-unreachable".into())),
        Reject::TcpReset => (vec![ct::tcp(place)], RejectWith::TcpReset),
        Reject::Icmp(code) if v4 => (any, icmp(format!("icmp code {code}"))),
        Reject::Icmpv6(code) if !v4 => (any, icmp(format!("icmpv6 code {code}"))),
        Reject::Icmp(code) | Reject::Icmpv6(code) => (Vec::new(), icmp(format!("code {code}"))),
        Reject::Icmpx(code) => (any, icmp(format!("icmpx code {code}"))),
    }
}
