//! What is too old for any report is forgotten, in `records.db`.

use jiff::{SignedDuration, Timestamp};

use super::StoreError;
use super::database::nanoseconds;
use super::records::Records;

/// Stretches and runs that ended before so long are forgotten, and meters' days: three years of quarters stay.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 366 * 3);

impl Records {
    /// Forgets what is too old, by a clock that has settled: what a wrong one removes does not come back.
    ///
    /// # Errors
    /// It could not be written; nothing of it is.
    pub fn forget_old(&mut self, settled: Timestamp) -> Result<(), StoreError> {
        let oldest = settled.saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
        let (at, day) = (nanoseconds(oldest), oldest.strftime("%Y-%m-%d").to_string());
        self.database.transact(|transaction| {
            transaction.execute("DELETE FROM conditions WHERE until < ?1", [at])?;
            transaction.execute("DELETE FROM runs WHERE seen_at < ?1", [at])?;
            transaction.execute("DELETE FROM meter_days WHERE day < ?1", [day])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::date;

    use super::*;
    use crate::alarms::{ConditionOf, ConditionSpan, SpanKind};
    use crate::desk::Change;
    use crate::meters::MeterReading;
    use crate::report::testing::at;

    const KEPT_SECONDS: i64 = 24 * 366 * 3 * 3_600;

    #[test]
    fn a_start_by_a_clock_that_is_years_ahead_forgets_nothing_and_a_settled_one_what_is_too_old() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        records.begin_run(at(0), |_| true).unwrap();
        records.seen(at(0), at(60)).unwrap();
        let span = |rule: &str, until| ConditionSpan {
            alarm: format!("fire-main-1.{rule}"),
            about: ConditionOf {
                device: "fire-main-1".into(),
                class: "fire_water".into(),
                rule: rule.into(),
                standard: "fire-water".into(),
            },
            kind: SpanKind::Active,
            since: at(0),
            until: Some(at(until)),
        };
        let change = Change {
            spans: vec![span("old", 60), span("young", 90)],
            ..Change::default()
        };
        records.commit(&change).unwrap();
        records.begin_run(at(10 * KEPT_SECONDS), |_| true).unwrap();
        let reader = records.reader().unwrap();
        let kept = || {
            let found = reader.conditions(at(0), at(99)).unwrap();
            (found.len(), reader.runs(at(0), at(99)).unwrap().len())
        };
        assert_eq!(kept(), (2, 1));
        records.forget_old(at(KEPT_SECONDS + 60)).unwrap();
        assert_eq!(kept(), (2, 1));
        records.forget_old(at(KEPT_SECONDS + 61)).unwrap();
        assert_eq!(kept(), (1, 0));
    }

    #[test]
    fn a_meter_that_says_it_is_2106_takes_no_other_meters_days() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        let reading = |device: &str, day, at: &str| MeterReading {
            device: device.into(),
            point: "energy".into(),
            day,
            at: at.parse().unwrap(),
            value: 7.0,
            wraps_at: vec![10_000.0],
        };
        let read_at = "2026-11-01T10:00:00Z";
        records
            .add_meter_readings(&[reading("meter-1", date(2026, 11, 1), read_at)])
            .unwrap();
        let wrong = reading("meter-2", date(2106, 2, 7), "2106-02-07T06:28:15Z");
        records.add_meter_readings(&[wrong]).unwrap();
        let reader = records.reader().unwrap();
        let days = || {
            let days = reader.meter_days(date(2026, 11, 1), date(2026, 11, 30));
            days.unwrap().len()
        };
        assert_eq!(days(), 1);
        let later = |days: u64| {
            let read_at: Timestamp = read_at.parse().unwrap();
            read_at + KEPT + Duration::from_secs(days * 86_400)
        };
        records.forget_old(later(0)).unwrap();
        assert_eq!(days(), 1);
        records.forget_old(later(1)).unwrap();
        assert_eq!(days(), 0);
    }
}
