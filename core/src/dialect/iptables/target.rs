//! What a rule does with the packets that it matches.

use super::lower::{Effects, Jumps, Lowering, Part, Work};
use super::parse::{Fault, Module, Spec};
use super::{mark, nat, support};
use crate::diagnostic::{Diagnostic, input};
use crate::firewall::{Action, Effect, RejectWith};
use crate::net::{Family, Protocol};
use crate::source::Span;

/// The parts of a rule: disjoint packets with what becomes of them.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    spec: &Spec<'_>,
    work: &mut Work<'_>,
    jumps: &Jumps<'_>,
) -> Result<Vec<Part>, Fault> {
    let Some(target) = &spec.target else {
        return Ok(work.whole(Action::Continue));
    };
    let name = target.name.text.as_ref();
    if let Some(chain) = jumps.chain(name) {
        let action = if spec.goto {
            Action::Goto(chain)
        } else {
            Action::Jump(chain)
        };
        return Ok(work.whole(action));
    }
    let with = |work: &mut Work<'_>, effect: Effect| {
        let mut parts = work.whole(Action::Continue);
        for part in &mut parts {
            part.effects = Effects::from_elem(effect.clone(), 1);
        }
        parts
    };
    match name {
        "ACCEPT" => return Ok(work.whole(Action::Accept)),
        "DROP" => return Ok(work.whole(Action::Drop)),
        "RETURN" => return Ok(work.whole(Action::Return)),
        "REJECT" => {
            let reject = reject(target, work)?;
            return Ok(work.whole(Action::Reject(reject)));
        }
        "MARK" => return Ok(with(work, mark::mark_target(target)?)),
        "CONNMARK" => return mark::connmark_target(target, work),
        "NOTRACK" => return Ok(mark::untrack(all, work)),
        "CT" if target.options.iter().any(|o| o.name.text == "--notrack") => {
            return Ok(mark::untrack(all, work));
        }
        "CT" if all.traits.untracks => {
            // A packet that has a template is passed over by `NOTRACK` (`xt_CT.c`).
            return Ok(work.whole(Action::Opaque {
                why: "target `CT` keeps rules with `NOTRACK` from taking effect, which is not modelled".into(),
            }));
        }
        "DNAT" | "SNAT" | "REDIRECT" | "MASQUERADE" | "NETMAP" => {
            return nat::lower(all, target, work);
        }
        "SET" if target.options.iter().any(|o| o.name.text == "--map-mark") => {
            return Ok(work.whole(Action::Opaque {
                why: "target `SET` sets the mark to that of a set's element".into(),
            }));
        }
        _ => {}
    }
    Ok(work.whole(other(all, target, work)))
}

/// Targets whose state is in the table, and those that nobody knows.
fn other(all: &mut Lowering<'_>, target: &Module<'_>, work: &Work<'_>) -> Action {
    let name = target.name.text.as_ref();
    if let Some(row) = support::of_target(name) {
        return match row.state {
            support::Support::NotModelled => Action::Opaque {
                why: format!("target `{name}` is not modelled ({})", row.note),
            },
            _ => Action::Continue,
        };
    }
    let why = format!("`{name}` is neither a chain of this table nor a known target");
    all.notes.push(
        Diagnostic::new(&input::DANGLING, why.clone())
            .at(Span::new(work.source, target.name.start, target.name.end))
            .help(
                "export the whole table with `iptables-save`; answers that reach this rule are \
                 unknown",
            ),
    );
    Action::Opaque { why }
}

fn reject(target: &Module<'_>, work: &Work<'_>) -> Result<RejectWith, Fault> {
    let default = match work.family() {
        Family::V4 => "icmp-port-unreachable",
        Family::V6 => "icmp6-port-unreachable",
    };
    let Some(with) = target
        .options
        .iter()
        .find(|o| o.name.text == "--reject-with")
    else {
        return Ok(RejectWith::Icmp(default.into()));
    };
    let kind = with.value()?;
    if !matches!(kind.text.as_ref(), "tcp-reset" | "tcp-rst") {
        return Ok(RejectWith::Icmp(kind.text.to_string()));
    }
    if work.protocol != Some(Protocol::TCP) {
        return Err(Fault::at(
            kind,
            "`tcp-reset` needs `-p tcp` in the same rule",
        ));
    }
    Ok(RejectWith::TcpReset)
}
