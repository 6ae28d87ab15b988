//! One thread that has thousands of probes under way.

use super::job::{Job, Pass, Shuffle, nonce};
use super::pace::Pace;
use super::refusers::{Fate, Refusers};
use super::socket::{ErrorQueue, Refused, Trouble};
use super::way::{Way, Wire};
use super::{Own, Planned, Settings, Sink, Summary, way_of};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use portwright::probe::{Evidence, Meaning, Nonce, Probe, classify, meaning};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Probes sent before answers are looked at again.
const AT_ONCE: usize = 64;
/// Silent probes that are held back before they are sent again.
const MOST_SILENT: usize = 100_000;
/// How often silence is asked again while listeners still answer to others: packets are lost.
const MOST_LOSSY: u32 = 5;
/// How often it is asked again while somebody goes on refusing, and for many probes.
const MOST_ROUNDS: u32 = 30;
const MOST_ROUNDS_OF_MANY: u32 = 4;
/// Probes that are many: at two answers a round they would take forever.
const MANY: usize = 1000;
/// How long a connection is kept to see whether it is reset.
const GRACE: Duration = Duration::from_millis(20);
/// How often a probe is put off because something has run out.
const MOST_SHORTAGES: u8 = 9;
/// The longest pause, so that an interruption is noticed.
const PAUSE: Duration = Duration::from_millis(100);
/// How long after an answer that is doubted the probe is sent again.
const SECOND_LOOK: Duration = Duration::from_millis(350);
/// An error about the own link that comes faster than this is a rule's: the kernel asks the link
/// for three seconds.
const TOO_FAST: Duration = Duration::from_millis(100);

/// A probe under way.
struct Flight {
    job: Job,
    wire: Wire,
    nonce: Nonce,
    sent: Instant,
    deadline: Instant,
    /// Repetitions so far.
    repeated: usize,
    /// When it was connected.
    connected: Option<Instant>,
}

/// A place for a flight, and how often it was used.
#[derive(Default)]
struct Slot {
    flight: Option<Flight>,
    turn: u32,
}

/// What runs a plan.
pub struct Engine<'a, I> {
    asks: Shuffle<I>,
    settings: &'a Settings,
    own: &'a Own,
    sink: &'a mut dyn Sink,
    poll: Poll,
    queue: ErrorQueue,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Flights.
    under_way: usize,
    /// How many flights there may be.
    most: usize,
    timers: BinaryHeap<Reverse<(Instant, usize, u32)>>,
    put_off: BTreeMap<(Instant, u64), Job>,
    /// Taken from its queue, but it was not its time.
    held: Option<Job>,
    exhausted: bool,
    silent: Vec<Job>,
    round: Round,
    refusers: Refusers,
    pace: Pace,
    done: u64,
    in_doubt: u64,
}

/// Silent probes that are being sent again.
#[derive(Default)]
struct Round {
    waiting: VecDeque<Job>,
    undecided: Vec<Job>,
    total: usize,
    recovered: usize,
    number: u32,
    running: bool,
}

impl<'a, I: Iterator<Item = Planned>> Engine<'a, I> {
    /// For these probes.
    ///
    /// # Errors
    ///
    /// Where the system has no means to wait for many sockets.
    pub fn new(
        asks: I,
        settings: &'a Settings,
        own: &'a Own,
        sink: &'a mut dyn Sink,
    ) -> io::Result<Self> {
        let most = super::room(settings.parallel);
        Ok(Self {
            asks: Shuffle::new(asks, settings.seed),
            settings,
            own,
            sink,
            poll: Poll::new()?,
            queue: ErrorQueue::default(),
            slots: Vec::new(),
            free: Vec::new(),
            under_way: 0,
            most,
            timers: BinaryHeap::new(),
            put_off: BTreeMap::new(),
            held: None,
            exhausted: false,
            silent: Vec::new(),
            round: Round::default(),
            refusers: Refusers::default(),
            pace: Pace::new(settings.rate, Instant::now()),
            done: 0,
            in_doubt: 0,
        })
    }

