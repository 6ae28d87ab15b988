//! What `portwright probe listen` does on Linux.

use super::Options;
use crate::exit::Exit;
use crate::input::{self, Stop, stop};
use crate::output;
use portwright::engine;
use portwright::net::{Family, PortRange, Protocol};
use portwright::probe::{End, PlanHost, RECORD_VERSION, Record, Start, Task};
use portwright_cli::probe::dial::Own;
use portwright_cli::probe::listen::{Ended, Listener, Service, Summary, Wanted};
use portwright_cli::probe::pidfile::{self, PidFile, Stopped};
use portwright_cli::probe::record::Recorder;
use portwright_cli::probe::{detach, plan as this};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

pub fn run(options: &Options) -> Result<Exit, Stop> {
    match (&options.stop, &options.plan) {
        (Some(path), _) => end(path),
        (None, Some(_)) if options.detach => start(options),
        (None, Some(plan)) => listen(options, plan),
        (None, None) => Err(stop("no plan is given", "give a plan, or --stop PID-FILE")),
    }
}

fn end(path: &str) -> Result<Exit, Stop> {
    let ended = pidfile::stop(Path::new(path))
        .map_err(|error| stop(format!("`{path}` cannot be ended: {error}"), ""))?;
    output::notice(&match ended {
        Stopped::Ended(pid) => format!("process {pid} has ended\n"),
        Stopped::WasNot => format!("nothing runs that has `{path}`\n"),
    });
    Ok(Exit::Done)
}

/// Starts the process in the background and says when it is up.
fn start(options: &Options) -> Result<Exit, Stop> {
    let arguments = std::env::args_os().skip(1);
    let mut arguments: Vec<_> = arguments.filter(|one| one != "--detach").collect();
    arguments.push("--detached".into());
    let with_input = options.plan.as_deref() == Some("-");
    let started = detach::start(&arguments, with_input).map_err(|error| {
        stop(
            format!("the background process cannot be started: {error}"),
            "",
        )
    })?;
    output::notice(&started.err);
    output::data(&started.out)?;
    match started.ended.map(|status| status.code()) {
        None if started.out.contains(", 0 failed,") => Ok(Exit::Done),
        None | Some(Some(3)) => Ok(Exit::Incomplete),
        Some(Some(0)) => Ok(Exit::Done),
        Some(_) if started.err.is_empty() => Err(stop("the background process ended at once", "")),
        Some(_) => Ok(Exit::Unusable),
    }
}

fn listen(options: &Options, path: &str) -> Result<Exit, Stop> {
    let wrong = |message: String| stop(message, "");
    let system = |what: &'static str| move |error: io::Error| stop(format!("{what}: {error}"), "");
    let document = input::read(path)?;
    let plan = engine::read_plan(&document)?;
    let own = Own::here().map_err(system("the addresses of this machine cannot be read"))?;
    let host =
        this::host(&plan, options.host.as_deref(), own.addresses(), "--host").map_err(wrong)?;
    let wanted = Wanted::of(host).map_err(wrong)?;
    if options.detached {
        detach::leave_terminal().map_err(system("the terminal cannot be left"))?;
    }
    let mut pid_file = take_pid_file(options.pid_file.as_deref())?;
    let mut recorder = recorder(options.output.as_deref())?;
    let listener = Listener::open(&wanted).map_err(system("the event loop cannot be made"))?;
    let stopper = listener.stopper();
    ctrlc::set_handler(move || stopper.stop())
        .map_err(|error| stop(format!("signals cannot be handled: {error}"), ""))?;
    recorder.write(&Record::Start(begin(host, plan.hash(), &listener)));
    listener.record(&mut recorder);
    let records = "records cannot be written";
    recorder.flush().map_err(system(records))?;
    if let Some(file) = &mut pid_file {
        file.write()
            .map_err(system("the pid file cannot be written"))?;
    }
    let summary = listener.summary();
    announce(options, host, &summary)?;
    if options.detached {
        detach::let_go().map_err(system("the terminal cannot be left"))?;
    }
    let dialling = plan.hosts.iter().flat_map(|host| &host.addresses);
    let dialling = dialling.copied().collect();
    let ended = listener
        .run(dialling, &mut recorder, options.ttl)
        .map_err(system(records))?;
    recorder.write(&Record::End(End {
        done: None,
        cut_short: cut_short(&ended),
        time: Some(jiff::Timestamp::now().to_string()),
    }));
    recorder.flush().map_err(system(records))?;
    tell(&ended);
    Ok(if summary.failed.is_empty() {
        Exit::Done
    } else {
        Exit::Incomplete
    })
}

