//! Who refuses with ICMP errors. Kernels send six of them at once and then one a second to each
//! address (`icmp_ratelimit`), so that the silence of others behind the same refuser says nothing
//! until they were asked one at a time.

use super::job::Job;
use super::{Ask, Own};
use portwright::probe::{Evidence, meaning};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Between two probes that are sent alone: what the kernel of a refuser asks for, and a bit.
pub const APART: Duration = Duration::from_millis(1050);
/// How many probes are sent alone for one refuser; two minutes.
const MOST_ALONE: usize = 120;

/// What becomes of a probe that stayed silent.
pub enum Fate {
    /// Silence it is.
    Silent,
    /// Its host is known not to be there.
    Known(Evidence),
    /// It must be sent alone, when this refuser can answer again.
    Alone(IpAddr),
}

/// Probes that wait for a refuser.
struct Lane {
    waiting: VecDeque<Job>,
    next: Instant,
    taken: usize,
}

/// What is known of refusers.
#[derive(Default)]
pub struct Refusers {
    /// Who refused something to an address.
    of: BTreeMap<IpAddr, IpAddr>,
    /// Who refused what was for others, and how much.
    routers: BTreeMap<IpAddr, u32>,
    /// Addresses that somebody says are not there.
    gone: BTreeMap<(IpAddr, IpAddr), Evidence>,
    /// Addresses that have answered.
    alive: BTreeSet<IpAddr>,
    lanes: BTreeMap<IpAddr, Lane>,
    in_doubt: u64,
}

impl Refusers {
    /// Takes note of an answer.
    pub fn learn(&mut self, ask: &Ask, evidence: &Evidence, own: &Own) {
        let Evidence::Icmp {
            offender,
            icmp_type,
            icmp_code,
        } = evidence
        else {
            if !matches!(
                evidence,
                Evidence::LocalError { .. } | Evidence::NotTried { .. } | Evidence::Silence { .. }
            ) {
                self.alive.insert(ask.to);
            }
            return;
        };
        let about_host = meaning(*offender, *icmp_type, *icmp_code)
            .is_some_and(|(meaning, _)| meaning.is_about_host());
        if about_host && *offender != ask.to {
            self.gone
                .entry((ask.from, ask.to))
                .or_insert_with(|| evidence.clone());
        } else if own.interface(*offender).is_none() {
            // This host's own errors are not held back.
            self.of.insert(ask.to, *offender);
            if *offender == ask.to {
                self.alive.insert(ask.to);
            } else {
                *self.routers.entry(*offender).or_default() += 1;
            }
        }
    }

    /// What silence means for a probe.
    pub fn fate(&mut self, ask: &Ask) -> Fate {
        if !self.alive.contains(&ask.to)
            && let Some(evidence) = self.gone.get(&(ask.from, ask.to))
        {
            return Fate::Known(evidence.clone());
        }
        let same_family = |who: &&IpAddr| who.is_ipv6() == ask.to.is_ipv6();
        let busiest = || {
            let routers = self.routers.iter().filter(|(who, _)| same_family(who));
            routers
                .max_by_key(|(_, count)| **count)
                .map(|(who, _)| *who)
        };
        let Some(refuser) = self.of.get(&ask.to).copied().or_else(busiest) else {
            return Fate::Silent;
        };
        let full = |lane: &Lane| lane.taken >= MOST_ALONE;
        if self.lanes.get(&refuser).is_some_and(full) {
            self.in_doubt += 1;
            return Fate::Silent;
        }
        Fate::Alone(refuser)
    }

    /// Lets a probe wait for its refuser.
    pub fn ask_alone(&mut self, refuser: IpAddr, job: Job, now: Instant) {
        let lane = self.lanes.entry(refuser).or_insert_with(|| Lane {
            waiting: VecDeque::new(),
            next: now + APART,
            taken: 0,
        });
        lane.taken += 1;
        lane.waiting.push_back(job);
    }

    /// The next probe that may go alone.
    pub fn next(&mut self, now: Instant) -> Option<Job> {
        let mut lanes = self.lanes.values_mut();
        let lane = lanes.find(|lane| lane.next <= now && !lane.waiting.is_empty())?;
        lane.next = now + APART;
        lane.waiting.pop_front()
    }

    /// When [`Refusers::next`] will have one.
    pub fn next_at(&self) -> Option<Instant> {
        let waiting = self.lanes.values().filter(|lane| !lane.waiting.is_empty());
        waiting.map(|lane| lane.next).min()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lanes.values().all(|lane| lane.waiting.is_empty())
    }

    /// Probes whose silence was believed although a refuser may have held back its answer.
    pub fn in_doubt(&self) -> u64 {
        self.in_doubt
    }
}
