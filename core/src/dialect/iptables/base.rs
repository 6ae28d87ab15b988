//! Options of `iptables` itself: addresses, interfaces, protocol, fragments.

use super::Backend;
use super::lower::{Lowering, Work};
use super::parse::{Fault, Opt};
use super::{support, values};
use crate::firewall::Hook;
use crate::net::Family;
use crate::packet::{
    Bits, ByteSet, Cube, FieldSet, Fragment, IfName, Ranges, Rare, extension_headers,
};

/// Narrows a rule by one of them.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    option: &Opt<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    match support::long_name(&option.name.text) {
        "--source" => {
            let set = address_option(option, work.family())?;
            work.narrow(|cube| cube.source = cube.source.intersect(&set));
        }
        "--destination" => {
            let set = address_option(option, work.family())?;
            work.narrow(|cube| cube.destination = cube.destination.intersect(&set));
        }
        "--in-interface" => {
            let set = interface(option)?;
            work.narrow(|cube| cube.in_interface = cube.in_interface.intersect(&set));
        }
        "--out-interface" => {
            let set = interface(option)?;
            let hooks = work.table.hooks;
            if hooks.contains(Hook::Prerouting) && !set.is_full() {
                // Before routing there is no such interface, whatever it will be.
                if !hooks.only(&[Hook::Prerouting]) {
                    let why = format!(
                        "`{}` is asked before routing, where there is no such interface, and behind it",
                        option.name.text
                    );
                    let predicate = all.fresh(work.line, why);
                    work.assume(predicate, true);
                } else if !set.contains(IfName::NONE.0) {
                    work.cubes.clear();
                }
                return Ok(());
            }
            work.narrow(|cube| cube.out_interface = cube.out_interface.intersect(&set));
        }
        "--protocol" => protocol(option, work)?,
        "--fragment" => {
            let kind = if option.negated {
                Fragment::First
            } else {
                Fragment::Later
            };
            work.narrow(|cube| cube.fragment = Bits(cube.fragment.0 & 1 << kind as u8));
        }
        _ => {}
    }
    Ok(())
}

fn address_option(option: &Opt<'_>, family: Family) -> Result<Ranges<u128>, Fault> {
    let value = option.value()?;
    let several = value.text.contains(',');
    if several && option.negated {
        return Err(Fault::at(
            value,
            "`!` is not allowed with several addresses",
        ));
    }
    let mut set = Ranges::empty();
    for part in value.text.split(',') {
        let one = values::addresses(part, family).map_err(|message| Fault::at(value, message))?;
        set = set.union(&one);
    }
    Ok(if option.negated {
        Ranges::span(0, family.max()).subtract(&set)
    } else {
        set
    })
}

fn interface(option: &Opt<'_>) -> Result<Ranges<u128>, Fault> {
    let value = option.value()?;
    let names = match value.text.strip_suffix('+') {
        Some(prefix) => IfName::starting_with(prefix),
        None => IfName::new(&value.text).map(|name| Ranges::single(name.0)),
    };
    let names = names.ok_or_else(|| {
        Fault::at(
            value,
            format!(
                "expected an interface name of at most 15 bytes, found `{}`",
                value.text
            ),
        )
    })?;
    Ok(if option.negated {
        values::complement(&names)
    } else {
        names
    })
}

fn protocol(option: &Opt<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    let value = option.value()?;
    let read = values::protocol(&value.text).map_err(|message| Fault::at(value, message))?;
    let Some(protocol) = read else {
        if option.negated {
            return Err(Fault::at(value, "`!` is not allowed with every protocol"));
        }
        return Ok(());
    };
    let mut set = ByteSet::single(protocol.0);
    // The legacy backend walks IPv6 extension headers, so their own numbers never match.
    if work.family() == Family::V6
        && work.header.backend == Backend::Legacy
        && matches!(protocol.0, 43 | 44 | 51 | 60)
    {
        set = ByteSet::EMPTY;
    }
    if option.negated {
        set = set.complement();
    } else {
        work.protocol = Some(protocol);
    }
    if work.family() == Family::V6 && work.header.backend == Backend::Nft {
        within_nft(work, set);
    } else {
        work.narrow(|cube| cube.protocol = cube.protocol.and(&set));
    }
    Ok(())
}

/// Native nftables expressions do not look behind an authentication header of IPv6: whatever
/// follows it, the protocol is 51.
fn within_nft(work: &mut Work<'_>, set: ByteSet) {
    let any = Cube::any(Family::V6);
    let is_set = |wanted: bool| {
        let bit = u128::from(extension_headers::AUTHENTICATION);
        let fitting = (0..256u128).filter(|all| (all & bit != 0) == wanted);
        Ranges::of(fitting.map(|all| (all, all)))
    };
    let mut plain = any
        .clone()
        .with_rare(Rare::ExtensionHeaders, &is_set(false));
    plain.protocol = set;
    let mut alternatives = vec![plain];
    if set.contains(51) {
        alternatives.push(any.with_rare(Rare::ExtensionHeaders, &is_set(true)));
    }
    // One or two alternatives to the one cube that a rule begins with.
    let _ = work.any_of(&alternatives);
}
