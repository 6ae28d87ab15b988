//! Results of several hosts, read and indexed.

use super::read::syntax;
use super::{
    Evidence, Listening, Plan, Probe, RECORD_VERSION, Record, Seen, SeenAt, SocketState, Start,
    Task,
};
use crate::diagnostic::{Code, Diagnostic, Severity, input, observation};
use crate::fnv;
use crate::source::{SourceId, Sources, Span};
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::IpAddr;

/// Bad lines that are told of one file.
const MOST_TOLD: usize = 10;

/// What an interrupted listener says when only its time was up.
const TIME_TO_LIVE: &str = "time to live";

/// One `probe run` or `probe listen`.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Position of its host in the plan.
    pub host: usize,
    /// When it began and ended, as far as it says.
    pub began: String,
    pub ended: Option<String>,
    /// Whether it could open raw sockets.
    pub privileged: bool,
    /// Whether its last line is there.
    pub complete: bool,
    /// Why it ended early.
    pub cut_short: Option<String>,
}

/// What came of one probe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saved {
    /// Position in [`Results::evidence`].
    pub evidence: u32,
    /// Position in [`Results::runs`].
    pub run: u32,
    nonce: Option<u64>,
    /// Whether a planned probe asked for it already.
    counted: bool,
}

/// Host, addresses, protocol and port: what makes a probe. Addresses by their number in the index.
type Key = (u32, u32, u32, u8, Option<u16>);

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Results {
    addresses: FxHashMap<IpAddr, u32>,
    /// Each kind of evidence once.
    pub evidence: Vec<Evidence>,
    known_evidence: FxHashMap<Evidence, u32>,
    probes: FxHashMap<Key, Saved>,
    pub runs: Vec<Session>,
    pub listeners: Vec<Session>,
    listening: FxHashMap<(u32, u8, Option<u16>), Vec<Listening>>,
    seen: FxHashMap<(u32, u32, u8, Option<u16>), SeenAt>,
    by_nonce: FxHashMap<(u64, u8), SeenAt>,
    /// Where packets came from addresses that the plan does not know: their source may have been
    /// translated.
    strangers: FxHashSet<(u32, u8, Option<u16>)>,
}

/// What a session of a file reads its lines into.
#[derive(Debug, Clone, Copy)]
enum Open {
    Run(u32),
    Listener(u32),
    /// Its results are not used.
    Nothing,
}

impl Results {
    /// Reads files of records, in any order.
    pub fn read(
        sources: &Sources,
        files: &[SourceId],
        plan: &Plan,
        hash: &str,
    ) -> (Self, Vec<Diagnostic>) {
        let mut results = Self::default();
        let mut diagnostics = Vec::new();
        let own: FxHashSet<IpAddr> = plan
            .hosts
            .iter()
            .flat_map(|host| host.addresses.iter().copied())
            .collect();
        for &id in files {
            let mut file = File {
                results: &mut results,
                sources,
                id,
                plan,
                hash,
                own: &own,
                open: None,
                told: 0,
                problems: Vec::new(),
            };
            file.read();
            diagnostics.append(&mut file.problems);
        }
        (results, diagnostics)
    }

