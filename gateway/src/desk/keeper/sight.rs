//! Which conditions availability is worked out from, and the keeping of when anybody was looking at them.

use jiff::{SignedDuration, Timestamp};
use model::{Class, Site, Standard};
use rules::{Rule, Rules};
use tracing::warn;

use super::Keeper;
use crate::alarms::{ConditionOf, Conditions, ConditionsDraft};
use crate::desk::draft::{Change, alarm_id};
use crate::store::StoreError;

/// How often it is written that the gateway is looking: what a power cut leaves unknown is at most so much longer.
const BEAT: SignedDuration = SignedDuration::from_secs(30);
/// A gap between two beats that is longer than this was spent not looking: a suspended machine, a clock that was set, a full disk.
pub const LONGEST_BEAT: SignedDuration = SignedDuration::from_secs(90);

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
        for (alarm, about) in counted_conditions(&self.desk.site, &self.desk.rules) {
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
        (self.run_since, self.seen_at) = (now, now);
        Ok(())
    }

    /// Writes twice a minute that the gateway is looking; after a gap, that it had not been.
    pub(super) fn beat(&mut self, now: Timestamp) {
        let since = now.duration_since(self.seen_at);
        if SignedDuration::ZERO <= since && since < BEAT {
            return;
        }
        if since < SignedDuration::ZERO || since > LONGEST_BEAT {
            self.run_since = now;
        }
        self.seen(now);
    }

    /// Writes that the gateway is looking now.
    pub(super) fn seen(&mut self, now: Timestamp) {
        // One that cannot be written is tried again at once: as a full disk lasts, what follows it becomes a gap by itself.
        match self.desk.records.seen(self.run_since, now) {
            Ok(()) => self.seen_at = now,
            Err(error) if !self.failing => {
                warn!(%error, "that the gateway is looking could not be stored; availability will show it as unknown");
            }
            Err(_) => {}
        }
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
}
