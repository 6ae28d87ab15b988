//! A cube as a person describes it, field by field.

use super::cube::Cube;
use super::fields::{ByteSet, FieldSet, MarkBits};
use super::ifname::IfName;
use super::ranges::Ranges;
use super::show;
use super::value::{CtState, Fragment, tcp_flags};
use crate::net::{Family, Protocol};
use std::fmt;

/// More names or flag combinations than this are counted, not listed.
const MOST: usize = 12;

/// The fields of a cube in words. What may be anything is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// Source addresses, or `any`.
    pub source: String,
    /// Destination addresses, or `any`.
    pub destination: String,
    /// Protocols.
    pub protocol: Option<String>,
    /// Source ports.
    pub source_ports: Option<String>,
    /// Destination ports.
    pub destination_ports: Option<String>,
    /// ICMP types.
    pub icmp_types: Option<String>,
    /// ICMP codes.
    pub icmp_codes: Option<String>,
    /// TCP flags: `S/FSRA` for those of `FSRA` that are set, or a list of combinations.
    pub flags: Option<String>,
    /// Conntrack states.
    pub state: Option<String>,
    /// Fragments.
    pub fragment: Option<String>,
    /// Interfaces that packets come in by.
    pub in_interface: Option<String>,
    /// Interfaces that packets go out by.
    pub out_interface: Option<String>,
    /// Connection mark and what else few rules test, each with its name.
    pub others: Vec<String>,
}

impl Cube {
    /// Its fields in words.
    #[must_use]
    pub fn parts(&self, family: Family) -> Parts {
        let icmp = self
            .protocol
            .within(&ByteSet::of(|p| Protocol(p).is_icmp()));
        let ports = |set: &Ranges<u16>| (!set.is_full()).then(|| show::ports(set));
        // Types and codes end at 255.
        let small = |set: &Ranges<u16>| {
            let open = Ranges::span(0, 255).is_subset(set);
            (!open).then(|| show::ports(&set.intersect(&Ranges::span(0, 255))))
        };
        let with = |is: bool, text: Option<String>| text.filter(|_| is);
        let transport = !self.source_port.is_full()
            || !self.destination_port.is_full()
            || self.flags != ByteSet::FULL;
        Parts {
            source: show::addresses(&self.source, family),
            destination: show::addresses(&self.destination, family),
            protocol: (self.protocol != ByteSet::FULL).then(|| show::protocols(self.protocol)),
            source_ports: with(!icmp, ports(&self.source_port)),
            destination_ports: with(!icmp, ports(&self.destination_port)),
            icmp_types: with(icmp, small(&self.source_port)),
            icmp_codes: with(icmp, small(&self.destination_port)),
            flags: (self.flags != ByteSet::FULL).then(|| flags(self.flags)),
            state: self.state_names(),
            fragment: self.fragments(transport),
            in_interface: interfaces(&self.in_interface),
            out_interface: interfaces(&self.out_interface),
            others: self.others(),
        }
    }

    fn others(&self) -> Vec<String> {
        let MarkBits { care, value } = self.conn_mark;
        let mut all = Vec::new();
        if care != 0 {
            all.push(format!("connection mark {value:#x}/{care:#x}"));
        }
        let rare = self.extra.iter();
        all.extend(rare.map(|(field, values)| format!("{} {}", field.name(), numbers(values))));
        all
    }

    fn state_names(&self) -> Option<String> {
        let all = CtState::ALL.into_iter();
        let mine: Vec<CtState> = all.filter(|&s| self.state.contains(s as u8)).collect();
        if mine.len() == CtState::ALL.len() {
            return None;
        }
        let other_way = |state: CtState| match state {
            CtState::Established => Some(CtState::EstablishedReply),
            CtState::Related => Some(CtState::RelatedReply),
            _ => None,
        };
        let mut names = Vec::new();
        for &state in &mine {
            let name = state.name().to_lowercase();
            match other_way(state) {
                Some(reply) if !mine.contains(&reply) => names.push(format!("{name} (original)")),
                _ if !state.is_reply() => names.push(name),
                _ => {
                    let original = mine.iter().any(|&one| other_way(one) == Some(state));
                    names.extend((!original).then(|| format!("{name} (reply)")));
                }
            }
        }
        Some(names.join(", "))
    }

    /// What has ports or flags is no later fragment: that goes without saying.
    fn fragments(&self, transport: bool) -> Option<String> {
        let first = self.fragment.contains(Fragment::First as u8);
        let later = self.fragment.contains(Fragment::Later as u8);
        match (first, later) {
            (true, false) if !transport => Some("not later fragments".into()),
            (false, true) => Some("later fragments".into()),
            _ => None,
        }
    }
}

/// `1-63, 255`.
fn numbers(set: &Ranges<u128>) -> String {
    let all = set.intervals();
    let range = |&(lo, hi): &(u128, u128)| match lo == hi {
        true => lo.to_string(),
        false => format!("{lo}-{hi}"),
    };
    let mut text: Vec<String> = all.iter().take(MOST).map(range).collect();
    if let Some(more) = all.len().checked_sub(MOST).filter(|&n| n > 0) {
        text.push(format!("… {more} more"));
    }
    text.join(", ")
}

