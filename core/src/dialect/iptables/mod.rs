//! `iptables-save` and `ip6tables-save`, of both backends, and `iptables -S`.

mod addrtype;
pub(in crate::dialect) mod assemble;
mod base;
mod conntrack;
mod header;
mod hooks;
pub(in crate::dialect) mod icmp;
mod link;
mod lower;
mod mark;
mod matches;
mod nat;
mod parse;
mod rpfilter;
mod section;
mod sets;
mod shell;
mod support;
mod tables;
mod target;
mod transport;
mod values;

pub use support::{MATCHES, MatchSupport, Support, TARGETS, TargetSupport};

pub(in crate::dialect) use values::{integer, mac};

use super::{Context, Notes};
use crate::firewall::Firewall;
use crate::net::Family;
use crate::source::SourceId;

/// Which of the two implementations wrote an export; they differ in corners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Backend {
    /// `iptables-legacy`; also taken where the export does not say.
    Legacy,
    /// `iptables-nft`.
    Nft,
}

/// What an export says of itself.
#[derive(Debug, Clone, Copy)]
struct Header<'a> {
    family: Family,
    backend: Backend,
    /// Version of iptables, empty where it does not say.
    version: &'a str,
}

/// How much a text looks like one of these.
pub(super) fn detect(text: &str) -> u8 {
    let mut score = 0;
    for line in text
        .lines()
        .map(|l| l.trim().trim_start_matches('\u{feff}'))
        .take(200)
    {
        if section::generated_by(line).is_some() {
            return 100;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if shell::is_listing(line) {
            return 60;
        }
        let first = line.split_ascii_whitespace().next().unwrap_or("");
        score = match first {
            "*filter" | "*nat" | "*mangle" | "*raw" | "*security" => return 95,
            "-P" | "-A" | "-N" => {
                let chain = line.split_ascii_whitespace().nth(1).unwrap_or("");
                let builtin = tables::BUILTIN.contains(&chain);
                score.max(if builtin { 70 } else { 30 })
            }
            _ => score,
        };
        if score >= 70 {
            break;
        }
    }
    score
}

/// Reads all exports of this kind.
pub(super) fn read(
    context: &Context<'_>,
    texts: &[SourceId],
    firewall: &mut Firewall,
    notes: &mut Notes,
) {
    let mut sections = Vec::new();
    for &id in texts {
        section::split(context.sources, id, &mut sections, notes);
    }
    let traits = section::traits(&sections);
    for name in traits.changing_sets.keys() {
        if let Some(object) = firewall.objects.get_mut(name) {
            object.used_by_others = true;
        }
    }
    let told = texts
        .iter()
        .filter_map(|&id| section::told_of_legacy(context.sources, id));
    firewall.remarks.extend(told);
    firewall.remarks.extend(section::backends(&sections));
    let mut lowering = lower::Lowering::new(context, firewall, notes, traits);
    let mut tables = tables::Tables::default();
    for section in &sections {
        tables.read(section, &mut lowering);
    }
}
