//! First packets that rules permit: what is known of how a system is meant to be used.

use crate::analysis::Subject;
use crate::analysis::audit::life::Example;
use crate::analysis::audit::line::Part;
use crate::firewall::{Action, Hook, Verdict};
use crate::net::Family;
use crate::packet::{CtState, IfName, Packet};
use std::collections::BTreeMap;

/// Packets kept for one hook: more tell nothing new.
const MOST: usize = 64;

/// Permitted first packets from or to other machines, by family and hook.
#[derive(Debug, Default)]
pub(in crate::analysis::audit) struct Permits(BTreeMap<(Family, Hook), Vec<Packet>>);

impl Permits {
    /// Keeps the examples of a line that permits.
    pub(in crate::analysis::audit) fn note(
        &mut self,
        subject: &Subject<'_>,
        examples: &[(Part, Vec<Example>)],
    ) {
        for (part, examples) in examples {
            let rule = subject.firewall.rules(part.family).rule(part.id);
            if rule.is_none_or(|rule| rule.action != Action::Accept) {
                continue;
            }
            for example in examples {
                let kept = self.0.entry((part.family, example.hook)).or_default();
                if kept.len() < MOST && is_first(example) {
                    kept.push(example.packet);
                }
            }
        }
    }

    /// What is permitted at a hook.
    pub(super) fn at(&self, family: Family, hook: Hook) -> &[Packet] {
        self.0.get(&(family, hook)).map_or(&[], Vec::as_slice)
    }
}

fn is_first(example: &Example) -> bool {
    let packet = &example.packet;
    let loopback = |name: IfName| IfName::loopback().contains(name.0);
    let local = loopback(packet.in_interface) || loopback(packet.out_interface);
    example.verdict == Verdict::Accept && packet.state == CtState::New && !local
}
