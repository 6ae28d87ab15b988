//! `--ctproto`, `--ctorigsrc` and the like: the addresses of a packet's entry.
//!
//! The first packet of a flow and those that follow it carry the entry's original direction, but
//! for a destination that a rule has translated; replies carry it turned round. Entries of flows
//! that are known already count as not translated. An ICMP error belongs to the entry of the
//! packet that it is about: of that it tells the receiver's address, no more.

use super::super::lower::{Lowering, Work};
use super::super::matches::{push_option, require};
use super::super::parse::{Fault, Opt};
use super::super::values;
use super::{bit, with_states};
use crate::net::{Family, Protocol};
use crate::packet::{ByteSet, CtState, Cube, FieldSet, Ranges, Rare, changes};

/// One end of an entry.
#[derive(Clone, Copy, PartialEq)]
enum End {
    OriginalSource,
    OriginalDestination,
    ReplySource,
    ReplyDestination,
}

/// What is asked of it.
enum Asked {
    Protocol(ByteSet),
    Address(End, Ranges<u128>),
    Port(End, Ranges<u16>),
}

/// Narrows a rule by one option.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    option: &Opt<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let family = work.family();
    let asked = read(option, family)?;
    let mut text = "conntrack".to_string();
    push_option(&mut text, option);
    let mut out = Vec::new();
    for cube in std::mem::take(&mut work.cubes) {
        for kind in kinds(&cube) {
            match kind.holds(&asked) {
                Some(cubes) => out.extend(cubes),
                None => {
                    let why = || {
                        format!(
                            "`{}` is of a flow that the packet does not tell",
                            option.name.text
                        )
                    };
                    let predicate = all.predicate(text.clone(), work.line, why);
                    out.extend(require(&kind.cube, predicate, !option.negated));
                }
            }
        }
    }
    out.retain(|cube| !cube.is_empty());
    work.cubes = out;
    Ok(())
}

/// What an option asks for, its negation worked in.
fn read(option: &Opt<'_>, family: Family) -> Result<Asked, Fault> {
    use End::{OriginalDestination, OriginalSource, ReplyDestination, ReplySource};
    let value = option.value()?;
    let name = option.name.text.as_ref();
    if name == "--ctproto" {
        let protocol = values::protocol(&value.text).map_err(|m| Fault::at(value, m))?;
        let mut set = protocol.map_or(ByteSet::single(0), |p| ByteSet::single(p.0));
        if option.negated {
            set = set.complement();
        }
        return Ok(Asked::Protocol(set));
    }
    let (end, port) = match name {
        "--ctorigsrc" => (OriginalSource, false),
        "--ctorigdst" => (OriginalDestination, false),
        "--ctreplsrc" => (ReplySource, false),
        "--ctrepldst" => (ReplyDestination, false),
        "--ctorigsrcport" => (OriginalSource, true),
        "--ctorigdstport" => (OriginalDestination, true),
        "--ctreplsrcport" => (ReplySource, true),
        "--ctrepldstport" => (ReplyDestination, true),
        _ => {
            return Err(Fault::at(
                &option.name,
                format!("match `conntrack` has no option `{name}`"),
            ));
        }
    };
    if port {
        let (lo, hi) = values::port_range(&value.text).map_err(|m| Fault::at(value, m))?;
        let set = Ranges::span(lo, hi);
        let set = if option.negated {
            values::complement(&set)
        } else {
            set
        };
        return Ok(Asked::Port(end, set));
    }
    let set = values::addresses(&value.text, family).map_err(|m| Fault::at(value, m))?;
    let set = if option.negated {
        Ranges::span(0, family.max()).subtract(&set)
    } else {
        set
    };
    Ok(Asked::Address(end, set))
}

/// How packets are related to their entry.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Original,
    Reply,
    /// An ICMP error that travels in the original direction of the flow that it is about.
    Error,
    /// One that travels in the other direction.
    ErrorReply,
}

struct Kind {
    way: Way,
    cube: Cube,
}

fn kinds(cube: &Cube) -> Vec<Kind> {
    let icmp = ByteSet::of(|number| Protocol(number).is_icmp());
    let by = |way: Way, states: u8, protocols: ByteSet| {
        let mut cube = with_states(cube, states);
        cube.protocol = cube.protocol.and(&protocols);
        Kind { way, cube }
    };
    let related = bit(CtState::Related);
    let direct = bit(CtState::New) | bit(CtState::Established);
    let all = [
        by(Way::Original, direct, ByteSet::FULL),
        by(Way::Original, related, icmp.complement()),
        by(Way::Reply, bit(CtState::EstablishedReply), ByteSet::FULL),
        by(Way::Error, related, icmp),
        by(Way::ErrorReply, bit(CtState::RelatedReply), ByteSet::FULL),
    ];
    all.into_iter()
        .filter(|kind| !kind.cube.is_empty())
        .collect()
}

