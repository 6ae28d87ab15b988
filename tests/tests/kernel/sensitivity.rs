//! Whether mistakes would be noticed: else this judge is blind.

use crate::ruleset::Language;
use crate::{enabled, judge, random_run};
use portwright::firewall::Action;
use portwright::net::Family;

/// Rulesets whose rules are turned round.
const SEEDS: std::ops::Range<u64> = 100_000..100_024;

/// Of a hundred wrong rules, how many must be noticed. Most of the others are rules that no packet
/// can reach: random rulesets shadow themselves.
const NOTICED_AT_LEAST: usize = 20;

/// A model that is wrong in one rule that some packet met.
#[test]
fn a_wrong_model_is_noticed() {
    if !enabled() {
        return;
    }
    let mut wrong = 0;
    let mut noticed = 0;
    for seed in SEEDS {
        let mut run = random_run(seed);
        if !run.language.is_read() {
            continue;
        }
        // Of what is wrong already, nothing can be learned; the random rulesets report it.
        if !judge(&run).1.is_empty() {
            continue;
        }
        let firewall = run.loaded.firewall.clone();
        for family in Family::ALL {
            for (id, chain) in firewall.rules(family).iter() {
                for (at, rule) in chain.rules.iter().enumerate() {
                    // Of a verdict map the kernel does not say which element a packet met.
                    let parts = chain.rules.iter().filter(|r| r.number == rule.number);
                    if parts.count() > 1 {
                        continue;
                    }
                    let step = format!("{}/{}/{}", chain.table, chain.name, rule.number);
                    let met = run.seen.iter().any(|seen| seen.steps.contains(&step));
                    let flipped = match rule.action {
                        Action::Accept => Action::Drop,
                        Action::Drop | Action::Reject(_) => Action::Accept,
                        _ => continue,
                    };
                    if !met {
                        continue;
                    }
                    let chains = &mut run.loaded.firewall.rules_mut(family).chains;
                    chains[id.0 as usize].rules[at].action = flipped;
                    wrong += 1;
                    noticed += usize::from(!judge(&run).1.is_empty());
                    let chains = &mut run.loaded.firewall.rules_mut(family).chains;
                    chains[id.0 as usize].rules[at].action = rule.action.clone();
                }
            }
        }
    }
    println!("{noticed} of {wrong} wrong models were noticed");
    assert!(wrong > 50, "{wrong}");
    assert!(noticed * 10 >= wrong * 9, "{noticed} of {wrong}");
}

/// A rule that says something else in the export than in the kernel: what the packets of a run
/// find of it measures how much they test.
#[test]
fn most_wrong_rules_are_noticed() {
    if !enabled() {
        return;
    }
    let mut wrong = 0;
    let mut noticed = 0;
    for seed in SEEDS {
        let mut run = random_run(seed);
        if !run.language.is_read() {
            continue;
        }
        for (export, line) in rule_lines(&run.exports) {
            let text = &run.exports[export].text;
            let Some(changed) = mutate(run.language, text, line) else {
                continue;
            };
            let right = std::mem::replace(&mut run.exports[export].text, changed);
            wrong += 1;
            noticed += usize::from(disagrees(&mut run));
            run.exports[export].text = right;
        }
    }
    println!("{noticed} of {wrong} wrong rules were noticed");
    assert!(wrong > 200, "{wrong}");
    assert!(
        noticed * 100 >= wrong * NOTICED_AT_LEAST,
        "{noticed} of {wrong}"
    );
}

/// Rules of the filter, by export and line.
fn rule_lines(exports: &[portwright_cli::kernel::Export]) -> Vec<(usize, usize)> {
    let mut lines = Vec::new();
    for (export, one) in exports.iter().enumerate() {
        let verdicts = ["-j ACCEPT", "-j DROP", " accept", " drop"];
        for (line, text) in one.text.lines().enumerate() {
            if verdicts.iter().any(|verdict| text.ends_with(verdict)) {
                lines.push((export, line));
            }
        }
    }
    lines
}

/// The export with the other verdict in one line.
fn mutate(language: Language, text: &str, line: usize) -> Option<String> {
    let swaps = match language {
        Language::Nft => [(" accept", " drop"), (" drop", " accept")],
        _ => [("-j ACCEPT", "-j DROP"), ("-j DROP", "-j ACCEPT")],
    };
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    let changed = swaps.iter().find_map(|(from, to)| {
        let rest = lines[line].strip_suffix(from)?;
        Some(format!("{rest}{to}"))
    })?;
    lines[line] = changed;
    Some(lines.join("\n") + "\n")
}

/// Whether any packet shows that the exports are not what the kernel has.
fn disagrees(run: &mut crate::Run) -> bool {
    let read = portwright_cli::kernel::in_namespace(|| {
        portwright_cli::kernel::Rig::new(&crate::HOST)?;
        crate::ruleset::read(&run.exports)
    });
    match read {
        Ok(loaded) => {
            run.loaded = loaded;
            !judge(run).1.is_empty()
        }
        Err(fault) => panic!("{fault}"),
    }
}