fn take_pid_file(path: Option<&str>) -> Result<Option<PidFile>, Stop> {
    let Some(path) = path else {
        return Ok(None);
    };
    match PidFile::take(Path::new(path)) {
        Ok(file) => Ok(Some(file)),
        Err(error) => Err(stop(format!("`{path}` cannot be taken: {error}"), "")),
    }
}

fn recorder(path: Option<&str>) -> Result<Recorder, Stop> {
    match path {
        None | Some("-") => Ok(Recorder::new(BufWriter::new(io::stdout()))),
        Some(path) => match File::create(path) {
            Ok(file) => Ok(Recorder::new(BufWriter::new(file))),
            Err(error) => Err(stop(
                format!("`{path}` cannot be written: {error}"),
                "check the path and its permissions",
            )),
        },
    }
}

fn begin(host: &PlanHost, hash: String, listener: &Listener) -> Start {
    Start {
        portwright: RECORD_VERSION.into(),
        task: Task::Listen,
        host: host.name.clone(),
        time: jiff::Timestamp::now().to_string(),
        plan: hash,
        privileged: listener.is_privileged(),
        planned: None,
    }
}

/// Says that all is up: on standard output, unless the records go there.
fn announce(options: &Options, host: &PlanHost, summary: &Summary) -> Result<(), Stop> {
    let failed: Vec<_> = summary
        .failed
        .iter()
        .map(|(service, ..)| *service)
        .collect();
    for (why, services) in by_reason(summary) {
        output::notice(&format!("could not be opened: {services}: {why}\n"));
    }
    let line = format!(
        "listening as {}: {} answered, {} taken, {} failed, pid {}, for {:#}\n",
        host.name,
        summary.stubs.len(),
        summary.taken.len(),
        failed.len(),
        std::process::id(),
        jiff::SignedDuration::try_from(options.ttl).unwrap_or_default(),
    );
    match options.output.as_deref() {
        None | Some("-") => output::notice(&line),
        Some(_) => output::data(&line)?,
    }
    Ok(())
}

/// What could not be opened, by the reason, with ports in ranges.
fn by_reason(summary: &Summary) -> BTreeMap<&str, String> {
    let mut reasons: BTreeMap<&str, BTreeMap<(u8, Family), Vec<PortRange>>> = BTreeMap::new();
    for (service, _, why) in &summary.failed {
        let Service {
            protocol,
            family,
            port,
        } = *service;
        let ranges = reasons.entry(why).or_default();
        let ranges = ranges.entry((protocol, family)).or_default();
        let Some(port) = port else { continue };
        match ranges.last_mut() {
            Some(last) if port <= last.hi.saturating_add(1) => last.hi = last.hi.max(port),
            _ => ranges.push(PortRange::single(port)),
        }
    }
    let one = |((protocol, family), ranges): (&(u8, Family), &Vec<PortRange>)| {
        let ranges: Vec<_> = ranges.iter().map(ToString::to_string).collect();
        let family = match family {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
        };
        format!("{family} {} {}", Protocol(*protocol), ranges.join(","))
    };
    let all = |services: &BTreeMap<_, _>| {
        let parts: Vec<_> = services.iter().map(one).collect();
        parts.join("; ")
    };
    let reasons = reasons.iter();
    reasons
        .map(|(why, services)| (*why, all(services)))
        .collect()
}

fn cut_short(ended: &Ended) -> Option<String> {
    let mut why = Vec::new();
    if ended.expired {
        why.push("time to live".to_owned());
    }
    if ended.unrecorded > 0 {
        why.push(format!(
            "{} packets seen were too many to record",
            ended.unrecorded
        ));
    }
    if ended.lost > 0 {
        why.push(format!(
            "{} packets came too fast to be observed",
            ended.lost
        ));
    }
    (!why.is_empty()).then(|| why.join("; "))
}

/// What went wrong with answers; nobody else would tell.
fn tell(ended: &Ended) {
    if ended.unanswered > 0 {
        output::notice(&format!(
            "{} datagrams were not answered: too many in a second, or the same too often\n",
            ended.unanswered
        ));
    }
    if let Some((count, error)) = &ended.unsent {
        output::notice(&format!("{count} answers could not be sent: {error}\n"));
    }
}
