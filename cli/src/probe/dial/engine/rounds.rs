//! Silence: who is asked again, and when it is believed.

use super::{Engine, Flight, MOST_SILENT};
use crate::probe::dial::job::{Job, Pass};
use crate::probe::dial::refusers::Fate;
use portwright::probe::{Evidence, Planned};
use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

/// How often silence is asked again while listeners still answer to others: packets are lost.
const MOST_LOSSY: u32 = 5;
/// How often it is asked again while somebody goes on refusing, and for many probes.
const MOST_ROUNDS: u32 = 30;
const MOST_ROUNDS_OF_MANY: u32 = 4;
/// Probes that are many: at two answers a round they would take forever.
const MANY: usize = 1000;

/// Silent probes that are few: one more round of all of them costs little.
const FEW: usize = 100;
/// Until a router has given up asking for a missing host, and may say so again for three packets.
const QUIET: Duration = Duration::from_millis(3200);

/// Silent probes that are being sent again.
#[derive(Default)]
pub(super) struct Round {
    pub waiting: VecDeque<Job>,
    pub undecided: Vec<Job>,
    pub total: usize,
    pub recovered: usize,
    pub number: u32,
    pub running: bool,
}

impl<I: Iterator<Item = Planned>> Engine<'_, I> {
    pub(super) fn fell_silent(&mut self, at: usize) -> io::Result<()> {
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
    pub(super) fn turn_over(&mut self) -> io::Result<()> {
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
        let total = jobs.len();
        let is_mute = |job: &Job| job.pass == Pass::Mute;
        let (mute, waiting): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(is_mute);
        let after = Instant::now() + QUIET;
        for job in mute {
            self.put_off(job, after);
        }
        self.round = Round {
            total,
            waiting: waiting.into(),
            number,
            running: true,
            ..Round::default()
        };
    }

    /// What stayed silent: it is said so, unless somebody goes on refusing who may refuse it, too:
    /// those are returned.
    fn settle(&mut self, silent: Vec<Job>) -> io::Result<Vec<Job>> {
        let mut again = Vec::new();
        let few = silent.len() <= FEW;
        for mut job in silent {
            match self.refusers.fate(&job.ask, few) {
                Fate::Silent => self.report_silence(&job)?,
                Fate::Known(evidence) => self.report(&job, evidence, self.settings.confirm)?,
                Fate::Again => {
                    job.pass = Pass::Again;
                    again.push(job);
                }
                Fate::Mute => {
                    job.pass = Pass::Mute;
                    again.push(job);
                }
            }
        }
        Ok(again)
    }

    /// After an interruption: what was silent twice is a result, unless it may have been refused.
    pub(super) fn keep_what_is_known(&mut self) -> io::Result<()> {
        let again = self.round.waiting.drain(..);
        let mut silent: Vec<Job> = again.filter(|job| job.pass == Pass::Again).collect();
        silent.append(&mut self.round.undecided);
        self.settle(silent).map(drop)
    }
}
