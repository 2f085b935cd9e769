//! When the system's clock was set, in `records.db`: the mark on what was recorded before.

use jiff::{SignedDuration, Timestamp};
use rusqlite::params;

use super::StoreError;
use super::database::{nanoseconds, timestamp};
use super::records::{Records, RecordsReader};

/// So many of the newest are kept: one that is set more often has no use for marks.
const MOST_KEPT: u32 = 200;

/// The system's clock was set while the gateway ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// The first moment that the clock told before: the gateway's start, or what it was set to the time before.
    pub since: Timestamp,
    /// The last: times from `since` to here are of the clock that was then set.
    pub until: Timestamp,
    /// What it was set to.
    pub set_to: Timestamp,
}

impl ClockStep {
    /// By how much it was set: above zero, it had been behind what it was set to.
    pub fn by(&self) -> SignedDuration {
        self.set_to.duration_since(self.until)
    }

    /// Whether a moment is among those that the clock told before it was set.
    pub fn covers(&self, at: Timestamp) -> bool {
        (self.since..=self.until).contains(&at)
    }
}

impl Records {
    /// Keeps a step.
    ///
    /// # Errors
    /// It could not be written.
    pub fn clock_was_set(&mut self, step: ClockStep) -> Result<(), StoreError> {
        self.database.transact(|transaction| {
            transaction.execute(
                "INSERT INTO clock_steps (since, until, set_to) VALUES (?1, ?2, ?3)",
                [step.since, step.until, step.set_to].map(nanoseconds),
            )?;
            transaction.execute(
                "DELETE FROM clock_steps WHERE number <= (SELECT max(number) FROM clock_steps) - ?1",
                [MOST_KEPT],
            )
        })?;
        Ok(())
    }
}

impl RecordsReader {
    /// The steps before which the clock told any moment from `from` to `to`, newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn clock_steps(&self, from: Timestamp, to: Timestamp) -> Result<Vec<ClockStep>, StoreError> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT since, until, set_to FROM clock_steps WHERE since <= ?2 AND until >= ?1 ORDER BY number DESC",
                )?
                .query_map(params![nanoseconds(from), nanoseconds(to)], |row| {
                    Ok(ClockStep {
                        since: timestamp(row.get(0)?),
                        until: timestamp(row.get(1)?),
                        set_to: timestamp(row.get(2)?),
                    })
                })?
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_step_marks_the_times_before_it_and_only_the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = Records::open(folder.path()).unwrap();
        let step = |second: i64| ClockStep {
            since: at(second),
            until: at(second + 5),
            set_to: at(second + 3_600),
        };
        records.clock_was_set(step(0)).unwrap();
        records.clock_was_set(step(100)).unwrap();
        let reader = records.reader().unwrap();
        assert_eq!(reader.clock_steps(at(0), at(100)).unwrap(), [step(100), step(0)]);
        assert_eq!(reader.clock_steps(at(6), at(99)).unwrap(), []);
        assert!(step(0).covers(at(5)) && !step(0).covers(at(6)));
        assert_eq!(step(0).by(), SignedDuration::from_secs(3_595));
        for second in 0..i64::from(MOST_KEPT) {
            records.clock_was_set(step(second)).unwrap();
        }
        let all = reader.clock_steps(Timestamp::MIN, Timestamp::MAX).unwrap();
        assert_eq!(all.len(), MOST_KEPT as usize);
    }
}
