//! The system's clock beside one that cannot be set: whoever looks at both now and then sees when the system's was set.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A difference between the system's clock and the time that has really passed is a step, not drift, from here on.
pub const STEP: SignedDuration = SignedDuration::from_secs(2);

/// Both clocks as they were at the last look.
pub struct StepClock {
    steady: Instant,
    system: Timestamp,
}

impl StepClock {
    /// The first look.
    pub fn new(steady: Instant, system: Timestamp) -> Self {
        Self { steady, system }
    }

    /// Looks at both; gives the step, if the system's was set since the last look.
    pub fn look(&mut self, steady: Instant, system: Timestamp) -> Option<SignedDuration> {
        let passed =
            SignedDuration::try_from(steady.duration_since(self.steady)).unwrap_or(SignedDuration::MAX);
        let step = system.duration_since(self.system).saturating_sub(passed);
        (self.steady, self.system) = (steady, system);
        (step.abs() >= STEP).then_some(step)
    }
}

/// Since when something lasts: how long by the clock that cannot be set, and when for people.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    steady: Instant,
    system: Timestamp,
}

impl Since {
    /// It begins.
    pub fn new(steady: Instant, system: Timestamp) -> Self {
        Self { steady, system }
    }

    /// It begins now.
    pub fn now() -> Self {
        Self::new(Instant::now(), Timestamp::now())
    }

    /// How long it has lasted.
    pub fn lasted(self, steady: Instant) -> Duration {
        steady.saturating_duration_since(self.steady)
    }

    /// When it began, for people: as the system's clock said, or as it would say now where it was set meanwhile.
    pub fn shown(self, steady: Instant, system: Timestamp) -> Timestamp {
        let began = system.saturating_sub(self.lasted(steady)).unwrap_or(system);
        if began.duration_since(self.system).abs() < STEP {
            self.system
        } else {
            began
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_clock_that_was_set_is_seen_at_the_next_look_and_drift_is_not() {
        let steady = Instant::now();
        let mut clock = StepClock::new(steady, at(0));
        assert_eq!(clock.look(steady + Duration::from_secs(2), at(3)), None);
        assert_eq!(
            clock.look(steady + Duration::from_secs(4), at(3605)),
            Some(SignedDuration::from_secs(3600))
        );
        assert_eq!(clock.look(steady + Duration::from_secs(6), at(3607)), None);
        assert_eq!(
            clock.look(steady + Duration::from_secs(8), at(0)),
            Some(SignedDuration::from_secs(-3609))
        );
    }
    #[test]
    fn what_lasts_is_shown_as_begun_by_the_clock_as_it_is_now_and_lasts_no_longer_for_it() {
        let (steady, passed) = (Instant::now(), Duration::from_secs(600));
        let since = Since::new(steady, at(28_800));
        assert_eq!(since.lasted(steady + passed), passed);
        assert_eq!(
            since.shown(steady + passed, at(29_401)),
            at(28_800),
            "drift is no step"
        );
        assert_eq!(since.shown(steady + passed, at(600)), at(0));
    }
}
