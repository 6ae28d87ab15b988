//! Packet marks and connection marks: matches and targets; and packets that are not tracked.

use super::lower::{Effects, Lowering, Part, Work, literal};
use super::matches::{no_such_option, unmodelled_option};
use super::parse::{Fault, Module, Opt, Word};
use super::values;
use crate::firewall::{Action, Effect, Hook};
use crate::packet::{Cube, IfName, MarkBits, Ranges};

/// `-m mark` and `-m connmark`.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let family = work.family();
    let connection = module.name.text == "connmark";
    if connection {
        // Packets without a connection never match, negated or not.
        super::conntrack::tracked_only(work);
    }
    for option in &module.options {
        if option.name.text != "--mark" {
            return Err(no_such_option(module, option));
        }
        let (bits, mask) = marks(option.value()?)?;
        let marks: Vec<MarkBits> = match (MarkBits::masked(bits, mask), option.negated) {
            (Some(marks), false) => vec![marks],
            (Some(marks), true) => MarkBits::ANY.minus(marks).collect(),
            (None, negated) => negated.then_some(MarkBits::ANY).into_iter().collect(),
        };
        let cubes: Vec<Cube> = marks
            .into_iter()
            .map(|mark| {
                let any = Cube::any(family);
                if connection {
                    Cube {
                        conn_mark: mark,
                        ..any
                    }
                } else {
                    Cube { mark, ..any }
                }
            })
            .collect();
        if !work.any_of(&cubes) {
            unmodelled_option(all, &module.name.text, option, work);
        }
    }
    Ok(())
}

fn marks(value: &Word<'_>) -> Result<(u32, u32), Fault> {
    values::masked(&value.text).ok_or_else(|| {
        Fault::at(
            value,
            format!("expected a mark such as `0x1/0xff`, found `{}`", value.text),
        )
    })
}

/// What `--set-xmark` and its like clear and flip.
fn set(option: &Opt<'_>) -> Result<(u32, u32), Fault> {
    let (bits, mask) = marks(option.value()?)?;
    Ok(match option.name.text.as_ref() {
        "--set-xmark" => (mask, bits),
        "--set-mark" => (bits | mask, bits),
        "--and-mark" => (!bits, 0),
        "--or-mark" => (bits, bits),
        "--xor-mark" => (0, bits),
        other => {
            return Err(Fault::at(
                &option.name,
                format!("expected `--set-xmark` or its like, found `{other}`"),
            ));
        }
    })
}

/// Target MARK.
pub(super) fn mark_target(target: &Module<'_>) -> Result<Effect, Fault> {
    let [option] = target.options.as_slice() else {
        return Err(Fault::at(
            &target.name,
            "`MARK` needs one option such as `--set-xmark`",
        ));
    };
    let (clear, flip) = set(option)?;
    Ok(Effect::SetMark { clear, flip })
}

/// Target CONNMARK. Packets without a connection pass it unchanged.
pub(super) fn connmark_target(
    target: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<Vec<Part>, Fault> {
    let named = |name: &str| target.options.iter().find(|o| o.name.text == name);
    let mask = |name: &str| match named(name) {
        None => Ok(u32::MAX),
        Some(option) => marks(option.value()?).map(|(mask, _)| mask),
    };
    let both = mask("--mask")?;
    let (packet, connection) = (mask("--nfmask")? & both, mask("--ctmask")? & both);
    let effect = if named("--save-mark").is_some() {
        Effect::ConnFromMark {
            clear: connection,
            care: packet,
        }
    } else if named("--restore-mark").is_some() {
        Effect::MarkFromConn {
            clear: packet,
            care: connection,
        }
    } else {
        let Some(option) = target.options.first() else {
            return Err(Fault::at(
                &target.name,
                "`CONNMARK` needs an option such as `--save-mark`",
            ));
        };
        let (clear, flip) = set(option)?;
        Effect::SetConnMark { clear, flip }
    };
    super::conntrack::tracked_only(work);
    let mut parts = work.whole(Action::Continue);
    for part in &mut parts {
        part.effects = Effects::from_elem(effect.clone(), 1);
    }
    Ok(parts)
}

/// Targets NOTRACK and `CT --notrack`. What comes back by `lo` may have its entry already.
pub(super) fn untrack(all: &mut Lowering<'_>, work: &mut Work<'_>) -> Vec<Part> {
    if !work.table.before_conntrack {
        return work.whole(Action::Continue);
    }
    if work.table.hooks.contains(Hook::Prerouting) {
        let family = work.family();
        let tracked = super::conntrack::tracked_before_raw(all, work);
        let mut outside = Cube::any(family);
        outside.in_interface = Ranges::full().subtract(&IfName::loopback());
        let mut own = literal(family, tracked, false);
        own.in_interface = IfName::loopback();
        // Two disjoint alternatives at most double the cubes.
        let _ = work.any_of(&[outside, own]);
    }
    let mut parts = work.whole(Action::Continue);
    for part in &mut parts {
        part.effects = Effects::from_elem(Effect::Untrack, 1);
    }
    parts
}
