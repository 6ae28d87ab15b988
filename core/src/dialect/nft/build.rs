//! Commands carried out on a ruleset, the same for both notations.

use super::super::Notes;
use super::resolve;
use super::syntax::{
    Aside, Chain, Element, Family, Flowtable, Object, ObjectKind, Place, Rule, Ruleset, Set, Table,
    Unreadable,
};
use crate::diagnostic::{Diagnostic, input};
use rustc_hash::FxHashMap;

/// Most elements of all sets of one text together.
const MOST_ELEMENTS: usize = 2_000_000;

/// A table by its family and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    pub family: Family,
    pub name: Box<str>,
    pub place: Place,
}

/// Where a rule goes in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    /// Behind all others.
    Last,
    /// Before all others.
    First,
    /// Behind the rule with this handle.
    AfterHandle(u64),
    /// Before the rule with this handle.
    BeforeHandle(u64),
    /// Behind the rule at this index.
    AfterIndex(u64),
    /// Before the rule at this index.
    BeforeIndex(u64),
    /// In place of the rule with this handle.
    Instead(u64),
}

/// A table with the positions of its chains and sets.
#[derive(Debug)]
struct Slot {
    table: Table,
    chains: FxHashMap<Box<str>, usize>,
    sets: FxHashMap<Box<str>, usize>,
}

/// A ruleset in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    slots: Vec<Slot>,
    unreadable: Vec<Unreadable>,
    notes: Notes,
    elements: usize,
}

impl Builder {
    /// The ruleset, and what is to be said about its text.
    pub(super) fn finish(self) -> (Ruleset, Vec<Diagnostic>) {
        let ruleset = Ruleset {
            tables: self.slots.into_iter().map(|slot| slot.table).collect(),
            unreadable: self.unreadable,
        };
        (ruleset, self.notes.finish())
    }

    /// Says something.
    pub(super) fn note(&mut self, diagnostic: Diagnostic) {
        self.notes.push(diagnostic);
    }

    /// Counts elements; false when there are too many.
    pub(super) fn charge(&mut self, elements: usize) -> bool {
        self.elements = self.elements.saturating_add(elements);
        self.elements <= MOST_ELEMENTS
    }

    /// Something outside of all tables was not understood.
    pub(super) fn unreadable(&mut self, unreadable: Unreadable) {
        self.unreadable.push(unreadable);
    }

    /// Says that a command has nothing to work on.
    fn dangling(&mut self, place: Place, what: &str, name: &str) {
        let diagnostic = Diagnostic::new(
            &input::DANGLING,
            format!("there is no {what} `{name}` at this place of the text"),
        );
        self.note(diagnostic.at(place.0).help(
            "the command is skipped; give the whole ruleset, such as `nft list ruleset` shows it",
        ));
    }

    fn position(&self, name: &TableName) -> Option<usize> {
        self.slots
            .iter()
            .position(|slot| slot.table.family == name.family && slot.table.name == name.name)
    }

    /// The table, made if it is not there yet.
    fn slot(&mut self, name: &TableName) -> Option<&mut Slot> {
        if let Some(at) = self.position(name) {
            return self.slots.get_mut(at);
        }
        self.slots.push(Slot {
            table: Table {
                family: name.family,
                name: name.name.clone(),
                dormant: false,
                owner: false,
                persist: false,
                comment: Aside(None),
                handle: Aside(None),
                chains: Vec::new(),
                sets: Vec::new(),
                objects: Vec::new(),
                flowtables: Vec::new(),
                unreadable: Vec::new(),
                place: name.place,
            },
            chains: FxHashMap::default(),
            sets: FxHashMap::default(),
        });
        self.slots.last_mut()
    }

    /// Makes a table if it is not there yet, and changes what is its own.
    pub(super) fn table(&mut self, name: &TableName, change: impl FnOnce(&mut Table)) {
        if let Some(slot) = self.slot(name) {
            change(&mut slot.table);
        }
    }

    /// Makes a chain, or adds to it what is new.
    pub(super) fn chain(&mut self, table: &TableName, mut chain: Chain) {
        for rule in &mut chain.rules {
            resolve::rule(rule, table.family);
        }
        let Some(slot) = self.slot(table) else { return };
        let known = slot.chains.get(&chain.name).copied();
        let Some(known) = known.and_then(|at| slot.table.chains.get_mut(at)) else {
            slot.chains
                .insert(chain.name.clone(), slot.table.chains.len());
            slot.table.chains.push(chain);
            return;
        };
        known.base = chain.base.or(known.base.take());
        known.offload |= chain.offload;
        known.comment = Aside(chain.comment.0.or(known.comment.0.take()));
        known.handle = Aside(chain.handle.0.or(known.handle.0));
        known.rules.append(&mut chain.rules);
        known.unreadable.append(&mut chain.unreadable);
    }

    fn find_chain(&mut self, table: &TableName, chain: &str) -> Option<&mut Chain> {
        let at = self.position(table)?;
        let slot = self.slots.get_mut(at)?;
        let at = *slot.chains.get(chain)?;
        slot.table.chains.get_mut(at)
    }

