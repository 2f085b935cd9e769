//! Which conditions availability is worked out from, and the keeping of when anybody was looking at them.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use model::{Class, Site, Standard};
use rules::{Rule, Rules};
use tracing::warn;

use super::Keeper;
use crate::alarms::{ConditionOf, Conditions, ConditionsDraft};
use crate::desk::commanded::commanded_conditions;
use crate::desk::draft::{Change, alarm_id};
use crate::settled_clock::SettledClock;
use crate::store::StoreError;

/// How often it is written that the gateway is looking: what a power cut leaves unknown is at most so much longer.
const BEAT: SignedDuration = SignedDuration::from_secs(30);
/// A gap between two beats that is longer than this was spent not looking: a suspended machine, a clock that was set, a full disk.
pub const LONGEST_BEAT: SignedDuration = SignedDuration::from_secs(90);

/// How often what is too old for any report is forgotten, once the clock has settled.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// One that cannot be written is tried again after this.
const TRIED_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// Rows of the standard that make a device unavailable whatever its class (the service standard, "Availability").
const ROWS_OF_EVERY_CLASS: [&str; 2] = ["urgent-repair", "elevator-entrapment"];
/// The row of classes that have none of their own.
const ROW_OF_THE_REST: &str = "general-fault";

/// The conditions that make a device unavailable, by their alarm's id: every rule that watches it and breaks its class's row.
pub fn counted_conditions(site: &Site, rules: &Rules) -> Vec<(String, ConditionOf)> {
    let mut counted = Vec::new();
    for (index, rule) in rules.iter() {
        let Some(row) = &rule.ticket else { continue };
        for device in site.devices.values() {
            let class = &device.profile.class;
            if rules.applies_to(index, device) && counts(&site.standard, rule, row, class) {
                let about = ConditionOf {
                    device: device.id.clone(),
                    class: class.as_str().to_owned(),
                    rule: rule.id.clone(),
                    standard: row.clone(),
                };
                counted.push((alarm_id(&rule.id, Some(&device.id)), about));
            }
        }
    }
    counted
}

/// Whether a ticket of that row means that a device of the class does not work. Where no row is the class's own its general faults
/// count; but a rule for every class watches the gateway's own sight, and what cannot be seen is unknown, not down.
fn counts(standard: &Standard, rule: &Rule, row: &str, class: &Class) -> bool {
    let is_of_class = |row: &model::Deadlines| row.class.as_ref() == Some(class);
    ROWS_OF_EVERY_CLASS.contains(&row)
        || standard.deadlines.get(row).is_some_and(is_of_class)
        || (row == ROW_OF_THE_REST && rule.class.is_some() && !standard.deadlines.values().any(is_of_class))
}

impl Keeper {
    /// Begins a run: every condition is unknown until it is read.
    pub(super) fn begin_sight(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let mut conditions = Conditions::default();
        let of_rules = counted_conditions(&self.desk.site, &self.desk.rules);
        for (alarm, about) in of_rules.into_iter().chain(commanded_conditions(&self.desk.site)) {
            conditions.keep(alarm, about);
        }
        let alarms = &self.state.alarms;
        let goes_on =
            |alarm: &str| conditions.has(alarm) && alarms.get(alarm).is_some_and(|alarm| alarm.is_active());
        let lasting = self.desk.records.begin_run(now, goes_on)?;
        lasting.iter().for_each(|span| conditions.apply(span));

        let mut draft = ConditionsDraft::new(&conditions);
        for alarm in conditions.alarms() {
            draft.known(alarm, false, now);
            if alarms.get(alarm).is_some_and(|alarm| alarm.is_active()) {
                draft.raised(alarm, now);
            }
        }
        let change = Change {
            spans: draft.finish(),
            ..Change::default()
        };
        self.desk.records.commit(&change)?;
        self.state.conditions = conditions;
        self.state.apply(&change);
        self.beat = Beat::begun(now);
        Ok(())
    }

    /// Writes twice a minute that the gateway is looking.
    pub(super) fn beat(&mut self, now: Timestamp) {
        if !self.beat.is_due(now) {
            return;
        }
        self.seen(now);
        if let Some(settled) = self.beat.forgetting.is_due(Instant::now(), now)
            && let Err(error) = self.desk.records.forget_old(settled)
        {
            warn!(%error, "what is too old for any report could not be removed; it is tried again in an hour");
        }
    }

    /// Writes that the gateway is looking now.
    pub(super) fn seen(&mut self, now: Timestamp) {
        match self.desk.records.seen(self.beat.run_since, now) {
            Ok(()) => (self.beat.seen_at, self.beat.failing) = (now, false),
            Err(error) => {
                if !self.beat.failing {
                    warn!(%error, "that the gateway is looking could not be stored; availability will show it as unknown");
                }
                self.beat.failing = true;
            }
        }
    }
}

/// When it was last written that the gateway is looking, and since when it has been.
pub(super) struct Beat {
    run_since: Timestamp,
    seen_at: Timestamp,
    tried_at: Timestamp,
    failing: bool,
    forgetting: Forgetting,
}

/// When what is too old was forgotten last.
struct Forgetting {
    clock: SettledClock,
    done_at: Option<Instant>,
}

