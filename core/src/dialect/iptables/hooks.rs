//! From which hooks packets come to a chain.

use crate::firewall::Hook;
use rustc_hash::FxHashMap;

/// A set of hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hooks(u8);

impl Hooks {
    /// One hook.
    pub(super) fn single(hook: Hook) -> Self {
        Self(1 << hook as u8)
    }

    /// Whether this one is in it.
    pub(super) fn contains(self, hook: Hook) -> bool {
        self.0 & Self::single(hook).0 != 0
    }

    /// Whether no other ones are in it.
    pub(super) fn only(self, hooks: &[Hook]) -> bool {
        let all = hooks.iter().fold(0, |all, &h| all | Self::single(h).0);
        self.0 & !all == 0
    }
}

/// The hooks of every chain of a table, given those of the built-in ones and the rule lines.
pub(super) fn reach<'a>(
    builtin: impl Iterator<Item = (&'a str, Hook)>,
    lines: impl Iterator<Item = &'a str>,
) -> FxHashMap<&'a str, Hooks> {
    let mut known: FxHashMap<&str, Hooks> = FxHashMap::default();
    let mut open: Vec<(&str, Hooks)> = builtin
        .map(|(name, hook)| (name, Hooks::single(hook)))
        .collect();
    let mut jumps: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
    for line in lines {
        let mut words = line.split_ascii_whitespace();
        let chain = words.find(|word| matches!(*word, "-A" | "--append" | "-I" | "--insert"));
        let Some(chain) = chain.and_then(|_| words.next()) else {
            continue;
        };
        // Text in quotes may look like a jump too: more hooks than there are do no harm.
        while let Some(word) = words.next() {
            if matches!(word, "-j" | "-g" | "--jump" | "--goto")
                && let Some(to) = words.next()
            {
                jumps.entry(chain).or_default().push(to);
            }
        }
    }
    while let Some((chain, hooks)) = open.pop() {
        let own = known.entry(chain).or_default();
        if own.0 | hooks.0 == own.0 {
            continue;
        }
        own.0 |= hooks.0;
        let hooks = *own;
        for to in jumps.get(chain).into_iter().flatten() {
            open.push((to, hooks));
        }
    }
    known
}