    /// Puts a rule into a chain that is there.
    pub(super) fn rule(&mut self, table: &TableName, chain: &str, mut rule: Rule, spot: Spot) {
        resolve::rule(&mut rule, table.family);
        let place = rule.place;
        let Some(chain) = self.find_chain(table, chain) else {
            self.dangling(place, "chain", chain);
            self.lost(place, "a rule of a chain that is not here");
            return;
        };
        let rules = &mut chain.rules;
        let by_handle = |handle: u64| rules.iter().position(|r| r.handle.0 == Some(handle));
        let by_index = |index: u64| usize::try_from(index).ok().filter(|&at| at < rules.len());
        let at = match spot {
            Spot::Last => Some(rules.len()),
            Spot::First => Some(0),
            Spot::AfterHandle(handle) => by_handle(handle).map(|at| at + 1),
            Spot::BeforeHandle(handle) | Spot::Instead(handle) => by_handle(handle),
            Spot::AfterIndex(index) => by_index(index).map(|at| at + 1),
            Spot::BeforeIndex(index) => by_index(index),
        };
        match at {
            Some(at) if matches!(spot, Spot::Instead(_)) => {
                if let Some(old) = rules.get_mut(at) {
                    *old = rule;
                }
            }
            Some(at) => rules.insert(at, rule),
            None => {
                self.dangling(place, "rule", "at that position");
                self.lost(place, "a rule whose position is not known");
            }
        }
    }

    fn lost(&mut self, place: Place, message: &str) {
        self.unreadable(Unreadable {
            message: Aside(message.into()),
            place,
        });
    }

    /// Makes a set, or adds its elements to the one of that name.
    pub(super) fn set(&mut self, table: &TableName, mut set: Set) {
        resolve::set(&mut set, table.family);
        let mut elements = std::mem::take(&mut set.elements);
        let Some(slot) = self.slot(table) else { return };
        let at = slot.sets.get(&set.name).copied();
        if at.is_none_or(|at| at >= slot.table.sets.len()) {
            slot.sets.insert(set.name.clone(), slot.table.sets.len());
            let name = set.name.clone();
            slot.table.sets.push(set);
            self.elements(table, &name, elements);
            return;
        }
        let name = set.name.clone();
        if let Some(known) = at.and_then(|at| slot.table.sets.get_mut(at)) {
            known.unreadable.append(&mut set.unreadable);
        }
        elements.shrink_to_fit();
        self.elements(table, &name, elements);
    }

    fn find_set(&mut self, table: &TableName, set: &str) -> Option<&mut Set> {
        let at = self.position(table)?;
        let slot = self.slots.get_mut(at)?;
        let at = *slot.sets.get(set)?;
        slot.table.sets.get_mut(at)
    }

    fn elements(&mut self, table: &TableName, name: &str, mut elements: Vec<Element>) -> bool {
        let Some(set) = self.find_set(table, name) else {
            return false;
        };
        resolved(set, &mut elements, table.family);
        if set.elements.is_empty() {
            set.elements = elements;
        } else {
            set.elements.append(&mut elements);
        }
        true
    }

    /// Adds elements to a set that is there.
    pub(super) fn add_elements(
        &mut self,
        table: &TableName,
        set: &str,
        elements: Vec<Element>,
        place: Place,
    ) {
        if !self.elements(table, set, elements) {
            self.dangling(place, "set", set);
            self.lost(place, "elements of a set that is not here");
        }
    }

    /// Takes elements out of a set.
    pub(super) fn delete_elements(
        &mut self,
        table: &TableName,
        name: &str,
        mut gone: Vec<Element>,
        place: Place,
    ) {
        let Some(set) = self.find_set(table, name) else {
            self.dangling(place, "set", name);
            return;
        };
        resolved(set, &mut gone, table.family);
        // Each deletion looks at all elements, so hostile texts must not have many of both.
        if set.elements.len().saturating_mul(gone.len()) > MOST_ELEMENTS.saturating_mul(16) {
            set.unreadable.push(Unreadable {
                message: Aside("too many elements are deleted again".into()),
                place,
            });
            return;
        }
        for element in &gone {
            match set.elements.iter().position(|e| e.key == element.key) {
                Some(at) => {
                    set.elements.remove(at);
                }
                // A part of an interval may be taken out of it.
                None => set.unreadable.push(Unreadable {
                    message: Aside("an element is deleted that is not in the set as such".into()),
                    place: element.place,
                }),
            }
        }
    }

    /// Makes an object.
    pub(super) fn object(&mut self, table: &TableName, mut object: Object) {
        resolve::object(&mut object.body);
        if let Some(slot) = self.slot(table) {
            let same = |o: &Object| o.name == object.name && o.body.kind() == object.body.kind();
            slot.table.objects.retain(|o| !same(o));
            slot.table.objects.push(object);
        }
    }

