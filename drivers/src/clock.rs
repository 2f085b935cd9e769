//! The two clocks of a connection: a steady one that decides and wakes, and the wall's that stamps batches.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, Sleep};

/// Time since the drivers, or a connection's task, began. It never jumps when the wall clock is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SteadyClock {
    began: Instant,
}

impl SteadyClock {
    /// A clock that begins now.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    /// How long it has run.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// As good as never, and no overflow of any clock.
const FAR_AWAY: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The one timer of a task that waits for one thing at a time. It is set anew instead of made anew: to put off a timer that has not
/// run out costs no lock, and so a request that is answered in time costs next to nothing for its deadline.
pub(crate) struct Timer {
    clock: SteadyClock,
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    /// A timer of that clock; only within the async runtime.
    pub(crate) fn new(clock: SteadyClock) -> Self {
        Self {
            clock,
            sleep: Box::pin(tokio::time::sleep_until(clock.began)),
        }
    }

    /// How long its clock has run.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Waits until its clock has run for `moment`; a moment that has passed is not waited for.
    pub(crate) async fn reaches(&mut self, moment: Duration) {
        if moment > self.now() {
            self.sleep.as_mut().reset(self.clock.began + moment.min(FAR_AWAY));
            self.sleep.as_mut().await;
        }
    }

    /// What the work brings, if it is done before its clock has run for `deadline`. What is done at once is done in time whatever
    /// the deadline.
    pub(crate) async fn before<Done>(
        &mut self,
        deadline: Duration,
        work: impl Future<Output = Done>,
    ) -> Option<Done> {
        let mut work = pin!(work);
        let mut is_set = false;
        poll_fn(|task| {
            if let Poll::Ready(done) = work.as_mut().poll(task) {
                return Poll::Ready(Some(done));
            }
            if !is_set {
                is_set = true;
                let began = self.clock.began;
                self.sleep.as_mut().reset(began + deadline.min(FAR_AWAY));
            }
            self.sleep.as_mut().poll(task).map(|()| None)
        })
        .await
    }
}

/// The times of one device's batches: the wall's, but each later than the one before even when the wall clock is set back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BatchTimes {
    last: Option<Timestamp>,
    /// The earliest that a batch was put before the others of its time.
    moved: Option<Timestamp>,
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
        self.moved = None;
        at
    }

    /// The time of a batch that tells of the past, whose own time is `own` and which `arrived` just now: never as late as the newest
    /// batch, whatever the device's own clock says. Of several with such a wrong time the newest is to come first: each goes
    /// before the one before.
    pub(crate) fn past(&mut self, own: Timestamp, arrived: Timestamp) -> Timestamp {
        let newest = self.moved.or(self.last).unwrap_or(arrived);
        if own < newest {
            return own;
        }
        let before = newest
            .checked_sub(jiff::Span::new().nanoseconds(1))
            .unwrap_or(own);
        self.moved = Some(before);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_timer_serves_deadline_after_deadline() {
        let mut timer = Timer::new(SteadyClock::begin());
        let ms = Duration::from_millis;
        timer.reaches(ms(5)).await;
        assert!(timer.now() >= ms(5));
        for _ in 0..3 {
            let begin = timer.now();
            let soon = tokio::time::sleep(ms(1));
            assert_eq!(timer.before(begin + ms(60_000), soon).await, Some(()));
            let never = std::future::pending::<()>();
            assert_eq!(timer.before(begin + ms(20), never).await, None);
            assert!(timer.now() - begin >= ms(20));
        }
        assert_eq!(timer.before(Duration::ZERO, async { 1 }).await, Some(1));
        let never = std::future::pending::<()>();
        assert_eq!(timer.before(Duration::ZERO, never).await, None);
    }

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

    #[test]
    fn what_tells_of_the_past_is_never_newer_than_the_newest_whatever_the_device_s_clock_says() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let mut times = BatchTimes::default();
        times.next(second(100));
        assert_eq!(times.past(second(90), second(101)), second(90));
        let (later, earlier) = (
            times.past(second(5_000), second(101)),
            times.past(second(4_000), second(101)),
        );
        assert!(earlier < later && later < second(100), "{earlier} {later}");
        assert_eq!(times.next(second(101)), second(101));
    }
}
