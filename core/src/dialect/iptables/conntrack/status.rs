//! `--ctstatus`: what a packet's state tells of its entry.

use super::super::lower::{Lowering, Work};
use super::super::matches::{push_option, require};
use super::super::parse::{Fault, Opt};
use super::{bit, with_states};
use crate::net::Protocol;
use crate::packet::{ByteSet, CtState, Cube, FieldSet};

/// What a bit of the status is for packets of one kind.
#[derive(Clone, Copy, PartialEq)]
enum Is {
    Set,
    Clear,
    /// Depends on the flow's history.
    Open,
}

/// `EXPECTED`, `SEEN_REPLY`, `ASSURED`, `CONFIRMED`, in this order.
type Status = [Is; 4];

const NAMES: [&str; 4] = ["EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED"];

/// Packets by what is known of their entry's status. An ICMP error belongs to the entry of the
/// packet that it is about, another related packet to an entry of its own that was expected.
fn kinds(cube: &Cube) -> Vec<(Cube, Status)> {
    use Is::{Clear, Open, Set};
    let established = bit(CtState::Established) | bit(CtState::EstablishedReply);
    let related = bit(CtState::Related) | bit(CtState::RelatedReply);
    let icmp = ByteSet::of(|number| Protocol(number).is_icmp());
    let by = |states: u8, protocols: ByteSet| {
        let mut cube = with_states(cube, states);
        cube.protocol = cube.protocol.and(&protocols);
        cube
    };
    let all = [
        (by(bit(CtState::New), ByteSet::FULL), [Clear; 4]),
        (by(established, ByteSet::FULL), [Open, Set, Open, Set]),
        (by(related, icmp), [Open, Open, Open, Set]),
        (by(related, icmp.complement()), [Set, Clear, Clear, Clear]),
    ];
    all.into_iter()
        .filter(|(cube, _)| !cube.is_empty())
        .collect()
}

/// Narrows to packets whose entry has any of the bits that are named, or none of them.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    option: &Opt<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let value = option.value()?;
    let mut asked = [false; 4];
    for name in value.text.split(',') {
        let upper = name.to_ascii_uppercase();
        if upper == "NONE" {
            continue;
        }
        let at = NAMES.iter().position(|known| *known == upper);
        match at.and_then(|at| asked.get_mut(at)) {
            Some(bit) => *bit = true,
            None => {
                return Err(Fault::at(
                    value,
                    format!("expected a status such as `ASSURED`, found `{name}`"),
                ));
            }
        }
    }
    let mut text = "conntrack".to_string();
    push_option(&mut text, option);
    let mut out = Vec::new();
    for cube in &work.cubes {
        for (cube, status) in kinds(cube) {
            let named = || status.iter().zip(asked).filter(|(_, asked)| *asked);
            let any = |is: Is| named().any(|(bit, _)| *bit == is);
            let holds = match (any(Is::Set), any(Is::Open)) {
                (true, _) => Some(true),
                (false, false) => Some(false),
                (false, true) => None,
            };
            match holds {
                Some(holds) if holds != option.negated => out.push(cube),
                Some(_) => {}
                None => {
                    let why = || "the status of the flow's entry depends on its history".into();
                    let predicate = all.predicate(text.clone(), work.line, why);
                    out.extend(require(&cube, predicate, !option.negated));
                }
            }
        }
    }
    work.cubes = out;
    Ok(())
}