    /// Sends everything and waits for the answers, until it is done or told to stop.
    ///
    /// # Errors
    ///
    /// Where a result could not be handed over, or the system fails.
    pub fn run(mut self, stop: &AtomicBool) -> io::Result<Summary> {
        let mut events = Events::with_capacity(1024);
        let mut cut_short = false;
        while !self.is_done() {
            if stop.load(Ordering::Relaxed) {
                cut_short = true;
                break;
            }
            let pause = self.launch()?;
            if !pause.is_zero() {
                self.sink.idle()?;
            }
            if let Err(error) = self.poll.poll(&mut events, Some(pause)) {
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            for event in &events {
                let calm = event.is_writable() && !event.is_error() && !event.is_write_closed();
                self.ready(event.token(), calm)?;
            }
            self.expire()?;
            self.turn_over()?;
        }
        if cut_short {
            self.keep_what_is_known()?;
        }
        Ok(Summary {
            done: self.done,
            lowered_to: self.pace.lowered_to(),
            cut_short,
            in_doubt: self.in_doubt,
        })
    }

    fn is_done(&self) -> bool {
        self.exhausted
            && self.held.is_none()
            && self.under_way == 0
            && self.put_off.is_empty()
            && self.silent.is_empty()
            && !self.round.running
    }

    /// Sends what may be sent; how long to wait at most for answers.
    fn launch(&mut self) -> io::Result<Duration> {
        for _ in 0..AT_ONCE {
            let now = Instant::now();
            if self.under_way >= self.most {
                return Ok(self.until_a_timer(now));
            }
            let Some(job) = self.held.take().or_else(|| self.next(now)) else {
                return Ok(self.until_a_timer(now));
            };
            if let Err(wait) = self.pace.take(now) {
                self.held = Some(job);
                return Ok(wait.min(self.until_a_timer(now)));
            }
            self.start(job, now)?;
        }
        Ok(Duration::ZERO)
    }

    fn until_a_timer(&self, now: Instant) -> Duration {
        let timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        let put_off = self.put_off.first_key_value().map(|((at, _), _)| *at);
        let first = timer.into_iter().chain(put_off).min();
        first.map_or(PAUSE, |at| at.saturating_duration_since(now).min(PAUSE))
    }

    /// The next probe whose time has come.
    fn next(&mut self, now: Instant) -> Option<Job> {
        if let Some(entry) = self.put_off.first_entry()
            && entry.key().0 <= now
        {
            return Some(entry.remove());
        }
        if self.round.running {
            return self.round.waiting.pop_front();
        }
        if self.silent.len() >= MOST_SILENT || self.exhausted {
            return None;
        }
        let ask = self.asks.next();
        self.exhausted = ask.is_none();
        ask.map(Job::new)
    }

    fn start(&mut self, mut job: Job, now: Instant) -> io::Result<()> {
        let ask = job.ask;
        if self.own.interface(ask.from).is_none() {
            let why = format!("this machine does not have the address {}", ask.from);
            return self.report(&job, Evidence::NotTried { why }, Duration::ZERO);
        }
        let way = way_of(ask.protocol);
        let nonce = nonce(&ask, self.settings.seed);
        job.tries += 1;
        let refused = match way.start(&ask, nonce, self.own, &mut self.queue) {
            Ok(wire) => match self.fly(job, wire, nonce, way, now) {
                Ok(()) => return Ok(()),
                Err((back, trouble)) => {
                    job = back;
                    trouble.into()
                }
            },
            Err(refused) => refused,
        };
        match refused {
            Refused::Evidence(evidence) => self.answered(job, evidence, now.elapsed()),
            Refused::Trouble(Trouble::Never(why)) => {
                self.report(&job, Evidence::NotTried { why }, Duration::ZERO)
            }
            Refused::Trouble(Trouble::Again(errno)) => {
                job.tries -= 1;
                self.short_of(job, errno, now)
            }
        }
    }

    /// Waits for the answer to what was sent.
    fn fly(
        &mut self,
        job: Job,
        wire: Wire,
        nonce: Nonce,
        way: &dyn Way,
        now: Instant,
    ) -> Result<(), (Job, Trouble)> {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let Some(slot) = self.slots.get_mut(at) else {
            return Ok(());
        };
        slot.turn = slot.turn.wrapping_add(1);
        let token = Token(at << 32 | slot.turn as usize);
        let fd = wire.socket.as_raw_fd();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        if let Err(error) = registry.register(&mut SourceFd(&fd), token, interest) {
            self.free.push(at);
            let errno = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(0));
            return Err((job, Trouble::Again(errno)));
        }
        let deadline = now + self.settings.wait(job.pass);
        let repeat = way.resends().first().map(|after| now + *after);
        let timer = repeat.map_or(deadline, |repeat| repeat.min(deadline));
        self.timers.push(Reverse((timer, at, slot.turn)));
        self.under_way += 1;
        slot.flight = Some(Flight {
            job,
            wire,
            nonce,
            sent: now,
            deadline,
            repeated: 0,
            connected: None,
        });
        Ok(())
    }

    fn land(&mut self, at: usize) -> Option<Flight> {
        let flight = self.slots.get_mut(at)?.flight.take()?;
        self.free.push(at);
        self.under_way -= 1;
        Some(flight)
    }

