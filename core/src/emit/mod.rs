//! Rules in a firewall's own language: one file per target.

mod firewalld;
mod iptables;
mod nft;
mod ufw;

use crate::firewall::Chain;
use crate::net::{Family, Protocol};
use crate::packet::{CtState, Cube, Ranges, show};

/// More lines than this are not written: a set serves better.
const MOST: usize = 16;

/// Lines that permit exactly the packets of a cube where a chain stands, in the language of the
/// dialect that the chain was read from: rules for `iptables-save` and nftables, commands for
/// firewalld and ufw. None when the cube needs more lines than a person wants to read, or says
/// something that these lines cannot: then nothing is written rather than something else. None,
/// too, for dialects without a language to write in.
#[must_use]
pub fn permit(
    dialect: &str,
    chain: &Chain,
    family: Family,
    cube: &Cube,
    comment: &str,
) -> Option<Vec<String>> {
    match dialect {
        "iptables-save" => iptables::permit(family, &chain.name, cube, comment),
        "nft-list" | "nft-json" => nft::permit(family, cube, comment).map(|line| vec![line]),
        "firewalld" => firewalld::permit(family, &chain.name, cube),
        "ufw" => ufw::permit(family, chain, cube, comment),
        _ => None,
    }
}

/// The one protocol of a cube.
fn only_protocol(cube: &Cube) -> Option<Protocol> {
    let mut all = cube.protocol.iter().map(Protocol);
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// The one state of a cube.
fn only_state(cube: &Cube) -> Option<CtState> {
    let mut all = CtState::ALL
        .into_iter()
        .filter(|&state| cube.state.contains(state as u8));
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// The prefixes of a set of addresses; an empty list for all of them. None when there are more
/// than `most`.
fn prefixes(set: &Ranges<u128>, family: Family, most: usize) -> Option<Vec<String>> {
    let all = show::prefixes(set, family);
    if all.len() == 1 && all.iter().all(|prefix| prefix.prefix_len() == 0) {
        return Some(Vec::new());
    }
    (all.len() <= most).then(|| all.iter().map(ToString::to_string).collect())
}

/// `443` or `8000SEPARATOR8080` for each interval of ports.
fn ports(cube: &Cube, separator: char) -> Vec<String> {
    let each = cube.destination_port.intervals().iter();
    let text = each.map(|(lo, hi)| match lo == hi {
        true => lo.to_string(),
        false => format!("{lo}{separator}{hi}"),
    });
    text.take(MOST + 1).collect()
}

/// ICMP type and code of a cube, when there is one of each.
fn icmp_kind(cube: &Cube) -> Option<(u16, u16)> {
    match (
        cube.source_port.intervals(),
        cube.destination_port.intervals(),
    ) {
        ([(kind, last)], [(code, last_code)]) if kind == last && code == last_code => {
            Some((*kind, *code))
        }
        _ => None,
    }
}
