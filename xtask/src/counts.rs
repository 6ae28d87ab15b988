//! How many tests ran: read out of what the test runners print.

use std::fmt;
use std::ops::AddAssign;

/// Tests by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed, timed out or could not start.
    pub failed: u64,
    /// Tests that were there and did not run.
    pub skipped: u64,
}

impl Counts {
    /// One that passed.
    pub const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    /// One that failed.
    pub const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    /// One that did not run.
    pub const SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)
        } else {
            Ok(())
        }
    }
}

/// `cargo nextest`, or libtest where there is no nextest.
pub fn rust(text: &str) -> Counts {
    let mut counts = Counts::default();
    for line in text.lines().map(str::trim) {
        let totals = line
            .strip_prefix("Summary [")
            .or_else(|| line.strip_prefix("test result: "));
        counts += totals.map(phrases).unwrap_or_default();
    }
    counts
}

/// Node's own runner, `spec` reporter.
pub fn node(text: &str) -> Counts {
    let total = |name: &str| -> u64 {
        let lines = text.lines().filter_map(|line| {
            line.strip_prefix("ℹ ")?
                .strip_prefix(name)?
                .trim()
                .parse::<u64>()
                .ok()
        });
        lines.sum()
    };
    Counts {
        passed: total("pass "),
        failed: total("fail ") + total("cancelled "),
        skipped: total("skipped ") + total("todo "),
    }
}

/// Vitest, default reporter.
pub fn vitest(text: &str) -> Counts {
    let totals = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Tests "));
    totals.map(phrases).unwrap_or_default()
}

/// Adds up `3 passed`, `1 timed out`, `2 ignored`, whatever stands between them.
fn phrases(text: &str) -> Counts {
    let mut counts = Counts::default();
    for phrase in text.split([':', ',', ';', '|', '.', '(']) {
        let Some((number, outcome)) = phrase.trim().split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match outcome.trim_end_matches(')') {
            "passed" => counts.passed += number,
            "failed" | "timed out" | "exec failed" => counts.failed += number,
            "skipped" | "ignored" | "todo" => counts.skipped += number,
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_every_runner() {
        fn check(parse: fn(&str) -> Counts, text: &str, [passed, failed, skipped]: [u64; 3]) {
            assert_eq!(
                parse(text),
                Counts {
                    passed,
                    failed,
                    skipped
                },
                "{text}"
            );
        }
        check(
            rust,
            "     Summary [   0.004s] 1 test run: 1 passed, 0 skipped",
            [1, 0, 0],
        );
        check(
            rust,
            "     Summary [  31.2s] 10/12 tests run: 6 passed (1 slow, 2 leaky), 2 failed, 1 timed out, 1 exec failed, 2 skipped",
            [6, 4, 2],
        );
        check(
            rust,
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s",
            [3, 0, 1],
        );
        check(
            rust,
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\ntest result: ok. 4 passed; 0 failed; 0 ignored",
            [7, 2, 0],
        );
        check(
            rust,
            "test prints `9 passed` itself\nerror: could not compile `portwright`",
            [0, 0, 0],
        );
        check(
            node,
            "✔ a (1ms)\nℹ tests 9\nℹ suites 0\nℹ pass 4\nℹ fail 2\nℹ cancelled 1\nℹ skipped 1\nℹ todo 1\nℹ duration_ms 97",
            [4, 3, 2],
        );
        check(
            vitest,
            " Test Files  1 failed | 1 passed (2)\n      Tests  2 failed | 5 passed | 1 skipped (8)\n   Start at  10:00:00",
            [5, 2, 1],
        );
    }
}
