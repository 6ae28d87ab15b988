//! How fast to send: a bucket of tokens whose rate falls when answers get lost.

use std::time::{Duration, Instant};

/// Never slower than this, in packets a second.
const SLOWEST: f64 = 100.0;
/// Of a window's answers, how many hundredths may come late before the rate is lowered.
const MOST_LATE: u32 = 2;
/// Answers that make a window.
const WINDOW: u32 = 100;
/// Sent at once after a pause, in seconds' worth of tokens.
const BURST: f64 = 0.01;

/// When the next packet may go.
pub struct Pace {
    /// Packets a second; none without a limit.
    rate: Option<f64>,
    /// What was asked for.
    most: Option<f64>,
    tokens: f64,
    filled: Instant,
    answers: u32,
    late: u32,
    sent: u64,
    window: (Instant, u64),
    lowest: Option<f64>,
}

impl Pace {
    /// At most so many packets a second; none for no limit.
    pub fn new(most: Option<u32>, now: Instant) -> Self {
        let most = most.map(f64::from);
        Self {
            rate: most,
            most,
            tokens: 1.0,
            filled: now,
            answers: 0,
            late: 0,
            sent: 0,
            window: (now, 0),
            lowest: None,
        }
    }

    /// Takes the right to send a packet, or says how long to wait for it.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let Some(rate) = self.rate else {
            self.sent += 1;
            return Ok(());
        };
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min((rate * BURST).max(1.0));
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            self.sent += 1;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - self.tokens) / rate))
        }
    }

    /// An answer came; late where it was one to a repetition.
    pub fn answered(&mut self, late: bool, now: Instant) {
        self.answers += 1;
        self.late += u32::from(late);
        if self.answers < WINDOW && self.late < WINDOW / 10 {
            return;
        }
        if self.late * 100 > self.answers * MOST_LATE {
            self.lower(now);
        } else if let (Some(rate), Some(lowest)) = (self.rate, self.lowest) {
            // Back up by small steps, never to where answers were lost.
            let most = self.most.unwrap_or(f64::INFINITY).min(lowest * 1.5);
            self.rate = Some((rate * 1.02).min(most).max(SLOWEST));
        }
        self.start_window(now);
    }

    /// Half of what is being sent: answers are lost.
    pub fn lower(&mut self, now: Instant) {
        let measured = self.measured(now);
        let rate = self.rate.unwrap_or(f64::INFINITY).min(measured) / 2.0;
        let rate = rate.max(SLOWEST).min(self.most.unwrap_or(f64::INFINITY));
        self.rate = Some(rate);
        self.lowest = Some(self.lowest.unwrap_or(f64::INFINITY).min(rate));
        self.tokens = self.tokens.min(1.0);
        self.filled = now;
        self.start_window(now);
    }

    /// Something has run out here: slower, but not with every error of the same shortage.
    pub fn strained(&mut self, now: Instant) {
        let (began, _) = self.window;
        if now.saturating_duration_since(began) >= Duration::from_millis(500) {
            self.lower(now);
        }
    }

    /// The lowest rate that was needed, where it was lowered at all.
    pub fn lowered_to(&self) -> Option<u32> {
        self.lowest.map(|rate| rate as u32)
    }

    fn start_window(&mut self, now: Instant) {
        self.answers = 0;
        self.late = 0;
        self.window = (now, self.sent);
    }

    /// Packets a second since the window began.
    fn measured(&self, now: Instant) -> f64 {
        let (began, sent) = self.window;
        let passed = now.saturating_duration_since(began).as_secs_f64();
        (self.sent.saturating_sub(sent)) as f64 / passed.max(0.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what is given for a second; how many.
    fn second(pace: &mut Pace, from: Instant) -> u32 {
        let step = Duration::from_micros(250);
        let mut sent = 0;
        for tick in 0..4000 {
            while pace.take(from + step * tick).is_ok() {
                sent += 1;
                if sent > 100_000 {
                    return sent;
                }
            }
        }
        sent
    }

    #[test]
    fn the_rate_is_kept() {
        for rate in [1, 100, 2000, 10_000] {
            let now = Instant::now();
            let mut pace = Pace::new(Some(rate), now);
            let sent = second(&mut pace, now);
            assert!(sent.abs_diff(rate) <= rate / 50 + 1, "{sent} at {rate}");
        }
        let now = Instant::now();
        assert!(second(&mut Pace::new(None, now), now) > 100_000);
    }

    #[test]
    fn a_pause_makes_no_burst() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(1000), now);
        let later = now + Duration::from_secs(60);
        let sent = (0..1000).take_while(|_| pace.take(later).is_ok()).count();
        assert!(sent <= 10, "{sent}");
    }

    #[test]
    fn late_answers_lower_the_rate_and_it_does_not_climb_back() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(2000), now);
        let mut at = now;
        for _ in 0..5 {
            second(&mut pace, at);
            at += Duration::from_secs(1);
            for answer in 0..WINDOW {
                pace.answered(answer % 10 == 0, at);
            }
        }
        let low = pace.lowered_to().expect("lowered");
        assert!((100..=200).contains(&low), "{low}");
        for _ in 0..10_000 {
            pace.answered(false, at);
        }
        assert!(second(&mut pace, at) <= low * 2);
    }

    #[test]
    fn answers_in_time_leave_it_alone() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(2000), now);
        for answer in 0..10_000 {
            pace.answered(answer % 100 == 0, now);
        }
        assert_eq!(pace.lowered_to(), None);
    }
}
