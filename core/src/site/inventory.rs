//! Groups and hosts as Ansible knows them, whatever the form of the file.

use super::merge::Builder;
use super::tree::Node;
use super::variables::{self, Spelling};
use crate::source::Span;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;

/// Variables that say where a host is.
pub(super) const PLACES: &[&str] = &[
    "access_ip",
    "access_ip6",
    "ip",
    "ip6",
    "ansible_host",
    "ansible_ssh_host",
    "ansible_port",
    "ansible_ssh_port",
];

/// A variable of a host or group.
#[derive(Clone)]
pub(super) struct Var<'a> {
    pub name: Cow<'a, str>,
    pub span: Span,
    pub value: Node<'a>,
}

/// A group.
pub(super) struct Group<'a> {
    pub name: Cow<'a, str>,
    pub hosts: Vec<usize>,
    pub children: Vec<usize>,
    pub vars: Vec<Var<'a>>,
}

/// A host, declared once even when many groups name it.
pub(super) struct Machine<'a> {
    pub name: Cow<'a, str>,
    pub span: Span,
    pub vars: Vec<Var<'a>>,
}

/// Groups and hosts. Names are unique.
#[derive(Default)]
pub(super) struct Inventory<'a> {
    pub groups: Vec<Group<'a>>,
    pub machines: Vec<Machine<'a>>,
    group_index: FxHashMap<Cow<'a, str>, usize>,
    machine_index: FxHashMap<Cow<'a, str>, usize>,
    members: FxHashSet<(usize, usize)>,
    edges: FxHashSet<(usize, usize)>,
    /// Misspelt variables.
    spelling: Spelling,
}

impl<'a> Inventory<'a> {
    /// The group of this name, made when it does not exist.
    pub fn group(&mut self, name: Cow<'a, str>) -> usize {
        if let Some(&index) = self.group_index.get(&name) {
            return index;
        }
        let index = self.groups.len();
        self.group_index.insert(name.clone(), index);
        self.groups.push(Group {
            name,
            hosts: Vec::new(),
            children: Vec::new(),
            vars: Vec::new(),
        });
        index
    }

    /// The host of this name, made when it does not exist.
    pub fn machine(&mut self, name: Cow<'a, str>, span: Span) -> usize {
        if let Some(&index) = self.machine_index.get(&name) {
            return index;
        }
        let index = self.machines.len();
        self.machine_index.insert(name.clone(), index);
        self.machines.push(Machine {
            name,
            span,
            vars: Vec::new(),
        });
        index
    }

    /// Puts a host into a group.
    pub fn join(&mut self, group: usize, machine: usize) {
        if self.members.insert((group, machine))
            && let Some(group) = self.groups.get_mut(group)
        {
            group.hosts.push(machine);
        }
    }

    /// Puts a group into a group.
    pub fn nest(&mut self, parent: usize, child: usize) {
        if parent != child
            && self.edges.insert((parent, child))
            && let Some(group) = self.groups.get_mut(parent)
        {
            group.children.push(child);
        }
    }

    /// Sets a host's variable; the last one counts.
    pub fn host_var(&mut self, builder: &mut Builder, machine: usize, var: Var<'a>) {
        if let Some(var) = self.wanted(builder, var)
            && let Some(machine) = self.machines.get_mut(machine)
        {
            set(&mut machine.vars, var);
        }
    }

    /// Sets a group's variable; the last one counts.
    pub fn group_var(&mut self, builder: &mut Builder, group: usize, var: Var<'a>) {
        if let Some(var) = self.wanted(builder, var)
            && let Some(group) = self.groups.get_mut(group)
        {
            set(&mut group.vars, var);
        }
    }

    /// Only variables that decide something are kept: the others may be passwords.
    fn wanted(&mut self, builder: &mut Builder, var: Var<'a>) -> Option<Var<'a>> {
        let name = var.name.as_ref();
        if PLACES.contains(&name) || variables::is_relevant(name) {
            return Some(var);
        }
        self.spelling.check(builder, name, var.span);
        None
    }
}

fn set<'a>(vars: &mut Vec<Var<'a>>, var: Var<'a>) {
    match vars.iter_mut().find(|known| known.name == var.name) {
        Some(known) => *known = var,
        None => vars.push(var),
    }
}
