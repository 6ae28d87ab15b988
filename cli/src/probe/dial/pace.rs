//! How fast to send: a bucket of tokens whose rate falls when answers get lost.

use std::time::{Duration, Instant};

/// Never slower than this, in packets a second.
const SLOWEST: f64 = 100.0;
/// Of a window's answers, how many hundredths may come late before the rate is lowered.
const MOST_LATE: u32 = 2;
/// Answers that make a window.
const WINDOW: u32 = 100;
/// How often the rate is halved in vain before it is taken for blameless.
const USELESS: usize = 4;
/// Answers that come sooner after the rate was lowered are to what was sent before.
const SETTLE: Duration = Duration::from_millis(1500);
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
    /// When what was sent before the rate was lowered has its answers.
    settled: Instant,
    /// The part of answers that was late, each time that the rate was lowered for it.
    late_before: Vec<f64>,
    /// A quarter, an eighth of the rate lost as much: the path does, whatever we do.
    indifferent: bool,
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
            settled: now,
            late_before: Vec::new(),
            indifferent: false,
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
        if now < self.settled {
            return;
        }
        self.answers += 1;
        self.late += u32::from(late);
        if self.answers < WINDOW && self.late < WINDOW / 10 {
            return;
        }
        if self.late * 100 > self.answers * MOST_LATE {
            self.lost(f64::from(self.late) / f64::from(self.answers), now);
        } else if let (Some(rate), Some(lowest)) = (self.rate, self.lowest) {
            // Back up by small steps, never to where answers were lost.
            let most = self.most.unwrap_or(f64::INFINITY).min(lowest * 1.5);
            self.rate = Some((rate * 1.02).min(most).max(SLOWEST));
        }
        self.start_window(now);
    }

    /// This part of the answers was late. Lowers the rate, as long as that helps.
    fn lost(&mut self, late: f64, now: Instant) {
        self.late_before.push(late);
        let helped = match self.late_before.as_slice() {
            [first, .., last] if self.late_before.len() > USELESS => *last < first / 2.0,
            _ => true,
        };
        if helped {
            self.lower(now);
        } else if !self.indifferent {
            self.indifferent = true;
            self.rate = self.most;
            self.lowest = None;
        }
    }

    /// Half of what is being sent: answers are lost.
    pub fn lower(&mut self, now: Instant) {
        if self.indifferent {
            return;
        }
        let measured = self.measured(now);
        let rate = match self.rate {
            // Little was sent because there was little to send.
            Some(rate) if measured < rate / 4.0 => rate,
            Some(rate) => rate.min(measured),
            None => measured,
        };
        let rate = (rate / 2.0)
            .max(SLOWEST)
            .min(self.most.unwrap_or(f64::INFINITY));
        self.rate = Some(rate);
        self.lowest = Some(self.lowest.unwrap_or(f64::INFINITY).min(rate));
        self.tokens = self.tokens.min(1.0);
        self.filled = now;
        self.settled = now + SETTLE;
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

    /// A path that takes so many packets a second and loses the others; the rate after some time.
    fn over(path: f64, seconds: u64) -> Pace {
        let now = Instant::now();
        let mut pace = Pace::new(Some(2000), now);
        for number in 0..seconds {
            let at = now + Duration::from_secs(number);
            let sent = second(&mut pace, at);
            let lost = (1.0 - path / f64::from(sent)).max(0.0);
            let mut late = 0.0;
            for _ in 0..sent {
                late += lost;
                pace.answered(late >= 1.0, at + Duration::from_secs(1));
                late -= f64::from(u8::from(late >= 1.0));
            }
        }
        pace
    }

    #[test]
    fn the_rate_falls_to_what_the_path_takes_and_does_not_climb_back() {
        for path in [1500.0, 700.0, 300.0] {
            let mut pace = over(path, 30);
            let low = f64::from(pace.lowered_to().expect("lowered"));
            assert!(low <= path && low > path / 16.0, "{low} of {path}");
            let later = Instant::now() + Duration::from_secs(60);
            assert!(f64::from(second(&mut pace, later)) <= path * 1.5);
        }
    }

    #[test]
    fn a_path_that_always_loses_is_not_made_slower() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(2000), now);
        let mut at = now;
        for _ in 0..20 {
            second(&mut pace, at);
            at += Duration::from_secs(1);
            for answer in 0..WINDOW {
                pace.answered(answer % 10 == 0, at);
            }
        }
        assert_eq!(pace.lowered_to(), None);
        assert!(second(&mut pace, at) >= 1900);
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
