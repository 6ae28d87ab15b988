//! Promises that hold for any input.

use portwright::diagnostic::Diagnostic;
use portwright::firewall::{End, Firewall, Hook, Program, Verdict};
use portwright::net::Family;
use portwright::packet::{Budget, Cube, Packet};
use portwright::source::{Sources, Span};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// With so many open matches on its way the interpreter does not try every combination: it may say
/// unknown where the walk knows better.
const OPEN: usize = 8;

/// Steps of a walk for one packet; more are not compared.
const STEPS: u64 = 20_000;

/// A place lies in its text, between characters.
pub fn span(sources: &Sources, span: Span) {
    let source = sources
        .get(span.source)
        .expect("a place in a text of the request");
    let range = span.start as usize..span.end as usize;
    assert!(
        source.text().get(range.clone()).is_some(),
        "{range:?} is no part of the {} bytes of `{}`",
        source.text().len(),
        source.name()
    );
}

/// Every place of these diagnostics lies in its text.
pub fn diagnostics(sources: &Sources, all: &[Diagnostic]) {
    for diagnostic in all {
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?}");
        for label in &diagnostic.labels {
            span(sources, label.span);
        }
    }
}

/// Every place of the model lies in its text.
pub fn places(sources: &Sources, firewall: &Firewall) {
    for chain in firewall.v4.chains.iter().chain(&firewall.v6.chains) {
        span(sources, chain.span);
        if let Some(base) = &chain.base {
            span(sources, base.span);
        }
        for rule in &chain.rules {
            span(sources, rule.span);
        }
    }
    for unknown in &firewall.unknowns {
        span(sources, unknown.span);
    }
}

/// Interpreter, index and symbolic walk say the same of a packet.
pub fn agreement(firewall: &Firewall, packets: &[(Hook, Packet)]) {
    for family in Family::ALL {
        let program = Program::new(firewall.rules(family), family);
        let of = |(_, packet): &&(Hook, Packet)| packet.family == family;
        for (hook, packet) in packets.iter().filter(of) {
            let traced = program.trace(&firewall.unknowns, *hook, packet);
            let plain = portwright::firewall::trace(firewall, *hook, packet);
            assert_eq!(traced, plain, "with and without the index, {packet}");
            let mut ends = BTreeSet::new();
            let mut budget = Budget::new(STEPS);
            let walked = program.walk(*hook, Cube::packet(packet), &mut budget, |outcome| {
                ends.insert(match outcome.end {
                    End::Accept => Verdict::Accept,
                    End::Drop => Verdict::Drop,
                    End::Reject => Verdict::Reject,
                    End::Depends | End::Reached => Verdict::Unknown,
                });
                ControlFlow::Continue(())
            });
            let gave_up = traced.verdict == Verdict::Unknown && traced.depends_on.len() >= OPEN;
            if walked.is_err() || gave_up {
                continue;
            }
            let verdict = match (ends.pop_first(), ends.is_empty()) {
                (Some(only), true) => only,
                _ => Verdict::Unknown,
            };
            assert_eq!(traced.verdict, verdict, "{packet}: {traced:?}");
        }
    }
}
