//! `-m set`: membership in an ipset.

use super::lower::{Lowering, Work, literal};
use super::matches::no_such_option;
use super::parse::{Fault, Module, Opt, Word};
use crate::diagnostic::{Diagnostic, input};
use crate::dialect::ipset::{Direction, Membership, Question};
use crate::net::Family;
use crate::packet::Cube;
use crate::source::Span;

/// Most cubes whose complement is worked out; beyond, a negated match is unknown.
const MOST_NEGATED: usize = 256;

/// Narrows a rule by `-m set`.
pub(super) fn lower(
    all: &mut Lowering<'_>,
    module: &Module<'_>,
    work: &mut Work<'_>,
) -> Result<(), Fault> {
    let mut question: Option<(&Opt<'_>, &Word<'_>, Vec<Direction>)> = None;
    let mut nomatch = false;
    let mut counted = false;
    for option in &module.options {
        match option.name.text.as_ref() {
            "--match-set" | "--set" => question = Some(named(option)?),
            "--return-nomatch" => nomatch = true,
            "--update-counters" | "--update-subcounters" => {}
            name if name.starts_with("--packets-") || name.starts_with("--bytes-") => {
                counted = true;
            }
            _ => return Err(no_such_option(module, option)),
        }
    }
    let Some((option, name, directions)) = question else {
        return Err(Fault::at(
            &module.name,
            "match `set` needs `--match-set NAME FLAGS`",
        ));
    };
    all.firewall.uses(&name.text, work.line);
    let family = work.family();
    // What counters or other rules decide may differ from one rule to the next.
    let varies = counted || all.traits.changing_sets.contains_key(name.text.as_ref());
    let mut key = format!("{family:?} {} {directions:?} {nomatch}", name.text);
    if varies {
        key.push_str(&format!(" at {:?}", work.line));
    }
    if !all.set_matches.contains_key(&key) {
        let both = members(all, name, &directions, (nomatch, counted), &key, work);
        all.set_matches.insert(key.clone(), both);
    }
    let cubes = all
        .set_matches
        .get(&key)
        .map(|(inside, outside)| {
            if option.negated {
                outside.clone()
            } else {
                inside.clone()
            }
        })
        .unwrap_or_default();
    if varies {
        all.set_matches.remove(&key);
    }
    if !work.any_of(&cubes) {
        let why = format!("the match on set `{}` becomes too many parts", name.text);
        let predicate = all.predicate(format!("large {key}"), work.line, || why);
        work.assume(predicate, !option.negated);
    }
    Ok(())
}

fn named<'a, 'o>(
    option: &'o Opt<'a>,
) -> Result<(&'o Opt<'a>, &'o Word<'a>, Vec<Direction>), Fault> {
    let [name, flags] = option.values.as_slice() else {
        return Err(Fault::at(
            &option.name,
            "expected a set's name and flags such as `src,dst` behind `--match-set`",
        ));
    };
    let directions = flags
        .text
        .split(',')
        .map(|flag| match flag {
            "src" => Ok(Direction::Source),
            "dst" => Ok(Direction::Destination),
            _ => Err(Fault::at(
                flags,
                format!("expected `src` or `dst`, found `{flag}`"),
            )),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok((option, name, directions))
}

/// The packets inside and outside a set.
fn members(
    all: &mut Lowering<'_>,
    name: &Word<'_>,
    directions: &[Direction],
    (nomatch, counted): (bool, bool),
    key: &str,
    work: &Work<'_>,
) -> (Vec<Cube>, Vec<Cube>) {
    let family = work.family();
    let question = Question {
        name: &name.text,
        directions,
        nomatch,
        counted,
        family,
        changes: &all.traits.changing_sets,
    };
    let membership = all.sets().membership(&question);
    match membership {
        Membership::Missing => {
            all.notes.push(
                Diagnostic::new(
                    &input::DANGLING,
                    format!("set `{}` is not in the exports", name.text),
                )
                .at(Span::new(work.source, name.start, name.end))
                .help("give the output of `ipset save` along with the rules"),
            );
            let why = format!("set `{}` is not in the exports", name.text);
            whole(all, key, why, family, work)
        }
        Membership::Unknown(why) => whole(all, key, why, family, work),
        Membership::Known { certain, open } => {
            let mut inside = certain.clone();
            let mut outside = if certain.len() + open.len() <= MOST_NEGATED {
                remove(vec![Cube::any(family)], &certain)
            } else {
                None
            };
            if !open.is_empty() {
                let why = why_open(all, &name.text, counted);
                let predicate = all.predicate(format!("open {key}"), work.line, || why);
                let holds = literal(family, predicate, true);
                let fails = literal(family, predicate, false);
                inside.extend(open.iter().filter_map(|cube| cube.intersect(&holds)));
                outside = outside.and_then(|outside| {
                    let mut both = remove(outside.clone(), &open)?;
                    for cube in &outside {
                        let without = open
                            .iter()
                            .filter_map(|o| cube.intersect(o)?.intersect(&fails));
                        both.extend(without);
                    }
                    (both.len() <= MOST_NEGATED * 4).then_some(both)
                });
            }
            let outside = outside.unwrap_or_else(|| {
                let why = format!("the complement of set `{}` is too large", name.text);
                let predicate = all.predicate(format!("outside {key}"), work.line, || why);
                vec![literal(family, predicate, false)]
            });
            (inside, outside)
        }
    }
}

fn why_open(all: &Lowering<'_>, name: &str, counted: bool) -> String {
    if counted {
        return format!("counters of set `{name}` depend on earlier packets");
    }
    if all.traits.changing_sets.contains_key(name) {
        return format!("rules add to or delete from set `{name}`");
    }
    format!("elements of set `{name}` expire or have open conditions")
}

/// One predicate for the whole set.
fn whole(
    all: &mut Lowering<'_>,
    key: &str,
    why: String,
    family: Family,
    work: &Work<'_>,
) -> (Vec<Cube>, Vec<Cube>) {
    let predicate = all.predicate(format!("set {key}"), work.line, || why);
    (
        vec![literal(family, predicate, true)],
        vec![literal(family, predicate, false)],
    )
}

/// What is left of cubes without others; none when that takes too many.
fn remove(mut from: Vec<Cube>, others: &[Cube]) -> Option<Vec<Cube>> {
    for other in others {
        let mut left = Vec::with_capacity(from.len() + 4);
        for cube in &from {
            cube.subtract(other, &mut left);
        }
        if left.len() > MOST_NEGATED * 4 {
            return None;
        }
        from = left;
    }
    Some(from)
}
