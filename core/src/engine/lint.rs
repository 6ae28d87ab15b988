//! Required against permitted, as data.

use super::baseline::{known, take_out};
use super::context::Context;
use super::describe::{About, describe, fix, not_modelled, sort, wanted};
use super::resolve::requirements_data;
use super::session::Session;
use super::suppress::{Judged, suppress};
use super::{ExportData, ExportInput, FindingData, FixData, LintRequest, LintResult, LintSummary};
use super::{detect, trace};
use crate::analysis::{self, AcceptedList, Fate, Finding, Needs, Point, Required, Stands};
use crate::diagnostic::{Code, Diagnostic, Severity, coverage, input, requirement};
use crate::dialect::{self, HostFacts, Loaded};
use crate::emit;
use crate::firewall::Firewall;
use crate::graph::RequirementGraph;
use crate::net::Family;
use crate::site::Stand;
use crate::source::SourceId;
use std::collections::BTreeSet;

pub(super) fn lint(session: &mut Session, request: &LintRequest) -> Option<LintResult> {
    let wanted = wanted(session, &request.select, &request.ignore)?;
    let mut known = known(session, request.baseline.as_ref())?;
    let context = Context::new(session, &request.site)?;
    let graph = RequirementGraph::new(&context.site, &context.catalog, &context.settings);
    if request.exports.is_empty() {
        let problem = Diagnostic::new(&input::SYNTAX, "there is no firewall export to check");
        session.report([problem.help("give one, for example `--export cp-1=cp-1.iptables`, or name it under `guards` in the site")]);
        return None;
    }
    let mut result = LintResult {
        findings: Vec::new(),
        summary: LintSummary::default(),
        exports: Vec::new(),
        requirements: Vec::new(),
    };
    let mut expired = BTreeSet::new();
    let mut used = BTreeSet::new();
    let mut complete = true;
    for export in &request.exports {
        let run = Run {
            graph: &graph,
            context: &context,
            today: request.today.as_deref(),
            wanted: &wanted,
        };
        let Some(checked) = run.export(session, export) else {
            complete = false;
            continue;
        };
        expired.extend(checked.expired);
        result.summary.unknown += checked.unknown;
        result.summary.checked += checked.data.checked;
        result.summary.permitted += checked.permitted;
        result.exports.push(checked.data);
        result.summary.suppressed += checked.suppressed;
        let mut kept = checked.findings;
        kept.retain(|(_, code)| wanted.contains(code.id));
        result.summary.known += take_out(&mut known, &mut kept);
        for (finding, _) in kept {
            match finding.severity {
                Severity::Error => result.summary.errors += 1,
                Severity::Warning => result.summary.warnings += 1,
                Severity::Note => result.summary.notes += 1,
            }
            used.extend(finding.requirements.iter().cloned());
            result.findings.push(finding);
        }
    }
    session.report(
        expired
            .into_iter()
            .filter_map(|at: usize| expiry(&context, at)),
    );
    let positions = context.catalog.requirements.iter().enumerate();
    let positions = positions
        .filter(|(_, r)| used.contains(&r.id))
        .map(|(at, _)| at);
    result.requirements = requirements_data(&context, positions);
    // Every export must have been usable: a result that silently lacks one would look clean.
    complete.then_some(result)
}

fn expiry(context: &Context, at: usize) -> Option<Diagnostic> {
    let entry = context.site.accepted.get(at)?;
    let last = entry.expires.as_deref().unwrap_or("");
    let message = format!("this acceptance expired on {last}: what it accepted is reported again");
    let problem = Diagnostic::new(&requirement::EXPIRED, message).at(entry.span);
    Some(problem.help("renew it with a new date, or remove it"))
}

struct Run<'r> {
    graph: &'r RequirementGraph<'r>,
    context: &'r Context,
    today: Option<&'r str>,
    wanted: &'r BTreeSet<&'static str>,
}

