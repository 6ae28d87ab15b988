//! One thread that has thousands of probes under way.

mod answers;
mod rounds;

use super::job::{Job, Shuffle, nonce};
use super::pace::Pace;
use super::refusers::Refusers;
use super::socket::{ErrorQueue, Refused, Trouble};
use super::way::{Way, Wire};
use super::{Own, Planned, Settings, Sink, Summary, way_of};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use portwright::probe::{Evidence, Nonce};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Probes sent before answers are looked at again.
const AT_ONCE: usize = 64;
/// Answers that are looked at together.
const MOST_EVENTS: usize = 1024;
/// Landings after which one more flight is dared, when there could be more.
const GROW_AFTER: u64 = 32;
/// Silent probes that are held back before they are sent again.
const MOST_SILENT: usize = 100_000;
/// Probes that wait for something that has run out.
const MOST_PUT_OFF: usize = 1000;
/// How long a connection is kept to see whether it is reset.
const GRACE: Duration = Duration::from_millis(20);
/// How often a probe is put off because something has run out.
const MOST_SHORTAGES: u8 = 9;
/// The longest pause, so that an interruption is noticed.
const PAUSE: Duration = Duration::from_millis(100);

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
    /// How many flights there may be now, and how many at most.
    most: usize,
    room: usize,
    landings: u64,
    timers: BinaryHeap<Reverse<(Instant, usize, u32)>>,
    put_off: BTreeMap<(Instant, u64), Job>,
    /// Taken from its queue, but it was not its time.
    held: Option<Job>,
    exhausted: bool,
    silent: Vec<Job>,
    round: rounds::Round,
    refusers: Refusers,
    pace: Pace,
    done: u64,
    in_doubt: u64,
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
        let room = super::room(settings.parallel);
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
            most: room,
            room,
            landings: 0,
            timers: BinaryHeap::new(),
            put_off: BTreeMap::new(),
            held: None,
            exhausted: false,
            silent: Vec::new(),
            round: rounds::Round::default(),
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
        let mut events = Events::with_capacity(MOST_EVENTS);
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
            if let Err(error) = self.poll.poll(&mut events, Some(pause))
                && error.kind() != io::ErrorKind::Interrupted
            {
                return Err(error);
            }
            let mut seen = 0;
            for event in &events {
                let calm = event.is_writable() && !event.is_error() && !event.is_write_closed();
                self.ready(event.token(), calm)?;
                seen += 1;
            }
            // After a standstill of ours answers may wait that are older than any deadline.
            if seen < MOST_EVENTS {
                self.expire()?;
                self.turn_over()?;
            }
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
        let full = self.silent.len() >= MOST_SILENT || self.put_off.len() >= MOST_PUT_OFF;
        if full || self.exhausted {
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
        // Its place is enough: places are given anew only between two looks at what is ready.
        let token = Token(at);
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
        self.landings += 1;
        if self.landings.is_multiple_of(GROW_AFTER) {
            self.most = (self.most + 1).min(self.room);
        }
        Some(flight)
    }

    /// A socket has something to say.
    fn ready(&mut self, token: Token, calm: bool) -> io::Result<()> {
        let at = token.0;
        let Some(Slot {
            flight: Some(flight),
            turn,
        }) = self.slots.get_mut(at)
        else {
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
                self.timers.push(Reverse((flight.deadline, at, *turn)));
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
            if flight.connected.is_some() {
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
}