impl Kind {
    /// The packets for which the answer is yes; none where they do not tell.
    fn holds(&self, asked: &Asked) -> Option<Vec<Cube>> {
        match asked {
            Asked::Protocol(set) => self.protocol(set),
            Asked::Address(end, set) => self.address(*end, set),
            Asked::Port(end, set) => self.port(*end, set),
        }
    }

    fn protocol(&self, set: &ByteSet) -> Option<Vec<Cube>> {
        if matches!(self.way, Way::Error | Way::ErrorReply) {
            return None;
        }
        let mut cube = self.cube.clone();
        cube.protocol = cube.protocol.and(set);
        Some(vec![cube])
    }

    fn address(&self, end: End, set: &Ranges<u128>) -> Option<Vec<Cube>> {
        use End::{OriginalDestination, OriginalSource, ReplyDestination, ReplySource};
        let mut cube = self.cube.clone();
        match (self.way, end) {
            (Way::Original, OriginalDestination) => {
                return Some(translated(
                    &cube,
                    (changes::DESTINATION, Rare::OriginalDestination, set),
                    |cube| cube.destination = cube.destination.intersect(set),
                ));
            }
            (Way::Original, OriginalSource) => {
                return Some(translated(
                    &cube,
                    (changes::SOURCE, Rare::OriginalSource, set),
                    |cube| cube.source = cube.source.intersect(set),
                ));
            }
            (Way::Original, ReplyDestination) | (Way::Reply, OriginalDestination | ReplySource) => {
                cube.source = cube.source.intersect(set);
            }
            (Way::Original, ReplySource)
            | (Way::Reply, OriginalSource | ReplyDestination)
            | (Way::Error, OriginalDestination | ReplySource)
            | (Way::ErrorReply, OriginalSource | ReplyDestination) => {
                cube.destination = cube.destination.intersect(set);
            }
            (Way::Error | Way::ErrorReply, _) => return None,
        }
        Some(vec![cube])
    }

    /// Ports of an entry. ICMP has its type and code in the place of the destination port and an
    /// identifier in that of the source port; other protocols have zeros.
    fn port(&self, end: End, set: &Ranges<u16>) -> Option<Vec<Cube>> {
        use End::{OriginalDestination, OriginalSource, ReplyDestination, ReplySource};
        if matches!(self.way, Way::Error | Way::ErrorReply) {
            return None;
        }
        let icmp = ByteSet::of(|number| Protocol(number).is_icmp());
        let ported = ByteSet::of(|number| Protocol(number).has_ports());
        if self.cube.protocol.meets(&icmp) {
            return None;
        }
        let of = |protocols: ByteSet| {
            let mut cube = self.cube.clone();
            cube.protocol = cube.protocol.and(&protocols);
            cube
        };
        let mut out = Vec::new();
        if set.contains(0) {
            out.push(of(ported.complement()));
        }
        let mut cube = of(ported);
        let wide = Ranges::of(
            set.intervals()
                .iter()
                .map(|&(lo, hi)| (lo.into(), hi.into())),
        );
        match (self.way, end) {
            (Way::Original, OriginalDestination) => out.extend(translated(
                &cube,
                (changes::DESTINATION, Rare::OriginalDestinationPort, &wide),
                |cube| cube.destination_port = cube.destination_port.intersect(set),
            )),
            (Way::Original, OriginalSource) => out.extend(translated(
                &cube,
                (changes::SOURCE, Rare::OriginalSourcePort, &wide),
                |cube| cube.source_port = cube.source_port.intersect(set),
            )),
            (Way::Original, ReplyDestination) | (Way::Reply, OriginalDestination | ReplySource) => {
                cube.source_port = cube.source_port.intersect(set);
                out.push(cube);
            }
            _ => {
                cube.destination_port = cube.destination_port.intersect(set);
                out.push(cube);
            }
        }
        Some(out)
    }
}

/// Packets to which this was done, by what they were before; and the others.
fn translated(
    cube: &Cube,
    (done, field, set): (u8, Rare, &Ranges<u128>),
    narrow: impl Fn(&mut Cube),
) -> Vec<Cube> {
    let before = cube.clone().with_change(done, true).with_rare(field, set);
    let mut as_is = cube.clone().with_change(done, false);
    narrow(&mut as_is);
    vec![before, as_is]
}
