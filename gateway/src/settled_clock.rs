//! Nothing is removed for its age before the clock had time to be set: after a power cut it may be years wrong.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::step_clock::StepClock;

/// How long a clock may take to be set after the start, and again after it was: where there is a network, a time server has done it long
/// before.
const SETTLED_AFTER: Duration = Duration::from_secs(3600);

/// The system's clock, believed once nobody has set it for a while.
pub struct SettledClock {
    steps: StepClock,
    since: Instant,
}

impl SettledClock {
    /// The gateway starts.
    pub fn new(steady: Instant, system: Timestamp) -> Self {
        Self {
            steps: StepClock::new(steady, system),
            since: steady,
        }
    }

    /// Looks at both clocks; gives the system's time where it has settled.
    pub fn look(&mut self, steady: Instant, system: Timestamp) -> Option<Timestamp> {
        if self.steps.look(steady, system).is_some() {
            self.since = steady;
        }
        (steady.duration_since(self.since) >= SETTLED_AFTER).then_some(system)
    }
}

/// So long before a moment; before all others where there is no such moment.
pub fn before(now: Timestamp, age: SignedDuration) -> Timestamp {
    now.saturating_sub(age).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_settles_an_hour_after_the_start() {
        let (began, now) = (Instant::now(), at("2026-11-24T00:00:00Z"));
        let mut clock = SettledClock::new(began, now);
        let later = |minutes: u64| {
            let passed = Duration::from_secs(minutes * 60);
            (began + passed, now + passed)
        };
        let (steady, system) = later(59);
        assert_eq!(clock.look(steady, system), None);
        let (steady, system) = later(60);
        assert_eq!(clock.look(steady, system), Some(system));
    }

    #[test]
    fn a_clock_that_jumps_after_days_settles_anew() {
        let (began, now) = (Instant::now(), at("2026-11-24T00:00:00Z"));
        let mut clock = SettledClock::new(began, now);
        let (day, hour) = (Duration::from_secs(86_400), Duration::from_secs(3600));
        assert_eq!(clock.look(began + day, now + day), Some(now + day));
        let wrong = at("2038-01-01T00:00:00Z");
        assert_eq!(clock.look(began + day + hour, wrong), None);
        assert_eq!(
            clock.look(began + day + hour * 2, now + day + hour * 2),
            None,
            "and set right again"
        );
        let settled = now + day + hour * 3;
        assert_eq!(clock.look(began + day + hour * 3, settled), Some(settled));
    }
}