impl Forgetting {
    /// Whether it is time for it, and by which clock: never by one that has not settled.
    fn is_due(&mut self, steady: Instant, now: Timestamp) -> Option<Timestamp> {
        let settled = self.clock.look(steady, now)?;
        if (self.done_at).is_some_and(|done_at| steady.duration_since(done_at) < FORGET_EVERY) {
            return None;
        }
        self.done_at = Some(steady);
        Some(settled)
    }
}

impl Beat {
    /// A run begins, and that is written.
    pub(super) fn begun(now: Timestamp) -> Self {
        Self {
            run_since: now,
            seen_at: now,
            tried_at: now,
            failing: false,
            forgetting: Forgetting {
                clock: SettledClock::new(Instant::now(), now),
                done_at: None,
            },
        }
    }

    /// Whether it is time to write it again: twice a minute, and while that fails every second. After a gap a new run begins.
    fn is_due(&mut self, now: Timestamp) -> bool {
        // A clock that was set back has passed no time, and must not stop the beat until it has caught up.
        let is_within = |since: Timestamp, span| {
            let passed = now.duration_since(since);
            SignedDuration::ZERO <= passed && passed < span
        };
        if is_within(self.seen_at, BEAT) || (self.failing && is_within(self.tried_at, TRIED_AGAIN)) {
            return false;
        }
        if !is_within(self.seen_at, LONGEST_BEAT) {
            self.run_since = now;
        }
        self.tried_at = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_classs_own_faults_make_it_unavailable_and_the_gateways_own_sight_does_not() {
        let loading = model::load(&model::Folder::demo(), []);
        let (rules, faults) = rules::load(&loading.site);
        assert_eq!(faults, []);
        let counted = counted_conditions(&loading.site, &rules);
        let rows_of = |class: &str| {
            let rows = counted.iter().filter(|(_, about)| about.class == class);
            rows.map(|(_, about)| about.standard.as_str())
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(
            rows_of("fire_water").into_iter().collect::<Vec<_>>(),
            ["fire-water", "urgent-repair"]
        );
        assert!(!rows_of("power").contains("general-fault"));
        assert_eq!(
            rows_of("low_current").into_iter().collect::<Vec<_>>(),
            ["general-fault"]
        );
        let sight: Vec<_> = rules.iter().filter(|(_, rule)| rule.class.is_none()).collect();
        assert!(!sight.is_empty());
        for (_, rule) in sight {
            assert!(counted.iter().all(|(_, about)| about.rule != rule.id));
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    /// The seconds at which a beat is due, and the run that it is in; writing works or not.
    fn beats(beat: &mut Beat, seconds: impl IntoIterator<Item = i64>, works: bool) -> Vec<(i64, i64)> {
        let mut beats = Vec::new();
        for second in seconds {
            if beat.is_due(at(second)) {
                let run = beat.run_since.duration_since(at(0)).as_secs();
                beats.push((second, run));
                if works {
                    (beat.seen_at, beat.failing) = (at(second), false);
                } else {
                    beat.failing = true;
                }
            }
        }
        beats
    }

    #[test]
    fn what_is_too_old_is_forgotten_every_hour_by_a_clock_that_nobody_has_set_for_one() {
        let (steady, minutes) = (Instant::now(), |minutes: u64| Duration::from_secs(minutes * 60));
        let mut forgetting = Forgetting {
            clock: SettledClock::new(steady, at(0)),
            done_at: None,
        };
        let mut is_due = |passed, ahead| {
            let now = at(0) + minutes(passed) + minutes(ahead);
            forgetting.is_due(steady + minutes(passed), now).is_some()
        };
        let year = 60 * 24 * 365;
        let seen = [
            is_due(59, 0),
            is_due(60, 0),
            is_due(119, 0),
            is_due(120, 0),
            is_due(180, year),
            is_due(239, year),
            is_due(240, year),
        ];
        assert_eq!(seen, [false, true, false, true, false, false, true]);
    }

    #[test]
    fn that_the_gateway_looks_is_written_twice_a_minute() {
        let mut beat = Beat::begun(at(0));
        assert_eq!(beats(&mut beat, 1..100, true), [(30, 0), (60, 0), (90, 0)]);
    }

    #[test]
    fn a_gap_and_a_clock_that_is_set_back_begin_a_new_run() {
        let mut beat = Beat::begun(at(0));
        assert_eq!(beats(&mut beat, [89], true), [(89, 0)]);
        assert_eq!(beats(&mut beat, [200, 230], true), [(200, 200), (230, 200)]);
        assert_eq!(beats(&mut beat, [100, 101, 130], true), [(100, 100), (130, 100)]);
    }

    #[test]
    fn while_it_cannot_be_written_it_is_tried_every_second_and_a_long_while_is_a_gap() {
        let mut beat = Beat::begun(at(0));
        assert_eq!(beats(&mut beat, 30..33, false), [(30, 0), (31, 0), (32, 0)]);
        assert_eq!(beats(&mut beat, [33], true), [(33, 0)]);
        assert_eq!(beats(&mut beat, 34..200, false).len(), 137);
        assert_eq!(beats(&mut beat, [200], true), [(200, 200)]);
    }
}
