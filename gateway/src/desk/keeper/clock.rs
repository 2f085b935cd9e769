//! What the desk does when the system's clock is set: delays have lasted as long as before, windows start anew, and the step is kept.

use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::Keeper;
use crate::step_clock::StepClock;
use crate::store::ClockStep;

/// The clock, and since when what it says belongs together.
pub(super) struct KeptClock {
    clock: StepClock,
    since: Timestamp,
}

impl KeptClock {
    /// The gateway was started.
    pub(super) fn begun(steady: Instant, now: Timestamp) -> Self {
        Self {
            clock: StepClock::new(steady, now),
            since: now,
        }
    }

    /// The step, if the clock was set since the last look.
    fn look(&mut self, steady: Instant, now: Timestamp) -> Option<ClockStep> {
        let by = self.clock.look(steady, now)?;
        let step = ClockStep {
            since: self.since,
            until: now.checked_sub(by).unwrap_or(now),
            set_to: now,
        };
        self.since = now;
        Some(step)
    }
}

/// A smaller step is told and not kept: no reading is mistaken for another one's by it.
const MARKED: SignedDuration = SignedDuration::from_mins(1);

impl Keeper {
    /// Sees whether the system's clock was set, and lets nothing follow from that: a delay has lasted as long as before, and windows
    /// start anew. Whether it was.
    pub(super) fn look_at_the_clock(&mut self) -> bool {
        let Some(step) = self.clock.look(Instant::now(), Timestamp::now()) else {
            return false;
        };
        self.shift_delays(step.by());
        self.judge.set_clock(step.set_to);
        if step.by().abs() < MARKED {
            return true;
        }
        if let Err(error) = self.desk.records.clock_was_set(step) {
            warn!(%error, "that the clock was set could not be stored; trends and exports do not show it");
        }
        true
    }

    fn shift_delays(&mut self, by: SignedDuration) {
        for id in &self.timed {
            if let Some(alarm) = self.state.alarms.get_mut(id)
                && alarm.is_pending()
            {
                Arc::make_mut(alarm).set_clock(by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_step_says_which_times_the_clock_told_before_it_was_set() {
        let steady = Instant::now();
        let mut clock = KeptClock::begun(steady, at(0));
        let later = |seconds| steady + Duration::from_secs(seconds);
        assert_eq!(clock.look(later(10), at(10)), None);
        let first = clock.look(later(20), at(28_820)).unwrap();
        assert_eq!(
            (first.since, first.until, first.set_to),
            (at(0), at(20), at(28_820))
        );
        assert_eq!(first.by(), SignedDuration::from_secs(28_800));
        let second = clock.look(later(30), at(30)).unwrap();
        assert_eq!(
            (second.since, second.until, second.set_to),
            (at(28_820), at(28_830), at(30))
        );
    }
}