/// `S/FSRA`, `not S/FSRA`, or the combinations.
fn flags(set: ByteSet) -> String {
    if let Some(text) = masked(set) {
        return text;
    }
    if let Some(text) = masked(set.complement()) {
        return format!("not {text}");
    }
    let all: Vec<u8> = set.iter().collect();
    let mut text: Vec<String> = all.iter().take(MOST).map(|&f| letters(f)).collect();
    if let Some(more) = all.len().checked_sub(MOST).filter(|&n| n > 0) {
        text.push(format!("… {more} more"));
    }
    text.join(", ")
}

/// The set as a mask and what is set under it, where it is one.
fn masked(set: ByteSet) -> Option<String> {
    let first = set.iter().next()?;
    let varying = set.iter().fold(0, |bits, flags| bits | (flags ^ first));
    let mask = !varying;
    let same = ByteSet::of(|flags| flags & mask == first & mask);
    (same == set).then(|| format!("{}/{}", letters(first & mask), letters(mask)))
}

fn letters(flags: u8) -> String {
    let text: String = tcp_flags::LETTERS
        .iter()
        .filter(|(_, bit)| flags & bit != 0)
        .map(|(l, _)| *l)
        .collect();
    if text.is_empty() { "none".into() } else { text }
}

/// Names of interfaces, `cali+` for all that begin so; none where any (or no) interface will do.
fn interfaces(set: &Ranges<u128>) -> Option<String> {
    let none = Ranges::single(IfName::NONE.0);
    let real = Ranges::full().subtract(&none);
    if real.is_subset(set) || *set == none {
        return None;
    }
    let others = real.subtract(set);
    if let (None, Some(text)) = (names(set), names(&others)) {
        return Some(format!("any but {text}"));
    }
    names(set).or_else(|| IfName::pick(set).map(|name| format!("{name} and others")))
}

/// Names and beginnings of names that are exactly this set; none when it is no such set.
fn names(set: &Ranges<u128>) -> Option<String> {
    let all = set.intervals();
    if all.len() > MOST {
        return None;
    }
    let each = all.iter().map(|&(lo, hi)| {
        let name = IfName(lo).to_string();
        if lo == hi {
            return IfName::new(&name)
                .filter(|known| known.0 == lo)
                .map(|_| name);
        }
        let all = IfName::starting_with(&name)?;
        (all == Ranges::span(lo, hi)).then(|| format!("{name}+"))
    });
    let each: Option<Vec<String>> = each.collect();
    Some(each?.join(", "))
}

/// One line: `10.0.0.0/24 → any, tcp 2379-2380, state new`.
impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.as_deref().unwrap_or("any protocol");
        write!(f, "{} → {}, {protocol}", self.source, self.destination)?;
        for (before, text) in [
            (" ", &self.destination_ports),
            (" type ", &self.icmp_types),
            (" code ", &self.icmp_codes),
            (" from port ", &self.source_ports),
            (", flags ", &self.flags),
            (", state ", &self.state),
            (", ", &self.fragment),
            (", in ", &self.in_interface),
            (", out ", &self.out_interface),
        ] {
            if let Some(text) = text {
                write!(f, "{before}{text}")?;
            }
        }
        for other in &self.others {
            write!(f, ", {other}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Bits;

    #[test]
    fn in_words() {
        let any = || Cube::any(Family::V4);
        let tcp = || Cube {
            destination_port: Ranges::span(1, 1024),
            fragment: Bits(1),
            ..any().with_protocol(Protocol::TCP)
        };
        let syn = ByteSet::of(|flags| flags & 0x17 == 0x02);
        let eth = |name: &str| IfName::starting_with(name).unwrap_or_else(Ranges::full);
        let lo = IfName::loopback();
        for (cube, wanted) in [
            (any(), "any → any, any protocol"),
            (tcp(), "any → any, tcp 1-1024"),
            (
                Cube {
                    flags: syn,
                    ..tcp()
                },
                "any → any, tcp 1-1024, flags S/FSRA",
            ),
            (
                Cube {
                    flags: syn.complement(),
                    ..tcp()
                },
                "any → any, tcp 1-1024, flags not S/FSRA",
            ),
            (
                any().with_states(&[CtState::New, CtState::Established]),
                "any → any, any protocol, state new, established (original)",
            ),
            (
                any().with_states(&[CtState::RelatedReply, CtState::Invalid]),
                "any → any, any protocol, state related (reply), invalid",
            ),
            (
                Cube {
                    in_interface: eth("eth"),
                    ..any()
                },
                "any → any, any protocol, in eth+",
            ),
            (
                Cube {
                    in_interface: Ranges::full().subtract(&lo),
                    ..any()
                },
                "any → any, any protocol, in any but lo",
            ),
            (
                Cube {
                    fragment: Bits(2),
                    ..any()
                },
                "any → any, any protocol, later fragments",
            ),
            (
                Cube {
                    source_port: Ranges::single(8),
                    destination_port: Ranges::span(0, 255),
                    ..any().with_protocol(Protocol::ICMP)
                },
                "any → any, icmp type 8",
            ),
        ] {
            assert_eq!(cube.parts(Family::V4).to_string(), wanted);
        }
    }
}