    fn number(&mut self, address: IpAddr) -> u32 {
        let next = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX);
        *self.addresses.entry(address).or_insert(next)
    }

    /// What came of a probe from this host, and whether this is the first time that it is asked
    /// for.
    pub fn probe(
        &mut self,
        host: usize,
        from: IpAddr,
        to: IpAddr,
        protocol: u8,
        port: Option<u16>,
    ) -> Option<(Saved, bool)> {
        let (from, to) = (*self.addresses.get(&from)?, *self.addresses.get(&to)?);
        let host = u32::try_from(host).ok()?;
        let saved = self.probes.get_mut(&(host, from, to, protocol, port))?;
        let first = !std::mem::replace(&mut saved.counted, true);
        Some((*saved, first))
    }

    /// Probes that no planned probe asked for.
    pub fn not_planned(&self) -> usize {
        self.probes.len() - self.probes.values().filter(|saved| saved.counted).count()
    }

    /// How far a probe's packet came.
    pub fn seen(
        &self,
        saved: &Saved,
        from: IpAddr,
        to: IpAddr,
        protocol: u8,
        port: Option<u16>,
    ) -> Option<SeenAt> {
        let by_nonce = saved
            .nonce
            .and_then(|nonce| self.by_nonce.get(&(nonce, protocol)));
        let numbers = (self.addresses.get(&from), self.addresses.get(&to));
        let by_address = match numbers {
            (Some(&from), Some(&to)) => self.seen.get(&(from, to, protocol, port)),
            _ => None,
        };
        by_nonce.copied().max(by_address.copied())
    }

    /// Whether a packet to there came from an address that the plan does not know.
    pub fn has_strangers(&self, to: IpAddr, protocol: u8, port: Option<u16>) -> bool {
        let to = self.addresses.get(&to);
        to.is_some_and(|&to| self.strangers.contains(&(to, protocol, port)))
    }

    /// Who answered on a port of a host while a run went on.
    pub fn socket(
        &self,
        host: usize,
        run: &Session,
        to: IpAddr,
        protocol: u8,
        port: Option<u16>,
    ) -> Option<&Listening> {
        let at_once = self.listeners.iter().enumerate();
        let up = at_once.filter(|(_, l)| l.host == host && l.is_up_during(run));
        let states = up.filter_map(|(at, _)| {
            let at = u32::try_from(at).ok()?;
            let all = self.listening.get(&(at, protocol, port))?;
            let here = |one: &&Listening| {
                one.address == to
                    || one.address.is_unspecified() && one.address.is_ipv4() == to.is_ipv4()
            };
            all.iter().filter(here).max_by_key(|one| one.address == to)
        });
        states.max_by_key(|one| one.address == to)
    }

    /// Whether an observer saw all that came to a host while a run went on.
    pub fn observed(&self, host: usize, run: &Session) -> bool {
        let mut listeners = self.listeners.iter();
        listeners
            .any(|one| one.host == host && one.privileged && one.saw_all() && one.is_up_during(run))
    }
}

impl Session {
    /// Whether it was there all the time that the other took, as far as both say. One that ended
    /// because its time was up must say when.
    fn is_up_during(&self, run: &Self) -> bool {
        if !self.complete || moment(&self.began) > moment(&run.began) {
            return false;
        }
        match (&self.ended, &run.ended) {
            (Some(own), Some(other)) => moment(own) >= moment(other),
            (Some(own), None) if moment(own) < moment(&run.began) => false,
            _ => !self.expired(),
        }
    }

    fn expired(&self) -> bool {
        let cut = self.cut_short.as_deref();
        cut.is_some_and(|why| why.contains(TIME_TO_LIVE))
    }

    /// Whether no packet was lost to it.
    fn saw_all(&self) -> bool {
        self.complete
            && self
                .cut_short
                .as_deref()
                .is_none_or(|why| why == TIME_TO_LIVE)
    }
}

/// A time in UTC so that texts compare as times: fractions of a second behind whole ones.
fn moment(text: &str) -> &str {
    text.trim_end_matches(['Z', 'z']).trim_end_matches("+00:00")
}

/// One file while it is read.
struct File<'f> {
    results: &'f mut Results,
    sources: &'f Sources,
    id: SourceId,
    plan: &'f Plan,
    hash: &'f str,
    own: &'f FxHashSet<IpAddr>,
    open: Option<Open>,
    told: usize,
    problems: Vec<Diagnostic>,
}

