//! `-m conntrack` and `-m state`, as `xt_conntrack.c` decides.

mod status;
mod tuple;

use super::lower::{Lowering, Work, literal};
use super::matches::{no_such_option, unmodelled_option};
use super::parse::{Fault, Module, Opt};
use crate::diagnostic::mistake;
use crate::firewall::Remark;
use crate::packet::{Bits, CtState, Cube, IfName, Ranges, Rare, changes};

/// States that come with a connection-tracking entry.
const TRACKED: u8 = 0b001_1111;
/// All of them.
const ALL: u8 = 0b111_1111;

/// What a list of state names means.
#[derive(Default)]
struct States {
    /// States by their bits.
    plain: u8,
    /// The flow's source is rewritten.
    snat: bool,
    /// The flow's destination is rewritten.
    dnat: bool,
}

fn bit(state: CtState) -> u8 {
    1 << state as u8
}

fn states(option: &Opt<'_>) -> Result<States, Fault> {
    let value = option.value()?;
    let mut states = States::default();
    for name in value.text.split(',') {
        states.plain |= match name.to_ascii_uppercase().as_str() {
            "NEW" => bit(CtState::New),
            "ESTABLISHED" => bit(CtState::Established) | bit(CtState::EstablishedReply),
            "RELATED" => bit(CtState::Related) | bit(CtState::RelatedReply),
            "INVALID" => bit(CtState::Invalid),
            "UNTRACKED" => bit(CtState::Untracked),
            "SNAT" => {
                states.snat = true;
                0
            }
            "DNAT" => {
                states.dnat = true;
                0
            }
            _ => {
                return Err(Fault::at(
                    value,
                    format!("expected a state such as `NEW` or `ESTABLISHED`, found `{name}`"),
                ));
            }
        };
    }
    Ok(states)
}

/// `-m state`.
pub(super) fn state(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    for option in &module.options {
        if option.name.text != "--state" {
            return Err(no_such_option(module, option));
        }
        narrow(all, &states(option)?, option.negated, work);
    }
    Ok(())
}

/// `-m conntrack`. A packet without an entry (invalid, untracked) matches when its state is asked
/// for and fits, whatever the other options say; without `--ctstate` it never matches.
pub(super) fn conntrack(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let mut asked = false;
    for option in module.options.iter().filter(|o| o.name.text == "--ctstate") {
        asked = true;
        narrow(all, &states(option)?, option.negated, work);
    }
    if module.options.iter().all(|o| o.name.text == "--ctstate") {
        return Ok(());
    }
    if work.table.before_conntrack {
        // Whether there is an entry is known here (there is none), its contents are not.
        return before_conntrack(all, module, asked, work);
    }
    let mut free = Vec::new();
    if asked {
        free.extend(
            work.cubes
                .iter()
                .map(|cube| with_states(cube, ALL & !TRACKED)),
        );
    }
    tracked_only(work);
    for option in &module.options {
        match option.name.text.as_ref() {
            "--ctstate" => {}
            "--ctdir" => {
                let states = direction(option)?;
                work.narrow(|cube| cube.state = Bits(cube.state.0 & states));
            }
            "--ctstatus" => status::lower(all, option, work)?,
            "--ctexpire" => unmodelled_option(all, "conntrack", option, work),
            name if name.starts_with("--ct") => tuple::lower(all, option, work)?,
            _ => return Err(no_such_option(module, option)),
        }
    }
    work.cubes.extend(free);
    Ok(())
}

/// Keeps packets that have an entry.
pub(super) fn tracked_only(work: &mut Work<'_>) {
    work.narrow(|cube| cube.state = Bits(cube.state.0 & TRACKED));
}

fn before_conntrack(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    asked: bool,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let (outside, own) = by_loopback(work);
    work.cubes = own;
    for option in module.options.iter().filter(|o| o.name.text != "--ctstate") {
        unmodelled_option(all, "conntrack", option, work);
    }
    if asked {
        work.cubes.extend(outside);
    }
    Ok(())
}

fn with_states(cube: &Cube, states: u8) -> Cube {
    Cube {
        state: Bits(cube.state.0 & states),
        ..cube.clone()
    }
}

fn direction(option: &Opt<'_>) -> Result<u8, Fault> {
    let value = option.value()?;
    let replies = bit(CtState::EstablishedReply) | bit(CtState::RelatedReply);
    let reply = match value.text.to_ascii_uppercase().as_str() {
        "REPLY" => true,
        "ORIGINAL" => false,
        _ => {
            return Err(Fault::at(
                value,
                format!("expected `ORIGINAL` or `REPLY`, found `{}`", value.text),
            ));
        }
    };
    Ok(if reply != option.negated {
        replies
    } else {
        ALL & !replies
    })
}

