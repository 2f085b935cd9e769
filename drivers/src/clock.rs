//! The two clocks of a connection: a steady one that decides and wakes, and the wall's that stamps batches.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::BatchOrder;
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

/// A clock that is behind a batch's time by less than this has only told two moments in one; by more, it was set back.
const SET_BACK: SignedDuration = SignedDuration::from_secs(2);
/// A device's own clock may be ahead of ours by so much: what it says of a later time cannot be so.
const MOST_AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// The times and the order of one device's batches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BatchTimes {
    /// How many batches there were.
    count: u64,
    last: Option<Timestamp>,
    /// The earliest that a batch was put before the others of its time.
    moved: Option<Timestamp>,
    /// The newest that the device itself gave.
    last_own: Option<Timestamp>,
}

impl BatchTimes {
    /// The next batch, whose last answer arrived at `arrived`: it has the wall's time, later than the one before unless the wall's
    /// clock was set back in between.
    pub(crate) fn next(&mut self, arrived: Timestamp) -> BatchOrder {
        let at = match self.last {
            Some(last) if arrived <= last && last.duration_since(arrived) < SET_BACK => last
                .checked_add(jiff::Span::new().nanoseconds(1))
                .unwrap_or(arrived),
            _ => arrived,
        };
        self.last = Some(at);
        self.moved = None;
        self.newer(at)
    }

    /// A batch whose time is the device's `own`, and which `arrived` just now. It keeps its time, so that one that comes twice is the
    /// same one; one that is older than what the device has said before tells of the past. `None` where its time is so far ahead
    /// that it cannot be so: it is to have the [next](Self::next) one.
    pub(crate) fn own(&mut self, own: Timestamp, arrived: Timestamp) -> Option<BatchOrder> {
        if own.duration_since(arrived) > MOST_AHEAD {
            return None;
        }
        // What it said before is ahead itself when our clock was set back.
        let last = self
            .last_own
            .filter(|last| last.duration_since(arrived) <= MOST_AHEAD);
        // Of one time is what a device says twice in a second that it counts in seconds: the second is what holds.
        if last.is_some_and(|last| own < last) {
            return Some(BatchOrder { at: own, order: 0 });
        }
        self.last_own = Some(own);
        Some(self.newer(own))
    }

    /// The device has told of nothing but the past for long: its clock was set back. What it says next is new, whatever its time.
    pub(crate) fn forget_own(&mut self) {
        self.last_own = None;
    }

    /// The time of a batch that tells of the past, whose own time is `own` and which `arrived` just now: never as late as the newest
    /// batch, whatever the device's own clock says. Of several with such a wrong time the newest is to come first: each goes
    /// before the one before.
    pub(crate) fn past(&mut self, own: Timestamp, arrived: Timestamp) -> BatchOrder {
        let newest = self.moved.or(self.last).unwrap_or(arrived);
        let at = if own < newest {
            own
        } else {
            let before = newest
                .checked_sub(jiff::Span::new().nanoseconds(1))
                .unwrap_or(own);
            self.moved = Some(before);
            before
        };
        BatchOrder { at, order: 0 }
    }

    fn newer(&mut self, at: Timestamp) -> BatchOrder {
        self.count += 1;
        BatchOrder {
            at,
            order: self.count,
        }
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

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn two_batches_of_a_device_never_share_a_time() {
        let mut times = BatchTimes::default();
        let batches = [100, 100, 99, 101].map(|arrived| times.next(second(arrived)));
        assert_eq!(batches[0].at, second(100));
        assert_eq!(batches[3].at, second(101));
        assert!(
            batches.windows(2).all(|pair| pair[0].at < pair[1].at),
            "{batches:?}"
        );
    }

    #[test]
    fn a_clock_that_is_set_back_stamps_what_comes_at_once_and_it_is_newer_all_the_same() {
        let mut times = BatchTimes::default();
        let before = times.next(second(8 * 3600));
        let after = times.next(second(100));
        assert_eq!(after.at, second(100));
        assert!(after.is_newer_than(before) && !before.is_newer_than(after));
        assert_eq!(times.next(second(101)).at, second(101));
    }

    #[test]
    fn a_reading_keeps_its_own_time_and_of_two_of_one_time_the_second_holds() {
        let mut times = BatchTimes::default();
        let first = times.own(second(100), second(110)).unwrap();
        assert_eq!(first.at, second(100));
        let again = times.own(second(100), second(111)).unwrap();
        assert_eq!(again.at, second(100));
        assert!(again.is_newer_than(first));
        let past = times.own(second(99), second(112)).unwrap();
        assert!(!past.is_newer_than(first) && !past.is_newer_than(again));
        assert!(times.own(second(101), second(113)).unwrap().is_newer_than(again));
    }

    #[test]
    fn a_device_whose_clock_was_set_back_is_heard_again_once_its_past_is_forgotten() {
        let mut times = BatchTimes::default();
        let before = times.own(second(9_000), second(9_000)).unwrap();
        assert!(
            !times
                .own(second(100), second(9_001))
                .unwrap()
                .is_newer_than(before)
        );
        let silence = times.next(second(9_030));
        times.forget_own();
        let back = times.own(second(130), second(9_031)).unwrap();
        assert!(back.at == second(130) && back.is_newer_than(silence));
        assert!(times.own(second(131), second(9_032)).unwrap().is_newer_than(back));
    }

    #[test]
    fn a_device_whose_clock_is_behind_is_heard_again_after_its_silence() {
        let mut times = BatchTimes::default();
        times.own(second(100), second(8 * 3600)).unwrap();
        let silence = times.next(second(8 * 3600 + 60));
        let back = times.own(second(170), second(8 * 3600 + 70)).unwrap();
        assert!(back.is_newer_than(silence));
    }

    #[test]
    fn a_time_that_cannot_be_so_blinds_nobody() {
        let mut times = BatchTimes::default();
        assert_eq!(times.own(second(4_294_967_295), second(100)), None);
        let stamped = times.next(second(100));
        let next = times.own(second(101), second(101)).unwrap();
        assert!(next.is_newer_than(stamped));
        // Nor does a clock of ours that was ahead.
        times.own(second(9_000), second(9_000)).unwrap();
        assert!(times.own(second(102), second(102)).unwrap().order > 0);
    }

    #[test]
    fn what_tells_of_the_past_is_never_newer_than_the_newest_whatever_the_device_s_clock_says() {
        let mut times = BatchTimes::default();
        times.next(second(100));
        assert_eq!(times.past(second(90), second(101)).at, second(90));
        let (later, earlier) = (
            times.past(second(5_000), second(101)).at,
            times.past(second(4_000), second(101)).at,
        );
        assert!(earlier < later && later < second(100), "{earlier} {later}");
        assert_eq!(times.next(second(101)).at, second(101));
    }
}
