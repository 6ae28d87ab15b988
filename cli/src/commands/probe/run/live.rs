//! The run itself: the plan in, records out.

use super::Options;
use crate::exit::Exit;
use crate::input::{self, Stop, stop};
use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use portwright::engine;
use portwright::probe::{End, Probe, RECORD_VERSION, Record, Start, Task, Verdict};
use portwright_cli::probe::dial::results::Results;
use portwright_cli::probe::dial::{self, Own, Settings, Sink, Summary};
use portwright_cli::probe::plan;
use portwright_cli::probe::record::Recorder;
use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Work that is shorter has no progress bar.
const BAR_AFTER: Duration = Duration::from_secs(1);

pub fn run(options: &Options) -> Result<Exit, Stop> {
    let document = input::read(&options.plan)?;
    let plan = engine::read_plan(&document)?;
    let own =
        Own::here().map_err(|error| stop(format!("the addresses of this machine: {error}"), ""))?;
    let host = plan::host(&plan, options.from.as_deref(), own.addresses(), "--from")
        .map_err(|problem| stop(problem, ""))?;
    let interrupted = interruption()?;
    let mut out = Output::new(options, own.clone(), plan.count(host))?;
    out.record(&Record::Start(Start {
        portwright: RECORD_VERSION.into(),
        task: Task::Run,
        host: host.name.clone(),
        time: jiff::Timestamp::now().to_string(),
        plan: plan.hash(),
        privileged: dial::is_privileged(),
        planned: Some(out.planned),
    }));
    let settings = settings(options);
    let asks = plan.probes(host);
    let ended = dial::dial(asks, &settings, &own, &interrupted, &mut out)
        .and_then(|summary| out.end(&summary).map(|()| summary));
    match ended {
        Ok(summary) => out.tell(&summary),
        // A reader that has seen enough (`| head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Incomplete),
        Err(error) => Err(stop(
            format!("the run ended early: {error}"),
            "what was written so far is good; what is missing counts as unknown",
        )),
    }
}

fn settings(options: &Options) -> Settings {
    Settings {
        timeout: options.timeout,
        confirm: options.confirm,
        rate: (options.rate > 0).then_some(options.rate),
        seed: options.seed.unwrap_or_else(|| {
            let now = jiff::Timestamp::now().as_nanosecond();
            now as u64 ^ u64::from(std::process::id()) << 32
        }),
        parallel: options.parallel,
    }
}

/// Becomes true on SIGINT, SIGTERM, SIGHUP. The second one ends the process at once.
fn interruption() -> Result<Arc<AtomicBool>, Stop> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|error| stop(format!("signals cannot be handled: {error}"), ""))?;
    Ok(flag)
}

/// Where results go.
struct Output {
    records: Vec<Recorder>,
    results: Results,
    own: Own,
    json: bool,
    planned: u64,
    began: Instant,
    bar: Option<ProgressBar>,
}

impl Output {
    #[expect(clippy::disallowed_methods, reason = "a progress bar needs a clock")]
    fn new(options: &Options, own: Own, planned: u64) -> Result<Self, Stop> {
        let mut records = Vec::new();
        if options.json {
            records.push(Recorder::new(BufWriter::new(io::stdout())));
        }
        if let Some(path) = &options.output {
            let file = File::create(path).map_err(|error| {
                stop(
                    format!("`{path}` cannot be written: {error}"),
                    "check the path",
                )
            })?;
            records.push(Recorder::new(BufWriter::new(file)));
        }
        Ok(Self {
            records,
            results: Results::default(),
            own,
            json: options.json,
            planned,
            began: Instant::now(),
            bar: None,
        })
    }

    fn record(&mut self, record: &Record) {
        for one in &mut self.records {
            one.write(record);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.records.iter_mut().try_for_each(Recorder::flush)
    }

    fn progress(&mut self) {
        if self.bar.is_none() && self.began.elapsed() >= BAR_AFTER {
            // Not drawn unless standard error is a terminal.
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let bar = ProgressBar::with_draw_target(Some(self.planned), target);
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} probes {msg}") {
                bar.set_style(style);
            }
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.results.total());
            let open = self.results.count(Verdict::Open);
            bar.set_message(format!("{open} open"));
        }
    }

    /// The last line.
    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.record(&Record::End(End {
            done: Some(summary.done),
            cut_short: summary.cut_short.then(|| "interrupted".into()),
            time: Some(jiff::Timestamp::now().to_string()),
        }));
        self.flush()
    }

    /// What people want to know.
    fn tell(&self, summary: &Summary) -> Result<Exit, Stop> {
        if !self.json {
            output::data(&self.results.text())?;
        }
        if let Some(rate) = summary.lowered_to {
            output::notice(&format!(
                "note: answers were lost, so the rate was lowered to {rate} packets a second\n"
            ));
        }
        if summary.in_doubt > 0 {
            output::notice(&format!(
                "note: {} silent probes may have been refused by somebody who answers only once a \
                 second; they were too many to wait for\n",
                summary.in_doubt
            ));
        }
        if summary.cut_short {
            let missing = self.planned.saturating_sub(summary.done);
            output::notice(&format!(
                "interrupted: {missing} of {} probes are missing, and count as unknown\n",
                self.planned
            ));
            return Ok(Exit::Incomplete);
        }
        let [open, unknown] = [Verdict::Open, Verdict::Unknown].map(|v| self.results.count(v));
        Ok(if open + unknown < self.results.total() {
            Exit::Findings
        } else if unknown > 0 {
            Exit::Incomplete
        } else {
            Exit::Done
        })
    }
}

impl Sink for Output {
    fn probe(&mut self, probe: &Probe) -> io::Result<()> {
        self.results.add(probe, self.own.addresses());
        if !self.records.is_empty() {
            self.record(&Record::Probe(probe.clone()));
        }
        Ok(())
    }

    fn idle(&mut self) -> io::Result<()> {
        self.progress();
        self.flush()
    }
}