struct Checked {
    findings: Vec<(FindingData, &'static Code)>,
    data: ExportData,
    unknown: usize,
    permitted: usize,
    suppressed: usize,
    expired: Vec<usize>,
}

impl Run<'_> {
    fn export(&self, session: &mut Session, export: &ExportInput) -> Option<Checked> {
        let ids = session.add_quotable(&export.documents);
        let stand = self.stand(session, export, &ids)?;
        let facts = self.facts(&stand);
        let loaded = dialect::load(&session.sources, &ids, export.dialect.as_deref(), &facts);
        let Loaded {
            firewall,
            diagnostics,
            dialects,
        } = loaded;
        session.report(diagnostics);
        if dialects.iter().any(|(_, dialect)| dialect.is_none()) {
            return None;
        }
        let point = Point::new(&self.context.site, &stand, &firewall)?;
        let guards = match point.stands {
            Stands::Host(_, host) => host.name.clone(),
            Stands::Between(a, b) => format!("{} and {}", a.name, b.name),
        };
        let accepted = AcceptedList::new(&self.context.site, &guards, self.today);
        let mut required = analysis::required(self.graph, &point);
        // A family that no export speaks of is not judged: the export of the other is missing.
        let unexported = required
            .iter()
            .any(|one| !firewall.rules(one.family).exported);
        required.retain(|one| firewall.rules(one.family).exported);
        if unexported {
            session.report([not_exported(&guards, &firewall)]);
        }
        let mut checked = Checked {
            findings: Vec::new(),
            data: ExportData {
                guards,
                documents: export.documents.iter().map(|d| d.name.clone()).collect(),
                dialects: dialects
                    .iter()
                    .filter_map(|(_, d)| d.map(str::to_owned))
                    .collect(),
                rules: trace::rule_count(&firewall.v4) + trace::rule_count(&firewall.v6),
                not_modelled: not_modelled(session, &firewall),
                checked: 0,
            },
            unknown: usize::from(unexported),
            permitted: 0,
            suppressed: 0,
            expired: accepted.expired.clone(),
        };
        let mut findings = Vec::new();
        for one in required.chunk_by(|a, b| (a.flow, a.direction) == (b.flow, b.direction)) {
            let coverage = analysis::coverage(self.graph, &point, one);
            checked.data.checked += 1;
            checked.permitted += usize::from(coverage.fate == Fate::Permitted);
            checked.unknown += usize::from(coverage.fate == Fate::Unknown);
            findings.extend(coverage.findings);
        }
        let accepted = Family::ALL.map(|family| (family, accepted.packets(family)));
        findings.extend(analysis::excess(self.graph, &point, &required, &accepted));
        findings.extend(analysis::audit(&point.subject, Needs::Known));
        let judged = Judged {
            wanted: self.wanted,
            with_site: true,
            today: self.today,
        };
        checked.suppressed = suppress(session, &firewall, &ids, &judged, &mut findings);
        let describe = Describe {
            session,
            run: self,
            point: &point,
            guards: &checked.data.guards,
            dialects: &dialects,
            required: &required,
        };
        let mut data: Vec<_> = findings
            .iter()
            .map(|f| (describe.finding(f), f.code))
            .collect();
        sort(&mut data);
        checked.findings = data;
        Some(checked)
    }

    /// Where the export stands: as the request says, else as its name and addresses suggest.
    fn stand(
        &self,
        session: &mut Session,
        export: &ExportInput,
        ids: &[SourceId],
    ) -> Option<Stand> {
        let site = &self.context.site;
        if let Some([a, b]) = &export.between {
            for name in [a, b] {
                if !site.zones.iter().any(|zone| zone.name == *name) {
                    let zones: Vec<_> = site.zones.iter().map(|zone| zone.name.as_str()).collect();
                    let problem = Diagnostic::new(
                        &requirement::EMPTY_SELECTOR,
                        format!("the site has no zone `{name}`"),
                    )
                    .severity(Severity::Error)
                    .help(format!("its zones are: {}", zones.join(", ")));
                    session.report([problem]);
                    return None;
                }
            }
            return Some(Stand::Between(a.clone(), b.clone()));
        }
        if let Some(name) = &export.host {
            super::resolve::find_host(session, self.context, name)?;
            return Some(Stand::Host(name.clone()));
        }
        let guessed = ids.iter().find_map(|&id| {
            let source = session.sources.get(id)?;
            detect::guess(site, source.name(), source.text())
        });
        let names: Vec<_> = export
            .documents
            .iter()
            .map(|d| format!("`{}`", d.name))
            .collect();
        let names = names.join(", ");
        match guessed {
            Some(host) => {
                let message = format!("{names} is taken as the export of host `{}`", host.name);
                let problem = Diagnostic::new(&input::ASSUMED, message);
                session.report([problem.help("say which host it guards: `--export HOST=FILE`")]);
                Some(Stand::Host(host.name.clone()))
            }
            None => {
                let problem = Diagnostic::new(
                    &requirement::EMPTY_SELECTOR,
                    format!("it is not clear which host {names} guards"),
                );
                session.report([problem
                    .severity(Severity::Error)
                    .help("say so: `--export HOST=FILE`")]);
                None
            }
        }
    }

