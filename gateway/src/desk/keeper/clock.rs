//! What the desk does when the system's clock is set: delays have lasted as long as before, windows start anew, and the step is kept.

use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::Keeper;
use crate::step_clock::StepClock;
use crate::store::ClockStep;

/// The clock, and the first moment that it told since it was set by [`MARKED`] or more: the next such step marks all from there on.
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
        self.since = if is_marked(step) {
            now
        } else {
            // What was told before a small step is as wrong as what is told after it, and may be told again.
            self.since.min(now)
        };
        Some(step)
    }
}

/// A smaller step is told and not kept: no reading is mistaken for another one's by it.
const MARKED: SignedDuration = SignedDuration::from_mins(1);

fn is_marked(step: ClockStep) -> bool {
    step.by().abs() >= MARKED
}

impl Keeper {
    /// Sees whether the system's clock was set, and lets nothing follow from that: a delay has lasted as long as before, and windows
    /// start anew. Whether it was.
    pub(super) fn look_at_the_clock(&mut self) -> bool {
        let Some(step) = self.clock.look(Instant::now(), Timestamp::now()) else {
            return false;
        };
        self.shift_delays(step.by());
        self.judge.set_clock(step.set_to);
        if !is_marked(step) {
            return true;
        }
        if let Err(error) = self.desk.records.clock_was_set(step) {
            warn!(%error, "that the clock was set could not be stored; trends and exports do not show it");
        }
        true
    }

    /// All delays of this run, also those that wait for a device to be read again. One from before the start stays: it did not begin by
    /// the clock that was now set.
    fn shift_delays(&mut self, by: SignedDuration) {
        for (id, alarm) in &mut self.state.alarms {
            let since = alarm.pending_since();
            if since.is_some() && since.as_ref() != self.delays_before.get(id) {
                Arc::make_mut(alarm).set_clock(by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::RwLock;
    use std::time::Duration;

    use model::Site;
    use tokio::sync::{Notify, broadcast};

    use super::*;
    use crate::alarms::{Alarm, Delays, Edge, Level};
    use crate::desk::draft::Change;
    use crate::desk::{Desk, OwnRule};
    use crate::live::Live;
    use crate::store::Records;
    use crate::test_site::one_fire_main;
    use crate::tickets::WorkCalendar;

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

    #[test]
    fn a_step_that_is_not_kept_leaves_no_time_before_it_unmarked() {
        let steady = Instant::now();
        let later = |seconds| steady + Duration::from_secs(seconds);
        for (small, first_told) in [(5, 0), (-5, 0), (-50, -40)] {
            let mut clock = KeptClock::begun(steady, at(0));
            let small = clock.look(later(10), at(10 + small)).unwrap();
            assert!(!is_marked(small));
            let by = small.by().as_secs();
            let marked = clock.look(later(20), at(20 + by - 28_800)).unwrap();
            assert_eq!(
                (marked.since, marked.until, marked.set_to),
                (at(first_told), at(20 + by), at(20 + by - 28_800))
            );
        }
    }

    const DELAYS: Delays = Delays {
        on: SignedDuration::from_mins(10),
        off: SignedDuration::ZERO,
        latch: false,
    };

    /// A keeper as it starts on what the folder has.
    fn started(data: &Path, now: Timestamp) -> Keeper {
        let site: Arc<Site> = Arc::new(one_fire_main());
        let (rules, faults) = rules::load(&site);
        assert_eq!(faults, []);
        let standard = site.standard.calendar.clone();
        let desk = Desk {
            rules: Arc::new(rules),
            calendar: Arc::new(WorkCalendar::new(standard, site.timezone.clone())),
            records: Records::open(data).unwrap(),
            live: Arc::new(RwLock::new(Live::new(&site))),
            board: Arc::new(RwLock::new(BTreeMap::new())),
            changed: broadcast::channel(16).0,
            notices: Arc::new(Notify::new()),
            site,
        };
        Keeper::new(desk, now).unwrap()
    }

    /// An alarm whose condition holds since `at(0)`, and then nobody knows.
    fn pending_and_unknown() -> Alarm {
        let rule = OwnRule::StorageRefused.watch();
        let mut alarm = Alarm::quiet("storage".into(), &rule.rule, rule.severity, at(0));
        assert_eq!(alarm.take(Level::Holds, at(0), DELAYS), None);
        assert_eq!(alarm.take(Level::Unknown, at(60), DELAYS), None);
        alarm
    }

    fn change(alarm: Alarm) -> Change {
        Change {
            alarms: vec![(Arc::new(alarm), true)],
            ..Change::default()
        }
    }

    fn holds(keeper: &Keeper, at: Timestamp) -> Option<Edge> {
        let mut alarm = keeper.state.alarms.get("storage").unwrap().as_ref().clone();
        alarm.take(Level::Holds, at, DELAYS)
    }

    #[test]
    fn a_clock_that_is_set_while_nobody_knows_of_a_condition_does_not_end_its_delay() {
        let data = tempfile::tempdir().unwrap();
        let mut keeper = started(data.path(), at(-3_600));
        keeper.show(&change(pending_and_unknown()));
        let hours = SignedDuration::from_hours(8);
        keeper.shift_delays(hours);
        assert_eq!(holds(&keeper, at(599) + hours), None);
        let since = at(0) + hours;
        assert_eq!(holds(&keeper, at(600) + hours), Some(Edge::Raised { since }));
        keeper.shift_delays(-hours);
        assert_eq!(holds(&keeper, at(599)), None, "and again");
        assert_eq!(holds(&keeper, at(600)), Some(Edge::Raised { since: at(0) }));
    }

    #[test]
    fn a_delay_from_before_the_start_does_not_move_with_a_clock_that_was_wrong_at_it() {
        let data = tempfile::tempdir().unwrap();
        let mut before = started(data.path(), at(-3_600));
        before.write(&change(pending_and_unknown())).unwrap();
        drop(before);
        for hours in [SignedDuration::from_hours(8), -SignedDuration::from_hours(8)] {
            let mut keeper = started(data.path(), at(120) - hours);
            keeper.shift_delays(hours);
            assert_eq!(holds(&keeper, at(599)), None);
            assert_eq!(holds(&keeper, at(600)), Some(Edge::Raised { since: at(0) }));
        }
    }
}
