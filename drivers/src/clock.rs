//! The two clocks of a connection: a steady one that decides, and the wall's that stamps batches.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Time since the drivers, or a connection's task, began. It never jumps when the wall clock is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SteadyClock {
    began: tokio::time::Instant,
}

impl SteadyClock {
    /// A clock that begins now.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now().into(),
        }
    }

    /// How long it has run.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits until it has run for `moment`; a moment that has passed is not waited for.
    pub(crate) async fn reaches(&self, moment: Duration) {
        tokio::time::sleep_until(self.began + moment).await;
    }
}

/// The times of one device's batches: the wall's, but each later than the one before even when the wall clock is set back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BatchTimes {
    last: Option<Timestamp>,
}

impl BatchTimes {
    /// The time of the next batch, whose last answer arrived at `arrived`.
    pub(crate) fn next(&mut self, arrived: Timestamp) -> Timestamp {
        let at = match self.last {
            Some(last) if arrived <= last => last
                .checked_add(jiff::Span::new().nanoseconds(1))
                .unwrap_or(arrived),
            _ => arrived,
        };
        self.last = Some(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_batches_of_a_device_never_share_a_time_even_when_the_clock_is_set_back() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let mut times = BatchTimes::default();
        let at: Vec<_> = [100, 100, 90, 101]
            .map(|arrived| times.next(second(arrived)))
            .to_vec();
        assert_eq!(at.first(), Some(&second(100)));
        assert_eq!(at.last(), Some(&second(101)));
        assert!(at.windows(2).all(|pair| pair[0] < pair[1]), "{at:?}");
    }
}