impl File<'_> {
    fn read(&mut self) {
        let Some(source) = self.sources.get(self.id) else {
            return;
        };
        let text = source.text();
        let mut any = false;
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            any = true;
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            match serde_json::from_str::<Record>(line) {
                Ok(record) => self.record(record, number),
                Err(problem) => {
                    let last = at + 1 == source.line_count() && !text.ends_with('\n');
                    self.unreadable(number, line, &problem, last);
                }
            }
        }
        if !any {
            let message = format!(
                "`{}` is empty, expected the result of a probe",
                source.name()
            );
            self.tell(
                &input::UNKNOWN_FORMAT,
                Severity::Error,
                message,
                Span::new(self.id, 0, 0),
                "give what `portwright probe run` or `portwright probe listen` wrote",
            );
        }
        self.close();
        if self.told > MOST_TOLD {
            let more = self.told - MOST_TOLD;
            let message = format!(
                "{more} more lines of `{}` are not understood",
                source.name()
            );
            let at = Span::new(self.id, 0, 0);
            self.problems.push(
                Diagnostic::new(&input::SYNTAX, message)
                    .severity(Severity::Warning)
                    .at(at),
            );
        }
    }

    fn line(&self, number: u32) -> Span {
        self.sources.line_span(self.id, number)
    }

    fn tell(
        &mut self,
        code: &'static Code,
        severity: Severity,
        message: String,
        at: Span,
        help: &str,
    ) {
        let problem = Diagnostic::new(code, message).severity(severity).at(at);
        self.problems.push(if help.is_empty() {
            problem
        } else {
            problem.help(help)
        });
    }

    fn unreadable(&mut self, number: u32, line: &str, problem: &serde_json::Error, last: bool) {
        self.told += 1;
        if self.told > MOST_TOLD {
            return;
        }
        if last && problem.is_eof() {
            let message = "the last line is cut off: what came behind it is missing".into();
            let at = self.line(number);
            self.tell(
                &observation::CUT_OFF,
                Severity::Warning,
                message,
                at,
                "probe again, or copy the file again",
            );
            return;
        }
        let whole = self.line(number);
        let mut said = syntax(self.sources, self.id, problem);
        // serde saw this line alone: shift what it says to its place in the file.
        let column = u32::try_from(problem.column().saturating_sub(1)).unwrap_or(u32::MAX);
        let start = whole.start.saturating_add(column).min(whole.end);
        for label in &mut said.labels {
            label.span = Span {
                start,
                end: start,
                ..whole
            };
        }
        let kind = if line.trim_start().starts_with('{') {
            "this record is not understood"
        } else {
            "this line is no record"
        };
        said.message = format!("{kind}: {}", said.message);
        let said = said.severity(Severity::Warning);
        self.problems.push(said.help("one JSON object a line is expected, as `portwright schema probe-result` describes them; the other lines count"));
    }

    fn record(&mut self, record: Record, number: u32) {
        let open = match record {
            Record::Start(start) => {
                self.close();
                let into = self.start(&start, number);
                self.open = Some(into);
                return;
            }
            _ => match self.open {
                Some(open) => open,
                None => {
                    let message = "this record stands before any that says who reports".into();
                    let at = self.line(number);
                    self.tell(&input::SYNTAX, Severity::Error, message, at, "the first line of a result is `{\"record\": \"start\", …}`: give the whole file");
                    self.open = Some(Open::Nothing);
                    return;
                }
            },
        };
        match (record, open) {
            (Record::Probe(probe), Open::Run(run)) => self.probe(probe, run),
            (Record::Listening(listening), Open::Listener(at)) => {
                let key = (at, listening.protocol, listening.port);
                self.results
                    .listening
                    .entry(key)
                    .or_default()
                    .push(listening);
            }
            (Record::Seen(seen), Open::Listener(_)) => self.seen(&seen),
            (Record::End(end), Open::Run(at)) => {
                if let Some(run) = self.results.runs.get_mut(at as usize) {
                    run.complete = true;
                    run.ended = end.time;
                    run.cut_short = end.cut_short;
                }
            }
            (Record::End(end), Open::Listener(at)) => {
                if let Some(listener) = self.results.listeners.get_mut(at as usize) {
                    listener.complete = true;
                    listener.ended = end.time;
                    listener.cut_short = end.cut_short;
                }
            }
            // What a host does not do by its task says nothing.
            _ => {}
        }
    }

    /// Begins a session, where it is one of this plan.
    fn start(&mut self, start: &Start, number: u32) -> Open {
        let at = self.line(number);
        let shown = |text: &str| text.chars().take(80).collect::<String>();
        if start.portwright != RECORD_VERSION {
            let message = format!(
                "this result says that it is `{}`, expected `{RECORD_VERSION}`: it is not used",
                shown(&start.portwright)
            );
            self.tell(
                &input::UNKNOWN_FORMAT,
                Severity::Error,
                message,
                at,
                "probe and report with the same version of portwright",
            );
            return Open::Nothing;
        }
        let host = self
            .plan
            .hosts
            .iter()
            .position(|host| host.name == start.host);
        let Some(host) = host else {
            let message = format!(
                "the plan has no host `{}`: its result is not used",
                shown(&start.host)
            );
            self.tell(
                &observation::OTHER_PLAN,
                Severity::Warning,
                message,
                at,
                "give the plan that the result is for",
            );
            return Open::Nothing;
        };
        if start.plan != self.hash {
            let message = format!(
                "this result of `{}` is for plan {}, but the plan given is {}: it is not used, and what it would tell is unknown",
                start.host,
                shown(&start.plan),
                self.hash
            );
            self.tell(
                &observation::OTHER_PLAN,
                Severity::Warning,
                message,
                at,
                "probe again with this plan, or give the plan that the result is for",
            );
            return Open::Nothing;
        }
        let session = Session {
            host,
            began: start.time.clone(),
            ended: None,
            privileged: start.privileged,
            complete: false,
            cut_short: None,
        };
        let all = match start.task {
            Task::Run => &mut self.results.runs,
            Task::Listen => &mut self.results.listeners,
        };
        let number = u32::try_from(all.len()).unwrap_or(u32::MAX);
        all.push(session);
        match start.task {
            Task::Run => Open::Run(number),
            Task::Listen => Open::Listener(number),
        }
    }

    /// Ends a session; says so where its last line is missing.
    fn close(&mut self) {
        let (session, what) = match self.open.take() {
            Some(Open::Run(at)) => (self.results.runs.get(at as usize), "run"),
            Some(Open::Listener(at)) => (self.results.listeners.get(at as usize), "listener"),
            _ => return,
        };
        let Some(session) = session.filter(|session| !session.complete) else {
            return;
        };
        let name = self
            .plan
            .hosts
            .get(session.host)
            .map_or("", |host| host.name.as_str());
        let (message, help) = match what {
            "run" => (
                format!(
                    "the run of `{name}` has no last record: it was interrupted, and what it did not probe is unknown"
                ),
                "probe again from this host",
            ),
            _ => (
                format!(
                    "the listener of `{name}` has no last record: until when it listened is not known, so that it proves nothing about resets and silence"
                ),
                "stop listeners (SIGTERM, Ctrl-C) before you collect their results",
            ),
        };
        let at = Span::new(self.id, 0, 0);
        self.tell(&observation::CUT_OFF, Severity::Warning, message, at, help);
    }

    fn probe(&mut self, probe: Probe, run: u32) {
        let results = &mut *self.results;
        let Some(session) = results.runs.get(run as usize) else {
            return;
        };
        let (host, began) = (session.host, session.began.clone());
        let next = u32::try_from(results.evidence.len()).unwrap_or(u32::MAX);
        let not_tried = matches!(probe.evidence, Evidence::NotTried { .. });
        let evidence = match results.known_evidence.get(&probe.evidence) {
            Some(&known) => known,
            None => {
                results.evidence.push(probe.evidence.clone());
                results.known_evidence.insert(probe.evidence, next);
                next
            }
        };
        let (from, to) = (results.number(probe.from), results.number(probe.to));
        let host = u32::try_from(host).unwrap_or(u32::MAX);
        let saved = Saved {
            evidence,
            run,
            nonce: probe.nonce.map(|nonce| fnv::hash(nonce.bytes())),
            counted: false,
        };
        let key = (host, from, to, probe.protocol, probe.port);
        // The last run counts; one that did not try says nothing about one that did.
        if let Some(before) = results.probes.get(&key) {
            let tried = results.evidence.get(before.evidence as usize);
            let tried = !matches!(tried, Some(Evidence::NotTried { .. }));
            let run = results.runs.get(before.run as usize);
            let newer = run.is_some_and(|run| moment(&run.began) > moment(&began));
            if not_tried || tried && newer {
                return;
            }
        }
        results.probes.insert(key, saved);
    }

    fn seen(&mut self, seen: &Seen) {
        let results = &mut *self.results;
        let (from, to) = (results.number(seen.from), results.number(seen.to));
        let known = results
            .seen
            .entry((from, to, seen.protocol, seen.port))
            .or_insert(seen.at);
        *known = seen.at.max(*known);
        if let Some(nonce) = &seen.nonce {
            let key = (fnv::hash(nonce.bytes()), seen.protocol);
            let known = results.by_nonce.entry(key).or_insert(seen.at);
            *known = seen.at.max(*known);
        }
        if !self.own.contains(&seen.from) {
            results.strangers.insert((to, seen.protocol, seen.port));
        }
    }
}

impl Results {
    /// Whether a stub is known to have listened for a host: none where nobody knows.
    pub fn stub(
        &self,
        hosts: &[usize],
        run: &Session,
        to: IpAddr,
        protocol: u8,
        port: Option<u16>,
    ) -> Option<bool> {
        let mut some = false;
        // A virtual address is on one of several: each must have a stub, or not have the address.
        for &host in hosts {
            match self.socket(host, run, to, protocol, port)?.state {
                SocketState::Stub => some = true,
                SocketState::Failed if hosts.len() > 1 => {}
                _ => return None,
            }
        }
        some.then_some(true)
    }
}
