//! The report: what results say about every planned probe, and whether the exports agree.

use super::foresee::{Expected, Exported, Foresight};
use super::gather::{About, Findings};
use super::judge::{Asked, Blame, Judgement};
use super::results::{Results, Session};
use super::{Agreement, Agreements, Cell, Counts, HostPart, Plan, Reported, Target, Verdict};
use crate::analysis::{Fate, Single};
use crate::diagnostic::{Diagnostic, observation};
use crate::source::{SourceId, Sources};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Cells that are listed of those that are open throughout, and as many of the others.
const MOST_CELLS: usize = 100_000;

/// What to make a report of.
pub struct Evaluation<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Files of records.
    pub results: &'a [SourceId],
    /// Exports of hosts of the plan.
    pub exported: &'a [Exported],
}

/// Makes a report.
#[must_use]
pub fn evaluate(sources: &Sources, what: &Evaluation<'_>) -> (Reported, Vec<Diagnostic>) {
    let hash = what.plan.hash();
    let (results, mut diagnostics) = Results::read(sources, what.results, what.plan, &hash);
    let mut builder = Builder::new(what, results);
    for at in 0..what.plan.hosts.len() {
        builder.host(at);
    }
    let stray = builder.results.not_planned();
    if stray > 0 {
        let message =
            format!("{stray} probes in the results are not in the plan: they are not used");
        diagnostics.push(
            Diagnostic::new(&observation::OTHER_PLAN, message)
                .help("give the plan that the results are for"),
        );
    }
    (builder.finish(), diagnostics)
}

struct Builder<'a> {
    plan: &'a Plan,
    results: Results,
    foresight: Foresight<'a>,
    /// The number of each target, and the hosts that have it.
    numbers: BTreeMap<IpAddr, (usize, Vec<usize>)>,
    targets: Vec<Target>,
    counts: Counts,
    agreements: Agreements,
    hosts: Vec<HostPart>,
    flows: Vec<Counts>,
    good: Vec<Cell>,
    bad: Vec<Cell>,
    cells_not_listed: u64,
    found: Findings,
}

impl<'a> Builder<'a> {
    fn new(what: &Evaluation<'a>, results: Results) -> Self {
        let plan = what.plan;
        let by_name: BTreeMap<&str, usize> = plan
            .hosts
            .iter()
            .enumerate()
            .map(|(at, host)| (host.name.as_str(), at))
            .collect();
        let mut members: BTreeMap<IpAddr, Target> = BTreeMap::new();
        for target in plan.targets.iter().flat_map(|group| &group.members) {
            let known = members
                .entry(target.address)
                .or_insert_with(|| target.clone());
            known.host = known.host.take().or_else(|| target.host.clone());
            for holder in &target.holders {
                if !known.holders.contains(holder) {
                    known.holders.push(holder.clone());
                }
            }
        }
        let targets: Vec<Target> = members.into_values().collect();
        let numbered = targets.iter().enumerate().map(|(at, target)| {
            let names = target.host.iter().chain(&target.holders);
            let hosts: BTreeSet<usize> = names
                .filter_map(|name| by_name.get(name.as_str()).copied())
                .collect();
            (target.address, (at, hosts.into_iter().collect()))
        });
        Self {
            plan,
            foresight: Foresight::new(plan, what.exported),
            numbers: numbered.collect(),
            targets,
            counts: Counts::default(),
            agreements: Agreements::default(),
            hosts: Vec::with_capacity(plan.hosts.len()),
            flows: vec![Counts::default(); plan.flows.len()],
            good: Vec::new(),
            bad: Vec::new(),
            cells_not_listed: 0,
            found: Findings::default(),
            results,
        }
    }

    fn host(&mut self, at: usize) {
        let Some(host) = self.plan.hosts.get(at) else {
            return;
        };
        let of = |all: &[Session]| -> Vec<Session> {
            all.iter().filter(|one| one.host == at).cloned().collect()
        };
        let (runs, listeners) = (of(&self.results.runs), of(&self.results.listeners));
        let lacking = lacking(&host.name, &runs);
        let mut part = HostPart {
            ran: !runs.is_empty(),
            complete: runs
                .iter()
                .any(|run| run.complete && run.cut_short.is_none()),
            planned: self.plan.count(host),
            done: 0,
            listened: !listeners.is_empty(),
            observed: listeners.iter().any(|one| one.privileged),
        };
        let mut open: Option<Cell> = None;
        for pair in self.plan.pairs(host) {
            let Some(flow) = self.plan.flows.get(pair.flow) else {
                continue;
            };
            let Some((number, hosts)) = self.numbers.get(&pair.target.address).cloned() else {
                continue;
            };
            let same = open
                .as_ref()
                .is_some_and(|cell| (cell.flow, cell.to) == (pair.flow, number));
            if !same && let Some(done) = open.take() {
                self.cell(done);
            }
            let cell = open.get_or_insert_with(|| Cell {
                flow: pair.flow,
                from: at,
                to: number,
                verdict: Verdict::Unknown,
                probes: Counts::default(),
                agreement: Agreement::Agrees,
            });
            let portless = flow.ports.is_empty().then_some(None);
            for port in portless.into_iter().chain(pair.ports.iter().map(Some)) {
                let probe = Single {
                    from: pair.from,
                    to: pair.target.address,
                    port,
                };
                let told =
                    self.results
                        .probe(at, pair.from, pair.target.address, flow.protocol, port);
                let first = told.is_some_and(|(_, first)| first);
                part.done += u64::from(first);
                let mut judgement = match &told {
                    Some((saved, _)) => Asked {
                        plan: self.plan,
                        results: &self.results,
                        source: at,
                        from: pair.from,
                        target: pair.target,
                        hosts: &hosts,
                        protocol: flow.protocol,
                        port,
                    }
                    .judge(saved),
                    None => Judgement {
                        verdict: Verdict::Unknown,
                        blame: Blame::Nobody,
                        reason: lacking.clone(),
                        by_firewall: false,
                    },
                };
                let expected = self.foresight.of(at, &hosts, pair.flow, probe);
                let agreement = reconcile(&mut judgement, expected.as_ref(), at);
                cell.probes.add(judgement.verdict);
                cell.agreement = cell.agreement.max(agreement);
                if let Some(counts) = self.flows.get_mut(pair.flow) {
                    counts.add(judgement.verdict);
                }
                if first {
                    self.counts.add(judgement.verdict);
                    self.agreements.add(agreement);
                }
                let about = About {
                    number: pair.flow,
                    flow,
                    source: at,
                    target: number,
                    probe,
                    tried: told.is_some(),
                };
                self.found.add(&about, judgement, expected, agreement);
            }
        }
        if let Some(done) = open.take() {
            self.cell(done);
        }
        // What no record tells of is unknown, each probe once.
        let missing = part.planned.saturating_sub(part.done);
        self.counts.planned = self.counts.planned.saturating_add(missing);
        self.counts.unknown = self.counts.unknown.saturating_add(missing);
        self.agreements.not_tested = self.agreements.not_tested.saturating_add(missing);
        self.hosts.push(part);
    }

