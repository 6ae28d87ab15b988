//! Sets that rules change while packets pass (target `SET`).

use super::{Kind, Sets};
use std::collections::BTreeMap;

/// What rules do to a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::dialect) struct Change {
    /// They add elements.
    pub added: bool,
    /// They delete elements.
    pub deleted: bool,
}

/// What rules do to each set; the others stay as they were exported.
pub(in crate::dialect) type Changes = BTreeMap<String, Change>;

impl Sets {
    /// Adds what a change of one set means for others: what is done to a `list:set` is done to
    /// its members, and a list with a member that changes does not stay the same either.
    pub(in crate::dialect) fn spread(&self, changes: &mut Changes) {
        let lists = || self.sets.iter().filter(|(_, set)| set.kind == Kind::List);
        for (name, list) in lists() {
            let Some(&change) = changes.get(name) else {
                continue;
            };
            for (member, _) in &list.members {
                let own = changes.entry(member.clone()).or_default();
                own.added |= change.added;
                own.deleted |= change.deleted;
            }
        }
        for (name, list) in lists() {
            if list.members.iter().any(|(m, _)| changes.contains_key(m)) {
                changes.entry(name.clone()).or_default();
            }
        }
    }
}
