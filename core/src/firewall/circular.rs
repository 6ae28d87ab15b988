//! Chains that call each other in a circle. The kernel refuses them, so they show that an export
//! is not what a kernel gave; packets that enter such a jump have an unknown fate.

use super::model::{Action, ChainId, RuleId, Rules};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeSet;

/// The jumps and gotos that lie on a circle.
#[must_use]
pub fn circular_jumps(rules: &Rules) -> BTreeSet<RuleId> {
    let mut graph = DiGraph::<(), RuleId>::new();
    for _ in &rules.chains {
        graph.add_node(());
    }
    let node = |chain: ChainId| NodeIndex::new(chain.0 as usize);
    for (id, chain) in rules.iter() {
        for (index, rule) in (0..).zip(&chain.rules) {
            if let Action::Jump(to) | Action::Goto(to) = rule.action
                && rules.chain(to).is_some()
            {
                graph.add_edge(node(id), node(to), RuleId { chain: id, index });
            }
        }
    }
    let mut component = vec![0usize; graph.node_count()];
    for (number, members) in petgraph::algo::tarjan_scc(&graph).into_iter().enumerate() {
        for member in members {
            if let Some(slot) = component.get_mut(member.index()) {
                *slot = number;
            }
        }
    }
    let same = |a: NodeIndex, b: NodeIndex| component.get(a.index()) == component.get(b.index());
    graph
        .edge_indices()
        .filter(|&edge| graph.edge_endpoints(edge).is_some_and(|(a, b)| same(a, b)))
        .filter_map(|edge| graph.edge_weight(edge).copied())
        .collect()
}
