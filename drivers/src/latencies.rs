//! How long the newest polls of a device took, in some hundred bytes: counted by length, in steps of an eighth.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Steps from one power of two to the next.
const STEPS: u32 = 8;
/// Microseconds up to 2^27, which is two minutes; what took longer counts as that.
const LONGEST_US: u32 = 1 << 27;
/// Shorter than this there is a step a microsecond; then eight for each doubling.
const COUNTS: usize = 200;
/// At so many polls all counts are halved: an old poll counts half as much as a new one, then a quarter, then nothing.
const MOST_POLLS: u16 = 2_048;

/// How long the newest of something took.
pub(crate) struct Latencies {
    counts: [AtomicU16; COUNTS],
    polls: AtomicU16,
}

/// How long half, 95 % and 99 % of the newest polls took at most, told an eighth too long at worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of them.
    pub p50: Duration,
    /// 95 %.
    pub p95: Duration,
    /// 99 %.
    pub p99: Duration,
    /// Of how many.
    pub of: usize,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        Self {
            counts: [const { AtomicU16::new(0) }; COUNTS],
            polls: AtomicU16::new(0),
        }
    }

    /// Notes one. Only one task may: two at once could lose a poll.
    pub(crate) fn record(&self, took: Duration) {
        if self.polls.load(Ordering::Relaxed) >= MOST_POLLS {
            self.halve();
        }
        if let Some(count) = self.counts.get(place(took)) {
            // Read and written, and not added to in one: that would wait for the memory, which a thousand devices have too much of.
            for counter in [count, &self.polls] {
                let before = counter.load(Ordering::Relaxed);
                counter.store(before.saturating_add(1), Ordering::Relaxed);
            }
        }
    }

    fn halve(&self) {
        let mut polls = 0;
        for count in &self.counts {
            let half = count.load(Ordering::Relaxed) / 2;
            count.store(half, Ordering::Relaxed);
            polls += half;
        }
        self.polls.store(polls, Ordering::Relaxed);
    }
}

/// What the newest of several say together; `None` before the first.
pub(crate) fn percentiles<'all>(all: impl Iterator<Item = &'all Latencies>) -> Option<Percentiles> {
    let mut counts = [0_usize; COUNTS];
    for one in all {
        for (sum, count) in counts.iter_mut().zip(&one.counts) {
            *sum += usize::from(count.load(Ordering::Relaxed));
        }
    }
    let of: usize = counts.iter().sum();
    let at = |percent: usize| {
        let wanted = (of * percent).div_ceil(100);
        let mut seen = 0;
        let place = counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        longest(place.unwrap_or(COUNTS))
    };
    (of > 0).then(|| Percentiles {
        p50: at(50),
        p95: at(95),
        p99: at(99),
        of,
    })
}

/// Where what took so long is counted.
fn place(took: Duration) -> usize {
    let us = u32::try_from(took.as_micros())
        .unwrap_or(LONGEST_US)
        .min(LONGEST_US - 1);
    let doublings = us.max(1).ilog2().saturating_sub(STEPS.ilog2());
    (doublings * STEPS + (us >> doublings)) as usize
}

/// The longest that is counted at a place.
fn longest(place: usize) -> Duration {
    let place = u32::try_from(place).unwrap_or(u32::MAX);
    let doublings = (place / STEPS).saturating_sub(1).min(24);
    let us = ((place - doublings * STEPS + 1) << doublings) - 1;
    Duration::from_micros(u64::from(us))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn percentiles_are_right_within_an_eighth() {
        let latencies = Latencies::new();
        assert_eq!(percentiles([&latencies].into_iter()), None);
        for millis in 1..=100 {
            latencies.record(millis * MS);
        }
        let found = percentiles([&latencies].into_iter()).unwrap();
        assert_eq!(found.of, 100);
        for (found, right) in [(found.p50, 50 * MS), (found.p95, 95 * MS), (found.p99, 99 * MS)] {
            assert!(
                found >= right && found <= right * 9 / 8,
                "{found:?} for {right:?}"
            );
        }
    }

    #[test]
    fn old_polls_are_forgotten() {
        let latencies = Latencies::new();
        for _ in 0..5_000 {
            latencies.record(900 * MS);
        }
        for _ in 0..30_000 {
            latencies.record(MS);
        }
        let found = percentiles([&latencies].into_iter()).unwrap();
        assert!(
            found.p99 <= 2 * MS && found.of <= usize::from(MOST_POLLS),
            "{found:?}"
        );
    }

    #[test]
    fn several_devices_are_told_of_together() {
        let (quick, slow) = (Latencies::new(), Latencies::new());
        for _ in 0..60 {
            quick.record(MS);
        }
        for _ in 0..40 {
            slow.record(100 * MS);
        }
        let found = percentiles([&quick, &slow].into_iter()).unwrap();
        assert!(
            found.p50 < 2 * MS && found.p95 >= 100 * MS && found.of == 100,
            "{found:?}"
        );
    }

    proptest! {
        #[test]
        fn no_time_is_told_shorter_than_it_was_or_over_an_eighth_longer(us in 0_u32..LONGEST_US) {
            let took = Duration::from_micros(u64::from(us));
            let told = longest(place(took));
            prop_assert!(place(took) < COUNTS);
            prop_assert!(told >= took && told <= took + took / 8, "{told:?}");
        }
    }
}