    /// A socket has something to say.
    fn ready(&mut self, token: Token, calm: bool) -> io::Result<()> {
        let (at, turn) = (token.0 >> 32, token.0 as u32);
        let Some(slot) = self.slots.get_mut(at).filter(|slot| slot.turn == turn) else {
            return Ok(());
        };
        let Some(flight) = &mut slot.flight else {
            return Ok(());
        };
        let ask = flight.job.ask;
        let way = way_of(ask.protocol);
        let answer = way.read(&ask, flight.nonce, &flight.wire, calm, &mut self.queue);
        match (answer, flight.connected) {
            (None, _) => Ok(()),
            (Some(Evidence::Connected), None) if ask.protocol == 6 => {
                let now = Instant::now();
                flight.connected = Some(now);
                flight.deadline = now + GRACE;
                self.timers.push(Reverse((flight.deadline, at, turn)));
                Ok(())
            }
            (Some(Evidence::ConnectedThenReset), Some(then)) => {
                self.finish(at, Evidence::ConnectedThenReset, then)
            }
            (Some(_), Some(then)) => self.finish(at, Evidence::Connected, then),
            (Some(evidence), None) => self.finish(at, evidence, Instant::now()),
        }
    }

    fn finish(&mut self, at: usize, evidence: Evidence, now: Instant) -> io::Result<()> {
        let Some(Flight { job, sent, .. }) = self.land(at) else {
            return Ok(());
        };
        let took = now.saturating_duration_since(sent);
        self.answered(job, evidence, took)
    }

    /// Repeats and gives up what is due.
    fn expire(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some(&Reverse((due, at, turn))) = self.timers.peek() {
            if due > now {
                break;
            }
            self.timers.pop();
            let Some(slot) = self.slots.get_mut(at).filter(|slot| slot.turn == turn) else {
                continue;
            };
            let Some(flight) = &mut slot.flight else {
                continue;
            };
            if now >= flight.deadline {
                match flight.connected {
                    Some(then) => self.finish(at, Evidence::Connected, then)?,
                    None => self.fell_silent(at)?,
                }
                continue;
            }
            let ask = flight.job.ask;
            let way = way_of(ask.protocol);
            flight.repeated += 1;
            let next = way.resends().get(flight.repeated).copied();
            let next = next.map_or(flight.deadline, |after| flight.sent + after);
            let timer = next.min(flight.deadline);
            self.timers.push(Reverse((timer, at, turn)));
            flight.job.tries += 1;
            let sent = way.again(&ask, flight.nonce, &flight.wire, &mut self.queue);
            if let Err(Refused::Evidence(evidence)) = sent {
                self.finish(at, evidence, now)?;
            }
        }
        Ok(())
    }

    /// Something has run out, here: no matter of firewalls.
    fn short_of(&mut self, mut job: Job, errno: nix::errno::Errno, now: Instant) -> io::Result<()> {
        use nix::errno::Errno::{EMFILE, ENFILE};
        let flying = self.under_way;
        if matches!(errno, EMFILE | ENFILE) && flying > 0 {
            self.most = flying;
            self.held = Some(job);
            return Ok(());
        }
        if job.shortages >= MOST_SHORTAGES {
            let why = format!("something had run out, {} times: {errno}", job.shortages);
            return self.report(&job, Evidence::NotTried { why }, Duration::ZERO);
        }
        self.pace.strained(now);
        let wait = Duration::from_millis((25 << job.shortages).min(2000));
        job.shortages += 1;
        self.put_off(job, now + wait);
        Ok(())
    }

    fn put_off(&mut self, job: Job, until: Instant) {
        let number = self.put_off.last_key_value().map_or(0, |((_, n), _)| n + 1);
        let mut key = (until, number);
        while self.put_off.contains_key(&key) {
            key.1 += 1;
        }
        self.put_off.insert(key, job);
    }

    fn answered(&mut self, mut job: Job, evidence: Evidence, took: Duration) -> io::Result<()> {
        let now = Instant::now();
        let evidence = match self.doubt(&job, evidence, took) {
            Ok(evidence) => evidence,
            Err(()) => {
                job.looks += 1;
                self.put_off(job, now + SECOND_LOOK);
                return Ok(());
            }
        };
        let by_listener = matches!(
            evidence,
            Evidence::Connected | Evidence::Reset | Evidence::Reply { .. }
        );
        if by_listener {
            let again = job.pass != Pass::First;
            let late = again || way_of(job.ask.protocol).is_slow(took);
            self.pace.answered(late, now);
            self.round.recovered += usize::from(again);
        }
        self.refusers.learn(&job.ask, &evidence, self.own);
        self.report(&job, evidence, took)
    }

