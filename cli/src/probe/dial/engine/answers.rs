//! Answers: what is doubted, what is learnt from them, what is reported.

use super::Engine;
use crate::probe::dial::job::{Job, Pass, nonce};
use crate::probe::dial::way_of;
use portwright::probe::{Evidence, Meaning, Planned, Probe, classify, meaning};
use std::io;
use std::time::{Duration, Instant};

/// How long after an answer that is doubted the probe is sent again.
const SECOND_LOOK: Duration = Duration::from_millis(350);
/// An error about the own link that comes faster than this is a rule's: the kernel asks the link
/// for three seconds.
const TOO_FAST: Duration = Duration::from_millis(100);

impl<I: Iterator<Item = Planned>> Engine<'_, I> {
    pub(super) fn answered(
        &mut self,
        mut job: Job,
        evidence: Evidence,
        took: Duration,
    ) -> io::Result<()> {
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
            let late = way_of(job.ask.protocol).is_slow(took);
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

    pub(super) fn report(
        &mut self,
        job: &Job,
        evidence: Evidence,
        took: Duration,
    ) -> io::Result<()> {
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
