//! One point's history over a stretch of time, as fine as it is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use model::Reading;
use rusqlite::{Connection, OptionalExtension, params};

use super::device_slot::times_of;
use super::minutes::{MINUTE_NANOSECONDS, Minutes};
use super::reader::{Grain, Piece, Recorded, column_of, slots_of};
use super::recent::{self, sort_newest_last};
use super::summary::Summary;
use super::{SLOT_NANOSECONDS, days, hours};
use crate::store::database::timestamp;

/// One series of a device, over a stretch.
pub(super) struct PointHistory<'connection> {
    pub(super) connection: &'connection Connection,
    pub(super) device: i64,
    pub(super) series: u32,
    pub(super) from: i64,
    pub(super) to: i64,
}

impl PointHistory<'_> {
    /// Tells it piece by piece, oldest first, until no more is wanted.
    pub(super) fn each(&self, grain: Grain, mut take: impl FnMut(Piece) -> bool) -> rusqlite::Result<()> {
        let recent: BTreeSet<i64> = recent::slots(self.connection)?.into_iter().collect();
        let (first, last) = slots_of(self.from, self.to);
        // Hours are told where no readings are left: before those of the newest days, and between what came late and these.
        let mut untold = self.whole_hours();
        for (slot, is_packed) in self.slots(first, last, &recent)? {
            let mut said = Vec::new();
            if recent.contains(&slot) {
                said = recent::of_series(self.connection, slot, self.device, self.series)?;
            }
            if !is_packed && said.is_empty() {
                // Only other devices have said something then.
                continue;
            }
            let hour = slot.div_euclid(hours::SLOTS);
            if !self.hours(untold.start..hour.min(untold.end), grain, &mut take)? {
                return Ok(());
            }
            untold.start = untold.start.max(hour.saturating_add(1));
            let begins = slot.saturating_mul(SLOT_NANOSECONDS);
            let is_whole = self.from <= begins && begins.saturating_add(SLOT_NANOSECONDS) <= self.to;
            let goes_on = if is_whole && said.is_empty() && grain.takes(begins, SLOT_NANOSECONDS) {
                match self.summary(slot)? {
                    Some(summary) => take(Piece::Stretch(timestamp(begins), summary)),
                    None => true,
                }
            } else {
                match grain {
                    Grain::Within(every) => self.intervals(slot, said, every, &mut take)?,
                    Grain::Readings => {
                        let mut readings = self.readings(slot, said, self.from..self.to)?.into_iter();
                        readings.all(|(at, reading)| take(piece(at, reading)))
                    }
                }
            };
            if !goes_on {
                return Ok(());
            }
        }
        self.hours(untold, grain, &mut take)?;
        Ok(())
    }

    /// The readings of a slot that lie in a stretch, with those that are not packed yet.
    fn readings(
        &self,
        slot: i64,
        mut said: Vec<(i64, Reading)>,
        stretch: Range<i64>,
    ) -> rusqlite::Result<Vec<(i64, Reading)>> {
        let mut readings = self.packed(slot, &stretch)?;
        said.retain(|(at, _)| stretch.contains(at));
        readings.append(&mut said);
        sort_newest_last(&mut readings);
        Ok(readings)
    }

    /// Tells a slot by intervals: by its minutes where they are kept and lie within one, by its readings otherwise; whether more is
    /// wanted.
    fn intervals(
        &self,
        slot: i64,
        said: Vec<(i64, Reading)>,
        every: i64,
        take: &mut impl FnMut(Piece) -> bool,
    ) -> rusqlite::Result<bool> {
        let minutes = if said.is_empty() && every >= MINUTE_NANOSECONDS {
            self.minutes(slot)?
        } else {
            None
        };
        let Some(minutes) = minutes else {
            let readings = self.readings(slot, said, self.from..self.to)?;
            return Ok(by_intervals(&readings, every, take));
        };
        let begins = slot.saturating_mul(SLOT_NANOSECONDS);
        let minutes: Vec<(Range<i64>, Summary)> = (0..)
            .map(|minute: i64| begins.saturating_add(minute * MINUTE_NANOSECONDS))
            .map(|begins| begins..begins.saturating_add(MINUTE_NANOSECONDS))
            .zip(minutes.0)
            .filter_map(|(stretch, minute)| Some((stretch, minute?)))
            .collect();
        let is_told_whole = |(stretch, minute): &(Range<i64>, Summary)| {
            self.from <= stretch.start
                && stretch.end <= self.to
                && Grain::Within(every).takes(stretch.start, MINUTE_NANOSECONDS)
                // One good reading is told itself: a state is no number then.
                && minute.count != 1
        };
        // From the first minute that needs its readings to the last: a column is read from its beginning, and no further than it must be.
        let mut parted = minutes
            .iter()
            .filter(|minute| !is_told_whole(minute))
            .map(|(stretch, _)| stretch);
        let readings = match (parted.next(), parted.next_back()) {
            (None, _) => Vec::new(),
            (Some(first), last) => {
                let last = last.unwrap_or(first);
                let stretch = self.from.max(first.start)..self.to.min(last.end);
                self.readings(slot, Vec::new(), stretch)?
            }
        };
        for minute in minutes {
            let goes_on = if is_told_whole(&minute) {
                take(Piece::Stretch(timestamp(minute.0.start), minute.1))
            } else {
                let first = readings.partition_point(|(at, _)| *at < minute.0.start);
                let after = readings.partition_point(|(at, _)| *at < minute.0.end);
                by_intervals(readings.get(first..after).unwrap_or_default(), every, take)
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The minutes of a slot, if they are kept.
    fn minutes(&self, slot: i64) -> rusqlite::Result<Option<Minutes>> {
        let minutes = self
            .connection
            .prepare_cached("SELECT minutes FROM blocks WHERE slot = ?1 AND series = ?2")?
            .query_row(params![slot, self.series], |row| {
                Ok(row.get_ref(0)?.as_blob().ok().and_then(Minutes::unpack))
            })
            .optional()?;
        Ok(minutes.flatten())
    }

    /// The slots in which the device has anything packed, and those that have rows, of any device; whether the device's are packed.
    fn slots(&self, first: i64, last: i64, recent: &BTreeSet<i64>) -> rusqlite::Result<BTreeMap<i64, bool>> {
        let mut slots: BTreeMap<i64, bool> = recent.range(first..=last).map(|slot| (*slot, false)).collect();
        let mut packed = self
            .connection
            .prepare_cached("SELECT slot FROM times WHERE device = ?1 AND slot >= ?2 AND slot <= ?3")?;
        let packed = packed.query_map(params![self.device, first, last], |row| row.get::<_, i64>(0))?;
        for slot in packed {
            slots.insert(slot?, true);
        }
        Ok(slots)
    }

    /// The hours that lie in the stretch from their beginning to their end.
    fn whole_hours(&self) -> Range<i64> {
        let hour = hours::HOUR_NANOSECONDS;
        self.from.div_euclid(hour) + i64::from(self.from.rem_euclid(hour) > 0)..self.to.div_euclid(hour)
    }

    /// Tells hours, and days of them together; whether more is wanted.
    fn hours(
        &self,
        stretch: Range<i64>,
        grain: Grain,
        take: &mut impl FnMut(Piece) -> bool,
    ) -> rusqlite::Result<bool> {
        if grain == Grain::Readings || stretch.is_empty() {
            return Ok(true);
        }
        let hour = hours::HOUR_NANOSECONDS;
        let takes = |number: i64, count: i64| grain.takes(number.saturating_mul(hour), count * hour);
        let takes_day = |number| takes(number, days::HOURS);
        let tell = |(number, count, summary): hours::Told| {
            let begins = timestamp(number.saturating_mul(hour));
            !takes(number, count) || take(Piece::Stretch(begins, summary))
        };
        hours::each(self.connection, self.series, stretch, takes_day, tell)
    }

    fn summary(&self, slot: i64) -> rusqlite::Result<Option<Summary>> {
        self.connection
            .prepare_cached(
                "SELECT count, sum, low, high, quality FROM blocks WHERE slot = ?1 AND series = ?2",
            )?
            .query_row(params![slot, self.series], |row| Summary::of_row(row, 0))
            .optional()
    }

    fn packed(&self, slot: i64, stretch: &Range<i64>) -> rusqlite::Result<Vec<(i64, Reading)>> {
        let Some(times) = times_of(self.connection, self.device, slot)? else {
            return Ok(Vec::new());
        };
        let first = times.partition_point(|at| *at < stretch.start);
        let after = times.partition_point(|at| *at < stretch.end);
        let column = column_of(self.connection, slot, self.series, times.len(), after)?;
        let mut readings = Vec::with_capacity(after.saturating_sub(first));
        let there = times.into_iter().zip(column).skip(first);
        readings.extend(there.filter_map(|(at, reading)| Some((at, reading?))));
        Ok(readings)
    }
}

fn piece(at: i64, reading: Reading) -> Piece {
    Piece::Reading(Recorded {
        at: timestamp(at),
        reading,
    })
}

/// Tells what readings say interval by interval; whether more is wanted. Where only one of an interval is good it is told itself: a state
/// is no number then.
fn by_intervals(readings: &[(i64, Reading)], every: i64, take: &mut impl FnMut(Piece) -> bool) -> bool {
    let every = every.max(1);
    let mut rest = readings;
    while let Some((first, _)) = rest.first() {
        let begins = first.div_euclid(every).saturating_mul(every);
        let end = begins.saturating_add(every);
        let count = rest.partition_point(|(at, _)| *at < end).max(1);
        let (interval, after) = rest.split_at(count);
        rest = after;
        let mut good = interval.iter().filter(|(_, reading)| reading.is_good());
        let told = match (good.next(), good.next()) {
            (Some((at, reading)), None) => piece(*at, reading.clone()),
            _ => Piece::Stretch(
                timestamp(begins),
                Summary::of(interval.iter().map(|(_, reading)| reading)),
            ),
        };
        if !take(told) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Missing, Value};

    fn told(readings: &[(i64, Reading)]) -> Vec<Piece> {
        let mut told = Vec::new();
        by_intervals(readings, 10, &mut |piece| {
            told.push(piece);
            true
        });
        told
    }

    #[test]
    fn an_interval_is_told_together_and_the_only_good_reading_of_one_by_itself() {
        let number = |number: f64| Reading::Good(Value::Number(number));
        let on = || Reading::Good(Value::Bool(true));
        let missing = || Reading::Missing(Missing::NoAnswer);
        let pieces = told(&[
            (-3, number(1.0)),
            (-1, number(3.0)),
            (4, missing()),
            (5, on()),
            (9, missing()),
            (20, missing()),
            (29, missing()),
            (30, on()),
        ]);
        let [
            Piece::Stretch(first_at, first),
            Piece::Reading(second),
            Piece::Stretch(_, third),
            Piece::Reading(fourth),
        ] = pieces.as_slice()
        else {
            panic!("{pieces:?}")
        };
        assert_eq!((*first_at, first.mean()), (timestamp(-10), Some(2.0)));
        assert_eq!((second.at, &second.reading), (timestamp(5), &on()));
        assert_eq!((third.count, third.quality), (0, 2));
        assert_eq!(fourth.at, timestamp(30));
    }

    #[test]
    fn nothing_more_is_told_when_nothing_more_is_wanted() {
        let readings = [3, 13, 23].map(|at| (at, Reading::Good(Value::Number(1.0))));
        let mut count = 0;
        let goes_on = by_intervals(&readings, 10, &mut |_| {
            count += 1;
            count < 2
        });
        assert_eq!((count, goes_on), (2, false));
    }
}
