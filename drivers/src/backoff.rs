//! How long to leave alone what has just failed: twice as long each time, up to a bound, and not all at the same moment.

use std::time::Duration;

/// The wait after failures of one thing: a unit behind a connection, or the connection itself.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    seed: u64,
    failures: u32,
    try_again_at: Duration,
}

impl Backoff {
    /// Waits `first` after the first failure, then twice as long each time, at most `longest`. Things with different seeds
    /// wait a little differently, so that what failed together isn't tried again together.
    pub(crate) fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self {
            first,
            longest,
            seed,
            failures: 0,
            try_again_at: Duration::ZERO,
        }
    }

    /// Waits no longer than `first` after the first failure: what asks for it most often says when it is to be tried again.
    pub(crate) fn hasten(&mut self, first: Duration) {
        self.first = self.first.min(first);
    }

    /// Whether it may be tried at `now`.
    pub(crate) fn may_try(&self, now: Duration) -> bool {
        self.failures == 0 || now >= self.try_again_at
    }

    /// How often it has failed since it last worked.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// It failed at `now`; returns how long it is left alone.
    pub(crate) fn failed(&mut self, now: Duration) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let wait = wait(self.first, self.longest, self.failures, self.seed);
        self.try_again_at = now.saturating_add(wait);
        wait
    }

    /// It worked.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

/// The wait after the `failures`-th failure in a row: `first * 2^(failures - 1)`, at most `longest`, made shorter by up to a tenth.
///
/// Shorter and not longer: a wait of one poll's interval must be over when that next poll is due.
fn wait(first: Duration, longest: Duration, failures: u32, seed: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let whole = first.saturating_mul(1_u32 << doublings).min(longest);
    let shortening = scatter(seed ^ u64::from(failures)) % 1024;
    whole.saturating_sub(whole.mul_f64(shortening as f64 / 10_240.0))
}

/// Spreads neighbouring numbers over all of u64 (the finishing step of SplitMix64).
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silent_unit_is_left_alone_twice_as_long_each_time_but_never_over_the_bound() {
        let mut unit = Backoff::new(SECOND, 30 * SECOND, 7);
        for expected in [1, 2, 4, 8, 16, 30, 30, 30] {
            let whole = expected * SECOND;
            let wait = unit.failed(Duration::ZERO);
            assert!(
                wait <= whole && wait >= whole.mul_f64(0.9),
                "{wait:?} after {} failures",
                unit.failures()
            );
        }
        for _ in 0..1000 {
            assert!(unit.failed(Duration::ZERO) <= 30 * SECOND);
        }
    }

    #[test]
    fn a_unit_that_failed_once_is_tried_at_its_very_next_poll() {
        let mut unit = Backoff::new(SECOND, 30 * SECOND, 1);
        assert!(unit.may_try(Duration::ZERO));
        unit.failed(5 * SECOND);
        assert!(!unit.may_try(5 * SECOND + SECOND / 2));
        assert!(unit.may_try(6 * SECOND));
    }

    #[test]
    fn a_unit_that_answers_is_forgiven_at_once() {
        let mut unit = Backoff::new(SECOND, 30 * SECOND, 1);
        for _ in 0..5 {
            unit.failed(SECOND);
        }
        unit.succeeded();
        assert!(unit.may_try(SECOND));
        assert!(unit.failed(SECOND) <= SECOND);
    }

    #[test]
    fn units_that_failed_together_are_not_tried_together() {
        let waits: Vec<_> = (0..8)
            .map(|unit| Backoff::new(16 * SECOND, 30 * SECOND, unit).failed(Duration::ZERO))
            .collect();
        let mut distinct = waits.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() >= 7, "{waits:?}");
    }
}
