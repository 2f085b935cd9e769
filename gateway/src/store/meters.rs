//! What meters counted, in `records.db`: each reading is added to its day in one transaction.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{OptionalExtension, Transaction, params};

use super::StoreError;
use super::database::{nanoseconds, timestamp};
use super::records::{Records, RecordsReader};
use crate::device_record::REPLACED;
use crate::meters::{Counted, MeterDay, MeterReading, Register};

/// Where a meter's register stood when it was read last.
struct Stood {
    register: Register,
    at: i64,
}

impl Records {
    /// Adds what meters counted since they were read last to their days.
    ///
    /// # Errors
    /// It could not be written; then it is counted with the next reading.
    pub fn add_meter_readings(&mut self, readings: &[MeterReading]) -> Result<(), StoreError> {
        self.database.transact(|transaction| {
            for reading in readings {
                add(transaction, reading)?;
            }
            Ok(())
        })
    }
}

fn add(transaction: &Transaction<'_>, reading: &MeterReading) -> rusqlite::Result<()> {
    let MeterReading { device, point, .. } = reading;
    let stood = transaction
        .prepare_cached(
            "SELECT last, last_at, before_fall FROM meter_days WHERE device = ?1 AND point = ?2 AND day <= ?3
             ORDER BY day DESC LIMIT 1",
        )?
        .query_row(params![device, point, reading.day.to_string()], |row| {
            Ok(Stood {
                register: Register {
                    last: row.get(0)?,
                    before_fall: row.get(2)?,
                },
                at: row.get(1)?,
            })
        })
        .optional()?;
    let at = nanoseconds(reading.at);
    let (mut register, since) = match stood {
        Some(stood) => (stood.register, stood.at),
        None => (Register::begun(reading.value), at),
    };
    let first = register.last;
    let replaced = transaction
        .prepare_cached(
            "SELECT 1 FROM device_entries WHERE device = ?1 AND kind = ?2 AND at > ?3 AND at <= ?4",
        )?
        .exists(params![device, REPLACED, since, at])?;
    let Counted { amount, resets } = register.take(reading.value, &reading.wraps_at, replaced);
    transaction
        .prepare_cached(
            "INSERT INTO meter_days (device, point, day, counted, first, first_at, last, last_at, resets, before_fall)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, max(0, ?9), ?10)
             ON CONFLICT (device, point, day) DO UPDATE SET counted = counted + ?4, last = ?7, last_at = ?8,
                 resets = max(0, resets + ?9), before_fall = ?10",
        )?
        .execute(params![
            device,
            point,
            reading.day.to_string(),
            amount,
            first,
            since,
            register.last,
            at,
            resets,
            register.before_fall
        ])?;
    Ok(())
}

impl RecordsReader {
    /// What meters counted from one day to another, both included: by device, point and day.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn meter_days(&self, from: Date, to: Date) -> Result<Vec<MeterDay>, StoreError> {
        type Row = (String, String, String, f64, [f64; 2], [Timestamp; 2], u32);
        let rows: Vec<Row> = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT device, point, day, counted, first, last, first_at, last_at, resets FROM meter_days
                     WHERE day BETWEEN ?1 AND ?2 ORDER BY device, point, day",
                )?
                .query_map([from.to_string(), to.to_string()], |row| {
                    Ok((
                        row.get(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        [row.get(4)?, row.get(5)?],
                        [timestamp(row.get(6)?), timestamp(row.get(7)?)],
                        row.get(8)?,
                    ))
                })?
                .collect()
        })?;
        rows.into_iter()
            .map(|(device, point, day, counted, stood, at, resets)| {
                let day = day.parse();
                let day = day.map_err(|error| self.database.unreadable("a meter's day", error))?;
                let ([first, last], [first_at, last_at]) = (stood, at);
                Ok(MeterDay {
                    device,
                    point,
                    day,
                    counted,
                    first: (first, first_at),
                    last: (last, last_at),
                    resets,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::at;
    use crate::store::DeviceEntry;
    use jiff::civil::date;

    fn reading(day: i8, hour: i64, value: f64) -> MeterReading {
        MeterReading {
            device: "meter-1".into(),
            point: "energy".into(),
            day: date(2026, 11, day),
            at: at((i64::from(day) * 24 + hour) * 3_600),
            value,
            wraps_at: vec![10_000.0],
        }
    }

    fn counted(records: &Records) -> Vec<(i8, f64, u32)> {
        let reader = records.reader().unwrap();
        let days = reader.meter_days(date(2026, 11, 1), date(2026, 11, 30)).unwrap();
        days.into_iter()
            .map(|day| (day.day.day(), day.counted, day.resets))
            .collect()
    }

    #[test]
    fn each_day_has_what_its_meter_counted_over_restarts_and_roll_overs() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        records
            .add_meter_readings(&[reading(1, 10, 9_900.0), reading(1, 20, 9_950.0)])
            .unwrap();
        drop(records);
        let mut records = Records::open(folder.path()).unwrap();
        records
            .add_meter_readings(&[reading(2, 1, 9_990.0), reading(2, 9, 30.0)])
            .unwrap();
        assert_eq!(counted(&records), [(1, 50.0, 0), (2, 80.0, 0)]);
        let days = records
            .reader()
            .unwrap()
            .meter_days(date(2026, 11, 2), date(2026, 11, 2))
            .unwrap();
        assert_eq!((days[0].first, days[0].last.0), ((9_950.0, at(44 * 3_600)), 30.0));
    }

    #[test]
    fn a_meter_that_a_person_says_was_replaced_begins_anew_and_that_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        records.add_meter_readings(&[reading(1, 10, 1_200.0)]).unwrap();
        let entry = DeviceEntry {
            number: 0,
            device: "meter-1".into(),
            at: reading(1, 12, 0.0).at,
            kind: REPLACED.into(),
            by: "Li".into(),
            body: serde_json::json!({ "note": "worn out" }),
        };
        records.add_device_entry(entry).unwrap();
        records
            .add_meter_readings(&[reading(1, 13, 5_000.0), reading(1, 14, 5_007.0)])
            .unwrap();
        assert_eq!(counted(&records), [(1, 7.0, 1)]);
    }
}
