//! What each match says about packets.

use super::lower::{Lowering, Work};
use super::parse::{Fault, Module, Opt};
use super::{
    addrtype, conntrack, header, icmp, link, mark, rpfilter, sets, support, transport, values,
};
use crate::diagnostic::{Diagnostic, input};
use crate::net::Protocol;
use crate::packet::{Cube, Literals, Ranges};
use crate::source::Span;

/// Narrows a rule by one match.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let name = module.name.text.as_ref();
    if link::is_v6_only(name, work.family()) {
        return Err(Fault::at(
            &module.name,
            format!("match `{name}` is for IPv6 only"),
        ));
    }
    match name {
        "comment" => {
            if let Some(text) = module.options.first().and_then(|o| o.values.first()) {
                // Calico writes two: its hash, and what the rule is for.
                let before = work.comment.take().map(|before| before + " ");
                work.comment = Some(before.unwrap_or_default() + &text.text);
            }
        }
        "tcp" | "udp" | "udplite" | "sctp" | "dccp" => transport::lower(all, module, work)?,
        "multiport" => transport::multiport(module, work)?,
        "icmp" | "icmp6" | "icmpv6" => icmp::lower(module, work)?,
        "iprange" => iprange(module, work)?,
        "mark" | "connmark" => mark::lower(all, module, work)?,
        "conntrack" => conntrack::conntrack(all, module, work)?,
        "state" => conntrack::state(all, module, work)?,
        "addrtype" => addrtype::lower(all, module, work)?,
        "rpfilter" => rpfilter::lower(all, module, work)?,
        "set" => sets::lower(all, module, work)?,
        "ttl" | "hl" => header::ttl(all, module, work)?,
        "tos" | "dscp" | "ecn" => header::service(all, module, work)?,
        "length" => header::length(module, work)?,
        "frag" | "hbh" | "dst" | "rt" | "ah" => header::extension(all, module, work)?,
        "ipv6header" => header::ipv6header(module, work)?,
        "esp" => header::transport(all, module, Protocol(50), work)?,
        "mh" => header::transport(all, module, Protocol(135), work)?,
        "ipcomp" => header::transport(all, module, Protocol(108), work)?,
        "mac" => link::mac(module, work)?,
        "pkttype" => link::pkttype(all, module, work)?,
        "owner" => link::owner(all, module, work)?,
        "policy" => link::policy(all, module, work)?,
        "recent" => link::recent(all, module, work),
        "statistic" => link::statistic(all, module, work),
        "physdev" => link::physdev(all, module, work),
        _ => unmodelled(all, module, work),
    }
    Ok(())
}

/// A match whose truth the model cannot tell: one predicate for each distinct text where the
/// packet determines it, one for each occurrence where it does not.
pub(super) fn unmodelled(all: &mut Lowering<'_>, module: &Module<'_>, work: &mut Work<'_>) {
    let name = module.name.text.as_ref();
    let row = support::of_match(name);
    if row.is_none() {
        all.notes.push(
            Diagnostic::new(&input::NOT_MODELLED, format!("match `{name}` is not known"))
                .at(Span::new(work.source, module.name.start, module.name.end))
                .help("answers that depend on this rule are unknown"),
        );
    }
    let why = match row {
        Some(row) => format!("match `{name}` is not modelled: {}", row.note),
        None => format!("match `{name}` is not known"),
    };
    let rewrites = all.traits.rewrites;
    let rewritten = match name {
        "u32" | "bpf" => rewrites.tos || rewrites.ttl || rewrites.content || rewrites.addresses,
        "string" | "tcpmss" => rewrites.content,
        _ => false,
    };
    let lasting = row.is_some_and(|row| row.stable) && !rewritten;
    if lasting {
        let (text, holds) = text_of(module);
        let predicate = all.predicate(text, work.line, || why);
        work.assume(predicate, holds);
    } else {
        let predicate = all.fresh(work.line, why);
        work.assume(predicate, true);
    }
}

/// A match's text, and whether it says that this text holds: a single negated option is the
/// negation of the same option without `!`.
pub(super) fn text_of(module: &Module<'_>) -> (String, bool) {
    let mut text = module.name.text.to_string();
    let single = module.options.len() == 1;
    for option in &module.options {
        if option.negated && !single {
            text.push_str(" !");
        }
        push_option(&mut text, option);
    }
    let negated = single && module.options.first().is_some_and(|o| o.negated);
    (text, !negated)
}

/// Adds an option to a predicate's text.
pub(super) fn push_option(text: &mut String, option: &Opt<'_>) {
    text.push(' ');
    text.push_str(&option.name.text);
    for value in &option.values {
        text.push(' ');
        text.push_str(&value.text);
    }
}

/// One option that the model cannot tell, in a match that it otherwise knows.
pub(super) fn unmodelled_option(
    all: &mut Lowering<'_>,
    module: &str,
    option: &Opt<'_>,
    work: &mut Work<'_>,
) {
    let mut text = module.to_string();
    push_option(&mut text, option);
    let why = || format!("`{}` of match `{module}` is not modelled", option.name.text);
    let predicate = all.predicate(text, work.line, why);
    work.assume(predicate, !option.negated);
}

/// The packets of a cube for which a predicate holds, or does not; none when it is settled.
pub(super) fn require(cube: &Cube, predicate: u32, holds: bool) -> Option<Cube> {
    let mut other = cube.clone();
    other.unknown = Literals::single(predicate, holds);
    cube.intersect(&other)
}

/// Reports an option that the match does not have.
pub(super) fn no_such_option(module: &Module<'_>, option: &Opt<'_>) -> Fault {
    Fault::at(
        &option.name,
        format!(
            "match `{}` has no option `{}`",
            module.name.text, option.name.text
        ),
    )
}

fn iprange(module: &Module<'_>, work: &mut Work<'_>) -> Result<(), Fault> {
    let family = work.family();
    for option in &module.options {
        let value = option.value()?;
        let mut set =
            values::address_range(&value.text, family).map_err(|m| Fault::at(value, m))?;
        if option.negated {
            set = Ranges::span(0, family.max()).subtract(&set);
        }
        match option.name.text.as_ref() {
            "--src-range" => work.narrow(|cube| cube.source = cube.source.intersect(&set)),
            "--dst-range" => {
                work.narrow(|cube| cube.destination = cube.destination.intersect(&set));
            }
            _ => return Err(no_such_option(module, option)),
        }
    }
    Ok(())
}