/// The cubes of packets from elsewhere, and of those that come in by `lo`.
fn by_loopback(work: &Work<'_>) -> (Vec<Cube>, Vec<Cube>) {
    let lo = IfName::new("lo").map_or(Ranges::empty(), |name| Ranges::single(name.0));
    let outside = Ranges::full().subtract(&lo);
    let on = |names: &Ranges<u128>| {
        work.cubes
            .iter()
            .map(|cube| Cube {
                in_interface: cube.in_interface.intersect(names),
                ..cube.clone()
            })
            .filter(|cube| !cube.in_interface.is_empty())
            .collect::<Vec<_>>()
    };
    (on(&outside), on(&lo))
}

fn narrow(all: &mut Lowering<'_>, states: &States, negated: bool, work: &mut Work<'_>) {
    if work.table.before_conntrack {
        if states.plain != bit(CtState::Untracked) {
            all.firewall.remarks.push(Remark {
                code: &mistake::EARLY_STATE,
                span: work.line,
                message: "this rule asks for the conntrack state where every packet is INVALID: connection tracking has not run yet".into(),
                help: "ask in the filter table",
            });
        }
        return narrow_before_conntrack(all, states, negated, work);
    }
    let wanted = if negated {
        ALL & !states.plain
    } else {
        states.plain
    };
    if !states.snat && !states.dnat {
        return work.narrow(|cube| cube.state = Bits(cube.state.0 & wanted));
    }
    let bits = [
        (states.snat, changes::SOURCE),
        (states.dnat, changes::DESTINATION),
    ];
    let asked = bits.iter().filter(|(asked, _)| *asked);
    let bits = asked.fold(0, |all, (_, bit)| all | bit);
    let kinds = |done: bool| {
        let all = 0..1u128 << Rare::Changes.bits();
        let fitting = all.filter(|value| (value & u128::from(bits) != 0) == done);
        Ranges::of(fitting.map(|value| (value, value)))
    };
    let (done, not_done) = (kinds(true), kinds(false));
    let mut out = Vec::new();
    for cube in &work.cubes {
        let entry = with_states(cube, TRACKED);
        if negated {
            out.push(with_states(cube, wanted & !TRACKED));
            out.push(with_states(&entry, wanted).with_rare(Rare::Changes, &not_done));
        } else {
            out.push(with_states(cube, wanted));
            out.push(with_states(&entry, ALL & !wanted).with_rare(Rare::Changes, &done));
        }
    }
    out.retain(|cube| !cube.is_empty());
    work.cubes = out;
}

/// The predicate that a packet on `lo` was tracked before the raw table.
pub(super) fn tracked_before_raw(all: &mut Lowering<'_>, work: &Work<'_>) -> u32 {
    all.predicate("tracked before raw".into(), work.line, || {
        "whether a packet on `lo` is tracked before the raw table depends on who sent it".into()
    })
}

/// In the raw table connection tracking has not run: every packet counts as invalid, until a rule
/// says `NOTRACK`. Only what the host sends to itself comes back by `lo` with the entry that it
/// left with.
fn narrow_before_conntrack(
    all: &mut Lowering<'_>,
    states: &States,
    negated: bool,
    work: &mut Work<'_>,
) {
    let invalid = (states.plain & bit(CtState::Invalid) != 0) != negated;
    let wanted = if negated {
        ALL & !states.plain
    } else {
        states.plain
    };
    let untracked = (states.plain & bit(CtState::Untracked) != 0) != negated;
    let (outside, own) = by_loopback(work);
    let counts = |untracked: bool| {
        let with = move |cube: &Cube| cube.clone().with_change(changes::UNTRACKED, untracked);
        outside.iter().map(with)
    };
    work.cubes = match (invalid, untracked) {
        (true, true) => outside,
        (true, false) => counts(false).collect(),
        (false, true) => counts(true).collect(),
        (false, false) => Vec::new(),
    };
    work.cubes.retain(|cube| !cube.is_empty());
    if own.is_empty() || (invalid && wanted == ALL) {
        if invalid {
            work.cubes.extend(own);
        }
        return;
    }
    let tracked = tracked_before_raw(all, work);
    let family = work.family();
    for cube in own {
        if invalid {
            work.cubes.push(with_states(&cube, wanted));
            let other = with_states(&cube, !wanted);
            work.cubes
                .extend(other.intersect(&literal(family, tracked, false)));
        } else {
            let fits = with_states(&cube, wanted);
            work.cubes
                .extend(fits.intersect(&literal(family, tracked, true)));
        }
    }
}