    /// Answers that deserve a second look: `Err` to send the probe again.
    fn doubt(&self, job: &Job, evidence: Evidence, took: Duration) -> Result<Evidence, ()> {
        match &evidence {
            // A full table of connections looks like a rule, for a moment.
            Evidence::LocalError { errno, .. } if errno == "EPERM" && job.looks < 1 => Err(()),
            // This host says so about its own link, after three seconds; at once, a rule of its
            // own does. A probe that was sent when others had waited hears of it early, too.
            Evidence::Icmp {
                offender,
                icmp_type,
                icmp_code,
            } if took < TOO_FAST
                && self.own.interface(*offender).is_some()
                && matches!(
                    meaning(*offender, *icmp_type, *icmp_code),
                    Some((Meaning::Host, _))
                ) =>
            {
                if job.looks < 2 {
                    return Err(());
                }
                Ok(Evidence::LocalError {
                    call: "connect".into(),
                    errno: "EHOSTUNREACH".into(),
                })
            }
            _ => Ok(evidence),
        }
    }

    fn fell_silent(&mut self, at: usize) -> io::Result<()> {
        let Some(Flight { mut job, .. }) = self.land(at) else {
            return Ok(());
        };
        if job.pass == Pass::First {
            job.pass = Pass::Confirm;
            self.silent.push(job);
        } else {
            self.round.undecided.push(job);
        }
        Ok(())
    }

    fn report_silence(&mut self, job: &Job) -> io::Result<()> {
        let waited = self.settings.confirm.as_millis() as u64;
        let took = self.settings.confirm;
        self.report(job, Evidence::Silence { waited }, took)
    }

    /// Starts a round for those who were silent, or ends it: silence is believed when asking
    /// again has brought next to nothing.
    fn turn_over(&mut self) -> io::Result<()> {
        if self.under_way > 0 || self.held.is_some() || !self.put_off.is_empty() {
            return Ok(());
        }
        if !self.round.running {
            let full = self.silent.len() >= MOST_SILENT;
            if (self.exhausted || full) && !self.silent.is_empty() {
                let silent = std::mem::take(&mut self.silent);
                self.begin_round(silent, 1);
            }
            return Ok(());
        }
        if !self.round.waiting.is_empty() {
            return Ok(());
        }
        let round = std::mem::take(&mut self.round);
        let lossy = round.recovered * 100 > round.total;
        if lossy && round.number < MOST_LOSSY && !round.undecided.is_empty() {
            self.pace.lower(Instant::now());
            self.begin_round(round.undecided, round.number + 1);
            return Ok(());
        }
        let again = self.settle(round.undecided)?;
        let most = if again.len() > MANY {
            MOST_ROUNDS_OF_MANY
        } else {
            MOST_ROUNDS
        };
        if again.is_empty() {
            return Ok(());
        }
        if round.number < most {
            self.begin_round(again, round.number + 1);
            return Ok(());
        }
        self.in_doubt += again.len() as u64;
        again.iter().try_for_each(|job| self.report_silence(job))
    }

    fn begin_round(&mut self, jobs: Vec<Job>, number: u32) {
        self.refusers.begin_round();
        self.round = Round {
            total: jobs.len(),
            waiting: jobs.into(),
            number,
            running: true,
            ..Round::default()
        };
    }

    /// What stayed silent: it is said so, unless somebody goes on refusing who may refuse it, too:
    /// those are returned.
    fn settle(&mut self, silent: Vec<Job>) -> io::Result<Vec<Job>> {
        let mut again = Vec::new();
        for mut job in silent {
            match self.refusers.fate(&job.ask) {
                Fate::Silent => self.report_silence(&job)?,
                Fate::Known(evidence) => self.report(&job, evidence, self.settings.confirm)?,
                Fate::Again => {
                    job.pass = Pass::Again;
                    again.push(job);
                }
            }
        }
        Ok(again)
    }

    /// After an interruption: what was silent twice is a result, unless it may have been refused.
    fn keep_what_is_known(&mut self) -> io::Result<()> {
        let again = self.round.waiting.drain(..);
        let mut silent: Vec<Job> = again.filter(|job| job.pass == Pass::Again).collect();
        silent.append(&mut self.round.undecided);
        self.settle(silent).map(drop)
    }

    fn report(&mut self, job: &Job, evidence: Evidence, took: Duration) -> io::Result<()> {
        let ask = &job.ask;
        let judged = classify(&evidence, ask.protocol, ask.to, self.own.addresses(), None);
        let carries = ask.protocol != 6 && !matches!(evidence, Evidence::NotTried { .. });
        self.done += 1;
        self.sink.probe(&Probe {
            from: ask.from,
            to: ask.to,
            protocol: ask.protocol,
            port: ask.port,
            verdict: judged.verdict,
            evidence,
            tries: job.tries,
            micros: took.as_micros() as u64,
            nonce: carries.then(|| nonce(ask, self.settings.seed).to_string()),
        })
    }
}
