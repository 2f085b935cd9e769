//! How long things take, counted by length for `/metrics`: a poll adds to it in a few nanoseconds, and keeps nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest that is counted in each bucket but the last, in seconds: those of the gateway's other histograms.
const BOUNDS_SECONDS: [f64; 15] = [
    0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0,
];
const BUCKETS: usize = BOUNDS_SECONDS.len() + 1;

/// How long something took each time since the start.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    buckets: [AtomicU64; BUCKETS],
    nanoseconds: AtomicU64,
}

/// What was counted until now.
pub(crate) struct Counted {
    /// Each bound in seconds, and how many took at most so long.
    pub(crate) up_to: Vec<(f64, u64)>,
    /// How many there were.
    pub(crate) count: u64,
    /// How long they took together.
    pub(crate) sum: Duration,
}

impl Durations {
    /// Counts one.
    pub(crate) fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = BOUNDS_SECONDS
            .iter()
            .take_while(|bound| seconds > **bound)
            .count();
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// What was counted until now.
    pub(crate) fn counted(&self) -> Counted {
        let mut count = 0;
        let mut so_far = self.buckets.iter().map(|bucket| {
            count += bucket.load(Ordering::Relaxed);
            count
        });
        let up_to = BOUNDS_SECONDS.into_iter().zip(so_far.by_ref()).collect();
        so_far.for_each(drop);
        Counted {
            up_to,
            count,
            sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_up_to_the_first_bound_that_it_does_not_pass() {
        let durations = Durations::default();
        for took in [0, 100, 101, 1_000, 20_000_000] {
            durations.record(Duration::from_micros(took));
        }
        let Counted { up_to, count, sum } = durations.counted();
        assert_eq!(up_to[..4], [(0.000_1, 2), (0.000_5, 3), (0.001, 4), (0.002_5, 4)]);
        assert_eq!(up_to.last(), Some(&(15.0, 4)));
        assert_eq!((count, sum), (5, Duration::from_micros(20_001_201)));
    }
}