    /// What the site tells about the host.
    fn facts(&self, stand: &Stand) -> HostFacts {
        let mut facts = HostFacts::default();
        let Stand::Host(name) = stand else {
            return facts;
        };
        for host in &self.context.site.hosts {
            let all = host.addresses.iter().chain(&host.ssh_address).copied();
            if host.name == *name {
                facts.addresses.extend(all);
            } else {
                facts.elsewhere.extend(all);
            }
        }
        facts
    }
}

fn not_exported(guards: &str, firewall: &Firewall) -> Diagnostic {
    let (family, command) = match (firewall.v4.exported, firewall.v6.exported) {
        (false, _) => ("IPv4", "iptables-save"),
        _ => ("IPv6", "ip6tables-save"),
    };
    let message = format!(
        "{guards} needs {family} flows, but no {family} rules were given: they are unknown"
    );
    Diagnostic::new(&coverage::UNKNOWN, message).help(format!("give the output of `{command}` too"))
}

/// Turns findings into data.
struct Describe<'d> {
    session: &'d Session,
    run: &'d Run<'d>,
    point: &'d Point<'d>,
    guards: &'d str,
    /// What each export is written in: fixes are written in the same.
    dialects: &'d [(SourceId, Option<&'static str>)],
    required: &'d [Required],
}

impl Describe<'_> {
    fn finding(&self, finding: &Finding) -> FindingData {
        let graph = self.run.graph;
        let flow = finding.flow.and_then(|at| graph.flows.get(at));
        let ids = flow.into_iter().flat_map(|flow| &flow.because);
        let mut ids: Vec<String> = ids
            .filter_map(|r| graph.requirement(r).map(|r| r.id.clone()))
            .collect();
        ids.dedup();
        let about = About {
            guards: self.guards,
            flow: flow.map(|flow| graph.flow_id(flow)),
        };
        FindingData {
            requirements: ids,
            fix: self.fix(finding),
            ..describe(self.session, &self.point.subject, &about, finding)
        }
    }

    fn fix(&self, finding: &Finding) -> Option<FixData> {
        let mut fix = fix(self.session, &self.point.subject, finding)?;
        let rules = self.point.firewall.rules(finding.family);
        if finding.code == &coverage::MISSING {
            let rule = finding.rule.and_then(|id| rules.rule(id));
            let chain = finding.rule.map(|id| id.chain).or(finding.policy);
            let chain = chain.and_then(|id| rules.chain(id))?;
            let written = self.dialects.iter();
            let dialect = written
                .filter(|(id, _)| *id == chain.span.source)
                .find_map(|(_, dialect)| *dialect);
            let comment = self.comment(finding);
            let cubes = self.needed(finding).into_iter();
            let lines: Option<Vec<_>> = cubes
                .map(|cube| emit::permit(dialect?, chain, finding.family, &cube, &comment))
                .collect();
            match lines {
                Some(lines) => fix.lines = lines.concat(),
                None => fix.text.push_str(" (with a set: it needs many addresses)"),
            }
            fix.place = rule.map(|rule| self.session.place(rule.span, ""));
        }
        Some(fix)
    }

    /// The required packets behind a missing flow, whole: a fix permits the flow, not only the
    /// part that happens to be denied today.
    fn needed(&self, finding: &Finding) -> Vec<crate::packet::Cube> {
        let of = self.required.iter().filter(|one| {
            Some(one.flow) == finding.flow
                && Some(one.hook) == finding.hook
                && one.cube.overlaps_any(finding.packets.cubes())
        });
        of.map(|one| one.cube.clone()).collect()
    }

    fn comment(&self, finding: &Finding) -> String {
        let graph = self.run.graph;
        let flow = finding.flow.and_then(|at| graph.flows.get(at));
        let reason = flow.and_then(|flow| flow.because.first());
        let requirement = reason.and_then(|reason| graph.requirement(reason));
        requirement.map_or_else(|| "portwright".into(), |r| format!("portwright {}", r.id))
    }
}