    fn cell(&mut self, mut cell: Cell) {
        cell.verdict = cell.probes.verdict();
        let list = if cell.verdict == Verdict::Open {
            &mut self.good
        } else {
            &mut self.bad
        };
        if list.len() < MOST_CELLS {
            list.push(cell);
        } else {
            self.cells_not_listed += 1;
        }
    }

    fn finish(mut self) -> Reported {
        self.found.add_untested(self.plan);
        let mut cells = self.bad;
        cells.append(&mut self.good);
        cells.sort_by_key(|cell| (cell.from, cell.flow, cell.to));
        // A host that dials from several addresses has one cell.
        cells.dedup_by(|next, cell| {
            let same = (next.from, next.flow, next.to) == (cell.from, cell.flow, cell.to);
            if same {
                cell.probes.join(&next.probes);
                cell.verdict = cell.probes.verdict();
                cell.agreement = cell.agreement.max(next.agreement);
            }
            same
        });
        Reported {
            counts: self.counts,
            agreements: self.agreements,
            hosts: self.hosts,
            flows: self.flows,
            targets: self.targets,
            cells,
            cells_not_listed: self.cells_not_listed,
            found_not_listed: self.found.not_listed,
            found: self.found.sorted(),
        }
    }
}

/// Why probes of a host may lack a record.
fn lacking(name: &str, runs: &[Session]) -> String {
    let Some(last) = runs.last() else {
        return format!("`{name}` reported no run for this plan");
    };
    match (&last.cut_short, last.complete) {
        (Some(why), _) => format!("the run of `{name}` ended early: {why}"),
        (None, false) => format!("the run of `{name}` was interrupted"),
        (None, true) => format!("the result of `{name}` lacks it"),
    }
}

/// Compares what came of a probe with what the exports say; where they agree they may tell more
/// about who is to blame.
fn reconcile(judgement: &mut Judgement, expected: Option<&Expected>, source: usize) -> Agreement {
    let verdict = judgement.verdict;
    if verdict == Verdict::Unknown {
        return Agreement::NotTested;
    }
    let Some(expected) = expected else {
        return Agreement::NotPredicted;
    };
    let passes = matches!(verdict, Verdict::Open | Verdict::Closed);
    match expected.what.fate {
        Fate::Unknown => Agreement::NotPredicted,
        _ if !passes && !judgement.by_firewall => Agreement::NotPredicted,
        Fate::Permitted if passes => Agreement::Agrees,
        Fate::Permitted => {
            // That an answer is lost on the way back is possible, but that a filter lets the first
            // packet pass and not its answer is rare.
            let own = match judgement.blame {
                Blame::Source(host) | Blame::Target(host) | Blame::TargetOrWayBack(host) => {
                    Some(host)
                }
                _ => None,
            };
            if own.is_some_and(|host| expected.permitted_by.contains(&host)) {
                Agreement::StaleExport
            } else {
                Agreement::UnexportedFirewall
            }
        }
        Fate::Denied => {
            let by = expected.by.map(|host| {
                if host == source {
                    Blame::Source(host)
                } else {
                    Blame::Target(host)
                }
            });
            if verdict == Verdict::Closed && expected.what.rejects {
                // What says that nothing listens is the firewall's refusal.
                judgement.verdict = Verdict::Rejected;
                judgement.by_firewall = true;
                judgement
                    .reason
                    .push_str(", and the export says that a firewall does");
            } else if passes {
                return Agreement::StaleExport;
            }
            // What was not seen in front of the target's firewall did not come to it.
            let vague = match judgement.blame {
                Blame::Source(_) | Blame::Target(_) | Blame::Device(_) => false,
                Blame::Network => by == Some(Blame::Source(source)),
                _ => true,
            };
            if let (true, Some(by)) = (vague, by) {
                judgement.blame = by;
            }
            Agreement::Agrees
        }
    }
}