    /// Makes a flowtable, or adds devices to it.
    pub(super) fn flowtable(&mut self, table: &TableName, flowtable: Flowtable) {
        let Some(slot) = self.slot(table) else { return };
        let tables = &mut slot.table.flowtables;
        match tables.iter_mut().find(|f| f.name == flowtable.name) {
            Some(known) => known.devices.extend(flowtable.devices),
            None => tables.push(flowtable),
        }
    }

    /// `flush ruleset`, of one family or of all.
    pub(super) fn flush_ruleset(&mut self, family: Option<Family>) {
        self.slots
            .retain(|slot| family.is_some_and(|family| slot.table.family != family));
    }

    /// `flush table`: its rules go, chains stay.
    pub(super) fn flush_table(&mut self, table: &TableName) {
        match self.position(table).and_then(|at| self.slots.get_mut(at)) {
            Some(slot) => {
                for chain in &mut slot.table.chains {
                    chain.rules.clear();
                }
            }
            None => self.dangling(table.place, "table", &table.name),
        }
    }

    /// `flush chain`.
    pub(super) fn flush_chain(&mut self, table: &TableName, chain: &str, place: Place) {
        match self.find_chain(table, chain) {
            Some(chain) => chain.rules.clear(),
            None => self.dangling(place, "chain", chain),
        }
    }

    /// `flush set` and `flush map`.
    pub(super) fn flush_set(&mut self, table: &TableName, set: &str, place: Place) {
        match self.find_set(table, set) {
            Some(set) => set.elements.clear(),
            None => self.dangling(place, "set", set),
        }
    }

    /// `delete table`; `destroy` does not mind when there is none.
    pub(super) fn delete_table(&mut self, table: &TableName, destroy: bool) {
        match self.position(table) {
            Some(at) => {
                self.slots.remove(at);
            }
            None if destroy => {}
            None => self.dangling(table.place, "table", &table.name),
        }
    }

    /// `delete rule … handle N`.
    pub(super) fn delete_rule(
        &mut self,
        table: &TableName,
        chain: &str,
        handle: u64,
        place: Place,
    ) {
        let found = self.find_chain(table, chain).and_then(|chain| {
            let at = chain.rules.iter().position(|r| r.handle.0 == Some(handle));
            at.map(|at| chain.rules.remove(at))
        });
        if found.is_none() {
            self.dangling(place, "rule with handle", &handle.to_string());
        }
    }

    /// `delete chain`, `delete set`, …
    pub(super) fn delete(
        &mut self,
        table: &TableName,
        what: Named,
        name: &str,
        (place, destroy): (Place, bool),
    ) {
        let found = self
            .position(table)
            .and_then(|at| self.slots.get_mut(at))
            .is_some_and(|slot| slot.delete(what, name));
        if !found && !destroy {
            self.dangling(place, what.title(), name);
        }
    }

    /// `rename chain`.
    pub(super) fn rename_chain(&mut self, table: &TableName, from: &str, to: &str, place: Place) {
        match self.find_chain(table, from) {
            Some(chain) => {
                chain.name = to.into();
                if let Some(slot) = self.position(table).and_then(|at| self.slots.get_mut(at)) {
                    slot.reindex();
                }
            }
            None => self.dangling(place, "chain", from),
        }
    }
}

/// Parts of a table that commands delete by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Chain,
    Set,
    Flowtable,
    Object(ObjectKind),
}

impl Named {
    fn title(self) -> &'static str {
        match self {
            Named::Chain => "chain",
            Named::Set => "set",
            Named::Flowtable => "flowtable",
            Named::Object(_) => "object",
        }
    }
}

impl Slot {
    /// Removes something; false if it is not there.
    fn delete(&mut self, what: Named, name: &str) -> bool {
        let table = &mut self.table;
        let count = |table: &Table| {
            table.chains.len() + table.sets.len() + table.flowtables.len() + table.objects.len()
        };
        let before = count(table);
        match what {
            Named::Chain => table.chains.retain(|chain| &*chain.name != name),
            Named::Set => table.sets.retain(|set| &*set.name != name),
            Named::Flowtable => table
                .flowtables
                .retain(|flowtable| &*flowtable.name != name),
            Named::Object(kind) => table
                .objects
                .retain(|object| object.body.kind() != kind || &*object.name != name),
        }
        let found = count(&self.table) < before;
        self.reindex();
        found
    }

    fn reindex(&mut self) {
        let chains = self.table.chains.iter().enumerate();
        self.chains = chains.map(|(at, c)| (c.name.clone(), at)).collect();
        let sets = self.table.sets.iter().enumerate();
        self.sets = sets.map(|(at, s)| (s.name.clone(), at)).collect();
    }
}

/// Resolves elements by the types of their set.
fn resolved(set: &Set, elements: &mut [Element], family: Family) {
    let keys: Vec<&str> = set.key.iter().map(|kind| &**kind).collect();
    let data = resolve::data_types(set);
    for element in elements {
        resolve::element(element, &keys, &data, family);
    }
}
