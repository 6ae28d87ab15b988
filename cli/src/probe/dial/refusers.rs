//! Who refuses with ICMP errors. Kernels send six of them at once and then one a second to each
//! address (`icmp_ratelimit`), so that the silence of others behind the same refuser says nothing
//! yet. While somebody goes on refusing, those who may wait for its word are asked again; a round
//! in which it says nothing more, although it could, proves their silence.

use super::{Own, Planned};
use portwright::probe::{Evidence, meaning};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What becomes of a probe that stayed silent in a round.
pub enum Fate {
    /// Silence it is.
    Silent,
    /// Its host is known not to be there.
    Known(Evidence),
    /// It may have been refused without a word: it must be sent again.
    Again,
    /// The same, but nothing at all has come from there: it must be sent into silence.
    Mute,
}

/// What is known of refusers.
#[derive(Default)]
pub struct Refusers {
    /// Who refused something to an address.
    of: BTreeMap<IpAddr, IpAddr>,
    /// Who has refused in this round, and whether it was for others.
    active: BTreeMap<IpAddr, bool>,
    /// Addresses that somebody says are not there, by source and target.
    gone: BTreeMap<(IpAddr, IpAddr), Evidence>,
    /// Addresses that have answered.
    alive: BTreeSet<IpAddr>,
    /// Whether anybody has ever refused for others, in IPv4 and in IPv6.
    routers: [bool; 2],
    /// Pairs of addresses without any answer that are asked once more, and in which round that was
    /// decided.
    mute: BTreeMap<(IpAddr, IpAddr), u32>,
    round: u32,
}

impl Refusers {
    /// Forgets who has refused lately.
    pub fn begin_round(&mut self) {
        self.active.clear();
        self.round += 1;
    }

    /// Takes note of an answer.
    pub fn learn(&mut self, ask: &Planned, evidence: &Evidence, own: &Own) {
        match evidence {
            Evidence::Icmp {
                offender,
                icmp_type,
                icmp_code,
            } => {
                let meaning = meaning(*offender, *icmp_type, *icmp_code);
                let about_host = meaning.is_some_and(|(meaning, _)| meaning.is_about_host());
                if about_host && *offender != ask.to {
                    let gone = self.gone.entry((ask.from, ask.to));
                    gone.or_insert_with(|| evidence.clone());
                } else if own.interface(*offender).is_none() {
                    // This host's own errors are not held back.
                    self.refused(ask, *offender);
                }
            }
            Evidence::LocalError { .. } | Evidence::NotTried { .. } | Evidence::Silence { .. } => {}
            _ => {
                self.alive.insert(ask.to);
            }
        }
    }

    fn refused(&mut self, ask: &Planned, offender: IpAddr) {
        self.of.insert(ask.to, offender);
        if offender == ask.to {
            self.alive.insert(ask.to);
        }
        *self.active.entry(offender).or_default() |= offender != ask.to;
        if offender != ask.to {
            self.routers[usize::from(offender.is_ipv6())] = true;
        }
    }

    /// What silence means for a probe after this round; `few` where only few are silent, so that
    /// time spent on them is short.
    pub fn fate(&mut self, ask: &Planned, few: bool) -> Fate {
        if !self.alive.contains(&ask.to)
            && let Some(evidence) = self.gone.get(&(ask.from, ask.to))
        {
            return Fate::Known(evidence.clone());
        }
        let own_refuser = self.of.get(&ask.to);
        let speaks = own_refuser.is_some_and(|who| self.active.contains_key(who));
        let on_the_way = || {
            let same_family = |who: &IpAddr| who.is_ipv6() == ask.to.is_ipv6();
            let mut active = self.active.iter();
            active.any(|(who, for_others)| *for_others && same_family(who))
        };
        if speaks || on_the_way() {
            Fate::Again
        } else if self.is_mute(ask, few) {
            Fate::Mute
        } else {
            Fate::Silent
        }
    }

    /// Whether nothing at all has come from an address. What a router has to say of a missing host
    /// comes three seconds late and then for every packet that waited, of all who dial it, so that
    /// it may have been held back. One more round after a pause tells; where many are silent, only
    /// behind a router that is known to refuse.
    fn is_mute(&mut self, ask: &Planned, few: bool) -> bool {
        let behind = self.routers[usize::from(ask.to.is_ipv6())];
        if self.alive.contains(&ask.to) || !(few || behind) {
            return false;
        }
        let decided = self.mute.entry((ask.from, ask.to)).or_insert(self.round);
        *decided == self.round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(to: &str) -> Planned {
        Planned {
            from: "10.0.0.1".parse().unwrap(),
            to: to.parse().unwrap(),
            protocol: 6,
            port: Some(80),
            icmp: None,
            flow: 0,
        }
    }

    fn error(offender: &str, icmp_code: u8) -> Evidence {
        Evidence::Icmp {
            offender: offender.parse().unwrap(),
            icmp_type: 3,
            icmp_code,
        }
    }

    #[test]
    fn silence_beside_a_refuser_is_asked_again_until_it_has_no_more_to_say() {
        let own = Own::default();
        let mut refusers = Refusers::default();
        let (near, far) = (ask("10.0.1.1"), ask("10.0.2.1"));
        assert!(matches!(refusers.fate(&near, false), Fate::Silent));
        assert!(matches!(refusers.fate(&near, true), Fate::Mute));
        refusers.learn(&near, &error("10.0.1.1", 13), &own);
        assert!(matches!(refusers.fate(&near, false), Fate::Again));
        assert!(matches!(refusers.fate(&far, false), Fate::Silent));
        // A router may refuse for everybody.
        refusers.learn(&near, &error("10.0.0.254", 13), &own);
        assert!(matches!(refusers.fate(&far, false), Fate::Again));
        refusers.begin_round();
        assert!(matches!(refusers.fate(&near, false), Fate::Silent));
        // Nothing has come from there yet: it is given one more round, with all its ports.
        assert!(matches!(refusers.fate(&far, false), Fate::Mute));
        assert!(matches!(refusers.fate(&far, false), Fate::Mute));
        refusers.begin_round();
        assert!(matches!(refusers.fate(&far, false), Fate::Silent));
    }

    #[test]
    fn an_address_that_nobody_has_is_gone_for_all_its_ports() {
        let own = Own::default();
        let mut refusers = Refusers::default();
        let (gone, other) = (ask("10.0.1.1"), ask("10.0.1.2"));
        let said = error("10.0.0.254", 1);
        refusers.learn(&gone, &said, &own);
        refusers.begin_round();
        assert!(matches!(refusers.fate(&gone, false), Fate::Known(evidence) if evidence == said));
        assert!(matches!(refusers.fate(&other, false), Fate::Silent));
        // What has answered is there, whatever a rule says for some of its ports.
        refusers.learn(&gone, &Evidence::Connected, &own);
        assert!(matches!(refusers.fate(&gone, false), Fate::Silent));
    }
}
